"""Caches whose servers are real, through boto3 and redis-py."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from botocore.exceptions import ClientError

from .conftest import code_of, eventually
from .fix_caches import NEVER, TOKEN, Lab, answers, endpoint_of

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def lab(aws: Any) -> Lab:
    return Lab(aws).build()


@pytest.fixture(scope="module")
def shop(lab: Lab) -> Iterator[dict[str, Any]]:
    yield lab.create("shop")
    lab.delete("shop")


def test_a_cache_is_described_as_aws_does(lab: Lab, shop: dict[str, Any]) -> None:
    assert (shop["Engine"], shop["EngineVersion"], shop["NumCacheNodes"]) == ("redis", "7.1.0", 1)
    assert shop["SecurityGroups"] == [{"SecurityGroupId": lab.db, "Status": "active"}]
    assert endpoint_of(shop)["Port"] == 6379
    [plain] = lab.cache.describe_cache_clusters(CacheClusterId="shop")["CacheClusters"]
    assert "CacheNodes" not in plain
    waiter = lab.cache.get_waiter("cache_cluster_available")
    waiter.wait(CacheClusterId="shop", WaiterConfig={"Delay": 1, "MaxAttempts": 1})


def test_the_application_host_reaches_it_and_the_notebook_does_not(lab: Lab, shop: dict[str, Any]) -> None:
    endpoint = endpoint_of(shop)
    with lab.through(endpoint) as client:
        assert client.set("cart:1", "3 books")
        assert client.get("cart:1") == "3 books"
        assert client.info("server")["server_name"] == "valkey"
    outside = redis.Redis(host=endpoint["Address"], port=endpoint["Port"], retry=NEVER)
    with outside, pytest.raises(redis.ResponseError, match="not publicly accessible"):
        outside.ping()


def test_a_revoked_rule_refuses_new_connections_and_leaves_old_ones(lab: Lab, shop: dict[str, Any]) -> None:
    with lab.through(endpoint_of(shop)) as old, lab.through(endpoint_of(shop)) as new:
        assert old.ping()
        lab.revoke()
        try:
            assert old.ping()
            with pytest.raises(redis.ResponseError, match=lab.db):
                new.ping()
        finally:
            lab.allow()


def test_administration_is_not_for_clients(lab: Lab, shop: dict[str, Any]) -> None:
    with lab.through(endpoint_of(shop)) as client, pytest.raises(redis.ResponseError):
        client.execute_command("SHUTDOWN")


def test_a_reboot_empties_a_lone_node_and_a_crash_does_not(lab: Lab, shop: dict[str, Any]) -> None:
    with lab.through(endpoint_of(shop)) as client:
        client.set("lost", "yes")
    lab.cache.reboot_cache_cluster(CacheClusterId="shop", CacheNodeIdsToReboot=["0001"])
    assert lab.describe("shop")["CacheClusterStatus"] in ("rebooting cluster nodes", "available")
    lab.available("shop")
    with lab.through(endpoint_of(shop)) as client:
        assert client.get("lost") is None
        client.set("kept", "yes")
        os.kill(client.info("server")["process_id"], signal.SIGKILL)
        eventually(lambda: answers(client))
        assert client.get("kept") == "yes"
    assert endpoint_of(lab.available("shop")) == endpoint_of(shop)


def test_an_encrypted_cache_asks_for_tls_and_the_token(lab: Lab) -> None:
    made = lab.create("safe", Engine="valkey", TransitEncryptionEnabled=True, AuthToken=TOKEN)
    assert made["AuthTokenEnabled"]
    tls = lab.tls()
    with lab.through(endpoint_of(made), password=TOKEN, **tls) as client:
        assert client.ping()
    with lab.through(endpoint_of(made), **tls) as client, pytest.raises(redis.AuthenticationError):
        client.ping()
    with lab.through(endpoint_of(made), password=TOKEN) as client, pytest.raises(redis.ConnectionError):
        client.ping()
    other = TOKEN[::-1]
    lab.cache.modify_cache_cluster(
        CacheClusterId="safe", AuthToken=other, AuthTokenUpdateStrategy="SET", ApplyImmediately=True
    )
    lab.available("safe")
    with lab.through(endpoint_of(made), password=other, **tls) as client:
        assert client.ping()
    lab.delete("safe")


def test_a_replication_group_of_one_node(lab: Lab) -> None:
    made = lab.cache.create_replication_group(
        ReplicationGroupId="pair",
        ReplicationGroupDescription="one",
        NumCacheClusters=1,
        CacheNodeType="cache.t3.micro",
        SecurityGroupIds=[lab.db],
    )
    assert made["ReplicationGroup"]["Status"] == "creating"
    lab.available("pair-001")
    [group] = lab.cache.describe_replication_groups(ReplicationGroupId="pair")["ReplicationGroups"]
    assert (group["Status"], group["MemberClusters"]) == ("available", ["pair-001"])
    with lab.through(group["NodeGroups"][0]["PrimaryEndpoint"]) as client:
        assert client.ping()
    with pytest.raises(ClientError) as caught:
        lab.cache.delete_cache_cluster(CacheClusterId="pair-001")
    assert code_of(caught) == "InvalidCacheClusterState"
    lab.cache.delete_replication_group(ReplicationGroupId="pair")
    eventually(lambda: lab.gone("pair-001"))
    with pytest.raises(ClientError) as caught:
        lab.cache.describe_replication_groups(ReplicationGroupId="pair")
    assert code_of(caught) == "ReplicationGroupNotFoundFault"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"CacheClusterId": "1shop"}, "InvalidParameterValue"),
        ({"CacheClusterId": "shop--2"}, "InvalidParameterValue"),
        ({"CacheClusterId": "shop"}, "CacheClusterAlreadyExists"),
        ({"CacheNodeType": "db.t3.micro"}, "InvalidParameterValue"),
        ({"NumCacheNodes": 2}, "InvalidParameterValue"),
        ({"CacheNodeType": "cache.t3.pico"}, "InvalidParameterValue"),
        ({"Port": 0}, "InvalidParameterValue"),
        ({"SnapshotName": "none"}, "SnapshotNotFoundFault"),
        ({"SnapshotArns": ["arn:aws:s3:::bucket/dump.rdb"]}, "InvalidParameterValue"),
        ({"PreferredAvailabilityZone": "us-west-2a"}, "InvalidParameterValue"),
        ({"CacheParameterGroupName": "default.valkey8"}, "InvalidParameterCombination"),
        ({"CacheParameterGroupName": "none"}, "CacheParameterGroupNotFound"),
        ({"SnapshotWindow": "5-6"}, "InvalidParameterValue"),
        ({"PreferredMaintenanceWindow": "someday"}, "InvalidParameterValue"),
        ({"SnapshotRetentionLimit": 99}, "InvalidParameterValue"),
        ({"Engine": "oracle"}, "InvalidParameterValue"),
        ({"EngineVersion": "3.1"}, "InvalidParameterValue"),
        ({"CacheSubnetGroupName": "none"}, "CacheSubnetGroupNotFoundFault"),
        ({"SecurityGroupIds": ["sg-0123456789abcdef0"]}, "InvalidParameterValue"),
        ({"AuthToken": TOKEN}, "InvalidParameterCombination"),
        ({"AuthToken": "short", "TransitEncryptionEnabled": True}, "InvalidParameterValue"),
    ],
)
def test_bad_requests_get_the_codes_of_aws(
    lab: Lab, shop: dict[str, Any], options: dict[str, Any], code: str
) -> None:
    request = {
        "CacheClusterId": "fresh",
        "Engine": "redis",
        "CacheNodeType": "cache.t3.micro",
        "NumCacheNodes": 1,
    }
    with pytest.raises(ClientError) as caught:
        lab.cache.create_cache_cluster(**{**request, **options})
    assert code_of(caught) == code


def test_subnet_groups_are_checked_and_kept_while_in_use(lab: Lab, shop: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as caught:
        lab.cache.create_cache_subnet_group(
            CacheSubnetGroupName="bad",
            CacheSubnetGroupDescription="x",
            SubnetIds=["subnet-0123456789abcdef0"],
        )
    assert code_of(caught) == "InvalidSubnet"
    default = lab.ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])
    subnets = [subnet["SubnetId"] for subnet in default["Subnets"]][:2]
    lab.cache.create_cache_subnet_group(
        CacheSubnetGroupName="caches", CacheSubnetGroupDescription="x", SubnetIds=subnets
    )
    shown = lab.cache.describe_cache_subnet_groups(CacheSubnetGroupName="caches")["CacheSubnetGroups"][0]
    zones = {subnet["SubnetIdentifier"]: subnet["SubnetAvailabilityZone"] for subnet in shown["Subnets"]}
    assert zones == {
        subnet["SubnetId"]: {"Name": subnet["AvailabilityZone"]} for subnet in default["Subnets"][:2]
    }
    lab.cache.delete_cache_subnet_group(CacheSubnetGroupName="caches")
    with pytest.raises(ClientError) as caught:
        lab.cache.describe_cache_subnet_groups(CacheSubnetGroupName="caches")
    assert code_of(caught) == "CacheSubnetGroupNotFoundFault"


def test_engine_versions_are_listed(lab: Lab) -> None:
    found = lab.cache.describe_cache_engine_versions(Engine="valkey", DefaultOnly=True)["CacheEngineVersions"]
    assert [version["CacheParameterGroupFamily"] for version in found] == ["valkey8"]


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_caches_survive_their_server(own_aws: Any, how: str) -> None:
    own_aws.start()
    lab = Lab(own_aws).build()
    before = lab.create("shop")
    with lab.through(endpoint_of(before)) as client:
        client.set("kept", "yes")
        client.execute_command("WAITAOF", 0, 0, 0)
    if how == "stop":
        own_aws.stop()
    else:
        os.kill(own_aws.status()["pid"], signal.SIGKILL)
    own_aws.start()
    after = Lab(own_aws)
    after.host = lab.host
    assert endpoint_of(after.available("shop")) == endpoint_of(before)
    with after.through(endpoint_of(before)) as client:
        assert client.get("kept") == "yes"
    engines = {engine["status"] for engine in own_aws.status()["engines"]}
    assert engines <= {"running", "available"}


def test_a_server_that_does_not_start_is_seen_and_can_be_deleted(own_aws: Any) -> None:
    own_aws.state.parent.chmod(0o755)
    program = own_aws.state.parent / "valkey-server"
    program.write_text("#!/bin/sh\n[ \"$1\" = --version ] && echo 'v=9.9.9' && exit\nexit 1\n")
    program.chmod(0o755)
    own_aws.run("start", LOCALAWS_VALKEY_BIN=str(program))
    cache = own_aws.client("elasticache")
    cache.create_cache_cluster(
        CacheClusterId="never", Engine="valkey", CacheNodeType="cache.t3.micro", NumCacheNodes=1
    )
    lab = Lab(own_aws)
    eventually(lambda: lab.describe("never")["CacheClusterStatus"] == "restore-failed")
    lab.delete("never")
    cache.create_replication_group(
        ReplicationGroupId="never", ReplicationGroupDescription="x", NumCacheClusters=2
    )
    eventually(lambda: lab.group("never")["Status"] == "create-failed")
    lab.delete_group("never")
    assert cache.describe_cache_clusters()["CacheClusters"] == []
