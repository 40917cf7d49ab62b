"""What a database answers to a caller without a password: PostgreSQL's first messages, spoken by hand."""

import socket
import ssl
import struct
from dataclasses import dataclass

SSL_REQUEST = struct.pack("!II", 8, 80877103)
PROTOCOL = 196608
PATIENCE_S = 8.0


@dataclass(frozen=True)
class Answer:
    """Whether PostgreSQL itself answered, and what was said when it did not."""

    reached: bool
    said: str


def knock(host: str, port: int) -> Answer:
    """Start a session over TLS as nobody: a request for a password proves that the server is reached."""
    try:
        with socket.create_connection((host, port), timeout=PATIENCE_S) as plain:
            plain.sendall(SSL_REQUEST)
            wanted = plain.recv(1)
            if not wanted:
                return Answer(False, "the connection was closed before PostgreSQL answered")
            if wanted != b"S":
                return _start(plain)
            with _unverified().wrap_socket(plain, server_hostname=host) as secured:
                return _start(secured)
    except OSError as error:
        return Answer(False, str(error) or type(error).__name__)


def _unverified() -> ssl.SSLContext:
    # only reachability is asked here; nothing secret is sent
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _start(stream: socket.socket) -> Answer:
    body = struct.pack("!I", PROTOCOL) + b"user\0examiner\0database\0postgres\0\0"
    stream.sendall(struct.pack("!I", len(body) + 4) + body)
    kind = stream.recv(1)
    if not kind:
        return Answer(False, "the connection was closed before PostgreSQL answered")
    (length,) = struct.unpack("!I", _exactly(stream, 4))
    content = _exactly(stream, length - 4)
    if kind != b"E":
        return Answer(True, "")
    fields = {part[:1]: part[1:].decode(errors="replace") for part in content.split(b"\0") if part}
    # class 08 is the network's refusal; anything else (no entry in pg_hba.conf, …) came from the server
    return Answer(not fields.get(b"C", "").startswith("08"), fields.get(b"M", ""))


def _exactly(stream: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        part = stream.recv(size - len(received))
        if not part:
            raise OSError("the connection was closed in the middle of a message")
        received += part
    return received
