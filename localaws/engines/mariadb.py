"""A MariaDB server: one data folder, reachable by its Unix socket only."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import re
import secrets
import shutil
import signal
import socket as sockets_module
from collections.abc import Mapping
from pathlib import Path

from localaws.engines import backup, configuration, process
from localaws.engines.account import private_folder
from localaws.engines.cluster import copy_tree, make_durable
from localaws.engines.mariaprograms import MariaBinaries
from localaws.engines.process import EngineFailed
from localaws.engines.rights import ADMIN
from localaws.engines.single import PID_NAME, SingleServer

DEFAULTS = {"max_connections": "60", "slow_query_log": "0", "long_query_time": "10"}
"""What a server gets when the caller does not say."""
OWN = {
    "skip_networking": "1",
    "skip_name_resolve": "1",
    "proxy_protocol_networks": "localhost",
    "max_connect_errors": "4294967295",
    "log_warnings": "1",
    "log_output": "FILE",
    "innodb_buffer_pool_size": "16M",
    "innodb_log_file_size": "16M",
    # every write has reached the kernel when the server is frozen for a copy
    "innodb_use_native_aio": "0",
    "performance_schema": "0",
    "key_buffer_size": "1M",
    "aria_pagecache_buffer_size": "1M",
    "local_infile": "1",
}
"""What no caller changes: the server stays small, and learns its clients' addresses from the relay."""
DENIED = re.compile(
    r"(socket|datadir|basedir|tmpdir|plugin.*|port|bind_address|pid_file|log_error|user|init_.*|ssl.*"
    r"|.*_file|.*_dir|require_secure_transport)\Z"
)
"""Settings that are ours, or the relay's."""
MASTER_RIGHTS = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER, "
    "SHOW DATABASES, CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION CLIENT, CREATE VIEW, "
    "SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, CREATE USER, EVENT, TRIGGER, REPLICATION SLAVE"
)
"""AWS: "Master user account privileges"."""


