"""How far a task is, table by table: what DescribeTableStatistics and the metrics tell."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from localaws.dms.tables import Table

BEFORE, LOADING, COMPLETED = "Before load", "Full load", "Table completed"
CANCELLED, FAILED, RELOADING = "Table cancelled", "Table error", "Table is being reloaded"
NOT_VALIDATED = "Not enabled"


@dataclass
class TableProgress:
    """One table's figures; times are epoch seconds."""

    schema: str
    name: str
    state: str = BEFORE
    rows: int = 0
    error_rows: int = 0
    inserts: int = 0
    updates: int = 0
    deletes: int = 0
    ddls: int = 0
    applied_inserts: int = 0
    applied_updates: int = 0
    applied_deletes: int = 0
    applied_ddls: int = 0
    started: float | None = None
    ended: float | None = None
    reloaded: bool = False
    updated: float = 0.0
    reason: str = ""
    validation: str = NOT_VALIDATED
    pending: int = 0
    mismatched: int = 0
    suspended: int = 0
    details: str = ""


@dataclass
class Counters:
    """Sums of a task that only grow while it runs."""

    load_rows: int = 0
    load_bytes: int = 0
    incoming: int = 0
    applied: int = 0


@dataclass
class Facts:
    """All of it, as it is kept on the disk."""

    run: int = 0
    tables: dict[str, TableProgress] = field(default_factory=dict)
    load_started: float | None = None
    load_ended: float | None = None
    started: float | None = None
    fresh: float | None = None
    stopped: float | None = None
    position: int = 0


class Progress:
    """The figures of one task; its methods may be called from any thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._dirty = False
        self.counters = Counters()
        self.source_latency = 0.0
        self.target_latency = 0.0
        self.in_memory = 0
        self.facts = _read(path)

    def begin(self, run: int) -> None:
        """A run of the task begins; a fresh one forgets the figures of those before."""
        with self._change():
            now = time.time()
            if self.facts.run != run:
                self.facts = Facts(run=run, fresh=now)
            self.facts.started, self.facts.stopped = now, None

    def end(self) -> None:
        """The run has ended."""
        with self._change():
            self.facts.stopped = time.time()
            for each in self.facts.tables.values():
                if each.state in (LOADING, RELOADING):
                    each.state = CANCELLED
        self.save()

    def expect(self, tables: Iterable[Table], *, validate: bool) -> None:
        """Have a line for each table."""
        with self._change():
            for table in tables:
                line = self.facts.tables.setdefault(table.label, TableProgress(table.schema, table.name))
                if validate and line.validation == NOT_VALIDATED:
                    line.validation = "Pending records" if table.target_key else "No primary key"
                elif not validate:
                    line.validation = NOT_VALIDATED

    def load_begins(self) -> None:
        """The full load begins."""
        with self._change():
            self.facts.load_started = self.facts.load_started or time.time()
            self.facts.load_ended = None

    def load_ends(self) -> None:
        """All tables are loaded."""
        with self._change():
            self.facts.load_ended = time.time()

    def queue(self, table: Table, *, reload: bool) -> None:
        """A table waits for its load."""
        with self._table(table) as line:
            line.state = RELOADING if reload else BEFORE
            line.reloaded = line.reloaded or reload
            line.rows, line.started, line.ended, line.reason = 0, None, None, ""

    def loading(self, table: Table, rows: int, more: int, size: int) -> None:
        """Rows of a table were handed on."""
        with self._table(table) as line:
            if line.started is None:
                line.started = time.time()
            line.state = RELOADING if line.reloaded else LOADING
            line.rows = rows
            self.counters.load_rows += more
            self.counters.load_bytes += size

    def loaded(self, table: Table, rows: int) -> None:
        """A table is loaded."""
        with self._table(table) as line:
            line.state, line.rows, line.ended = COMPLETED, rows, time.time()

    def completed(self, table: Table) -> None:
        """A table needs no load, or was loaded before."""
        with self._table(table) as line:
            if line.state != FAILED:
                line.state = COMPLETED

    def failed(self, table: Table, reason: str) -> None:
        """A table is left out from now on."""
        with self._table(table) as line:
            line.state, line.reason, line.ended = FAILED, reason, time.time()
            line.details = reason[:255]

    def cancelled(self, table: Table) -> None:
        """A table's load was broken off."""
        with self._table(table) as line:
            line.state = CANCELLED

    def is_failed(self, label: str) -> bool:
        """Whether a table was left out."""
        line = self.facts.tables.get(label)
        return line is not None and line.state == FAILED

    def changed(
        self, label: str, inserts: int, updates: int, deletes: int, ddls: int, *, failed: int = 0
    ) -> None:
        """Changes of a table were committed at the target, apart from `failed` ones."""
        with self._change():
            line = self.facts.tables.get(label)
            if line is None:
                return
            line.inserts, line.updates = line.inserts + inserts, line.updates + updates
            line.deletes, line.ddls = line.deletes + deletes, line.ddls + ddls
            line.applied_inserts += inserts
            line.applied_updates += updates
            line.applied_deletes += deletes
            line.applied_ddls += ddls
            line.error_rows += failed
            line.updated = time.time()

    def validated(
        self, table: Table, state: str, *, pending: int = 0, mismatched: int = 0, details: str = ""
    ) -> None:
        """What the comparison of a table's rows has shown."""
        with self._table(table) as line:
            line.validation, line.pending, line.mismatched, line.details = state, pending, mismatched, details

    def moved_to(self, position: int) -> None:
        """The changes before this position are at the target."""
        with self._change():
            self.facts.position = position

    def copy(self) -> Facts:
        """Return the figures as they are now."""
        with self._lock:
            return _parse(_plain(self.facts))

    def save(self) -> None:
        """Write the figures to the disk, when they have changed."""
        with self._lock:
            if not self._dirty:
                return
            self._dirty = False
            text = json.dumps(_plain(self.facts))
        self._path.parent.mkdir(mode=0o700, exist_ok=True)
        unfinished = self._path.with_suffix(".new")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        unfinished.replace(self._path)

    def forget(self) -> None:
        """Remove them."""
        self._path.unlink(missing_ok=True)
        self._path.with_suffix(".new").unlink(missing_ok=True)

    def _change(self) -> _Change:
        return _Change(self, None)

    def _table(self, table: Table) -> _Change:
        return _Change(self, table)


class _Change:
    """A change of the figures under their lock."""

    def __init__(self, progress: Progress, table: Table | None) -> None:
        self._progress = progress
        self._table = table

    def __enter__(self) -> TableProgress:
        self._progress._lock.acquire()
        self._progress._dirty = True
        table = self._table
        if table is None:
            return _NOBODY
        new = TableProgress(table.schema, table.name)
        line = self._progress.facts.tables.setdefault(table.label, new)
        line.updated = time.time()
        return line

    def __exit__(self, *_: object) -> None:
        self._progress._lock.release()


_NOBODY = TableProgress("", "")


def _plain(facts: Facts) -> dict[str, Any]:
    return asdict(facts)


def _parse(found: dict[str, Any]) -> Facts:
    tables = {label: TableProgress(**line) for label, line in found.pop("tables").items()}
    return Facts(tables=tables, **found)


def _read(path: Path) -> Facts:
    try:
        return _parse(json.loads(path.read_text()))
    except FileNotFoundError:
        return Facts()
    except (ValueError, TypeError, KeyError):
        # figures only: what was committed is told by the target itself
        return Facts()
