"""Keys, storage and exported logs through the API, the model alone."""

from __future__ import annotations

from .fix_rds_model import REGION, ModelOnly, do_chores, refused, snapshot


def test_a_key_that_is_disabled_takes_the_database_along(model: ModelOnly) -> None:
    kms = model.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    model.create("shop", StorageEncrypted=True, KmsKeyId=key)
    snapshot(model, "shop", "taken")
    kms.disable_key(KeyId=key)
    for call, request in (
        (model.rds.reboot_db_instance, {"DBInstanceIdentifier": "shop"}),
        (model.rds.create_db_snapshot, {"DBInstanceIdentifier": "shop", "DBSnapshotIdentifier": "more"}),
        (
            model.rds.restore_db_instance_from_db_snapshot,
            {"DBInstanceIdentifier": "again", "DBSnapshotIdentifier": "taken"},
        ),
        (
            model.rds.create_db_instance_read_replica,
            {"DBInstanceIdentifier": "reader", "SourceDBInstanceIdentifier": "shop"},
        ),
    ):
        assert refused(call, **request)[0] == "KMSKeyNotAccessibleFault"
    assert do_chores(model) == ["key_lost"]
    lost = "inaccessible-encryption-credentials-recoverable"
    assert model.shown("shop")["DBInstanceStatus"] == lost
    assert do_chores(model) == []
    start = model.rds.start_db_instance
    assert refused(start, DBInstanceIdentifier="shop")[0] == "KMSKeyNotAccessibleFault"
    kms.enable_key(KeyId=key)
    start(DBInstanceIdentifier="shop")
    model.carry_out("shop")
    assert model.shown("shop")["DBInstanceStatus"] == "available"


def test_keys_that_cannot_be_named(model: ModelOnly) -> None:
    request = {
        "DBInstanceIdentifier": "shop",
        "Engine": "postgres",
        "DBInstanceClass": "db.t3.micro",
        "AllocatedStorage": 20,
        "MasterUsername": "shop",
        "MasterUserPassword": "correct-horse",
        "StorageEncrypted": True,
    }
    create = model.rds.create_db_instance
    assert refused(create, **request, KmsKeyId="alias/none")[0] == "KMSKeyNotAccessibleFault"
    key = model.client("kms").create_key()["KeyMetadata"]["KeyId"]
    model.client("kms").schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert refused(create, **request, KmsKeyId=key)[0] == "KMSKeyNotAccessibleFault"


def test_storage_that_runs_full(model: ModelOnly) -> None:
    shop = model.create("shop")
    facts = {"resource_id": shop["DbiResourceId"]}
    model.settle(REGION, "storage_low", **facts, free_percent=8)
    model.settle(REGION, "storage_full", **facts)
    model.settle(REGION, "storage_full", **facts)
    assert model.shown("shop")["DBInstanceStatus"] == "storage-full"
    listed = model.rds.describe_events(SourceType="db-instance", EventCategories=["low storage"])["Events"]
    assert len(listed) == 2
    assert "is low at 8%" in listed[0]["Message"]
    model.settle(REGION, "outgrown", **facts)
    assert model.item("shop") is None, "nobody asked for autoscaling"
    model.rds.modify_db_instance(DBInstanceIdentifier="shop", AllocatedStorage=30, ApplyImmediately=True)
    model.carry_out("shop")
    grown = model.shown("shop")
    assert (grown["DBInstanceStatus"], grown["AllocatedStorage"]) == ("available", 30)


def test_storage_autoscaling(model: ModelOnly) -> None:
    shop = model.create("shop", MaxAllocatedStorage=35)
    assert shop["MaxAllocatedStorage"] == 35
    facts = {"resource_id": shop["DbiResourceId"]}
    for size in (30, 35, 35):
        model.settle(REGION, "outgrown", **facts)
        model.settle(REGION, "outgrown", **facts)
        model.carry_out("shop")
        assert model.shown("shop")["AllocatedStorage"] == size
    told = model.told("shop")
    assert told.count("Applying autoscaling-initiated modification to allocated storage") == 1
    assert sum("exceed the maximum storage threshold" in each for each in told) == 1


def test_storage_types_and_iops(model: ModelOnly) -> None:
    model.create("shop", AllocatedStorage=100, StorageType="gp2")
    modify = model.rds.modify_db_instance
    now = {"DBInstanceIdentifier": "shop", "ApplyImmediately": True}
    assert refused(modify, **now, StorageType="io1")[0] == "InvalidParameterCombination"
    assert refused(modify, **now, Iops=3000)[0] == "InvalidParameterCombination"
    assert refused(modify, **now, AllocatedStorage=99)[0] == "InvalidParameterCombination"
    modify(**now, StorageType="io1", Iops=2000)
    assert model.shown("shop")["PendingModifiedValues"] == {"StorageType": "io1", "Iops": 2000}
    model.carry_out("shop")
    fast = model.shown("shop")
    assert (fast["StorageType"], fast["Iops"]) == ("io1", 2000)
    modify(**now, Iops=3000, AllocatedStorage=105)
    model.carry_out("shop")
    larger = model.shown("shop")
    assert (larger["Iops"], larger["AllocatedStorage"]) == (3000, 110), "at least a tenth more"
    modify(**now, StorageType="gp3")
    model.carry_out("shop")
    plain = model.shown("shop")
    assert (plain["StorageType"], plain.get("Iops")) == ("gp3", None)


def test_log_exports_of_the_engine(model: ModelOnly) -> None:
    shop = model.create("shop", EnableCloudwatchLogsExports=["postgresql"])
    assert shop["EnabledCloudwatchLogsExports"] == ["postgresql"]
    modify = model.rds.modify_db_instance
    code, message = refused(
        modify,
        DBInstanceIdentifier="shop",
        CloudwatchLogsExportConfiguration={"EnableLogTypes": ["slowquery"]},
    )
    assert code == "InvalidParameterCombination"
    assert message == (
        f"You cannot use the log types 'slowquery' with engine version postgres {shop['EngineVersion']}. "
        "For supported log types, see the documentation."
    )
    modify(
        DBInstanceIdentifier="shop",
        CloudwatchLogsExportConfiguration={"EnableLogTypes": ["upgrade"], "DisableLogTypes": ["postgresql"]},
    )
    assert model.shown("shop")["EnabledCloudwatchLogsExports"] == ["upgrade"]
