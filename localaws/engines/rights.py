"""Roles and rights inside a database: the administrator that is ours, and a master user with RDS's rights.

AWS: "Master user account privileges" and "Understanding the rds_superuser role".
"""

from __future__ import annotations

from psycopg import sql

ADMIN = "rdsadmin"
FIRST = "localaws_first"
"""A database that each cluster brings along: giving it a name takes less time than making one."""
GROUPS = ("rds_password", "rds_replication", "rds_iam")
PREDEFINED = {
    "pg_monitor": 10,
    "pg_signal_backend": 10,
    "pg_read_all_data": 14,
    "pg_write_all_data": 14,
    "pg_checkpoint": 15,
    "pg_use_reserved_connections": 16,
    "pg_create_subscription": 16,
    "pg_maintain": 17,
}
"""Built-in roles that rds_superuser holds, and the major version each came with."""
GRANTABLE_SETTINGS = (
    "deadlock_timeout",
    "log_duration",
    "log_min_duration_statement",
    "log_statement",
    "session_replication_role",
    "track_functions",
)


def template_statements(major: int) -> list[str]:
    """Return the statements that furnish a template cluster of a major version."""
    held = ", ".join([*(name for name, since in PREDEFINED.items() if major >= since), *GROUPS])
    statements = [f"CREATE ROLE {name} NOLOGIN" for name in ("rds_superuser", *GROUPS)]
    statements.append(f"GRANT {held} TO rds_superuser WITH ADMIN OPTION")
    if major >= 15:
        statements.append(f"GRANT SET ON PARAMETER {', '.join(GRANTABLE_SETTINGS)} TO rds_superuser")
    return [*statements, f"CREATE DATABASE {FIRST}"]


def master_statements(username: str, verifier: str, major: int) -> list[sql.Composed]:
    """Return the statements that make the master user, whose password is given as a SCRAM verifier."""
    master = sql.Identifier(username)
    statements = [
        # RDS's server takes membership in rds_replication for it; PostgreSQL's own wants the attribute
        sql.SQL("CREATE ROLE {} LOGIN CREATEDB CREATEROLE REPLICATION PASSWORD {}").format(
            master, sql.Literal(verifier)
        ),
        sql.SQL("GRANT rds_superuser TO {} WITH ADMIN OPTION").format(master),
        sql.SQL("ALTER DATABASE postgres OWNER TO {}").format(master),
    ]
    if major < 15:
        statements.append(sql.SQL("GRANT ALL ON SCHEMA public TO {}").format(master))
    return statements


def database_statements(database: str | None, owner: str) -> list[sql.Composed]:
    """Return the statements that turn the database a cluster brings along into the one that is asked for."""
    first = sql.Identifier(FIRST)
    if database is None or database == "postgres":
        return [sql.SQL("DROP DATABASE {}").format(first)]
    name = sql.Identifier(database)
    return [
        sql.SQL("ALTER DATABASE {} RENAME TO {}").format(first, name),
        sql.SQL("ALTER DATABASE {} OWNER TO {}").format(name, sql.Identifier(owner)),
    ]
