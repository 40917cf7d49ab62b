"""What happened since the last look of the sampler: counted by the calls, taken away by the probe."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from dataclasses import dataclass

DISTINCT = 100
"""Most values of a metric that are told apart in one interval; further ones count as their mean."""


@dataclass(frozen=True)
class Series:
    """A metric of a table, an index of it, or an operation on it."""

    account_id: str
    region: str
    table: str | None
    name: str
    unit: str = "Count"
    index: str | None = None
    operation: str | None = None
    stream: str | None = None


class Counters:
    """Values by series; any thread may add."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: defaultdict[Series, Counter[float]] = defaultdict(Counter)

    def add(self, series: Series, value: float = 1.0) -> None:
        """Count one value."""
        with self._lock:
            self._values[series][value] += 1

    def take(self) -> dict[Series, Counter[float]]:
        """What was counted since the last time."""
        with self._lock:
            taken, self._values = self._values, defaultdict(Counter)
        return {series: _fewer(values) for series, values in taken.items()}


def _fewer(values: Counter[float]) -> Counter[float]:
    if len(values) <= DISTINCT:
        return values
    kept = Counter(dict(values.most_common(DISTINCT - 1)))
    rest = {value: times for value, times in values.items() if value not in kept}
    times = sum(rest.values())
    mean = sum(value * count for value, count in rest.items()) / times
    kept[mean] += times
    return kept


def rounded(milliseconds: float) -> float:
    """A latency to two digits, so that many requests have few values."""
    return float(f"{milliseconds:.2g}")
