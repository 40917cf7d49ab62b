"""Starting and stopping servers that outlive the call but never their owner."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil

from localaws.engines.account import Account
from localaws.errors import LocalawsError

SHARED_MEMORY_REMOVE = 0
POLL = 0.004


class EngineFailed(LocalawsError):
    """A server did not start or stop."""


def spawn(
    argv: Sequence[object], *, output: Path, account: Account | None, cwd: Path
) -> subprocess.Popen[bytes]:
    """Start a server in a session of its own, with a clean environment and its output in a file."""
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        return subprocess.Popen(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            cwd=cwd,
            env=server_environment(),
            start_new_session=True,
            user=None if account is None else account.uid,
            group=None if account is None else account.gid,
            extra_groups=None if account is None else [],
        )
    finally:
        os.close(descriptor)


def run(
    command: Sequence[object], account: Account | None, *, cwd: Path, words: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, under the account if there is one, with a clean environment."""
    return subprocess.run(
        [str(word) for word in command],
        input=words,
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=server_environment(),
        user=None if account is None else account.uid,
        group=None if account is None else account.gid,
        extra_groups=None if account is None else [],
    )


def server_environment() -> dict[str, str]:
    """The few variables a server may see: never the user's credentials or PG* settings."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def polling(seconds: float) -> Iterator[None]:
    """Yield until the deadline has passed, with a short rest between two looks."""
    deadline = time.monotonic() + seconds
    while True:
        yield
        if time.monotonic() >= deadline:
            return
        time.sleep(POLL)


def is_running(pid: int) -> bool:
    """Whether a process lives (one that ended and waits for its parent does not)."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def wait_gone(pid: int, seconds: float) -> bool:
    """Wait until a process has ended; False when the deadline passes first."""
    return any(not is_running(pid) for _ in polling(seconds))


def has_ended(started: subprocess.Popen[bytes] | None, pid: int, seconds: float) -> bool:
    """Wait until a server has ended: one that we `started`, or one that was found running."""
    if started is None:
        return wait_gone(pid, seconds)
    return any(started.poll() is not None for _ in polling(seconds))


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may have gone already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def watch(pid: int, callback: Callable[[], None]) -> None:
    """Call back once when a child process has ended; where the system cannot tell, never."""
    if hasattr(os, "pidfd_open"):
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            callback()
            return
        threading.Thread(
            target=_wait_for, args=(descriptor, callback), name=f"watch-{pid}", daemon=True
        ).start()


def _wait_for(descriptor: int, callback: Callable[[], None]) -> None:
    try:
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN)
        waiting.poll()
    finally:
        os.close(descriptor)
    callback()


def works_in(pid: int, folder: Path) -> bool:
    """Whether a process lives and has this working folder: a reused process id does not deceive it."""
    try:
        return is_running(pid) and bool(psutil.Process(pid).cwd() == str(folder.resolve()))
    except psutil.Error:
        return False


def processes_in(folder: Path) -> list[int]:
    """Process ids whose working folder is this one: a server's orphaned children are found by it."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.cwd() == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def kill_all_in(folder: Path, seconds: float = 5.0) -> None:
    """End every process that works in a folder, at once, and wait until they are gone."""
    resolved = folder.resolve()
    for _ in polling(seconds):
        pids = processes_in(resolved)
        if not pids:
            return
        for pid in pids:
            send(pid, signal.SIGKILL)
    raise EngineFailed(f"processes {pids} still work in {resolved}: end them, then try again")


def remove_shared_memory(segment: int) -> None:
    """Remove a System V shared memory segment that a killed server left behind."""
    ctypes.CDLL(None, use_errno=True).shmctl(segment, SHARED_MEMORY_REMOVE, None)
