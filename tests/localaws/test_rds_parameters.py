"""Parameter and option groups: checked against the server's own settings, and in force when they say so."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from . import fix_rds as fix

pytestmark = pytest.mark.engine
COMBINATION, VALUE = "InvalidParameterCombination", "InvalidParameterValue"


@pytest.fixture(scope="module")
def rds(aws: Any) -> Any:
    return aws.client("rds")


@pytest.fixture(scope="module")
def family(rds: Any) -> str:
    found = rds.describe_db_engine_versions(Engine="postgres", DefaultOnly=True)["DBEngineVersions"]
    name: str = found[0]["DBParameterGroupFamily"]
    return name


@pytest.fixture(scope="module")
def group(rds: Any, family: str) -> str:
    rds.create_db_parameter_group(
        DBParameterGroupName="Tuned", DBParameterGroupFamily=family, Description="tuned"
    )
    return "tuned"


@pytest.fixture(scope="module")
def shop(aws: Any, rds: Any, group: str) -> str:
    network = fix.PublicNetwork(aws, "tuning")
    rds.create_db_instance(**network.request("tuned-shop", DBParameterGroupName=group))
    fix.available(rds, "tuned-shop")
    return "tuned-shop"


def parameter(name: str, value: str, method: str = "immediate") -> dict[str, str]:
    return {"ParameterName": name, "ParameterValue": value, "ApplyMethod": method}


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def listed(rds: Any, group: str, **request: str) -> dict[str, dict[str, Any]]:
    pages = rds.get_paginator("describe_db_parameters").paginate(DBParameterGroupName=group, **request)
    return {each["ParameterName"]: each for page in pages for each in page["Parameters"]}


def apply_status(rds: Any, name: str) -> str:
    status: str = fix.instance(rds, name)["DBParameterGroups"][0]["ParameterApplyStatus"]
    return status


def in_force(aws: Any, rds: Any, name: str, setting: str) -> tuple[Any, ...]:
    with fix.connect(aws, fix.instance(rds, name)) as connection:
        row = connection.execute(
            "select setting, source, pending_restart from pg_settings where name = %s", [setting]
        ).fetchone()
    assert row is not None
    return tuple(row)


def test_a_familys_parameters(rds: Any, family: str) -> None:
    pages = rds.get_paginator("describe_engine_default_parameters").paginate(DBParameterGroupFamily=family)
    found = {each["ParameterName"]: each for page in pages for each in page["EngineDefaults"]["Parameters"]}
    assert len(found) > 300
    most = found["max_connections"]
    assert (most["ApplyType"], most["Source"], most["DataType"], most["IsModifiable"]) == (
        "static",
        "system",
        "integer",
        True,
    )
    assert most["ParameterValue"] == "LEAST({DBInstanceClassMemory/9531392},5000)"
    assert (found["rds.force_ssl"]["ParameterValue"], found["rds.force_ssl"]["ApplyType"]) == ("1", "dynamic")
    assert found["log_statement"]["AllowedValues"] == "none,ddl,mod,all"
    assert found["log_min_duration_statement"]["Source"] == "engine-default"
    assert "pg_stat_statements" in found["shared_preload_libraries"]["AllowedValues"]
    assert not found["archive_command"]["IsModifiable"]
    assert refusal(rds.describe_engine_default_parameters, DBParameterGroupFamily="postgres7")[0] == VALUE


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ([parameter("max_connections", "foo", "pending-reboot")], VALUE, "allowed values are: 6-"),
        ([parameter("max_connections", "5", "pending-reboot")], VALUE, "allowed values are: 6-"),
        ([parameter("max_connections", "{Nonsense/2}", "pending-reboot")], VALUE, "max_connections"),
        (
            [parameter("max_connections", "60")],
            COMBINATION,
            "cannot use immediate apply method for static parameter",
        ),
        ([parameter("max_conections", "60")], VALUE, "Could not find parameter with name: max_conections"),
        ([parameter("rds.force_ssl", "yes")], VALUE, "allowed values are: 0,1"),
        ([parameter("log_statement", "most")], VALUE, "none,ddl,mod,all"),
        ([parameter("log_min_duration_statement", "250ms")], VALUE, "log_min_duration_statement"),
        ([parameter("random_page_cost", "cheap")], VALUE, "random_page_cost"),
        ([parameter("shared_preload_libraries", "evil", "pending-reboot")], VALUE, "pg_stat_statements"),
        ([parameter("archive_command", "rm -rf /")], VALUE, "cannot be modified"),
        ([parameter("recovery_end_command", "rm -rf /")], VALUE, "cannot be modified"),
        ([parameter("search_path", "a\nb")], VALUE, "search_path"),
        ([parameter("work_mem", "8192", "soon")], VALUE, "soon"),
        ([parameter("work_mem", str(64 + n)) for n in range(21)], VALUE, "20"),
        ([parameter("work_mem", "8192"), parameter("nonsense", "1")], VALUE, "nonsense"),
    ],
)
def test_changes_are_refused(
    rds: Any, group: str, changes: list[dict[str, str]], code: str, words: str
) -> None:
    found, message = refusal(rds.modify_db_parameter_group, DBParameterGroupName=group, Parameters=changes)
    assert (found, words in message) == (code, True), message
    assert listed(rds, group, Source="user") == {}


def test_groups_have_rules(rds: Any, group: str, family: str) -> None:
    request = {"DBParameterGroupName": group, "DBParameterGroupFamily": family, "Description": "again"}
    assert refusal(rds.create_db_parameter_group, **request)[0] == "DBParameterGroupAlreadyExists"
    assert (
        refusal(rds.create_db_parameter_group, **request | {"DBParameterGroupName": "no_underscore"})[0]
        == VALUE
    )
    other = request | {"DBParameterGroupName": "other", "DBParameterGroupFamily": "ingres9"}
    assert refusal(rds.create_db_parameter_group, **other)[0] == VALUE
    default = f"default.{family}"
    change = {"DBParameterGroupName": default, "Parameters": [parameter("work_mem", "8192")]}
    assert refusal(rds.modify_db_parameter_group, **change)[0] == "InvalidDBParameterGroupState"
    assert (
        refusal(rds.delete_db_parameter_group, DBParameterGroupName=default)[0]
        == "InvalidDBParameterGroupState"
    )
    assert refusal(rds.describe_db_parameters, DBParameterGroupName="none")[0] == "DBParameterGroupNotFound"
    assert (
        refusal(rds.describe_db_parameter_groups, DBParameterGroupName="none")[0]
        == "DBParameterGroupNotFound"
    )
    found = rds.describe_db_parameter_groups(DBParameterGroupName=default)["DBParameterGroups"][0]
    assert found["DBParameterGroupFamily"] == family


def test_dynamic_parameter_takes_effect_at_once(aws: Any, rds: Any, group: str, shop: str) -> None:
    change = [parameter("log_min_duration_statement", "250")]
    rds.modify_db_parameter_group(DBParameterGroupName=group, Parameters=change)
    mine = listed(rds, group, Source="user")
    assert [
        (each["ParameterName"], each["ParameterValue"], each["ApplyMethod"]) for each in mine.values()
    ] == [("log_min_duration_statement", "250", "immediate")]
    fix.eventually(
        lambda: in_force(aws, rds, shop, "log_min_duration_statement"),
        lambda found: found == ("250", "configuration file", False),
    )
    fix.eventually(lambda: apply_status(rds, shop), lambda status: status == "in-sync")


def test_static_parameter_waits_for_a_reboot(aws: Any, rds: Any, group: str, shop: str) -> None:
    change = [parameter("max_connections", "60", "pending-reboot")]
    rds.modify_db_parameter_group(DBParameterGroupName=group, Parameters=change)
    fix.eventually(lambda: apply_status(rds, shop), lambda status: status == "pending-reboot")
    fix.eventually(
        lambda: in_force(aws, rds, shop, "max_connections"),
        lambda found: found[0] == "112" and found[2],
    )
    rds.reboot_db_instance(DBInstanceIdentifier=shop)
    fix.available(rds, shop)
    assert apply_status(rds, shop) == "in-sync"
    assert in_force(aws, rds, shop, "max_connections") == ("60", "configuration file", False)


def test_dynamic_parameter_may_wait_too(aws: Any, rds: Any, group: str, shop: str) -> None:
    before = in_force(aws, rds, shop, "work_mem")[0]
    change = [parameter("work_mem", "8192", "pending-reboot")]
    rds.modify_db_parameter_group(DBParameterGroupName=group, Parameters=change)
    fix.eventually(lambda: apply_status(rds, shop), lambda status: status == "pending-reboot")
    assert in_force(aws, rds, shop, "work_mem")[0] == before
    rds.reboot_db_instance(DBInstanceIdentifier=shop)
    fix.available(rds, shop)
    assert in_force(aws, rds, shop, "work_mem")[0] == "8192"


def test_formula_follows_the_class(aws: Any, rds: Any, group: str, shop: str) -> None:
    formula = "GREATEST({DBInstanceClassMemory/9531392},200)"
    change = [parameter("max_connections", formula, "pending-reboot")]
    rds.modify_db_parameter_group(DBParameterGroupName=group, Parameters=change)
    rds.reboot_db_instance(DBInstanceIdentifier=shop)
    fix.available(rds, shop)
    assert in_force(aws, rds, shop, "max_connections")[0] == "200"


def test_reset_brings_the_default_back(aws: Any, rds: Any, group: str, shop: str) -> None:
    assert refusal(rds.reset_db_parameter_group, DBParameterGroupName=group)[0] == COMBINATION
    one = [{"ParameterName": "log_min_duration_statement", "ApplyMethod": "immediate"}]
    rds.reset_db_parameter_group(DBParameterGroupName=group, Parameters=one)
    fix.eventually(
        lambda: in_force(aws, rds, shop, "log_min_duration_statement")[0], lambda found: found == "-1"
    )
    rds.reset_db_parameter_group(DBParameterGroupName=group, ResetAllParameters=True)
    assert listed(rds, group, Source="user") == {}
    fix.eventually(lambda: apply_status(rds, shop), lambda status: status == "pending-reboot")


def test_force_ssl_refuses_plain_connections(aws: Any, rds: Any, group: str, shop: str) -> None:
    import psycopg

    shown = fix.instance(rds, shop)
    plain = {
        "host": shown["Endpoint"]["Address"],
        "port": shown["Endpoint"]["Port"],
        "user": "shop",
        "password": fix.PASSWORD,
        "dbname": "shop",
        "sslmode": "disable",
    }
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        psycopg.connect(**plain)
    with psycopg.connect(**plain | {"sslmode": "require"}) as connection:
        assert connection.execute("show rds.force_ssl").fetchone() == ("on",)
    rds.modify_db_parameter_group(DBParameterGroupName=group, Parameters=[parameter("rds.force_ssl", "0")])

    def opened() -> bool:
        try:
            with psycopg.connect(**plain) as connection:
                return connection.execute("show rds.force_ssl").fetchone() == ("off",)
        except psycopg.OperationalError:
            return False

    fix.eventually(opened, bool)


def test_attached_group_waits_for_a_reboot(aws: Any, rds: Any, family: str, shop: str) -> None:
    rds.create_db_parameter_group(
        DBParameterGroupName="later", DBParameterGroupFamily=family, Description="later"
    )
    rds.modify_db_parameter_group(
        DBParameterGroupName="later", Parameters=[parameter("log_min_duration_statement", "77")]
    )
    changed = rds.modify_db_instance(
        DBInstanceIdentifier=shop, DBParameterGroupName="later", ApplyImmediately=True
    )["DBInstance"]
    assert changed["DBParameterGroups"] == [
        {"DBParameterGroupName": "later", "ParameterApplyStatus": "pending-reboot"}
    ]
    assert in_force(aws, rds, shop, "log_min_duration_statement")[0] == "-1"
    assert refusal(rds.delete_db_parameter_group, DBParameterGroupName="later")[0] == (
        "InvalidDBParameterGroupState"
    )
    rds.reboot_db_instance(DBInstanceIdentifier=shop)
    fix.available(rds, shop)
    assert in_force(aws, rds, shop, "log_min_duration_statement")[0] == "77"
    assert apply_status(rds, shop) == "in-sync"


def test_copied_group_has_the_values(rds: Any, family: str) -> None:
    names = {"DBParameterGroupFamily": family, "Description": "source"}
    rds.create_db_parameter_group(DBParameterGroupName="source", **names)
    rds.modify_db_parameter_group(DBParameterGroupName="source", Parameters=[parameter("work_mem", "4096")])
    rds.copy_db_parameter_group(
        SourceDBParameterGroupIdentifier="source",
        TargetDBParameterGroupIdentifier="target",
        TargetDBParameterGroupDescription="target",
    )
    assert listed(rds, "target", Source="user")["work_mem"]["ParameterValue"] == "4096"


def test_postgresql_has_no_options(rds: Any, family: str) -> None:
    major = family.removeprefix("postgres")
    request = {"EngineName": "postgres", "MajorEngineVersion": major, "OptionGroupDescription": "none"}
    group = rds.create_option_group(OptionGroupName="Empty", **request)["OptionGroup"]
    assert (group["OptionGroupName"], group["Options"]) == ("empty", [])
    code, message = refusal(
        rds.modify_option_group, OptionGroupName="empty", OptionsToInclude=[{"OptionName": "MEMCACHED"}]
    )
    assert (code, "no options for engine postgres" in message) == (VALUE, True)
    default = rds.describe_option_groups(OptionGroupName=f"default:postgres-{major}")["OptionGroupsList"]
    assert default[0]["MajorEngineVersion"] == major
    rds.delete_option_group(OptionGroupName="empty")
    assert refusal(rds.describe_option_groups, OptionGroupName="empty")[0] == "OptionGroupNotFoundFault"
