"""Changes are applied in the order of the source's transactions, in groups that keep their boundaries.

AWS: "Change processing tuning settings", "Error handling task settings".
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from localaws.dms import copying
from localaws.dms.pgoutput import (
    Attribute,
    Begin,
    Change,
    Commit,
    Message,
    Relation,
    Row,
    Truncate,
    Unchanged,
)
from localaws.dms.progress import Progress
from localaws.dms.source import PostgresSource
from localaws.dms.tables import Column, Table, TableFailed, quoted
from localaws.dms.target import POSITION, PostgresTarget

GROUP_SECONDS = 0.1
GROUP_CHANGES = 5000
"""A target transaction takes up whole source transactions for this long, or until it has so many changes."""
BUFFER = 1000
MANY = 50
"""So many insertions into one table in a row are copied in bulk."""
BROKEN = (psycopg.OperationalError, psycopg.InterfaceError)


@dataclass(frozen=True, slots=True)
class Deed:
    """One statement for the target; `row` holds the values of a plain insertion."""

    table: Table
    kind: str
    statement: str
    values: tuple[str | None, ...]
    row: bool = False


@dataclass
class Shape:
    """A relation as the stream describes it now, with its table; None when the table is not moved."""

    relation: Relation
    table: Table | None
    moved: list[tuple[int, str]] = field(default_factory=list)
    """Index and target's name of each column that is moved."""
    statements: dict[Any, str] = field(default_factory=dict)


@dataclass
class Policy:
    """What the task's settings say about changes."""

    log: Callable[[str], None]
    handle_truncate: bool = True
    handle_alter: bool = True
    start_after: int = 0
    """Commit time, microseconds since 1970, before which nothing is applied."""
    stop_after: int | None = None
    """The same, after which nothing is applied."""


class Stopped(Exception):
    """A transaction lies behind the moment at which the task is to stop."""


