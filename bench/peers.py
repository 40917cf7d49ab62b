"""The servers that are compared: localaws, moto_server and MiniStack, each on loopback in its own process."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import boto3
import psutil
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError


@dataclass(frozen=True)
class Peer:
    """A running server and how to call it."""

    name: str
    url: str
    key: str
    secret: str
    pid: int
    started_in: float  # seconds from process start to the first answered, signed call
    state: Path | None = None

    def client(self, service: str) -> Any:
        """Give a boto3 client of that server."""
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
        )

    def resident(self) -> float:
        """Give the server's own resident memory, in MB."""
        return float(psutil.Process(self.pid).memory_info().rss) / 1e6


def free_port() -> int:
    """Find a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _first_answer(peer: Peer, since: float) -> float:
    # The client is made before the server answers, so that boto3's own start is not counted.
    sts = peer.client("sts")
    deadline = since + 30
    while time.perf_counter() < deadline:
        try:
            sts.get_caller_identity()
            return time.perf_counter() - since
        except (BotoCoreError, ClientError):
            time.sleep(0.01)
    raise RuntimeError(f"{peer.name} did not answer within 30 s")


@contextmanager
def localaws(state: Path | None = None, **environment: str) -> Iterator[Peer]:
    """Run localaws in the foreground on `state` (a temporary folder by default)."""
    with tempfile.TemporaryDirectory(prefix="bench ") as folder:
        home = state or Path(folder)
        # The key pair has to be known to sign the first call: one start and stop makes it.
        if not (home / "credentials.json").exists():
            for verb in ("start", "stop"):
                _localaws(verb, home)
        owner = json.loads((home / "credentials.json").read_text())["owner"]
        port = free_port()
        command = [sys.executable, "-m", "localaws", "start", "--foreground", "--state", str(home)]
        command += ["--port", str(port)]
        key, secret = owner["access_key_id"], owner["secret_access_key"]
        try:
            with _process("localaws", command, port, (key, secret), environment, home) as peer:
                yield peer
        finally:
            # as root the engines' data are outside of the state folder
            _localaws("reset", home)


def _localaws(verb: str, state: Path) -> None:
    command = [sys.executable, "-m", "localaws", verb, "--state", str(state)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def moto() -> Iterator[Peer]:
    """Run moto's own server."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with _process("moto_server", command, port, ("test", "test"), {}, None) as peer:
        yield peer


@contextmanager
def ministack() -> Iterator[Peer]:
    """Run MiniStack, bound to loopback."""
    port = free_port()
    environment = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "LOG_LEVEL": "ERROR"}
    with _process(
        "MiniStack", [sys.executable, "-m", "ministack"], port, ("test", "test"), environment, None
    ) as peer:
        yield peer


def has_ministack() -> bool:
    """Tell whether the optional peer is installed (`pip install '.[bench]'`)."""
    return find_spec("ministack") is not None


@contextmanager
def _process(
    name: str,
    command: list[str],
    port: int,
    keys: tuple[str, str],
    environment: dict[str, str],
    state: Path | None,
) -> Iterator[Peer]:
    since = time.perf_counter()
    process = subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        peer = Peer(name, f"http://127.0.0.1:{port}", *keys, process.pid, 0.0, state)
        started_in = _first_answer(peer, since)
        yield Peer(name, peer.url, *keys, process.pid, started_in, state)
    finally:
        process.terminate()
        process.wait(30)
