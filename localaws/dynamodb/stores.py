"""The stores of all tables of an account, one SQLite database each, and transactions over several of them.

A transaction is written to `transactions.sqlite` of its Region (its statements, and the client's token), and
that commit decides: what follows, the commits of the tables, is repeated by the next start or the next writer
when it was interrupted. A table remembers the transactions that it has carried out, so none runs twice.
Whoever reads or writes several tables at once holds all their writers' locks, in one order.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from localaws.dynamodb.intents import Intents, Outcome
from localaws.dynamodb.store import TableStore

if TYPE_CHECKING:
    from localaws.dynamodb.records import Step
    from localaws.dynamodb.schema import TableSchema

SUFFIXES = ("", "-wal", "-shm", "-journal")


class Stores:
    """`<root>/<account>/<region>/<TableId>.sqlite`, opened at first use; safe for threads."""

    def __init__(self, root: Path, *, durable: bool = True) -> None:
        self.root = root
        self._durable = durable
        self._lock = threading.RLock()
        self._completing = threading.RLock()
        self._open: dict[tuple[str, str, str], TableStore] = {}
        self._intents: dict[tuple[str, str], Intents] = {}

    def path(self, account: str, region: str, table_id: str) -> Path:
        """Return the file of a table's store."""
        return self.root / account / region / f"{table_id}.sqlite"

    def create(self, account: str, region: str, schema: TableSchema) -> TableStore:
        """Make the store of a new table with its indexes; one that exists is opened."""
        path = self.path(account, region, schema.id)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        store = self._opened(account, region, schema.id, path)
        store.adopt(schema)
        return store

    def open(self, account: str, region: str, table_id: str) -> TableStore:
        """Return the store of a table; FileNotFoundError when there is none."""
        known = self._open.get((account, region, table_id))
        if known is not None:
            return known
        path = self.path(account, region, table_id)
        if not path.exists():
            raise FileNotFoundError(path)
        return self._opened(account, region, table_id, path)

    def _opened(self, account: str, region: str, table_id: str, path: Path) -> TableStore:
        with self._lock:
            self.intents(account, region)
            key = (account, region, table_id)
            if key not in self._open:
                self._open[key] = TableStore(path, durable=self._durable)
            return self._open[key]

    def remove(self, account: str, region: str, table_id: str) -> None:
        """Close and delete the store of a table; one that is gone is no error."""
        with self._lock:
            store = self._open.pop((account, region, table_id), None)
            _delete(self.path(account, region, table_id))
        if store is not None:
            store.close()
            _delete(store.path)

    def copy(self, account: str, region: str, table_id: str, target: Path) -> None:
        """Write a consistent copy of a table's store with its change log to `target`, 0600, at once."""
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = target.with_name(f".{target.name}.part")
        _delete(unfinished)
        self.open(account, region, table_id).copy(unfinished)
        unfinished.chmod(0o600)
        unfinished.replace(target)

    def restore(
        self, source: Path, account: str, region: str, schema: TableSchema, until: int | None = None
    ) -> TableStore:
        """Make the store of a new table from a copy, as it was at `until` (epoch microseconds).

        Its indexes are those of `schema`, its change log begins anew; an interrupted restore is begun again.
        """
        path = self.path(account, region, schema.id)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.remove(account, region, schema.id)
        unfinished = path.with_name(f".{path.name}.part")
        _delete(unfinished)
        shutil.copyfile(source, unfinished)
        unfinished.chmod(0o600)
        made = TableStore(unfinished, durable=self._durable)
        try:
            if until is not None:
                made.undo_after(replace(schema, indexes={}), until)
            made.forget_changes()
            made.adopt(schema, afresh=until is not None)
        finally:
            made.close()
        unfinished.replace(path)
        return self.open(account, region, schema.id)

    def intents(self, account: str, region: str) -> Intents:
        """Return the transactions of a Region, those that a crash interrupted completed."""
        key = (account, region)
        known = self._intents.get(key)
        if known is not None:
            return known
        with self._lock:
            if key not in self._intents:
                folder = self.root / account / region
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                made = Intents(folder / "transactions.sqlite", durable=self._durable)
                self._intents[key] = made
                self._complete(account, region)
            return self._intents[key]

    @contextmanager
    def writing(self, stores: Sequence[TableStore]) -> Iterator[None]:
        """Hold the writers' locks of several stores."""
        with ExitStack() as held:
            for store in _in_order(stores):
                held.enter_context(store.writing())
            yield

    def commit(self, account: str, region: str, work: dict[str, list[Step]], outcome: Outcome | None) -> None:
        """Carry out statements in the tables (by their ids) all or none; under `writing` of all of them."""
        intents = self.intents(account, region)
        intent = intents.begin(work, outcome)
        try:
            for table_id, statements in work.items():
                self.open(account, region, table_id).run(statements, intent)
            intents.end(intent)
        except BaseException:
            for table_id in work:
                self.open(account, region, table_id).unfinished = partial(self._complete, account, region)
            raise

    def _complete(self, account: str, region: str) -> None:
        """Finish every transaction that was decided and not carried out everywhere."""
        intents = self._intents[(account, region)]
        with self._completing:
            for intent, work in intents.pending():
                stores = [
                    (self.open(account, region, table_id), statements)
                    for table_id, statements in work.items()
                    if self.path(account, region, table_id).exists()
                ]
                with ExitStack() as held:
                    for store in _in_order([store for store, _ in stores]):
                        held.enter_context(store.lock)
                    for store, statements in stores:
                        store.run(statements, intent)
                    intents.end(intent)
                    for store, _ in stores:
                        store.unfinished = None

    def close(self) -> None:
        """Close all stores."""
        with self._lock:
            for store in self._open.values():
                store.close()
            for intents in self._intents.values():
                intents.close()
            self._open.clear()
            self._intents.clear()


def _delete(path: Path) -> None:
    for suffix in SUFFIXES:
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _in_order(stores: Sequence[TableStore]) -> list[TableStore]:
    """Return the stores in the order in which everybody locks them."""
    return sorted(set(stores), key=lambda store: store.path)
