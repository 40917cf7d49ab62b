"""A MySQL or MariaDB source of a full load, with the types that DMS gives a PostgreSQL target.

AWS: "Source data types for MySQL", "Target data types for PostgreSQL".
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg

from localaws.dms import copying
from localaws.dms.mappings import Mappings
from localaws.dms.route import Route
from localaws.dms.tables import Column, Table

SYSTEM = ("mysql", "sys", "performance_schema", "information_schema")
TABLES = """
SELECT table_schema, table_name FROM information_schema.tables
WHERE table_type = 'BASE TABLE' AND table_schema NOT IN %s ORDER BY 1, 2
"""
COLUMNS = """
SELECT column_name, data_type, column_type, is_nullable, character_maximum_length, numeric_precision,
       numeric_scale, datetime_precision, extra
FROM information_schema.columns WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position
"""
KEYS = """
SELECT column_name FROM information_schema.key_column_usage
WHERE table_schema = %s AND table_name = %s AND constraint_name = 'PRIMARY' ORDER BY ordinal_position
"""
PLAIN = {
    "tinyint": "smallint",
    "smallint": "smallint",
    "mediumint": "integer",
    "int": "integer",
    "bigint": "bigint",
    "float": "double precision",
    "double": "double precision",
    "date": "date",
    "year": "smallint",
    "json": "text",
    "tinytext": "text",
    "text": "text",
    "mediumtext": "text",
    "longtext": "text",
}
UNSIGNED = {"smallint": "integer", "mediumint": "integer", "int": "bigint", "bigint": "numeric(20,0)"}
"""A BIGINT UNSIGNED would not fit into the bigint that DMS makes of it."""
BINARY = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "geometry", "point"})
LONGEST = 21845
ROWS = 500

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": ""})


class MySqlSource:
    """One server that a task reads."""

    def __init__(self, route: Route, mappings: Mappings) -> None:
        self._route = route
        self._mappings = mappings

    def tables(self) -> list[Table]:
        """Return the tables that the mappings select; a schema is a database here."""
        with contextlib.closing(self._route.connect_mysql()) as connection, connection.cursor() as cursor:
            cursor.execute(TABLES, (SYSTEM,))
            names = [(str(a), str(b)) for a, b in cursor.fetchall()]
            return [
                self._table(cursor, schema, name)
                for schema, name in names
                if self._mappings.selects(schema, name)
            ]

    def _table(self, cursor: Any, schema: str, name: str) -> Table:
        cursor.execute(COLUMNS, (schema, name))
        columns = []
        for facts in cursor.fetchall():
            target = self._mappings.column_name(schema, name, str(facts[0]))
            if target is not None and "GENERATED" not in str(facts[8]).upper():
                columns.append(Column(str(facts[0]), target, postgres_type(*facts[1:8]), facts[3] == "NO"))
        cursor.execute(KEYS, (schema, name))
        return Table(
            schema=schema,
            name=name,
            target_schema=self._mappings.schema_name(schema),
            target_name=self._mappings.table_name(schema, name),
            columns=tuple(columns),
            key=tuple(str(row[0]) for row in cursor.fetchall()),
            where=self._mappings.where(schema, name, _quoted, _literal),
        )

    @contextlib.contextmanager
    def snapshot(self, *, with_position: bool) -> Iterator[tuple[str, int]]:
        """Yield nothing that could be shared: each reader begins a consistent read of its own."""
        del with_position
        yield "", 0

    def reader(self) -> MySqlReader:
        """Return a connection that reads tables."""
        return MySqlReader(self._route.connect_mysql(streaming=True))


class MySqlReader:
    """Reads tables as they were when it began."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")

    def read(self, table: Table, note: copying.Note) -> Iterator[bytes]:
        """Yield a table's rows in COPY's text format."""
        import pymysql

        names = ", ".join(_quoted(column.name) for column in table.columns)
        condition = f" WHERE {table.where}" if table.where else ""
        query = f"SELECT {names} FROM {_quoted(table.schema)}.{_quoted(table.name)}{condition}"
        cursor = self._connection.cursor()
        try:
            cursor.execute(query)
            types = [column.type for column in table.columns]
            while rows := cursor.fetchmany(ROWS):
                data = "".join(_line(row, types) for row in rows).encode()
                note(len(rows), len(data))
                yield data
        except (pymysql.OperationalError, pymysql.InterfaceError) as error:
            raise psycopg.OperationalError(str(error)) from None
        finally:
            with contextlib.suppress(pymysql.Error, OSError):
                cursor.close()

    def close(self) -> None:
        """End the connection."""
        self._connection._force_close()


def postgres_type(
    kind: str,
    full: str,
    _nullable: str,
    length: str | None,
    precision: str | None,
    scale: str | None,
    fraction: str | None,
) -> str:
    """Return the type of the target's column."""
    kind, full = str(kind).lower(), str(full).lower()
    if "unsigned" in full and kind in UNSIGNED:
        return UNSIGNED[kind]
    if kind in PLAIN:
        return PLAIN[kind]
    if kind in BINARY:
        return "bytea"
    if kind == "decimal":
        return f"numeric({precision},{scale})"
    if kind == "bit":
        return "boolean" if full == "bit(1)" else f"bit varying({precision})"
    if kind in ("datetime", "timestamp"):
        return f"timestamp({fraction or 0}) without time zone"
    if kind == "time":
        return "character varying(16)"
    known = int(length) if length is not None else LONGEST
    return f"character varying({known})" if known <= LONGEST else "text"


def _line(row: tuple[Any, ...], types: list[str]) -> str:
    return "\t".join(_field(value, kind) for value, kind in zip(row, types, strict=True)) + "\n"


def _field(value: Any, kind: str) -> str:
    if value is None:
        return "\\N"
    if kind == "bytea":
        data = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")
        return "\\\\x" + data.hex()
    if isinstance(value, bytes):
        if kind == "boolean":
            return "t" if any(value) else "f"
        if kind.startswith("bit "):
            size = int(kind.partition("(")[2].rstrip(")"))
            return format(int.from_bytes(value, "big"), f"0{size}b")
        value = value.decode("utf-8", "replace")
    if kind.startswith(("timestamp", "date")) and value.startswith("0000-00-00"):
        return "\\N"
    text: str = value.translate(_ESCAPES)
    return text


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _literal(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def schemas(route: Route) -> list[str]:
    """Return the databases of a server."""
    with contextlib.closing(route.connect_mysql()) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT schema_name FROM information_schema.schemata WHERE schema_name NOT IN %s", (SYSTEM,)
        )
        return sorted(str(row[0]) for row in cursor.fetchall())
