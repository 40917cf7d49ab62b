"""The front of all endpoints: opens and closes their doors, and the tunnels of EC2 hosts."""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import resource
import socket
from collections import defaultdict
from collections.abc import Callable

from localaws.errors import LocalawsError
from localaws.network import OUTSIDE, Origin, Refusal, Target
from localaws.relay import memcached, mysql, postgres, redis, tcp
from localaws.relay.door import Door, drop
from localaws.relay.endpoint import Connection, Endpoint, Kind, Servers, Traffic, Tunnel
from localaws.relay.loop import Loop, Steps
from localaws.relay.poller import READ
from localaws.relay.session import Gatekeeper, Recognise, Session

log = logging.getLogger(__name__)

_BACKLOG = 511
_BATCH = 64
_LAST_WORDS = 2.0
_MOST_DESCRIPTORS = 65536
_SPARE_DESCRIPTORS = 128
_PROTOCOLS: dict[Kind, Callable[[Session], Steps[None]]] = {
    "postgres": postgres.serve,
    "redis": redis.serve,
    "mysql": mysql.serve,
    "tcp": tcp.serve,
    "memcached": memcached.serve,
    "replication": redis.serve_replica,
}
_PORTS: dict[int, Kind] = {
    **dict.fromkeys(range(6379, 6400), "redis"),
    3306: "mysql",
    11211: "memcached",
}
"""What a client speaks that asks for a port where nothing is."""


class EndpointError(LocalawsError):
    """An endpoint cannot be opened or is not known."""


