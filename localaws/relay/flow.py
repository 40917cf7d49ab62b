"""The fast path: bytes between a client and a server, never more than one piece held back."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable

from localaws.relay.endpoint import Meter, Traffic
from localaws.relay.loop import Loop, Timer
from localaws.relay.poller import READ, WRITE

PIECE = 65536
LINGER = 5.0
"""Seconds that a client may take to hang up after the server has."""

AGAIN = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
Inspector = Callable[[bytes], bool]


class Pipe:
    """One direction. When the sink is full, the source is not read until the piece in hand has left."""

    __slots__ = ("flow", "held", "inspect", "meter", "open", "receive", "send", "sink", "source")

    def __init__(self, flow: Flow, source: socket.socket, sink: socket.socket, meter: Meter) -> None:
        self.flow = flow
        self.source = source
        self.sink = sink
        self.receive = source.recv
        self.send = sink.send
        self.held = b""
        self.open = True
        self.inspect: Inspector | None = None
        self.meter = meter

    def pump(self, _events: int = READ) -> None:
        """Move what is there from the source to the sink."""
        try:
            data = self.receive(PIECE)
        except AGAIN:
            return
        except OSError:
            self.flow.close()
            return
        if self.inspect is not None and self.inspect(data):
            self.inspect = None
        if not data:
            self.open = False
            self.flow.ended(self)
            return
        self.meter.bytes += len(data)
        try:
            sent = self.send(data)
        except AGAIN:
            sent = 0
        except OSError:
            self.flow.broken(self)
            return
        if sent != len(data):
            self.held = data[sent:]
            self.flush()

    def flush(self) -> None:
        """Send what was held back ; TLS takes a record at a time."""
        try:
            while self.held:
                self.held = self.held[self.send(self.held) :]
        except AGAIN:
            self.flow.balance()
            return
        except OSError:
            self.flow.broken(self)
            return
        self.flow.balance()
        if not self.open:
            self.flow.ended(self)


class Flow:
    """A client and a server that talk to each other. It owns both sockets and closes them at the end."""

    def __init__(
        self,
        loop: Loop,
        client: socket.socket,
        server: socket.socket,
        *,
        traffic: Traffic,
        closed: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._closed = closed
        self._client, self._server = client, server
        self._client_fd, self._server_fd = client.fileno(), server.fileno()
        self._up = Pipe(self, client, server, traffic.received)
        self._down = Pipe(self, server, client, traffic.sent)
        self._alive = True
        self._linger: Timer | None = None

    def start(self, inspect: Inspector | None = None) -> None:
        """Begin. `inspect` sees what the server sends until it returns True."""
        self._down.inspect = inspect
        self._loop.watch(self._client_fd, READ, self._up.pump)
        self._loop.watch(self._server_fd, READ, self._down.pump)
        if isinstance(self._client, ssl.SSLSocket) and self._client.pending():
            self._up.pump()

    def close(self) -> None:
        """End at once and close both sockets."""
        if not self._alive:
            return
        self._alive = False
        for fd, end in ((self._client_fd, self._client), (self._server_fd, self._server)):
            self._loop.forget(fd)
            end.close()
        if self._linger:
            self._linger.cancel()
        self._closed()

    def ended(self, pipe: Pipe) -> None:
        """Pass on that a direction has ended, once all of its bytes have left."""
        if pipe.held or not self._alive:
            self.balance()
        elif pipe is self._up:
            self._half_close()
        else:
            self._hang_up()

    def broken(self, pipe: Pipe) -> None:
        """A sink takes no more: end, but let the client read what a dying server still said."""
        if pipe is self._up and self._down.open:
            pipe.open, pipe.held = False, b""
            self.balance()
        else:
            self.close()

    def balance(self) -> None:
        """Tell the loop which ends are to be read and which to be written."""
        if not self._alive:
            return
        up, down = self._up, self._down
        client = (READ if up.open and not up.held else 0) | (WRITE if down.held else 0)
        server = (READ if down.open and not down.held else 0) | (WRITE if up.held else 0)
        self._loop.watch(self._client_fd, client, up.pump if client == READ else self._on_client)
        self._loop.watch(self._server_fd, server, down.pump if server == READ else self._on_server)

    def _on_client(self, events: int) -> None:
        if self._down.held and events != READ:
            self._down.flush()
        if events != WRITE and self._up.open and not self._up.held and self._alive:
            self._up.pump()

    def _on_server(self, events: int) -> None:
        if self._up.held and events != READ:
            self._up.flush()
        if events != WRITE and self._down.open and not self._down.held and self._alive:
            self._down.pump()

    def _half_close(self) -> None:
        """The client has said its last word; the server may still have an answer."""
        if not self._down.open:
            self.close()
            return
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_WR)
        self.balance()

    def _hang_up(self) -> None:
        """The server is gone: tell the client, and wait a moment so that it reads the last words."""
        if not self._up.open:
            self.close()
            return
        self._up.held = b""
        say_goodbye(self._client)
        self._loop.forget(self._server_fd)
        self._loop.watch(self._client_fd, READ, self._drain)
        self._linger = self._loop.later(LINGER, self.close)

    def _drain(self, _events: int) -> None:
        try:
            if self._client.recv(PIECE):
                return
        except AGAIN:
            return
        except OSError:
            self.close()
            return
        self.close()


def say_goodbye(client: socket.socket) -> None:
    """Close the sending direction, with TLS's close_notify where there is TLS."""
    with contextlib.suppress(OSError, ValueError):
        if isinstance(client, ssl.SSLSocket):
            client.unwrap()
    with contextlib.suppress(OSError):
        client.shutdown(socket.SHUT_WR)
