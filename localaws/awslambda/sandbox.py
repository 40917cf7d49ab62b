"""A function's process: the same Python, its own folder, a minimal environment, bounded time and memory."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localaws.hosts import surroundings

BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
LOOK = 0.05
MOST_OUTPUT = 1 << 20
MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Task:
    """One invocation, with all that the process must know."""

    code: bytes
    handler: str
    event: Any
    context: dict[str, Any]
    environment: dict[str, str]
    timeout: float
    memory: int
    """MiB"""


@dataclass
class Result:
    """What came out; `error` is the document that Lambda answers with FunctionError."""

    payload: str | None = None
    error: dict[str, Any] | None = None
    output: list[str] = field(default_factory=list)
    seconds: float = 0.0
    memory: int = 0


def run(
    task: Task,
    connections: Callable[[Path], dict[str, str]],
    started: Callable[[int], contextlib.AbstractContextManager[None]],
) -> Result:
    """Run a task in a new process; `started` is entered with its id for as long as it lives.

    `connections` tells what a process of this folder needs to find the local AWS.
    """
    with tempfile.TemporaryDirectory(prefix="la-fn-", ignore_cleanup_errors=True) as folder:
        root = Path(folder) / "task"
        _unpack(task.code, root)
        begin = time.monotonic()
        process = _spawn(task, root, connections(Path(folder)))
        with started(process.pid), _ended(process):
            result = _follow(process, task, root)
        result.seconds = time.monotonic() - begin
        return result


def _unpack(code: bytes, root: Path) -> None:
    root.mkdir()
    with contextlib.suppress(zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(code)) as archive:
        archive.extractall(root)


def _spawn(task: Task, root: Path, connections: dict[str, str]) -> subprocess.Popen[bytes]:
    home = root.parent / "tmp"
    home.mkdir()
    account = surroundings.account()
    if account is not None:
        for each in (root.parent, home, root, *root.rglob("*")):
            account.own(each)
    environment = surroundings.environment(home) | connections
    process = subprocess.Popen(
        [sys.executable, str(BOOTSTRAP)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=home,
        env=environment | {"LAMBDA_TASK_ROOT": str(root), "_HANDLER": task.handler} | task.environment,
        start_new_session=True,
        user=None if account is None else account.uid,
        group=None if account is None else account.gid,
        extra_groups=None if account is None else [],
    )
    order = {
        "root": str(root),
        "result": str(_result_file(root)),
        "handler": task.handler,
        "event": task.event,
        "context": task.context,
    }
    assert process.stdin
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(json.dumps(order).encode() + b"\n")
        process.stdin.flush()
    return process


def _result_file(root: Path) -> Path:
    return root.parent / "result.json"


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Leave nothing running, its own children included."""
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                stream and stream.close()


def _follow(process: subprocess.Popen[bytes], task: Task, root: Path) -> Result:
    result = Result()
    silent = threading.Event()
    reader = threading.Thread(target=_read, args=(process, result.output, silent), daemon=True)
    reader.start()
    deadline = time.monotonic() + task.timeout
    reason: tuple[str, str] | None = None
    while process.poll() is None and not reason:
        silent.wait(LOOK)
        result.memory = max(result.memory, _memory(process.pid))
        if result.memory > task.memory * MEBIBYTE:
            reason = "Runtime.ExitError", "Runtime exited with error: signal: killed"
        elif time.monotonic() > deadline:
            reason = "Sandbox.Timedout", f"Task timed out after {task.timeout:.2f} seconds"
        elif silent.is_set():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(LOOK)
    if reason:
        os.killpg(process.pid, signal.SIGKILL)
    reader.join(1.0)
    _conclude(result, process, task, root, reason)
    return result


def _conclude(
    result: Result, process: subprocess.Popen[bytes], task: Task, root: Path, reason: tuple[str, str] | None
) -> None:
    file = _result_file(root)
    if reason is None and file.exists():
        answer = json.loads(file.read_text())
        result.payload, result.error = answer.get("payload"), answer.get("error")
        return
    kind, message = reason or ("Runtime.ExitError", f"Runtime exited with error: {_how(process.wait())}")
    request = task.context["request_id"]
    result.error = {"errorType": kind, "errorMessage": f"RequestId: {request} Error: {message}"}
    result.output.append(f"RequestId: {request} Error: {message}")


def _how(code: int) -> str:
    return f"exit status {code}" if code >= 0 else f"signal: {signal.Signals(-code).name}"


def _read(process: subprocess.Popen[bytes], lines: list[str], silent: threading.Event) -> None:
    size = 0
    assert process.stdout
    with contextlib.suppress(OSError, ValueError):
        for line in process.stdout:
            size += len(line)
            if size <= MOST_OUTPUT:
                lines.append(line.decode(errors="replace").rstrip("\n"))
    silent.set()


def _memory(pid: int) -> int:
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0
