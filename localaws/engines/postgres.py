"""A PostgreSQL server: one cluster in one folder, reachable by its Unix socket only."""

from __future__ import annotations

import datetime
import os
import re
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg import sql

from localaws.engines import backup, configuration, process, role, spare
from localaws.engines.account import engine_account, private_folder
from localaws.engines.binaries import PostgresBinaries
from localaws.engines.cluster import copy_tree, make_durable, new_identity
from localaws.engines.controlfile import ControlFile, floors
from localaws.engines.extensions import offer
from localaws.engines.pidfile import PidFile
from localaws.engines.process import EngineFailed
from localaws.engines.rights import ADMIN, database_statements, master_statements
from localaws.engines.role import Role
from localaws.engines.spread import spread
from localaws.engines.template import template_for

START_DEADLINE = 120.0
STOP_DEADLINE = 20.0
QUIET = "-c log_statement=none -c log_min_duration_statement=-1 -c log_duration=off"
PENDING = "SELECT name FROM pg_settings WHERE pending_restart ORDER BY 1"
SEVERE = re.compile("FATAL|PANIC|error:")
COMPLAINT = re.compile("FATAL|PANIC|DETAIL|HINT|error:")
LIMITS_TOO_SMALL = "insufficient parameter settings"
SOCKET_NAME = ".s.PGSQL.5432"


