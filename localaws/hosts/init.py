"""The first process of a host: starts one program, keeps what it writes, and ends all that it left running.

A script of its own that imports nothing of ours. Standard input brings the order as one line of JSON, later
"end SECONDS"; when it closes, the server has gone, and so does everything here. Standard output brings one
line of JSON for each thing that happened: started, failed or exit.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

PIECE = 65536
MOST = 4 << 20
"""Bytes after which a log begins anew; the former part is kept beside it."""
GRACE = 2.0
LOOK = 0.1
ATTEMPTS = 20
PDEATHSIG, SUBREAPER = 1, 36


class Log:
    """What a stream of the program wrote: the newest of it, in a file and its predecessor."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = self._open()

    def _open(self) -> BinaryIO:
        return os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab", 0)

    def write(self, data: bytes) -> None:
        """Add something; a full disk loses it."""
        with contextlib.suppress(OSError):
            if self._file.tell() > MOST:
                self._file.close()
                self._path.replace(self._path.with_name(f"{self._path.name}.1"))
                self._file = self._open()
            self._file.write(data)


class Init:
    """The program, its descendants and their output."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._order = order
        self._selector = selectors.DefaultSelector()
        self._main: subprocess.Popen[bytes] | None = None
        self._deadline: float | None = None
        self._input = b""

    def run(self) -> None:
        """Run the program until it and all that it started have ended."""
        awake, ringing = os.pipe()
        os.set_blocking(ringing, False)
        os.set_blocking(awake, False)
        signal.set_wakeup_fd(ringing, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP):
            signal.signal(number, lambda *_: self.end(GRACE))
        self._selector.register(awake, selectors.EVENT_READ, lambda: os.read(awake, PIECE))
        self._selector.register(0, selectors.EVENT_READ, self._command)
        if self._start():
            while self._reap():
                self._look()
            self._drain()

    def _start(self) -> bool:
        order = self._order
        try:
            main = self._spawn()
        except OSError as error:
            reason, program = error.strerror or str(error), str(error.filename or order["argv"][0])
            self._say(f"{program}: {reason}")
            _tell(failed=reason, program=program)
            return False
        self._main = main
        self._follow(main.stdout, order["output"])
        if order["errors"]:
            self._follow(main.stderr, order["errors"])
        _tell(started=main.pid)
        return True

    def _spawn(self) -> subprocess.Popen[bytes]:
        order = self._order
        for attempt in range(ATTEMPTS):
            try:
                return subprocess.Popen(
                    order["argv"],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE if order["errors"] else subprocess.STDOUT,
                    cwd=order["home"],
                    env=order["environment"],
                    start_new_session=True,
                    preexec_fn=_die_with_parent,
                    user=order["user"],
                    group=order["group"],
                    extra_groups=None if order["user"] is None else [],
                )
            except OSError as error:
                # a child that the server is just starting may hold a new script open for writing
                if error.errno != errno.ETXTBSY or attempt == ATTEMPTS - 1:
                    raise
                time.sleep(LOOK)
        raise AssertionError("unreachable")

    def _say(self, text: str) -> None:
        if self._order["farewell"]:
            Log(Path(self._order["output"])).write(f"{self._order['farewell']} {text}\n".encode())

    def _follow(self, stream: Any, path: str) -> None:
        log = Log(Path(path))
        os.set_blocking(stream.fileno(), False)

        def move() -> None:
            with contextlib.suppress(BlockingIOError):
                data = os.read(stream.fileno(), PIECE)
                if data:
                    log.write(data)
                else:
                    self._selector.unregister(stream)

        self._selector.register(stream, selectors.EVENT_READ, move)

    def _look(self) -> None:
        for key, _ in self._selector.select(LOOK if self._deadline is not None else None):
            key.data()
        if self._deadline is not None and time.monotonic() >= self._deadline:
            _signal_all(signal.SIGKILL)

    def _drain(self) -> None:
        """Read what the pipes still hold."""
        while any(key.fileobj != 0 for key in self._selector.get_map().values()):
            found = self._selector.select(0)
            busy = [key for key, _ in found if not isinstance(key.fileobj, int)]
            if not busy:
                return
            for key in busy:
                key.data()

    def _command(self) -> None:
        data = os.read(0, PIECE)
        self._input += data
        if not data:
            self._selector.unregister(0)
            self.end(GRACE)
        while b"\n" in self._input:
            line, _, self._input = self._input.partition(b"\n")
            self.end(float(line.split()[1]))

    def end(self, seconds: float) -> None:
        """Ask everything to end, and kill what has not after this time."""
        deadline = time.monotonic() + seconds
        self._deadline = deadline if self._deadline is None else min(deadline, self._deadline)
        _signal_all(signal.SIGTERM)

    def _reap(self) -> bool:
        """Bury the dead; False when nobody is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if self._main is not None and pid == self._main.pid:
                self._main.returncode = os.waitstatus_to_exitcode(status)
                self._drain()
                self._say(str(self._main.returncode))
                _tell(exit=self._main.returncode)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PDEATHSIG, signal.SIGKILL)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)


def _signal_all(number: signal.Signals) -> None:
    for pid in _descendants():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _descendants() -> list[int]:
    children: dict[int, list[int]] = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    found, waiting = [], [os.getpid()]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def _parents() -> list[tuple[int, int]]:
    """Each process of the machine and its parent."""
    if Path("/proc/self/stat").exists():
        pairs = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    facts = (entry / "stat").read_bytes().rpartition(b")")[2].split()
                    pairs.append((int(entry.name), int(facts[1])))
        return pairs
    listed = subprocess.run(["ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=False)
    words = [line.split() for line in listed.stdout.splitlines()]
    # the process that lists is among those that it lists
    return [(int(pid), int(parent)) for pid, parent in words]


def _tell(**fact: Any) -> None:
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(fact).encode() + b"\n")


def main() -> None:
    """Carry out the order that comes in; without one the server died before it gave it."""
    line = b""
    while not line.endswith(b"\n"):
        # unbuffered: what follows the order is read through the selector
        data = os.read(0, 1)
        if not data:
            return
        line += data
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SUBREAPER, 1)
    Init(json.loads(line)).run()


if __name__ == "__main__":
    main()
