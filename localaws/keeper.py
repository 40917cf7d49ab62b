"""The keeper: a small process that ends the engines when their server is gone, however it went."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# An immediate shutdown loses nothing: PostgreSQL recovers from its log. What ignores it is killed.
STEPS = ((signal.SIGINT, 4.0), (signal.SIGQUIT, 2.0), (signal.SIGKILL, 2.0))


@dataclass(frozen=True)
class EngineProcess:
    """A database server's process, as its pid file names it."""

    home: Path
    kind: str
    pid: int

    @property
    def running(self) -> bool:
        """Whether the process lives and really is that engine."""
        import psutil

        try:
            process = psutil.Process(self.pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            home = str(self.home)
            with contextlib.suppress(psutil.AccessDenied):
                if process.cwd().startswith(home):
                    return True
            return any(home in word for word in process.cmdline())
        except psutil.Error:
            return False

    def send(self, number: signal.Signals) -> None:
        """Signal the process, unless it has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)


def engine_processes(root: Path) -> Iterator[EngineProcess]:
    """Yield what the pid files under `root` name, running or not."""
    for pattern, kind in (("postmaster.pid", "postgres"), ("engine.pid", "engine")):
        for path in sorted((*root.glob(f"*/{pattern}"), *root.glob(f"*/*/{pattern}"))):
            with contextlib.suppress(OSError, ValueError, IndexError):
                home = root / path.relative_to(root).parts[0]
                yield EngineProcess(home, kind, int(path.read_text().split()[0]))


def stop_engines(root: Path) -> None:
    """End every engine under `root`: asked first, then told, then killed."""
    for number, patience in STEPS:
        left = [engine for engine in engine_processes(root) if engine.running]
        for engine in left:
            engine.send(number)
        deadline = time.monotonic() + patience
        while any(engine.running for engine in left) and time.monotonic() < deadline:
            time.sleep(0.02)


def fork(root: Path) -> tuple[int, int]:
    """Start a keeper of this process; return its pid and the pipe's end whose closing wakes it.

    The keeper inherits the lock of the state folder: a new server waits until the engines are down.
    """
    watched, held = os.pipe()
    pid = os.fork()
    if pid:
        os.close(watched)
        return pid, held
    os.close(held)
    _keep(watched, root)
    os._exit(0)


def _keep(watched: int, root: Path) -> None:
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(watched, 1):
        continue
    stop_engines(root)
