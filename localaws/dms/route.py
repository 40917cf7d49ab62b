"""The way from a replication instance to a database, as the network and the endpoint's settings allow it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from localaws.dms.tables import TaskFailed
from localaws.network import Interface, Origin

if TYPE_CHECKING:
    from localaws.runtime import Runtime

SECONDS = 10
MYSQL = frozenset({"mysql", "mariadb", "aurora"})
MODES = {"none": "disable", "require": "require", "verify-ca": "verify-ca", "verify-full": "verify-full"}
SESSION = (
    "-c datestyle=ISO -c intervalstyle=postgres -c extra_float_digits=3 -c timezone=UTC "
    "-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0 -c bytea_output=hex"
)
"""How values are written must not depend on the settings of a database or of a user."""
PATIENT = " -c wal_sender_timeout=5min"
"""A stream stands still while a table is loaded or compared."""
AMAZON = (".rds.amazonaws.com",)


@dataclass(frozen=True)
class Access:
    """An endpoint with all that is needed to log in; never printed."""

    identifier: str
    engine: str
    host: str
    port: int
    user: str
    password: str
    database: str
    ssl_mode: str
    interface: Interface
    account_id: str
    region: str
    after_connect: str = ""

    def __repr__(self) -> str:
        return f"Access({self.identifier})"

    @property
    def is_mysql(self) -> bool:
        """Whether it speaks MySQL's protocol."""
        return self.engine in MYSQL


class Unreachable(TaskFailed):
    """The database does not answer, or does not let the user in."""


class Route:
    """Connections to one database; a database of this local AWS is reached through its front door only."""

    def __init__(self, runtime: Runtime, access: Access) -> None:
        self.access = access
        self._bundle: Path = runtime.control.state.ca_dir / "bundle.pem"
        self._tunnel = None
        inside = runtime.front.knows(access.host, access.port) or access.host.lower().endswith(AMAZON)
        if inside:
            self._tunnel = runtime.front.tunnel(Origin(interface=access.interface), access.host, access.port)
        else:
            interface = access.interface
            refusal = runtime.network.leave(interface, access.port, access.account_id, access.region)
            if refusal:
                raise Unreachable(_timed_out(refusal.message))

    def close(self) -> None:
        """Give up the way, and the connections that use it."""
        if self._tunnel is not None:
            self._tunnel.close()

    def connect(self, *, replication: bool = False, autocommit: bool = True) -> psycopg.Connection[Any]:
        """Return a connection to a PostgreSQL database; Unreachable with AWS's words when there is none."""
        access = self.access
        options: dict[str, Any] = {"replication": "database"} if replication else {}
        if self._tunnel is not None:
            options |= {"hostaddr": "127.0.0.1", "port": self._tunnel.listen_port}
        else:
            options |= {"port": access.port}
        try:
            return psycopg.connect(
                host=access.host,
                user=access.user,
                password=access.password,
                dbname=access.database,
                sslmode=MODES[access.ssl_mode],
                sslrootcert=str(self._bundle),
                gssencmode="disable",
                connect_timeout=SECONDS,
                application_name="aws-dms",
                client_encoding="utf8",
                options=SESSION + PATIENT if replication else SESSION,
                target_session_attrs="any",
                autocommit=autocommit,
                **options,
            )
        except psycopg.Error as error:
            raise Unreachable(_explained(self._as_seen(str(error)))) from None

    def _as_seen(self, text: str) -> str:
        """Put the endpoint's address where the message names this machine's end of the way to it."""
        if self._tunnel is None:
            return text
        here = rf'(?:"[^"]*" \(127\.0\.0\.1\)|"127\.0\.0\.1"), port {self._tunnel.listen_port}\b'
        there = f'"{self.access.host}", port {self.access.port}'
        return re.sub(here, lambda _: there, text)

    def connect_mysql(self, *, streaming: bool = False) -> Any:
        """Return a connection to a MySQL or MariaDB database."""
        import pymysql
        from pymysql.cursors import Cursor, SSCursor

        access = self.access
        tls: dict[str, Any] = {"ssl_disabled": True}
        if access.ssl_mode != "none":
            tls = {
                "ssl_ca": str(self._bundle),
                "ssl_verify_cert": access.ssl_mode.startswith("verify"),
                # a tunnel has found the server by its name
                "ssl_verify_identity": access.ssl_mode == "verify-full" and self._tunnel is None,
            }
        host, port = access.host, access.port
        if self._tunnel is not None:
            host, port = "127.0.0.1", self._tunnel.listen_port
        try:
            return pymysql.connect(
                host=host,
                port=port,
                user=access.user,
                password=access.password,
                database=access.database or None,
                connect_timeout=SECONDS,
                charset="utf8mb4",
                init_command="SET time_zone = '+00:00'",
                autocommit=True,
                conv={},
                use_unicode=True,
                cursorclass=SSCursor if streaming else Cursor,
                **tls,
            )
        except (pymysql.Error, OSError) as error:
            raise Unreachable(_explained(str(error))) from None

    def check(self) -> None:
        """Log in and out again."""
        connection = self.connect_mysql() if self.access.is_mysql else self.connect()
        with contextlib.closing(connection):
            pass


@contextmanager
def route(runtime: Runtime, access: Access) -> Iterator[Route]:
    """Yield a route, and close it at the end."""
    found = Route(runtime, access)
    try:
        yield found
    finally:
        found.close()


def _timed_out(detail: str) -> str:
    return (
        "Test Endpoint failed: Application-Status: 1020912, Application-Message: Failed to connect Network "
        "error has occurred, Application-Detailed-Message: RetCode: SQL_ERROR SqlState: 08001 NativeError: "
        f"101 Message: timeout expired. {detail}"
    )


def _explained(text: str) -> str:
    detail = " ".join(text.split())
    if "no encryption" in detail:
        detail += ". The server takes TLS only: set the endpoint's SslMode to require"
    if "timed out on AWS" in detail or "timeout expired" in detail:
        return _timed_out(detail)
    return (
        "Test Endpoint failed: Application-Status: 1020912, Application-Message: Cannot connect to ODBC "
        "provider ODBC general error., Application-Detailed-Message: RetCode: SQL_ERROR SqlState: 08001 "
        f"NativeError: 101 Message: {detail}"
    )
