"""Full load: several tables at a time, each in one transaction together with the note that it is done."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg

from localaws.dms import copying
from localaws.dms.progress import Progress
from localaws.dms.tables import Interrupted, Table, TableFailed, quoted
from localaws.dms.target import PostgresTarget


class Reader(Protocol):
    """A connection to the source that reads tables as they were at one moment."""

    def read(self, table: Table, note: copying.Note) -> Iterator[bytes]:
        """Yield a table's rows in COPY's text format."""

    def close(self) -> None:
        """End the connection."""


@dataclass
class Loader:
    """Loads the tables of one snapshot; `position` is where in the source's WAL the snapshot was taken."""

    target: PostgresTarget
    progress: Progress
    stopping: threading.Event
    mode: str
    subtasks: int
    position: int
    log: Callable[[str], None]

    def load(self, tables: list[Table], open_reader: Callable[[], Reader], *, reload: bool = False) -> None:
        """Load all tables; Interrupted when asked to stop, psycopg's errors when a server is lost."""
        work: queue.SimpleQueue[Table] = queue.SimpleQueue()
        self.target.make_schemas(tables)
        for table in tables:
            self.progress.queue(table, reload=reload)
            work.put(table)
        readers: list[Reader] = []
        try:
            # all before the snapshot's owner ends
            for _ in range(max(1, min(self.subtasks, len(tables)))):
                readers.append(open_reader())
            self._run(work, readers, reload=reload)
        finally:
            for reader in readers:
                reader.close()

    def _run(self, work: queue.SimpleQueue[Table], readers: list[Reader], *, reload: bool) -> None:
        failures: list[BaseException] = []
        give_up = threading.Event()

        def labour(reader: Reader) -> None:
            try:
                with contextlib.closing(self.target.connect()) as connection:
                    while not give_up.is_set():
                        self._load(work.get_nowait(), reader, connection, give_up, reload=reload)
            except queue.Empty:
                return
            except BaseException as error:
                failures.append(error)
                give_up.set()

        workers = [threading.Thread(target=labour, args=(reader,), daemon=True) for reader in readers]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        if failures:
            raise next((each for each in failures if not isinstance(each, Interrupted)), failures[0])

    def _load(
        self,
        table: Table,
        reader: Reader,
        connection: psycopg.Connection[Any],
        give_up: threading.Event,
        *,
        reload: bool,
    ) -> None:
        rows = 0

        def note(more: int, size: int) -> None:
            nonlocal rows
            if self.stopping.is_set() or give_up.is_set():
                raise Interrupted
            rows += more
            self.progress.loading(table, rows, more, size)

        note(0, 0)
        begin = time.monotonic()
        try:
            self._copy(table, reader, connection, note, reload=reload)
            self.target.note(connection, table.label, self.position, rows)
            connection.commit()
        except TableFailed as error:
            self._give_up(table, connection, str(error))
        except psycopg.OperationalError:
            self.progress.cancelled(table)
            raise
        except psycopg.Error as error:
            self._give_up(table, connection, str(error).partition("\n")[0])
        except BaseException:
            self.progress.cancelled(table)
            raise
        else:
            self.progress.loaded(table, rows)
            seconds = time.monotonic() - begin
            self.log(f"]I:  Load finished for table {table.label}. {rows} rows received in {seconds:.1f} s.")

    def _copy(
        self,
        table: Table,
        reader: Reader,
        connection: psycopg.Connection[Any],
        note: copying.Note,
        *,
        reload: bool,
    ) -> None:
        keyed = self.target.make_ready(connection, table, self.mode, reload=reload)
        names = ", ".join(quoted(column.target) for column in table.columns)
        query = f"COPY {table.target} ({names}) FROM STDIN"
        with contextlib.closing(reader.read(table, note)) as portions:  # type: ignore[type-var]
            copying.write(connection, query, portions)
        if keyed:
            # the rows are unique where they come from, so the key is made at once, after them
            self.target.add_key(connection, table)

    def _give_up(self, table: Table, connection: psycopg.Connection[Any], reason: str) -> None:
        connection.rollback()
        self.progress.failed(table, reason)
        self.log(f"]E:  Table {table.label} was not loaded: {reason}")


class PostgresReader:
    """Reads tables in the snapshot that another connection has exported."""

    def __init__(self, connection: psycopg.Connection[Any], snapshot: str) -> None:
        self._connection = connection
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        connection.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'".encode())

    def read(self, table: Table, note: copying.Note) -> Iterator[bytes]:
        """Yield a table's rows."""
        names = ", ".join(quoted(column.name) for column in table.columns)
        if table.where:
            query = f"COPY (SELECT {names} FROM ONLY {table.source} WHERE {table.where}) TO STDOUT"
        else:
            query = f"COPY {table.source} ({names}) TO STDOUT"
        self._connection.execute("SAVEPOINT one_table")
        done = False
        try:
            yield from copying.read(self._connection, query, note)
            done = True
        finally:
            if not done and not self._connection.closed:
                with contextlib.suppress(psycopg.Error):
                    self._connection.cancel_safe(timeout=5)
                    copying.abandon(self._connection)
                    self._connection.execute("ROLLBACK TO SAVEPOINT one_table")

    def close(self) -> None:
        """End the connection."""
        self._connection.close()
