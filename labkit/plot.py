"""Pictures of what was measured: bars, lines, a heat map, a timeline and a grid, as SVG and as text."""

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape

from labkit.chart import COLOURS, scale, short
from labkit.display import View, text_table
from labkit.errors import PictureError
from labkit.prediction import amount
from labkit.svg import document, dot, measure, text

_WIDTH, _MARGIN, _HEAD = 760.0, 16.0, 36.0
_BAR, _NAME, _VALUE = 26.0, 190.0, 110.0
_PLOT, _FOOT, _AXIS = 240.0, 44.0, 60.0
_CELL, _SHADES = 26.0, 6
_LANE = 34.0
_ROOM, _ROW = 236.0, 30.0

Points = Sequence[tuple[float, float]]


def bars(
    values: Mapping[str, float],
    unit: str = "",
    *,
    title: str = "",
    log: bool = False,
    width: float = _WIDTH,
) -> View:
    """One bar for each name, in the order given; `log` draws each tenfold equally far apart."""
    named = {str(name): float(value) for name, value in values.items()}
    if not named or (log and min(named.values()) <= 0):
        raise PictureError("bars() needs at least one value, and with log=True only values above 0.")
    shares = _logarithms(named) if log else _shares(named)
    room = width - _NAME - _VALUE - 2 * _MARGIN
    parts = []
    for row, (name, value) in enumerate(named.items()):
        y = _HEAD + row * _BAR
        long = max(2.0, room * shares[name])
        parts.append(text(_MARGIN + _NAME - 8, y + 17, name, anchor="end", room=_NAME - 8))
        parts.append(
            f'<rect x="{_MARGIN + _NAME:g}" y="{y + 3:g}" width="{long:.1f}" height="19" rx="3" '
            f'fill="{COLOURS[row % len(COLOURS)]}"/>'
        )
        parts.append(text(_MARGIN + _NAME + long + 8, y + 17, amount(value, unit)))
    rows = [
        (name, "█" * max(1, round(24 * shares[name])), amount(value, unit)) for name, value in named.items()
    ]
    scaled = f"{title} (each tenfold equally wide)" if log and title else title
    return _view(scaled, _HEAD + len(named) * _BAR + 12, parts, text_table(rows), width)


def lines(
    series: Mapping[str, Points], *, x: str = "", y: str = "", title: str = "", limit: float | None = None
) -> View:
    """One line for each name through its (x, y) points; `limit` is a value drawn across."""
    known = {str(name): [(float(a), float(b)) for a, b in points] for name, points in series.items()}
    flat = [point for points in known.values() for point in points]
    if not flat:
        raise PictureError("lines() needs at least one point.")
    tops = [b for _, b in flat] + ([] if limit is None else [limit])
    across, up = scale(min(a for a, _ in flat), max(a for a, _ in flat)), scale(min(0.0, *tops), max(tops))
    bottom, right = _HEAD + _PLOT, _WIDTH - _MARGIN

    def place(a: float, b: float) -> tuple[float, float]:
        return (
            _AXIS + (right - _AXIS) * (a - across[0]) / (across[-1] - across[0]),
            bottom - _PLOT * (b - up[0]) / (up[-1] - up[0]),
        )

    parts = []
    for tick in up:
        level = place(across[0], tick)[1]
        parts.append(_rule(_AXIS, level, right))
        parts.append(text(_AXIS - 6, level + 3.5, short(tick), size=10, colour="soft", anchor="end"))
    for tick in across:
        parts.append(
            text(place(tick, up[0])[0], bottom + 14, short(tick), size=10, colour="soft", anchor="middle")
        )
    if limit is not None:
        level = place(across[0], limit)[1]
        parts.append(_rule(_AXIS, level, right, colour="bad", dash="5 4"))
    for number, points in enumerate(known.values()):
        path = "L".join("{:.1f} {:.1f}".format(*place(*point)) for point in points)
        colour = COLOURS[number % len(COLOURS)]
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
        parts += [dot(*place(*point), colour, 2.2) for point in points if len(points) <= 40]
    parts += _legend(list(known), bottom + 34)
    parts.append(text(right, bottom + 28, x, size=11, colour="soft", anchor="end"))
    parts.append(text(_AXIS + 6, _HEAD + 14, y, size=11, colour="soft"))
    rows = [(name, _span(points, x, y)) for name, points in known.items()]
    return _view(title, bottom + _FOOT, parts, text_table(rows))


