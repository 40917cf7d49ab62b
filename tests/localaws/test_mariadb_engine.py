"""A real MariaDB: its life, and clients that reach it through the front door."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from localaws.addresses import Addresses
from localaws.certificates import CertificateAuthority
from localaws.engines.account import engine_account
from localaws.engines.mariadb import MariaServer
from localaws.engines.mariaprograms import find_mariadb, required
from localaws.engines.mariatemplate import template_for
from localaws.engines.process import EngineFailed, processes_in
from localaws.network import OUTSIDE_IP, Refusal, Target
from localaws.relay import Endpoint, Front

from .fix_relay import Gate, eventually

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(find_mariadb() is None, reason="needs the program mariadbd"),
]

PASSWORD = "correct'horse"


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="la-"))
    account = engine_account()
    if account:
        account.own(made)
    yield made
    shutil.rmtree(made)


def empty() -> Path:
    return template_for(required()).data


def server_in(root: Path, name: str) -> MariaServer:
    return MariaServer(root / name, root / f"{name}-s", binaries=required(), durable=False)


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[MariaServer]:
    made = server_in(root, "m")
    made.create(
        empty(), username="shop", password=PASSWORD, database="shop", settings={"max_connections": "20"}
    )
    yield made
    made.remove()


@dataclass
class Shop:
    """An open endpoint in front of a server, and the client program that reaches it."""

    front: Front
    gate: Gate
    endpoint: Endpoint
    bundle: Path

    def client(self, *options: str, password: str = PASSWORD) -> list[str]:
        place = [f"--host={self.endpoint.address}", f"--port={self.endpoint.port}", "--protocol=tcp"]
        given = ["--user=shop", f"--password={password}", "--batch", "--skip-column-names", *place]
        return [str(required().client), "--no-defaults", *given, *options, "shop"]

    @property
    def verified(self) -> list[str]:
        return [f"--ssl-ca={self.bundle}", "--ssl-verify-server-cert"]

    def run(self, statement: str, *options: str, password: str = PASSWORD) -> str:
        command = [*self.client(*(options or self.verified), password=password), "-e", statement]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={"PATH": os.defpath})
        return (done.stdout + done.stderr).strip()


@pytest.fixture
def shop(server: MariaServer, tmp_path: Path) -> Iterator[Shop]:
    gate = Gate()
    front = Front(gate)
    front.start()
    address = Addresses(tmp_path / "addresses.json", seed=str(tmp_path)).claim("rds:maria", 3306)
    authority = CertificateAuthority(tmp_path / "ca")
    target = Target("maria", "vpc-1", ("subnet-1",), ("sg-1",), False, 3306, "us-east-1", "123456789012")
    endpoint = Endpoint(
        name="rds:maria",
        kind="mysql",
        address=address.address,
        port=address.port,
        server=server.socket,
        target=lambda: target,
        certificate=authority.issue("rds:maria", addresses=[address.address], names=[]),
    )
    front.open(endpoint)
    yield Shop(front, gate, endpoint, authority.bundle)
    front.stop()


@pytest.mark.parametrize("mode", ["verified", "plain"])
def test_a_client_logs_in_and_the_server_knows_its_address(shop: Shop, mode: str) -> None:
    options = shop.verified if mode == "verified" else ["--skip-ssl"]
    assert shop.run("SELECT user()", *options) == f"shop@{OUTSIDE_IP}"
    rows = "SELECT sum(seq) FROM seq_1_to_100000"
    assert shop.run(rows, *options) == "5000050000"


def test_large_results_and_statements_pass(shop: Shop) -> None:
    assert shop.run("SELECT length(repeat('x', 3000000))") == "3000000"
    assert len(shop.run("SELECT repeat('x', 3000000)")) == 3_000_000
    assert shop.run(f"SELECT length('{'y' * 100_000}')") == "100000"


def test_wrong_passwords_strangers_and_our_administrator_are_refused(shop: Shop) -> None:
    denied = f"ERROR 1045 (28000): Access denied for user '{{}}'@'{OUTSIDE_IP}' (using password: YES)"
    assert denied.format("shop") in shop.run("SELECT 1", password="wrong")
    assert denied.format("rdsadmin") in shop.run("SELECT 1", *shop.verified, "--user=rdsadmin")
    assert denied.format("root") in shop.run("SELECT 1", *shop.verified, "--user=root")


def exchange(client: socket.socket, packet: bytes | None = None, number: int = 0) -> tuple[int, bytes]:
    """Send a packet, if any, and return the number and the body of the next one."""
    if packet is not None:
        client.sendall(len(packet).to_bytes(3, "little") + bytes([number]) + packet)
    with client.makefile("rb") as stream:
        head = stream.read(4)
        return head[3], stream.read(int.from_bytes(head[:3], "little"))


def scrambled(password: str, seed: bytes) -> bytes:
    """What mysql_native_password answers to the server's seed."""
    once = hashlib.sha1(password.encode()).digest()
    mask = hashlib.sha1(seed + hashlib.sha1(once).digest()).digest()
    return bytes(a ^ b for a, b in zip(once, mask, strict=True))


