"""Read replicas through the API, the model alone: made, promoted, refused and let go by AWS's rules."""

from __future__ import annotations

from typing import Any

import pytest

from .fix_rds_model import ModelOnly, refused

WEST = "us-west-2"


@pytest.fixture
def main(model: ModelOnly) -> dict[str, Any]:
    return model.create("main")


def replica_request(source: str, name: str = "reader", **changed: Any) -> dict[str, Any]:
    return {"DBInstanceIdentifier": name, "SourceDBInstanceIdentifier": source, **changed}


def test_a_replica_and_its_source_name_each_other(model: ModelOnly, main: dict[str, Any]) -> None:
    made = model.rds.create_db_instance_read_replica(**replica_request("main", "Reader"))["DBInstance"]
    assert (made["DBInstanceIdentifier"], made["DBInstanceStatus"]) == ("reader", "creating")
    assert model.item("reader") == {
        "do": "replicate",
        "source": {
            "account": main["DBInstanceArn"].split(":")[4],
            "region": "us-east-1",
            "id": main["DbiResourceId"],
        },
    }
    assert "StatusInfos" not in made
    model.carry_out("reader")
    reader = model.shown("reader")
    assert reader["ReadReplicaSourceDBInstanceIdentifier"] == "main"
    assert reader["StatusInfos"] == [
        {"StatusType": "read replication", "Normal": True, "Status": "replicating"}
    ]
    assert model.shown("main")["ReadReplicaDBInstanceIdentifiers"] == ["reader"]
    assert model.told("reader") == ["DB instance created", "Replication for the Read Replica resumed"]


def test_a_replica_is_found_by_its_own_resource_id(model: ModelOnly, main: dict[str, Any]) -> None:
    reader = model.replicate("main", "reader")
    assert reader["DbiResourceId"] != main["DbiResourceId"]
    for identifier, name in ((reader["DbiResourceId"], "reader"), (main["DbiResourceId"], "main")):
        found = model.rds.describe_db_instances(
            Filters=[{"Name": "dbi-resource-id", "Values": [identifier]}]
        )["DBInstances"]
        assert [each["DBInstanceIdentifier"] for each in found] == [name]


def test_what_a_replica_inherits(model: ModelOnly) -> None:
    model.rds.create_db_parameter_group(
        DBParameterGroupName="tuned", DBParameterGroupFamily=family(model), Description="tuned"
    )
    main = model.create(
        "main",
        DBParameterGroupName="tuned",
        Port=5544,
        DBName="shop",
        AllocatedStorage=40,
        DeletionProtection=True,
        CopyTagsToSnapshot=True,
        EnableCloudwatchLogsExports=["postgresql"],
        MultiAZ=True,
        Tags=[{"Key": "team", "Value": "orders"}],
    )
    reader = model.replicate("main", "reader")
    for name in ("MasterUsername", "DBName", "EngineVersion", "AllocatedStorage", "DBInstanceClass"):
        assert reader[name] == main[name]
    assert reader["Endpoint"]["Port"] == 5544
    assert reader["DBParameterGroups"][0]["DBParameterGroupName"] == "tuned"
    assert reader["DBSubnetGroup"]["DBSubnetGroupName"] == main["DBSubnetGroup"]["DBSubnetGroupName"]
    assert reader["VpcSecurityGroups"] == main["VpcSecurityGroups"]
    assert (reader["BackupRetentionPeriod"], reader["MultiAZ"], reader["DeletionProtection"]) == (
        0,
        False,
        False,
    )
    assert (reader["CopyTagsToSnapshot"], reader["TagList"]) == (False, [])
    assert reader["EnabledCloudwatchLogsExports"] == []
    assert "LatestRestorableTime" not in reader


def family(model: ModelOnly) -> str:
    listed = model.rds.describe_db_engine_versions(Engine="postgres", DefaultOnly=True)["DBEngineVersions"]
    return str(listed[0]["DBParameterGroupFamily"])


