"""Extensions that the master user may create, as rds_superuser may on RDS, though only superusers could here.

AWS: "Supported PostgreSQL extension versions". A word in its control file makes an extension trusted, so the
servers get a folder of control files of their own.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from localaws.engines.account import Account, shared_folder
from localaws.engines.binaries import PostgresBinaries, open_to_all

TRUSTED = (
    "amcheck", "autoinc", "bloom", "btree_gin", "btree_gist", "citext", "cube", "dblink", "dict_int",
    "dict_xsyn", "earthdistance", "fuzzystrmatch", "hstore", "insert_username", "intagg", "intarray", "isn",
    "lo", "ltree", "moddatetime", "old_snapshot", "pageinspect", "pg_buffercache", "pg_freespacemap",
    "pg_prewarm", "pg_stat_statements", "pg_trgm", "pg_visibility", "pg_walinspect", "pgcrypto",
    "pgrowlocks", "pgstattuple", "plpgsql", "postgres_fdw", "refint", "seg", "sslinfo", "tablefunc", "tcn",
    "tsm_system_rows", "tsm_system_time", "unaccent", "uuid-ossp", "vector", "xml2",
)  # fmt: skip
GRANTS = {
    "pg_stat_statements": "GRANT EXECUTE ON FUNCTION pg_stat_statements_reset TO rds_superuser;",
    "postgres_fdw": "GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO rds_superuser WITH GRANT OPTION;",
    "dblink": "GRANT USAGE ON FOREIGN DATA WRAPPER dblink_fdw TO rds_superuser WITH GRANT OPTION;",
}
"""What rds_superuser may do with an extension although the administrator owns what is in it."""
SEARCHED_SINCE = 18
"""Since this major version a setting names the folders of control files."""


@dataclass(frozen=True)
class Offer:
    """How a server is started that offers the extensions: its program, and settings."""

    program: Path
    settings: dict[str, str]


def offer(binaries: PostgresBinaries, account: Account | None) -> Offer:
    """Return it; the folders are made once for these binaries, which the account can reach."""
    program = binaries.program("postgres")
    places = _places(binaries)
    if places is None:
        return Offer(program, {})
    share, libraries = places
    recipe = f"{program}:{program.stat().st_mtime_ns}:{TRUSTED}:{GRANTS}"
    name = f"postgres-{binaries.version}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    folder = _root(account) / name
    if not folder.exists():
        _build(folder, binaries, share, libraries)
    if binaries.major >= SEARCHED_SINCE:
        return Offer(program, {"extension_control_path": f"{folder}:$system"})
    return Offer(folder / _below(program, share, libraries), {})


@functools.cache
def _places(binaries: PostgresBinaries) -> tuple[Path, Path] | None:
    """Ask an installation for its shared files and its libraries; without pg_config it has no extensions."""
    asked = binaries.program("pg_config")
    if not asked.exists():
        return None
    answer = subprocess.run([asked, "--sharedir", "--pkglibdir"], capture_output=True, text=True, check=False)
    found = [Path(line) for line in answer.stdout.splitlines()]
    return (found[0], found[1]) if len(found) == 2 and (found[0] / "extension").is_dir() else None


def _root(account: Account | None) -> Path:
    if account is not None:
        return shared_folder("extensions")
    folder = platformdirs.user_cache_path("localaws", appauthor=False) / "extensions"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _build(folder: Path, binaries: PostgresBinaries, share: Path, libraries: Path) -> None:
    """Make a folder, whole or not at all."""
    unfinished = Path(tempfile.mkdtemp(prefix=".unfinished.", dir=folder.parent))
    try:
        if binaries.major >= SEARCHED_SINCE:
            _fill(unfinished / "extension", share / "extension")
        else:
            _build_installation(unfinished, binaries.program("postgres"), share, libraries)
        open_to_all(unfinished)
        with contextlib.suppress(OSError):  # another server made it meanwhile
            unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _build_installation(folder: Path, program: Path, share: Path, libraries: Path) -> None:
    """Make an installation that is the old one but for its extensions: the program looks beside itself."""
    own_program, own_share, own_libraries = (
        folder / _below(place, program, share, libraries) for place in (program, share, libraries)
    )
    for place in (own_program.parent, own_share, own_libraries.parent):
        place.mkdir(parents=True, exist_ok=True)
    shutil.copy(program, own_program)
    own_libraries.symlink_to(libraries)
    for entry in share.iterdir():
        if entry.name != "extension":
            (own_share / entry.name).symlink_to(entry)
    _fill(own_share / "extension", share / "extension")


def _below(place: Path, *others: Path) -> Path:
    """Return a place relative to the folder that it has in common with others."""
    return place.relative_to(os.path.commonpath([place, *others]))


def _fill(folder: Path, source: Path) -> None:
    folder.mkdir()
    for entry in source.iterdir():
        if entry.name.removesuffix(".control") not in TRUSTED:
            (folder / entry.name).symlink_to(entry)
    for name in TRUSTED:
        control = source / f"{name}.control"
        if control.exists():
            text = control.read_text()
            (folder / control.name).write_text(f"{text}\ntrusted = true\n")
            _grant(folder, source, name, _default_version(text))


def _default_version(control: str) -> str:
    found = [line.split("=", 1)[1] for line in control.splitlines() if line.startswith("default_version")]
    return found[0].strip().strip("'") if found else ""


def _grant(folder: Path, source: Path, name: str, version: str) -> None:
    """Let the scripts that lead to the current version end with what rds_superuser may do."""
    if name not in GRANTS:
        return
    for script in (*source.glob(f"{name}--{version}.sql"), *source.glob(f"{name}--*--{version}.sql")):
        own = folder / script.name
        own.unlink()
        own.write_text(f"{script.read_text()}\n{GRANTS[name]}\n")