@pytest.mark.parametrize("secure", [False, True])
def test_a_change_of_the_authentication_method_passes(shop: Shop, *, secure: bool) -> None:
    capabilities = 0x00088208 | (0x800 if secure else 0)
    head = struct.pack("<IIB23x", capabilities, 1 << 24, 45)
    client = socket.create_connection((shop.endpoint.address, shop.endpoint.port), timeout=20)
    with contextlib.ExitStack() as stack:
        stack.enter_context(client)
        assert exchange(client)[0] == 0
        if secure:
            client.sendall(len(head).to_bytes(3, "little") + b"\1" + head)
            context = ssl.create_default_context(cafile=shop.bundle)
            client = context.wrap_socket(client, server_hostname=shop.endpoint.address)
            stack.enter_context(client)
        answer = head + b"shop\0" + b"\0" + b"shop\0" + b"another_method\0"
        number, switch = exchange(client, answer, 1 + secure)
        assert (number, switch[:1]) == (2 + secure, b"\xfe")
        method, seed = switch[1:].split(b"\0", 1)
        assert method == b"mysql_native_password"
        number, verdict = exchange(client, scrambled(PASSWORD, seed.rstrip(b"\0")), number + 1)
        assert (number, verdict[:1]) == (4 + secure, b"\0")
        assert exchange(client, b"\x0e") == (1, verdict)


def test_without_tls_nobody_enters_where_it_is_required(shop: Shop) -> None:
    shop.front.update("rds:maria", force_tls=True)
    assert "ERROR 3159 (HY000): Connections using insecure transport" in shop.run("SELECT 1", "--skip-ssl")
    assert shop.run("SELECT 1") == "1"


def test_a_certificate_of_somebody_else_is_noticed(shop: Shop, tmp_path: Path) -> None:
    other = CertificateAuthority(tmp_path / "other").bundle
    assert "TLS/SSL error" in shop.run("SELECT 1", f"--ssl-ca={other}", "--ssl-verify-server-cert")


def test_refusals_say_why(shop: Shop, server: MariaServer) -> None:
    shop.gate.refusal = Refusal("timed out on AWS: no rule lets you in")
    assert "timed out on AWS: no rule lets you in" in shop.run("SELECT 1")
    shop.gate.refusal = None
    shop.front.retarget("rds:maria", None)
    assert 'the database system is not available: "maria"' in shop.run("SELECT 1")
    shop.front.retarget("rds:maria", server.socket)
    assert shop.run("SELECT 1") == "1"


def test_connections_are_listed_and_the_servers_limit_is_told(shop: Shop) -> None:
    held = [
        subprocess.Popen(
            [*shop.client("--skip-ssl"), "-e", "SELECT sleep(100)"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(22)
    ]
    try:
        eventually(lambda: len(shop.front.connections("rds:maria")) >= 20)
        assert {each.user for each in shop.front.connections("rds:maria")} == {"shop"}
        assert "Too many connections" in shop.run("SELECT 1")
    finally:
        for client in held:
            client.kill()
            client.wait()
    eventually(lambda: shop.run("SELECT 1") == "1")


def test_the_master_has_rds_rights_and_no_more(shop: Shop) -> None:
    shop.run("CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders VALUES (1), (2)")
    assert shop.run("SELECT count(*) FROM orders") == "2"
    grants = shop.run("SHOW GRANTS")
    assert "CREATE USER" in grants
    for right in ("ALL PRIVILEGES", "SUPER", "FILE"):
        assert right not in grants
    assert "Access denied" in shop.run("SET GLOBAL max_connections = 1000")


def test_acknowledged_rows_survive_a_kill_and_leave_no_process(root: Path) -> None:
    server = server_in(root, "killed")
    server.create(empty(), username="shop", password=PASSWORD, database="shop", settings={})
    server.execute("CREATE TABLE shop.t (i int)", "INSERT INTO shop.t VALUES (1)")
    server.stop(immediate=True)
    assert not server.alive()
    again = server_in(root, "killed")
    again.start()
    assert again.execute("SELECT count(*) FROM shop.t") == [["1"]]
    third = server_in(root, "killed")
    assert third.pid == again.pid
    third.start()
    assert third.execute("SELECT count(*) FROM shop.t") == [["1"]]
    third.remove()
    assert not again.alive()
    assert processes_in(root / "killed" / "data") == []
    assert not third.home.exists()


def test_a_snapshot_of_a_busy_server_is_whole(root: Path, server: MariaServer) -> None:
    server.execute("CREATE TABLE shop.pairs (id int PRIMARY KEY, twin int)")
    ending = threading.Event()
    errors: list[BaseException] = []

    def write() -> None:
        number = 0
        while not ending.is_set():
            number += 1
            both = f"INSERT INTO shop.pairs VALUES ({number}, -{number}), (-{number}, {number})"
            try:
                server.execute(both)
            except EngineFailed as error:
                errors.append(error)
                return

    writer = threading.Thread(target=write)
    writer.start()
    eventually(lambda: int(server.execute("SELECT count(*) FROM shop.pairs")[0][0]) > 10)
    server.snapshot(root / "snapshot")
    ending.set()
    writer.join()
    assert errors == []
    copy = server_in(root, "copy")
    copy.restore(root / "snapshot", {})
    [[rows, total]] = copy.execute("SELECT count(*), sum(id) FROM shop.pairs")
    assert int(rows) > 10
    assert int(rows) % 2 == 0
    assert total == "0"
    copy.remove()


def test_a_password_changes_and_a_setting_that_is_wrong_is_told(shop: Shop, root: Path) -> None:
    server = server_in(root, "settings")
    server.create(
        empty(), username="shop", password=PASSWORD, database=None, settings={"long_query_time": "1.5"}
    )
    server.set_password("shop", "a new one")
    assert server.execute("SELECT @@long_query_time") == [["1.500000"]]
    server.stop()
    server.configure({"no_such_setting": "1"})
    with pytest.raises(EngineFailed, match="no_such_setting"):
        server.start()
    server.remove()