def test_what_a_replica_can_have_of_its_own(model: ModelOnly, main: dict[str, Any]) -> None:
    model.rds.create_db_parameter_group(
        DBParameterGroupName="reads", DBParameterGroupFamily=family(model), Description="reads"
    )
    reader = model.replicate(
        "main",
        "reader",
        DBInstanceClass="db.t3.large",
        AllocatedStorage=100,
        StorageType="io1",
        Iops=1000,
        Port=6000,
        AvailabilityZone="us-east-1c",
        DBParameterGroupName="reads",
        PubliclyAccessible=False,
        Tags=[{"Key": "role", "Value": "reads"}],
    )
    assert (reader["DBInstanceClass"], reader["AllocatedStorage"]) == ("db.t3.large", 100)
    assert (reader["StorageType"], reader["Iops"]) == ("io1", 1000)
    assert (reader["Endpoint"]["Port"], reader["AvailabilityZone"]) == (6000, "us-east-1c")
    assert reader["DBParameterGroups"][0]["DBParameterGroupName"] == "reads"
    assert reader["TagList"] == [{"Key": "role", "Value": "reads"}]
    standing_by = model.replicate("main", "double", MultiAZ=True)
    assert standing_by["MultiAZ"]
    assert standing_by["SecondaryAvailabilityZone"] != standing_by["AvailabilityZone"]


def test_a_source_needs_automated_backups(model: ModelOnly) -> None:
    model.create("plain", BackupRetentionPeriod=0)
    create = model.rds.create_db_instance_read_replica
    assert refused(create, **replica_request("plain")) == (
        "InvalidDBInstanceState",
        "Automated backups are not enabled for this database instance. To enable automated backups, use "
        "ModifyDBInstance to set the backup retention period to a non-zero value.",
    )
    model.rds.modify_db_instance(DBInstanceIdentifier="plain", BackupRetentionPeriod=1, ApplyImmediately=True)
    model.carry_out("plain")
    assert model.replicate("plain", "reader")["DBInstanceStatus"] == "available"


def test_what_is_refused(model: ModelOnly, main: dict[str, Any]) -> None:
    create = model.rds.create_db_instance_read_replica
    assert refused(create, **replica_request("nobody"))[0] == "DBInstanceNotFound"
    assert refused(create, **replica_request("main", "main"))[0] == "DBInstanceAlreadyExists"
    assert refused(create, **replica_request("main", "two--hyphens"))[0] == "InvalidParameterValue"
    assert refused(create, **replica_request("main", AllocatedStorage=19))[0] == "InvalidParameterValue"
    assert refused(create, **replica_request("main", DBInstanceClass="db.t3.no"))[0] != ""
    assert refused(create, **replica_request("main", AvailabilityZone="us-east-1z"))[0] == (
        "InvalidVPCNetworkStateFault"
    )
    assert refused(create, **replica_request("main", KmsKeyId="alias/aws/rds"))[0] == (
        "InvalidParameterCombination"
    )
    other = "arn:aws:rds:us-east-1:999999999999:db:main"
    assert refused(create, **replica_request(other))[0] == "DBInstanceNotFound"
    nowhere = "arn:aws:rds:mars-1:123456789012:db:main"
    assert refused(create, **replica_request(nowhere))[0] == "DBInstanceNotFound"
    assert refused(create, **replica_request("arn:aws:rds:us-east-1:1:snapshot:x"))[0] == (
        "InvalidParameterValue"
    )
    model.rds.stop_db_instance(DBInstanceIdentifier="main")
    assert refused(create, **replica_request("main"))[0] == "InvalidDBInstanceState"


def test_a_source_whose_password_is_managed_has_no_replicas(model: ModelOnly) -> None:
    model.rds.create_db_instance(
        DBInstanceIdentifier="managed",
        Engine="postgres",
        DBInstanceClass="db.t3.micro",
        AllocatedStorage=20,
        MasterUsername="shop",
        ManageMasterUserPassword=True,
    )
    model.carry_out("managed")
    code, message = refused(model.rds.create_db_instance_read_replica, **replica_request("managed"))
    assert code == "InvalidParameterCombination"
    assert "Secrets Manager" in message


def test_fifteen_replicas_are_the_most(model: ModelOnly, main: dict[str, Any]) -> None:
    for number in range(15):
        model.replicate("main", f"reader-{number}")
    create = model.rds.create_db_instance_read_replica
    assert refused(create, **replica_request("main"))[0] == "InstanceQuotaExceeded"
    assert len(model.shown("main")["ReadReplicaDBInstanceIdentifiers"]) == 15
    model.rds.delete_db_instance(DBInstanceIdentifier="reader-7", SkipFinalSnapshot=True)
    model.carry_out("reader-7")
    assert model.replicate("main", "reader")["DBInstanceStatus"] == "available"


