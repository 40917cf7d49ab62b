"""Parameter groups: a dynamic and a static value, in force in the server."""

from collections.abc import Mapping
from typing import Any

import psycopg

from autograder.errors import Mistake
from autograder.examiner import Account, endpoint
from autograder.outcome import Sheet, outcome

DYNAMIC = ("log_min_duration_statement", "250")
STATIC = ("max_connections", "60")


@outcome("rds-parameters", title="Parameters in force", points=4)
def parameters(sheet: Sheet, account: Account, *, db: str, secret: str, app_host: str) -> None:
    """The instance's own group, one dynamic value and one static value, asked of the server itself."""
    database = account.database(db)
    sheet.judge("The instance has a parameter group of its own, in sync", 1, has_own_group, database)
    sheet.judge("The dynamic value is in force", 1, in_force, account, database, secret, app_host, DYNAMIC)
    sheet.judge("The static value is in force", 2, in_force, account, database, secret, app_host, STATIC)


def has_own_group(database: Mapping[str, Any]) -> None:
    """Not AWS's default group, and applied."""
    group = database["DBParameterGroups"][0]
    name, status = group["DBParameterGroupName"], group["ParameterApplyStatus"]
    if name.startswith("default."):
        raise Mistake(
            f"{database['DBInstanceIdentifier']} uses {name}, which cannot be changed: create a "
            "group and attach it "
            "with modify_db_instance(DBParameterGroupName=…)"
        )
    if status != "in-sync":
        remedy = "reboot the instance" if status == "pending-reboot" else "wait, then look again"
        raise Mistake(f"parameter group {name} is {status!r}: {remedy}")


def in_force(
    account: Account, database: Mapping[str, Any], secret: str, app_host: str, wanted: tuple[str, str]
) -> None:
    """The group has the value, and so has the server, from its configuration."""
    name, value = wanted
    group = database["DBParameterGroups"][0]["DBParameterGroupName"]
    endpoint(database)
    set_to = _group_value(account, group, name)
    setting, source = _server_value(account, database, secret, app_host, name)
    if set_to != value:
        if setting == value:
            raise Mistake(
                f"{name} is {value} only from {_origin(source)}, and {group} has "
                f"{set_to or 'nothing'}: put it into "
                "the parameter group, where it holds for everybody and outlives a restore"
            )
        raise Mistake(
            f"{group} sets {name} to {set_to or 'nothing'}, asked for is {value}: modify_db_parameter_group"
        )
    if setting != value:
        if source not in ("configuration file", "default", "command line"):
            raise Mistake(
                f"{name} is {setting} in a session, from {_origin(source)}, which overrides {group}: reset it"
            )
        raise Mistake(
            f"{group} has {name}={value}, but the server still runs with {setting}: a static "
            "parameter waits for "
            "reboot_db_instance",
            earned=1 if name == STATIC[0] else 0,
        )


def _group_value(account: Account, group: str, name: str) -> str:
    pages = account.rds.get_paginator("describe_db_parameters").paginate(DBParameterGroupName=group)
    for page in pages:
        for parameter in page["Parameters"]:
            if parameter["ParameterName"] == name:
                return str(parameter.get("ParameterValue", ""))
    return ""


def _server_value(
    account: Account, database: Mapping[str, Any], secret: str, app_host: str, name: str
) -> tuple[str, str]:
    credentials = account.secret(secret)
    dbname = str(database.get("DBName") or "postgres")
    user, password = credentials["username"], credentials["password"]
    with account.session_on(database, app_host, user, password, dbname) as connection:
        row = connection.execute(
            "SELECT setting, source FROM pg_settings WHERE name = %s", (name,)
        ).fetchone()
    if row is None:
        raise psycopg.DataError(f"the server knows no parameter {name}")
    return str(row[0]), str(row[1])


def _origin(source: str) -> str:
    commands = {
        "user": "ALTER ROLE",
        "database": "ALTER DATABASE",
        "database user": "ALTER ROLE … IN DATABASE",
    }
    return commands.get(source, source)
