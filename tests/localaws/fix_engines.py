"""PostgreSQL servers without the control plane around them, in a folder that their account may enter."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from localaws.engines import standby
from localaws.engines.binaries import PostgresBinaries, find_postgres
from localaws.engines.postgres import PostgresServer
from localaws.engines.process import processes_in
from localaws.engines.role import Upstream

USER = "shopkeeper"
PASSWORD = "correct-horse"


class Yard:
    """A folder of servers: everything in it ends with the test, and nothing may run on after that."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.link = folder / "link"
        self._servers: list[PostgresServer] = []

    def server(self, name: str, binaries: PostgresBinaries | None = None) -> PostgresServer:
        """A server of this name as another process would find it: nothing is known of it but its files."""
        home, sockets = self.folder / name, self.folder / f"s-{name}"
        return self.keep(PostgresServer(home, sockets, binaries=binaries or find_postgres(), durable=False))

    def keep(self, server: PostgresServer) -> PostgresServer:
        """End a server with the test."""
        self._servers.append(server)
        return server

    def primary(
        self, name: str = "a", binaries: PostgresBinaries | None = None, **settings: str
    ) -> PostgresServer:
        """A new primary, to which the link leads."""
        made = self.server(name, binaries)
        made.create(username=USER, password=PASSWORD, database="shop", settings=settings)
        standby.point(self.link, made.sockets)
        return made

    def standby(self, source: PostgresServer, name: str, **settings: str) -> PostgresServer:
        """A standby that follows the link."""
        home, sockets = self.folder / name, self.folder / f"s-{name}"
        upstream = Upstream(self.link, name)
        return self.keep(standby.clone(source, home, sockets, upstream=upstream, settings=settings))

    def close(self) -> None:
        for server in self._servers:
            server.remove()
        left = [pid for server in self._servers for pid in processes_in(server.data)]
        shutil.rmtree(self.folder)
        assert left == []


@contextlib.contextmanager
def open_yard() -> Iterator[Yard]:
    # short, because of the sockets, and with characters that need quoting
    yard = Yard(Path(tempfile.mkdtemp(prefix="a 'b% ")))
    yard.folder.chmod(0o755)
    try:
        yield yard
    finally:
        yard.close()


def session(server: PostgresServer, **options: Any) -> psycopg.Connection[Any]:
    """A session of the master user."""
    return psycopg.connect(
        host=str(server.sockets),
        user=USER,
        password=PASSWORD,
        dbname="shop",
        autocommit=True,
        **options,
    )


def scalar(server: PostgresServer, query: str) -> Any:
    """The one value of a query of the master user."""
    with session(server) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def run(server: PostgresServer, *statements: str) -> None:
    """Let the master user do something."""
    with session(server) as connection:
        for statement in statements:
            connection.execute(statement)
