"""PostgreSQL's front door: TLS, the network's decision, and the start of the session."""

from __future__ import annotations

import datetime
import ssl
import struct

from localaws.relay.loop import Steps
from localaws.relay.session import Session
from localaws.relay.steps import connect, part, peek, read_exactly, read_to_end, send_all

_SSL_REQUEST = 80877103
_GSS_REQUEST = 80877104
_CANCEL_REQUEST = 80877102
_TLS_RECORD = 0x16
_LONGEST_STARTUP = 10000
_LONGEST_GREETING = 65536


def serve(session: Session) -> Steps[None]:
    """Bring a client to its server, or tell it why not."""
    packet = yield from _greet(session)
    code = struct.unpack_from("!I", packet, 4)[0]
    if code == _CANCEL_REQUEST:
        yield from _cancel(session, packet)
        return
    if code >> 16 != 3:
        yield from _refuse(session, "0A000", f"unsupported frontend protocol {code >> 16}.{code & 0xFFFF}")
        return
    parameters = _parameters(packet[8:])
    user = parameters.get("user", "")
    database = parameters.get("database") or user
    refusal = yield from session.admit()
    if refusal:
        yield from _refuse(session, "08001", refusal.message)
        return
    objection = _object(session, user, database)
    if objection:
        yield from _refuse(session, "28000", objection)
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
        plain = not isinstance(session.client, ssl.SSLSocket)
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
    path = session.door.endpoint.server
    try:
        if path is None:
            raise ConnectionRefusedError
        server = yield from connect(path)
    except OSError:
        yield from _refuse(session, "57P03", _not_now(session))
        return
    server.send(packet)
    session.describe(user=user, database=database)
    session.flow(server, _Greeting(session, user, database).feed)


def _cancel(session: Session, packet: bytes) -> Steps[None]:
    """A cancel request is a connection of its own: the same network, no answer."""
    path = session.door.endpoint.server
    if (yield from session.admit()) or path is None:
        return
    server = yield from connect(path)
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
    secure = isinstance(session.client, ssl.SSLSocket)
    encryption = "SSL encryption" if secure else "no encryption"
    client = f'host "{session.address}", user "{user}", database "{database}", {encryption}'
    if user in session.door.endpoint.blocked_users:
        return f"pg_hba.conf rejects connection for {client}"
    if session.door.endpoint.force_tls and not secure:
        return f"no pg_hba.conf entry for {client}"
    return None


def _not_now(session: Session) -> str:
    name = session.door.endpoint.target().name
    return (
        f'the database system is not available: "{name}" is starting, stopping or '
        "stopped. Wait until describe_db_instances says available"
    )


def _refuse(session: Session, code: str, message: str) -> Steps[None]:
    fields = f"SFATAL\0VFATAL\0C{code}\0M{message}\0\0".encode()
    yield from send_all(session.client, b"E" + struct.pack("!I", len(fields) + 4) + fields)
    yield from part(session.client)


def _parameters(body: bytes) -> dict[str, str]:
    words = [word.decode(errors="replace") for word in body.split(b"\0")]
    return dict(zip(words[0::2], words[1::2], strict=False))


def _printable(name: str) -> str:
    """A role's name may hold a line break; a log line may not be forged with it."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)


class _Greeting:
    """Follows the server's first messages, to log the session as RDS's log_connections does."""

    def __init__(self, session: Session, user: str, database: str) -> None:
        self._session = session
        self._user, self._database = user, database
        self._seen = b""
        self._authorized = False

    def feed(self, data: bytes) -> bool:
        """Read on; True when there is nothing more to learn."""
        self._seen += data
        while len(self._seen) >= 9:
            kind, length = self._seen[:1], struct.unpack_from("!I", self._seen, 1)[0]
            if len(self._seen) < length + 1:
                return length > _LONGEST_GREETING
            if kind == b"R" and self._seen[5:9] == b"\0\0\0\0":
                self._authorized = True
            elif kind == b"K":
                self._report(struct.unpack_from("!I", self._seen, 5)[0])
                return True
            elif kind in b"EZ":
                return True
            self._seen = self._seen[length + 1 :]
        return False

    def _report(self, pid: int) -> None:
        session = self._session
        session.identify(pid)
        log = session.door.endpoint.log
        if log and self._authorized:
            log(self._line(pid))

    def _line(self, pid: int) -> str:
        session = self._session
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        user, database = _printable(self._user), _printable(self._database)
        who = f"{session.address}({session.port}):{user}@{database}:[{pid}]"
        line = f"{now}:{who}:LOG:  connection authorized: user={user} database={database}"
        client = session.client
        cipher = client.cipher() if isinstance(client, ssl.SSLSocket) else None
        if cipher is None or not isinstance(client, ssl.SSLSocket):
            return line
        return f"{line} SSL enabled (protocol={client.version()}, cipher={cipher[0]}, bits={cipher[2]})"
