"""DMS's operations: what is made, shown, refused and removed, and who may reach whom."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .conftest import LocalAws, code_of
from .fix_dms import PASSWORD, Scene, mappings, scene  # noqa: F401 - a fixture

pytestmark = pytest.mark.engine


def refused(call: Any, **arguments: Any) -> tuple[str, str]:
    """Code and message of a call's fault."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return code_of(caught), str(caught.value.response["Error"]["Message"])


def test_instance(scene: Scene) -> None:  # noqa: F811
    [shown] = scene.dms.describe_replication_instances()["ReplicationInstances"]
    assert shown["ReplicationInstanceStatus"] == "available"
    assert shown["ReplicationInstanceArn"].startswith("arn:aws:dms:us-east-1:123456789012:rep:")
    assert shown["VpcSecurityGroups"] == [
        {"VpcSecurityGroupId": scene.network.security_group, "Status": "active"}
    ]
    assert shown["ReplicationSubnetGroup"]["VpcId"] == scene.network.vpc
    assert shown["ReplicationInstancePrivateIpAddress"].startswith("10.9.")
    changed = scene.dms.modify_replication_instance(
        ReplicationInstanceArn=scene.instance, ReplicationInstanceClass="dms.t3.medium", ApplyImmediately=True
    )["ReplicationInstance"]
    assert changed["PendingModifiedValues"] == {"ReplicationInstanceClass": "dms.t3.medium"}
    scene.dms.get_waiter("replication_instance_available").wait(WaiterConfig={"Delay": 1})
    [shown] = scene.dms.describe_replication_instances(
        Filters=[{"Name": "replication-instance-id", "Values": ["mover"]}]
    )["ReplicationInstances"]
    assert (shown["ReplicationInstanceClass"], shown["PendingModifiedValues"]) == ("dms.t3.medium", {})


def test_refused_instances(scene: Scene) -> None:  # noqa: F811
    create = scene.dms.create_replication_instance
    named = {"ReplicationInstanceIdentifier": "other", "ReplicationInstanceClass": "dms.t3.micro"}
    assert refused(create, **{**named, "ReplicationInstanceClass": "db.t3.micro"})[0] == (
        "InvalidParameterValueException"
    )
    taken = {**named, "ReplicationInstanceIdentifier": "mover"}
    assert refused(create, **taken)[0] == "ResourceAlreadyExistsFault"
    nowhere = {**named, "ReplicationSubnetGroupIdentifier": "nowhere"}
    assert refused(create, **nowhere)[0] == "ResourceNotFoundFault"
    groups = {
        "ReplicationSubnetGroupIdentifier": "one-zone",
        "ReplicationSubnetGroupDescription": "one zone",
    }
    call = scene.dms.create_replication_subnet_group
    assert (
        refused(call, **groups, SubnetIds=scene.subnets[:1])[0]
        == "ReplicationSubnetGroupDoesNotCoverEnoughAZs"
    )
    assert refused(call, **groups, SubnetIds=["subnet-none"])[0] == "InvalidSubnet"
    used = scene.dms.delete_replication_subnet_group
    assert refused(used, ReplicationSubnetGroupIdentifier="migration")[0] == "InvalidResourceStateFault"


def test_deletion(scene: Scene) -> None:  # noqa: F811
    """The waiters see what is gone as gone."""
    arn = scene.dms.create_replication_instance(
        ReplicationInstanceIdentifier="short",
        ReplicationInstanceClass="dms.t3.micro",
        Tags=[{"Key": "a", "Value": "b"}],
    )["ReplicationInstance"]["ReplicationInstanceArn"]
    filters = [{"Name": "replication-instance-arn", "Values": [arn]}]
    wait = {"Filters": filters, "WaiterConfig": {"Delay": 1}}
    scene.dms.get_waiter("replication_instance_available").wait(**wait)
    assert scene.dms.list_tags_for_resource(ResourceArn=arn)["TagList"][0]["Key"] == "a"
    scene.dms.delete_replication_instance(ReplicationInstanceArn=arn)
    scene.dms.get_waiter("replication_instance_deleted").wait(**wait)
    assert refused(scene.dms.list_tags_for_resource, ResourceArn=arn)[0] == "ResourceNotFoundFault"


