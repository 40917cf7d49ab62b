"""A Valkey (or Redis) server: one data set in one folder, reachable by its Unix socket only."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from localaws.engines import configuration
from localaws.engines.account import private_folder
from localaws.engines.binaries import ValkeyBinary
from localaws.engines.single import SingleServer

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


class ValkeyServer(SingleServer):
    """One server: its data and log in `home`, our password in `<home>/admin` (0600).

    Clients enter as the user `default`, without a password unless `set_password` gives it one.
    """

    title = "Valkey"
    socket_name = "valkey.sock"
    start_deadline = 60.0
    stop_deadline = 10.0

    def __init__(self, home: Path, sockets: Path, *, binary: ValkeyBinary, durable: bool) -> None:
        super().__init__(home, sockets, durable=durable)
        self.binary = binary.reachable_by(self.account)

    @property
    def data(self) -> Path:
        """The server's files: its whole home."""
        return self.home

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self.home / "valkey.log"

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

    def _command(self) -> list[object]:
        return [self.binary.path, self.home / "valkey.conf"]

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

    def remove(self) -> None:
        """Stop the server at once and delete everything it had."""
        self.stop(immediate=True)
        if self.home.exists():
            self._clear_leftovers()
            shutil.rmtree(self.home)
        shutil.rmtree(self.sockets, ignore_errors=True)

    def _last_words(self) -> str:
        files = (self.home / "startup.log", self.log)
        texts = [path.read_text(errors="replace") for path in files if path.exists()]
        return " ".join("\n".join(texts).strip().splitlines()[-3:]) or f"see {self.log}"


def _quoted(value: str) -> str:
    """Quote a value for the configuration file."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'
