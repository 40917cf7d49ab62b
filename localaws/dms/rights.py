"""Membership in rds_replication, which RDS's server takes for the right to use replication slots.

AWS: "Using logical replication to perform homogeneous data migrations". PostgreSQL's own server asks for the
attribute REPLICATION, so that a member gets it when a task first needs it.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from localaws.dms.route import Access
from localaws.engines.postgres import QUIET
from localaws.engines.rights import ADMIN
from localaws.rds.measures import leading

if TYPE_CHECKING:
    from localaws.control import ControlPlane

SOCKETS_LINE = 4
MEMBER = (
    "SELECT rolname FROM pg_roles WHERE rolname = %s AND NOT rolreplication "
    "AND pg_has_role(oid, 'rds_replication', 'member')"
)


def follow_membership(control: ControlPlane, access: Access) -> None:
    """Give the user of a source that is an RDS instance here what its membership stands for."""
    home = _home(control, access)
    if home is None:
        return
    sockets = (home / "data" / "postmaster.pid").read_text().splitlines()[SOCKETS_LINE]
    connection = psycopg.connect(
        host=sockets,
        port=5432,
        user=ADMIN,
        password=(home / "admin").read_text(),
        dbname="postgres",
        autocommit=True,
        options=QUIET,
        channel_binding="disable",
    )
    with contextlib.closing(connection):
        if connection.execute(MEMBER, (access.user,)).fetchone():
            connection.execute(sql.SQL("ALTER ROLE {} REPLICATION").format(sql.Identifier(access.user)))


def _home(control: ControlPlane, access: Access) -> Path | None:
    """The folder of the instance's server, when it runs."""
    root, host = control.state.engines_root, access.host.lower()
    with control.lock:
        names = [
            f"postgres-{instance.dbi_resource_id}"
            for account, _, backend in control.backends("rds")
            for instance in backend.databases.values()
            if account == access.account_id
            and host in (instance.endpoint_address, instance.dns_name)
            and instance.port == access.port
        ]
    homes = leading([root / f"{name}{half}" for name in names for half in ("", "-b")], follows=False)
    return next((home for home in homes if (home / "data" / "postmaster.pid").exists()), None)
