"""What RDS refuses, with AWS's error codes: nothing of it leaves anything behind."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.rds.validation import in_maintenance

GOOD = {
    "DBInstanceIdentifier": "refused",
    "Engine": "postgres",
    "DBInstanceClass": "db.t3.micro",
    "AllocatedStorage": 20,
    "MasterUsername": "shop",
    "MasterUserPassword": "correct-horse",
}

VALUE, COMBINATION = "InvalidParameterValue", "InvalidParameterCombination"

REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"DBInstanceIdentifier": "1shop"}, VALUE, "must begin with a letter"),
    ({"DBInstanceIdentifier": "shop--db"}, VALUE, "two consecutive hyphens"),
    ({"DBInstanceIdentifier": "shop-"}, VALUE, "must not end with a hyphen"),
    ({"DBInstanceIdentifier": "a" * 64}, VALUE, "not a valid identifier"),
    ({"MasterUsername": "admin"}, VALUE, "reserved word"),
    ({"MasterUsername": "rdsadmin"}, VALUE, "reserved word"),
    ({"MasterUsername": "pg_shop"}, VALUE, "reserved word"),
    ({"MasterUsername": "1shop"}, VALUE, "MasterUsername"),
    ({"MasterUsername": None}, VALUE, "MasterUsername must be provided"),
    ({"MasterUserPassword": "seven77"}, VALUE, "shorter than 8"),
    ({"MasterUserPassword": "x" * 129}, VALUE, "longer than 128"),
    ({"MasterUserPassword": "has/slash"}, VALUE, "Only printable ASCII"),
    ({"MasterUserPassword": "has@sign1"}, VALUE, "Only printable ASCII"),
    ({"MasterUserPassword": 'has"quote'}, VALUE, "Only printable ASCII"),
    ({"MasterUserPassword": "has space"}, VALUE, "Only printable ASCII"),
    ({"MasterUserPassword": None}, VALUE, "MasterUserPassword must be provided"),
    ({"DBName": "1shop"}, VALUE, "DBName must begin with a letter"),
    ({"DBName": "shop-db"}, VALUE, "alphanumeric"),
    ({"DBName": "rdsadmin"}, VALUE, "reserved word"),
    ({"Port": 80}, VALUE, "1150-65535"),
    ({"DBInstanceClass": "t3.micro"}, VALUE, "Invalid DB Instance class"),
    ({"DBInstanceClass": "db.t1.micro"}, COMBINATION, "RDS does not support creating a DB instance"),
    ({"AllocatedStorage": 19}, VALUE, "Invalid storage size"),
    ({"AllocatedStorage": None}, VALUE, "Invalid storage size"),
    ({"AllocatedStorage": 70000}, VALUE, "Invalid storage size"),
    ({"StorageType": "gp9"}, VALUE, "Invalid storage type"),
    ({"StorageType": "io1", "Iops": 1000, "AllocatedStorage": 50}, VALUE, "Invalid storage size"),
    ({"StorageType": "io1", "AllocatedStorage": 100}, COMBINATION, "must specify Iops"),
    ({"StorageType": "io1", "AllocatedStorage": 100, "Iops": 999}, COMBINATION, "Invalid iops"),
    ({"StorageType": "io1", "AllocatedStorage": 100, "Iops": 9000}, COMBINATION, "ratio"),
    ({"StorageType": "gp2", "Iops": 3000}, COMBINATION, "can't specify IOPS"),
    ({"StorageType": "gp3", "Iops": 12000}, COMBINATION, "less than 400"),
    ({"StorageType": "gp3", "AllocatedStorage": 400, "Iops": 3000}, COMBINATION, "12000 to 64000"),
    ({"StorageType": "gp2", "StorageThroughput": 500}, COMBINATION, "throughput"),
    ({"MaxAllocatedStorage": 20}, COMBINATION, "Max storage size"),
    ({"BackupRetentionPeriod": 36}, VALUE, "retention"),
    ({"PreferredBackupWindow": "3:00-4:00"}, VALUE, "hh24:mi-hh24:mi"),
    ({"PreferredBackupWindow": "03:00-03:29"}, VALUE, "at least 30 minutes"),
    ({"PreferredMaintenanceWindow": "sunday"}, VALUE, "ddd:hh24:mi"),
    ({"PreferredMaintenanceWindow": "sun:03:00-sun:03:20"}, VALUE, "at least 30 minutes"),
    (
        {"PreferredBackupWindow": "23:45-00:30", "PreferredMaintenanceWindow": "Sun:23:45-Mon:00:15"},
        VALUE,
        "must not overlap",
    ),
    ({"EngineVersion": "99.1"}, COMBINATION, "Cannot find version 99.1 for postgres"),
    ({"Engine": "postgresql"}, VALUE, "not supported"),
    ({"Engine": "mysql"}, "InsufficientDBInstanceCapacity", "no server for that engine"),
    ({"Engine": "oracle-se2"}, "InsufficientDBInstanceCapacity", "no server for that engine"),
    ({"Engine": "aurora-postgresql"}, "InvalidParameterCombination", "Specify DBClusterIdentifier"),
    ({"LicenseModel": "bring-your-own-license"}, VALUE, "postgresql-license"),
    ({"KmsKeyId": "alias/nothing", "StorageEncrypted": True}, "KMSKeyNotAccessibleFault", "does not exist"),
    ({"KmsKeyId": "alias/aws/rds"}, COMBINATION, "StorageEncrypted"),
    ({"DBSubnetGroupName": "nowhere"}, "DBSubnetGroupNotFoundFault", "nowhere"),
    ({"DBParameterGroupName": "nothing"}, "DBParameterGroupNotFound", "nothing"),
    ({"DBParameterGroupName": "default.mysql8.0"}, COMBINATION, "DBParameterGroupFamily"),
    ({"OptionGroupName": "nothing"}, "OptionGroupNotFoundFault", "nothing"),
    ({"VpcSecurityGroupIds": ["sg-0123456789abcdef0"]}, VALUE, "Invalid security group"),
    ({"AvailabilityZone": "us-east-1a", "MultiAZ": True}, COMBINATION, "Multi-AZ"),
    ({"AvailabilityZone": "eu-west-1a"}, "InvalidVPCNetworkStateFault", "Availability Zone"),
    ({"MonitoringInterval": 60}, COMBINATION, "MonitoringRoleARN"),
    ({"ManageMasterUserPassword": True}, COMBINATION, "ManageMasterUserPassword"),
    ({"CACertificateIdentifier": "rds-ca-1999"}, "CertificateNotFound", "rds-ca-1999"),
    ({"Tags": [{"Key": "aws:mine", "Value": "1"}]}, VALUE, "reserved"),
]


@pytest.fixture(scope="module")
def rds(aws: Any) -> Any:
    return aws.client("rds")


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.mark.parametrize(("changed", "code", "words"), REFUSED, ids=[str(case[0])[:60] for case in REFUSED])
def test_create_is_refused(rds: Any, changed: dict[str, Any], code: str, words: str) -> None:
    request = {name: value for name, value in (GOOD | changed).items() if value is not None}
    found, message = refusal(rds.create_db_instance, **request)
    assert (found, words in message) == (code, True), message
    assert not [
        each
        for each in rds.describe_db_instances()["DBInstances"]
        if "refused" in each["DBInstanceIdentifier"]
    ]


def test_key_must_be_enabled(aws: Any, rds: Any) -> None:
    kms = aws.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.disable_key(KeyId=key)
    code, message = refusal(rds.create_db_instance, **GOOD, StorageEncrypted=True, KmsKeyId=key)
    assert code == "KMSKeyNotAccessibleFault"
    assert key in message


class Network:
    """A VPC with two subnets in two zones, and one of its own elsewhere."""

    def __init__(self, ec2: Any) -> None:
        self.vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [
            ec2.create_subnet(
                VpcId=self.vpc, CidrBlock=f"10.7.{n}.0/24", AvailabilityZone=f"us-east-1{zone}"
            )["Subnet"]["SubnetId"]
            for n, zone in enumerate("aab")
        ]
        group = ec2.create_security_group(GroupName="db", Description="db", VpcId=self.vpc)
        self.group = group["GroupId"]


@pytest.fixture(scope="module")
def network(aws: Any) -> Network:
    return Network(aws.client("ec2"))


def test_subnet_group_rules(aws: Any, rds: Any, network: Network) -> None:
    base = {"DBSubnetGroupName": "Rules", "DBSubnetGroupDescription": "rules"}
    one_zone = network.subnets[:2]
    code, message = refusal(rds.create_db_subnet_group, **base, SubnetIds=one_zone)
    assert code == "DBSubnetGroupDoesNotCoverEnoughAZs"
    assert "us-east-1a" in message
    assert refusal(rds.create_db_subnet_group, **base, SubnetIds=["subnet-0000000000000000"])[0] == VALUE
    default = aws.client("ec2").describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])
    foreign = next(
        each["SubnetId"] for each in default["Subnets"] if each["AvailabilityZone"] == "us-east-1c"
    )
    assert (
        refusal(rds.create_db_subnet_group, **base, SubnetIds=[network.subnets[0], foreign])[0]
        == "InvalidSubnet"
    )
    assert refusal(
        rds.create_db_subnet_group, **base | {"DBSubnetGroupName": "default"}, SubnetIds=network.subnets
    )[0]
    group = rds.create_db_subnet_group(**base, SubnetIds=network.subnets)["DBSubnetGroup"]
    assert (group["DBSubnetGroupName"], group["VpcId"], len(group["Subnets"])) == ("rules", network.vpc, 3)
    assert (
        refusal(rds.create_db_subnet_group, **base, SubnetIds=network.subnets)[0]
        == "DBSubnetGroupAlreadyExists"
    )
    assert refusal(rds.modify_db_subnet_group, DBSubnetGroupName="rules", SubnetIds=one_zone)[0] == (
        "DBSubnetGroupDoesNotCoverEnoughAZs"
    )
    rds.delete_db_subnet_group(DBSubnetGroupName="rules")
    assert refusal(rds.delete_db_subnet_group, DBSubnetGroupName="rules")[0] == "DBSubnetGroupNotFoundFault"


def test_groups_must_be_of_the_vpc_and_public_needs_a_gateway(rds: Any, network: Network) -> None:
    rds.create_db_subnet_group(
        DBSubnetGroupName="seven", DBSubnetGroupDescription="seven", SubnetIds=network.subnets
    )
    code, message = refusal(rds.create_db_instance, **GOOD, VpcSecurityGroupIds=[network.group])
    assert (code, "different VPCs" in message) == (COMBINATION, True)
    code, message = refusal(
        rds.create_db_instance, **GOOD, DBSubnetGroupName="seven", PubliclyAccessible=True
    )
    assert (code, "internet gateway" in message) == ("InvalidVPCNetworkStateFault", True)
    rds.delete_db_subnet_group(DBSubnetGroupName="seven")


def test_unknown_resources_are_named(rds: Any) -> None:
    missing = {"DBInstanceIdentifier": "missing"}
    for call in (
        rds.describe_db_instances,
        rds.modify_db_instance,
        rds.reboot_db_instance,
        rds.start_db_instance,
    ):
        assert refusal(call, **missing) == ("DBInstanceNotFound", "DBInstance missing not found.")
    assert refusal(rds.delete_db_instance, **missing, SkipFinalSnapshot=True)[0] == "DBInstanceNotFound"
    assert refusal(rds.create_db_snapshot, **missing, DBSnapshotIdentifier="s")[0] == "DBInstanceNotFound"
    assert refusal(rds.describe_db_snapshots, DBSnapshotIdentifier="s")[0] == "DBSnapshotNotFound"
    arn = "arn:aws:rds:us-east-1:123456789012:db:missing"
    assert refusal(rds.list_tags_for_resource, ResourceName=arn)[0] == "DBInstanceNotFound"
    assert refusal(rds.describe_db_log_files, **missing)[0] == "DBInstanceNotFound"


def test_what_is_not_offered_says_so(rds: Any) -> None:
    code, message = refusal(
        rds.create_blue_green_deployment,
        BlueGreenDeploymentName="bg",
        Source="arn:aws:rds:us-east-1:1:db:shop",
    )
    assert (code, "not offered by localaws" in message) == ("InvalidAction", True)


def test_pages_and_markers(rds: Any) -> None:
    assert refusal(rds.describe_db_instances, MaxRecords=5) == (
        VALUE,
        "Invalid value 5 for MaxRecords. Must be between 20 and 100",
    )
    assert refusal(rds.describe_db_instances, Marker="no marker!")[0] == VALUE
    request = {
        "Engine": "postgres",
        "EngineVersion": rds.describe_db_engine_versions(Engine="postgres", DefaultOnly=True)[
            "DBEngineVersions"
        ][0]["EngineVersion"],
    }
    pages = list(
        rds.get_paginator("describe_orderable_db_instance_options").paginate(
            **request, PaginationConfig={"PageSize": 100}
        )
    )
    assert len(pages) > 2
    options = [option for each in pages for option in each["OrderableDBInstanceOptions"]]
    assert len({(each["DBInstanceClass"], each["StorageType"]) for each in options}) == len(options)


def test_filters(rds: Any) -> None:
    assert refusal(rds.describe_db_instances, Filters=[{"Name": "colour", "Values": ["red"]}]) == (
        VALUE,
        "Unrecognized filter name: colour",
    )
    for name in ("db-instance-id", "dbi-resource-id", "engine", "db-cluster-id", "domain"):
        answer = rds.describe_db_instances(Filters=[{"Name": name, "Values": ["none"]}])
        assert answer["DBInstances"] == []


def test_what_can_be_ordered(rds: Any) -> None:
    default = rds.describe_db_engine_versions(Engine="postgres", DefaultOnly=True)["DBEngineVersions"]
    assert len(default) == 1
    version, family = default[0]["EngineVersion"], default[0]["DBParameterGroupFamily"]
    assert family == f"postgres{version.split('.')[0]}"
    same = rds.describe_db_engine_versions(
        Filters=[{"Name": "db-parameter-group-family", "Values": [family]}]
    )
    assert [each["EngineVersion"] for each in same["DBEngineVersions"]] == [version]
    options = rds.describe_orderable_db_instance_options(
        Engine="postgres", EngineVersion=version, DBInstanceClass="db.t3.micro"
    )["OrderableDBInstanceOptions"]
    io1 = next(each for each in options if each["StorageType"] == "io1")
    assert (io1["MinStorageSize"], io1["MinIopsPerDbInstance"], io1["MultiAZCapable"]) == (100, 1000, True)
    assert {"Name": "us-east-1a"} in io1["AvailabilityZones"]
    assert (
        rds.describe_orderable_db_instance_options(Engine="postgres", EngineVersion="9.3.3")[
            "OrderableDBInstanceOptions"
        ]
        == []
    )


def test_the_account(rds: Any) -> None:
    quotas = {
        each["AccountQuotaName"]: each["Max"] for each in rds.describe_account_attributes()["AccountQuotas"]
    }
    assert quotas["ManualSnapshots"] == 100
    certificates = rds.describe_certificates()["Certificates"]
    assert "rds-ca-rsa2048-g1" in [each["CertificateIdentifier"] for each in certificates]
    assert rds.describe_pending_maintenance_actions()["PendingMaintenanceActions"] == []
    assert refusal(rds.describe_certificates, CertificateIdentifier="x")[0] == "CertificateNotFound"
    assert rds.describe_event_categories(SourceType="db-snapshot")["EventCategoriesMapList"][0][
        "EventCategories"
    ]


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-22 23:44", False),
        ("2026-11-22 23:45", True),
        ("2026-11-23 00:14", True),
        ("2026-11-23 00:15", False),
        ("2026-11-25 23:50", False),
    ],
)
def test_a_maintenance_window_may_cross_the_week(moment: str, is_open: bool) -> None:
    assert in_maintenance("sun:23:45-mon:00:15", datetime.fromisoformat(moment)) is is_open
