"""Valkey's and Redis's front door: TLS where transit encryption is on, and the network's decision."""

from __future__ import annotations

from localaws.relay.loop import Steps
from localaws.relay.session import Session
from localaws.relay.steps import Gone, peek, read_exactly, read_some, send_all

_ANSWERS = 32
_LONGEST_COMMAND = 65536
_HANDSHAKE = 0x16
"""The first byte of a client that begins with TLS."""
_UNKNOWN = b"-NOAUTH Authentication required.\r\n"


def serve(session: Session) -> Steps[None]:
    """Bring a client to its server, or tell it why not."""
    yield from secure(session)
    refusal = yield from session.admit()
    if refusal:
        yield from _refuse(session, f"ERR {refusal.message}")
        return
    try:
        server = yield from session.reach()
    except OSError:
        # clients take this for a connection that failed, and try again
        yield from _refuse(session, f"LOADING {session.door.unavailable()}")
        return
    session.bind()
    session.describe()
    session.flow(server)


def secure(session: Session) -> Steps[None]:
    """Speak TLS where the endpoint asks for it, or where it is offered and the client begins with it."""
    context = session.door.context
    if context and (session.door.endpoint.force_tls or (yield from peek(session.client)) == _HANDSHAKE):
        yield from session.encrypt(context)


def serve_replica(session: Session) -> Steps[None]:
    """Bring a replica to its source; nothing reaches the server before the secret was told.

    A server follows another one over TCP only, and its own users may be open to everybody.
    """
    judge = session.door.endpoint.judge
    words = yield from _read_command(session)
    while [word.upper() for word in words] == [b"PING"]:
        yield from send_all(session.client, _UNKNOWN)
        words = yield from _read_command(session)
    if judge is None or len(words) != 3 or words[0].upper() != b"AUTH":
        yield from send_all(session.client, _UNKNOWN)
        raise Gone
    if judge(words[1].decode("latin-1"), words[2].decode("latin-1")) is not None:
        yield from send_all(session.client, b"-WRONGPASS invalid username-password pair\r\n")
        raise Gone
    session.trust()
    server = yield from session.reach()
    try:
        yield from send_all(server, _command(words))
    except BaseException:
        server.close()
        raise
    session.bind()
    session.flow(server)


def _read_command(session: Session) -> Steps[list[bytes]]:
    """Return the words of the next command, and take no byte after it."""
    count = yield from _read_number(session, b"*")
    words = []
    for _ in range(count):
        size = yield from _read_number(session, b"$")
        words.append((yield from read_exactly(session.client, size + 2))[:-2])
    return words


def _read_number(session: Session, sign: bytes) -> Steps[int]:
    line = b""
    while not line.endswith(b"\r\n") and len(line) < _LONGEST_NUMBER:
        line += yield from read_exactly(session.client, 1)
    digits = line[1:-2]
    if line[:1] != sign or not digits.isdigit() or int(digits) > _LONGEST_WORD:
        raise Gone
    return int(digits)


_LONGEST_NUMBER = 8
_LONGEST_WORD = 1024


def _command(words: list[bytes]) -> bytes:
    return b"".join([b"*%d\r\n" % len(words), *(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)])


def _refuse(session: Session, message: str) -> Steps[None]:
    """Answer every command with the reason: clients ignore the answers to their first ones."""
    answer = f"-{message}\r\n".encode()
    pending = b""
    for _ in range(_ANSWERS):
        pending += yield from read_some(session.client, 4096)
        commands, pending = _commands(pending)
        yield from send_all(session.client, answer * commands)
        if len(pending) > _LONGEST_COMMAND:
            return


def _commands(data: bytes) -> tuple[int, bytes]:
    """Count the complete commands in front and return what follows them."""
    count = 0
    while data:
        size = _size(data)
        if size is None:
            break
        data = data[size:]
        count += 1
    return count, data


def _size(data: bytes) -> int | None:
    """Return the length of the first command, None when it is not complete."""
    end = data.find(b"\r\n")
    if end < 0:
        return None
    if data[:1] != b"*" or not data[1:end].isdigit():
        return end + 2
    position = end + 2
    for _ in range(int(data[1:end])):
        end = data.find(b"\r\n", position)
        if end < 0 or data[position : position + 1] != b"$" or not data[position + 1 : end].isdigit():
            return None
        position = end + 2 + int(data[position + 1 : end]) + 2
    return position if position <= len(data) else None
