"""One client of an endpoint, from its arrival to its end: what the protocols have in common."""

from __future__ import annotations

import dataclasses
import logging
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from localaws.network import OUTSIDE_IP, Origin, Refusal, Target
from localaws.relay.endpoint import Connection, Endpoint
from localaws.relay.flow import Flow, Inspector
from localaws.relay.loop import Loop, Offload, Steps, Timer
from localaws.relay.steps import Gone, handshake

log = logging.getLogger(__name__)

OPENING = 60.0
"""Seconds that a client has to say who it is (PostgreSQL's authentication_timeout)."""


class Gatekeeper(Protocol):
    """What the front needs of the network model."""

    def admit(self, origin: Origin, target: Target) -> Refusal | None:
        """Return None when the connection may enter."""

    def address(self, origin: Origin, target: Target) -> str:
        """Return the client's address as the target sees it."""


@dataclass
class Door:
    """An open endpoint: what was asked for and what runs through it."""

    endpoint: Endpoint
    context: ssl.SSLContext | None = None
    refusal: Refusal | None = None
    sessions: set[Session] = field(default_factory=set)

    def drop(self) -> None:
        """Close all its sessions."""
        for session in list(self.sessions):
            session.close()


class Session:
    """A client's connection; it owns the client's socket until a flow does."""

    def __init__(
        self, loop: Loop, gatekeeper: Gatekeeper, door: Door, client: socket.socket, origin: Origin
    ) -> None:
        self.loop = loop
        self.door = door
        self.client = client
        self.origin = origin
        self.address = OUTSIDE_IP
        self.port = client.getpeername()[1]
        self.connection: Connection | None = None
        self._gatekeeper = gatekeeper
        self._flow: Flow | None = None
        self._deadline: Timer | None = None

    def run(self, steps: Callable[[Session], Steps[None]]) -> None:
        """Open the session by a protocol's script."""
        self.door.sessions.add(self)
        self._deadline = self.loop.later(OPENING, self.close)
        self.loop.run(self._guarded(steps))

    def close(self) -> None:
        """End the session, whatever it is doing."""
        if self._flow:
            self._flow.close()
        else:
            self._release()

    def encrypt(self, context: ssl.SSLContext) -> Steps[None]:
        """Turn the connection into a TLS one."""
        secure = context.wrap_socket(self.client, server_side=True, do_handshake_on_connect=False)
        self.client = secure
        yield from handshake(secure)

    def admit(self) -> Steps[Refusal | None]:
        """Ask the network model; it may wait for the control plane, so a worker asks."""
        if self.door.refusal:
            return self.door.refusal
        refusal: Refusal | None = yield Offload(self._ask)
        if self.client.fileno() < 0:
            raise Gone
        return refusal

    def flow(self, server: socket.socket, inspect: Inspector | None = None) -> None:
        """Hand both sockets over to the fast path."""
        if self.client.fileno() < 0:
            server.close()
            raise Gone
        if self._deadline:
            self._deadline.cancel()
        server.setblocking(False)
        self._flow = Flow(self.loop, self.client, server, closed=self._forget)
        self._flow.start(inspect)

    def describe(self, *, user: str = "", database: str = "") -> None:
        """Note who the client is; `Front.connections` shows it."""
        cipher = self.client.version() if isinstance(self.client, ssl.SSLSocket) else None
        self.connection = Connection(
            endpoint=self.door.endpoint.name,
            origin=self.origin,
            host=self.address,
            port=self.port,
            user=user,
            database=database,
            tls=cipher,
            pid=None,
        )

    def identify(self, pid: int) -> None:
        """Note which process of the server serves the client."""
        if self.connection:
            self.connection = dataclasses.replace(self.connection, pid=pid)

    def _ask(self) -> Refusal | None:
        target = self.door.endpoint.target()
        self.address = self._gatekeeper.address(self.origin, target)
        return self._gatekeeper.admit(self.origin, target)

    def _guarded(self, steps: Callable[[Session], Steps[None]]) -> Steps[None]:
        try:
            yield from steps(self)
        except (Gone, OSError) as error:
            log.debug("a client of %s left before it was served: %s", self.door.endpoint.name, error)
        finally:
            if self._flow is None:
                self._release()

    def _release(self) -> None:
        descriptor = self.client.fileno()
        if descriptor >= 0:
            self.loop.forget(descriptor)
        self.client.close()
        self._forget()

    def _forget(self) -> None:
        if self._deadline:
            self._deadline.cancel()
        self.door.sessions.discard(self)
