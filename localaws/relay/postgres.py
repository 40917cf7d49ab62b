"""PostgreSQL's front door: TLS, the network's decision, and the start of the session."""

from __future__ import annotations

import socket
import struct

from localaws.relay import tokens
from localaws.relay.greeting import Greeting, described, refuse
from localaws.relay.loop import Steps
from localaws.relay.session import Session
from localaws.relay.steps import Gone, connect, part, peek, read_exactly, read_some, read_to_end, send_all

_SSL_REQUEST = 80877103
_GSS_REQUEST = 80877104
_CANCEL_REQUEST = 80877102
_TLS_RECORD = 0x16
_LONGEST_STARTUP = 10000
_SHORTEST_CANCEL = 16
_ADMITTED = struct.pack("!cII", b"R", 8, 0)
"""The server's AuthenticationOk; as its first answer: it admits the user without a password."""


def serve(session: Session) -> Steps[None]:
    """Bring a client to its server, or tell it why not."""
    packet = yield from _greet(session)
    code = struct.unpack_from("!I", packet, 4)[0]
    if code == _CANCEL_REQUEST:
        yield from _cancel(session, packet)
        return
    if code >> 16 != 3:
        yield from refuse(session, "0A000", f"unsupported frontend protocol {code >> 16}.{code & 0xFFFF}")
        return
    parameters = _parameters(packet[8:])
    user = parameters.get("user", "")
    database = parameters.get("database") or user
    refusal = yield from session.admit()
    if refusal:
        yield from refuse(session, "08001", refusal.message)
        return
    objection = _object(session, user, database)
    if objection:
        yield from refuse(session, "28000", objection)
        return
    yield from _begin(session, packet, user, database)


def _greet(session: Session) -> Steps[bytes]:
    """Negotiate encryption and return the startup (or cancel) packet."""
    context = session.door.context
    if (yield from peek(session.client)) == _TLS_RECORD and context:
        yield from session.encrypt(context)
    while True:
        header = yield from read_exactly(session.client, 8)
        length, code = struct.unpack("!II", header)
        plain = not session.secure
        if code == _SSL_REQUEST and length == 8 and plain:
            yield from send_all(session.client, b"S" if context else b"N")
            if context:
                yield from session.encrypt(context)
        elif code == _GSS_REQUEST and length == 8 and plain:
            yield from send_all(session.client, b"N")
        elif 8 <= length <= _LONGEST_STARTUP:
            rest = yield from read_exactly(session.client, length - 8)
            return header + rest
        else:
            raise ConnectionAbortedError("not PostgreSQL's protocol")


def _begin(session: Session, packet: bytes, user: str, database: str) -> Steps[None]:
    try:
        server = yield from session.reach()
    except OSError:
        yield from refuse(session, "57P03", session.door.unavailable())
        return
    try:
        yield from _introduce(session, server, packet, user, database)
    except BaseException:
        session.loop.forget(server.fileno())
        server.close()
        raise


def _introduce(
    session: Session, server: socket.socket, packet: bytes, user: str, database: str
) -> Steps[None]:
    try:
        yield from send_all(server, packet)
        head, answer = yield from _first_answer(server)
        if not session.bind():
            raise Gone
    except (Gone, OSError):
        session.check()
        yield from refuse(session, "57P03", session.door.unavailable())
        raise Gone from None
    yield from send_all(session.client, head)
    if answer.startswith(_ADMITTED):
        yield from tokens.prove(session, user, database)
    session.describe(user=user, database=database)
    greeting = Greeting(session, user, database)
    known = greeting.feed(answer)
    yield from send_all(session.client, answer)
    session.flow(server, None if known else greeting.feed)


def _first_answer(server: socket.socket) -> Steps[tuple[bytes, bytes]]:
    """Return what the server says of the protocol's version, if anything, and its answer about the log-in."""
    head = answer = b""
    while True:
        answer += yield from read_some(server, 8192)
        while answer[:1] == b"v" and len(answer) >= 5:
            size = 1 + int(struct.unpack_from("!I", answer, 1)[0])
            if len(answer) < size:
                break
            head, answer = head + answer[:size], answer[size:]
        if answer[:1] == b"E" or (answer[:1] == b"R" and len(answer) >= len(_ADMITTED)):
            return head, answer
        if answer[:1] not in (b"", b"v", b"R"):
            # a session that nobody has authenticated must not begin
            raise ConnectionAbortedError("the server does not answer about the log-in")


def _cancel(session: Session, packet: bytes) -> Steps[None]:
    """A cancel request is a connection of its own: the same network, the same server, no answer."""
    if (yield from session.admit()) or len(packet) < _SHORTEST_CANCEL:
        return
    chosen = session.door.serving(struct.unpack_from("!I", packet, 8)[0])
    if chosen:
        server = yield from connect(chosen.socket)
        try:
            yield from send_all(server, packet)
            yield from read_to_end(server)
        finally:
            session.loop.forget(server.fileno())
            server.close()
    # libpq takes a TLS connection that ends without a goodbye for a failed cancellation
    yield from part(session.client)


def _object(session: Session, user: str, database: str) -> str | None:
    """What RDS's own pg_hba.conf would refuse."""
    client = described(session, user, database)
    if user in session.door.endpoint.blocked_users:
        return f"pg_hba.conf rejects connection for {client}"
    if session.door.endpoint.force_tls and not session.secure:
        return f"no pg_hba.conf entry for {client}"
    return None


def _parameters(body: bytes) -> dict[str, str]:
    words = [word.decode(errors="replace") for word in body.split(b"\0")]
    return dict(zip(words[0::2], words[1::2], strict=False))
