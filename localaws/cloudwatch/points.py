"""Data points and the statistics over them (Amazon CloudWatch: Metrics concepts)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

Series = dict[int, float]
"""Values by the second (since 1970) at which their period begins."""
Spread = tuple[tuple[float, float], ...]
"""How often each value occurred, in ascending order of the values."""

STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
DISTINCT = 600
"""Most distinct values that one stored point keeps apart; beyond them percentiles are absent."""
_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,10})?|100)\Z")


@dataclass(frozen=True)
class Point:
    """What was measured in one second (or one minute); `spread` is None where only the sums are known."""

    second: int
    unit: str
    count: float
    total: float
    low: float
    high: float
    spread: Spread | None

    @classmethod
    def of(cls, second: int, unit: str, value: float, count: float = 1.0) -> Point:
        """A point of one value."""
        return cls(second, unit, count, value * count, value, value, ((value, count),))


def percentile_of(statistic: str) -> float | None:
    """The percentile that an extended statistic such as `p99.9` names; None when it names none."""
    match = _PERCENTILE.match(statistic)
    return float(match[1]) if match else None


def merged(points: Iterable[Point]) -> Point | None:
    """All points as one at the first one's second and unit; None when there are none."""
    found = list(points)
    if len(found) < 2:
        return found[0] if found else None
    return Point(
        second=found[0].second,
        unit=found[0].unit,
        count=sum(point.count for point in found),
        total=sum(point.total for point in found),
        low=min(point.low for point in found),
        high=max(point.high for point in found),
        spread=_spread(found),
    )


def _spread(points: list[Point]) -> Spread | None:
    counts: dict[float, float] = {}
    for point in points:
        if point.spread is None:
            return None
        for value, count in point.spread:
            counts[value] = counts.get(value, 0.0) + count
    return tuple(sorted(counts.items())) if len(counts) <= DISTINCT else None


def statistic(point: Point, name: str) -> float | None:
    """A statistic, or a percentile, of a merged point; None where it cannot be told."""
    simple = {
        "SampleCount": point.count,
        "Sum": point.total,
        "Minimum": point.low,
        "Maximum": point.high,
        "Average": point.total / point.count if point.count else None,
    }
    if name in simple:
        return simple[name]
    rank = percentile_of(name)
    return None if rank is None or point.spread is None else _percentile(point.spread, rank)


def _percentile(spread: Spread, rank: float) -> float | None:
    """The least value that at least `rank` percent of all values do not exceed."""
    wanted, reached = sum(count for _, count in spread) * rank / 100, 0.0
    for value, count in spread:
        reached += count
        if reached >= wanted:
            return value
    return spread[-1][0] if spread else None


def periods(points: Iterable[Point], start: int, period: int) -> dict[int, Point]:
    """The points of each period, merged, by the second at which it begins; `start` begins one of them."""
    groups: dict[int, list[Point]] = {}
    for point in points:
        begin = start + (point.second - start) // period * period
        groups.setdefault(begin, []).append(point)
    return {begin: whole for begin, group in sorted(groups.items()) if (whole := merged(group)) is not None}


def series(points: Iterable[Point], start: int, period: int, name: str) -> Series:
    """A statistic of each period that has points."""
    found = {begin: statistic(point, name) for begin, point in periods(points, start, period).items()}
    return {begin: value for begin, value in found.items() if value is not None}


def aligned(start: int, period: int) -> int:
    """Where the first period begins: whole minutes, or for short periods multiples of them."""
    step = period if period < 60 else 60
    return start // step * step
