"""Sessions in the server's log, and lines that only look like one."""

import pytest

from autograder.serverlog import parse

PREFIX = "2026-11-22 17:00:00 UTC:10.0.11.12(51234):app@shop:[77]:LOG:  "
TLS = "SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)"
WHOLE = f"{PREFIX}connection authorized: user=app database=shop {TLS}"


def test_a_session_over_tls() -> None:
    (session,) = parse([WHOLE])
    assert (session.host, session.user, session.database, session.pid, session.tls) == (
        "10.0.11.12",
        "app",
        "shop",
        77,
        True,
    )


def test_a_session_in_plain_text() -> None:
    (session,) = parse([f"{PREFIX}connection authorized: user=app database=shop application_name=psql"])
    assert not session.tls


@pytest.mark.parametrize(
    "line",
    [
        "\t" + WHOLE,
        WHOLE.replace("10.0.11.12(51234)", "[local]"),
        WHOLE.replace("connection authorized", "connection authorised"),
        f"{PREFIX}duration: 3 ms statement: select '{WHOLE}'",
        WHOLE.replace("user=app", "user=root"),
        WHOLE + "\n",
        WHOLE.replace(":[77]:", ":[]:"),
    ],
)
def test_lines_that_are_no_session(line: str) -> None:
    assert list(parse([line])) == []
