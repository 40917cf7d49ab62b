"""DuckDB for other people's SQL: no file, extension or setting is in reach but those that it is given.

DuckDB: "Securing DuckDB".
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MEMORY_MB = 512
THREADS = 2


def connect(
    database: Path | None = None,
    *,
    files: Iterable[Path] = (),
    folders: Iterable[Path] = (),
    scratch: Path | None = None,
    memory_mb: int = MEMORY_MB,
    threads: int = THREADS,
    dialect: Mapping[str, str | bool] | None = None,
) -> DuckDBPyConnection:
    """Open a database (None: in memory) whose SQL reaches these files, and what is in these folders, only.

    What does not fit into `memory_mb` goes to the folder `scratch`, or fails where there is none. `dialect`:
    settings that change what SQL means. Raises duckdb.Error when the file is none of DuckDB's or another
    connection has it open otherwise.
    """
    import duckdb

    settings: dict[str, Any] = {
        "allow_community_extensions": False,
        "allow_unsigned_extensions": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "memory_limit": f"{memory_mb}MB",
        # else a name in SQL may mean a variable of the Python code that calls
        "python_enable_replacements": False,
        "temp_directory": str(scratch) if scratch else "",
        "threads": threads,
    }
    connection = duckdb.connect(str(database) if database else ":memory:", config=settings)
    try:
        for name, value in (dialect or {}).items():
            connection.execute(f"SET {name} = $1", [value])
        connection.execute("SET allowed_paths = $1", [[str(file) for file in files]])
        connection.execute("SET allowed_directories = $1", [[f"{folder}/" for folder in folders]])
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def limited(connection: DuckDBPyConnection, seconds: float) -> Iterator[None]:
    """Interrupt what runs on the connection when it takes longer: it raises duckdb.InterruptException."""
    alarm = threading.Timer(seconds, connection.interrupt)
    alarm.daemon = True
    alarm.start()
    try:
        yield
    finally:
        alarm.cancel()