def test_a_chain_has_three_replicas(model: ModelOnly, main: dict[str, Any]) -> None:
    create = model.rds.create_db_instance_read_replica
    source = "main"
    for name in ("first", "second", "third"):
        model.replicate(source, name)
        code, _ = refused(create, **replica_request(name, "next"))
        assert code == "InvalidDBInstanceState", "a replica is a source only with backups of its own"
        model.rds.modify_db_instance(
            DBInstanceIdentifier=name, BackupRetentionPeriod=1, ApplyImmediately=True
        )
        model.carry_out(name)
        source = name
    code, message = refused(create, **replica_request("third", "fourth"))
    assert code == "InvalidDBInstanceState"
    assert "further up" in message
    assert model.shown("second")["ReadReplicaSourceDBInstanceIdentifier"] == "first"
    assert model.shown("second")["ReadReplicaDBInstanceIdentifiers"] == ["third"]


def test_a_replica_in_another_region(model: ModelOnly, main: dict[str, Any]) -> None:
    west = model.client("rds", WEST)
    assert refused(west.create_db_instance_read_replica, **replica_request("main"))[0] == "DBInstanceNotFound"
    # the SDK turns SourceRegion into a PreSignedUrl
    reader = model.replicate(main["DBInstanceArn"], "reader", WEST, SourceRegion="us-east-1")
    assert reader["DBInstanceArn"].split(":")[3] == WEST
    assert reader["ReadReplicaSourceDBInstanceIdentifier"] == main["DBInstanceArn"]
    assert reader["DBSubnetGroup"]["VpcId"] != main["DBSubnetGroup"]["VpcId"]
    assert model.shown("main")["ReadReplicaDBInstanceIdentifiers"] == [reader["DBInstanceArn"]]
    item = model.backend(WEST).databases["reader"].source
    assert (item["region"], item["id"]) == ("us-east-1", main["DbiResourceId"])


def test_an_encrypted_source_and_keys(model: ModelOnly) -> None:
    main = model.create("main", StorageEncrypted=True)
    assert model.replicate("main", "near")["KmsKeyId"] == main["KmsKeyId"]
    west = model.client("rds", WEST)
    request = replica_request(main["DBInstanceArn"], "far")
    code, message = refused(west.create_db_instance_read_replica, **request)
    assert code == "InvalidParameterCombination"
    assert message.startswith("Cannot create a cross region unencrypted read replica from encrypted source.")
    code, _ = refused(west.create_db_instance_read_replica, **request, KmsKeyId=main["KmsKeyId"])
    assert code == "KMSKeyNotAccessibleFault"
    key = model.client("kms", WEST).create_key()["KeyMetadata"]
    far = model.replicate(main["DBInstanceArn"], "far", WEST, KmsKeyId=key["KeyId"])
    assert (far["StorageEncrypted"], far["KmsKeyId"]) == (True, key["Arn"])


def test_promotion(model: ModelOnly, main: dict[str, Any]) -> None:
    model.replicate("main", "reader")
    promote = model.rds.promote_read_replica
    assert refused(promote, DBInstanceIdentifier="main")[0] == "InvalidDBInstanceState"
    assert refused(promote, DBInstanceIdentifier="nobody")[0] == "DBInstanceNotFound"
    assert refused(promote, DBInstanceIdentifier="reader", BackupRetentionPeriod=36)[0] == (
        "InvalidParameterValue"
    )
    promoting = promote(
        DBInstanceIdentifier="reader", BackupRetentionPeriod=3, PreferredBackupWindow="01:00-02:00"
    )["DBInstance"]
    assert promoting["DBInstanceStatus"] == "modifying"
    assert promoting["ReadReplicaSourceDBInstanceIdentifier"] == "main"
    assert model.carry_out("reader") == ["promote", "snapshot"]
    reader = model.shown("reader")
    assert "ReadReplicaSourceDBInstanceIdentifier" not in reader
    assert (reader["BackupRetentionPeriod"], reader["PreferredBackupWindow"]) == (3, "01:00-02:00")
    assert "StatusInfos" not in reader
    assert "LatestRestorableTime" in reader
    assert model.shown("main")["ReadReplicaDBInstanceIdentifiers"] == []
    assert model.replicate("reader", "second")["ReadReplicaSourceDBInstanceIdentifier"] == "reader"


