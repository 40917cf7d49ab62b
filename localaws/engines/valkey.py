"""A Valkey (or Redis) server: one data set in one folder, reachable by its Unix socket only."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from localaws.engines import configuration, process
from localaws.engines.account import engine_account, private_folder
from localaws.engines.binaries import ValkeyBinary
from localaws.engines.process import EngineFailed
from localaws.engines.single import SingleServer

ADMIN = "rdsadmin"
REPLICATOR = "replicator"
"""Users that are ours; a replica enters its source as the second one."""
OWN = {
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "no",
    "supervised": "no",
    "protected-mode": "no",
    "save": "",
    "dbfilename": "dump.rdb",
    "enable-debug-command": "no",
    "enable-module-command": "no",
    "repl-diskless-sync": "yes",
    "repl-diskless-sync-delay": "0",
    "repl-ping-replica-period": "1",
    "replica-read-only": "yes",
    "rdb-del-sync-files": "yes",
}
"""What no caller changes."""
RESTRICTED = (
    "-bgrewriteaof -bgsave -cluster -config -debug -failover -migrate -module -psync -replconf -replicaof "
    "-save -shutdown -slaveof -sync -acl|deluser -acl|getuser -acl|list -acl|load -acl|log -acl|save "
    "-acl|setuser -acl|users"
)
"""Commands that ElastiCache keeps for itself."""
EVERYTHING = "on ~* &* +@all"
DENIED = frozenset(
    {"dir", "unixsocket", "logfile", "pidfile", "bind", "include", "loadmodule", "aclfile", "requirepass"}
)
SEVERAL_WORDS = frozenset({"client-output-buffer-limit"})
ANSWER_SECONDS = 10.0
SAVE_SECONDS = 120.0


@dataclass(frozen=True)
class User:
    """Somebody who may log in: what is allowed, and by which passwords (`open`: by any, or none)."""

    name: str = "default"
    access: str = EVERYTHING
    passwords: tuple[str, ...] = ()
    open: bool = True

    @property
    def rules(self) -> list[str]:
        """The user's ACL rules, in order."""
        words = ["reset", *self.access.split(), *RESTRICTED.split()]
        words += [f">{password}" for password in self.passwords]
        return [*words, "nopass"] if self.open else words


@dataclass(frozen=True)
class Config:
    """What a server is told: its settings, and who may use it."""

    settings: Mapping[str, str] = field(default_factory=dict)
    users: tuple[User, ...] = (User(),)


@dataclass(frozen=True)
class Source:
    """Where a server's replicas find their source, and the secret that lets them in."""

    host: str
    port: int
    secret: str


