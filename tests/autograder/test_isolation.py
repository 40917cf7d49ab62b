"""A learner's code is confined: time, memory, files, environment, and the processes it leaves behind."""

import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from autograder.isolation import Ended, Limits, Sandbox, run, sandbox


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with sandbox() as box:
        yield box


def python(box: Sandbox, code: str, *, seconds: float = 20, limits: Limits | None = None) -> Ended:
    command = [sys.executable, "-I", "-c", code]
    return run(command, box, {"GIVEN": "1"}, text="in", seconds=seconds, limits=limits or Limits())


def test_input_output_and_code(box: Sandbox) -> None:
    ended = python(box, "import sys; print(sys.stdin.read()); print('no', file=sys.stderr); sys.exit(3)")
    assert ended == Ended(3, "in\n", "no\n")


def test_nothing_of_the_grader_is_in_the_environment(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "grader")
    monkeypatch.setenv("LAB_KEY", "grader")
    ended = python(box, "import os; print(os.getcwd(), os.environ['HOME'], sorted(os.environ))")
    assert str(box.folder) in ended.output
    assert "GIVEN" in ended.output
    assert "AWS_" not in ended.output
    assert "LAB_KEY" not in ended.output


def test_an_endless_loop_is_ended(box: Sandbox) -> None:
    assert python(box, "while True: pass", seconds=1).code is None


def test_limits_hold(box: Sandbox) -> None:
    limits = Limits(memory=512, file=1)
    assert "MemoryError" in python(box, "x = bytearray(1 << 30)", limits=limits).errors
    ended = python(
        box, "import signal; f = open('big', 'wb'); f.write(b'x' * (2 << 20)); f.flush()", limits=limits
    )
    assert ended.code != 0
    assert (box.folder / "big").stat().st_size <= 1 << 20


def test_a_detached_process_does_not_outlive_it(box: Sandbox) -> None:
    code = (
        "import subprocess, sys\n"
        "command = [sys.executable, '-c', 'import time; time.sleep(99)']\n"
        "p = subprocess.Popen(command, start_new_session=True)\n"
        "print(p.pid)"
    )
    pid = int(python(box, code).output)
    if psutil.pid_exists(pid):
        assert psutil.Process(pid).wait(timeout=10) is None or not psutil.pid_exists(pid)


def test_the_folder_is_removed() -> None:
    with sandbox() as box:
        folder: Path = box.folder
        (folder / "file").write_text("x")
    assert not folder.exists()
