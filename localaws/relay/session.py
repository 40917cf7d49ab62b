"""One client of an endpoint, from its arrival to its end: what the protocols have in common."""

from __future__ import annotations

import dataclasses
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Protocol, TypeVar

from localaws.network import OUTSIDE, OUTSIDE_IP, Origin, Refusal, Target
from localaws.relay.door import Door
from localaws.relay.endpoint import Connection, Server
from localaws.relay.flow import Flow, Inspector
from localaws.relay.loop import Loop, Offload, Steps, Timer
from localaws.relay.steps import Gone, connect, handshake

log = logging.getLogger(__name__)

T = TypeVar("T")

OPENING = 60.0
"""Seconds that a client has to say who it is (PostgreSQL's authentication_timeout)."""


Recognise = Callable[[tuple[str, int]], Origin]
"""Tells from a client's own address and port whether it is more than the notebook outside."""


class Gatekeeper(Protocol):
    """What the front needs of the network model."""

    def admit(self, origin: Origin, target: Target) -> Refusal | None:
        """Return None when the connection may enter."""

    def address(self, origin: Origin, target: Target) -> str:
        """Return the client's address as the target sees it."""


class Session:
    """A client's connection; it owns the client's socket until a flow does."""

    def __init__(
        self,
        loop: Loop,
        gatekeeper: Gatekeeper,
        door: Door,
        client: socket.socket,
        origin: Origin,
        recognise: Recognise | None = None,
    ) -> None:
        self.loop = loop
        self.door = door
        self.client = client
        self.origin = origin
        self.address = OUTSIDE_IP
        self.port = client.getpeername()[1]
        self.connection: Connection | None = None
        self.server: Server | None = None
        """The server that the session is bound to: it ends when the endpoint leads there no more."""
        self._choice: Server | None = None
        self._turn = door.take_turn()
        self._asked: Callable[[], Target] | None = None
        self._trusted = False
        self._gatekeeper = gatekeeper
        self._recognise = recognise
        self._flow: Flow | None = None
        self._deadline: Timer | None = None

    @property
    def secure(self) -> bool:
        """Whether the client speaks TLS."""
        return isinstance(self.client, ssl.SSLSocket)

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
        """Ask the network model whether the client may reach the server whose turn it is."""
        if self.door.refusal:
            return self.door.refusal
        first = next(iter(self.door.rotation(self._turn)), None)
        return (yield from self._pass_network(first.target if first else None))

    def trust(self) -> None:
        """Let the client in without asking the network model: it is one of our own servers."""
        self._trusted = True

    def reach(self) -> Steps[socket.socket]:
        """Connect to the server whose turn it is, or to another one that accepts; OSError when none does."""
        for choice in self.door.rotation(self._turn):
            if (yield from self._pass_network(choice.target)):
                continue
            try:
                server = yield from connect(choice.socket)
            except OSError:
                continue
            # while this session waited, the endpoint may have been led elsewhere
            if self.client.fileno() >= 0 and any(choice is each for each in self.door.servers):
                self._choice = choice
                return server
            server.close()
        self.check()
        raise ConnectionRefusedError

    def bind(self) -> bool:
        """Stay with the server that was reached, unless the endpoint leads elsewhere by now."""
        if any(self._choice is each for each in self.door.servers):
            self.server = self._choice
        return self.server is not None

    def wait_for(self, work: Callable[[], T]) -> Steps[T]:
        """Have a worker do what may block, and return its result."""
        result: T = yield Offload(work)
        self.check()
        return result

    def check(self) -> None:
        """Go no further with a client that has been dropped in the meantime."""
        if self.client.fileno() < 0:
            raise Gone

    def log(self, line: str) -> None:
        """Write a line into the log of the server that the session is connected to."""
        log = (self.server and self.server.log) or self.door.endpoint.log
        if log:
            log(line)

    def flow(self, server: socket.socket, inspect: Inspector | None = None) -> None:
        """Hand both sockets over to the fast path."""
        if self.client.fileno() < 0 or self.server is None:
            server.close()
            raise Gone
        if self._deadline:
            self._deadline.cancel()
        server.setblocking(False)
        traffic = self.door.meter(self.server)
        self._flow = Flow(self.loop, self.client, server, traffic=traffic, closed=self._forget)
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

    def _pass_network(self, described: Callable[[], Target] | None) -> Steps[Refusal | None]:
        """Ask the network model, once for each target; a worker asks, as the control plane may be busy."""
        described = described or self.door.endpoint.target
        if self._trusted or described == self._asked:
            return None
        refusal = yield from self.wait_for(lambda: self._ask(described()))
        self._asked = None if refusal else described
        return refusal

    def _ask(self, target: Target) -> Refusal | None:
        if self._recognise and self.origin == OUTSIDE:
            self.origin = self._recognise(self.client.getpeername()[:2])
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
