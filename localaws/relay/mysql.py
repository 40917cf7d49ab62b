"""MariaDB's front door: the network's decision, TLS, and the log-in, in which packets are numbered.

The server learns the client's address by the PROXY protocol and speaks no TLS itself.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

from localaws.relay.loop import Steps
from localaws.relay.session import Session
from localaws.relay.steps import Gone, part, read_exactly, send_all

_TLS = 0x0800
"""CLIENT_SSL among the capabilities."""
_LONGEST = 1 << 16
_TLS_REQUEST_SIZE = 32
_OK, _MORE, _SWITCH, _ERROR = b"\x00", b"\x01", b"\xfe", b"\xff"
_FAST = b"\x01\x03"
"""The server needs nothing more from the client and says OK next."""

HOST_REFUSED = 1130
SHUTTING_DOWN = 1053
ACCESS_DENIED = (1045, "28000")
INSECURE = (3159, "HY000")


@dataclass(frozen=True)
class Packet:
    """A packet and its place in the exchange."""

    number: int
    body: bytes

    def framed(self, shift: int = 0) -> bytes:
        """Return the bytes that go over the wire."""
        head = len(self.body).to_bytes(3, "little") + bytes([(self.number + shift) % 256])
        return head + self.body


def serve(session: Session) -> Steps[None]:
    """Bring a client to its server, or tell it why not."""
    refusal = yield from session.admit()
    if refusal:
        yield from _refuse_at_once(session, HOST_REFUSED, refusal.message)
        return
    try:
        server = yield from session.reach()
    except OSError:
        yield from _refuse_at_once(session, SHUTTING_DOWN, session.door.unavailable())
        return
    try:
        yield from _introduce(session, server)
    except BaseException:
        session.loop.forget(server.fileno())
        server.close()
        raise


def _introduce(session: Session, server: socket.socket) -> Steps[None]:
    try:
        yield from send_all(server, _proxied(session))
        greeting = yield from _read(server)
        if not session.bind():
            raise Gone
    except (Gone, OSError):
        session.check()
        yield from _refuse_at_once(session, SHUTTING_DOWN, session.door.unavailable())
        raise Gone from None
    if greeting.body[:1] == _ERROR:
        yield from send_all(session.client, greeting.framed())
        yield from part(session.client)
        raise Gone
    thread, offered = _offer(greeting, tls=session.door.context is not None)
    yield from send_all(session.client, offered.framed())
    answer = yield from _client_answer(session)
    yield from _log_in(session, server, answer)
    session.describe(user=_user(answer.body))
    session.identify(thread)
    session.flow(server)


def _proxied(session: Session) -> bytes:
    """The header of the PROXY protocol that names the client."""
    here, port = session.client.getsockname()[:2]
    return f"PROXY TCP4 {session.address} {here} {session.port} {port}\r\n".encode()


def _offer(greeting: Packet, *, tls: bool) -> tuple[int, Packet]:
    """Return the server's thread and its greeting, with TLS on offer when the endpoint has it."""
    body = bytearray(greeting.body)
    at = body.index(0, 1) + 1
    thread = int.from_bytes(body[at : at + 4], "little")
    low = at + 4 + 8 + 1
    (offered,) = struct.unpack_from("<H", body, low)
    struct.pack_into("<H", body, low, offered | _TLS if tls else offered & ~_TLS)
    return thread, Packet(greeting.number, bytes(body))


def _client_answer(session: Session) -> Steps[Packet]:
    """Return who the client says it is, after TLS if it asks for that."""
    answer = yield from _read(session.client)
    if len(answer.body) == _TLS_REQUEST_SIZE and session.door.context and _capabilities(answer) & _TLS:
        yield from session.encrypt(session.door.context)
        answer = yield from _read(session.client)
    elif session.door.endpoint.force_tls:
        message = "Connections using insecure transport are prohibited while --require_secure_transport=ON."
        yield from _refuse(session, answer, *INSECURE, message)
    if len(answer.body) <= _TLS_REQUEST_SIZE:
        raise ConnectionAbortedError("not MariaDB's protocol")
    user = _user(answer.body)
    if user in session.door.endpoint.blocked_users:
        message = f"Access denied for user '{user}'@'{session.address}' (using password: YES)"
        yield from _refuse(session, answer, *ACCESS_DENIED, message)
    return answer


def _log_in(session: Session, server: socket.socket, answer: Packet) -> Steps[None]:
    """Carry the log-in's packets until the server decides; TLS took a number that it does not know of."""
    shift = answer.number - 1
    capabilities = struct.pack("<I", _capabilities(answer) & ~_TLS)
    yield from send_all(server, Packet(1, capabilities + answer.body[4:]).framed())
    while True:
        said = yield from _read(server)
        yield from send_all(session.client, said.framed(shift))
        if said.body[:1] == _OK:
            return
        if said.body[:1] not in (_MORE, _SWITCH):
            yield from part(session.client)
            raise Gone
        if said.body != _FAST:
            reply = yield from _read(session.client)
            yield from send_all(server, reply.framed(-shift))


def _capabilities(answer: Packet) -> int:
    return int.from_bytes(answer.body[:4], "little")


def _user(answer: bytes) -> str:
    return answer[_TLS_REQUEST_SIZE:].split(b"\0", 1)[0].decode(errors="replace")


def _read(source: socket.socket) -> Steps[Packet]:
    head = yield from read_exactly(source, 4)
    size = int.from_bytes(head[:3], "little")
    if size > _LONGEST:
        raise ConnectionAbortedError("not MariaDB's protocol")
    body = yield from read_exactly(source, size)
    return Packet(head[3], body)


def _refuse_at_once(session: Session, code: int, message: str) -> Steps[None]:
    """Refuse in place of the greeting: clients know no SQLSTATE yet."""
    body = _ERROR + struct.pack("<H", code) + message.encode()
    yield from send_all(session.client, Packet(0, body).framed())
    yield from part(session.client)


def _refuse(session: Session, answer: Packet, code: int, state: str, message: str) -> Steps[None]:
    body = _ERROR + struct.pack("<H", code) + b"#" + state.encode() + message.encode()
    yield from send_all(session.client, Packet(answer.number, body).framed(1))
    yield from part(session.client)
    raise Gone
