"""Backups and recovery through the API, the model alone: windows, retention and points in time."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from .fix_rds_model import REGION, START, ModelOnly, automated, do_chores, refused


@pytest.fixture
def shop(model: ModelOnly) -> dict[str, Any]:
    """An instance whose first automated backup is ten minutes old."""
    model.create("shop")
    model.pass_time(minutes=10)
    return model.shown("shop")


def backups(model: ModelOnly, region: str = REGION, **request: Any) -> list[dict[str, Any]]:
    answer = model.client("rds", region).describe_db_instance_automated_backups(**request)
    return list(answer["DBInstanceAutomatedBackups"])


# -- automated backups


def test_the_restore_window_moves(model: ModelOnly, shop: dict[str, Any]) -> None:
    (told,) = backups(model)
    assert (told["Status"], told["DBInstanceIdentifier"]) == ("active", "shop")
    assert told["RestoreWindow"]["EarliestTime"] == START
    first = told["RestoreWindow"]["LatestTime"]
    assert datetime.timedelta(0) < model.now() - first < datetime.timedelta(minutes=5)
    assert shop["LatestRestorableTime"] == first
    model.pass_time(seconds=30)
    assert model.shown("shop")["LatestRestorableTime"] == first + datetime.timedelta(seconds=30)
    model.rds.stop_db_instance(DBInstanceIdentifier="shop")
    model.carry_out("shop")
    stopped = model.shown("shop")["LatestRestorableTime"]
    model.pass_time(hours=1)
    assert model.shown("shop")["LatestRestorableTime"] == stopped


def test_an_automated_backup_waits_for_its_first_snapshot(model: ModelOnly) -> None:
    model.rds.create_db_instance(
        DBInstanceIdentifier="shop",
        Engine="postgres",
        DBInstanceClass="db.t3.micro",
        AllocatedStorage=20,
        MasterUsername="shop",
        MasterUserPassword="correct-horse",
    )
    (told,) = backups(model)
    assert (told["Status"], told.get("RestoreWindow", {})) == ("creating", {})
    assert "LatestRestorableTime" not in model.shown("shop")
    code, message = refused(
        model.rds.restore_db_instance_to_point_in_time,
        SourceDBInstanceIdentifier="shop",
        TargetDBInstanceIdentifier="again",
        UseLatestRestorableTime=True,
    )
    assert (code, "LatestRestorableTime" in message) == ("InvalidDBInstanceState", True)


def test_a_snapshot_a_day_in_the_window(model: ModelOnly) -> None:
    model.create("shop", PreferredBackupWindow="13:00-13:30", BackupRetentionPeriod=2)
    first = automated(model)
    assert do_chores(model) == []
    model.pass_time(hours=1, minutes=5)
    assert do_chores(model) == ["backup_due"]
    assert do_chores(model) == [], "once a day"
    assert automated(model) == [*first, "rds:shop-2026-03-04-13-05"]
    assert model.told("rds:shop-2026-03-04-13-05", "db-snapshot") == [
        "Creating automated snapshot",
        "Automated snapshot created",
    ]
    model.pass_time(hours=23, minutes=50)
    assert do_chores(model) == [], "the window is not open yet"
    model.pass_time(minutes=10)
    assert do_chores(model) == ["backup_due"]
    assert len(automated(model)) == 3


def test_a_window_over_midnight(model: ModelOnly) -> None:
    model.create(
        "shop", PreferredBackupWindow="23:45-00:30", PreferredMaintenanceWindow="sun:06:00-sun:07:00"
    )
    model.pass_time(hours=12, minutes=10)
    assert do_chores(model) == ["backup_due"]
    assert do_chores(model) == []


def test_old_snapshots_go_and_the_last_one_stays(model: ModelOnly) -> None:
    shop = model.create("shop", PreferredBackupWindow="13:00-13:30", BackupRetentionPeriod=1)
    old = automated(model)[0]
    model.pass_time(days=3)
    assert do_chores(model) == [], "it is the last one"
    model.pass_time(hours=1)
    assert do_chores(model) == ["backup_due"]
    assert do_chores(model) == ["backups_expired"]
    assert old not in automated(model)
    assert backups(model)[0]["RestoreWindow"]["EarliestTime"] == model.now()
    assert len(model.backend().discards()) == 1
    assert model.backend().archive_discards() == []
    model.settle(REGION, "backups_expired", resource_id=shop["DbiResourceId"])
    assert len(automated(model)) == 1


def test_a_stopped_instance_is_not_backed_up(model: ModelOnly) -> None:
    model.create("shop", PreferredBackupWindow="13:00-13:30")
    model.rds.stop_db_instance(DBInstanceIdentifier="shop")
    model.carry_out("shop")
    model.pass_time(hours=1, minutes=5)
    assert do_chores(model) == []


def test_switched_off_and_on(model: ModelOnly, shop: dict[str, Any]) -> None:
    modify = model.rds.modify_db_instance
    modify(DBInstanceIdentifier="shop", BackupRetentionPeriod=0, ApplyImmediately=True)
    model.carry_out("shop")
    off = model.shown("shop")
    assert (off["BackupRetentionPeriod"], "LatestRestorableTime" in off) == (0, False)
    assert "Disabled automated backups" in model.told("shop")
    assert (automated(model), backups(model)) == ([], [])
    assert model.backend().archive_discards() == [shop["DbiResourceId"]]
    code, message = refused(
        model.rds.restore_db_instance_to_point_in_time,
        SourceDBInstanceIdentifier="shop",
        TargetDBInstanceIdentifier="again",
        UseLatestRestorableTime=True,
    )
    assert (code, "BackupRetentionPeriod is 0" in message) == ("PointInTimeRestoreNotEnabled", True)
    modify(DBInstanceIdentifier="shop", BackupRetentionPeriod=3, ApplyImmediately=True)
    assert model.backend().databases["shop"].archiving, "archived from the first backup on"
    assert model.backend().archive_discards() == []
    assert model.carry_out("shop") == ["modify", "snapshot"]
    assert "Automated backups enabled" in model.told("shop")
    assert backups(model)[0]["RestoreWindow"]["EarliestTime"] == model.now()


def test_backups_switched_on_twice_stay(model: ModelOnly) -> None:
    model.create("shop", BackupRetentionPeriod=0)
    model.rds.modify_db_instance(DBInstanceIdentifier="shop", MultiAZ=True, ApplyImmediately=True)
    model.carry_out("shop")
    model.rds.modify_db_instance(DBInstanceIdentifier="shop", BackupRetentionPeriod=3, ApplyImmediately=True)
    model.carry_out("shop")
    assert len(automated(model)) == 1


# -- retained backups


def delete_and_retain(model: ModelOnly, name: str = "shop") -> None:
    model.rds.delete_db_instance(
        DBInstanceIdentifier=name, SkipFinalSnapshot=True, DeleteAutomatedBackups=False
    )
    model.carry_out(name)


def test_backups_outlive_the_instance(model: ModelOnly, shop: dict[str, Any]) -> None:
    delete_and_retain(model)
    ended = model.now()
    model.pass_time(hours=2)
    (told,) = backups(model)
    assert (told["Status"], told["DbiResourceId"]) == ("retained", shop["DbiResourceId"])
    assert told["RestoreWindow"]["LatestTime"] == ended
    assert len(automated(model)) == 1
    assert model.backend().archive_discards() == []
    restore = model.rds.restore_db_instance_to_point_in_time
    code, _ = refused(
        restore,
        SourceDBInstanceIdentifier="shop",
        TargetDBInstanceIdentifier="again",
        UseLatestRestorableTime=True,
    )
    assert code == "DBInstanceNotFound"
    restore(
        SourceDbiResourceId=shop["DbiResourceId"],
        TargetDBInstanceIdentifier="shop",
        UseLatestRestorableTime=True,
    )
    model.carry_out("shop")
    again = model.shown("shop")
    assert (again["MasterUsername"], again["BackupRetentionPeriod"]) == ("shop", 7)
    assert [each["Status"] for each in backups(model)] == ["active", "retained"]


def test_backups_that_nobody_keeps_go_with_the_instance(model: ModelOnly, shop: dict[str, Any]) -> None:
    model.rds.delete_db_instance(DBInstanceIdentifier="shop", SkipFinalSnapshot=True)
    assert automated(model) == []
    assert model.backend().archive_discards() == [], "its server still archives"
    model.carry_out("shop")
    assert backups(model) == []
    assert model.backend().archive_discards() == [shop["DbiResourceId"]]
    model.settle(REGION, "archive_discarded", resource_id=shop["DbiResourceId"])
    assert model.backend().archive_discards() == []


def test_retained_backups_expire(model: ModelOnly, shop: dict[str, Any]) -> None:
    delete_and_retain(model)
    model.pass_time(days=6)
    assert do_chores(model) == []
    model.pass_time(days=1)
    assert do_chores(model) == ["backups_expired"]
    assert (backups(model), automated(model)) == ([], [])
    assert model.backend().archive_discards() == [shop["DbiResourceId"]]


def test_deleting_a_retained_backup(model: ModelOnly, shop: dict[str, Any]) -> None:
    delete = model.rds.delete_db_instance_automated_backup
    assert refused(delete, DbiResourceId="db-NOBODY")[0] == "DBInstanceAutomatedBackupNotFound"
    code, _ = refused(delete, DbiResourceId=shop["DbiResourceId"])
    assert code == "InvalidDBInstanceAutomatedBackupState"
    delete_and_retain(model)
    (told,) = backups(model)
    assert refused(delete)[0] == "InvalidParameterCombination"
    gone = delete(DBInstanceAutomatedBackupsArn=told["DBInstanceAutomatedBackupsArn"])
    assert gone["DBInstanceAutomatedBackup"]["DbiResourceId"] == shop["DbiResourceId"]
    assert (backups(model), automated(model)) == ([], [])
    assert model.backend().archive_discards() == [shop["DbiResourceId"]]


def test_automated_backups_by_name_and_filter(model: ModelOnly, shop: dict[str, Any]) -> None:
    model.create("other")
    delete_and_retain(model, "other")
    (other,) = backups(model, Filters=[{"Name": "status", "Values": ["retained"]}])
    assert other["DBInstanceIdentifier"] == "other"
    for request in (
        {"DBInstanceIdentifier": "Shop"},
        {"DbiResourceId": shop["DbiResourceId"]},
        {"Filters": [{"Name": "status", "Values": ["active"]}]},
        {"Filters": [{"Name": "db-instance-id", "Values": [shop["DBInstanceArn"]]}]},
        {"Filters": [{"Name": "dbi-resource-id", "Values": [shop["DbiResourceId"]]}]},
    ):
        assert [each["DBInstanceIdentifier"] for each in backups(model, **request)] == ["shop"]
    arn = other["DBInstanceAutomatedBackupsArn"]
    assert backups(model, DBInstanceAutomatedBackupsArn=arn) == [other]
    describe = model.rds.describe_db_instance_automated_backups
    assert refused(describe, DBInstanceIdentifier="nobody")[0] == "DBInstanceNotFound"
    assert refused(describe, DbiResourceId="db-NOBODY")[0] == "DBInstanceAutomatedBackupNotFound"
    assert refused(describe, Filters=[{"Name": "colour", "Values": ["red"]}])[0] == "InvalidParameterValue"


# -- points in time


def to_the_point(model: ModelOnly, **request: Any) -> dict[str, Any]:
    named = {"SourceDBInstanceIdentifier", "SourceDbiResourceId", "SourceDBInstanceAutomatedBackupsArn"}
    if named.isdisjoint(request):
        request["SourceDBInstanceIdentifier"] = "shop"
    made = model.rds.restore_db_instance_to_point_in_time(**{"TargetDBInstanceIdentifier": "again"} | request)
    return dict(made["DBInstance"])


def test_to_a_second(model: ModelOnly, shop: dict[str, Any]) -> None:
    moment = START + datetime.timedelta(minutes=3, seconds=7)
    made = to_the_point(model, RestoreTime=moment)
    assert (made["DBInstanceIdentifier"], made["DBInstanceStatus"]) == ("again", "creating")
    assert made["DbiResourceId"] != shop["DbiResourceId"]
    item = model.item("again")
    assert item is not None
    assert (item["do"], item["archive"], item["time"], item["set_password"]) == (
        "recover",
        shop["DbiResourceId"],
        "2026-03-04T12:03:07+00:00",
        False,
    )
    snapshot = model.backend().database_snapshots[automated(model)[0]]
    assert item["base"] == snapshot.data_id
    assert model.carry_out("again") == ["recover", "snapshot"], "its own first backup follows"
    assert "Restored from DB instance shop to again" in model.told("again")
    assert "LatestRestorableTime" in model.shown("again")


def test_the_base_is_the_last_one_before(model: ModelOnly) -> None:
    model.create("shop", PreferredBackupWindow="13:00-13:30")
    model.pass_time(hours=1, minutes=5)
    do_chores(model)
    model.pass_time(minutes=30)
    early, late = (model.backend().database_snapshots[name].data_id for name in automated(model))
    for name, moment, base in (
        ("one", START + datetime.timedelta(minutes=59), early),
        ("two", START + datetime.timedelta(minutes=80), late),
    ):
        to_the_point(model, TargetDBInstanceIdentifier=name, RestoreTime=moment)
        assert (model.item(name) or {})["base"] == base
    to_the_point(model, TargetDBInstanceIdentifier="latest", UseLatestRestorableTime=True)
    item = model.item("latest") or {}
    assert (item["base"], item["time"]) == (late, None)


def test_times_outside_the_window(model: ModelOnly, shop: dict[str, Any]) -> None:
    restore = model.rds.restore_db_instance_to_point_in_time
    names = {"SourceDBInstanceIdentifier": "shop", "TargetDBInstanceIdentifier": "again"}
    code, message = refused(restore, **names, RestoreTime=START - datetime.timedelta(seconds=1))
    assert code == "InvalidParameterValue"
    assert message == (
        "The specified instance cannot be restored to a time earlier than 2026-03-04T12:00:00.000Z because "
        "its backup retention period is set to 7 days."
    )
    code, message = refused(restore, **names, RestoreTime=model.now())
    assert code == "InvalidParameterValue"
    assert message.startswith(
        "The specified instance cannot be restored to a time later than 2026-03-04T12:09"
    )
    to_the_point(model, RestoreTime=shop["LatestRestorableTime"])


def test_how_a_point_in_time_is_named(model: ModelOnly, shop: dict[str, Any]) -> None:
    restore = model.rds.restore_db_instance_to_point_in_time
    target = {"TargetDBInstanceIdentifier": "again"}
    latest = {"UseLatestRestorableTime": True}
    source = {"SourceDBInstanceIdentifier": "shop"}
    for request in (
        source | target,
        source | target | latest | {"RestoreTime": START},
        target | latest,
        source | target | latest | {"SourceDbiResourceId": shop["DbiResourceId"]},
    ):
        assert refused(restore, **request)[0] == "InvalidParameterCombination"
    assert refused(restore, **latest, **source, TargetDBInstanceIdentifier="shop")[0] == (
        "DBInstanceAlreadyExists"
    )
    assert refused(restore, **latest, **target, SourceDbiResourceId="db-NOBODY")[0] == (
        "DBInstanceAutomatedBackupNotFound"
    )
    (told,) = backups(model)
    to_the_point(
        model, SourceDBInstanceAutomatedBackupsArn=told["DBInstanceAutomatedBackupsArn"], RestoreTime=START
    )
    assert (model.item("again") or {})["archive"] == shop["DbiResourceId"]


def test_what_a_recovered_instance_has(model: ModelOnly) -> None:
    key = model.client("kms").create_key()["KeyMetadata"]["Arn"]
    model.create(
        "shop", MultiAZ=True, StorageEncrypted=True, KmsKeyId=key, DBName="orders", AllocatedStorage=50
    )
    model.pass_time(minutes=1)
    to_the_point(model, UseLatestRestorableTime=True)
    model.carry_out("again")
    again = model.shown("again")
    assert (again["DBName"], again["AllocatedStorage"], again["KmsKeyId"]) == ("orders", 50, key)
    assert (again["MultiAZ"], again["BackupRetentionPeriod"]) == (False, 7)
    to_the_point(
        model,
        TargetDBInstanceIdentifier="wished",
        UseLatestRestorableTime=True,
        DBInstanceClass="db.t3.large",
        AllocatedStorage=100,
        Port=6001,
        MultiAZ=True,
        BackupRetentionPeriod=0,
        StorageType="gp3",
        DeletionProtection=True,
        EnableIAMDatabaseAuthentication=True,
        Tags=[{"Key": "for", "Value": "drill"}],
    )
    assert model.carry_out("wished") == ["recover"]
    wished = model.shown("wished")
    assert (wished["DBInstanceClass"], wished["AllocatedStorage"]) == ("db.t3.large", 100)
    assert (wished["Endpoint"]["Port"], wished["MultiAZ"], wished["StorageType"]) == (6001, True, "gp3")
    assert (wished["DeletionProtection"], wished["IAMDatabaseAuthenticationEnabled"]) == (True, True)
    assert (wished["BackupRetentionPeriod"], wished["TagList"]) == (0, [{"Key": "for", "Value": "drill"}])
    code, _ = refused(
        model.rds.restore_db_instance_to_point_in_time,
        SourceDBInstanceIdentifier="shop",
        TargetDBInstanceIdentifier="small",
        UseLatestRestorableTime=True,
        AllocatedStorage=20,
    )
    assert code == "InvalidParameterValue"


def test_a_source_is_kept_while_something_is_made_of_it(model: ModelOnly, shop: dict[str, Any]) -> None:
    to_the_point(model, UseLatestRestorableTime=True)
    model.rds.delete_db_instance(DBInstanceIdentifier="shop", SkipFinalSnapshot=True)
    model.carry_out("shop")
    assert (model.backend().discards(), model.backend().archive_discards()) == ([], [])
    model.carry_out("again")
    assert len(model.backend().discards()) == 1
    assert model.backend().archive_discards() == [shop["DbiResourceId"]]
