"""SQL functions of Aurora PostgreSQL that a new volume gets ("Aurora PostgreSQL functions reference")."""

from __future__ import annotations

from localaws.engines.postgres import PostgresServer
from localaws.rds.clusters.view import IDENTITY

FUNCTIONS = (
    "CREATE OR REPLACE FUNCTION pg_catalog.aurora_db_instance_identifier() RETURNS text "
    f"LANGUAGE sql STABLE PARALLEL SAFE AS $$SELECT pg_catalog.current_setting('{IDENTITY}', true)$$",
    "CREATE OR REPLACE FUNCTION pg_catalog.aurora_version() RETURNS text "
    "LANGUAGE sql STABLE PARALLEL SAFE AS "
    "$$SELECT pg_catalog.split_part(pg_catalog.current_setting('server_version'), ' ', 1)$$",
)


def furnish(server: PostgresServer, database: str | None) -> None:
    """Make the functions in the databases that there are, and in those that will be made."""
    for name in {"template1", "postgres", database or "postgres"}:
        with server.connect(name) as connection:
            for statement in FUNCTIONS:
                connection.execute(statement)