def heat(table: Mapping[str, Sequence[float]], *, title: str = "", unit: str = "", x: str = "") -> View:
    """A row of cells for each name, the darker the more; e.g. partitions by second."""
    rows = {str(name): [float(value) for value in values] for name, values in table.items()}
    columns = max((len(values) for values in rows.values()), default=0)
    if not columns:
        raise PictureError("heat() needs at least one value.")
    most = max(value for values in rows.values() for value in values) or 1.0
    size = min(_CELL, (_WIDTH - _NAME - 2 * _MARGIN) / columns)
    parts = []
    for number, (name, values) in enumerate(rows.items()):
        top = _HEAD + number * _CELL
        parts.append(text(_MARGIN + _NAME - 8, top + 17, name, anchor="end", room=_NAME - 8, size=11))
        for column, value in enumerate(values):
            place = _MARGIN + _NAME + column * size
            parts.append(
                f'<rect x="{place:.1f}" y="{top + 2:g}" width="{max(size - 2, 1):.1f}" '
                f'height="{_CELL - 4:g}" rx="2" fill="#c2570c" '
                f'fill-opacity="{0.06 + 0.94 * value / most:.2f}">'
                f"<title>{amount(value, unit)}</title></rect>"
            )
    bottom = _HEAD + len(rows) * _CELL
    parts.append(text(_MARGIN + _NAME, bottom + 16, x, size=11, colour="soft"))
    parts.append(
        text(
            _WIDTH - _MARGIN,
            bottom + 16,
            f"darkest: {amount(most, unit)}",
            size=11,
            colour="soft",
            anchor="end",
        )
    )
    shades = " ░▒▓█"
    words = [
        (name, "".join(shades[math.ceil(4 * value / most)] for value in values), amount(sum(values), unit))
        for name, values in rows.items()
    ]
    return _view(title, bottom + 28, parts, text_table(words))


def timeline(
    lanes: Mapping[str, Sequence[tuple[float, float, str, str]]], *, title: str = "", unit: str = "s"
) -> View:
    """A lane for each name with its (start, end, colour, words); where start is end, a moment.

    Colours are `good`, `busy`, `bad`, `line` or #rrggbb.
    """
    flat = [piece for pieces in lanes.values() for piece in pieces]
    if not flat:
        raise PictureError("timeline() needs at least one piece.")
    ticks = scale(min(piece[0] for piece in flat), max(piece[1] for piece in flat))
    left, right = _MARGIN + _NAME, _WIDTH - _MARGIN
    bottom = _HEAD + len(lanes) * _LANE

    def place(moment: float) -> float:
        return left + (right - left) * (moment - ticks[0]) / (ticks[-1] - ticks[0])

    parts = []
    for tick in ticks:
        parts.append(
            f'<path d="M{place(tick):.1f} {_HEAD - 4:g}V{bottom:g}" stroke-width="0.6" '
            'style="stroke:var(--line)"/>'
        )
        parts.append(
            text(place(tick), bottom + 14, amount(tick, unit), size=10, colour="soft", anchor="middle")
        )
    for number, (name, pieces) in enumerate(lanes.items()):
        top = _HEAD + number * _LANE
        parts.append(text(left - 8, top + 20, name, anchor="end", room=_NAME - 8))
        parts += [_piece(place, top, piece, right) for piece in pieces]
    rows = [
        (name, amount(start, unit), "" if start == end else amount(end - start, unit), words)
        for name, pieces in lanes.items()
        for start, end, _, words in pieces
    ]
    return _view(title, bottom + 26, parts, text_table([("what", "at", "for", ""), *rows]))


def grid(table: Mapping[str, Sequence[int | str]], *, columns: Sequence[str], title: str = "") -> View:
    """A row of cells for each name: 0, 1 and 2 are an empty, a half and a full circle; text stays text."""
    if not table or any(len(cells) != len(columns) for cells in table.values()):
        raise PictureError("grid() needs at least one row, and in each row a cell for every column.")
    wide = (_WIDTH - _ROOM - _MARGIN) / len(columns)
    centres = [_ROOM + wide * (number + 0.5) for number in range(len(columns))]
    parts = [
        text(x, _HEAD + 16, name, size=11, weight=600, anchor="middle", room=wide)
        for x, name in zip(centres, columns, strict=True)
    ]
    for number, (name, cells) in enumerate(table.items(), start=1):
        y = _HEAD + number * _ROW
        parts.append(_rule(_MARGIN, y - 6, _WIDTH - _MARGIN))
        parts.append(text(_MARGIN, y + 13, name, room=_ROOM - _MARGIN))
        for x, cell in zip(centres, cells, strict=True):
            if isinstance(cell, str):
                parts.append(text(x, y + 13, cell, size=12, anchor="middle", room=wide - 4))
            else:
                parts.append(_circle(x, y + 9, cell))
    words = [("", *columns)]
    words += [
        (name, *(cell if isinstance(cell, str) else "○◐●"[cell] for cell in cells))
        for name, cells in table.items()
    ]
    return _view(title, _HEAD + (len(table) + 1) * _ROW, parts, text_table(words))