class Front:
    """All endpoints of a state, served by one thread. Its methods may be called from any thread."""

    def __init__(self, gatekeeper: Gatekeeper) -> None:
        self._gatekeeper = gatekeeper
        self.recognise: Recognise | None = None
        self._loop = Loop()
        self._doors: dict[str, Door] = {}
        self._listeners: dict[str, socket.socket] = {}
        self._tunnels: dict[int, _Passage] = {}
        self._traffic: defaultdict[str, Traffic] = defaultdict(Traffic)
        self._numbers = itertools.count(1)
        self._reserve = os.open(os.devnull, os.O_RDONLY)
        self._most_sessions = _SPARE_DESCRIPTORS

    def start(self) -> None:
        """Start the thread. The process may open as many files as its hard limit allows."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        limit = _MOST_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft
        self._most_sessions = (limit - _SPARE_DESCRIPTORS) // 2
        self._loop.start()

    def stop(self) -> None:
        """Close every endpoint, tunnel and connection, and end the thread."""
        self._loop.call(self._close_all)
        self._loop.stop()
        os.close(self._reserve)

    def open(self, endpoint: Endpoint) -> None:
        """Listen for an endpoint; one of the same name that is open is closed first.

        At the same address and port nobody is refused meanwhile: only the connections of before end.
        """
        certificate = endpoint.certificate
        context = certificate.context(protocol="postgresql") if certificate else None
        door = Door(endpoint, context, traffic=self._traffic)
        if self._loop.call(lambda: self._replace(door)):
            return
        self.close(endpoint.name)
        listener = _listen(endpoint.address, endpoint.port)
        if listener is None:
            raise EndpointError(
                f"{endpoint.name} cannot listen on {endpoint.address}:{endpoint.port}: the address is taken. "
                "Release its address, claim another one and open the endpoint there."
            )
        self._loop.call(lambda: self._install(door, listener))

    def close(self, name: str) -> None:
        """Close an endpoint and its connections; one that is not open is no error."""
        self._loop.call(lambda: self._remove(name))

    def retarget(self, name: str, server: Servers, *, reason: str = "") -> None:
        """Lead an endpoint to another server, or to several; connections to those that stay are kept.

        None refuses new connections for now, with `reason`; those that exist hear the stopping server's last
        words first, and are dropped at the latest when the endpoint leads somewhere again.
        """

        def change() -> None:
            door = self._door(name)
            leaving = door.lead(server, reason)
            if door.servers:
                drop(leaving)
            elif leaving:
                self._loop.later(_LAST_WORDS, lambda: drop(leaving))

        self._loop.call(change)

    def update(self, name: str, *, force_tls: bool) -> None:
        """Change how new connections are treated; those that exist stay."""

        def change() -> None:
            self._door(name).endpoint.force_tls = force_tls

        self._loop.call(change)

    def connections(self, name: str) -> list[Connection]:
        """Return the clients that are connected through an endpoint."""
        return self._loop.call(
            lambda: [session.connection for session in self._door(name).sessions if session.connection]
        )

    def traffic(self, name: str) -> tuple[int, int]:
        """Return the bytes that went to and came from the server, or endpoint, of this name so far."""

        def read() -> tuple[int, int]:
            traffic = self._traffic[name]
            return traffic.received.bytes, traffic.sent.bytes

        return self._loop.call(read)

    def knows(self, host: str, port: int) -> bool:
        """Whether an open endpoint has this address or name, and this port."""
        name = host.lower().rstrip(".")
        return self._loop.call(lambda: self._at(name, port) is not None)

    def tunnel(self, origin: Origin, host: str, port: int, listen_port: int = 0) -> Tunnel:
        """Listen on 127.0.0.1 for connections that come from `origin` and go to `host`:`port` in its VPC."""
        listener = _listen("127.0.0.1", listen_port)
        if listener is None:
            raise EndpointError(f"Port {listen_port} is taken. Choose another localPortNumber.")
        number = next(self._numbers)
        tunnel = Tunnel(
            id=number,
            origin=origin,
            host=host,
            port=port,
            listen_address="127.0.0.1",
            listen_port=listener.getsockname()[1],
            close=lambda: self._loop.call(lambda: self._close_tunnel(number)),
        )
        passage = _Passage(tunnel, listener)
        self._loop.call(lambda: self._install_tunnel(passage))
        return tunnel

    def _install(self, door: Door, listener: socket.socket) -> None:
        self._doors[door.endpoint.name] = door
        self._listeners[door.endpoint.name] = listener

        def enter(client: socket.socket) -> None:
            self._serve(door, client, OUTSIDE)

        self._loop.watch(listener.fileno(), READ, lambda _: self._accept(listener, enter))

    def _replace(self, door: Door) -> bool:
        """Have the listener of an open endpoint serve another door; False when it listens elsewhere."""
        new, old = door.endpoint, self._doors.get(door.endpoint.name)
        if old is None or (old.endpoint.address, old.endpoint.port) != (new.address, new.port):
            return False
        self._install(door, self._listeners[new.name])
        drop(old.sessions)
        return True

    def _remove(self, name: str) -> None:
        listener = self._listeners.pop(name, None)
        if listener:
            self._loop.forget(listener.fileno())
            listener.close()
        door = self._doors.pop(name, None)
        if door:
            drop(door.sessions)

    def _install_tunnel(self, passage: _Passage) -> None:
        self._tunnels[passage.tunnel.id] = passage

        def enter(client: socket.socket) -> None:
            door = self._find(passage.tunnel) or self._nowhere(passage.tunnel)
            passage.sessions = [session for session in passage.sessions if session in session.door.sessions]
            passage.sessions.append(self._serve(door, client, passage.tunnel.origin))

        self._loop.watch(passage.listener.fileno(), READ, lambda _: self._accept(passage.listener, enter))

    def _close_tunnel(self, number: int) -> None:
        passage = self._tunnels.pop(number, None)
        if passage:
            self._loop.forget(passage.listener.fileno())
            passage.listener.close()
            for session in passage.sessions:
                session.close()

    def _close_all(self) -> None:
        for number in list(self._tunnels):
            self._close_tunnel(number)
        for name in list(self._doors):
            self._remove(name)

    def _door(self, name: str) -> Door:
        try:
            return self._doors[name]
        except KeyError:
            raise EndpointError(f"The endpoint {name} is not open. Open it first.") from None

    def _find(self, tunnel: Tunnel) -> Door | None:
        return self._at(tunnel.host.lower().rstrip("."), tunnel.port)

    def _at(self, host: str, port: int) -> Door | None:
        for door in self._doors.values():
            endpoint = door.endpoint
            if host in (endpoint.address, *endpoint.names) and port == endpoint.port:
                return door
        return None

    @staticmethod
    def _nowhere(tunnel: Tunnel) -> Door:
        """A door that explains why a tunnel leads nowhere."""
        name = f"{tunnel.host}:{tunnel.port}"
        itself = tunnel.host == tunnel.origin.instance_id
        kind = "tcp" if itself else _PORTS.get(tunnel.port, "postgres")
        remedy = (
            "Have its program listen on the address in the variable HOST."
            if itself
            else "Take Address and Port from the Endpoint that describe_db_instances shows."
        )
        nothing = Target(name, "", (), (), False, tunnel.port, "", "")
        reason = (
            f"connection refused on AWS: nothing listens at {name} for {tunnel.origin.instance_id}. {remedy}"
        )
        return Door(Endpoint(name, kind, "", tunnel.port, None, lambda: nothing), refusal=Refusal(reason))

    def _serve(self, door: Door, client: socket.socket, origin: Origin) -> Session:
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        session = Session(self._loop, self._gatekeeper, door, client, origin, self.recognise)
        session.run(_PROTOCOLS[door.endpoint.kind])
        return session

    def _accept(self, listener: socket.socket, enter: Callable[[socket.socket], object]) -> None:
        for _ in range(_BATCH):
            try:
                client, _ = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                self._turn_away(listener, error)
                return
            if sum(len(door.sessions) for door in self._doors.values()) >= self._most_sessions:
                client.close()
                log.warning("a connection was turned away: %d are open already", self._most_sessions)
                continue
            try:
                enter(client)
            except OSError:  # it has left again
                client.close()

    def _turn_away(self, listener: socket.socket, error: OSError) -> None:
        """No descriptor is left: without this, the waiting client would keep the loop busy for ever."""
        log.warning("a connection was turned away: %s. Raise the limit of open files (ulimit -n).", error)
        os.close(self._reserve)
        with contextlib.suppress(OSError):
            listener.accept()[0].close()
        self._reserve = os.open(os.devnull, os.O_RDONLY)


class _Passage:
    """A tunnel's listener and what runs through it."""

    def __init__(self, tunnel: Tunnel, listener: socket.socket) -> None:
        self.tunnel = tunnel
        self.listener = listener
        self.sessions: list[Session] = []


def _listen(address: str, port: int) -> socket.socket | None:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setblocking(False)
    try:
        listener.bind((address, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        return None
    return listener
