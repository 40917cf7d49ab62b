"""A host's program under its init: nothing of it outlives what it was started for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from localaws.hosts import surroundings
from localaws.hosts.identities import Identities, listeners
from localaws.hosts.process import HostProcess, Program, head, tail
from localaws.network import OUTSIDE, Origin

from .conftest import eventually


def start(folder: Path, *argv: str, split: bool = False, **more: str) -> HostProcess:
    home = folder / "home"
    home.mkdir(exist_ok=True)
    environment = surroundings.environment(home) | more
    process = HostProcess(Program(argv, folder / "run", home, environment, split), None, lambda: None)
    process.started(20)
    return process


def bash(folder: Path, text: str, *, split: bool = False) -> HostProcess:
    return start(folder, "/bin/bash", "-c", text, split=split)


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_output_and_code(tmp_path: Path) -> None:
    process = bash(tmp_path, "echo said; echo wrong >&2; exit 3", split=True)
    assert process.wait_gone(20)
    assert process.code == 3
    assert process.program.output.read_text() == "said\n"
    assert process.program.errors.read_text() == "wrong\n"


def test_a_program_that_does_not_exist(tmp_path: Path) -> None:
    process = start(tmp_path, "/nowhere/program")
    assert process.main is None
    assert process.failure == "/nowhere/program: No such file or directory"
    assert process.wait_gone(20)


def test_what_is_left_running_is_ended_with_it(tmp_path: Path) -> None:
    process = bash(tmp_path, "(setsid sleep 300 & echo $!) ; nohup sleep 301 > /dev/null & echo $!")
    eventually(lambda: process.code == 0 and len(process.program.output.read_text().split()) == 2)
    left = [int(word) for word in process.program.output.read_text().split()]
    assert not process.gone
    assert all(alive(pid) for pid in left)
    process.end(5)
    assert process.wait_gone(20)
    assert not any(alive(pid) for pid in left)


def test_what_ignores_the_request_is_killed(tmp_path: Path) -> None:
    process = bash(tmp_path, "trap '' TERM; echo ready; while true; do sleep 300; done")
    eventually(lambda: process.program.output.exists() and process.program.output.read_text() == "ready\n")
    process.end(0.2)
    assert process.wait_gone(20)
    assert process.code == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the sweep at the next start finds it")
def test_nothing_outlives_a_killed_init(tmp_path: Path) -> None:
    process = bash(tmp_path, "setsid sleep 300 & echo $!; sleep 301")
    eventually(lambda: process.program.output.exists() and process.program.output.read_text() != "")
    child = int(process.program.output.read_text())
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait_gone(20)
    assert not alive(child)


def test_nothing_outlives_a_killed_server(tmp_path: Path) -> None:
    source = (
        "import sys, time; from pathlib import Path; sys.path.insert(0, sys.argv[1])\n"
        "from localaws.hosts.process import HostProcess, Program\n"
        "root = Path(sys.argv[2])\n"
        "command = ['/bin/bash', '-c', 'sleep 300 & echo $!; sleep 301']\n"
        "HostProcess(Program(command, root / 'run', root, {'PATH': '/usr/bin:/bin'}), None, lambda: None)\n"
        "time.sleep(300)\n"
    )
    root = str(Path(__file__).parents[2])
    with subprocess.Popen([sys.executable, "-c", source, root, str(tmp_path)]) as server:
        log = tmp_path / "run" / "output.log"
        eventually(lambda: log.exists() and log.read_text() != "")
        server.kill()
    eventually(lambda: not alive(int(log.read_text())))


def test_a_log_keeps_its_newest_part(tmp_path: Path) -> None:
    process = bash(tmp_path, "yes 0123456789 | head -c 20000000; echo end")
    assert process.wait_gone(60)
    kept = sum(each.stat().st_size for each in process.program.folder.glob("output.log*"))
    assert kept < 10_000_000
    assert tail(process.program.output, 4) == b"end\n"
    assert len(head(process.program.output, 100)) == 100


def test_connections_are_known_by_the_process_that_opened_them(tmp_path: Path) -> None:
    source = (
        "import socket, time; s = socket.create_server(('127.0.0.1', 0));"
        "c = socket.create_connection(s.getsockname());"
        "print(c.getsockname()[1], flush=True); time.sleep(300)"
    )
    process = bash(tmp_path, f'{sys.executable} -c "{source}" & wait')
    identities = Identities()
    eventually(lambda: process.program.output.exists() and process.program.output.read_text() != "")
    peer = ("127.0.0.1", int(process.program.output.read_text()))
    assert identities.recognise(peer) == OUTSIDE
    with identities.listed(process.pid, Origin("i-1")):
        assert identities.recognise(peer) == Origin("i-1")
        assert identities.recognise(("127.0.0.1", 1)) == OUTSIDE
    assert identities.recognise(peer) == OUTSIDE
    assert listeners([process.pid]) == set()
    process.end(0)
    assert process.wait_gone(20)
