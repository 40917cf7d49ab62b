"""A DB instance's life through the API, with its real server behind it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from . import fix_rds as fix

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def rds(aws: Any) -> Any:
    return aws.client("rds")


@pytest.fixture(scope="module")
def network(aws: Any) -> Any:
    return fix.PublicNetwork(aws, "lives")


@pytest.fixture(scope="module")
def shop(rds: Any, network: Any) -> str:
    created = rds.create_db_instance(**network.request("Shop", Tags=[{"Key": "course", "Value": "w6"}]))[
        "DBInstance"
    ]
    assert (created["DBInstanceIdentifier"], created["DBInstanceStatus"]) == ("shop", "creating")
    assert "Endpoint" not in created
    fix.available(rds, "shop")
    return "shop"


def refused(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**request)
    code: str = caught.value.response["Error"]["Code"]
    return code


def messages(rds: Any, name: str, kind: str = "db-instance") -> list[str]:
    found = rds.describe_events(SourceIdentifier=name, SourceType=kind)["Events"]
    return [each["Message"] for each in found]


@pytest.mark.parametrize(
    ("engine", "title", "description", "family"),
    [
        ("postgres", "PostgreSQL", "PostgreSQL ", "postgres"),
        ("mysql", "MySQL Community Edition", "MySQL Community Edition 8.4.", "mysql8.4"),
        ("oracle-se2", "Oracle Database Standard Edition Two", "Oracle 21.0.0.0.ru-", "oracle-se2-21"),
        (
            "sqlserver-se",
            "Microsoft SQL Server Standard Edition",
            "SQL Server 2022 16.00.",
            "sqlserver-se-16.0",
        ),
    ],
)
def test_every_engine_has_versions(rds: Any, engine: str, title: str, description: str, family: str) -> None:
    listed = rds.describe_db_engine_versions(Engine=engine, DefaultOnly=True)["DBEngineVersions"]
    assert [(each["Engine"], each["DBEngineDescription"]) for each in listed] == [(engine, title)]
    assert listed[0]["DBEngineVersionDescription"].startswith(description)
    assert listed[0]["DBEngineVersionDescription"].endswith(f" {listed[0]['EngineVersion']}")
    assert listed[0]["DBParameterGroupFamily"].startswith(family)
    assert listed[0]["EngineVersion"].startswith(listed[0]["MajorEngineVersion"])


def test_what_an_instance_tells(aws: Any, rds: Any, shop: str, network: Any) -> None:
    shown = fix.instance(rds, shop)
    assert shown["Endpoint"]["Port"] == 5432
    assert shown["DBSubnetGroup"]["VpcId"] == network.vpc
    assert (
        shown["CACertificateIdentifier"] == shown["CertificateDetails"]["CAIdentifier"] == "rds-ca-rsa2048-g1"
    )
    assert shown["OptionGroupMemberships"][0]["OptionGroupName"].startswith("default:postgres-")
    assert shown["DBParameterGroups"][0]["ParameterApplyStatus"] == "in-sync"
    assert shown["DbiResourceId"].startswith("db-")
    assert "LatestRestorableTime" not in shown
    assert shown["TagList"] == [{"Key": "course", "Value": "w6"}]
    for found in (
        rds.describe_db_instances(DBInstanceIdentifier=shown["DBInstanceArn"]),
        rds.describe_db_instances(DBInstanceIdentifier="SHOP"),
        rds.describe_db_instances(Filters=[{"Name": "dbi-resource-id", "Values": [shown["DbiResourceId"]]}]),
        rds.describe_db_instances(
            Filters=[{"Name": "engine", "Values": ["postgres"]}, {"Name": "db-instance-id", "Values": [shop]}]
        ),
    ):
        assert [each["DBInstanceIdentifier"] for each in found["DBInstances"]] == [shop]
    with fix.connect(aws, shown) as connection:
        row = connection.execute("select current_database(), current_setting('max_connections')").fetchone()
    assert row == ("shop", "112")
    assert refused(rds.create_db_instance, **network.request("shop")) == "DBInstanceAlreadyExists"
    assert "DB instance created" in messages(rds, shop)


def test_tags(rds: Any, shop: str) -> None:
    arn = fix.instance(rds, shop)["DBInstanceArn"]
    rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "tier", "Value": "gold"}])
    rds.remove_tags_from_resource(ResourceName=arn, TagKeys=["course"])
    assert rds.list_tags_for_resource(ResourceName=arn)["TagList"] == [{"Key": "tier", "Value": "gold"}]


def test_password_is_changed_in_the_server(aws: Any, rds: Any, shop: str) -> None:
    changed = rds.modify_db_instance(DBInstanceIdentifier=shop, MasterUserPassword="battery-staple")[
        "DBInstance"
    ]
    assert changed["PendingModifiedValues"] == {"MasterUserPassword": "****"}
    shown = fix.available(rds, shop)
    fix.connect(aws, shown, "battery-staple").close()
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        fix.connect(aws, shown)
    rds.modify_db_instance(DBInstanceIdentifier=shop, MasterUserPassword=fix.PASSWORD)
    fix.available(rds, shop)
    assert "Reset master credentials" in messages(rds, shop)


def test_changes_wait_for_the_window_unless_applied_immediately(aws: Any, rds: Any, shop: str) -> None:
    waiting = rds.modify_db_instance(
        DBInstanceIdentifier=shop, DBInstanceClass="db.t3.small", AllocatedStorage=21
    )
    assert waiting["DBInstance"]["PendingModifiedValues"] == {
        "DBInstanceClass": "db.t3.small",
        "AllocatedStorage": 22,
    }
    shown = fix.instance(rds, shop)
    assert (shown["DBInstanceStatus"], shown["DBInstanceClass"], shown["AllocatedStorage"]) == (
        "available",
        "db.t3.micro",
        20,
    )
    rds.modify_db_instance(DBInstanceIdentifier=shop, ApplyImmediately=True)
    shown = fix.available(rds, shop)
    assert (shown["DBInstanceClass"], shown["AllocatedStorage"]) == ("db.t3.small", 22)
    with fix.connect(aws, shown) as connection:
        row = connection.execute("show max_connections").fetchone()
    assert row == ("225",)
    assert refused(rds.modify_db_instance, DBInstanceIdentifier=shop, AllocatedStorage=21) == (
        "InvalidParameterCombination"
    )


def test_what_waits_is_applied_in_the_maintenance_window(rds: Any, shop: str) -> None:
    rds.modify_db_instance(DBInstanceIdentifier=shop, DBInstanceClass="db.t3.micro")
    begins = datetime.now(UTC) - timedelta(minutes=5)
    ends = begins + timedelta(minutes=40)
    backup = begins + timedelta(hours=4)
    rds.modify_db_instance(
        DBInstanceIdentifier=shop,
        PreferredMaintenanceWindow=f"{begins:%a:%H:%M}-{ends:%a:%H:%M}",
        PreferredBackupWindow=f"{backup:%H:%M}-{backup + timedelta(minutes=30):%H:%M}",
    )
    shown = fix.eventually(lambda: fix.instance(rds, shop), lambda it: it["DBInstanceClass"] == "db.t3.micro")
    assert shown["PendingModifiedValues"] == {}
    fix.available(rds, shop)


def test_settings_without_a_server_change_at_once(rds: Any, shop: str) -> None:
    changed = rds.modify_db_instance(
        DBInstanceIdentifier=shop,
        PreferredBackupWindow="02:00-02:30",
        PreferredMaintenanceWindow="Sun:04:00-Sun:04:30",
        CopyTagsToSnapshot=True,
        MaxAllocatedStorage=100,
    )["DBInstance"]
    assert (changed["PreferredBackupWindow"], changed["PreferredMaintenanceWindow"]) == (
        "02:00-02:30",
        "sun:04:00-sun:04:30",
    )
    assert (changed["CopyTagsToSnapshot"], changed["MaxAllocatedStorage"]) == (True, 100)
    assert changed["DBInstanceStatus"] == "available"
    code = refused(rds.modify_db_instance, DBInstanceIdentifier=shop, PreferredBackupWindow="04:15-04:45")
    assert code == "InvalidParameterValue"


def test_reboot_stop_and_start(aws: Any, rds: Any, shop: str) -> None:
    rds.reboot_db_instance(DBInstanceIdentifier=shop)
    assert refused(rds.reboot_db_instance, DBInstanceIdentifier=shop) == "InvalidDBInstanceState"
    fix.available(rds, shop)
    assert "DB instance restarted" in messages(rds, shop)
    assert refused(rds.start_db_instance, DBInstanceIdentifier=shop) == "InvalidDBInstanceState"
    assert rds.stop_db_instance(DBInstanceIdentifier=shop)["DBInstance"]["DBInstanceStatus"] == "stopping"
    shown = fix.available(rds, shop, "stopped")
    for call in (rds.stop_db_instance, rds.reboot_db_instance):
        assert refused(call, DBInstanceIdentifier=shop) == "InvalidDBInstanceState"
    assert refused(rds.create_db_snapshot, DBInstanceIdentifier=shop, DBSnapshotIdentifier="s") == (
        "InvalidDBInstanceState"
    )
    with pytest.raises(psycopg.OperationalError):
        fix.connect(aws, shown)
    rds.start_db_instance(DBInstanceIdentifier=shop)
    fix.connect(aws, fix.available(rds, shop)).close()
    assert refused(rds.reboot_db_instance, DBInstanceIdentifier=shop, ForceFailover=True) == (
        "InvalidParameterCombination"
    )


def test_the_servers_own_log(aws: Any, rds: Any, shop: str) -> None:
    with (
        fix.connect(aws, fix.instance(rds, shop)) as connection,
        pytest.raises(psycopg.errors.UndefinedTable),
    ):
        connection.execute("select * from no_such_table")
    files = rds.describe_db_log_files(DBInstanceIdentifier=shop, FilenameContains="postgresql")[
        "DescribeDBLogFiles"
    ]
    name = files[-1]["LogFileName"]
    assert name.startswith("error/postgresql.log.")
    whole = fix.eventually(
        lambda: rds.download_db_log_file_portion(DBInstanceIdentifier=shop, LogFileName=name, Marker="0"),
        lambda portion: "no_such_table" in portion["LogFileData"],
    )
    assert whole["AdditionalDataPending"] is False
    first = rds.download_db_log_file_portion(
        DBInstanceIdentifier=shop, LogFileName=name, Marker="0", NumberOfLines=1
    )
    assert first["AdditionalDataPending"] is True
    rest = rds.download_db_log_file_portion(
        DBInstanceIdentifier=shop, LogFileName=name, Marker=first["Marker"]
    )
    assert (first["LogFileData"] + rest["LogFileData"]).startswith(whole["LogFileData"])
    last = rds.download_db_log_file_portion(DBInstanceIdentifier=shop, LogFileName=name, NumberOfLines=2)
    assert len(last["LogFileData"].splitlines()) == 2
    for wrong in ("error/../../admin", "error/none.log"):
        code = refused(rds.download_db_log_file_portion, DBInstanceIdentifier=shop, LogFileName=wrong)
        assert code == "DBLogFileNotFoundFault"


def test_events_are_searched(rds: Any, shop: str) -> None:
    assert refused(rds.describe_events, SourceIdentifier=shop) == "InvalidParameterCombination"
    created = rds.describe_events(
        SourceIdentifier=shop, SourceType="db-instance", EventCategories=["creation"], Duration=60
    )["Events"]
    assert [each["Message"] for each in created] == ["DB instance created"]
    assert refused(rds.describe_events, Duration=0) == "InvalidParameterValue"


def renamed(rds: Any, old: str, new: str, port: int) -> dict[str, Any]:
    rds.modify_db_instance(
        DBInstanceIdentifier=old, NewDBInstanceIdentifier=new, DBPortNumber=port, ApplyImmediately=True
    )
    fix.eventually(
        lambda: {each["DBInstanceIdentifier"] for each in rds.describe_db_instances()["DBInstances"]},
        lambda names: new.lower() in names and old not in names,
    )
    shown: dict[str, Any] = fix.available(rds, new)
    return shown


def test_rename_and_port(aws: Any, rds: Any, shop: str) -> None:
    before = fix.instance(rds, shop)["DbiResourceId"]
    shown = renamed(rds, shop, "Store", 5433)
    assert (shown["DBInstanceIdentifier"], shown["DbiResourceId"]) == ("store", before)
    assert shown["Endpoint"]["Port"] == 5433
    fix.connect(aws, shown).close()
    fix.connect(aws, renamed(rds, "store", shop, 5432)).close()


def test_deletion_is_protected_and_final(rds: Any, shop: str) -> None:
    rds.modify_db_instance(DBInstanceIdentifier=shop, DeletionProtection=True)
    combination = "InvalidParameterCombination"
    assert refused(rds.delete_db_instance, DBInstanceIdentifier=shop, SkipFinalSnapshot=True) == combination
    rds.modify_db_instance(DBInstanceIdentifier=shop, DeletionProtection=False)
    assert refused(rds.delete_db_instance, DBInstanceIdentifier=shop) == combination
    both = {"SkipFinalSnapshot": True, "FinalDBSnapshotIdentifier": "last"}
    assert refused(rds.delete_db_instance, DBInstanceIdentifier=shop, **both) == combination
    gone = rds.delete_db_instance(DBInstanceIdentifier=shop, FinalDBSnapshotIdentifier="last")["DBInstance"]
    assert gone["DBInstanceStatus"] == "deleting"
    rds.get_waiter("db_instance_deleted").wait(
        DBInstanceIdentifier=shop, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    last = rds.describe_db_snapshots(DBSnapshotIdentifier="last")["DBSnapshots"][0]
    assert (last["Status"], last["PercentProgress"], last["SnapshotType"]) == ("available", 100, "manual")
    rds.delete_db_snapshot(DBSnapshotIdentifier="last")
    assert "DB instance deleted" in messages(rds, shop)
