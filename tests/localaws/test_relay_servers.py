"""Endpoints in front of several servers: turns, failover, reasons and the count of bytes."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from localaws.engines.postgres import PostgresServer
from localaws.relay import Server

from .fix_relay import DEADLINE, Shop, open_shop, running_server, which

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with running_server() as made:
        yield made


@pytest.fixture(scope="module")
def second() -> Iterator[PostgresServer]:
    with running_server() as made:
        yield made


@pytest.fixture
def shop(server: PostgresServer, tmp_path: Path) -> Iterator[Shop]:
    with open_shop(server, tmp_path) as made:
        yield made


def test_several_servers_take_turns_and_one_that_dies_is_skipped(
    shop: Shop, server: PostgresServer, second: PostgresServer
) -> None:
    shop.front.retarget("rds:shop", [Server(server.socket), Server(second.socket)])
    with contextlib.ExitStack() as stack:
        seen = [which(stack.enter_context(shop.connect())) for _ in range(6)]
    assert len(set(seen)) == 2
    assert seen[:2] * 3 == seen
    gone = server.socket.with_name("gone")
    shop.front.retarget("rds:shop", [Server(gone), Server(second.socket)])
    with contextlib.ExitStack() as stack:
        assert len({which(stack.enter_context(shop.connect())) for _ in range(4)}) == 1


def test_a_change_of_the_set_keeps_connections_to_servers_that_stay(
    shop: Shop, server: PostgresServer, second: PostgresServer
) -> None:
    shop.front.retarget("rds:shop", [Server(server.socket)])
    leaving = shop.connect()
    shop.front.retarget("rds:shop", [Server(server.socket), Server(second.socket)])
    pair = [shop.connect(), shop.connect()]
    [staying] = [each for each in pair if which(each) != which(leaving)]
    shop.front.retarget("rds:shop", [Server(second.socket)])
    assert staying.execute("SELECT 1").fetchone() == (1,)
    for connection in {leaving, *pair} - {staying}:
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    staying.close()


def test_the_network_is_asked_about_the_server_that_serves(
    shop: Shop, server: PostgresServer, second: PostgresServer
) -> None:
    closed = dataclasses.replace(shop.endpoint.target(), name="closed")
    shop.gate.closed = "closed"
    logs: list[str] = []
    servers = [Server(server.socket), Server(second.socket, target=lambda: closed, log=logs.append)]
    shop.front.retarget("rds:shop", servers)
    outcomes = []
    for _ in range(4):
        try:
            # without TLS being required, libpq would try once more without it: the other server's turn
            shop.connect(sslmode="require").close()
            outcomes.append("in")
        except psycopg.OperationalError as error:
            outcomes.append("refused" if "closed to all" in str(error) else str(error))
    assert sorted(outcomes) == ["in", "in", "refused", "refused"]
    shop.gate.closed = None
    for _ in range(2):
        shop.connect().close()
    assert len(logs) == 1


def test_a_query_is_cancelled_at_the_server_that_runs_it(
    shop: Shop, server: PostgresServer, second: PostgresServer
) -> None:
    shop.front.retarget("rds:shop", [Server(server.socket), Server(second.socket)])
    with shop.connect(sslmode="require") as one, shop.connect(sslmode="require") as other:
        for connection in (one, other):
            timer = threading.Timer(0.1, connection.cancel_safe)
            timer.start()
            with pytest.raises(psycopg.errors.QueryCanceled):
                connection.execute("SELECT pg_sleep(60)")
            timer.join()


def test_the_owner_of_an_endpoint_says_why_nobody_is_served(shop: Shop) -> None:
    shop.front.retarget("rds:shop", None, reason="the Availability Zone us-east-1a is down")
    with pytest.raises(psycopg.OperationalError, match="us-east-1a is down"):
        shop.connect(sslmode="require")


def test_a_failover_leaves_nobody_with_the_fenced_server(
    shop: Shop, server: PostgresServer, second: PostgresServer
) -> None:
    former = shop.connect(sslmode="require")
    old = which(former)
    moved, ending = threading.Event(), threading.Event()
    pool = ThreadPoolExecutor(3)
    clients = [pool.submit(_come_and_go, shop, moved, ending) for _ in range(3)]
    shop.front.retarget("rds:shop", None)
    shop.front.retarget("rds:shop", second.socket)
    moved.set()
    with pytest.raises(psycopg.OperationalError):
        former.execute("SELECT 1")
    with shop.connect(sslmode="require") as connection:
        new = which(connection)
    ending.set()
    for client in clients:
        homes = client.result(DEADLINE)
        assert homes == sorted(homes, key=[old, new].index)
    assert new != old
    pool.shutdown()


def _come_and_go(shop: Shop, moved: threading.Event, ending: threading.Event) -> list[str]:
    """Connect again and again; once the endpoint has moved, every attempt succeeds."""
    homes: list[str] = []
    while not ending.is_set():
        after = moved.is_set()
        try:
            connection = shop.connect(sslmode="require")
            homes.append(which(connection))
            connection.close()
        except psycopg.OperationalError:
            if after:
                raise
    return homes


def test_the_bytes_of_a_server_are_counted(shop: Shop) -> None:
    before = shop.front.traffic("rds:shop")
    with shop.connect(sslmode="require") as connection:
        connection.execute("SELECT length(%s)", ["x" * 300_000])
        connection.execute("SELECT repeat('x', 500000)").fetchone()
        received, sent = shop.front.traffic("rds:shop")
    assert 300_000 <= received - before[0] < 400_000
    assert 500_000 <= sent - before[1] < 600_000