def test_promotion_without_words_keeps_backups_for_a_day(model: ModelOnly, main: dict[str, Any]) -> None:
    model.replicate("main", "reader")
    model.rds.promote_read_replica(DBInstanceIdentifier="reader")
    model.carry_out("reader")
    assert model.shown("reader")["BackupRetentionPeriod"] == 1
    model.replicate("main", "other")
    model.rds.promote_read_replica(DBInstanceIdentifier="other", BackupRetentionPeriod=0)
    assert model.carry_out("other") == ["promote"]
    assert model.shown("other")["BackupRetentionPeriod"] == 0


def test_promoting_in_a_chain_keeps_what_follows(model: ModelOnly, main: dict[str, Any]) -> None:
    model.replicate("main", "first")
    model.rds.modify_db_instance(DBInstanceIdentifier="first", BackupRetentionPeriod=2, ApplyImmediately=True)
    model.carry_out("first")
    model.replicate("first", "second")
    code, _ = refused(model.rds.promote_read_replica, DBInstanceIdentifier="first", BackupRetentionPeriod=0)
    assert code == "InvalidParameterCombination"
    model.rds.promote_read_replica(DBInstanceIdentifier="first")
    assert model.carry_out("first") == ["promote"], "it has automated backups already"
    assert model.shown("first")["BackupRetentionPeriod"] == 2
    assert model.shown("second")["ReadReplicaSourceDBInstanceIdentifier"] == "first"


def test_backups_of_a_source_cannot_be_switched_off(model: ModelOnly, main: dict[str, Any]) -> None:
    model.replicate("main", "reader")
    modify = model.rds.modify_db_instance
    code, _ = refused(modify, DBInstanceIdentifier="main", BackupRetentionPeriod=0, ApplyImmediately=True)
    assert code == "InvalidParameterCombination"
    assert (
        modify(DBInstanceIdentifier="main", BackupRetentionPeriod=2)["DBInstance"]["BackupRetentionPeriod"]
        == 2
    )


def test_a_replica_has_the_password_of_its_source(model: ModelOnly, main: dict[str, Any]) -> None:
    model.replicate("main", "reader")
    modify = model.rds.modify_db_instance
    code, message = refused(modify, DBInstanceIdentifier="reader", MasterUserPassword="another-one")
    assert (code, message) == (
        "InvalidParameterCombination",
        "Cannot change master user password on an RDS postgres Read Replica because it uses physical "
        "replication and therefore cannot differ from its parent.",
    )
    modify(DBInstanceIdentifier="main", MasterUserPassword="another-one", ApplyImmediately=True)
    model.carry_out("main")
    model.rds.promote_read_replica(DBInstanceIdentifier="reader")
    model.carry_out("reader")
    assert model.backend().databases["reader"].master_user_password == "another-one"


def test_stop_start_and_reboot(model: ModelOnly, main: dict[str, Any]) -> None:
    model.replicate("main", "reader")
    assert refused(model.rds.stop_db_instance, DBInstanceIdentifier="reader") == (
        "InvalidDBInstanceState",
        "Cannot stop or start a Read-Replica instance",
    )
    assert refused(model.rds.stop_db_instance, DBInstanceIdentifier="main")[0] == "InvalidDBInstanceState"
    model.rds.reboot_db_instance(DBInstanceIdentifier="reader")
    assert model.carry_out("reader") == ["reboot"]
    model.rds.delete_db_instance(DBInstanceIdentifier="reader")
    model.carry_out("reader")
    model.rds.stop_db_instance(DBInstanceIdentifier="main")
    assert model.carry_out("main") == ["stop"]


def test_a_snapshot_of_a_replica_restores_a_standalone_instance(
    model: ModelOnly, main: dict[str, Any]
) -> None:
    model.replicate("main", "reader")
    model.rds.create_db_snapshot(DBInstanceIdentifier="reader", DBSnapshotIdentifier="taken")
    model.carry_out("reader")
    model.rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="again", DBSnapshotIdentifier="taken")
    model.carry_out("again")
    assert "ReadReplicaSourceDBInstanceIdentifier" not in model.shown("again")


