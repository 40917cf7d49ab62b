"""A failover under a writer of the examiner's: who led before and after, and which commits are there."""

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg import sql

from autograder.errors import Mistake

PAUSE_S = 0.02
LOOK_S = 0.2
ROWS = 20
"""Commits before the failover, and again after it."""


@dataclass
class Writer:
    """Commits one number after the other into a table of its own, and goes on after errors."""

    login: Mapping[str, Any]
    table: str
    acknowledged: list[int] = field(default_factory=list)
    refusal: str = ""

    def __post_init__(self) -> None:
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> Self:
        with psycopg.connect(**self.login) as connection:
            connection.execute(sql.SQL("CREATE TABLE {} (number bigint)").format(sql.Identifier(self.table)))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join(timeout=20)
        with contextlib.suppress(psycopg.Error), psycopg.connect(**self.login) as connection:
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(self.table)))

    def _write(self) -> None:
        insert = sql.SQL("INSERT INTO {} VALUES (%s)").format(sql.Identifier(self.table))
        numbers = itertools.count()
        while not self._ending.is_set():
            try:
                with psycopg.connect(**self.login, autocommit=True) as connection:
                    while not self._ending.wait(PAUSE_S):
                        number = next(numbers)
                        connection.execute(insert, [number])
                        self.acknowledged.append(number)
            except psycopg.Error as error:
                self.refusal = str(error).strip()
                self._ending.wait(LOOK_S)

    def go_on(self, seconds: float) -> None:
        """Return when some more commits are acknowledged; Mistake when they are not within the time."""
        wanted = len(self.acknowledged) + ROWS
        if not until(lambda: len(self.acknowledged) >= wanted, seconds):
            raise Mistake(f"the writer endpoint takes no writes after {seconds:.0f} s: {self.refusal[-200:]}")

    def lost(self) -> set[int]:
        """Numbers that were acknowledged and are not there."""
        with psycopg.connect(**self.login) as connection:
            query = sql.SQL("SELECT number FROM {}").format(sql.Identifier(self.table))
            return set(self.acknowledged) - {number for (number,) in connection.execute(query)}


def until(done: Callable[[], bool], seconds: float) -> bool:
    """Whether it is done within the time."""
    deadline = time.monotonic() + seconds
    while not (over := done()) and time.monotonic() < deadline:
        time.sleep(LOOK_S)
    return over


@contextlib.contextmanager
def ended(tunnel: Any) -> Iterator[dict[str, Any]]:
    """Where a tunnel ends, as libpq wants it; the tunnel is closed afterwards."""
    with tunnel:
        yield {"hostaddr": tunnel.host, "port": tunnel.port}
