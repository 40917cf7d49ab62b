"""Small scripts over non-blocking sockets that the protocols are told in."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from pathlib import Path

from localaws.addresses import Address
from localaws.relay.flow import AGAIN, say_goodbye
from localaws.relay.loop import Pause, Ready, Steps
from localaws.relay.poller import READ, WRITE

_RETRIES = 200
_RETRY = 0.01


class Gone(Exception):
    """The other side has hung up, or broke the protocol so that nothing can be answered."""


def read_exactly(source: socket.socket, size: int) -> Steps[bytes]:
    """Return exactly this many bytes."""
    data = b""
    while len(data) < size:
        data += yield from read_some(source, size - len(data))
    return data


def read_some(source: socket.socket, limit: int) -> Steps[bytes]:
    """Return what is there, at least one byte."""
    while True:
        try:
            data = source.recv(limit)
        except ssl.SSLWantWriteError:
            yield Ready(source.fileno(), WRITE)
        except AGAIN:
            yield Ready(source.fileno(), READ)
        else:
            if not data:
                raise Gone
            return data


def read_to_end(source: socket.socket) -> Steps[None]:
    """Read and forget until the other side hangs up."""
    while True:
        try:
            yield from read_some(source, 4096)
        except Gone:
            return


def peek(source: socket.socket) -> Steps[int]:
    """Return the first byte and leave it where it is."""
    while True:
        try:
            data = source.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            yield Ready(source.fileno(), READ)
        else:
            if not data:
                raise Gone
            return data[0]


def send_all(sink: socket.socket, data: bytes) -> Steps[None]:
    """Send all bytes."""
    while data:
        try:
            data = data[sink.send(data) :]
        except ssl.SSLWantReadError:
            yield Ready(sink.fileno(), READ)
        except AGAIN:
            yield Ready(sink.fileno(), WRITE)


def handshake(secure: ssl.SSLSocket) -> Steps[None]:
    """Shake hands as the server."""
    while True:
        try:
            secure.do_handshake()
        except ssl.SSLWantWriteError:
            yield Ready(secure.fileno(), WRITE)
        except ssl.SSLWantReadError:
            yield Ready(secure.fileno(), READ)
        else:
            return


def connect(place: Path | Address) -> Steps[socket.socket]:
    """Connect to an engine's Unix socket or a host's port; a full queue of connections is waited for."""
    server = socket.socket(socket.AF_UNIX if isinstance(place, Path) else socket.AF_INET)
    server.setblocking(False)
    for _ in range(_RETRIES):
        try:
            server.connect(str(place) if isinstance(place, Path) else (place.address, place.port))
        except BlockingIOError as error:
            if error.errno == errno.EINPROGRESS:
                yield Ready(server.fileno(), WRITE)
                _raise_failure(server)
                return server
            yield Pause(_RETRY)
        except OSError:
            server.close()
            raise
        else:
            return server
    server.close()
    raise TimeoutError(errno.ETIMEDOUT, "the server accepts no connection")


def _raise_failure(server: socket.socket) -> None:
    failure = server.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if failure:
        server.close()
        raise OSError(failure, os.strerror(failure))


def part(client: socket.socket, seconds: float = 2.0) -> Steps[None]:
    """Say goodbye, and give the client time to read what was sent last."""
    say_goodbye(client)
    for _ in range(int(seconds / _RETRY)):
        try:
            if not client.recv(4096):
                return
        except AGAIN:
            yield Pause(_RETRY)
        except OSError:
            return
