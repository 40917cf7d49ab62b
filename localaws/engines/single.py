"""A server that is one process: its home, its socket, and the pid file that we keep for it."""

from __future__ import annotations

import signal
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from localaws.engines import configuration, process
from localaws.engines.account import engine_account, private_folder
from localaws.engines.process import EngineFailed

PID_NAME = "engine.pid"


class SingleServer(ABC):
    """What such servers share; each says how it is started, and how it shows that it answers."""

    title: ClassVar[str]
    socket_name: ClassVar[str]
    start_deadline: ClassVar[float]
    stop_deadline: ClassVar[float]

    def __init__(self, home: Path, sockets: Path, *, durable: bool) -> None:
        self.home = home
        self.sockets = sockets
        self.durable = durable
        self.account = engine_account()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def data(self) -> Path:
        """The server's files, where it works."""

    @property
    @abstractmethod
    def log(self) -> Path:
        """Where the server tells what it does."""

    @property
    def socket(self) -> Path:
        """The Unix socket of the running server."""
        return self.sockets / self.socket_name

    @property
    def pid(self) -> int | None:
        """Process id of the server, when it runs."""
        if self._process is not None:
            return self._process.pid if self._process.poll() is None else None
        try:
            pid = int((self.home / PID_NAME).read_text())
        except (FileNotFoundError, ValueError):
            return None
        return pid if process.works_in(pid, self.data) else None

    def alive(self) -> bool:
        """Whether the server runs."""
        return self.pid is not None

    def start(self) -> None:
        """Start the server and return when it answers; what a killed one left is cleaned first."""
        self._process = None
        self._clear_leftovers()
        private_folder(self.sockets, self.account)
        output = self.home / "startup.log"
        self._process = process.spawn(self._command(), output=output, account=self.account, cwd=self.data)
        configuration.replace(self.home / PID_NAME, f"{self._process.pid}\n", None)
        for _ in process.polling(self.start_deadline):
            if self._answers():
                return
            if self._process.poll() is not None:
                raise EngineFailed(f"{self.title} did not start: {self._last_words()}")
        self.stop(immediate=True)
        raise EngineFailed(f"{self.title} did not answer within {self.start_deadline:.0f} s: see {self.log}")

    @abstractmethod
    def _command(self) -> list[object]:
        """The command that starts the server."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether clients are answered."""

    @abstractmethod
    def _last_words(self) -> str:
        """Return the server's own explanation of why it ended."""

    def stop(self, *, immediate: bool = False) -> None:
        """Stop the server: in order, or at once as a crash would."""
        pid = self.pid
        if pid is not None:
            process.send(pid, signal.SIGKILL if immediate else signal.SIGTERM)
            if not process.has_ended(self._process, pid, self.stop_deadline):
                process.kill_all_in(self.data)
        self._process = None
        (self.home / PID_NAME).unlink(missing_ok=True)

    def _clear_leftovers(self) -> None:
        if (self.home / PID_NAME).exists():
            process.kill_all_in(self.data)
            (self.home / PID_NAME).unlink()
        self.socket.unlink(missing_ok=True)
