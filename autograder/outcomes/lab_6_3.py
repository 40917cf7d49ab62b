"""Lab 6.3: backups that are kept, and a snapshot that is restored to prove what it holds."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import psycopg
from botocore.exceptions import ClientError

from autograder import throwaway
from autograder.errors import Mistake
from autograder.examiner import Account, endpoint
from autograder.outcome import Sheet, outcome

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = 24 * 60
WEEK = 7 * DAY
RETENTION = 7
MARGIN = timedelta(seconds=5)
"""Orders placed this shortly before the snapshot's time may have missed it."""

Order = tuple[int, int, datetime]


@outcome("lab-6.3", title="Backups and a snapshot that holds the orders", points=8)
def backups(sheet: Sheet, account: Account, *, db: str, snapshot: str, app_host: str) -> None:
    """Retention, window, snapshot, restored rows. Makes and deletes two instances and a snapshot."""
    database = account.database(db)
    sheet.judge("Automated backups are kept for 7 days or more", 1, keeps_backups, database)
    sheet.judge("The backup window is apart from maintenance", 1, window_is_apart, database)
    sheet.judge(
        "A manual snapshot is available and encrypted", 2, snapshot_is_ready, account, database, snapshot
    )
    sheet.judge(
        "Restored, the snapshot holds the orders", 4, holds_orders, account, database, snapshot, app_host
    )


def keeps_backups(database: Mapping[str, Any]) -> None:
    """Seven days of retention."""
    days = database["BackupRetentionPeriod"]
    if days < RETENTION:
        kept = f"automated backups are kept for {days} day(s)" if days else "automated backups are off"
        raise Mistake(f"{kept}: modify the instance with BackupRetentionPeriod={RETENTION}")


def window_is_apart(database: Mapping[str, Any]) -> None:
    """The daily backup window touches no minute of the weekly maintenance window."""
    backup, upkeep = database.get("PreferredBackupWindow", ""), database.get("PreferredMaintenanceWindow", "")
    daily = re.fullmatch(r"(\d\d):(\d\d)-(\d\d):(\d\d)", backup)
    weekly = re.fullmatch(r"(\w{3}):(\d\d):(\d\d)-(\w{3}):(\d\d):(\d\d)", upkeep.lower())
    if daily is None:
        raise Mistake(
            "no backup window is set: modify the instance with PreferredBackupWindow='hh:mm-hh:mm' (UTC)"
        )
    if weekly is None:
        return
    h1, m1, h2, m2 = map(int, daily.groups())
    start, end = h1 * 60 + m1, h2 * 60 + m2
    backups = {(day * DAY + start + i) % WEEK for day in range(7) for i in range((end - start) % DAY)}
    first = DAYS.index(weekly[1]) * DAY + int(weekly[2]) * 60 + int(weekly[3])
    last = DAYS.index(weekly[4]) * DAY + int(weekly[5]) * 60 + int(weekly[6])
    if backups & {(first + i) % WEEK for i in range((last - first) % WEEK)}:
        raise Mistake(
            f"the backup window {backup} overlaps the maintenance window {upkeep}: move one of them"
        )


def snapshot_is_ready(account: Account, database: Mapping[str, Any], snapshot: str) -> None:
    """It exists, is manual, is of this database, and is encrypted."""
    found = find_snapshot(account, database, snapshot)
    if not found["Encrypted"]:
        raise Mistake(
            f"snapshot {snapshot} is not encrypted, because the storage of "
            f"{database['DBInstanceIdentifier']} is not: "
            "copy it with a KmsKeyId, or take it from an encrypted instance",
            earned=1,
        )


def find_snapshot(account: Account, database: Mapping[str, Any], snapshot: str) -> dict[str, Any]:
    """The available manual snapshot of the database; Mistake when it is something else."""
    name = database["DBInstanceIdentifier"]
    try:
        found: dict[str, Any] = account.rds.describe_db_snapshots(DBSnapshotIdentifier=snapshot)[
            "DBSnapshots"
        ][0]
    except ClientError as error:
        if "NotFound" in error.response["Error"]["Code"]:
            raise Mistake(f"there is no snapshot {snapshot!r}: create_db_snapshot of {name}") from error
        raise
    if found["SnapshotType"] != "manual":
        raise Mistake(
            f"snapshot {snapshot} is {found['SnapshotType']}: it ends with the retention; take a manual one"
        )
    if found["DBInstanceIdentifier"] != name:
        raise Mistake(
            f"snapshot {snapshot} is of {found['DBInstanceIdentifier']}, not of {name}: take one of {name}"
        )
    if found["Status"] != "available":
        raise Mistake(
            f"snapshot {snapshot} is {found['Status']!r}: wait with get_waiter('db_snapshot_available')"
        )
    return found


def holds_orders(account: Account, database: Mapping[str, Any], snapshot: str, app_host: str) -> None:
    """Every order that the database had when the snapshot was taken is in it, unchanged.

    Both are read from throw-away restores, since their passwords can be set: the snapshot's, and one
    of the database as it is now.
    """
    endpoint(database)
    found = find_snapshot(account, database, snapshot)
    account.instance(app_host)
    held = read_orders(account, snapshot, database, app_host)
    if not held:
        raise Mistake(f"snapshot {snapshot} holds no orders: take it after ShopStream's data is loaded")
    with throwaway.snapshot_now(account, database) as current:
        now = read_orders(account, current, database, app_host)
    cutoff = found["SnapshotCreateTime"] - MARGIN
    expected = {order for order in now if order[2] <= cutoff}
    if not expected:
        raise Mistake(
            f"{database['DBInstanceIdentifier']} has no orders from before the snapshot to compare with"
        )
    missing = expected - held
    if missing:
        kept = len(expected) - len(missing)
        raise Mistake(
            f"snapshot {snapshot} holds {kept} of the {len(expected)} orders made before it (order "
            f"{min(missing)[0]} differs or is missing): take a snapshot after the data is loaded"
        )


def read_orders(account: Account, snapshot: str, like: Mapping[str, Any], app_host: str) -> set[Order]:
    """The orders in a snapshot by what never changes in them: id, user and time; empty without the table."""
    dbname = str(like.get("DBName") or "postgres")
    with (
        throwaway.restored(account, snapshot, like) as (database, password),
        throwaway.session(account, database, password, app_host, dbname) as connection,
    ):
        try:
            return set(connection.execute("SELECT order_id, user_id, created_at FROM public.orders"))
        except psycopg.errors.UndefinedTable:
            return set()
