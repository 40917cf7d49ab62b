"""A Valkey (or Redis) server: one data set in one folder, reachable by its Unix socket only."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from localaws.engines import configuration, process
from localaws.engines.account import engine_account, private_folder
from localaws.engines.binaries import ValkeyBinary
from localaws.engines.process import EngineFailed

START_DEADLINE = 60.0
STOP_DEADLINE = 10.0
SOCKET_NAME = "valkey.sock"
PID_NAME = "engine.pid"
OWN = {
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "no",
    "supervised": "no",
    "protected-mode": "no",
    "save": "",
    "enable-debug-command": "no",
    "enable-module-command": "no",
}
"""What no caller changes."""
CLIENT_COMMANDS = "+@all -@admin +info +config|get +client +slowlog +latency"
DENIED = frozenset(
    {"dir", "unixsocket", "logfile", "pidfile", "bind", "include", "loadmodule", "aclfile", "requirepass"}
)


class ValkeyServer:
    """One server: its data and log in `home`, our password in `<home>/admin` (0600).

    Clients enter as the user `default`, without a password unless `set_password` gives it one.
    """

    def __init__(self, home: Path, sockets: Path, *, binary: ValkeyBinary, durable: bool) -> None:
        self.home = home
        self.sockets = sockets
        self.durable = durable
        self.account = engine_account()
        self.binary = binary.reachable_by(self.account)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        """The Unix socket of the running server."""
        return self.sockets / SOCKET_NAME

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self.home / "valkey.log"

    @property
    def pid(self) -> int | None:
        """Process id of the server, when it runs."""
        if self._process is not None:
            return self._process.pid if self._process.poll() is None else None
        try:
            pid = int((self.home / PID_NAME).read_text())
        except (FileNotFoundError, ValueError):
            return None
        return pid if process.works_in(pid, self.home) else None

    def alive(self) -> bool:
        """Whether the server runs."""
        return self.pid is not None

    def create(self, settings: Mapping[str, str], *, password: str | None = None) -> None:
        """Make an empty data set and start its server; nothing is left when that fails."""
        try:
            self.remove()
            private_folder(self.home, self.account)
            configuration.replace(self.home / "admin", secrets.token_hex(24), None)
            self.configure(settings, password=password)
            self.start()
        except BaseException:
            self.remove()
            raise

    def configure(self, settings: Mapping[str, str], *, password: str | None = None) -> None:
        """Write the configuration that the next start takes."""
        persistence = {"appendonly": "yes", "appendfsync": "everysec" if self.durable else "no"}
        given = {name: value for name, value in settings.items() if name not in DENIED}
        place = {"dir": str(self.home), "unixsocket": str(self.socket), "logfile": str(self.log)}
        lines = [f"{name} {_quoted(value)}" for name, value in (given | persistence | OWN | place).items()]
        admin = (self.home / "admin").read_text()
        lines.append(f"user rdsadmin on >{admin} ~* &* +@all")
        entrance = "nopass" if password is None else f"resetpass {_quoted('>' + password)}"
        lines.append(f"user default on {entrance} ~* &* {CLIENT_COMMANDS}")
        configuration.replace(self.home / "valkey.conf", "\n".join(lines) + "\n", self.account)

    def start(self) -> None:
        """Start the server and return when it answers; what a killed one left is cleaned first."""
        self._process = None
        self._clear_leftovers()
        private_folder(self.sockets, self.account)
        command = [self.binary.path, self.home / "valkey.conf"]
        output = self.home / "startup.log"
        self._process = process.spawn(command, output=output, account=self.account, cwd=self.home)
        configuration.replace(self.home / PID_NAME, f"{self._process.pid}\n", None)
        for _ in process.polling(START_DEADLINE):
            if self._answers():
                return
            if self._process.poll() is not None:
                raise EngineFailed(f"Valkey did not start: {self._last_words()}")
        self.stop(immediate=True)
        raise EngineFailed(f"Valkey did not answer within {START_DEADLINE:.0f} s: see {self.log}")

    def _answers(self) -> bool:
        # while it loads its data the server answers with BusyLoadingError
        with contextlib.suppress(redis.ConnectionError, redis.BusyLoadingError), self.connect() as client:
            return bool(client.ping())
        return False

    def connect(self) -> redis.Redis:
        """Return a client with all rights."""
        return redis.Redis(
            unix_socket_path=str(self.socket),
            username="rdsadmin",
            password=(self.home / "admin").read_text(),
            decode_responses=True,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
        )

    def stop(self, *, immediate: bool = False) -> None:
        """Stop the server: in order, or at once as a crash would."""
        pid = self.pid
        if pid is not None:
            process.send(pid, signal.SIGKILL if immediate else signal.SIGTERM)
            if not self._ended(pid):
                process.kill_all_in(self.home)
        self._process = None
        (self.home / PID_NAME).unlink(missing_ok=True)

    def _ended(self, pid: int) -> bool:
        if self._process is None:
            return process.wait_gone(pid, STOP_DEADLINE)
        return any(self._process.poll() is not None for _ in process.polling(STOP_DEADLINE))

    def remove(self) -> None:
        """Stop the server at once and delete everything it had."""
        self.stop(immediate=True)
        if self.home.exists():
            self._clear_leftovers()
            shutil.rmtree(self.home)
        shutil.rmtree(self.sockets, ignore_errors=True)

    def _clear_leftovers(self) -> None:
        if (self.home / PID_NAME).exists():
            process.kill_all_in(self.home)
            (self.home / PID_NAME).unlink()
        self.socket.unlink(missing_ok=True)

    def _last_words(self) -> str:
        files = (self.home / "startup.log", self.log)
        texts = [path.read_text(errors="replace") for path in files if path.exists()]
        return " ".join("\n".join(texts).strip().splitlines()[-3:]) or f"see {self.log}"


def _quoted(value: str) -> str:
    """Quote a value for the configuration file."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'
