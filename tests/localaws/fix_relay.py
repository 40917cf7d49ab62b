"""A front with one open endpoint, the network's gate before it and a PostgreSQL behind it."""

from __future__ import annotations

import contextlib
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from localaws.addresses import Addresses
from localaws.certificates import CertificateAuthority
from localaws.engines.account import engine_account
from localaws.engines.binaries import find_postgres
from localaws.engines.postgres import PostgresServer
from localaws.network import OUTSIDE_IP, Origin, Refusal, Target
from localaws.relay import Endpoint, Front

NAME = "shop.cabcdefghijk.us-east-1.rds.amazonaws.com"
HOST_IP = "10.0.0.7"
DEADLINE = 20.0


@dataclass
class Gate:
    """A network that admits everybody until it is told a reason not to."""

    refusal: Refusal | None = None
    closed: str | None = None
    """The name of a target that nobody may enter."""

    def admit(self, origin: Origin, target: Target) -> Refusal | None:
        return Refusal("closed to all") if target.name == self.closed else self.refusal

    def address(self, origin: Origin, target: Target) -> str:
        return OUTSIDE_IP if origin.instance_id is None else HOST_IP


@dataclass
class Shop:
    """An open endpoint in front of a server."""

    front: Front
    gate: Gate
    endpoint: Endpoint
    bundle: Path
    log: list[str] = field(default_factory=list)

    def connect(self, **options: Any) -> psycopg.Connection:
        given = {
            "host": self.endpoint.address,
            "port": self.endpoint.port,
            "user": "app",
            "password": "correct horse",
            "dbname": "shop",
            "sslrootcert": str(self.bundle),
            "connect_timeout": 10,
        }
        return psycopg.connect(**{**given, **options})

    def dial(self) -> socket.socket:
        return socket.create_connection((self.endpoint.address, self.endpoint.port), timeout=DEADLINE)


@contextlib.contextmanager
def running_server() -> Iterator[PostgresServer]:
    """A server with the user app and the database shop."""
    root = Path(tempfile.mkdtemp(prefix="la-"))
    account = engine_account()
    if account:
        account.own(root)
    made = PostgresServer(root / "pg", root / "s", binaries=find_postgres(), durable=False)
    try:
        made.create(
            username="app", password="correct horse", database="shop", settings={"max_connections": "40"}
        )
        yield made
    finally:
        made.stop(immediate=True)
        shutil.rmtree(root)


def which(connection: psycopg.Connection) -> str:
    """The identity of the server that a connection ended up at."""
    row = connection.execute("SELECT system_identifier::text FROM pg_control_system()").fetchone()
    assert row
    return str(row[0])


@contextlib.contextmanager
def open_shop(server: PostgresServer, tmp_path: Path) -> Iterator[Shop]:
    """An open endpoint in front of the server."""
    gate = Gate()
    front = Front(gate)
    front.start()
    address = Addresses(tmp_path / "addresses.json", seed=str(tmp_path)).claim("rds:shop", 5432)
    authority = CertificateAuthority(tmp_path / "ca")
    target = Target("shop", "vpc-1", ("subnet-1",), ("sg-1",), False, 5432, "us-east-1", "123456789012")
    endpoint = Endpoint(
        name="rds:shop",
        kind="postgres",
        address=address.address,
        port=address.port,
        server=server.socket,
        target=lambda: target,
        certificate=authority.issue("rds:shop", addresses=[address.address], names=[NAME]),
        names=(NAME,),
    )
    made = Shop(front, gate, endpoint, authority.bundle)
    endpoint.log = made.log.append
    front.open(endpoint)
    try:
        yield made
    finally:
        front.stop()


def eventually(condition: Callable[[], bool]) -> None:
    """Return once the condition holds; fails at the deadline."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "the deadline has passed"
        time.sleep(0.01)
