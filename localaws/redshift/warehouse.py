"""The database behind a cluster: one DuckDB file, and the folder through which files of S3 pass.

A statement and the mark that it is done are one transaction, so that it runs once whatever dies.
"""

from __future__ import annotations

import contextlib
import datetime
import decimal
import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localaws.engines import duck
from localaws.redshift import load, translate
from localaws.redshift.faults import SqlError, translated
from localaws.s3 import objects

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from localaws.control import ControlPlane

ROWS = 1000
IDLE_SECONDS = 60.0
_OWN = f"""
CREATE SCHEMA IF NOT EXISTS {translate.OWN};
CREATE TABLE IF NOT EXISTS {translate.OWN}.done (id VARCHAR PRIMARY KEY, outcome VARCHAR);
CREATE TABLE IF NOT EXISTS {translate.OWN}.layouts (
  "schema" VARCHAR, "table" VARCHAR, diststyle VARCHAR, dist_key VARCHAR, sort_keys VARCHAR[],
  PRIMARY KEY ("schema", "table"));
CREATE OR REPLACE VIEW {translate.OWN}.svv_table_info AS
  SELECT current_database() AS "database",
    CASE t.schema_name WHEN 'main' THEN 'public' ELSE t.schema_name END AS "schema",
    t.table_oid AS table_id, t.table_name AS "table", 'N' AS encoded,
    coalesce(l.diststyle, 'AUTO(ALL)') AS diststyle, l.sort_keys[1] AS sortkey1,
    coalesce(len(l.sort_keys), 0) AS sortkey_num, t.estimated_size AS tbl_rows
  FROM duckdb_tables() t
  LEFT JOIN {translate.OWN}.layouts l ON l."schema" = t.schema_name AND l."table" = t.table_name
  WHERE t.schema_name <> '{translate.OWN}';
CREATE OR REPLACE VIEW {translate.OWN}.pg_table_def AS
  SELECT CASE c.schema_name WHEN 'main' THEN 'public' ELSE c.schema_name END AS schemaname,
    c.table_name AS tablename, c.column_name AS "column", lower(c.data_type) AS "type", 'none' AS encoding,
    coalesce(l.dist_key = c.column_name, false) AS distkey,
    coalesce(list_position(l.sort_keys, c.column_name), 0) AS sortkey, NOT c.is_nullable AS "notnull"
  FROM duckdb_columns() c
  LEFT JOIN {translate.OWN}.layouts l ON l."schema" = c.schema_name AND l."table" = c.table_name
  WHERE c.schema_name <> '{translate.OWN}' AND NOT c.internal;
"""


@dataclass
class Outcome:
    """How a statement ended."""

    rows: int = -1
    size: int = -1
    has_result: bool = False


