"""A PostgreSQL server outside AWS, to migrate from: a superuser, and all that logical decoding needs.

It stays until it is removed; `with onprem() as server:` removes it at the end.
"""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import psycopg

from labkit.errors import BackendError
from labkit.local import run_localaws


@dataclass(frozen=True)
class OnPremises:
    """Where the server is and how one logs in; `endpoint` is what a DMS source endpoint says."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    dbname: str

    @classmethod
    def start(cls) -> Self:
        """Start the server, with the data that it had; a new one is empty."""
        return cls._of(_ask("start"))

    @classmethod
    def find(cls) -> Self:
        """Find the server that runs."""
        facts = _ask("status")
        if not facts["running"]:
            raise BackendError("No server on premises runs: start it with labkit.onprem.start().")
        return cls._of(facts)

    @classmethod
    def _of(cls, facts: dict[str, Any]) -> Self:
        return cls(**{name: facts[name] for name in ("host", "port", "user", "password", "dbname")})

    @property
    def endpoint(self) -> dict[str, Any]:
        """The arguments of create_endpoint that name this server."""
        return {
            "ServerName": self.host,
            "Port": self.port,
            "Username": self.user,
            "Password": self.password,
            "DatabaseName": self.dbname,
        }

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        """A connection to it, committing by itself."""
        place = {"host": self.host, "port": self.port, "user": self.user, "password": self.password}
        return psycopg.connect(**{"dbname": self.dbname, "autocommit": True, **place, **options})


def start() -> OnPremises:
    """Start the server on premises, or find it."""
    return OnPremises.start()


def stop() -> None:
    """Stop it; its data stay."""
    _ask("stop")


def remove() -> None:
    """Stop it and delete its data."""
    _ask("remove")


@contextlib.contextmanager
def onprem() -> Iterator[OnPremises]:
    """Have a server on premises, and remove it at the end."""
    server = start()
    try:
        yield server
    finally:
        remove()


def _ask(what: str) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(run_localaws("onprem", what, "--json"))
    return facts
