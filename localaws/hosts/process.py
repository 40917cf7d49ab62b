"""A program that runs for a host, under an init of its own that ends it with the server."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from localaws.engines.account import Account
from localaws.engines.process import polling, server_environment

INIT = Path(__file__).with_name("init.py")
PID_FILE = "engine.pid"
"""The keeper finds it by this name and ends what it names when the server is gone."""
MARK = "LOCALAWS_PROCESS"
"""Set in the environment of everything that runs under an init, to its folder."""
REFUSED = 127
"""The code of a program that cannot be started, as a shell has it."""


@dataclass(frozen=True)
class Program:
    """What is to run. The logs are written in `folder`, which is this run's own; it works in `home`."""

    argv: Sequence[str]
    folder: Path
    home: Path
    environment: dict[str, str]
    split: bool = False
    """Whether standard error has a log of its own."""
    farewell: str = ""
    """Written behind the program's last words, followed by its code."""

    @property
    def output(self) -> Path:
        """The log of standard output."""
        return self.folder / "output.log"

    @property
    def errors(self) -> Path:
        """The log of standard error, when it is apart."""
        return self.folder / "errors.log"


class HostProcess:
    """A started program. It has ended when `code` is there; what it left running has ended when `gone`."""

    def __init__(self, program: Program, account: Account | None, changed: Callable[[], None]) -> None:
        self.program = program
        self.code: int | None = None
        self.failure: str | None = None
        """Why the program could not be started."""
        self.main: int | None = None
        self._changed = changed
        self._begun = threading.Event()
        self._gone = threading.Event()
        self._init = self._spawn(account)
        self._reader = threading.Thread(target=self._follow, name=f"host-{self._init.pid}", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Process id of the init."""
        return self._init.pid

    @property
    def gone(self) -> bool:
        """Whether nothing of it runs any more."""
        return self._gone.is_set()

    def started(self, seconds: float) -> bool:
        """Wait until the program was started; False when it could not be."""
        self._begun.wait(seconds)
        return self.main is not None

    def wait_gone(self, seconds: float) -> bool:
        """Wait until nothing of it runs any more."""
        return self._gone.wait(seconds)

    def end(self, grace: float) -> None:
        """Ask it and all its descendants to end, and have those killed that have not after this time."""
        with contextlib.suppress(OSError, ValueError):
            assert self._init.stdin
            self._init.stdin.write(f"end {grace}\n".encode())
            self._init.stdin.flush()

    def _spawn(self, account: Account | None) -> subprocess.Popen[bytes]:
        program = self.program
        program.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        init = subprocess.Popen(
            [sys.executable, "-I", "-S", str(INIT), str(program.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=program.folder,
            env=server_environment(),
            start_new_session=True,
        )
        # written before the program is named: an init without an order ends with the server
        (program.folder / PID_FILE).write_text(f"{init.pid}\n")
        order = {
            "argv": list(program.argv),
            "home": str(program.home),
            "environment": program.environment | {MARK: str(program.folder)},
            "output": str(program.output),
            "errors": str(program.errors) if program.split else None,
            "farewell": program.farewell,
            "user": account.uid if account else None,
            "group": account.gid if account else None,
        }
        with contextlib.suppress(BrokenPipeError):
            assert init.stdin
            init.stdin.write(json.dumps(order).encode() + b"\n")
            init.stdin.flush()
        return init

    def _follow(self) -> None:
        assert self._init.stdout
        for line in self._init.stdout:
            fact = json.loads(line)
            if "started" in fact:
                self.main = fact["started"]
            elif "failed" in fact:
                self.code, self.failure = REFUSED, f"{fact['program']}: {fact['failed']}"
            else:
                self.code = fact["exit"]
            self._begun.set()
            self._changed()
        self._conclude()

    def _conclude(self) -> None:
        code = self._init.wait()
        for stream in (self._init.stdin, self._init.stdout):
            with contextlib.suppress(OSError):
                stream and stream.close()
        if code != 0 or sys.platform != "linux":
            sweep(self.program.folder)
        if self.code is None:
            self.code = -signal.SIGKILL
        (self.program.folder / PID_FILE).unlink(missing_ok=True)
        self._begun.set()
        self._gone.set()
        self._changed()


def sweep(folder: Path) -> None:
    """Kill what runs under an init of this folder, or of one within it, that is not there any more."""
    for _ in polling(2.0):
        left = [process for process in psutil.process_iter() if _marked(process, folder)]
        if not left:
            return
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()


def _marked(process: psutil.Process, folder: Path) -> bool:
    with contextlib.suppress(psutil.Error, OSError):
        mark = process.environ().get(MARK)
        if process.pid == os.getpid() or mark is None or process.status() == psutil.STATUS_ZOMBIE:
            return False
        return Path(mark).is_relative_to(folder)
    return False


def head(path: Path, size: int) -> bytes:
    """Return the beginning of a log, as far as it is still there."""
    for part in (path.with_name(f"{path.name}.1"), path):
        with contextlib.suppress(OSError), part.open("rb") as stream:
            return stream.read(size)
    return b""


def tail(path: Path, size: int) -> bytes:
    """Return the end of a log, with what is left of its former part."""
    with contextlib.suppress(OSError):
        data = path.read_bytes()
        if len(data) < size:
            with contextlib.suppress(OSError):
                data = path.with_name(f"{path.name}.1").read_bytes() + data
        return data[-size:]
    return b""
