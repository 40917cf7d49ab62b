"""What PostgreSQL and RDS say at the start of a session, to the client and in the log."""

from __future__ import annotations

import datetime
import ssl
import struct

from localaws.relay.loop import Steps
from localaws.relay.session import Session
from localaws.relay.steps import part, send_all

_LONGEST_GREETING = 65536


def refuse(session: Session, code: str, message: str, detail: str = "") -> Steps[None]:
    """Send a FATAL error and end the connection."""
    more = f"\0D{detail}" if detail else ""
    fields = f"SFATAL\0VFATAL\0C{code}\0M{message}{more}\0\0".encode()
    yield from send_all(session.client, b"E" + struct.pack("!I", len(fields) + 4) + fields)
    yield from part(session.client)


def described(session: Session, user: str, database: str) -> str:
    """Describe a client as messages about pg_hba.conf do."""
    encryption = "SSL encryption" if session.secure else "no encryption"
    return f'host "{session.address}", user "{user}", database "{database}", {encryption}'


def log_line(session: Session, user: str, database: str, pid: int, text: str) -> str:
    """Return a line of the server's log with RDS's prefix."""
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    who = f"{session.address}({session.port}):{printable(user)}@{printable(database)}:[{pid}]"
    return f"{now}:{who}:{text}"


def printable(name: str) -> str:
    """A role's name may hold a line break; a log line may not be forged with it."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)


class Greeting:
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
        self._session.identify(pid)
        if self._authorized:
            self._session.log(self._line(pid))

    def _line(self, pid: int) -> str:
        session = self._session
        text = (
            f"LOG:  connection authorized: user={printable(self._user)} database={printable(self._database)}"
        )
        line = log_line(session, self._user, self._database, pid, text)
        client = session.client
        cipher = client.cipher() if isinstance(client, ssl.SSLSocket) else None
        if cipher is None or not isinstance(client, ssl.SSLSocket):
            return line
        return f"{line} SSL enabled (protocol={client.version()}, cipher={cipher[0]}, bits={cipher[2]})"
