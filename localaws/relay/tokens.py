"""IAM database authentication: a user whom the server admits without a password brings a token instead.

AWS: "IAM database authentication for MariaDB, MySQL, and PostgreSQL".
"""

from __future__ import annotations

import struct

from localaws.relay.flow import AGAIN
from localaws.relay.greeting import described, log_line, refuse
from localaws.relay.loop import Steps
from localaws.relay.session import Session
from localaws.relay.steps import Gone, read_exactly, send_all

_ASK_PASSWORD = struct.pack("!cII", b"R", 8, 3)
_LONGEST_TOKEN = 65535


def prove(session: Session, user: str, database: str) -> Steps[None]:
    """Ask the client for a token; return when it proves that IAM knows the user, else refuse and end."""
    if not session.secure:
        rejection = f"pg_hba.conf rejects connection for {described(session, user, database)}"
        yield from refuse(session, "28000", rejection)
        raise Gone
    yield from send_all(session.client, _ASK_PASSWORD)
    token = yield from _read_token(session)
    judge = session.door.endpoint.judge
    problem: str | None = "IAM database authentication is not enabled"
    if judge:
        problem = yield from session.wait_for(lambda: judge(user, token))
    if problem is None and _spoke_early(session):
        problem = "the client sent more than its token before it was authenticated"
    if problem:
        yield from _fail(session, user, database, problem)


def _read_token(session: Session) -> Steps[str]:
    kind, length = struct.unpack("!cI", (yield from read_exactly(session.client, 5)))
    if kind != b"p" or not 4 < length <= _LONGEST_TOKEN:
        yield from refuse(session, "08P01", f"expected password response, got message type {kind[0]}")
        raise Gone
    body = yield from read_exactly(session.client, length - 4)
    return str(body.rstrip(b"\0").decode(errors="replace"))


def _spoke_early(session: Session) -> bool:
    """Whether the client has sent something that the server must not see, or has hung up."""
    try:
        session.client.recv(1)
    except AGAIN:
        return False
    return True


def _fail(session: Session, user: str, database: str, problem: str) -> Steps[None]:
    message = f'PAM authentication failed for user "{user}"'
    session.log(log_line(session, user, database, 0, f"LOG:  pam_authenticate failed: {problem}"))
    session.log(log_line(session, user, database, 0, f"FATAL:  {message}"))
    yield from refuse(session, "28000", message, f"{problem}.")
    raise Gone
