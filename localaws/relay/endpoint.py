"""What the front is asked to open, and what it tells about what runs through it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from localaws.certificates import Certificate
from localaws.network import Origin, Target

Kind = Literal["postgres", "redis"]


@dataclass
class Endpoint:
    """A database's front door.

    `server` is the Unix socket of the engine, None while the database is not available. `target` is asked
    at every new connection, so that a change of the model counts at once. `force_tls` refuses sessions
    without TLS. `log` appends one line to the server's log.
    """

    name: str
    kind: Kind
    address: str
    port: int
    server: Path | None
    target: Callable[[], Target]
    certificate: Certificate | None = None
    names: tuple[str, ...] = ()
    force_tls: bool = False
    log: Callable[[str], None] | None = None
    blocked_users: frozenset[str] = field(default=frozenset({"rdsadmin"}))


@dataclass(frozen=True)
class Connection:
    """A client that is connected to an endpoint."""

    endpoint: str
    origin: Origin
    host: str
    port: int
    user: str
    database: str
    tls: str | None
    pid: int | None


@dataclass(frozen=True)
class Tunnel:
    """A listener on 127.0.0.1 whose connections carry an EC2 instance's identity."""

    id: int
    origin: Origin
    host: str
    port: int
    listen_address: str
    listen_port: int
    close: Callable[[], None]
