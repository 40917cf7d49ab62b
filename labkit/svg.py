"""The few SVG shapes that pictures are made of, every text escaped."""

from collections.abc import Sequence
from html import escape

STYLE = """
svg.labkit{--paper:#ffffff;--ink:#1d2733;--soft:#5b6875;--line:#c3ccd5;--card:#ffffff;--public:#e8f5ec;
--private:#eaf1fb;--publicline:#3c9a5f;--privateline:#5b87c5;--vpc:#7a5cd6;--wire:#c2570c;--good:#2e9e5b;
--busy:#d9930d;--bad:#cf3c3c;--pill:#f3f5f7
;font-family:system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
"""
DARK = """{--paper:#171b21;--ink:#e6eaf0;--soft:#a3afbc;--line:#465260;--card:#222932;--public:#17291f;
--private:#18243a;--publicline:#5fc488;--privateline:#7fa8e6;--vpc:#a48cf0;--wire:#f39a55;--good:#4cc97f;
--busy:#eab649;--bad:#f07575;--pill:#2a323c}
"""
LIGHT = STYLE.split("svg.labkit", 1)[1].split("\n;font-family", 1)[0] + "}\n"
# JupyterLab's own theme wins over the browser's preference
SHEET = (
    STYLE
    + "@media (prefers-color-scheme:dark){svg.labkit"
    + DARK
    + "}\n"
    + '[data-jp-theme-light="true"] svg.labkit'
    + LIGHT
    + '[data-jp-theme-light="false"] svg.labkit'
    + DARK
)


def text(
    x: float,
    y: float,
    words: str,
    *,
    size: float = 12,
    colour: str = "ink",
    weight: int = 400,
    anchor: str = "start",
    room: float | None = None,
) -> str:
    """A line of text, cut with an ellipsis to `room` pixels (its whole form is the tooltip)."""
    # bold letters are wider
    shown = words if room is None else fitted(words, size * (1.1 if weight >= 600 else 1), room)
    tip = "" if shown == words else f"<title>{escape(words)}</title>"
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" font-weight="{weight}" text-anchor="{anchor}" '
        f'style="fill:var(--{colour})">{tip}{escape(shown)}</text>'
    )


def rect(
    x: float,
    y: float,
    width: float,
    height: float,
    *,
    fill: str = "card",
    stroke: str = "line",
    radius: float = 6,
    dash: str = "",
    thick: float = 1,
) -> str:
    """A rounded rectangle in the palette's colours."""
    paint = "none" if fill == "none" else f"var(--{fill})"
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius:g}" '
        f'stroke-width="{thick:g}"{dashed} style="fill:{paint};stroke:var(--{stroke})"/>'
    )


def dot(x: float, y: float, colour: str, radius: float = 4) -> str:
    """A filled circle; the colour is a palette name or #rrggbb."""
    paint = colour if colour.startswith("#") else f"var(--{colour})"
    return f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" style="fill:{paint}"/>'


def arrow(points: Sequence[tuple[float, float]], colour: str = "wire", radius: float = 7) -> str:
    """A line with rounded corners and a head at its end."""
    path = f"M{points[0][0]:g} {points[0][1]:g}"
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        (ax, ay), (bx, by) = _towards(corner, before, radius), _towards(corner, after, radius)
        path += f"L{ax:g} {ay:g}Q{corner[0]:g} {corner[1]:g} {bx:g} {by:g}"
    (fx, fy), (x, y) = points[-2], points[-1]
    tx, ty = _towards((x, y), (fx, fy), 7)
    px, py = (ty - y) * 0.55, (x - tx) * 0.55
    head = f"M{x:g} {y:g}L{tx + px:g} {ty + py:g}L{tx - px:g} {ty - py:g}Z"
    return (
        f'<path d="{path}L{tx:g} {ty:g}" fill="none" stroke-width="1.6" style="stroke:var(--{colour})"/>'
        f'<path d="{head}" style="fill:var(--{colour})"/>'
    )


def pill(x: float, y: float, words: str, *, colour: str = "wire", size: float = 10) -> str:
    """A small label with a background, centred on x and y."""
    width = measure(words, size) + 10
    return rect(x - width / 2, y - 8, width, 16, fill="paper", stroke=colour, radius=8) + text(
        x, y + size * 0.36, words, size=size, colour=colour, weight=600, anchor="middle"
    )


def measure(words: str, size: float) -> float:
    """About how wide the words are, in pixels."""
    return (
        sum(
            0.36 if letter in "ilj.,:;|'·()[] -tf1" else 0.86 if letter in "mwMW@" else 0.62
            for letter in words
        )
        * size
    )


def fitted(words: str, size: float, room: float) -> str:
    """The words, cut with an ellipsis where they would not fit."""
    if measure(words, size) <= room:
        return words
    while words and measure(words + "…", size) > room:
        words = words[:-1]
    return words.rstrip() + "…"


def document(width: float, height: float, body: str, *, title: str, description: str) -> str:
    """A whole SVG with its palette, a title and a description."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="labkit" role="img" aria-label="{escape(title)}" '
        f'width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}" '
        f'style="max-width:100%;height:auto">'
        f"<title>{escape(title)}</title><desc>{escape(description)}</desc><style>{SHEET}</style>"
        f"{rect(0.5, 0.5, width - 1, height - 1, fill='paper', radius=10)}{body}</svg>"
    )


def _towards(start: tuple[float, float], end: tuple[float, float], most: float) -> tuple[float, float]:
    """The point `most` pixels from start on the way to end, or halfway when that is nearer."""
    (x, y), (ex, ey) = start, end
    length = ((ex - x) ** 2 + (ey - y) ** 2) ** 0.5
    share = 0.0 if length == 0 else min(most / length, 0.5)
    return x + (ex - x) * share, y + (ey - y) * share
