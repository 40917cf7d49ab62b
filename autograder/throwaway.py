"""Throw-away restores: a snapshot's rows, seen in an instance of the examiner's that is deleted again."""

import contextlib
import secrets
import time
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
from botocore.exceptions import WaiterError

from autograder.errors import Mistake
from autograder.examiner import Account

PREFIX = "examiner-"
TAGS = [{"Key": "lab:examiner", "Value": "throw-away"}]
PATIENCE_S = 3600
PASSWORD_PATIENCE_S = 300
POLL_S = 0.5
POLL_AWS_S = 15


def new_name() -> str:
    """An identifier that nothing else has."""
    return PREFIX + secrets.token_hex(4)


@contextlib.contextmanager
def snapshot_now(account: Account, database: Mapping[str, Any]) -> Iterator[str]:
    """A snapshot of the database as it is, deleted afterwards."""
    name = new_name()
    account.rds.create_db_snapshot(
        DBSnapshotIdentifier=name, DBInstanceIdentifier=database["DBInstanceIdentifier"], Tags=TAGS
    )
    try:
        wait(account, "db_snapshot_available", DBSnapshotIdentifier=name)
        yield name
    finally:
        account.rds.delete_db_snapshot(DBSnapshotIdentifier=name)


@contextlib.contextmanager
def restored(
    account: Account, snapshot: str, like: Mapping[str, Any]
) -> Iterator[tuple[dict[str, Any], str]]:
    """The snapshot restored beside `like` (same subnets and groups), and its master's password."""
    name, password = new_name(), secrets.token_urlsafe(24)
    account.rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier=name,
        DBSnapshotIdentifier=snapshot,
        DBInstanceClass=like["DBInstanceClass"],
        DBSubnetGroupName=like["DBSubnetGroup"]["DBSubnetGroupName"],
        VpcSecurityGroupIds=[group["VpcSecurityGroupId"] for group in like["VpcSecurityGroups"]],
        PubliclyAccessible=False,
        MultiAZ=False,
        DeletionProtection=False,
        Tags=TAGS,
    )
    try:
        wait(account, "db_instance_available", DBInstanceIdentifier=name)
        account.rds.modify_db_instance(
            DBInstanceIdentifier=name, MasterUserPassword=password, ApplyImmediately=True
        )
        yield account.database(name), password
    finally:
        account.rds.delete_db_instance(
            DBInstanceIdentifier=name, SkipFinalSnapshot=True, DeleteAutomatedBackups=True
        )


@contextlib.contextmanager
def session(
    account: Account, database: Mapping[str, Any], password: str, app_host: str, dbname: str
) -> Iterator[psycopg.Connection[Any]]:
    """A session of the throw-away's master, as soon as its new password is in force."""
    name, deadline = database["DBInstanceIdentifier"], time.monotonic() + PASSWORD_PATIENCE_S
    with contextlib.ExitStack() as stack:
        while True:
            wait(account, "db_instance_available", DBInstanceIdentifier=name)
            try:
                connection = stack.enter_context(
                    account.session_on(
                        account.database(name), app_host, database["MasterUsername"], password, dbname
                    )
                )
                break
            except Mistake as mistake:
                if "password" not in str(mistake) or time.monotonic() > deadline:
                    raise
            time.sleep(_pause(account))
        yield connection


def wait(account: Account, waiter: str, **what: str) -> None:
    """boto3's waiter at the back end's own pace."""
    pause = _pause(account)
    settings = {"Delay": pause, "MaxAttempts": int(PATIENCE_S / pause)}
    try:
        account.rds.get_waiter(waiter).wait(**what, WaiterConfig=settings)
    except WaiterError as error:
        raise Mistake(f"{', '.join(what.values())} did not become available: {error}") from error


def _pause(account: Account) -> float:
    return POLL_S if account.endpoint_url else POLL_AWS_S
