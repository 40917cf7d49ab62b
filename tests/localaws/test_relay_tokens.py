"""Users whom the server admits without a password: the relay asks them for a token, over TLS only."""

from __future__ import annotations

import contextlib
import ssl
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from localaws.engines.postgres import PostgresServer
from localaws.network import OUTSIDE_IP

from .fix_relay import Shop, eventually, open_shop, running_server

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with running_server() as made:
        yield made


@pytest.fixture
def shop(server: PostgresServer, tmp_path: Path) -> Iterator[Shop]:
    with open_shop(server, tmp_path) as made:
        yield made


@dataclass
class IamUser:
    """A user whom the server admits without a password, and what was asked about their tokens."""

    shop: Shop
    asked: list[tuple[str, str]] = field(default_factory=list)

    def judge(self, user: str, token: str) -> str | None:
        self.asked.append((user, token))
        return None if token == "a good token" else "the token is not good"

    def connect(self, password: str = "a good token", **options: Any) -> psycopg.Connection:
        return self.shop.connect(**{"user": "clerk", "password": password, "sslmode": "require", **options})


@pytest.fixture
def clerk(shop: Shop) -> Iterator[IamUser]:
    with shop.connect() as connection:
        connection.execute("CREATE USER clerk")
        connection.execute("GRANT rds_iam TO clerk")
    user = IamUser(shop)
    shop.endpoint.judge = user.judge
    yield user
    shop.endpoint.judge = None
    with shop.connect() as connection:
        connection.execute("DROP USER clerk")


def test_a_member_of_rds_iam_brings_a_token(clerk: IamUser) -> None:
    with clerk.connect() as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("clerk",)
        assert connection.info.backend_pid == clerk.shop.front.connections("rds:shop")[0].pid
    assert clerk.asked == [("clerk", "a good token")]
    assert "connection authorized: user=clerk" in clerk.shop.log[-1]


def test_a_token_that_is_not_good_is_refused_as_rds_does(clerk: IamUser) -> None:
    with pytest.raises(psycopg.OperationalError) as caught:
        clerk.connect("a bad one")
    assert 'PAM authentication failed for user "clerk"' in str(caught.value)
    assert "the token is not good" in str(caught.value)
    assert "pam_authenticate failed" in clerk.shop.log[-2]
    clerk.shop.endpoint.judge = None
    with pytest.raises(psycopg.OperationalError, match="IAM database authentication is not enabled"):
        clerk.connect()


def test_a_token_is_never_taken_in_plain_text(clerk: IamUser) -> None:
    with pytest.raises(psycopg.OperationalError) as caught:
        clerk.connect(sslmode="disable")
    rejects = f'pg_hba.conf rejects connection for host "{OUTSIDE_IP}", user "clerk"'
    assert rejects in str(caught.value)
    assert "no encryption" in str(caught.value)
    assert clerk.asked == []


def test_the_master_keeps_the_password_though_it_may_grant_rds_iam(clerk: IamUser) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        clerk.shop.connect(password="a good token")
    clerk.shop.connect().close()
    assert clerk.asked == []


@contextlib.contextmanager
def startup(shop: Shop) -> Iterator[ssl.SSLSocket]:
    """A TLS connection of the clerk that has said who it is and was asked for a password."""
    context = ssl.create_default_context(cafile=shop.bundle)
    with shop.dial() as plain:
        plain.sendall(struct.pack("!II", 8, 80877103))
        assert plain.recv(1) == b"S"
        with context.wrap_socket(plain, server_hostname=shop.endpoint.address) as client:
            words = b"user\0clerk\0database\0shop\0\0"
            client.sendall(struct.pack("!II", len(words) + 8, 196608) + words)
            assert client.recv(9) == struct.pack("!cII", b"R", 8, 3)
            yield client


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def test_what_comes_before_the_token_is_judged_reaches_no_server(clerk: IamUser) -> None:
    query = message(b"Q", b"CREATE TABLE intruder ()\0")
    with startup(clerk.shop) as client:
        client.sendall(query)
        assert b"expected password response" in client.recv(1000)
    with startup(clerk.shop) as client:
        client.sendall(message(b"p", b"a good token\0") + query)
        assert b"PAM authentication failed" in client.recv(1000)
    with clerk.shop.connect() as connection:
        assert connection.execute("SELECT to_regclass('public.intruder')").fetchone() == (None,)
        count = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'clerk'"
        eventually(lambda: connection.execute(count).fetchone() == (0,))


def test_a_client_that_leaves_without_its_token_leaves_no_session(clerk: IamUser) -> None:
    with startup(clerk.shop):
        pass
    with clerk.shop.connect(autocommit=True) as connection:
        count = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'clerk'"
        eventually(lambda: connection.execute(count).fetchone() == (0,))
