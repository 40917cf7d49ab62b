"""Aurora clusters through the API, the model alone: members, endpoints, groups and refusals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from localaws.rds.clusters.settle import SETTLEMENTS

from .fix_aurora_model import ENGINE, AuroraModel
from .fix_rds_model import PASSWORD, refused, running_model


@pytest.fixture
def aurora() -> Iterator[AuroraModel]:
    with running_model() as running:
        yield AuroraModel(running)


# -- clusters and members


def test_a_cluster_without_instances_is_available_with_storage_only(aurora: AuroraModel) -> None:
    made = aurora.rds.create_db_cluster(**aurora.request("Shop"))["DBCluster"]
    assert (made["DBClusterIdentifier"], made["Status"]) == ("shop", "creating")
    assert [item["do"] for item in aurora.carry_out()] == ["create", "snapshot"]
    shown = aurora.shown()
    assert (shown["Status"], shown["DBClusterMembers"]) == ("available", [])
    assert (shown["Endpoint"], shown["ReaderEndpoint"]) == ("127.0.0.20", "127.0.0.21")
    assert aurora.model.told("shop", "db-cluster") == ["DB cluster created"]


def test_the_first_member_writes_and_members_share_what_is_the_clusters(aurora: AuroraModel) -> None:
    aurora.create("shop", "one", "two", BackupRetentionPeriod=5, EnableIAMDatabaseAuthentication=True)
    two = aurora.model.shown("two")
    assert aurora.writer() == "one"
    assert two["DBClusterIdentifier"] == "shop"
    assert (two["Engine"], two["StorageType"], two["BackupRetentionPeriod"]) == (ENGINE, "aurora", 5)
    assert two["IAMDatabaseAuthenticationEnabled"]
    assert two["AvailabilityZone"] != aurora.model.shown("one")["AvailabilityZone"]
    assert aurora.shown()["MultiAZ"]
    assert "LatestRestorableTime" not in two


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"Engine": "postgres"}, "InvalidParameterCombination"),
        ({"AllocatedStorage": 20}, "InvalidParameterCombination"),
        ({"MasterUsername": "other"}, "InvalidParameterCombination"),
        ({"MasterUserPassword": PASSWORD}, "InvalidParameterCombination"),
        ({"EngineVersion": "9.6"}, "InvalidParameterCombination"),
        ({"DBInstanceClass": "db.t3.micro"}, "InvalidParameterCombination"),
        ({"DBInstanceClass": "db.m6g.large"}, "InvalidParameterCombination"),
        ({"DBInstanceClass": "db.serverless"}, "InvalidDBClusterStateFault"),
        ({"PromotionTier": 16}, "InvalidParameterValue"),
        ({"DBClusterIdentifier": "nowhere"}, "DBClusterNotFoundFault"),
    ],
)
def test_a_member_is_refused_as_on_aws(aurora: AuroraModel, changed: dict[str, Any], code: str) -> None:
    aurora.create()
    request = {"DBInstanceClass": "db.r6g.large", "Engine": ENGINE, "DBClusterIdentifier": "shop"}
    assert refused(aurora.rds.create_db_instance, DBInstanceIdentifier="one", **request | changed)[0] == code
    assert aurora.shown()["DBClusterMembers"] == []


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"Engine": "aurora-mysql"}, "InsufficientDBInstanceCapacity"),
        ({"Engine": "postgres", "DBClusterInstanceClass": "db.m6g.large"}, "InvalidParameterCombination"),
        ({"Engine": "oracle"}, "InvalidParameterValue"),
        ({"MasterUserPassword": "short"}, "InvalidParameterValue"),
        ({"AllocatedStorage": 100}, "InvalidParameterCombination"),
        ({"BackupRetentionPeriod": 0}, "InvalidParameterValue"),
        ({"KmsKeyId": "alias/none"}, "InvalidParameterCombination"),
        ({"StorageEncrypted": True, "KmsKeyId": "alias/none"}, "KMSKeyNotAccessibleFault"),
        ({"DBClusterParameterGroupName": "none"}, "DBParameterGroupNotFound"),
        ({"GlobalClusterIdentifier": "world"}, "InvalidParameterCombination"),
    ],
)
def test_a_cluster_is_refused_as_on_aws(aurora: AuroraModel, changed: dict[str, Any], code: str) -> None:
    assert refused(aurora.rds.create_db_cluster, **aurora.request(**changed))[0] == code
    assert aurora.rds.describe_db_clusters()["DBClusters"] == []


def test_the_refusal_of_aurora_mysql_says_that_there_is_no_server_for_it(aurora: AuroraModel) -> None:
    _, message = refused(aurora.rds.create_db_cluster, **aurora.request(Engine="aurora-mysql"))
    assert "aurora-mysql: it has no server for that engine" in message


def test_an_instance_of_aurora_needs_a_cluster(aurora: AuroraModel) -> None:
    code, message = refused(
        aurora.rds.create_db_instance,
        DBInstanceIdentifier="one",
        Engine=ENGINE,
        DBInstanceClass="db.r6g.large",
    )
    assert (code, "DBClusterIdentifier" in message) == ("InvalidParameterCombination", True)


def test_a_cluster_has_one_writer_and_fifteen_readers_at_most(aurora: AuroraModel) -> None:
    aurora.create("shop", *(f"member-{number}" for number in range(16)))
    request = {"DBInstanceClass": "db.r6g.large", "Engine": ENGINE, "DBClusterIdentifier": "shop"}
    code, _ = refused(aurora.rds.create_db_instance, DBInstanceIdentifier="one-more", **request)
    assert code == "InvalidDBClusterStateFault"


def test_members_are_not_stopped_copied_or_followed_on_their_own(aurora: AuroraModel) -> None:
    aurora.create("shop", "one")
    one = {"DBInstanceIdentifier": "one"}
    calls: list[tuple[Any, dict[str, Any]]] = [
        (aurora.rds.stop_db_instance, one),
        (aurora.rds.create_db_snapshot, one | {"DBSnapshotIdentifier": "copy"}),
        (aurora.rds.reboot_db_instance, one | {"ForceFailover": True}),
        (aurora.rds.delete_db_instance, one | {"FinalDBSnapshotIdentifier": "last"}),
        (aurora.rds.modify_db_instance, one | {"BackupRetentionPeriod": 3}),
        (
            aurora.rds.create_db_instance_read_replica,
            {"DBInstanceIdentifier": "r", "SourceDBInstanceIdentifier": "one"},
        ),
    ]
    assert {refused(call, **request)[0] for call, request in calls} == {"InvalidParameterCombination"}


def test_a_member_gets_another_class_and_tier(aurora: AuroraModel) -> None:
    aurora.create("shop", "one")
    aurora.rds.modify_db_instance(
        DBInstanceIdentifier="one", DBInstanceClass="db.r6g.xlarge", PromotionTier=0, ApplyImmediately=True
    )
    assert aurora.model.carry_out("one") == ["modify"]
    assert aurora.model.shown("one")["DBInstanceClass"] == "db.r6g.xlarge"
    assert aurora.shown()["DBClusterMembers"][0]["PromotionTier"] == 0


# -- changing and deleting


def test_a_cluster_is_modified_and_its_members_with_it(aurora: AuroraModel) -> None:
    aurora.create("shop", "one")
    aurora.rds.modify_db_cluster(
        DBClusterIdentifier="shop",
        NewDBClusterIdentifier="store",
        Port=5433,
        BackupRetentionPeriod=9,
        ApplyImmediately=True,
    )
    assert aurora.shown()["Status"] == "modifying"
    aurora.carry_out()
    store = aurora.shown("store")
    assert (store["Port"], store["BackupRetentionPeriod"]) == (5433, 9)
    one = aurora.model.shown("one")
    assert (one["DBClusterIdentifier"], one["Endpoint"]["Port"]) == ("store", 5433)


def test_a_rename_without_haste_waits_for_the_window(aurora: AuroraModel) -> None:
    aurora.create()
    aurora.rds.modify_db_cluster(DBClusterIdentifier="shop", NewDBClusterIdentifier="store")
    assert aurora.shown()["PendingModifiedValues"] == {"DBClusterIdentifier": "store"}
    cluster = aurora.cluster()
    SETTLEMENTS["cluster_maintained"](cluster.backend, resource_id=cluster.db_cluster_resource_id)
    aurora.carry_out()
    assert aurora.shown("store")["Status"] == "available"


def test_a_cluster_with_members_or_protection_is_not_deleted(aurora: AuroraModel) -> None:
    aurora.create("shop", "one", DeletionProtection=True)
    request = {"DBClusterIdentifier": "shop", "SkipFinalSnapshot": True}
    assert refused(aurora.rds.delete_db_cluster, **request)[0] == "InvalidParameterCombination"
    aurora.rds.modify_db_cluster(DBClusterIdentifier="shop", DeletionProtection=False)
    assert refused(aurora.rds.delete_db_cluster, **request)[0] == "InvalidDBClusterStateFault"
    aurora.rds.delete_db_instance(DBInstanceIdentifier="one")
    assert aurora.rds.delete_db_cluster(**request)["DBCluster"]["Status"] == "deleting"
    aurora.model.carry_out("one")
    aurora.carry_out()
    assert refused(aurora.rds.describe_db_clusters, DBClusterIdentifier="shop")[0] == "DBClusterNotFoundFault"
    assert aurora.model.told("shop", "db-cluster")[-1] == "DB cluster deleted"


def test_a_final_snapshot_is_taken_before_the_cluster_goes(aurora: AuroraModel) -> None:
    aurora.create()
    code, _ = refused(aurora.rds.delete_db_cluster, DBClusterIdentifier="shop")
    assert code == "InvalidParameterCombination"
    aurora.rds.delete_db_cluster(DBClusterIdentifier="shop", FinalDBSnapshotIdentifier="last")
    assert [item["do"] for item in aurora.carry_out()] == ["snapshot", "delete"]
    kept = aurora.rds.describe_db_cluster_snapshots()["DBClusterSnapshots"]
    assert [(each["DBClusterSnapshotIdentifier"], each["Status"]) for each in kept] == [("last", "available")]


def test_a_managed_password_goes_with_the_cluster(aurora: AuroraModel) -> None:
    request = aurora.request("managed", ManageMasterUserPassword=True)
    del request["MasterUserPassword"]
    aurora.rds.create_db_cluster(**request)
    aurora.carry_out("managed")
    shown = aurora.shown("managed")
    assert shown["MasterUserSecret"]["SecretStatus"] == "active"
    assert "ScalingConfigurationInfo" not in shown
    gone = aurora.rds.delete_db_cluster(DBClusterIdentifier="managed", SkipFinalSnapshot=True)["DBCluster"]
    assert gone["Status"] == "deleting"
    assert gone["MasterUserSecret"]["SecretArn"] == shown["MasterUserSecret"]["SecretArn"]
    secrets = aurora.model.client("secretsmanager").list_secrets()["SecretList"]
    assert gone["MasterUserSecret"]["SecretArn"] not in [each["ARN"] for each in secrets]


def test_a_cluster_that_is_no_replica_is_not_promoted(aurora: AuroraModel) -> None:
    aurora.create()
    code, message = refused(aurora.rds.promote_read_replica_db_cluster, DBClusterIdentifier="shop")
    assert (code, "not a read replica" in message) == ("InvalidDBClusterStateFault", True)


def test_stopping_and_starting_are_the_clusters(aurora: AuroraModel) -> None:
    aurora.create("shop", "one")
    assert aurora.rds.stop_db_cluster(DBClusterIdentifier="shop")["DBCluster"]["Status"] == "stopping"
    aurora.carry_out()
    assert (aurora.shown()["Status"], aurora.model.shown("one")["DBInstanceStatus"]) == ("stopped", "stopped")
    latest = aurora.shown()["LatestRestorableTime"]
    aurora.model.pass_time(hours=1)
    assert aurora.shown()["LatestRestorableTime"] == latest
    code, _ = refused(aurora.rds.stop_db_cluster, DBClusterIdentifier="shop")
    assert code == "InvalidDBClusterStateFault"
    aurora.rds.start_db_cluster(DBClusterIdentifier="shop")
    aurora.carry_out()
    shown = (aurora.shown()["Status"], aurora.model.shown("one")["DBInstanceStatus"])
    assert shown == ("available", "starting")


# -- failover


def test_a_failover_needs_a_reader_and_names_a_writer(aurora: AuroraModel) -> None:
    aurora.create("shop", "one")
    code, _ = refused(aurora.rds.failover_db_cluster, DBClusterIdentifier="shop")
    assert code == "InvalidDBClusterStateFault"
    aurora.add("shop", "two")
    aurora.rds.failover_db_cluster(DBClusterIdentifier="shop", TargetDBInstanceIdentifier="two")
    assert aurora.shown()["Status"] == "failing-over"
    aurora.carry_out()
    assert (aurora.shown()["Status"], aurora.writer()) == ("available", "two")
    assert aurora.model.told("shop", "db-cluster")[-2:] == [
        "Started cross AZ failover to DB instance: two",
        "Completed failover to DB instance: two",
    ]
    target = {"DBClusterIdentifier": "shop", "TargetDBInstanceIdentifier": "two"}
    assert refused(aurora.rds.failover_db_cluster, **target)[0] == "InvalidDBInstanceState"
    assert (
        refused(aurora.rds.failover_db_cluster, **target | {"TargetDBInstanceIdentifier": "none"})[0]
        == "InvalidParameterValue"
    )
    nowhere = {"DBClusterIdentifier": "none"}
    assert refused(aurora.rds.failover_db_cluster, **nowhere)[0] == "DBClusterNotFoundFault"
    code, _ = refused(aurora.rds.failover_db_cluster, **nowhere, TargetDBInstanceIdentifier="none")
    assert code == "InvalidParameterValue"


# -- endpoints


def test_custom_endpoints_come_and_go(aurora: AuroraModel) -> None:
    aurora.create("shop", "one", "two")
    request = {"DBClusterIdentifier": "shop", "DBClusterEndpointIdentifier": "Reports"}
    made = aurora.rds.create_db_cluster_endpoint(**request, EndpointType="READER", StaticMembers=["two"])
    assert (made["Status"], made["EndpointType"], made["StaticMembers"]) == ("creating", "CUSTOM", ["two"])
    cluster = aurora.cluster()
    facts = {"resource_id": cluster.db_cluster_resource_id}
    addresses = dict(cluster.addresses)
    key = made["DBClusterEndpointResourceIdentifier"]
    SETTLEMENTS["cluster_endpoints"](cluster.backend, **facts, addresses=addresses | {key: "127.0.0.9"})
    listed = aurora.rds.describe_db_cluster_endpoints(DBClusterIdentifier="shop")["DBClusterEndpoints"]
    assert [each["EndpointType"] for each in listed] == ["WRITER", "READER", "CUSTOM"]
    assert (listed[2]["Endpoint"], listed[2]["Status"]) == ("127.0.0.9", "available")
    assert aurora.shown()["CustomEndpoints"] == ["127.0.0.9"]
    assert refused(aurora.rds.create_db_cluster_endpoint, **request, EndpointType="ANY")[0] == (
        "DBClusterEndpointAlreadyExistsFault"
    )
    changed = aurora.rds.modify_db_cluster_endpoint(
        DBClusterEndpointIdentifier="reports", EndpointType="ANY", ExcludedMembers=["one"]
    )
    assert (changed["CustomEndpointType"], changed["StaticMembers"]) == ("ANY", [])
    assert changed["ExcludedMembers"] == ["one"]
    aurora.rds.delete_db_cluster_endpoint(DBClusterEndpointIdentifier="reports")
    SETTLEMENTS["cluster_endpoints"](cluster.backend, **facts, addresses=addresses)
    assert refused(aurora.rds.delete_db_cluster_endpoint, DBClusterEndpointIdentifier="reports")[0] == (
        "DBClusterEndpointNotFoundFault"
    )


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"EndpointType": "WRITER"}, "InvalidParameterValue"),
        ({"StaticMembers": ["none"]}, "DBInstanceNotFound"),
        ({"StaticMembers": ["one"], "ExcludedMembers": ["one"]}, "InvalidParameterCombination"),
    ],
)
def test_a_custom_endpoint_is_refused_as_on_aws(
    aurora: AuroraModel, changed: dict[str, Any], code: str
) -> None:
    aurora.create("shop", "one")
    request = {
        "DBClusterIdentifier": "shop",
        "DBClusterEndpointIdentifier": "reports",
        "EndpointType": "ANY",
    }
    assert refused(aurora.rds.create_db_cluster_endpoint, **request | changed)[0] == code


# -- parameter groups


def test_cluster_parameters_reach_the_members_static_ones_at_a_reboot(aurora: AuroraModel) -> None:
    family = aurora.rds.describe_db_engine_versions(Engine=ENGINE, DefaultOnly=True)["DBEngineVersions"][0][
        "DBParameterGroupFamily"
    ]
    aurora.rds.create_db_cluster_parameter_group(
        DBClusterParameterGroupName="tuned", DBParameterGroupFamily=family, Description="tuned"
    )
    aurora.create("shop", "one", DBClusterParameterGroupName="tuned")

    def put(name: str, value: str, method: str) -> None:
        change = {"ParameterName": name, "ParameterValue": value, "ApplyMethod": method}
        aurora.rds.modify_db_cluster_parameter_group(DBClusterParameterGroupName="tuned", Parameters=[change])

    member = aurora.model.backend().databases["one"]
    put("work_mem", "9999", "immediate")
    assert aurora.shown()["DBClusterMembers"][0]["DBClusterParameterGroupStatus"] == "applying"
    aurora.model.carry_out("one")
    assert aurora.shown()["DBClusterMembers"][0]["DBClusterParameterGroupStatus"] == "in-sync"
    put("max_connections", "77", "pending-reboot")
    aurora.model.carry_out("one")
    assert aurora.shown()["DBClusterMembers"][0]["DBClusterParameterGroupStatus"] == "pending-reboot"
    assert member.settings()["work_mem"] == "9999"
    aurora.rds.reboot_db_instance(DBInstanceIdentifier="one")
    aurora.model.carry_out("one")
    assert member.settings()["max_connections"] == "77"
    listed = aurora.rds.describe_db_cluster_parameters(DBClusterParameterGroupName="tuned", Source="user")[
        "Parameters"
    ]
    assert {each["ParameterName"]: each["ParameterValue"] for each in listed} == {
        "work_mem": "9999",
        "max_connections": "77",
    }
    code, _ = refused(aurora.rds.delete_db_cluster_parameter_group, DBClusterParameterGroupName="tuned")
    assert code == "InvalidDBParameterGroupState"
    aurora.rds.reset_db_cluster_parameter_group(DBClusterParameterGroupName="tuned", ResetAllParameters=True)
    aurora.model.carry_out("one")
    assert "work_mem" not in member.settings()


# -- snapshots and recovery


def test_versions_and_options_are_those_of_this_machine(aurora: AuroraModel) -> None:
    versions = aurora.rds.describe_db_engine_versions(Engine=ENGINE)["DBEngineVersions"]
    plain = aurora.rds.describe_db_engine_versions(Engine="postgres")["DBEngineVersions"]
    assert [each["EngineVersion"] for each in versions] == [each["EngineVersion"] for each in plain]
    options = aurora.rds.describe_orderable_db_instance_options(
        Engine=ENGINE, DBInstanceClass="db.serverless"
    )["OrderableDBInstanceOptions"]
    assert {each["StorageType"] for each in options} == {"aurora", "aurora-iopt1"}


def test_clusters_are_filtered_and_come_in_pages(aurora: AuroraModel) -> None:
    for number in range(21):
        aurora.create(f"shop-{number:02}")
    pages = list(aurora.rds.get_paginator("describe_db_clusters").paginate(PaginationConfig={"PageSize": 20}))
    assert [len(each["DBClusters"]) for each in pages] == [20, 1]
    wanted = [{"Name": "db-cluster-id", "Values": ["shop-03"]}]
    assert len(aurora.rds.describe_db_clusters(Filters=wanted)["DBClusters"]) == 1


def test_serverless_capacity_is_a_record_that_serverless_members_need(aurora: AuroraModel) -> None:
    scaling = {"MinCapacity": 0.5, "MaxCapacity": 4.0}
    aurora.create("shop", ServerlessV2ScalingConfiguration=scaling)
    assert aurora.shown()["ServerlessV2ScalingConfiguration"] == scaling
    assert aurora.add("shop", "one", DBInstanceClass="db.serverless")["DBInstanceStatus"] == "available"
    wrong = {"MinCapacity": 3.0, "MaxCapacity": 1.0}
    code, _ = refused(
        aurora.rds.modify_db_cluster, DBClusterIdentifier="shop", ServerlessV2ScalingConfiguration=wrong
    )
    assert code == "InvalidParameterCombination"


def test_tags_of_clusters_and_snapshots(aurora: AuroraModel) -> None:
    arn = aurora.create("shop", Tags=[{"Key": "team", "Value": "shop"}])["DBClusterArn"]
    aurora.rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "lab", "Value": "1"}])
    aurora.rds.remove_tags_from_resource(ResourceName=arn, TagKeys=["team"])
    assert aurora.rds.list_tags_for_resource(ResourceName=arn)["TagList"] == [{"Key": "lab", "Value": "1"}]