@dataclass
class Warehouse:
    """One cluster's file; safe to use from several threads, and statements run one after the other."""

    folder: Path
    account_id: str
    name: str
    control: ControlPlane
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _open: DuckDBPyConnection | None = None
    _running: tuple[str, DuckDBPyConnection] | None = None
    _used: float = 0.0

    @property
    def file(self) -> Path:
        """The database; its name is the database's."""
        return self.folder / f"{self.name}.duckdb"

    def make(self) -> None:
        """Create the file, complete."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.folder / "results").mkdir(mode=0o700, exist_ok=True)
        (self.folder / "staging").mkdir(mode=0o700, exist_ok=True)
        with self._connection() as connection:
            connection.execute(_OWN)
            connection.execute("CHECKPOINT")

    @contextlib.contextmanager
    def _connection(self) -> Iterator[DuckDBPyConnection]:
        """A connection of its own to the file, which is opened when it is not."""
        with self._guard:
            if self._open is None:
                self._open = duck.connect(
                    self.file, folders=[self.folder / "staging"], scratch=self.folder / "scratch"
                )
                self.file.chmod(0o600)
            self._used = time.monotonic()
            connection = self._open.cursor()
        try:
            yield connection
        finally:
            connection.close()

    def rest(self) -> None:
        """Close the file when nobody has used it for a while."""
        with self._guard:
            idle = time.monotonic() - self._used > IDLE_SECONDS
            if self._open is not None and idle and self._running is None:
                self._open.close()
                self._open = None

    def close(self) -> None:
        """Close the file; what runs is interrupted."""
        with self._guard:
            if self._running is not None:
                self._running[1].interrupt()
            if self._open is not None:
                self._open.close()
                self._open = None

    def remove(self) -> None:
        """Delete everything."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def interrupt(self, statement_id: str) -> None:
        """Stop a statement, if it is the one that runs."""
        with self._guard:
            if self._running is not None and self._running[0] == statement_id:
                self._running[1].interrupt()

    def run(self, statement_id: str, texts: list[str], parameters: dict[str, str]) -> list[Outcome]:
        """Run statements as one transaction, once; return how each ended. SqlError tells why one failed."""
        with self._connection() as connection:
            done = connection.execute(
                f"SELECT outcome FROM {translate.OWN}.done WHERE id = ?", [statement_id]
            ).fetchone()
            if done is not None:
                return [Outcome(**each) for each in json.loads(done[0])]
            with self._guard:
                self._running = (statement_id, connection)
            try:
                return self._transaction(connection, statement_id, texts, parameters)
            finally:
                with self._guard:
                    self._running = None
                shutil.rmtree(self.folder / "staging" / statement_id, ignore_errors=True)

    def _transaction(
        self, connection: DuckDBPyConnection, statement_id: str, texts: list[str], parameters: dict[str, str]
    ) -> list[Outcome]:
        import duckdb

        outcomes = []
        connection.execute("BEGIN")
        try:
            for number, text in enumerate(texts, 1):
                name = statement_id if len(texts) == 1 else f"{statement_id}:{number}"
                staging = self.folder / "staging" / statement_id / str(number)
                outcomes.append(self._statement(connection, staging, name, text, parameters))
            mark = json.dumps([vars(each) for each in outcomes])
            connection.execute(f"INSERT INTO {translate.OWN}.done VALUES (?, ?)", [statement_id, mark])
            connection.execute("COMMIT")
        except BaseException as error:
            with contextlib.suppress(duckdb.Error):
                connection.execute("ROLLBACK")
            if isinstance(error, duckdb.InterruptException):
                raise SqlError("Query cancelled on user's request") from None
            if isinstance(error, duckdb.Error):
                raise translated(error) from None
            raise
        return outcomes

    def _statement(
        self, connection: DuckDBPyConnection, staging: Path, name: str, text: str, parameters: dict[str, str]
    ) -> Outcome:
        transfer = load.parse(text)
        if isinstance(transfer, load.Copy):
            return self._copy(connection, transfer, staging)
        if isinstance(transfer, load.Unload):
            return self._unload(connection, transfer, staging, parameters)
        translation = translate.translate(text, parameters)
        for statement in translation.statements:
            connection.execute(statement)
        if translation.table is not None and translation.layout is not None:
            layout = translation.layout
            connection.execute(
                f"INSERT OR REPLACE INTO {translate.OWN}.layouts VALUES (?, ?, ?, ?, ?)",
                [*translation.table, layout.style, layout.dist_key, layout.sort_keys],
            )
        if translation.returns_rows:
            return self._write(connection, name)
        changed = connection.fetchone() if translation.statements else None
        return Outcome(rows=changed[0] if changed and isinstance(changed[0], int) else 0, size=0)

    def _copy(self, connection: DuckDBPyConnection, copy: load.Copy, staging: Path) -> Outcome:
        staging.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.control.lock:
            found = list(objects.listing(self.account_id, copy.bucket, copy.prefix))
            paths = [staging / f"{number:06d}" for number in range(len(found))]
            for each, path in zip(found, paths, strict=True):
                path.unlink(missing_ok=True)
                # the object may be deleted while its rows are read
                os.link(each.path, path)
        if not found:
            raise SqlError(f"The specified S3 prefix '{copy.prefix}' does not exist in bucket {copy.bucket}")
        table = self._table(copy.table)
        columns = self._columns(connection, table, copy.columns)
        names = ", ".join(f'"{name}"' for name, _ in columns)
        reading = load.reading(copy.options, [str(path) for path in paths], columns)
        loaded = connection.execute(
            f'INSERT INTO "{table[0]}"."{table[1]}" ({names}) SELECT * FROM {reading}'
        ).fetchone()
        return Outcome(rows=loaded[0] if loaded else 0, size=0)

    def _table(self, name: str) -> tuple[str, str]:
        schema, _, table = name.rpartition(".")
        schema = schema.rpartition(".")[2].lower()
        return (translate.MAIN if schema in ("", translate.PUBLIC) else schema), table.lower()

    def _columns(
        self, connection: DuckDBPyConnection, table: tuple[str, str], wanted: tuple[str, ...]
    ) -> list[tuple[str, str]]:
        rows = connection.execute(
            "SELECT column_name, data_type FROM duckdb_columns() "
            "WHERE lower(schema_name) = ? AND lower(table_name) = ? ORDER BY column_index",
            list(table),
        ).fetchall()
        if not rows or table[0] == translate.OWN:
            raise SqlError(f'ERROR: relation "{table[1]}" does not exist')
        known = {name.lower(): (name, kind) for name, kind in rows}
        missing = [name for name in wanted if name.lower() not in known]
        if missing:
            raise SqlError(f'ERROR: column "{missing[0]}" of relation "{table[1]}" does not exist')
        return [known[name.lower()] for name in wanted] if wanted else rows

    def _unload(
        self, connection: DuckDBPyConnection, unload: load.Unload, staging: Path, parameters: dict[str, str]
    ) -> Outcome:
        key, again = load.object_name(unload), staging.exists()
        taken = objects.path_of(self.account_id, unload.bucket, key) is not None
        if taken and not unload.options.overwrite and not again:
            raise SqlError(
                f"Specified unload destination on S3 is not empty: s3://{unload.bucket}/{unload.prefix}. "
                "Consider using a different bucket / prefix, or ALLOWOVERWRITE."
            )
        staging.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = staging / "rows"
        query = translate.translate(unload.query, parameters)
        if not query.returns_rows:
            raise SqlError("UNLOAD takes a SELECT.")
        written = connection.execute(
            f"COPY ({query.statements[0]}) TO {load.text_of(str(path))} {load.writing(unload.options)}"
        ).fetchone()
        if not objects.put(self.control, self.account_id, unload.bucket, key, path):
            raise SqlError(f"S3ServiceException: The specified bucket {unload.bucket} does not exist")
        return Outcome(rows=written[0] if written else 0, size=0)

    # -- results

    def _write(self, connection: DuckDBPyConnection, name: str) -> Outcome:
        path = self.result_path(name)
        columns = [
            {"name": each[0], "label": each[0], "typeName": type_name(str(each[1])), "nullable": 1}
            for each in connection.description or ()
        ]
        count = 0
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
            stream.write(json.dumps(columns) + "\n")
            while rows := connection.fetchmany(ROWS):
                count += len(rows)
                stream.writelines(json.dumps([field_of(value) for value in row]) + "\n" for row in rows)
        return Outcome(rows=count, size=path.stat().st_size, has_result=True)

    def result_path(self, name: str) -> Path:
        """Where the rows of a statement are: a line of columns, then a line for each row."""
        return self.folder / "results" / f"{name.replace(':', '.')}.jsonl"

    def ask(self, query: str, values: list[Any]) -> list[tuple[Any, ...]]:
        """Ask about tables, beside whatever runs."""
        with self._connection() as connection:
            return connection.execute(query, values).fetchall()


def field_of(value: Any) -> dict[str, Any]:
    """Return a value as a field of the Data API."""
    if value is None:
        return {"isNull": True}
    if isinstance(value, bool):
        return {"booleanValue": value}
    if isinstance(value, int):
        return {"longValue": value}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, datetime.datetime):
        return {"stringValue": value.isoformat(" ")}
    if isinstance(value, decimal.Decimal | datetime.date | datetime.time):
        return {"stringValue": str(value)}
    return {"stringValue": value if isinstance(value, str) else json.dumps(value, default=str)}


_TYPES = {
    "bigint": "int8", "hugeint": "numeric", "integer": "int4", "smallint": "int2", "tinyint": "int2",
    "double": "float8", "float": "float4", "boolean": "bool", "timestamp with time zone": "timestamptz",
    "timestamp": "timestamp", "date": "date", "time": "time", "json": "super",
}  # fmt: skip


def type_name(kind: str) -> str:
    """Return Redshift's name of one of DuckDB's types."""
    low = kind.lower()
    return "numeric" if low.startswith(("decimal", "number")) else _TYPES.get(low, "varchar")