class Applier:
    """Writes the changes of one stream to the target."""

    def __init__(
        self,
        source: PostgresSource,
        target: PostgresTarget,
        tables: list[Table],
        reached: dict[str, int],
        progress: Progress,
        policy: Policy,
    ) -> None:
        self._source = source
        self._target = target
        self._tables = {(table.schema, table.name): table for table in tables}
        self._from = {label: position for label, position in reached.items() if label != POSITION}
        self.position = reached.get(POSITION, 0)
        self._progress = progress
        self._policy = policy
        self._connection = target.connect()
        self._shapes: dict[int, Shape] = {}
        self._deeds: list[Deed] = []
        self._tally: Counter[tuple[str, str]] = Counter()
        self._failed: Counter[str] = Counter()
        self._commit: Begin | None = None
        self._skips = False
        self._end = 0
        self._size = 0
        self._since = 0.0
        self._commit_time = 0

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be committed."""
        return self._commit is None and self._end <= self.position

    @property
    def tables(self) -> dict[str, Table]:
        """The tables as they are now, by label."""
        return {table.label: table for table in self._tables.values()}

    def close(self) -> None:
        """Give up the connection; what is not committed comes again."""
        self._connection.close()

    def take(self, messages: list[Message]) -> None:
        """Apply messages; the target commits at the end of a source transaction only."""
        for message in messages:
            if isinstance(message, Change):
                self._progress.counters.incoming += 1
                if not self._skips:
                    self._change(message)
            elif isinstance(message, Begin):
                self._begin(message)
            elif isinstance(message, Commit):
                self._finish(message)
            elif isinstance(message, Relation):
                self._relation(message)
            else:
                self._truncate(message)

    def rest(self) -> None:
        """Nothing more is there at the moment: commit what is complete."""
        if self._commit is None and self._end > self.position:
            self._settle()

    def _begin(self, message: Begin) -> None:
        stop = self._policy.stop_after
        if stop is not None and message.time > stop:
            self.rest()
            raise Stopped
        self._commit = message
        # a transaction that was applied before the task ended comes once more
        self._skips = message.lsn < self.position or message.time < self._policy.start_after
        if not self._since:
            self._since = time.monotonic()

    def _finish(self, message: Commit) -> None:
        self._commit = None
        if self._skips:
            self._skips = False
            return
        self._end = message.end
        self._commit_time = message.time
        self._progress.source_latency = max(0.0, time.time() - message.time / 1e6)
        if self._size >= GROUP_CHANGES or time.monotonic() - self._since > GROUP_SECONDS:
            self._settle()

    def _settle(self) -> None:
        """Commit the group together with its position."""
        self._write()
        if self._from and all(self._end > position for position in self._from.values()):
            self._from.clear()
        self._target.note(self._connection, POSITION, self._end)
        self._connection.commit()
        self.position = self._end
        self._progress.moved_to(self._end)
        self._progress.target_latency = max(0.0, time.time() - self._commit_time / 1e6)
        self._tell()
        self._size, self._since = 0, 0.0

    def _tell(self) -> None:
        labels = {label for label, _ in self._tally}
        for label in labels:
            counts = [self._tally[label, kind] for kind in "IUDX"]
            self._progress.changed(label, *counts, failed=self._failed[label])
        self._progress.counters.applied += sum(self._tally.values())
        self._tally.clear()
        self._failed.clear()

    def _relation(self, relation: Relation) -> None:
        known = self._shapes.get(relation.oid)
        table = self._tables.get((relation.schema, relation.name))
        if table is not None and self._progress.is_failed(table.label):
            table = None
        if known is not None and known.relation == relation and known.table is table:
            return
        shape = Shape(relation, table)
        if table is not None:
            try:
                shape.table = table = self._follow(table, relation, known)
            except TableFailed as error:
                self._suspend(table, str(error))
                shape.table = table = None
        if table is not None:
            names = table.names
            shape.moved = [
                (index, names[attribute.name])
                for index, attribute in enumerate(relation.attributes)
                if attribute.name in names
            ]
        self._shapes[relation.oid] = shape

    def _follow(self, table: Table, relation: Relation, known: Shape | None) -> Table:
        """Bring the target's table to the shape that the source's has now."""
        here = {attribute.name for attribute in relation.attributes}
        before = {each.name: each for each in known.relation.attributes} if known else {}
        for attribute in relation.attributes:
            was = before.get(attribute.name)
            if was is not None and (was.type_oid, was.modifier) != (attribute.type_oid, attribute.modifier):
                raise TableFailed(
                    f"The type of column {attribute.name} of {table.label} was changed at the source. Change "
                    "it at the target too, then reload the table."
                )
        gone = [column.name for column in table.columns if column.name not in here]
        if gone:
            raise TableFailed(
                f"The column {gone[0]} of {table.label} was dropped or renamed at the source. Change the "
                "target's table too, then reload the table."
            )
        return self._add_columns(table, relation)

    def _add_columns(self, table: Table, relation: Relation) -> Table:
        known, mapped = table.names, self._map_columns(table, relation)
        new = [each for each in relation.attributes if each.name not in known and mapped.get(each.name)]
        for attribute in new:
            if not self._policy.handle_alter:
                break
            table = self._add_column(table, attribute, str(mapped[attribute.name]))
        return table

    def _map_columns(self, table: Table, relation: Relation) -> dict[str, str | None]:
        return {each.name: self._source.target_name(table, each.name) for each in relation.attributes}

    def _add_column(self, table: Table, attribute: Attribute, name: str) -> Table:
        type_name, old_rows = self._source.column_facts(table, attribute.name)
        column = Column(attribute.name, name, type_name)
        self._write()
        self._open()
        try:
            with self._connection.transaction():
                self._target.add_column(self._connection, table, column, old_rows)
        except psycopg.Error as error:
            if isinstance(error, BROKEN):
                raise
            raise TableFailed(f"The column {name} could not be added to {table.target}: {error}") from None
        self._tally[table.label, "X"] += 1
        self._policy.log(f"]I:  Column {attribute.name} of {table.label} was added at the target.")
        new = replace(table, columns=(*table.columns, column))
        self._tables[table.schema, table.name] = new
        return new

    def _suspend(self, table: Table, reason: str) -> None:
        self._progress.failed(table, reason)
        self._policy.log(f"]W:  Table {table.label} is suspended: {reason}")

    def _wanted(self, oid: int) -> Shape | None:
        """The shape of a table whose changes of this transaction are to be applied."""
        shape = self._shapes.get(oid)
        if shape is None or shape.table is None or self._commit is None:
            return None
        return None if self._commit.lsn < self._from.get(shape.table.label, 0) else shape

    def _change(self, change: Change) -> None:
        shape = self._wanted(change.oid)
        if shape is None or shape.table is None:
            return
        deed: Deed | None
        if change.kind == "I":
            deed = _insertion(shape, change)
        elif change.kind == "U":
            deed = _update(shape, change)
        else:
            deed = _deletion(shape, change)
        if deed is not None:
            self._deeds.append(deed)
            self._size += 1
            if len(self._deeds) >= BUFFER:
                self._write()

    def _truncate(self, message: Truncate) -> None:
        if self._skips or not self._policy.handle_truncate:
            return
        tables = [shape.table for shape in map(self._wanted, message.oids) if shape and shape.table]
        if tables:
            names = ", ".join(table.target for table in tables)
            self._deeds.append(Deed(tables[0], "X", f"TRUNCATE TABLE {names}", ()))
            for other in tables[1:]:
                self._tally[other.label, "X"] += 1
            self._size += 1

    def _write(self) -> None:
        """Send the deeds to the target, in the transaction that is open."""
        deeds, self._deeds = self._deeds, []
        if not deeds:
            return
        self._progress.in_memory = len(deeds)
        self._open()
        try:
            with self._connection.transaction():
                missed = self._send(deeds)
        except BROKEN:
            raise
        except (psycopg.Error, TableFailed):
            missed = self._one_by_one(deeds)
        for deed in deeds:
            self._tally[deed.table.label, deed.kind] += 1
        for deed, reason in missed:
            self._complain(deed, reason)
        self._progress.in_memory = 0

    def _open(self) -> None:
        """Be in a transaction, so that what follows are savepoints of it."""
        if self._connection.info.transaction_status == TransactionStatus.IDLE:
            self._connection.execute("SET CONSTRAINTS ALL DEFERRED")

    def _send(self, deeds: list[Deed]) -> list[tuple[Deed, str]]:
        missed: list[tuple[Deed, str]] = []
        for run in _runs(deeds):
            if run[0].row and len(run) >= MANY:
                copying.write(self._connection, run[0].statement, [b"".join(map(_line, run))])
            else:
                missed += self._pipeline(run)
        return missed

    def _pipeline(self, deeds: list[Deed]) -> list[tuple[Deed, str]]:
        with self._connection.pipeline():
            sent = [(deed, self._execute(deed)) for deed in deeds]
        return [(deed, "0 rows affected") for deed, done in sent if deed.kind == "U" and done.rowcount == 0]

    def _execute(self, deed: Deed) -> psycopg.Cursor[Any]:
        statement = _single(deed) if deed.row else deed.statement
        return self._connection.execute(statement.encode(), deed.values or None, prepare=True)

    def _one_by_one(self, deeds: list[Deed]) -> list[tuple[Deed, str]]:
        """Find the changes that the target does not take; the others are applied."""
        missed = []
        for deed in deeds:
            try:
                with self._connection.transaction():
                    done = self._execute(deed)
            except BROKEN:
                raise
            except psycopg.Error as error:
                missed.append((deed, str(error).partition("\n")[0]))
            else:
                if deed.kind == "U" and done.rowcount == 0:
                    missed.append((deed, "0 rows affected"))
        return missed

    def _complain(self, deed: Deed, reason: str) -> None:
        self._failed[deed.table.label] += 1
        names = _single(deed) if deed.row else deed.statement
        with contextlib.suppress(psycopg.DataError):
            self._target.complain(self._connection, deed.table, names, reason)
        self._policy.log(f"]W:  A change of {deed.table.label} was not applied: {reason}")


def _insertion(shape: Shape, change: Change) -> Deed:
    assert shape.table is not None
    assert change.new is not None
    values = tuple(_plain(change.new[index]) for index, _ in shape.moved)
    if "I" not in shape.statements:
        names = ", ".join(quoted(name) for _, name in shape.moved)
        shape.statements["I"] = f"COPY {shape.table.target} ({names}) FROM STDIN"
    return Deed(shape.table, "I", shape.statements["I"], values, row=True)


def _single(deed: Deed) -> str:
    """The statement that inserts one row, from the one that copies many."""
    head = deed.statement.removeprefix("COPY ").removesuffix(" FROM STDIN").replace("%", "%%")
    marks = ", ".join(["%s"] * len(deed.values))
    return f"INSERT INTO {head} OVERRIDING SYSTEM VALUE VALUES ({marks})"


def _update(shape: Shape, change: Change) -> Deed | None:
    assert shape.table is not None
    assert change.new is not None
    sent = [(index, name) for index, name in shape.moved if not isinstance(change.new[index], Unchanged)]
    condition, key = _which(shape, change.old, change.new, full=change.full)
    if not sent or condition is None:
        return None
    known = ("U", tuple(index for index, _ in sent), condition)
    if known not in shape.statements:
        pairs = ", ".join(f"{quoted(name).replace('%', '%%')} = %s" for _, name in sent)
        shape.statements[known] = f"UPDATE {_percent(shape.table.target)} SET {pairs} WHERE {condition}"
    values = tuple(_plain(change.new[index]) for index, _ in sent)
    return Deed(shape.table, "U", shape.statements[known], values + key)


def _deletion(shape: Shape, change: Change) -> Deed | None:
    assert shape.table is not None
    condition, key = _which(shape, change.old, None, full=change.full)
    if condition is None:
        return None
    known = ("D", condition)
    if known not in shape.statements:
        shape.statements[known] = f"DELETE FROM {_percent(shape.table.target)} WHERE {condition}"
    return Deed(shape.table, "D", shape.statements[known], key)


def _which(
    shape: Shape, old: Row | None, new: Row | None, *, full: bool
) -> tuple[str | None, tuple[str | None, ...]]:
    """The condition that finds the target's row, and its values: by the key, or by all columns."""
    row = old if old is not None else new
    assert row is not None
    assert shape.table is not None
    keyed = [
        (index, name)
        for index, name in shape.moved
        if (
            shape.relation.attributes[index].name in shape.table.key
            if full
            else shape.relation.attributes[index].key
        )
    ]
    needed = len(shape.table.key) if full else sum(each.key for each in shape.relation.attributes)
    if keyed and len(keyed) == needed:
        condition = " AND ".join(f"{_percent(quoted(name))} = %s" for _, name in keyed)
        return condition, tuple(_plain(row[index]) for index, _ in keyed)
    if not full:
        return None, ()
    usable = [(index, name) for index, name in shape.moved if not isinstance(row[index], Unchanged)]
    parts = " AND ".join(
        f"{_percent(quoted(name))}::text IS NOT DISTINCT FROM %s::text" for _, name in usable
    )
    target = _percent(shape.table.target)
    # of several rows that are equal in everything, one is meant
    condition = f"ctid = (SELECT ctid FROM {target} WHERE {parts} LIMIT 1)"
    return condition, tuple(_plain(row[index]) for index, _ in usable)


def _percent(text: str) -> str:
    return text.replace("%", "%%")


def _plain(value: str | Unchanged | None) -> str | None:
    assert not isinstance(value, Unchanged)
    return value


def _runs(deeds: list[Deed]) -> list[list[Deed]]:
    """Divide deeds into runs of insertions into one table, and the others between them."""
    runs: list[list[Deed]] = []
    for deed in deeds:
        kind = deed.statement if deed.row else None
        last = runs[-1][-1] if runs else None
        if last is not None and (last.statement if last.row else None) == kind:
            runs[-1].append(deed)
        else:
            runs.append([deed])
    return runs


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _line(deed: Deed) -> bytes:
    """A row in COPY's text format."""
    fields = ("\\N" if value is None else value.translate(_ESCAPES) for value in deed.values)
    return ("\t".join(fields) + "\n").encode()
