"""A PostgreSQL source: its tables as a task sees them, and what change data capture needs there.

AWS: "Using a PostgreSQL database as an AWS DMS source".
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg

from localaws.dms.mappings import Mappings
from localaws.dms.pgoutput import lsn_number
from localaws.dms.route import Route
from localaws.dms.stream import Stream
from localaws.dms.tables import Column, Table, TaskFailed, literal, quoted

OWN = "awsdms_"
TABLES = """
SELECT c.oid, n.nspname, c.relname, c.relreplident
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname NOT LIKE 'pg\\_%'
  AND n.nspname <> 'information_schema' AND c.relname NOT LIKE 'awsdms\\_%'
ORDER BY n.nspname, c.relname
"""
COLUMNS = """
SELECT a.attrelid, a.attname, a.attnotnull, t.typtype, tn.nspname,
       format_type(a.atttypid, a.atttypmod), format_type(t.typbasetype, t.typtypmod)
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid JOIN pg_namespace tn ON tn.oid = t.typnamespace
WHERE a.attrelid = ANY(%s) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
ORDER BY a.attrelid, a.attnum
"""
KEYS = """
SELECT i.indrelid, i.indisprimary, i.indisreplident,
       array_agg(a.attname ORDER BY array_position(i.indkey::int2[], a.attnum))
FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey::int2[])
WHERE i.indrelid = ANY(%s) AND (i.indisprimary OR i.indisreplident) GROUP BY 1, 2, 3
"""
SLOT = (
    "SELECT plugin, active, confirmed_flush_lsn::text, wal_status FROM pg_replication_slots "
    "WHERE slot_name = %s"
)
WHOLE = "insert, update, delete, truncate"
KEYLESS = "insert, truncate"


class PostgresSource:
    """One database that a task reads."""

    def __init__(self, route: Route, mappings: Mappings, slot: str, *, own_slot: bool) -> None:
        self.route = route
        self._mappings = mappings
        self.slot = slot
        self._own = own_slot
        self._waiting: psycopg.Connection[Any] | None = None
        self._publication = slot if own_slot else f"{OWN}{slot}"

    @property
    def publications(self) -> list[str]:
        """Names of the publications: of tables with a replica identity, and of those without.

        A slot that somebody else made begins before a publication that is made now: it has one of its own.
        """
        return [self._publication, f"{self._publication}_nokey"] if self._own else [self._publication]

    def target_name(self, table: Table, column: str) -> str | None:
        """What a column is called at the target; None when it stays behind."""
        return self._mappings.column_name(table.schema, table.name, column)

    def tables(self) -> list[Table]:
        """Return the tables that the mappings select."""
        mappings = self._mappings
        with contextlib.closing(self.route.connect()) as connection:
            found = {
                oid: (schema, name, identity)
                for oid, schema, name, identity in connection.execute(TABLES)
                if mappings.selects(schema, name)
            }
            columns: dict[int, list[tuple[Any, ...]]] = {oid: [] for oid in found}
            for oid, *facts in connection.execute(COLUMNS, (list(found),)):
                columns[oid].append(tuple(facts))
            keys = {
                (oid, "primary" if primary else "identity"): tuple(names)
                for oid, primary, _, names in connection.execute(KEYS, (list(found),))
            }
            marked = {oid for oid, _, marks, _ in connection.execute(KEYS, (list(found),)) if marks}
        tables = []
        for oid, (schema, name, identity) in found.items():
            key = keys.get((oid, "primary"), ())
            known = identity == "f" or (identity == "d" and bool(key)) or (identity == "i" and oid in marked)
            found_table = _table(mappings, schema, name, columns[oid], key, known=known)
            unfit = known and identity != "f" and not mappings.filtered(schema, name) <= set(key)
            tables.append(replace(found_table, unfit=unfit))
        return tables

    def check_logical(self) -> None:
        """Fail unless the source writes what logical decoding needs and the user may read it."""
        with contextlib.closing(self.route.connect()) as connection:
            level = _value(connection, "SHOW wal_level")
            if level != "logical":
                raise TaskFailed(
                    f"Change data capture needs wal_level = logical at the source; it is {level}. For Amazon "
                    "RDS set rds.logical_replication = 1 in the DB parameter group and reboot the instance; "
                    "for a server of your own set wal_level = logical and restart it."
                )
            allowed = _value(
                connection,
                "SELECT rolsuper OR rolreplication FROM pg_roles WHERE rolname = current_user",
            )
            if not allowed:
                raise TaskFailed(
                    f"The user {self.route.access.user} may not use replication slots. For Amazon RDS "
                    "GRANT rds_replication to it; for a server of your own ALTER ROLE ... REPLICATION."
                )

    def publish(self, tables: list[Table]) -> None:
        """Have the publications name exactly these tables."""
        for table in tables:
            if table.unfit:
                # such a publication would make the source refuse updates
                raise TaskFailed(
                    f"The filter of {table.label} looks at columns outside its primary key, so its changes "
                    "cannot be captured. ALTER TABLE ... REPLICA IDENTITY FULL at the source, or filter by "
                    "the key."
                )
        keyed = [table for table in tables if table.identity]
        with contextlib.closing(self.route.connect()) as connection:
            if not self._own:
                found = "SELECT count(*) FROM pg_publication WHERE pubname = %s"
                if not _value(connection, found, self._publication):
                    self._publish(connection, self._publication, WHOLE, keyed)
                return
            self._publish(connection, self.publications[0], WHOLE, keyed)
            others = [table for table in tables if not table.identity]
            self._publish(connection, self.publications[1], KEYLESS, others)

    def _publish(
        self, connection: psycopg.Connection[Any], name: str, events: str, tables: list[Table]
    ) -> None:
        exists = _value(connection, "SELECT count(*) FROM pg_publication WHERE pubname = %s", name)
        try:
            if not exists:
                connection.execute(f"CREATE PUBLICATION {quoted(name)} WITH (publish = '{events}')")
            named = {
                (schema, table)
                for schema, table in connection.execute(
                    "SELECT schemaname, tablename FROM pg_publication_tables WHERE pubname = %s", (name,)
                )
            }
            for table in tables:
                if (table.schema, table.name) not in named:
                    where = f" WHERE ({table.where})" if table.where else ""
                    connection.execute(f"ALTER PUBLICATION {quoted(name)} ADD TABLE {table.source}{where}")
        except psycopg.errors.InsufficientPrivilege as error:
            raise TaskFailed(
                f"The user {self.route.access.user} may not publish the changes of the source's tables "
                f"({error.diag.message_primary}). Let it own them (GRANT their owner to it) and GRANT CREATE "
                "ON DATABASE."
            ) from None
        except psycopg.DataError as error:
            raise TaskFailed(f"The changes cannot be captured: {error.diag.message_primary}.") from None

    def slot_position(self) -> int | None:
        """How far the slot was confirmed; None when there is no slot."""
        with contextlib.closing(self.route.connect()) as connection:
            row = connection.execute(SLOT, (self.slot,)).fetchone()
        if row is None:
            return None
        plugin, _, confirmed, status = row
        if plugin != "pgoutput":
            raise TaskFailed(
                f"The replication slot {self.slot} uses the plugin {plugin}; this local AWS reads pgoutput. "
                "Make the slot with pg_create_logical_replication_slot(name, 'pgoutput')."
            )
        if status == "lost":
            raise TaskFailed(
                f"The source has removed WAL that the replication slot {self.slot} still needed. "
                "Start the task with reload-target."
            )
        return lsn_number(confirmed)

    def make_slot(self) -> int:
        """Make the slot, unless it is there, and return its position."""
        found = self.slot_position()
        if found is not None:
            return found
        with contextlib.closing(self.route.connect()) as connection:
            made = "SELECT lsn::text FROM pg_create_logical_replication_slot(%s, 'pgoutput')"
            try:
                with self._patiently(connection):
                    return lsn_number(str(_value(connection, made, self.slot)))
            except psycopg.errors.QueryCanceled:
                raise
            except psycopg.Error as error:
                raise TaskFailed(f"No replication slot could be made at the source: {error}") from None

    @contextlib.contextmanager
    def snapshot(self, *, with_position: bool) -> Iterator[tuple[str, int]]:
        """Yield the name of a snapshot of the database, and exactly where in the WAL it was taken (else 0).

        What commits from that position on is not in the snapshot, and everything before it is.
        """
        connection = self.route.connect(replication=with_position, autocommit=with_position)
        with contextlib.closing(connection):
            if not with_position:
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                yield str(_value(connection, "SELECT pg_export_snapshot()")), 0
                return
            name = f"{self._publication}_load"[:63]
            command = f'CREATE_REPLICATION_SLOT "{name}" TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT'
            with self._patiently(connection):
                row = connection.execute(command).fetchone()
            assert row is not None
            yield str(row[2]), lsn_number(row[1])

    @contextlib.contextmanager
    def _patiently(self, connection: psycopg.Connection[Any]) -> Iterator[None]:
        """A slot is made when the transactions that are open at the source have ended."""
        self._waiting = connection
        try:
            yield
        finally:
            self._waiting = None

    def interrupt(self) -> None:
        """Wait no longer."""
        waiting = self._waiting
        if waiting is not None:
            with contextlib.suppress(psycopg.Error):
                waiting.cancel_safe(timeout=5)

    def open_transactions(self) -> int:
        """How many transactions are open that have written."""
        with contextlib.closing(self.route.connect()) as connection:
            count = "SELECT count(*) FROM pg_stat_activity WHERE backend_xid IS NOT NULL"
            return int(_value(connection, count) or 0)

    def stream(self) -> Stream:
        """Begin to read the changes from where the slot was confirmed."""
        connection = self.route.connect(replication=True)
        try:
            return Stream(connection, self.slot, self.publications)
        except BaseException:
            connection.close()
            raise

    def end_of_wal(self) -> int:
        """Return the position up to which the source has written."""
        with contextlib.closing(self.route.connect()) as connection:
            return lsn_number(str(_value(connection, "SELECT pg_current_wal_flush_lsn()::text")))

    def forget(self) -> None:
        """Remove the slots and publications that a task made."""
        with contextlib.closing(self.route.connect()) as connection:
            if self._own:
                end = "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s"
                connection.execute(f"{end} AND active", (self.slot,))
                _drop_slot(connection, self.slot)
            for name in self.publications if self._own else ():
                connection.execute(f"DROP PUBLICATION IF EXISTS {quoted(name)}")

    def column_facts(self, table: Table, name: str) -> tuple[str, str | None]:
        """Type of a column that was added, and the value that older rows have in it, if any."""
        facts = (
            "SELECT format_type(atttypid, atttypmod), "
            "CASE WHEN atthasmissing THEN (attmissingval::text::text[])[1] END FROM pg_attribute "
            "WHERE attrelid = %s::regclass AND attname = %s AND NOT attisdropped"
        )
        with contextlib.closing(self.route.connect()) as connection:
            row = connection.execute(facts, (table.source, name)).fetchone()
        return (row[0], row[1]) if row else ("text", None)


def _drop_slot(connection: psycopg.Connection[Any], slot: str) -> None:
    drop = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s"
    for _ in range(50):
        try:
            connection.execute(drop, (slot,))
        except psycopg.errors.ObjectInUse:
            connection.execute("SELECT pg_sleep(0.1)")
        else:
            return


def _table(
    mappings: Mappings,
    schema: str,
    name: str,
    columns: list[tuple[Any, ...]],
    key: tuple[str, ...],
    *,
    known: bool,
) -> Table:
    moved = []
    for column, not_null, kind, owner, type_name, base in columns:
        target = mappings.column_name(schema, name, column)
        if target is not None:
            shown = base if kind == "d" else type_name if owner == "pg_catalog" else "text"
            moved.append(Column(column, target, shown, bool(not_null)))
    return Table(
        schema=schema,
        name=name,
        target_schema=mappings.schema_name(schema),
        target_name=mappings.table_name(schema, name),
        columns=tuple(moved),
        key=key,
        identity=known,
        where=mappings.where(schema, name, quoted, literal),
    )


def _value(connection: psycopg.Connection[Any], query: str, *arguments: Any) -> Any:
    row = connection.execute(query, arguments or None).fetchone()
    return row[0] if row else None
