"""The store of metrics: one SQLite file beside the journal, bounded in time.

Points are kept by the second for three hours, then by the minute for 15 days, and then dropped (AWS goes on
with five minutes and an hour; GetMetricStatistics). A point is in the file before its call is answered.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from localaws.cloudwatch.measure import Dimensions
from localaws.cloudwatch.points import Point, Spread, merged

FINE_SECONDS = 3 * 3600
KEPT_SECONDS = 15 * 86400
LISTED_SECONDS = 14 * 86400
"""How long ListMetrics names a metric after its last point."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS metric (
    id INTEGER PRIMARY KEY, account TEXT, region TEXT, namespace TEXT, name TEXT, dimensions TEXT,
    last INTEGER,
    UNIQUE (account, region, namespace, name, dimensions)
);
CREATE TABLE IF NOT EXISTS point (
    metric INTEGER, second INTEGER, unit TEXT, count REAL, total REAL, low REAL, high REAL, spread TEXT,
    PRIMARY KEY (metric, second, unit)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS point_second ON point (second);
"""
ADD_METRIC = """
INSERT INTO metric (account, region, namespace, name, dimensions, last) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET last = max(last, excluded.last) RETURNING id
"""
ADD_POINT = "INSERT OR REPLACE INTO point VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
READ_POINT = "SELECT second, unit, count, total, low, high, spread FROM point"


@dataclass(frozen=True)
class Metric:
    """What identifies a metric in one account and Region."""

    account_id: str
    region: str
    namespace: str
    name: str
    dimensions: Dimensions

    def key(self) -> tuple[str, str, str, str, str]:
        """The metric as the store names it: the order of dimensions does not matter."""
        pairs = json.dumps(sorted(self.dimensions))
        return self.account_id, self.region, self.namespace, self.name, pairs


class MetricStore:
    """Adds, reads and forgets points; any thread may call it."""

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.Lock()
        self._file = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self._file.execute("PRAGMA journal_mode = WAL")
        # a killed process loses nothing; only a crash of the machine may cost the last points
        self._file.execute("PRAGMA synchronous = NORMAL")
        self._file.executescript(SCHEMA)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()

    def add(self, points: Iterable[tuple[Metric, Point]]) -> None:
        """Store points, all or none; points of the same second and unit become one."""
        with self._lock, self._file:
            self._file.execute("BEGIN")
            for metric, point in points:
                row = self._file.execute(ADD_METRIC, (*metric.key(), point.second)).fetchone()
                self._put(int(row[0]), point)

    def _put(self, metric: int, point: Point) -> None:
        where = " WHERE metric = ? AND second = ? AND unit = ?"
        known = self._file.execute(READ_POINT + where, (metric, point.second, point.unit)).fetchone()
        whole = merged([_point(known), point]) if known else point
        if whole is not None:
            self._file.execute(ADD_POINT, (metric, *_row(whole)))

    def points(self, metric: Metric, start: int, end: int, unit: str | None = None) -> list[Point]:
        """The points with start <= second < end, oldest first."""
        where = (
            " WHERE metric = (SELECT id FROM metric WHERE account = ? AND region = ? AND namespace = ?"
            " AND name = ? AND dimensions = ?) AND second >= ? AND second < ?"
        )
        with self._lock:
            rows = self._file.execute(READ_POINT + where, (*metric.key(), start, end)).fetchall()
        found = [_point(row) for row in rows]
        return [point for point in found if unit is None or point.unit == unit]

    def metrics(
        self, account_id: str, region: str, since: int, namespace: str | None = None, name: str | None = None
    ) -> Iterator[Metric]:
        """The metrics of which a point is not older than `since`."""
        sql = (
            "SELECT namespace, name, dimensions FROM metric WHERE account = ? AND region = ? AND last >= ?"
            " AND namespace = coalesce(?, namespace) AND name = coalesce(?, name) ORDER BY id"
        )
        with self._lock:
            rows = self._file.execute(sql, (account_id, region, since, namespace, name)).fetchall()
        for found, title, pairs in rows:
            dimensions = tuple((str(key), str(value)) for key, value in json.loads(pairs))
            yield Metric(account_id, region, found, title, dimensions)

    def forget(self, account_id: str, region: str) -> None:
        """Drop everything of one account and Region."""
        with self._lock, self._file:
            which = "SELECT id FROM metric WHERE account = ? AND region = ?"
            self._file.execute("BEGIN")
            self._file.execute(f"DELETE FROM point WHERE metric IN ({which})", (account_id, region))
            self._file.execute("DELETE FROM metric WHERE account = ? AND region = ?", (account_id, region))

    def compact(self, now: int) -> None:
        """Put old points together by the minute, and drop the oldest."""
        with self._lock, self._file:
            self._file.execute("BEGIN")
            self._file.execute("DELETE FROM point WHERE second < ?", (now - KEPT_SECONDS,))
            self._file.execute("DELETE FROM metric WHERE last < ?", (now - KEPT_SECONDS,))
            limit = (now - FINE_SECONDS) // 60 * 60
            sql = "SELECT metric, second, unit, count, total, low, high, spread FROM point"
            where = " WHERE second < ? AND second % 60 != 0"
            for metric, *row in self._file.execute(sql + where, (limit,)).fetchall():
                old = _point(row)
                self._file.execute(
                    "DELETE FROM point WHERE metric = ? AND second = ? AND unit = ?",
                    (metric, old.second, old.unit),
                )
                self._put(metric, replace(old, second=old.second // 60 * 60))


def _row(point: Point) -> tuple[int, str, float, float, float, float, str | None]:
    single = point.spread is not None and len(point.spread) == 1
    spread = None if point.spread is None or single else json.dumps(point.spread)
    return point.second, point.unit, point.count, point.total, point.low, point.high, spread


def _point(row: Iterable[object]) -> Point:
    second, unit, count, total, low, high, text = row
    values: Spread | None = None
    if text is not None:
        values = tuple((float(value), float(times)) for value, times in json.loads(str(text)))
    elif low == high:
        values = ((float(low), float(count)),)  # type: ignore[arg-type]
    return Point(second, unit, count, total, low, high, values)  # type: ignore[arg-type]
