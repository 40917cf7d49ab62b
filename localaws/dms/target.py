"""A PostgreSQL target: its tables as DMS makes them, and the control tables that tell how far a task came.

AWS: "Using a PostgreSQL database as an AWS DMS target", "Control table task settings". A position is
committed together with the rows that it stands for: a task that is stopped or killed loses and repeats
nothing.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import psycopg
from psycopg import sql

from localaws.dms.route import Route
from localaws.dms.tables import Column, Table, TableFailed, quoted

STATE, EXCEPTIONS, FAILURES = "awsdms_txn_state", "awsdms_apply_exceptions", "awsdms_validation_failures_v1"
POSITION = ""
"""The row of a task's own position among those of its tables."""

MAKE = f"""
CREATE TABLE IF NOT EXISTS {{schema}}.{STATE} (
    task_name varchar(128) NOT NULL, run integer NOT NULL, item text NOT NULL, position bigint NOT NULL,
    records bigint NOT NULL DEFAULT 0, updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (task_name, run, item));
CREATE TABLE IF NOT EXISTS {{schema}}.{EXCEPTIONS} (
    "TASK_NAME" varchar(128) NOT NULL, "TABLE_OWNER" varchar(128) NOT NULL,
    "TABLE_NAME" varchar(128) NOT NULL, "ERROR_TIME" timestamp NOT NULL, "STATEMENT" text NOT NULL,
    "ERROR" text NOT NULL)
"""
MAKE_FAILURES = f"""
CREATE TABLE IF NOT EXISTS {{schema}}.{FAILURES} (
    "TASK_NAME" varchar(128) NOT NULL, "TABLE_OWNER" varchar(128) NOT NULL,
    "TABLE_NAME" varchar(128) NOT NULL, "FAILURE_TIME" timestamp NOT NULL, "KEY_TYPE" varchar(128) NOT NULL,
    "KEY" varchar(7000) NOT NULL, "FAILURE_TYPE" varchar(128) NOT NULL, "DETAILS" varchar(7000) NOT NULL)
"""


