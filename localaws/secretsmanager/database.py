"""Logging in as AWS's rotation functions do: from inside the VPC, with TLS if it is there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from localaws.secretsmanager.vault import StepFailed

if TYPE_CHECKING:
    from localaws.awslambda.functions import View
    from localaws.runtime import Runtime

SECONDS = 5
"""Patience with a database that does not answer; AWS's functions have the same."""


class Databases:
    """Connections of one run of a rotation function."""

    def __init__(self, runtime: Runtime, view: View) -> None:
        self._front = runtime.front
        self._bundle = str(runtime.control.state.ca_dir / "bundle.pem")
        self._origin = view.origin
        self.refusal = ""
        """Why the last connection was not made."""

    @contextmanager
    def connect(self, secret: dict[str, Any] | None) -> Iterator[psycopg.Connection[Any] | None]:
        """Yield a connection with a secret's user and password, or None when it is refused."""
        if secret is None:
            yield None
            return
        host, port = str(secret["host"]), int(secret.get("port") or 5432)
        tunnel = self._front.tunnel(self._origin, host, port)
        try:
            connection = self._log_in(secret, host, tunnel.listen_port)
            if connection is None:
                yield None
            else:
                with closing(connection):
                    yield connection
        finally:
            tunnel.close()

    def _log_in(self, secret: dict[str, Any], host: str, port: int) -> psycopg.Connection[Any] | None:
        for mode in _modes(secret.get("ssl")):
            try:
                return psycopg.connect(
                    host=host,
                    hostaddr="127.0.0.1",
                    port=port,
                    user=str(secret["username"]),
                    password=str(secret["password"]),
                    dbname=str(secret.get("dbname") or "postgres"),
                    sslmode=mode,
                    sslrootcert=self._bundle,
                    gssencmode="disable",
                    connect_timeout=SECONDS,
                    application_name="rotation",
                )
            except psycopg.Error as error:
                self.refusal = " ".join(str(error).split())
                if not _about_tls(self.refusal):
                    return None
        return None


def _modes(ssl: Any) -> tuple[str, ...]:
    """Without the key `ssl` TLS is tried first; true demands it, false forgoes it."""
    if ssl is None:
        return ("verify-full", "disable")
    wanted = ssl.lower() == "true" if isinstance(ssl, str) else bool(ssl)
    return ("verify-full",) if wanted else ("disable",)


def _about_tls(refusal: str) -> bool:
    return "SSL" in refusal and "authentication" not in refusal


def set_password(connection: psycopg.Connection[Any], user: str, password: str) -> None:
    """Give a role a password; statements and logs see a verifier only."""
    statement = sql.SQL("ALTER ROLE {} WITH PASSWORD {}")
    connection.execute(statement.format(sql.Identifier(user), _verifier(connection, user, password)))
    connection.commit()


def set_clone(connection: psycopg.Connection[Any], user: str, clone: str, password: str) -> None:
    """Give the second user the password, making it with the rights of the first when it is not there."""
    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (clone,)).fetchone():
        set_password(connection, clone, password)
        return
    create = sql.SQL("CREATE ROLE {} WITH LOGIN PASSWORD {}")
    connection.execute(create.format(sql.Identifier(clone), _verifier(connection, clone, password)))
    connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(user), sql.Identifier(clone)))
    connection.commit()


def _verifier(connection: psycopg.Connection[Any], user: str, password: str) -> sql.Literal:
    try:
        made = connection.pgconn.encrypt_password(password.encode(), user.encode(), b"scram-sha-256")
    except psycopg.Error as error:
        raise StepFailed(f"The password of {user} cannot be used: {error}") from error
    return sql.Literal(made.decode())
