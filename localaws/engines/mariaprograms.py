"""Where MariaDB's programs are: the environment's choice, else the system's."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from localaws.engines.binaries import EngineMissing

VARIABLE = "LOCALAWS_MARIADB_BIN"
PROGRAMS = {
    "server": ("mariadbd",),
    "client": ("mariadb", "mysql"),
    "install": ("mariadb-install-db",),
}


@dataclass(frozen=True)
class MariaBinaries:
    """One installation of MariaDB."""

    version: str
    server: Path
    client: Path
    install: Path


def find_mariadb() -> MariaBinaries | None:
    """Return the MariaDB of this machine: LOCALAWS_MARIADB_BIN's, else the one on the path, if any."""
    found = {part: next(_candidates(names), None) for part, names in PROGRAMS.items()}
    server, client, install = (found[part] for part in PROGRAMS)
    if server is None or client is None or install is None:
        return None
    version = _version(server, server.stat().st_mtime_ns)
    return MariaBinaries(version, server, client, install) if version else None


def _candidates(names: tuple[str, ...]) -> Iterator[Path]:
    chosen = os.environ.get(VARIABLE)
    folders = [chosen] if chosen else [*os.environ.get("PATH", os.defpath).split(os.pathsep), "/usr/sbin"]
    for name in names:
        for folder in folders:
            path = Path(folder) / name
            if os.access(path, os.X_OK):
                yield path


_versions: dict[tuple[Path, int], str | None] = {}


def _version(program: Path, changed: int) -> str | None:
    if (program, changed) not in _versions:
        answer = subprocess.run([program, "--no-defaults", "--version"], capture_output=True, text=True)
        number = re.search(r"Ver (\d+\.\d+\.\d+)-MariaDB", answer.stdout)
        _versions[program, changed] = number.group(1) if number else None
    return _versions[program, changed]


def required() -> MariaBinaries:
    """Return the MariaDB of this machine; EngineMissing without one."""
    found = find_mariadb()
    if found is None:
        raise EngineMissing(f"no mariadbd here: install mariadb-server, or name its folder in {VARIABLE}")
    return found