class PostgresTarget:
    """One database that a task writes. `run` counts the fresh starts of the task."""

    def __init__(self, route: Route, task: str, run: int, control_schema: str) -> None:
        self.route = route
        self._task = task
        self._run = run
        self._schema = quoted(control_schema or "public")

    def connect(self) -> psycopg.Connection[Any]:
        """Return a connection on which transactions begin by themselves."""
        connection = self.route.connect(autocommit=False)
        if self.route.access.after_connect:
            connection.execute(self.route.access.after_connect.encode())
            connection.commit()
        return connection

    def prepare(self) -> None:
        """Make the control tables, and forget what earlier runs of the task noted."""
        with contextlib.closing(self.connect()) as connection:
            connection.execute("SET client_min_messages = warning")
            found = connection.execute("SELECT to_regnamespace(%s)", (self._schema,)).fetchone()
            if not (found and found[0]):
                connection.execute(f"CREATE SCHEMA {self._schema}".encode())
            connection.execute(MAKE.format(schema=self._schema).encode())
            connection.execute(
                f"DELETE FROM {self._schema}.{STATE} WHERE task_name = %s AND run <> %s",
                (self._task, self._run),
            )
            connection.commit()

    def reached(self) -> dict[str, int]:
        """Positions that were committed in this run: of each loaded table, and (POSITION) of the changes."""
        query = f"SELECT item, position FROM {self._schema}.{STATE} WHERE task_name = %s AND run = %s"
        with contextlib.closing(self.connect()) as connection:
            return dict(connection.execute(query, (self._task, self._run)).fetchall())

    def as_made(self, tables: list[Table]) -> list[Table]:
        """The tables with those columns that the target has: the source may have got more in the meantime."""
        query = (
            "SELECT attrelid, attname FROM pg_attribute WHERE attrelid = ANY(%s::regclass[]) "
            "AND attnum > 0 AND NOT attisdropped"
        )
        made = []
        with contextlib.closing(self.connect()) as connection:
            for table in tables:
                if self.exists(connection, table):
                    names = {name for _, name in connection.execute(query, ([table.target],))}
                    kept = tuple(column for column in table.columns if column.target in names)
                    table = replace(table, columns=kept)
                made.append(table)
        return made

    def note(self, connection: psycopg.Connection[Any], item: str, position: int, records: int = 0) -> None:
        """Write a position, in the transaction that is open."""
        connection.execute(
            f"INSERT INTO {self._schema}.{STATE} (task_name, run, item, position, records) "
            "VALUES (%s, %s, %s, %s, %s) ON CONFLICT (task_name, run, item) DO UPDATE "
            "SET position = excluded.position, records = excluded.records, updated_at = clock_timestamp()",
            (self._task, self._run, item, position, records),
        )

    def forget_table(self, label: str) -> None:
        """Have a table loaded again."""
        with contextlib.closing(self.connect()) as connection:
            where = "WHERE task_name = %s AND run = %s AND item = %s"
            connection.execute(f"DELETE FROM {self._schema}.{STATE} {where}", (self._task, self._run, label))
            connection.commit()

    def forget(self) -> None:
        """Remove what the task noted about itself."""
        with contextlib.closing(self.connect()) as connection:
            found = connection.execute("SELECT to_regclass(%s)", (f"{self._schema}.{STATE}",)).fetchone()
            if found and found[0]:
                connection.execute(f"DELETE FROM {self._schema}.{STATE} WHERE task_name = %s", (self._task,))
            connection.commit()

    def make_schemas(self, tables: list[Table]) -> None:
        """Have the tables' schemas; several sessions that make the same one would be in each other's way."""
        with contextlib.closing(self.connect()) as connection:
            connection.execute("SET client_min_messages = warning")
            for name in sorted({table.target_schema for table in tables}):
                found = connection.execute("SELECT to_regnamespace(%s)", (quoted(name),)).fetchone()
                if not (found and found[0]):
                    connection.execute(f"CREATE SCHEMA {quoted(name)}".encode())
            connection.commit()

    def make_ready(
        self, connection: psycopg.Connection[Any], table: Table, mode: str, *, reload: bool = False
    ) -> bool:
        """Have the table, in the transaction that is open; whether its key is still to be made."""
        exists = self.exists(connection, table)
        if exists and mode == "DROP_AND_CREATE":
            connection.execute(f"DROP TABLE {table.target}".encode())
            exists = False
        if exists:
            if mode == "TRUNCATE_BEFORE_LOAD" or reload:
                connection.execute(f"TRUNCATE TABLE {table.target}".encode())
            return False
        columns = ", ".join(_definition(column) for column in table.columns)
        if not columns:
            raise TableFailed(f"No column of {table.label} is left to be moved.")
        connection.execute(f"CREATE TABLE {table.target} ({columns})".encode())
        return bool(table.target_key)

    @staticmethod
    def exists(connection: psycopg.Connection[Any], table: Table) -> bool:
        """Whether the table is there."""
        row = connection.execute("SELECT to_regclass(%s)", (table.target,)).fetchone()
        return bool(row and row[0])

    @staticmethod
    def add_key(connection: psycopg.Connection[Any], table: Table) -> None:
        """Make the primary key."""
        names = ", ".join(map(quoted, table.target_key))
        connection.execute(f"ALTER TABLE {table.target} ADD PRIMARY KEY ({names})".encode())

    def add_column(
        self, connection: psycopg.Connection[Any], table: Table, column: Column, old_rows: str | None
    ) -> None:
        """Add a column that the source has now; `old_rows` is what it holds in rows from before."""
        name = quoted(column.target)
        default = "" if old_rows is None else f" DEFAULT {_text(connection, old_rows)}"
        alter = f"ALTER TABLE {table.target}"
        connection.execute(f"{alter} ADD COLUMN IF NOT EXISTS {name} {column.type}{default}".encode())
        if default:
            connection.execute(f"{alter} ALTER COLUMN {name} DROP DEFAULT".encode())

    def complain(self, connection: psycopg.Connection[Any], table: Table, statement: str, error: str) -> None:
        """Note a change that could not be applied, in the transaction that is open."""
        connection.execute(
            f"INSERT INTO {self._schema}.{EXCEPTIONS} VALUES "
            "(%s, %s, %s, clock_timestamp() AT TIME ZONE 'UTC', %s, %s)",
            (self._task, table.target_schema, table.target_name, statement, error),
        )

    def report_differences(self, table: Table, found: list[tuple[str, str]]) -> None:
        """Write the rows that validation found different: (key, kind); earlier ones of the table go."""
        with contextlib.closing(self.connect()) as connection:
            connection.execute("SET client_min_messages = warning")
            connection.execute(MAKE_FAILURES.format(schema=self._schema).encode())
            place = (self._task, table.target_schema, table.target_name)
            connection.execute(
                f'DELETE FROM {self._schema}.{FAILURES} WHERE "TASK_NAME" = %s AND "TABLE_OWNER" = %s '
                'AND "TABLE_NAME" = %s',
                place,
            )
            with connection.cursor() as cursor:
                cursor.executemany(
                    f"INSERT INTO {self._schema}.{FAILURES} VALUES "
                    "(%s, %s, %s, clock_timestamp() AT TIME ZONE 'UTC', 'Row', %s, %s, '')",
                    [(*place, key, kind) for key, kind in found],
                )
            connection.commit()


def _definition(column: Column) -> str:
    need = " NOT NULL" if column.not_null else ""
    return f"{quoted(column.target)} {column.type}{need}"


def _text(connection: psycopg.Connection[Any], value: str) -> str:
    return sql.Literal(value).as_string(connection)
