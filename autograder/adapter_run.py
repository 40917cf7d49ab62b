"""Runs a learner's file of functions against copies of its DynamoDB tables, in a sandbox."""

import contextlib
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from autograder import isolation
from autograder.errors import Mistake
from autograder.examiner import Account
from autograder.recorder import Recorder, Script
from autograder.throwaway import PREFIX

DRIVER = Path(__file__).with_name("adapter_driver.py").read_text(encoding="utf-8")
LIMITS = isolation.Limits()
RUN_S = 45.0
MOST_TABLES = 5
POLL_S, POLL_AWS_S = 0.1, 1.0


def describe(account: Account, name: str) -> dict[str, Any]:
    """The table; Mistake when there is none or it is not active."""
    try:
        found: dict[str, Any] = account.dynamodb.describe_table(TableName=name)["Table"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            where = account.session.region_name
            raise Mistake(f"there is no table {name!r} in {where}: create it first") from error
        raise Mistake(f"{name!r} cannot be a table: {error.response['Error']['Message']}") from error
    if found["TableStatus"] not in ("ACTIVE", "UPDATING"):
        raise Mistake(f"table {name} is {found['TableStatus']}: wait with get_waiter('table_exists')")
    return found


def named(text: str) -> list[str]:
    """The tables that a value names, separated by commas."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not 1 <= len(names) <= MOST_TABLES:
        raise Mistake(f"{len(names)} tables are named: one to {MOST_TABLES} are enough")
    return names


@contextlib.contextmanager
def copies(account: Account, described: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    """Empty tables with the same keys and indexes, on demand; by the names of those that they stand for."""
    client, mark = account.dynamodb, secrets.token_hex(4)
    made: dict[str, str] = {}
    poll = {"Delay": POLL_S if account.endpoint_url else POLL_AWS_S, "MaxAttempts": 300}
    try:
        for number, table in enumerate(described):
            name = f"{PREFIX}{mark}-{number}"
            client.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", **_shape(table))
            made[table["TableName"]] = name
        for name in made.values():
            client.get_waiter("table_exists").wait(TableName=name, WaiterConfig=poll)
        yield made
    finally:
        for name in made.values():
            client.delete_table(TableName=name)


def _shape(table: Mapping[str, Any]) -> dict[str, Any]:
    shape = {name: table[name] for name in ("KeySchema", "AttributeDefinitions")}
    for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        if table.get(kind):
            kept = ("IndexName", "KeySchema", "Projection")
            shape[kind] = [{name: index[name] for name in kept} for index in table[kind]]
    return shape


def run(account: Account, file: str, text: str, tables: Mapping[str, str], script: Script) -> None:
    """Run the file's functions as the script asks, on `tables`; Mistake when it does not come to the end."""
    with isolation.sandbox() as box, Recorder(account, tables, script) as recorder:
        path = box.folder / file
        path.write_text(text, encoding="utf-8")
        box.own(path)
        env = {
            "AWS_ENDPOINT_URL": recorder.endpoint,
            "AWS_ACCESS_KEY_ID": "EXAMINED",
            "AWS_SECRET_ACCESS_KEY": "examined",
            "AWS_DEFAULT_REGION": account.session.region_name or "us-east-1",
            "LAB_JOBS": recorder.jobs,
            "LAB_FILE": file,
        }
        ended = isolation.run(
            [sys.executable, "-I", "-c", DRIVER], box, env, text="", seconds=RUN_S, limits=LIMITS
        )
    if recorder.failure:
        raise recorder.failure
    if recorder.not_loaded:
        raise Mistake(f"{file} cannot be loaded: {recorder.not_loaded}")
    if not recorder.finished:
        if ended.code is None:
            raise Mistake(f"{file} did not end within {RUN_S:.0f} s: look for a loop")
        last = (ended.errors.strip().splitlines() or ["no message"])[-1]
        raise Mistake(f"{file} ended its own process (code {ended.code}): {last[:300]}")


def every_item(account: Account, table: str) -> list[dict[str, Any]]:
    """All items of a table, as the examiner sees them."""
    pages = account.dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return [item for page in pages for item in page["Items"]]


def holding(items: Sequence[dict[str, Any]], text: str) -> dict[str, Any] | None:
    """The item that has the text in one of its attributes, if there is one."""
    return next((item for item in items if any(text in str(value) for value in item.values())), None)
