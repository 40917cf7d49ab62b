"""The event history of an account: 90 days in one SQLite file."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localaws.cloudtrail.event import Event, line

DAYS = 90
_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
  sequence INTEGER PRIMARY KEY, id TEXT UNIQUE, account TEXT, region TEXT, time INTEGER, management INTEGER,
  name TEXT, source TEXT, readonly TEXT, user TEXT, key TEXT, resources TEXT, document TEXT);
CREATE INDEX IF NOT EXISTS newest ON events (account, region, time);
CREATE TABLE IF NOT EXISTS resources (kind TEXT, name TEXT, event INTEGER);
CREATE INDEX IF NOT EXISTS by_name ON resources (name);
CREATE INDEX IF NOT EXISTS by_event ON resources (event);
CREATE TABLE IF NOT EXISTS trails (arn TEXT PRIMARY KEY, done INTEGER, last INTEGER);
"""
_COLUMNS = {
    "EventId": "id",
    "EventName": "name",
    "ReadOnly": "readonly",
    "Username": "user",
    "EventSource": "source",
    "AccessKeyId": "key",
}
_RESOURCES = {"ResourceType": "kind", "ResourceName": "name"}


@dataclass(frozen=True)
class Row:
    """One stored event."""

    sequence: int
    time: int
    region: str
    user: str
    resources: str
    document: str


@dataclass(frozen=True)
class Search:
    """What `lookup_events` asks: at most one attribute, a range of epoch seconds, and where to go on."""

    account: str
    region: str
    attribute: tuple[str, str] | None
    start: int
    end: int
    before: tuple[int, int] | None
    limit: int


class Store:
    """One file (0600); safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        path.touch(mode=0o600)
        self._guard = threading.Lock()
        self._file = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute("PRAGMA synchronous = NORMAL")
        self._file.executescript(_SCHEMA)

    def add(self, events: Iterable[tuple[int, Event]]) -> None:
        """Write events with their epoch microseconds; one that is there already stays as it is."""
        with self._guard:
            self._file.execute("BEGIN")
            try:
                for time, event in events:
                    self._add(time, event)
            except BaseException:
                self._file.execute("ROLLBACK")
                raise
            self._file.execute("COMMIT")

    def _add(self, time: int, event: Event) -> None:
        document = event.document
        row = (
            document["eventID"], document["recipientAccountId"], document["awsRegion"], time,
            event.management, document["eventName"], document["eventSource"],
            str(document["readOnly"]).lower(), event.user,
            document["userIdentity"].get("accessKeyId"), line(event.resources), line(document),  # type: ignore[arg-type]
        )  # fmt: skip
        columns = "id,account,region,time,management,name,source,readonly,user,key,resources,document"
        added = self._file.execute(
            f"INSERT OR IGNORE INTO events ({columns}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", row
        )
        if added.rowcount:
            self._file.executemany(
                "INSERT INTO resources VALUES (?, ?, ?)",
                [(each["ResourceType"], each["ResourceName"], added.lastrowid) for each in event.resources],
            )

    def search(self, search: Search) -> list[Row]:
        """Return management events, the newest first."""
        where = "account = ? AND region = ? AND management AND time >= ? AND time < ?"
        values: list[Any] = [search.account, search.region, search.start * 10**6, (search.end + 1) * 10**6]
        if search.before is not None:
            where += " AND (time, sequence) < (?, ?)"
            values += search.before
        if search.attribute is not None:
            clause, value = _clause(*search.attribute)
            where += f" AND {clause}"
            values.append(value)
        return self._rows(f"{where} ORDER BY time DESC, sequence DESC LIMIT ?", [*values, search.limit])

    def after(self, sequence: int, limit: int) -> list[Row]:
        """Return events of both kinds in the order in which they were stored."""
        return self._rows("sequence > ? ORDER BY sequence LIMIT ?", [sequence, limit])

    def _rows(self, clause: str, values: list[Any]) -> list[Row]:
        query = f"SELECT sequence, time, region, user, resources, document FROM events WHERE {clause}"
        with self._guard:
            return [Row(*row) for row in self._file.execute(query, values)]

    def last(self) -> int:
        """Return the sequence number of the newest event; 0 before the first."""
        with self._guard:
            return int(self._file.execute("SELECT coalesce(max(sequence), 0) FROM events").fetchone()[0])

    def progress(self, trail: str) -> tuple[int, int] | None:
        """Return up to which event a trail has delivered, and up to which it was about to."""
        with self._guard:
            found = self._file.execute("SELECT done, last FROM trails WHERE arn = ?", [trail]).fetchone()
        return (found[0], found[1]) if found else None

    def set_progress(self, trail: str, done: int, last: int) -> None:
        """Note a trail's progress."""
        with self._guard:
            self._file.execute("INSERT OR REPLACE INTO trails VALUES (?, ?, ?)", [trail, done, last])

    def forget_trails(self, existing: Iterable[str]) -> None:
        """Drop the progress of trails that are no more."""
        kept = tuple(existing)
        marks = ",".join("?" * len(kept))
        with self._guard:
            self._file.execute(f"DELETE FROM trails WHERE arn NOT IN ({marks})", kept)

    def forget(self, before: int) -> None:
        """Drop events older than `before` (epoch microseconds), and data events that no trail waits for."""
        delivered = "sequence <= coalesce((SELECT min(done) FROM trails), sequence)"
        with self._guard:
            self._file.execute(
                f"DELETE FROM events WHERE time < ? OR (NOT management AND {delivered})", [before]
            )
            self._file.execute("DELETE FROM resources WHERE event NOT IN (SELECT sequence FROM events)")

    def close(self) -> None:
        """Close the file."""
        with self._guard:
            self._file.close()


def _clause(attribute: str, value: str) -> tuple[str, str]:
    if attribute in _RESOURCES:
        column = _RESOURCES[attribute]
        return f"sequence IN (SELECT event FROM resources WHERE {column} = ?)", value
    return f"{_COLUMNS[attribute]} = ?", value
