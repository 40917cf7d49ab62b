"""A table's items, their copies in its indexes, and the log of its changes: one SQLite database.

Partition keys carry 4 bytes of their hash in front, so that the table's order is the order in which DynamoDB
scans, a segment of a parallel scan is a range of it, and a Query is a range within one partition.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from localaws.dynamodb import keys, layout
from localaws.dynamodb.keys import Place
from localaws.dynamodb.records import Edit, IndexChange, Record, Step, index_changes, projected, steps
from localaws.dynamodb.values import Item

if TYPE_CHECKING:
    from localaws.dynamodb.schema import IndexSchema, TableSchema

IDLE_READERS = 4
FIVE_YEARS = 5 * 365 * 24 * 3600


class StoreGone(Exception):
    """The table was deleted meanwhile."""


@dataclass(frozen=True)
class Change:
    """An item written (`new`), replaced (both) or deleted (`old`)."""

    old: Item | None
    new: Item | None
    user: str | None = None
    """The principal when it is a service: `dynamodb.amazonaws.com` for TTL."""


@dataclass(frozen=True)
class Logged:
    """A row of the change log; `time` in epoch microseconds, `event` is INSERT, MODIFY or REMOVE."""

    sequence: int
    time: int
    event: str
    keys: Item
    old: Item | None
    new: Item | None
    user: str | None


class Row(NamedTuple):
    """An item in the order of the table or of an index; `owner` is its place in the table."""

    place: Place
    owner: Place
    record: Record


@dataclass(frozen=True)
class Range:
    """A stretch of the table (`index` None) or of an index; bounds on places, the lower one inclusive.

    `after` is the row behind which it begins, in the direction of reading: place, and owner for an index.
    """

    index: str | None = None
    low: tuple[bytes, ...] = ()
    high: tuple[bytes, ...] = ()
    after: tuple[bytes, ...] = ()
    backwards: bool = False


class TableStore:
    """One writer at a time; readers see what was committed."""

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        self.path = path
        self._durable = durable
        self.lock = threading.RLock()
        self._closed = False
        self._idle: deque[sqlite3.Connection] = deque()
        self._writer = layout.connect(path, durable=durable)
        layout.prepare(self._writer)
        self._indexes = set(layout.indexes(self._writer))
        self._totals: dict[str | None, list[int]] = {}
        self._expiring: str | None = None
        self.unfinished: Callable[[], None] | None = None
        """Completes a transaction over several tables that failed half-way; called by the next writer."""

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the writer's lock: read, decide, then `write`."""
        while True:
            if self.unfinished is not None:
                self.unfinished()
            with self.lock:
                if self._closed:
                    raise StoreGone(self.path.stem)
                # a transaction may have failed while this one waited
                if self.unfinished is None:
                    yield
                    return

    def write(self, schema: TableSchema, changes: Sequence[Change]) -> None:
        """Carry out the changes, in the indexes and the log too, in one transaction; under `writing`."""
        edits = []
        for change in changes:
            whole = change.new or change.old
            assert whole is not None
            edits.append(
                Edit(
                    keys.place(schema.attributes, whole),
                    Record.of(change.old) if change.old else None,
                    Record.of(change.new) if change.new else None,
                    change.user,
                )
            )
        self.commit(schema, edits)

    def commit(self, schema: TableSchema, edits: Sequence[Edit]) -> None:
        """Carry out edits whose old records are those of the store; under `writing`."""
        made = [index_changes(schema, edit) if schema.indexes else [] for edit in edits]
        self.carry_out(schema, edits, made)

    def carry_out(
        self, schema: TableSchema, edits: Sequence[Edit], changes: Sequence[list[IndexChange]]
    ) -> None:
        """Carry out edits whose changes of indexes are known; under `writing`."""
        self.run(self.steps(schema, edits, changes))
        self.recount(edits, changes)

    def recount(self, edits: Sequence[Edit], changes: Sequence[list[IndexChange]]) -> None:
        """Bring the totals up to date after edits; under `writing`."""
        if not self._totals:
            return
        for edit, made in zip(edits, changes, strict=True):
            self._recount(None, edit.old, edit.new)
            for change in made:
                self._recount(change.index.name, change.old, change.new)

    def _recount(self, index: str | None, old: Record | None, new: Record | None) -> None:
        total = self._totals.get(index)
        if total is not None:
            total[0] += (new is not None) - (old is not None)
            total[1] += (new.size if new else 0) - (old.size if old else 0)

    def steps(
        self, schema: TableSchema, edits: Sequence[Edit], changes: Sequence[list[IndexChange]]
    ) -> list[Step]:
        """Return the statements of edits with their changes of indexes; under `writing`."""
        if schema.indexes:
            for index in schema.indexes.values():
                if index.name not in self._indexes and index.status != "DELETING":
                    self._make_index(index)
        now = time.time_ns() // 1000
        return [
            step for edit, made in zip(edits, changes, strict=True) for step in steps(schema, edit, made, now)
        ]

    def run(self, statements: Sequence[Step], mark: str | None = None) -> None:
        """Execute statements in one transaction; with `mark` only when it is not there yet, and leave it."""
        with self.lock:
            writer = self._writer
            if self._closed:
                raise StoreGone(self.path.stem)
            if len(statements) == 1 and mark is None:
                layout.execute(writer, statements[0], self._indexes)
            elif statements:
                self._together(statements, mark)

    def _together(self, statements: Sequence[Step], mark: str | None) -> None:
        writer = self._writer
        writer.execute("BEGIN IMMEDIATE")
        try:
            fresh = mark is None or layout.leave_mark(writer, mark)
            for statement in statements if fresh else ():
                layout.execute(writer, statement, self._indexes)
            writer.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                writer.execute("ROLLBACK")
            raise

    def current(self, place: Place) -> Record | None:
        """Return the record at a key as the writer sees it; under `writing`."""
        row = self._writer.execute(layout.GET, place).fetchone()
        return None if row is None else Record(*row)

    def fetch(self, place: Place) -> Record | None:
        """Return the record at a key."""
        with self._reader() as reader:
            row = reader.execute(layout.GET, place).fetchone()
        return None if row is None else Record(*row)

    def get(self, place: Place) -> Item | None:
        """Return the item at a key."""
        record = self.fetch(place)
        return None if record is None else record.item

    @contextmanager
    def rows(self, wanted: Range, limit: int = -1) -> Iterator[Iterator[Row]]:
        """Yield the rows of a range in order, as they were at one moment."""
        if wanted.index is not None and wanted.index not in self._indexes:
            yield iter(())
            return
        statement, bounds = layout.select(wanted)
        with self._reader() as reader:
            cursor = reader.execute(statement, (*bounds, limit))
            try:
                yield (Row((row[0], row[1]), (row[2], row[3]), Record(row[4], row[5])) for row in cursor)
            finally:
                cursor.close()

    def collection_size(self, schema: TableSchema, first: bytes) -> int:
        """Return the bytes of all items with a partition key, in the table and its local indexes."""
        names = [None, *(index.name for index in schema.indexes.values() if not index.is_global)]
        with self._reader() as reader:
            sums = (reader.execute(layout.sum_of(name), (first,)).fetchone()[0] for name in names)
            return sum(sums)

    def count(self, index: str | None = None) -> int:
        """Return how many items the table or an index holds."""
        return self._total(index)[0]

    def size(self, index: str | None = None) -> int:
        """Return their size in bytes by DynamoDB's rules (100 bytes of overhead each are not counted)."""
        return self._total(index)[1]

    def _total(self, index: str | None) -> list[int]:
        known = self._totals.get(index)
        if known is None:
            with self.writing():
                if index is not None and index not in self._indexes:
                    return [0, 0]
                # counted once, and kept up to date by the writers
                known = self._totals[index] = list(self._writer.execute(layout.total_of(index)).fetchone())
        return known

    def changes(self, after: int, limit: int) -> list[Logged]:
        """Return the logged changes with a higher sequence number, oldest first."""
        with self._reader() as reader:
            return [_logged(row) for row in reader.execute(layout.CHANGES, (after, limit))]

    def last_change(self) -> int:
        """Return the highest sequence number ever given; 0 when there was none."""
        with self._reader() as reader:
            row = reader.execute("SELECT seq FROM sqlite_sequence WHERE name = 'changes'").fetchone()
        return 0 if row is None else int(row[0])

    def trim_changes(self, before: int) -> int:
        """Forget the changes older than `before` (epoch microseconds); return how many."""
        with self.writing():
            return self._writer.execute("DELETE FROM changes WHERE at < ?", (before,)).rowcount

    def build_index(self, schema: TableSchema, index: IndexSchema, batch: int = 500) -> Iterator[int]:
        """Fill a new index; yields the number of items done after each batch, writers work in between.

        Writes keep an index up to date from the moment their schema names it.
        """
        with self.writing():
            self._make_index(index)
        last: tuple[bytes, ...] = ()
        done = 0
        while True:
            with self.writing():
                with self.rows(Range(after=last), batch) as found:
                    rows = list(found)
                self.run([step for row in rows for step in _entry(schema, index, row)])
                self._totals.pop(index.name, None)
            done += len(rows)
            if rows:
                yield done
            if len(rows) < batch:
                return
            last = rows[-1].place

    def _make_index(self, index: IndexSchema) -> None:
        layout.make_index(self._writer, index)
        self._indexes.add(index.name)

    def drop_index(self, name: str) -> None:
        """Delete an index; one that is gone is no error."""
        with self.writing():
            self._indexes.discard(name)
            layout.drop_index(self._writer, name)
            self._totals.clear()

    def adopt(self, schema: TableSchema, *, afresh: bool = False) -> None:
        """Make the indexes those of `schema`, all of them anew or only those that differ."""
        for name, definition in layout.definitions(self._writer):
            kept = schema.indexes.get(name)
            if afresh or kept is None or layout.definition(kept) != definition:
                self.drop_index(name)
        for index in schema.indexes.values():
            if index.name not in self._indexes:
                for _ in self.build_index(schema, index):
                    pass

    def undo_after(self, schema: TableSchema, time_us: int) -> None:
        """Take back every logged change later than `time_us`, newest first."""
        with self.writing():
            undone = self._writer.execute(layout.UNDO, (time_us,)).fetchall()
            quiet = replace(schema, logged=False)
            for row in undone:
                logged = _logged(row)
                place = keys.place(schema.attributes, logged.keys)
                old = Record.of(logged.old) if logged.old else None
                self.commit(quiet, [Edit(place, self.current(place), old)])
            self._writer.execute("DELETE FROM changes WHERE at > ?", (time_us,))

    def forget_changes(self) -> None:
        """Empty the change log of a copy that begins a life of its own."""
        with self.writing():
            for table in ("changes", "marks", "sqlite_sequence"):
                self._writer.execute(f"DELETE FROM {table}")

    def expired(self, attribute: str, now: int, limit: int) -> list[Item]:
        """Return items whose number `attribute` (epoch seconds) is past and at most five years old."""
        if self._expiring != attribute:
            with self.writing():
                layout.index_expiry(self._writer, attribute)
                self._expiring = attribute
        with self._reader() as reader:
            found = reader.execute(layout.expired(attribute), (now - FIVE_YEARS, now, limit))
            return [json.loads(body) for (body,) in found]

    def copy(self, target: Path) -> None:
        """Write a compact copy of the database to `target`."""
        with self._reader() as reader:
            reader.execute("VACUUM INTO ?", (str(target),))

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        try:
            reader = self._idle.pop()
        except IndexError:
            if self._closed:
                raise StoreGone(self.path.stem) from None
            try:
                reader = layout.connect(self.path, durable=self._durable, existing=True)
            except sqlite3.OperationalError:
                raise StoreGone(self.path.stem) from None
        try:
            yield reader
        finally:
            if self._closed or len(self._idle) >= IDLE_READERS:
                reader.close()
            else:
                self._idle.append(reader)

    def close(self) -> None:
        """Close all connections."""
        with self.lock:
            self._closed = True
            self._writer.close()
            while self._idle:
                self._idle.pop().close()


def _entry(schema: TableSchema, index: IndexSchema, row: Row) -> Iterable[Step]:
    place = keys.index_place(index, row.record.item)
    if place is None:
        return ()
    held = projected(schema, index, row.record)
    return (Step("index put", index.name, (*place, *row.place, held.size, held.body)),)


def _logged(row: tuple[Any, ...]) -> Logged:
    sequence, moment, event, key, old, new, user = row
    return Logged(
        sequence,
        moment,
        event,
        json.loads(key),
        json.loads(old) if old else None,
        json.loads(new) if new else None,
        user,
    )