class ValkeyServer(SingleServer):
    """One server: its data and log in `home`, our password in `<home>/admin` (0600)."""

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

    @property
    def dump(self) -> Path:
        """The file that a snapshot is written to."""
        return self.home / "dump.rdb"

    def create(
        self,
        config: Config,
        *,
        source: Source | None = None,
        follows: bool = False,
        snapshot: Path | None = None,
    ) -> None:
        """Make a data set, empty or a snapshot's, and start its server; nothing is left when that fails.

        With a `source` the server may be followed, and follows if it shall.
        """
        try:
            self.remove()
            private_folder(self.home, self.account)
            configuration.replace(self.home / "admin", secrets.token_hex(24), None)
            if snapshot is not None:
                self._load(config, source, snapshot)
            else:
                self.configure(config, source=source, follows=follows)
                self.start()
        except BaseException:
            self.remove()
            raise

    def _load(self, config: Config, source: Source | None, snapshot: Path) -> None:
        """Start from a snapshot, and have the server's own log begin with it."""
        shutil.copyfile(snapshot, self.dump)
        self.dump.chmod(0o600)
        if self.account is not None:
            self.account.own(self.dump)
        self._write(config, source, follows=False, log=False)
        self.start()
        with self.connect() as client:
            client.config_set("appendonly", "yes")
            self._wait(client, "aof_rewrite_in_progress", "aof_rewrite_scheduled", deadline=SAVE_SECONDS)
        self.dump.unlink()
        self.configure(config, source=source)

    def configure(self, config: Config, *, source: Source | None = None, follows: bool = False) -> None:
        """Write the configuration that the next start takes."""
        self._write(config, source, follows=follows, log=True)

    def _write(self, config: Config, source: Source | None, *, follows: bool, log: bool) -> None:
        persistence = {
            "appendonly": "yes" if log else "no",
            "appendfsync": "everysec" if self.durable else "no",
        }
        given = {name: value for name, value in config.settings.items() if name not in DENIED}
        place = {"dir": str(self.home), "unixsocket": str(self.socket), "logfile": str(self.log)}
        lines = [_line(name, value) for name, value in (given | persistence | OWN | place).items()]
        admin = (self.home / "admin").read_text()
        lines.append(f"user {ADMIN} on >{admin} ~* &* +@all")
        lines += [f"user {user.name} {' '.join(map(_quoted, user.rules))}" for user in config.users]
        if not any(user.name == "default" for user in config.users):
            lines.append("user default off")
        if source is not None:
            lines.append(f"user {REPLICATOR} on >{source.secret} +psync +replconf +ping")
            lines += [f"masteruser {REPLICATOR}", f"masterauth {source.secret}"]
        if source is not None and follows:
            lines.append(f"replicaof {source.host} {source.port}")
        configuration.replace(self.home / "valkey.conf", "\n".join(lines) + "\n", self.account)

    def apply(self, before: Config, config: Config) -> None:
        """Have the running server take what can be changed while it runs."""
        with self.connect() as client:
            for name, value in config.settings.items():
                if before.settings.get(name) != value and name not in DENIED:
                    client.config_set(name, value)
            for user in config.users:
                client.execute_command("ACL", "SETUSER", user.name, *user.rules)
            gone = {user.name for user in before.users} - {user.name for user in config.users}
            if "default" in gone:
                client.execute_command("ACL", "SETUSER", "default", "reset")
            if gone - {"default"}:
                client.execute_command("ACL", "DELUSER", *sorted(gone - {"default"}))

    def follow(self, source: Source) -> None:
        """Become a replica, or go on as one."""
        with self.connect() as client:
            client.execute_command("REPLICAOF", source.host, source.port)

    def lead(self) -> None:
        """Become a primary, with the data that were received."""
        with self.connect() as client:
            client.execute_command("REPLICAOF", "NO", "ONE")

    def info(self, *sections: str) -> dict[str, Any]:
        """Return what the server tells of itself."""
        with self.connect() as client:
            return dict(client.info(*sections))

    def save(self, target: Path) -> int:
        """Write the data set, as it is now, into a file of ours, and return its size."""
        with self.connect() as client:
            self._wait(client, "rdb_bgsave_in_progress", "aof_rewrite_in_progress", deadline=SAVE_SECONDS)
            client.bgsave()
            self._wait(client, "rdb_bgsave_in_progress", deadline=SAVE_SECONDS)
            if client.info("persistence")["rdb_last_bgsave_status"] != "ok":
                raise EngineFailed(f"Valkey could not write a snapshot: see {self.log}")
        unfinished = target.with_suffix(".unfinished")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file, self.dump.open("rb") as dump:
            shutil.copyfileobj(dump, file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
        self.dump.unlink()
        return target.stat().st_size

    @staticmethod
    def _wait(client: redis.Redis, *activities: str, deadline: float) -> None:
        """Wait until none of these goes on."""
        for _ in process.polling(deadline):
            facts = client.info("persistence")
            if not any(int(facts[activity]) for activity in activities):
                return
        raise EngineFailed(f"Valkey has not ended {', '.join(activities)} within {deadline:.0f} s")

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
            username=ADMIN,
            password=(self.home / "admin").read_text(),
            decode_responses=True,
            protocol=2,
            socket_timeout=ANSWER_SECONDS,
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


def problem_of(binary: ValkeyBinary, access: str) -> str | None:
    """Return what the server's own reading of an access string finds wrong with it."""
    account = engine_account()
    program = binary.reachable_by(account).path
    # the users are read before the socket is opened, which cannot succeed
    lines = (f"user checked {access}", "port 0", 'save ""', "unixsocket /nonexistent/socket")
    told = process.run([program, "-"], account, cwd=Path("/"), words="\n".join(lines) + "\n").stdout
    found = next(
        (line for line in told.splitlines() if "ACL rule" in line or "user declaration" in line), None
    )
    return found and found.partition("# ")[2]


def _line(name: str, value: str) -> str:
    return f"{name} {value if name in SEVERAL_WORDS else _quoted(value)}"


def _quoted(value: str) -> str:
    """Quote a value for the configuration file."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'