def test_endpoints(scene: Scene) -> None:  # noqa: F811
    place = {**scene.place("target"), "SslMode": "require"}
    arn = scene.endpoint("target", "Another-One", **place)
    [shown] = scene.dms.describe_endpoints(Filters=[{"Name": "endpoint-arn", "Values": [arn]}])["Endpoints"]
    assert (shown["EndpointIdentifier"], shown["Status"], shown["SslMode"]) == (
        "another-one",
        "active",
        "require",
    )
    assert PASSWORD not in json.dumps(shown)
    tags = [{"Key": "team", "Value": "shop"}]
    scene.dms.add_tags_to_resource(ResourceArn=arn, Tags=tags)
    [tag] = scene.dms.list_tags_for_resource(ResourceArn=arn)["TagList"]
    assert (tag["Key"], tag["Value"]) == ("team", "shop")
    scene.dms.remove_tags_from_resource(ResourceArn=arn, TagKeys=["team"])
    assert scene.dms.list_tags_for_resource(ResourceArn=arn)["TagList"] == []
    scene.test(arn)
    scene.dms.modify_endpoint(EndpointArn=arn, Password="wrong-password")
    failed = scene.test(arn, "failed")["LastFailureMessage"]
    assert failed.startswith("Test Endpoint failed: Application-Status: 1020912")
    assert "password authentication failed" in failed
    assert "wrong-password" not in failed
    scene.dms.delete_endpoint(EndpointArn=arn)
    scene.dms.get_waiter("endpoint_deleted").wait(Filters=[{"Name": "endpoint-arn", "Values": [arn]}])


def test_refused_endpoints(scene: Scene) -> None:  # noqa: F811
    create = scene.dms.create_endpoint
    asked = {"EndpointIdentifier": "x", "EndpointType": "source", "EngineName": "postgres"}
    code, message = refused(create, **asked)
    assert code == "InvalidParameterCombinationException"
    assert "DatabaseName" in message
    assert refused(create, **{**asked, "EngineName": "nonsense"})[0] == "InvalidParameterValueException"
    code, message = refused(create, **{**asked, "EngineName": "oracle"})
    assert "no oracle endpoints" in message
    secret = {"PostgreSQLSettings": {"SecretsManagerSecretId": "x", "DatabaseName": "shop"}}
    assert "SecretsManagerAccessRoleArn" in refused(create, **asked, **secret)[1]
    # an instance that demands TLS
    bare = scene.endpoint("target", "bare", **scene.place("target"))
    message = scene.test(bare, "failed")["LastFailureMessage"]
    assert "no encryption. The server takes TLS only: set the endpoint's SslMode to require" in message
    shown = scene.dms.describe_endpoints(Filters=[{"Name": "endpoint-arn", "Values": [bare]}])["Endpoints"][0]
    assert f'connection to server at "{shown["ServerName"]}", port {shown["Port"]} failed' in message