class MariaServer(SingleServer):
    """One server: `<home>/data`, its logs in `<home>/log`, our credentials in `<home>/admin.cnf` (0600)."""

    title = "MariaDB"
    socket_name = "mariadb.sock"
    start_deadline = 120.0
    stop_deadline = 30.0

    def __init__(self, home: Path, sockets: Path, *, binaries: MariaBinaries, durable: bool) -> None:
        super().__init__(home, sockets, durable=durable)
        self.binaries = binaries

    @property
    def data(self) -> Path:
        """The server's files (datadir)."""
        return self.home / "data"

    @property
    def log(self) -> Path:
        """The folder of its logs."""
        return self.home / "log"

    def create(
        self,
        empty: Path,
        *,
        username: str,
        password: str,
        database: str | None,
        settings: Mapping[str, str],
    ) -> None:
        """Make a running server from the template's data folder; nothing is left when that fails."""
        try:
            self._prepare_home()
            copy_tree(empty, self.data, self.account)
            self.configure(settings)
            self.enter_first()
            self._furnish(username, password, database)
            self._settle_on_disk()
        except BaseException:
            self.remove()
            raise

    def restore(self, source: Path, settings: Mapping[str, str]) -> None:
        """Become a running server with the data of a snapshot's folder; nothing is left when that fails."""
        try:
            self._prepare_home()
            copy_tree(source / "data", self.data, self.account)
            self._note_admin((source / "admin").read_text())
            self.configure(settings)
            self.start()
            self._settle_on_disk()
        except BaseException:
            self.remove()
            raise

    def _prepare_home(self) -> None:
        self.remove()
        private_folder(self.home, self.account)
        private_folder(self.log, self.account)

    def enter_first(self) -> None:
        """Start a server whose only user is the one that mariadb-install-db makes, and enter as that."""
        self._note_admin(None)
        self.start()

    def _furnish(self, username: str, password: str, database: str | None) -> None:
        """Make our administrator and the master user, and remove everybody else."""
        admin = secrets.token_hex(24)
        master = f"{_literal(username)}@'%'"
        statements = [
            f"CREATE USER {ADMIN}@localhost IDENTIFIED BY PASSWORD '{hashed(admin)}'",
            f"GRANT ALL ON *.* TO {ADMIN}@localhost WITH GRANT OPTION",
            f"CREATE USER {master} IDENTIFIED BY PASSWORD '{hashed(password)}'",
            f"GRANT {MASTER_RIGHTS} ON *.* TO {master} WITH GRANT OPTION",
            "DELETE FROM mysql.global_priv WHERE user IN ('root', '')",
            "FLUSH PRIVILEGES",
        ]
        if database:
            statements.append(f"CREATE DATABASE {_identifier(database)}")
        self.execute(*statements)
        self._note_admin(admin)

    def _note_admin(self, password: str | None) -> None:
        user = "root" if password is None else ADMIN
        lines = ["[client]", f"user={user}", f"password={password or ''}"]
        configuration.replace(self.home / "admin", password or "", None)
        configuration.replace(self.home / "admin.cnf", "\n".join(lines) + "\n", None)

    def _settle_on_disk(self) -> None:
        if self.durable:
            make_durable(self.home)

    def configure(self, settings: Mapping[str, str]) -> None:
        """Write the configuration that the next start takes."""
        given = {name: value for name, value in settings.items() if not DENIED.match(name)}
        safety = {} if self.durable else {"innodb_flush_method": "nosync"}
        place = {
            "datadir": str(self.data),
            "socket": str(self.socket),
            "log_error": str(self.log / "mysql-error.log"),
            "slow_query_log_file": str(self.log / "mysql-slowquery.log"),
            "general_log_file": str(self.log / "mysql-general.log"),
        }
        values = DEFAULTS | given | OWN | safety | place
        lines = ["[mariadbd]", *(f"{name}={_quoted(value)}" for name, value in sorted(values.items()))]
        configuration.replace(self.home / "my.cnf", "\n".join(lines) + "\n", self.account)

    def _command(self) -> list[object]:
        return [self.binaries.server, f"--defaults-file={self.home / 'my.cnf'}"]

    def _answers(self) -> bool:
        with (
            contextlib.suppress(OSError),
            sockets_module.socket(sockets_module.AF_UNIX, sockets_module.SOCK_STREAM) as client,
        ):
            client.settimeout(1.0)
            client.connect(str(self.socket))
            return client.recv(5)[4:5] == b"\x0a"
        return False

    def _last_words(self) -> str:
        paths = (self.home / "startup.log", self.log / "mysql-error.log")
        texts = [path.read_text(errors="replace") for path in paths if path.exists()]
        lines = "\n".join(texts).splitlines()
        complaints = [line for line in lines if "[ERROR]" in line and "Aborting" not in line]
        return " ".join((complaints or lines)[-3:]) or f"see {self.log}"

    def remove(self) -> None:
        """Stop the server at once and delete everything it had."""
        self.stop(immediate=True)
        erase(self.home, self.sockets)

    def execute(self, *statements: str) -> list[list[str]]:
        """Run statements as our administrator; return the rows they print."""
        command = [
            self.binaries.client,
            f"--defaults-file={self.home / 'admin.cnf'}",
            f"--socket={self.socket}",
            "--batch",
            "--raw",
            "--skip-column-names",
        ]
        done = process.run(command, None, cwd=self.home, words=";\n".join(statements) + ";\n")
        if done.returncode:
            raise EngineFailed(f"MariaDB refused a statement of ours: {done.stderr.strip()}")
        return [line.split("\t") for line in done.stdout.splitlines()]

    def apply(self, settings: Mapping[str, str]) -> None:
        """Give a running server its dynamic settings; the others wait for a restart."""
        present = dict(self.execute("SHOW GLOBAL VARIABLES"))
        for name, value in settings.items():
            if name in present and name not in OWN and not DENIED.match(name):
                number = re.fullmatch(r"-?\d+(\.\d+)?", value)
                with contextlib.suppress(EngineFailed):
                    self.execute(f"SET GLOBAL {_identifier(name)} = {value if number else _literal(value)}")

    def set_password(self, user: str, password: str) -> None:
        """Give a user a new password; it never appears in a statement or a log."""
        self.execute(f"SET PASSWORD FOR {_literal(user)}@'%' = '{hashed(password)}'")

    def snapshot(self, target: Path) -> None:
        """Copy the data, whole or not at all; a running server is frozen meanwhile and goes on afterwards."""
        with backup.folder_at_once(target, self.account, durable=self.durable) as folder:
            configuration.replace(folder / "admin", (self.home / "admin").read_text(), None)
            pid = self.pid
            try:
                if pid is not None:
                    process.send(pid, signal.SIGSTOP)
                copy_tree(self.data, folder / "data", self.account)
            finally:
                if pid is not None:
                    process.send(pid, signal.SIGCONT)

    def append_log(self, line: str) -> None:
        """Add a line to the server's error log, as the part of RDS does that stands before the server."""
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")
        with (self.log / "mysql-error.log").open("a") as file:
            file.write(f"{now} {line.rstrip()}\n")


def erase(home: Path, sockets: Path) -> None:
    """Delete a server's files, and end what still runs on them."""
    if (home / PID_NAME).exists() and (home / "data").exists():
        process.kill_all_in(home / "data")
    for folder in (home, sockets):
        if folder.exists():
            shutil.rmtree(folder)


def hashed(password: str) -> str:
    """Return the hash that mysql_native_password keeps of a password."""
    inner = hashlib.sha1(password.encode()).digest()  # noqa: S324 - the protocol's own
    return "*" + hashlib.sha1(inner).hexdigest().upper()  # noqa: S324


def _literal(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def _identifier(name: str) -> str:
    escaped = name.replace("`", "``")
    return f"`{escaped}`"


def _quoted(value: str) -> str:
    """Quote a value for an option file."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
