"""Template clusters: initdb runs once for each PostgreSQL, every database starts as a copy of its result."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from localaws.engines.account import Account, engine_account, private_folder
from localaws.engines.binaries import PostgresBinaries
from localaws.engines.cache import made_once
from localaws.engines.cluster import WAL_SEGMENT, copy_tree, make_durable
from localaws.engines.controlfile import ControlFile
from localaws.engines.process import EngineFailed, run
from localaws.engines.rights import ADMIN, template_statements

LIBRARIES = ("pg_stat_statements", "auto_explain")
SETTINGS_QUERY = (
    "SELECT jsonb_agg(s) FROM (SELECT name, vartype, unit, min_val, max_val, enumvals, context, boot_val, "
    "category, short_desc FROM pg_settings ORDER BY name) s"
)


@dataclass(frozen=True)
class Template:
    """A finished template: the cluster, its administrator's password, the server's settings."""

    folder: Path

    @property
    def data(self) -> Path:
        """The cluster's files."""
        return self.folder / "data"

    @property
    def password(self) -> str:
        """The administrator's password in a fresh copy."""
        return (self.folder / "password").read_text().strip()

    @property
    def settings(self) -> Path:
        """The rows of pg_settings, as JSON."""
        return self.folder / "settings.json"


def template_for(binaries: PostgresBinaries) -> Template:
    """Return the template of these binaries; a user's first call on a machine makes it (about a second)."""
    statements = template_statements(binaries.major)
    recipe = "\n".join([str(binaries.bin), *_initdb_options(binaries), *statements])
    digest = hashlib.sha256(recipe.encode()).hexdigest()[:12]
    name = f"postgres-{binaries.version}-{digest}"
    return Template(made_once(name, lambda folder: _build(folder, binaries, statements)))


def _build(folder: Path, binaries: PostgresBinaries, statements: list[str]) -> None:
    account = engine_account()
    with tempfile.TemporaryDirectory(prefix="localaws-template-") as name:
        workshop = private_folder(Path(name), account)
        runnable = binaries.reachable_by(account)
        password = secrets.token_hex(24)
        _initialise(workshop, runnable, account, password)
        _furnish(workshop, runnable, account, statements)
        _drop_spare_wal(workshop / "data", runnable)
        _keep(folder, workshop, password)


def _initdb_options(binaries: PostgresBinaries) -> list[str]:
    options = [
        "--no-sync",
        "--wal-segsize=1",
        f"--username={ADMIN}",
        "--encoding=UTF8",
        "--auth=scram-sha-256",
    ]
    if binaries.major >= 17:
        return [*options, "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    return [*options, "--locale=C" if sys.platform == "darwin" else "--locale=C.UTF-8"]


def _initialise(workshop: Path, binaries: PostgresBinaries, account: Account | None, password: str) -> None:
    secret = workshop / "secret"
    secret.touch(0o600)
    secret.write_text(password)
    if account is not None:
        account.own(secret)
    options = [*_initdb_options(binaries), f"--pwfile={secret}", f"--pgdata={workshop / 'data'}"]
    _run([str(binaries.program("initdb")), *options], account, workshop)


def _furnish(
    workshop: Path, binaries: PostgresBinaries, account: Account | None, statements: list[str]
) -> None:
    """Run the first statements and write pg_settings to a file, in single-user mode: no server is needed."""
    settings = workshop / "settings.json"
    script = [*statements, f"COPY ({SETTINGS_QUERY}) TO '{settings}'"]
    installed = [name for name in LIBRARIES if _has_library(binaries, name)]
    command = [
        str(binaries.program("postgres")),
        "--single",
        "-j",
        "-c",
        f"shared_preload_libraries={','.join(installed)}",
        "-c",
        "exit_on_error=on",
        "-D",
        str(workshop / "data"),
        "postgres",
    ]
    _run(command, account, workshop, ";\n\n".join(script) + ";\n\n")
    rows = json.loads(settings.read_text().replace("\\\\", "\\"))
    known = [name for name in LIBRARIES if any(row["name"].startswith(f"{name}.") for row in rows)]
    if known != installed:
        raise EngineFailed(f"{binaries.bin} did not load {installed}: reinstall this PostgreSQL")


def _has_library(binaries: PostgresBinaries, name: str) -> bool:
    asked = binaries.program("pg_config")
    if not asked.exists():
        return False
    answer = subprocess.run([asked, "--pkglibdir"], capture_output=True, text=True, check=False)
    return any(Path(answer.stdout.strip()).glob(f"{name}.*"))


def _run(command: list[str], account: Account | None, folder: Path, script: str = "") -> None:
    done = run(command, account, cwd=folder, words=script)
    if done.returncode != 0:
        complaint = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise EngineFailed(f"{Path(command[0]).name} could not make a database cluster: {complaint}")


def _drop_spare_wal(data: Path, binaries: PostgresBinaries) -> None:
    """Leave only the WAL segment that the cluster starts from: initdb recycles several."""
    needed = ControlFile.read(data, binaries).redo_file
    for segment in (data / "pg_wal").iterdir():
        if WAL_SEGMENT.fullmatch(segment.name) and segment.name != needed:
            segment.unlink()


def _keep(folder: Path, workshop: Path, password: str) -> None:
    """Move the finished template into the cache, whole or not at all."""
    unfinished = folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    copy_tree(workshop / "data", unfinished / "data", None)
    (unfinished / "settings.json").write_text((workshop / "settings.json").read_text().replace("\\\\", "\\"))
    secret = unfinished / "password"
    secret.touch(0o600)
    secret.write_text(password)
    make_durable(unfinished)
    unfinished.replace(folder)
