"""What the front is asked to open, and what it tells about what runs through it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from localaws.addresses import Address
from localaws.certificates import Certificate
from localaws.network import Origin, Target

Kind = Literal["postgres", "redis", "mysql", "memcached", "replication", "tcp"]
Judge = Callable[[str, str], str | None]
"""Is told a user and the token of a log-in, and returns why it does not prove who the user is, or None."""


@dataclass(frozen=True)
class Server:
    """A server behind an endpoint that has several.

    `socket` is the engine's Unix socket, or the port of a host's program, and `name` whose traffic it is.
    `target` and `log` take the place of the endpoint's own for the connections that this server gets.
    """

    socket: Path | Address
    name: str = ""
    target: Callable[[], Target] | None = None
    log: Callable[[str], None] | None = None


Servers = Path | Sequence[Server] | None
"""Where an endpoint leads: one server, several that take turns, or none while there is no database."""


@dataclass
class Endpoint:
    """A database's front door.

    `target` is asked at every new connection, so that a change of the model counts at once. `reason` is what
    clients are told while there is no server. `force_tls` refuses sessions without TLS. `log` appends one
    line to the server's log. `judge` decides about users whom the server admits without a password. `nodes`
    lists a Memcached cluster's nodes for clients that discover them.
    """

    name: str
    kind: Kind
    address: str
    port: int
    server: Servers
    target: Callable[[], Target]
    certificate: Certificate | None = None
    names: tuple[str, ...] = ()
    force_tls: bool = False
    log: Callable[[str], None] | None = None
    judge: Judge | None = None
    nodes: Callable[[], list[str]] | None = None
    reason: str = ""
    blocked_users: frozenset[str] = field(default=frozenset({"rdsadmin"}))


@dataclass(slots=True)
class Meter:
    """Bytes that went one way."""

    bytes: int = 0


@dataclass(frozen=True)
class Traffic:
    """Bytes that a server's clients have sent to it (`received`) and got from it (`sent`), ever growing."""

    received: Meter = field(default_factory=Meter)
    sent: Meter = field(default_factory=Meter)


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
