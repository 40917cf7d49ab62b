"""A psycopg connection to a database endpoint: verified TLS, optionally through an EC2 host."""

import contextlib
import re
from collections.abc import Mapping
from typing import Any

import psycopg

from labkit.backends import backend
from labkit.errors import ConnectionFailed, LabkitError
from labkit.tunnel import Tunnel
from labkit.tunnel import through as open_tunnel

_REMEDIES = (
    ("timed out on AWS", ""),
    (
        "password authentication failed",
        "Wrong user name or password (the master's are those of create_db_instance).",
    ),
    ("no encryption", "The server insists on TLS: leave sslmode alone, or set it to verify-full."),
    (
        "certificate verify failed",
        "The server's certificate is not signed by the bundle given as sslrootcert.",
    ),
    (
        "does not match host name",
        "The certificate names another host: pass the endpoint's own Address as the host.",
    ),
    ("root certificate file", "Pass sslrootcert=labkit.ca_bundle()."),
    ("too many clients", "Every slot is taken: close connections that you no longer need, or pool them."),
    (
        "remaining connection slots",
        "Every slot is taken: close connections that you no longer need, or pool them.",
    ),
    ("starting up", "The server is starting: wait with get_waiter('db_instance_available')."),
    ("timeout expired", "Nothing answers: look at the security group, the routes and PubliclyAccessible."),
    ("Connection refused", "Nothing listens there: is the instance available, and is the port right?"),
    ("could not translate host name", "Pass the endpoint's Address as describe_db_instances shows it."),
)


class LabConnection(psycopg.Connection[tuple[Any, ...]]):
    """A psycopg connection that closes its tunnel when it is closed."""

    tunnel: Tunnel | None = None

    def close(self) -> None:
        """Close the connection, then its tunnel."""
        super().close()
        if self.tunnel is not None:
            self.tunnel.close()


def ca_bundle() -> str:
    """The path of the certificate bundle (PEM) for `sslrootcert`."""
    return str(backend().ca_bundle)


def connect(
    endpoint: Mapping[str, Any] | str,
    *,
    through: str | None = None,
    user: str,
    password: str,
    dbname: str,
    **libpq: Any,
) -> LabConnection:
    """Connect to an RDS endpoint (Address, Endpoint dict or DBInstance dict) with verify-full TLS.

    `through` names the EC2 instance to go through. Other keywords (port, autocommit, …) go to psycopg.
    Raises ConnectionFailed, which is a psycopg.OperationalError with the remedy.
    """
    host, port = address(endpoint)
    port = int(libpq.pop("port", port))
    target: dict[str, Any] = {"host": host, "port": port}
    options: dict[str, Any] = {"sslmode": "verify-full", "connect_timeout": 10} | libpq
    if options["sslmode"].startswith("verify"):
        options.setdefault("sslrootcert", ca_bundle())
    with contextlib.ExitStack() as on_failure:
        tunnel = None if through is None else on_failure.enter_context(open_tunnel(through, host, port))
        if tunnel is not None:
            # host stays the endpoint's, since the certificate is checked against it
            target |= {"hostaddr": tunnel.host, "port": tunnel.port}
        try:
            connection = LabConnection.connect(
                user=user, password=password, dbname=dbname, **target, **options
            )
        except psycopg.OperationalError as error:
            raise ConnectionFailed(explain(str(error), host, port)) from error
        connection.tunnel = tunnel
        on_failure.pop_all()
    return connection


def address(endpoint: Mapping[str, Any] | str) -> tuple[str, int]:
    """The host and port of an endpoint; the port is 5432 where none is given."""
    if isinstance(endpoint, str):
        return endpoint, 5432
    found = endpoint.get("Endpoint", endpoint)
    if not isinstance(found, Mapping) or "Address" not in found:
        raise LabkitError(
            "This database has no endpoint yet: "
            "wait with get_waiter('db_instance_available'), then describe it again."
        )
    return str(found["Address"]), int(found.get("Port", 5432))


def explain(message: str, host: str, port: int) -> str:
    """One line for what libpq said, with the remedy where we know one."""
    fatal = re.findall(r"(?:FATAL|ERROR):\s+(.+)", message)
    said = fatal[-1] if fatal else message.strip().splitlines()[-1].strip()
    remedy = next((hint for mark, hint in _REMEDIES if mark in message), "")
    return " ".join(filter(None, [f"{host}:{port} said: {said.rstrip('.')}.", remedy]))