class PostgresServer:
    """One cluster: `<home>/data`, its log files in `<home>/log`, our password in `<home>/admin` (0600)."""

    def __init__(self, home: Path, sockets: Path, *, binaries: PostgresBinaries, durable: bool) -> None:
        self.home = home
        self.sockets = sockets
        self.durable = durable
        self.account = engine_account()
        self.binaries = binaries.reachable_by(self.account)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        """The cluster's files (PGDATA)."""
        return self.home / "data"

    @property
    def socket(self) -> Path:
        """The Unix socket of the running server."""
        return self.sockets / SOCKET_NAME

    @property
    def log(self) -> Path:
        """The log file of this hour, named as RDS names it."""
        now = datetime.datetime.now(datetime.UTC)
        return self.home / "log" / now.strftime(configuration.LOG_NAME)

    @property
    def pid(self) -> int | None:
        """Process id of the postmaster, when one runs."""
        started = self._process
        if started is not None:
            return started.pid if started.poll() is None else None
        found = PidFile.read(self.data)
        return found.pid if found is not None and process.works_in(found.pid, self.data) else None

    def alive(self) -> bool:
        """Whether the server runs."""
        return self.pid is not None

    def create(
        self, *, username: str, password: str, database: str | None, settings: Mapping[str, str]
    ) -> None:
        """Make the cluster from the template and leave it running; nothing is left when that fails."""
        try:
            template = template_for(self.binaries)
            self.prepare_home()
            spare.take(self.home.parent, template, self.data, self.account)
            new_identity(self.data)
            self._enter_home(template.password, settings)
            self.start()
            self._make_master(username, password, database)
            self.settle()
        except BaseException:
            self.remove()
            raise

    @classmethod
    def restore(
        cls,
        source: Path,
        home: Path,
        sockets: Path,
        *,
        binaries: PostgresBinaries,
        durable: bool,
        settings: Mapping[str, str],
    ) -> PostgresServer:
        """Make a running server from a snapshot's folder; nothing is left when that fails."""
        server = cls(home, sockets, binaries=binaries, durable=durable)
        try:
            server.take(source, settings)
            new_identity(server.data)
            server.start()
            server.settle()
        except BaseException:
            server.remove()
            raise
        return server

    def take(self, source: Path, settings: Mapping[str, str]) -> None:
        """Have a copy of a snapshot's cluster instead of what was here; it is not started."""
        made_by = (source / "data" / "PG_VERSION").read_text().strip()
        if int(made_by) != self.binaries.major:
            raise EngineFailed(
                f"the snapshot holds data of PostgreSQL {made_by}, which "
                f"{self.binaries.version} cannot read: restore it with a version {made_by} engine"
            )
        self.prepare_home()
        copy_tree(source / "data", self.data, self.account)
        self._enter_home((source / "admin").read_text(), settings)

    def prepare_home(self) -> None:
        """Have an empty home: what was there ends and is deleted."""
        self.remove()
        spread(self.home.parent)
        private_folder(self.home, self.account)

    def _enter_home(self, admin_password: str, settings: Mapping[str, str]) -> None:
        configuration.replace(self.home / "admin", admin_password, None)
        self.configure(settings)

    def settle(self) -> None:
        """Give a copied cluster that runs now a password of ours that its source does not know; keep it."""
        password = secrets.token_hex(24)
        self.set_password(ADMIN, password)
        configuration.replace(self.home / "admin", password, None)
        self._settle_on_disk()

    def _make_master(self, username: str, password: str, database: str | None) -> None:
        with self.connect() as connection:
            verifier = _verifier(connection, username, password)
            for statement in master_statements(username, verifier, self.binaries.major):
                connection.execute(statement)
            for statement in database_statements(database, username):
                connection.execute(statement)

    def _settle_on_disk(self) -> None:
        if self.durable:
            make_durable(self.home)

    def start(self, deadline: float = START_DEADLINE) -> None:
        """Start the server and return when it answers; what an earlier, killed one left is cleaned first."""
        try:
            self._start(deadline)
        except EngineFailed as error:
            # a standby learns while it replays that its source has larger limits now, and keeps it in mind
            if LIMITS_TOO_SMALL not in str(error):
                raise
            self._start(deadline)

    def _start(self, deadline: float) -> None:
        self._reap()
        _clear_leftovers(self.data)
        private_folder(self.sockets, self.account)
        private_folder(self.home / "log", self.account)
        self.write_role()
        command = [offer(self.binaries, self.account).program, "-D", self.data, "-k", self.sockets]
        output = self.home / "startup.log"
        self._process = process.spawn(command, output=output, account=self.account, cwd=self.home)
        for _ in process.polling(deadline):
            found = PidFile.read(self.data)
            if found is not None and found.pid == self._process.pid and found.ready:
                return
            if self._process.poll() is not None:
                raise EngineFailed(f"PostgreSQL did not start: {self._last_words()}")
        self.stop(immediate=True)
        raise EngineFailed(
            f"PostgreSQL did not become ready within {deadline:.0f} s: see {self.home / 'log'}"
        )

    def write_role(self) -> None:
        """Write what the server's role demands of its configuration."""
        limits = floors(self.data, self.binaries) if role.is_standby(self.home) else {}
        part = Role.load(self.home)
        role.write(part, self.home, self.account, durable=self.durable, floors=limits)

    def _last_words(self) -> str:
        """Return the server's own explanation of why it ended."""
        # before its log collector runs, a server complains on its standard error
        for path in (self.home / "startup.log", self.log):
            lines = path.read_text(errors="replace").splitlines() if path.exists() else []
            if any(map(SEVERE.search, lines)):
                return " ".join([line for line in lines if COMPLAINT.search(line)][-3:])
        return f"see {self.home / 'log'}"

    def stop(self, *, immediate: bool = False) -> None:
        """Stop the server: in order, or at once as a crash would."""
        pid = self.pid
        if pid is None:
            return
        process.send(pid, signal.SIGQUIT if immediate else signal.SIGINT)
        if not process.has_ended(self._process, pid, STOP_DEADLINE):
            process.kill_all_in(self.data)
            process.has_ended(self._process, pid, STOP_DEADLINE)
        self._process = None

    def kill(self) -> None:
        """End the server and all its processes at once, surely, and remove what they leave behind."""
        self._reap()
        process.kill_all_in(self.data)
        _clear_leftovers(self.data)

    def _reap(self) -> None:
        """End the process that this object started: as long as nobody asks for its end, its id is in use."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def remove(self) -> None:
        """Stop the server at once and delete everything it had."""
        self.stop(immediate=True)
        erase(self.home, self.sockets)

    def configure(self, settings: Mapping[str, str]) -> None:
        """Write the configuration; `reload` applies what is dynamic, a restart the rest."""
        values = configuration.effective(
            settings, major=self.binaries.major, durable=self.durable, log=self.home / "log"
        )
        configuration.write(self.data, values | offer(self.binaries, self.account).settings, self.account)

    def reload(self) -> None:
        """Have the running server read its configuration."""
        with self.connect() as connection:
            connection.execute("SELECT pg_reload_conf()")

    def pending_restart(self) -> list[str]:
        """Names of the settings whose new value waits for a restart."""
        with self.connect() as connection:
            return [name for (name,) in connection.execute(PENDING)]

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """Return an autocommit connection as our administrator."""
        return self.connect_to(self.sockets, database)

    def connect_to(self, sockets: Path, database: str = "postgres") -> psycopg.Connection:
        """Return a connection to another server of the same cluster: they share the administrator."""
        return psycopg.connect(
            host=str(sockets),
            port=5432,
            user=ADMIN,
            password=(self.home / "admin").read_text(),
            dbname=database,
            autocommit=True,
            application_name="rdsadmin",
            # the user's PG* variables are not meant for this connection
            options=QUIET,
            channel_binding="disable",
            target_session_attrs="any",
        )

    def set_password(self, user: str, password: str) -> None:
        """Give a role a new password; it never appears in a statement or a log."""
        with self.connect() as connection:
            verifier = sql.Literal(_verifier(connection, user, password))
            connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(user), verifier))

    def snapshot(self, target: Path) -> None:
        """Copy the cluster, running or stopped, into a folder that `restore` takes; whole or not at all."""
        with backup.folder_at_once(target, self.account, durable=self.durable) as folder:
            configuration.replace(folder / "admin", (self.home / "admin").read_text(), None)
            if self.alive():
                with self.connect() as connection:
                    backup.copy_running(connection, self.data, folder / "data", self.account)
            else:
                self._copy_stopped(folder / "data")
            now = datetime.datetime.now(datetime.UTC)
            configuration.replace(folder / backup.FINISHED, now.isoformat(), None)

    def _copy_stopped(self, target: Path) -> None:
        if not ControlFile.read(self.data, self.binaries).at_rest:
            # somebody may be about to start it, or to delete it
            raise EngineFailed("the server has died: start it, then take the snapshot")
        copy_tree(self.data, target, self.account, skip=backup.without_part)

    def append_log(self, line: str) -> None:
        """Add a line to the server's log, as the part of RDS does that stands before the server."""
        path = self.log
        new = not path.exists()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            if new and self.account is not None:
                os.fchown(descriptor, self.account.uid, self.account.gid)
            os.write(descriptor, line.rstrip("\n").encode() + b"\n")
        finally:
            os.close(descriptor)


def erase(home: Path, sockets: Path) -> None:
    """Delete a server's files, and end what still runs on them."""
    if home.exists():
        _clear_leftovers(home / "data")
        shutil.rmtree(home)
    shutil.rmtree(sockets, ignore_errors=True)


def _clear_leftovers(data: Path) -> None:
    """End what a killed server left running, and remove its pid file and shared memory."""
    found = PidFile.read(data)
    if found is not None:
        process.kill_all_in(data)
        found.forget()


def _verifier(connection: psycopg.Connection, user: str, password: str) -> str:
    return connection.pgconn.encrypt_password(password.encode(), user.encode(), b"scram-sha-256").decode()
