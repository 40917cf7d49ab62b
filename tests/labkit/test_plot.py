"""Pictures of measurements: well-formed, escaped, and readable as text."""

import xml.etree.ElementTree as ET

import pytest

from labkit import plot
from labkit.display import View
from labkit.errors import PictureError


def words(view: View) -> list[str]:
    return [text.strip() for text in ET.fromstring(view.html).itertext() if text.strip()]


def test_bars_are_as_long_as_their_values() -> None:
    view = plot.bars({"<join>": 8, "key": 2}, "ms", title="p50 & p99")
    assert {"<join>", "8 ms", "key", "2 ms", "p50 & p99"} <= set(words(view))
    root = ET.fromstring(view.html)
    longer, shorter = (float(each.get("width", 0)) for each in root.iter() if each.get("height") == "19")
    assert longer / shorter == pytest.approx(4, rel=0.01)
    assert repr(view).splitlines()[1].split() == ["<join>", "█" * 24, "8", "ms"]


def test_a_logarithmic_bar_says_so() -> None:
    view = plot.bars({"one": 1, "thousand": 1000}, log=True, title="t")
    assert "t (each tenfold equally wide)" in words(view)
    with pytest.raises(PictureError, match="above 0"):
        plot.bars({"none": 0}, log=True)


def test_lines_and_their_limit() -> None:
    view = plot.lines({"p99": [(0, 1), (10, 4)]}, x="s", y="ms", title="latency", limit=3)
    assert {"p99", "s", "ms", "latency", "10"} <= set(words(view))
    assert 'stroke-dasharray="5 4"' in view.html
    assert "p99  0 s: 1 ms → 10 s: 4 ms" in repr(view)


def test_the_darkest_cell_is_the_fullest() -> None:
    view = plot.heat({"partition 1": [0, 5], "partition 2": [10, 0]}, unit="writes", x="seconds")
    assert "darkest: 10 writes" in words(view)
    assert repr(view).splitlines()[0].startswith("partition 1   ▒")
    assert view.html.count('fill-opacity="1.00"') == 1


def test_a_timeline_has_its_lanes() -> None:
    pieces: dict[str, list[tuple[float, float, str, str]]] = {
        "writer": [(0, 3, "good", "orders"), (3, 3.5, "bad", "refused")],
        "calls": [(3, 3, "wire", "failover")],
    }
    view = plot.timeline(pieces, title="a failover")
    assert {"writer", "orders", "refused", "calls", "failover"} <= set(words(view))
    assert "writer  3 s  0.5 s  refused" in repr(view)


@pytest.mark.parametrize("draw", [plot.bars, plot.lines, plot.heat, plot.timeline])
def test_nothing_is_not_drawn(draw: object) -> None:
    assert callable(draw)
    with pytest.raises(PictureError):
        draw({})


def test_a_grid_has_a_cell_for_every_column() -> None:
    view = plot.grid(
        {"joins": [2, 0], "ms": ["1.5", "–"], "keys": [1, 2]}, columns=["SQL", "<key>"], title="t"
    )
    assert {"SQL", "<key>", "joins", "1.5", "–", "t"} <= set(words(view))
    assert view.html.count("<circle") == 4
    assert repr(view).splitlines()[2].split() == ["joins", "●", "○"]
    assert repr(view).splitlines()[4].split() == ["keys", "◐", "●"]
    with pytest.raises(PictureError, match="a cell for every column"):
        plot.grid({"joins": [2]}, columns=["SQL", "key"])


def test_pictures_beside_each_other_keep_their_words() -> None:
    both = plot.beside(plot.bars({"a": 1}, title="left", width=400), plot.bars({"b": 2}, title="right"))
    assert {"left", "right", "a", "b"} <= set(words(both))
    assert 'viewBox="0 0 400 ' in both.html
    assert repr(both).splitlines()[0] == "left"
