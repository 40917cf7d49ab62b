"""A PostgreSQL server that is not of AWS: the source of a migration, on a port of 127.0.0.1.

It has its own password and superuser, writes what logical decoding needs, and lives until it is removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import shutil
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from localaws.engines import configuration
from localaws.engines.account import engine_account, private_folder, shared_folder
from localaws.engines.binaries import find_postgres
from localaws.engines.postgres import QUIET, PostgresServer
from localaws.engines.rights import ADMIN
from localaws.errors import LocalawsError
from localaws.state import PREMISES, StateDir

USER, DATABASE = "postgres", "shop"
SETTINGS = {
    "wal_level": "logical",
    "max_connections": "60",
    "max_replication_slots": "20",
    "max_wal_senders": "20",
}
HBA = f"""\
local all {ADMIN} scram-sha-256
local replication {ADMIN} scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
"""


class OnPremisesMissing(LocalawsError):
    """There is no server on premises."""


class OnPremises(PostgresServer):
    """The server: RDS's engine, without RDS's rules and reachable by TCP."""

    port = 5432

    @property
    def socket(self) -> Path:
        """The Unix socket of the running server."""
        return self.sockets / f".s.PGSQL.{self.port}"

    def configure(self, settings: Mapping[str, str]) -> None:
        """Write the configuration; what is asked for here comes last."""
        super().configure(settings)
        values = {"listen_addresses": "127.0.0.1", "port": str(self.port), "archive_mode": "off"}
        place = self.data / "postgresql.conf"
        lines = "".join(f"{name} = {configuration.quoted(value)}\n" for name, value in values.items())
        configuration.replace(place, place.read_text() + lines, self.account)
        configuration.replace(self.data / "pg_hba.conf", HBA, self.account)

    def connect_to(self, sockets: Path, database: str = "postgres") -> psycopg.Connection:
        """Return an autocommit connection as our administrator."""
        return psycopg.connect(
            host=str(sockets),
            port=self.port,
            user=ADMIN,
            password=(self.home / "admin").read_text(),
            dbname=database,
            autocommit=True,
            options=QUIET,
            channel_binding="disable",
            target_session_attrs="any",
        )

    def make_superuser(self) -> None:
        """Give the user what the owner of a server has."""
        with self.connect() as connection:
            connection.execute(sql.SQL("ALTER ROLE {} SUPERUSER REPLICATION").format(sql.Identifier(USER)))


def start(state: StateDir) -> dict[str, Any]:
    """Start the server, making it when there is none, and return how to reach it."""
    facts = state.read_json(PREMISES) or _new(state)
    server = _server(state, facts)
    if server.alive():
        return _shown(facts)
    if not _free(facts["port"]):
        facts["port"] = _port()
        server.port = facts["port"]
    state.write_json(PREMISES, facts)
    if facts["made"]:
        server.configure(SETTINGS)
        server.start()
    else:
        server.create(username=USER, password=facts["password"], database=DATABASE, settings=SETTINGS)
        server.make_superuser()
        state.write_json(PREMISES, {**facts, "made": True})
    return _shown(facts)


def stop(state: StateDir) -> bool:
    """Stop the server; its data stay. Returns whether one ran."""
    facts = state.read_json(PREMISES)
    if facts is None:
        return False
    server = _server(state, facts)
    ran = server.alive()
    server.stop()
    shutil.rmtree(facts["sockets"], ignore_errors=True)
    return ran


def remove(state: StateDir) -> bool:
    """Stop the server and delete its data. Returns whether there was one."""
    facts = state.read_json(PREMISES)
    if facts is None:
        return False
    _server(state, facts).remove()
    shutil.rmtree(_home(state).parent, ignore_errors=True)
    (state.path / PREMISES).unlink(missing_ok=True)
    return True


def status(state: StateDir) -> dict[str, Any]:
    """Return how to reach the server, and whether it runs."""
    facts = state.read_json(PREMISES)
    if facts is None:
        return {"running": False}
    return {"running": _server(state, facts).alive(), **_shown(facts)}


def _new(state: StateDir) -> dict[str, Any]:
    folder = Path(tempfile.gettempdir()) / f"la-op-{secrets.token_hex(4)}"
    shutil.rmtree(_home(state), ignore_errors=True)
    return {"port": _port(), "password": secrets.token_urlsafe(18), "sockets": str(folder), "made": False}


def _shown(facts: dict[str, Any]) -> dict[str, Any]:
    place = {"host": "127.0.0.1", "port": facts["port"], "user": USER, "password": facts["password"]}
    return {**place, "dbname": DATABASE}


def _server(state: StateDir, facts: dict[str, Any]) -> OnPremises:
    server = OnPremises(_home(state), Path(facts["sockets"]), binaries=find_postgres(), durable=state.durable)
    server.port = facts["port"]
    return server


def _home(state: StateDir) -> Path:
    """Its folder: not among the engines of AWS, whose keeper would end it with them."""
    account = engine_account()
    if account is None or account.may_pass(state.path):
        root = state.path / "onprem"
    else:
        name = hashlib.sha256(str(state.path).encode()).hexdigest()[:16]
        root = shared_folder() / f"{name}-onprem"
    return private_folder(root, account) / "postgres"


def _port() -> int:
    with contextlib.closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _free(port: int) -> bool:
    with contextlib.closing(socket.socket()) as found:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
