"""Processes end with the server, and only those that are ours."""

from __future__ import annotations

import concurrent.futures
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from localaws.state import StateDir

ENGINE = """
import pathlib, sys, time
home = pathlib.Path(sys.argv[1])
(home / "engine.pid").write_text(f"{__import__('os').getpid()}\\n")
time.sleep(600)
"""


def processes_of(state: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if str(state) in " ".join(process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def until(condition: Any, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)


@pytest.fixture
def engine(own_aws: Any) -> Any:
    """A stand-in for a database server, recorded as owners of engines record theirs."""
    from localaws.state import StateDir

    own_aws.start()
    home = StateDir.open(own_aws.state).engines_root / "valkey-test"
    home.mkdir()
    child = subprocess.Popen([sys.executable, "-c", ENGINE, str(home)], start_new_session=True)
    until((home / "engine.pid").exists)
    until(lambda: (home / "engine.pid").read_text())
    yield child
    child.kill()
    child.wait()


def test_stop_leaves_no_process(own_aws: Any, engine: Any) -> None:
    assert [fact["pid"] for fact in own_aws.status()["engines"]] == [engine.pid]
    own_aws.stop()
    assert processes_of(own_aws.state) == []
    until(lambda: engine.poll() is not None)
    assert own_aws.status()["running"] is False
    assert "not running" in own_aws.run("stop").stdout


def test_engines_end_when_the_server_is_killed(own_aws: Any, engine: Any) -> None:
    os.kill(own_aws.status()["pid"], signal.SIGKILL)
    until(lambda: engine.poll() is not None)
    until(lambda: processes_of(own_aws.state) == [])


def test_a_pid_that_now_belongs_to_another_program_is_left_alone(own_aws: Any, engine: Any) -> None:
    from localaws.state import StateDir

    home = StateDir.open(own_aws.state).engines_root / "valkey-old"
    home.mkdir()
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], cwd="/")
    (home / "engine.pid").write_text(f"{bystander.pid}\n")
    own_aws.stop()
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


def test_reset_ends_the_engines_and_removes_their_data(own_aws: Any, engine: Any) -> None:
    from localaws.state import StateDir

    root = StateDir.open(own_aws.state).engines_root
    own_aws.run("reset")
    until(lambda: engine.poll() is not None)
    assert not (root / "valkey-test").exists()


def test_in_the_foreground_it_logs_to_the_terminal_and_ends_at_ctrl_c(own_aws: Any) -> None:
    command = [sys.executable, "-m", "localaws", "start", "--state", str(own_aws.state), "--foreground"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert child.stdout is not None
    assert "serving" in child.stdout.readline()
    assert own_aws.client("sts").get_caller_identity()["Account"] == "123456789012"
    child.send_signal(signal.SIGINT)
    output, _ = child.communicate(timeout=30)
    assert child.returncode == 0, output
    assert "stopping" in output
    assert "Traceback" not in output
    assert processes_of(own_aws.state) == []


def test_a_start_while_the_killed_server_is_still_being_cleaned_up(own_aws: Any, engine: Any) -> None:
    for _ in range(3):
        os.kill(own_aws.status()["pid"], signal.SIGKILL)
        own_aws.start()
    assert own_aws.client("sts").get_caller_identity()["Account"] == "123456789012"


def test_what_was_being_written_at_a_kill_is_removed_at_the_next_start(own_aws: Any) -> None:
    own_aws.state.mkdir()
    half, fresh = own_aws.state / ".zones.json.abc123", own_aws.state / ".port.def456"
    half.touch()
    fresh.touch()
    long_ago = time.time() - 3600
    os.utime(half, (long_ago, long_ago))
    own_aws.start()
    assert not half.exists()
    assert fresh.exists()


def test_however_many_ask_there_is_one_folder_of_sockets(tmp_path: Path) -> None:
    state = StateDir.open(tmp_path)
    together = threading.Barrier(8)

    def ask() -> Path:
        together.wait()
        return state.sockets_root

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = {each.result() for each in [pool.submit(ask) for _ in range(8)]}
    assert len(found) == 1
    state.clear_sockets()
    assert not found.pop().exists()