def test_deleting_a_replica(model: ModelOnly, main: dict[str, Any]) -> None:
    model.replicate("main", "reader")
    code, message = refused(
        model.rds.delete_db_instance, DBInstanceIdentifier="reader", FinalDBSnapshotIdentifier="last"
    )
    assert (code, message) == (
        "InvalidParameterCombination",
        "FinalDBSnapshotIdentifier can not be specified when deleting a replica instance",
    )
    model.rds.delete_db_instance(DBInstanceIdentifier="reader")
    model.carry_out("reader")
    assert model.shown("main")["ReadReplicaDBInstanceIdentifiers"] == []


def test_deleting_a_source_promotes_its_region_and_cuts_off_the_others(
    model: ModelOnly, main: dict[str, Any]
) -> None:
    model.replicate("main", "near")
    model.replicate(main["DBInstanceArn"], "far", WEST)
    model.rds.delete_db_instance(DBInstanceIdentifier="main", SkipFinalSnapshot=True)
    assert model.carry_out("near") == ["promote", "snapshot"]
    assert "ReadReplicaSourceDBInstanceIdentifier" not in model.shown("near")
    assert model.carry_out("main") == ["delete"]
    far = model.shown("far", WEST)
    assert far["ReadReplicaSourceDBInstanceIdentifier"] == main["DBInstanceArn"]
    assert [(each["Status"], each["Normal"]) for each in far["StatusInfos"]] == [("terminated", False)]
    assert "Replication streaming has been terminated." in model.told("far", region=WEST)
    model.client("rds", WEST).promote_read_replica(DBInstanceIdentifier="far")
    model.carry_out("far", WEST)
    assert "StatusInfos" not in model.shown("far", WEST)


def test_a_renamed_source_keeps_its_replicas(model: ModelOnly, main: dict[str, Any]) -> None:
    model.replicate("main", "reader")
    model.rds.modify_db_instance(
        DBInstanceIdentifier="main", NewDBInstanceIdentifier="chief", ApplyImmediately=True
    )
    model.carry_out("main")
    assert model.shown("reader")["ReadReplicaSourceDBInstanceIdentifier"] == "chief"
    assert model.shown("chief")["ReadReplicaDBInstanceIdentifiers"] == ["reader"]


def test_how_replication_does(model: ModelOnly, main: dict[str, Any]) -> None:
    reader = model.replicate("main", "reader")
    facts = {"resource_id": reader["DbiResourceId"]}
    for _ in range(2):
        model.settle("us-east-1", "replication", **facts, status="error", message="The source is down.")
    assert model.shown("reader")["StatusInfos"] == [
        {
            "StatusType": "read replication",
            "Normal": False,
            "Status": "error",
            "Message": "The source is down.",
        }
    ]
    model.settle("us-east-1", "replication", **facts, status="replicating", message="")
    assert model.shown("reader")["StatusInfos"][0]["Normal"]
    assert model.told("reader")[1:] == [
        "Replication for the Read Replica resumed",
        "Replication has stopped. The source is down.",
        "Replication for the Read Replica resumed",
    ]
    listed = model.rds.describe_events(SourceType="db-instance", EventCategories=["read replica"])["Events"]
    assert {each["SourceIdentifier"] for each in listed} == {"reader"}


def test_a_replica_that_cannot_be_made(model: ModelOnly, main: dict[str, Any]) -> None:
    made = model.rds.create_db_instance_read_replica(**replica_request("main"))["DBInstance"]
    model.settle(
        "us-east-1",
        "failed",
        resource_id=made["DbiResourceId"],
        do="replicate",
        status="failed",
        reason="The source is gone.",
    )
    assert model.shown("reader")["DBInstanceStatus"] == "failed"
    assert "Read replica creation failed." in model.told("reader")
    model.rds.delete_db_instance(DBInstanceIdentifier="reader", SkipFinalSnapshot=True)
    model.carry_out("reader")
    assert model.shown("main")["ReadReplicaDBInstanceIdentifiers"] == []