def beside(*views: View) -> View:
    """The pictures side by side where there is room."""
    cells = "".join(f'<div style="flex:0 1 auto">{view.html}</div>' for view in views)
    return View(
        html=f'<div style="display:flex;flex-wrap:wrap;gap:8px">{cells}</div>',
        text="\n".join(view.text for view in views),
    )


def _circle(x: float, y: float, share: int) -> str:
    ring = f'<circle cx="{x:.1f}" cy="{y:g}" r="8" fill="none" stroke="{COLOURS[0]}" stroke-width="1.4"/>'
    if share == 0:
        return ring
    if share > 1:
        return f'<circle cx="{x:.1f}" cy="{y:g}" r="8" fill="{COLOURS[0]}"/>'
    return f'{ring}<path d="M{x:.1f} {y - 8:g}A8 8 0 0 0 {x:.1f} {y + 8:g}Z" fill="{COLOURS[0]}"/>'


def _piece(
    place: Callable[[float], float], top: float, piece: tuple[float, float, str, str], right: float
) -> str:
    start, end, colour, words = piece
    x = place(start)
    paint = colour if colour.startswith("#") else f"var(--{colour})"
    if start == end:
        return dot(x, top + 16, colour, 5) + _beside(x + 9, top + 20, words, right)
    width = max(place(end) - x, 2.0)
    bar = f'<rect x="{x:.1f}" y="{top + 6:g}" width="{width:.1f}" height="20" rx="3" style="fill:{paint}"/>'
    if measure(words, 11) + 10 <= width:
        return (
            bar + f'<text x="{x + 6:.1f}" y="{top + 20:g}" font-size="11" fill="#fff">{escape(words)}</text>'
        )
    return bar + _beside(x + width + 6, top + 20, words, right)


def _beside(x: float, y: float, words: str, right: float) -> str:
    if x + measure(words, 11) > right:
        return text(x - 16, y, words, size=11, anchor="end")
    return text(x, y, words, size=11)


def _shares(values: Mapping[str, float]) -> dict[str, float]:
    most = max(abs(value) for value in values.values()) or 1.0
    return {name: abs(value) / most for name, value in values.items()}


def _logarithms(values: Mapping[str, float]) -> dict[str, float]:
    low = math.floor(math.log10(min(values.values())))
    high = math.log10(max(values.values()))
    return {name: (math.log10(value) - low + 0.05) / (high - low + 0.05) for name, value in values.items()}


def _rule(left: float, y: float, right: float, *, colour: str = "line", dash: str = "") -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<path d="M{left:g} {y:.1f}H{right:g}" stroke-width="{1.2 if dash else 0.6}"{dashed} '
        f'style="stroke:var(--{colour})"/>'
    )


def _legend(names: Sequence[str], y: float) -> list[str]:
    parts, x = [], _AXIS
    for number, name in enumerate(names):
        parts += [dot(x, y, COLOURS[number % len(COLOURS)], 4), text(x + 9, y + 4, name, size=11)]
        x += measure(name, 11) + 30
    return parts


def _span(points: Points, x: str, y: str) -> str:
    (first, low), (last, high) = points[0], points[-1]
    if len(points) == 1:
        return f"{amount(first, x)}: {amount(low, y)}"
    return f"{amount(first, x)}: {amount(low, y)} → {amount(last, x)}: {amount(high, y)}"


def _view(title: str, height: float, parts: Sequence[str], words: str, width: float = _WIDTH) -> View:
    body = text(_MARGIN, 22, title, size=14, weight=600, room=width - 2 * _MARGIN) + "".join(parts)
    said = f"{title}\n{words}" if title else words
    return View(html=document(width, height, body, title=title or "picture", description=said), text=said)
