"""Aurora's storage as a toy: six copies in three zones, and what still works when some of them are gone.

AWS: "Amazon Aurora storage and reliability" in the Aurora user guide.
"""

import functools
from collections.abc import Iterable, Mapping
from typing import Any

from labkit.display import View
from labkit.knobs import Knobs
from labkit.svg import document, rect, text

ZONES = ("a", "b", "c")
COPIES = 6
_EACH = COPIES // len(ZONES)


def quorum(*, zones: Iterable[str] = (), copies: int = 0, write: int = 4, read: int = 3) -> Knobs:
    """Six copies of each block: lose zones and copies, choose how many must answer; begins as given."""
    start: dict[str, Any] = {"zones": tuple(zones), "copies": copies, "write": write, "read": read}
    return Knobs(picture, functools.partial(_controls, **start), **start)


def picture(*, zones: tuple[str, ...], copies: int, write: int, read: int) -> View:
    """The six copies after `zones` and then `copies` more were lost, and what the quorums still allow."""
    lost = dict.fromkeys(zones, _EACH)
    left = copies
    for zone in ZONES:
        taken = min(left, _EACH - lost.get(zone, 0))
        lost[zone] = lost.get(zone, 0) + taken
        left -= taken
    alive = COPIES - sum(lost.values())
    said = _verdicts(alive, write, read)
    body = "".join(_zone(number, zone, lost[zone]) for number, zone in enumerate(ZONES))
    body += "".join(
        text(20, 178 + 24 * row, words, colour="good" if good else "bad", weight=600)
        for row, (good, words) in enumerate(said)
    )
    title = f"{alive} of {COPIES} copies alive, writes need {write}, reads need {read}"
    words = "\n".join([title, *(("yes: " if good else "no: ") + line for good, line in said)])
    svg = document(620, 178 + 24 * len(said), text(20, 26, title, size=14, weight=600) + body,
                   title=title, description=words)  # fmt: skip
    return View(html=svg, text=words)


def _verdicts(alive: int, write: int, read: int) -> list[tuple[bool, str]]:
    return [
        (alive >= write, "writes are acknowledged" if alive >= write else f"writes wait: {alive} < {write}"),
        (alive >= read, "reads (and repair) go on" if alive >= read else f"reads stop: {alive} < {read}"),
        (
            write + read > COPIES,
            "a read quorum always holds the newest write"
            if write + read > COPIES
            else f"a read may miss the newest write: {write} + {read} ≤ {COPIES}",
        ),
        (
            2 * write > COPIES,
            "two writes cannot both win"
            if 2 * write > COPIES
            else f"two writes may both win: 2 × {write} ≤ 6",
        ),
    ]


def _zone(number: int, zone: str, lost: int) -> str:
    x = 20 + number * 196
    dark = lost == _EACH
    parts = [
        rect(x, 42, 184, 108, fill="pill" if dark else "private", stroke="line", dash="4 3" if dark else "")
    ]
    parts.append(text(x + 10, 62, f"zone {zone}", weight=600))
    for copy in range(_EACH):
        gone = copy >= _EACH - lost
        place = x + 12 + copy * 84
        parts.append(
            rect(place, 76, 76, 58, fill="none" if gone else "card", stroke="bad" if gone else "good")
        )
        words, colour = ("lost", "bad") if gone else (f"copy {number * _EACH + copy + 1}", "good")
        parts.append(text(place + 38, 110, words, colour=colour, anchor="middle"))
    return "".join(parts)


def _controls(*, zones: tuple[str, ...], copies: int, write: int, read: int) -> Mapping[str, Any]:
    import ipywidgets

    return {
        "zones": ipywidgets.SelectMultiple(value=zones, options=ZONES, rows=3, description="zones lost"),
        "copies": ipywidgets.IntSlider(value=copies, max=COPIES, description="more lost"),
        "write": ipywidgets.IntSlider(value=write, min=1, max=COPIES, description="write needs"),
        "read": ipywidgets.IntSlider(value=read, min=1, max=COPIES, description="read needs"),
    }
