"""A line chart in a box: time, values, and the lines that a value must not cross."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from labkit.layout import Box
from labkit.svg import dot, text

COLOURS = ("#2f7ed8", "#d9730d", "#2e9e5b", "#b04ac2", "#c9403f", "#0f97a6", "#9a7b16", "#6b6fd6")
_LEFT, _RIGHT, _TOP, _BOTTOM, _ROW = 58, 14, 8, 20, 16
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True)
class Line:
    """Values over time with a name."""

    label: str
    points: tuple[tuple[datetime, float], ...]
    colour: str


@dataclass(frozen=True)
class Limit:
    """A horizontal line."""

    label: str
    value: float


def short(value: float) -> str:
    """A number in a few characters."""
    for size, unit in _UNITS:
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def scale(lowest: float, highest: float) -> list[float]:
    """Round values that include both ends, three to six of them."""
    span = highest - lowest or abs(highest) or 1.0
    magnitude = 10 ** math.floor(math.log10(span / 4))
    step = next(each * magnitude for each in _STEPS if each * magnitude >= span / 4)
    first = math.floor(lowest / step)
    count = max(math.ceil(highest / step - 1e-9) - first, 1)
    return [(first + number) * step for number in range(count + 1)]


def chart(box: Box, lines: Sequence[Line], limits: Sequence[Limit], start: datetime, end: datetime) -> str:
    """Draw the lines into the box, with a legend below."""
    rows = math.ceil(len(lines) / 2)
    height = box.height - _TOP - _BOTTOM - rows * _ROW
    plot = Box(box.x + _LEFT, box.y + _TOP, box.width - _LEFT - _RIGHT, height)
    values = [value for line in lines for _, value in line.points] + [limit.value for limit in limits]
    ticks = scale(min(0.0, *values), max(0.0, *values)) if values else [0.0, 1.0]
    frame = _Frame(plot, ticks[0], ticks[-1], start, end)
    parts = [_rule(frame, tick) for tick in ticks] + [_times(frame)]
    parts += [_line(frame, line) for line in lines]
    parts += [_limit(frame, limit) for limit in limits]
    if not any(line.points for line in lines):
        middle = plot.x + plot.width / 2, plot.y + plot.height / 2
        parts.append(text(*middle, "no data", colour="soft", anchor="middle"))
    legend = plot.bottom + _BOTTOM
    parts += [_name(box, legend, number, line) for number, line in enumerate(lines)]
    return "".join(parts)


@dataclass(frozen=True)
class _Frame:
    plot: Box
    low: float
    high: float
    start: datetime
    end: datetime

    def x(self, moment: datetime) -> float:
        """Where a time is."""
        share = (moment - self.start) / (self.end - self.start)
        return self.plot.x + self.plot.width * min(max(share, 0.0), 1.0)

    def y(self, value: float) -> float:
        """Where a value is."""
        return self.plot.bottom - self.plot.height * (value - self.low) / (self.high - self.low)


def _rule(frame: _Frame, tick: float) -> str:
    y = frame.y(tick)
    return (
        f'<path d="M{frame.plot.x:g} {y:g}H{frame.plot.right:g}" stroke-width="0.6" '
        'style="stroke:var(--line)"/>'
        + text(frame.plot.x - 6, y + 3.5, short(tick), size=10, colour="soft", anchor="end")
    )


def _times(frame: _Frame) -> str:
    y = frame.plot.bottom + 14
    return text(frame.plot.x, y, f"{frame.start:%H:%M:%S}", size=10, colour="soft") + text(
        frame.plot.right, y, f"{frame.end:%H:%M:%S} UTC", size=10, colour="soft", anchor="end"
    )


def _line(frame: _Frame, line: Line) -> str:
    places = [(frame.x(moment), frame.y(value)) for moment, value in line.points]
    if len(places) == 1:
        return dot(*places[0], line.colour, 2.5)
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    return f'<path d="M{path}" fill="none" stroke="{line.colour}" stroke-width="1.6"/>' if path else ""


def _limit(frame: _Frame, limit: Limit) -> str:
    y = frame.y(limit.value)
    return (
        f'<path d="M{frame.plot.x:g} {y:g}H{frame.plot.right:g}" stroke-width="1.2" stroke-dasharray="5 4" '
        'style="stroke:var(--bad)"/>'
    ) + text(frame.plot.right, y - 4, limit.label, size=10, colour="bad", anchor="end", room=frame.plot.width)


def _name(box: Box, y: float, number: int, line: Line) -> str:
    x, row = box.x + 12 + (number % 2) * box.width / 2, y + (number // 2) * _ROW + 8
    return dot(x, row, line.colour, 3.5) + text(
        x + 9, row + 3.5, line.label, size=10.5, room=box.width / 2 - 30
    )
