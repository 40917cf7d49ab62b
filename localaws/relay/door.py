"""An open endpoint: where it leads at this moment, and what runs through it."""

from __future__ import annotations

import ssl
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from localaws.network import Refusal
from localaws.relay.endpoint import Endpoint, Server, Servers, Traffic

if TYPE_CHECKING:
    from localaws.relay.session import Session


@dataclass
class Door:
    """Only the front's thread touches it."""

    endpoint: Endpoint
    context: ssl.SSLContext | None = None
    refusal: Refusal | None = None
    """Set where nobody is let in."""
    traffic: defaultdict[str, Traffic] = field(default_factory=lambda: defaultdict(Traffic))
    servers: Sequence[Server] = ()
    sessions: set[Session] = field(default_factory=set)
    _turns: int = 0

    def __post_init__(self) -> None:
        self.servers = several(self.endpoint.server)

    def take_turn(self) -> int:
        """Return a number that spreads the connections over the servers."""
        self._turns += 1
        return self._turns

    def rotation(self, turn: int) -> Sequence[Server]:
        """Return all servers, the one whose turn it is first."""
        first = turn % len(self.servers) if self.servers else 0
        return [*self.servers[first:], *self.servers[:first]]

    def lead(self, servers: Servers, reason: str) -> list[Session]:
        """Lead to other servers, and return the sessions to end: those whose server is not among them."""
        former = self.servers
        # those who are on their way to a server that stays know it by its identity
        known = {server: server for server in former}
        self.servers = [known.get(server, server) for server in several(servers)]
        self.endpoint.reason = reason
        staying = {server.socket for server in former} & {server.socket for server in self.servers}
        return [
            session
            for session in self.sessions
            if session.server is not None and session.server.socket not in staying
        ]

    def serving(self, pid: int) -> Server | None:
        """Return the server that one of the sessions talks to through its process `pid`."""
        found = (each.server for each in self.sessions if each.connection and each.connection.pid == pid)
        return next(found, None)

    def unavailable(self) -> str:
        """What a client is told while no server accepts connections."""
        return self.endpoint.reason or (
            f'the database system is not available: "{self.endpoint.target().name}" is starting, stopping or '
            "stopped. Wait until its status is available"
        )

    def meter(self, server: Server) -> Traffic:
        """Return where the traffic of a server is counted."""
        return self.traffic[server.name or self.endpoint.name]


def several(servers: Servers) -> Sequence[Server]:
    """Return one server, several or none as a sequence."""
    if servers is None:
        return ()
    return (Server(servers),) if isinstance(servers, Path) else tuple(servers)


def drop(sessions: Iterable[Session]) -> None:
    """End sessions at once."""
    for session in list(sessions):
        session.close()
