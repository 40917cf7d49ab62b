"""Results as Athena writes them to S3 and gives them back, in CSV where every value but NULL is quoted."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localaws.athena.types import literal, quoted, shown

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_FIELD = re.compile(rb'"((?:[^"]|"")*)"|([^,\n]*)')


def write(connection: DuckDBPyConnection, sql: str, names: list[str], kinds: list[Any], file: Path) -> None:
    """Run a query and write its result."""
    inner = [f"c{place}" for place in range(len(names))]
    values = ", ".join(
        f"{shown(quoted(column), kind)} AS {quoted(column)}"
        for column, kind in zip(inner, kinds, strict=True)
    )
    with file.open("w", encoding="utf-8") as stream:
        stream.write(",".join('"' + name.replace('"', '""') + '"' for name in names) + "\n")
    rows = file.with_suffix(".rows")
    columns = ", ".join(map(quoted, inner))
    connection.execute(
        f"COPY (SELECT {values} FROM ({sql}) AS result({columns})) TO {literal(str(rows))} "
        "(FORMAT csv, HEADER false, FORCE_QUOTE *, DELIMITER ',')"
    )
    _append(rows, file)


def _append(rows: Path, file: Path) -> None:
    with rows.open("rb") as source, file.open("ab") as target:
        while piece := source.read(1 << 20):
            target.write(piece)
    rows.unlink()


def described(columns: list[dict[str, Any]]) -> bytes:
    """Return the content of the `.metadata` object, which Athena keeps for itself."""
    return json.dumps({"columns": columns}).encode()


def page(file: Path, start: int, rows: int, *, csv: bool) -> tuple[list[list[str | None]], int | None]:
    """Return rows from this byte on, and where the next page begins."""
    found: list[list[str | None]] = []
    with file.open("rb") as stream:
        stream.seek(start)
        while len(found) < rows:
            line = stream.readline()
            # a quoted value may contain line ends
            while csv and line.count(b'"') % 2 and (more := stream.readline()):
                line += more
            if not line:
                return found, None
            found.append(_fields(line.rstrip(b"\n")) if csv else [line.rstrip(b"\n").decode()])
        position = stream.tell()
        return found, position if stream.read(1) else None


def _fields(line: bytes) -> list[str | None]:
    values: list[str | None] = []
    position = 0
    while position <= len(line):
        found = _FIELD.match(line, position)
        assert found is not None
        text = found.group(1)
        values.append(None if text is None else text.replace(b'""', b'"').decode())
        position = found.end() + 1
    return values