def test_network(scene: Scene) -> None:  # noqa: F811
    """A missing rule of the database's security group is a time-out, and adding it mends the connection."""
    ec2 = scene.aws.client("ec2")
    rule = {
        "GroupId": scene.network.security_group,
        "IpPermissions": [
            {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5433, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        ],
    }
    ec2.revoke_security_group_ingress(**rule)
    try:
        message = scene.test(scene.target_arn, "failed")["LastFailureMessage"]
        assert "timeout expired" in message
        assert "authorize_security_group_ingress" in message
        members = [{"GroupId": scene.network.security_group}]
        own = [{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": members}]
        ec2.authorize_security_group_ingress(GroupId=scene.network.security_group, IpPermissions=own)
        scene.test(scene.target_arn)
        ec2.revoke_security_group_ingress(GroupId=scene.network.security_group, IpPermissions=own)
    finally:
        ec2.authorize_security_group_ingress(**rule)
    anywhere = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    group = scene.network.security_group
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=anywhere)
    message = scene.test(scene.source_arn, "failed")["LastFailureMessage"]
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=anywhere)
    assert "egress" in message
    scene.test(scene.source_arn)
    scene.test(scene.target_arn)


def test_secret_and_schemas(scene: Scene) -> None:  # noqa: F811
    place = scene.place("source")
    value = {"username": place["Username"], "password": place["Password"], "host": place["ServerName"]}
    secret = scene.aws.client("secretsmanager").create_secret(
        Name="on-premises", SecretString=json.dumps({**value, "port": place["Port"]})
    )["ARN"]
    role = "arn:aws:iam::123456789012:role/dms-reads-secrets"
    settings = {"SecretsManagerSecretId": secret, "SecretsManagerAccessRoleArn": role, "DatabaseName": "shop"}
    arn = scene.endpoint("source", "with-secret", PostgreSQLSettings=settings)
    scene.test(arn)
    scene.do("source", "create schema if not exists books")
    scene.dms.refresh_schemas(EndpointArn=arn, ReplicationInstanceArn=scene.instance)
    scene.until(
        lambda: scene.dms.describe_refresh_schemas_status(EndpointArn=arn)["RefreshSchemasStatus"]["Status"],
        lambda status: status == "successful",
    )
    assert {"books", "public"} <= set(scene.dms.describe_schemas(EndpointArn=arn)["Schemas"])


def test_catalogues(scene: Scene) -> None:  # noqa: F811
    pages = scene.dms.get_paginator("describe_orderable_replication_instances").paginate()
    classes = {
        each["ReplicationInstanceClass"] for page in pages for each in page["OrderableReplicationInstances"]
    }
    assert {"dms.t3.micro", "dms.r5.large"} <= classes
    types = scene.dms.describe_endpoint_types()["SupportedEndpointTypes"]
    engines = {(each["EngineName"], each["EndpointType"]): each["SupportsCDC"] for each in types}
    assert engines["postgres", "source"]
    assert not engines["mysql", "source"]
    assert scene.dms.describe_engine_versions()["EngineVersions"]


def test_refused_tasks(scene: Scene) -> None:  # noqa: F811
    asked = {
        "ReplicationTaskIdentifier": "refused",
        "SourceEndpointArn": scene.source_arn,
        "TargetEndpointArn": scene.target_arn,
        "ReplicationInstanceArn": scene.instance,
        "MigrationType": "full-load",
        "TableMappings": mappings(),
    }
    create = scene.dms.create_replication_task
    wrong: list[tuple[dict[str, str], str]] = [
        ({"TableMappings": "no JSON"}, "InvalidParameterValueException"),
        ({"TableMappings": '{"rules": []}'}, "InvalidParameterValueException"),
        ({"MigrationType": "all"}, "InvalidParameterValueException"),
        ({"SourceEndpointArn": scene.target_arn}, "InvalidParameterValueException"),
        ({"SourceEndpointArn": "arn:none"}, "ResourceNotFoundFault"),
        ({"ReplicationTaskSettings": "{"}, "InvalidParameterValueException"),
        (
            {"ReplicationTaskSettings": '{"FullLoadSettings": {"TargetTablePrepMode": "X"}}'},
            "InvalidParameterValueException",
        ),
        ({"ReplicationTaskSettings": '{"NoSuchSection": {}}'}, "InvalidParameterValueException"),
        ({"CdcStopPosition": "tomorrow"}, "InvalidParameterValueException"),
    ]
    for changed, code in wrong:
        assert refused(create, **{**asked, **changed})[0] == code, changed
    untested = scene.endpoint("source", "untested", **scene.place("source"))
    arn = scene.create("untested", SourceEndpointArn=untested)
    code, message = refused(
        scene.dms.start_replication_task, ReplicationTaskArn=arn, StartReplicationTaskType="start-replication"
    )
    assert code == "InvalidResourceStateFault"
    assert "Test connection" in message
    assert refused(scene.dms.stop_replication_task, ReplicationTaskArn=arn)[0] == "InvalidResourceStateFault"
    assert refused(scene.dms.delete_endpoint, EndpointArn=untested)[0] == "InvalidResourceStateFault"
    assert refused(scene.dms.delete_replication_instance, ReplicationInstanceArn=scene.instance)[0] == (
        "InvalidResourceStateFault"
    )
    again = refused(
        scene.dms.start_replication_task, ReplicationTaskArn=arn, StartReplicationTaskType="resume-processing"
    )
    assert again[0] == "InvalidResourceStateFault"
    scene.delete(arn)


def test_log_and_events(scene: Scene) -> None:  # noqa: F811
    scene.do("source", "create table spoken (n int primary key)", "insert into spoken values (1)")
    settings = {"Logging": {"EnableLogging": True}}
    arn = scene.create("spoken", "full-load", mappings(("public", "spoken")), settings=settings)
    scene.run(arn)
    logs = scene.aws.client("logs")
    stream = "dms-task-" + arn.rpartition(":")[2]

    def messages() -> list[str]:
        try:
            found = logs.get_log_events(logGroupName="dms-tasks-mover", logStreamName=stream)["events"]
        except logs.exceptions.ResourceNotFoundException:
            return []
        return [event["message"] for event in found]

    lines = scene.until(messages, lambda lines: any("Task is stopped" in line for line in lines))
    assert any("Load finished for table public.spoken. 1 rows" in line for line in lines)
    events = scene.dms.describe_events(SourceType="replication-task", SourceIdentifier="spoken")["Events"]
    assert [event["EventCategories"] for event in events][:2] == [["creation"], ["state change"]]
    shown = scene.dms.describe_replication_tasks(
        Filters=[{"Name": "replication-task-id", "Values": ["spoken"]}]
    )["ReplicationTasks"][0]
    whole = json.loads(shown["ReplicationTaskSettings"])
    assert whole["Logging"]["EnableLogging"] is True
    assert whole["FullLoadSettings"]["TargetTablePrepMode"] == "DROP_AND_CREATE"
    scene.delete(arn)


def test_secrets_stay(scene: Scene) -> None:  # noqa: F811
    """Passwords are neither in the log nor in the figures that tasks leave."""
    place: LocalAws = scene.aws
    assert scene.here["password"] not in place.log()
    assert PASSWORD not in place.log()
    for file in (place.state / "dms").glob("*"):
        assert scene.here["password"] not in file.read_text()
        assert file.stat().st_mode & 0o077 == 0
