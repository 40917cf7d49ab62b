"""A running localaws for each file of tests, and clients that are signed with its owner's key."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from .fix_rds_model import ModelOnly

DEADLINE = 60.0

_one_at_a_time = threading.Lock()


@functools.lru_cache(maxsize=4)
def _session(access_key_id: str, secret_access_key: str, region: str) -> boto3.Session:
    """A session that has read a service's description makes further clients of it much faster."""
    return boto3.Session(access_key_id, secret_access_key, region_name=region)


@dataclass
class LocalAws:
    """One state folder, the command line that drives it, and clients of its server."""

    state: Path

    def run(self, verb: str, *words: str, check: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "localaws", verb, "--state", str(self.state), *words]
        variables = {"LOCALAWS_DURABILITY": "off", **os.environ, **env}
        done = subprocess.run(command, capture_output=True, text=True, env=variables, timeout=120)
        if check:
            assert done.returncode == 0, done.stdout + done.stderr + self.log()
        return done

    def start(self, *words: str) -> None:
        self.run("start", *words)

    def stop(self) -> None:
        self.run("stop")

    def remove(self) -> None:
        """Stop, and delete the engines' data too: as root they are outside the state folder."""
        self.run("stop", check=False)
        self.run("reset", check=False)

    def log(self) -> str:
        file = self.state / "server.log"
        return file.read_text() if file.exists() else ""

    def status(self) -> dict[str, Any]:
        facts: dict[str, Any] = json.loads(self.run("status", "--json").stdout)
        return facts

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{(self.state / 'port').read_text().strip()}"

    def session(self, role: str = "owner", region: str = "us-east-1") -> boto3.Session:
        pair = json.loads((self.state / "credentials.json").read_text())[role]
        return _session(pair["access_key_id"], pair["secret_access_key"], region)

    def client(self, service: str, **options: Any) -> Any:
        config = Config(retries={"total_max_attempts": 1}).merge(options.pop("config", Config()))
        session: Any = options.pop("session", None) or self.session()
        with _one_at_a_time:
            return session.client(service, endpoint_url=self.endpoint_url, config=config, **options)


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """One account per file: what one file leaves behind neither collides with the next nor keeps running."""
    local = LocalAws(tmp_path_factory.mktemp("localaws") / "state")
    local.start()
    yield local
    local.remove()


@pytest.fixture
def own_aws(tmp_path: Path) -> Iterator[LocalAws]:
    """A localaws of the test's own, not started yet; stopped afterwards whatever happened."""
    local = LocalAws(tmp_path / "a state")
    yield local
    local.remove()


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """A localaws that looks every second."""
    local = LocalAws(tmp_path_factory.mktemp("fast") / "state")
    local.run("start", LOCALAWS_SAMPLE_SECONDS="1")
    yield local
    local.remove()


@pytest.fixture
def model() -> Iterator[ModelOnly]:
    """RDS's API over the model alone."""
    from .fix_rds_model import running_model

    with running_model() as running:
        yield running


def code_of(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return str(caught.value.response["Error"]["Code"])


def eventually(condition: Callable[[], bool]) -> None:
    """Return once the condition holds; fails at the deadline."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "the deadline has passed"
        time.sleep(0.02)
