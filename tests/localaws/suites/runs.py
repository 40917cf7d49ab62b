"""One run of a suite of moto's tests against a server, and what became of each test."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.localaws.suites.sources import cache

START_SECONDS = 60.0
MEMORY = Path("/dev/shm")
"""A folder that costs no disk, where the system has one: hundreds of databases come and go."""
ENDLESS = ("tests/test_secretsmanager/test_secretsmanager.py::test_rotate_secret_using_lambda",)
"""Tests that ask again and again for what a function in Docker would do."""


@dataclass(frozen=True)
class Outcome:
    """What became of a test, and the first line of the reason."""

    passed: bool
    reason: str


@contextlib.contextmanager
def plain_moto() -> Iterator[str]:
    """Serve moto as it is; yields its URL."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-p", str(port)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet) as server:
        try:
            _await_port(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


@contextlib.contextmanager
def local_aws() -> Iterator[str]:
    """Serve the local AWS for tests; yields its URL."""
    log_file = cache() / "server.log"
    memory = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="suite-", dir=memory) as folder, log_file.open("w") as log:
        state = Path(folder) / "state"
        Path(folder).chmod(0o711)
        command = [sys.executable, "-m", "tests.localaws.suites.server", "--state", str(state)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=log) as server:
            end = time.monotonic() + START_SECONDS
            while not (state / "port").exists():
                assert server.poll() is None, log_file.read_text()
                assert time.monotonic() < end, "the local AWS does not answer"
                time.sleep(0.05)
            yield f"http://127.0.0.1:{(state / 'port').read_text()}"
            server.communicate(b"\n", timeout=START_SECONDS)
    failures = log_file.read_text().count("Traceback")
    print(f"{failures} exceptions in {log_file}")


def _await_port(port: int) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        assert time.monotonic() < end, "moto's server does not answer"
        time.sleep(0.05)


def run(source: Path, suite: str, url: str, words: list[str]) -> dict[str, Outcome]:
    """Run moto's tests of `suite` against the server; `words` are further ones for pytest."""
    with tempfile.TemporaryDirectory(prefix="suite-") as folder:
        report = Path(folder) / "report.xml"
        options = ("-q", "-c", os.devnull, "--rootdir", str(source), "-p", "no:cacheprovider", "--tb=short")
        command = [sys.executable, "-m", "pytest", *options, f"--junit-xml={report}", "-p", "isolation"]
        command += [f"--deselect={test}" for test in ENDLESS]
        paths = os.pathsep.join((str(source / "extras"), str(source), str(Path(__file__).parent)))
        variables = {"TEST_SERVER_MODE": "true", "TEST_SERVER_MODE_ENDPOINT": url, "PYTHONPATH": paths}
        subprocess.run(
            [*command, f"tests/test_{suite}", *words],
            cwd=source,
            env={**os.environ, **variables},
            check=False,
        )
        return dict(_outcomes(report))


def _outcomes(report: Path) -> Iterator[tuple[str, Outcome]]:
    for case in ET.parse(report).iter("testcase"):
        name = f"{case.get('classname', '').removeprefix('tests.')}.{case.get('name')}"
        bad = next((part for part in case if part.tag in ("failure", "error", "skipped")), None)
        reason = "" if bad is None else (bad.get("message") or "").strip().partition("\n")[0]
        yield name, Outcome(bad is None, reason[:300])
