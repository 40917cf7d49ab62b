"""Values that a check was not given, found in the account when there is only one candidate."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from autograder.errors import UsageError
from autograder.examiner import Account
from autograder.outcome import Outcome
from autograder.throwaway import PREFIX

APP_FILE = "shop_app.py"


def complete(outcome: Outcome, account: Account, given: Mapping[str, str]) -> dict[str, str]:
    """The values that the outcome asks for: the given ones, and those that can be found."""
    if outcome.structured:
        raise UsageError(
            f"{outcome.id} judges answers, which only its cell in the notebook sends: run it there."
        )
    values = {name: given[name] for name in outcome.values if name in given}
    for name in outcome.values:
        if name not in values:
            values[name] = _find(name, account, values)
    return values


def _find(name: str, account: Account, known: Mapping[str, str]) -> str:
    finders = {"db": _database, "app_host": _app_host, "snapshot": _snapshot, "secret": _secret, "app": _app}
    if name not in finders:
        raise UsageError(
            f"This check needs {name}, which cannot be found in an account: give {_option(name)}."
        )
    return finders[name](account, known)


def _only(found: list[str], name: str, what: str, remedy: str) -> str:
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(f"There is no {what} in this account: {remedy}, or name it with {_option(name)}.")
    raise UsageError(f"There are several: {', '.join(sorted(found))}. Name the {what} with {_option(name)}.")


def _database(account: Account, _: Mapping[str, str]) -> str:
    pages = account.rds.get_paginator("describe_db_instances").paginate()
    found = [item["DBInstanceIdentifier"] for page in pages for item in page["DBInstances"]]
    return _only([name for name in found if not name.startswith(PREFIX)], "db", "DB instance", "create it")


def _app_host(account: Account, _: Mapping[str, str]) -> str:
    running = [{"Name": "instance-state-name", "Values": ["running"]}]
    pages = account.ec2.get_paginator("describe_instances").paginate(Filters=running)
    instances = [i for page in pages for item in page["Reservations"] for i in item["Instances"]]
    found = [item["InstanceId"] for item in instances if item.get("IamInstanceProfile")]
    return _only(found, "app_host", "running EC2 instance with an instance profile", "launch the app host")


def _snapshot(account: Account, known: Mapping[str, str]) -> str:
    pages = account.rds.get_paginator("describe_db_snapshots").paginate(
        DBInstanceIdentifier=known["db"], SnapshotType="manual"
    )
    found = [item for page in pages for item in page["DBSnapshots"]]
    mine = [item for item in found if not item["DBSnapshotIdentifier"].startswith(PREFIX)]
    newest = sorted((i for i in mine if "SnapshotCreateTime" in i), key=lambda i: i["SnapshotCreateTime"])[
        -1:
    ]
    return _only(
        [item["DBSnapshotIdentifier"] for item in newest], "snapshot", "manual snapshot", "create_db_snapshot"
    )


def _secret(account: Account, known: Mapping[str, str]) -> str:
    pages = account.client("secretsmanager").get_paginator("list_secrets").paginate()
    names = [item["Name"] for page in pages for item in page["SecretList"]]
    contents = {name: _credentials(account, name) for name in names}
    usable = {
        name: content for name, content in contents.items() if {"username", "password"} <= content.keys()
    }
    naming = [
        name for name, content in usable.items() if known["db"] in json.dumps(content) or known["db"] in name
    ]
    return _only(naming or list(usable), "secret", "secret", "create one with a username and a password")


def _credentials(account: Account, name: str) -> dict[str, Any]:
    try:
        content = json.loads(account.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"])
    except (ClientError, KeyError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _app(_account: Account, _: Mapping[str, str]) -> str:
    file = Path(APP_FILE)
    if not file.is_file():
        raise UsageError(f"There is no {APP_FILE} in this folder: change to it, or name the file with --app.")
    return file.read_text(encoding="utf-8")


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
