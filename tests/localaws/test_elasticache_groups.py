"""Replication groups: real replicas behind AWS's endpoints, through boto3 and redis-py."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from botocore.exceptions import ClientError

from .conftest import code_of, eventually
from .fix_caches import Lab, answers, endpoint_of, primary_of, shard_of

pytestmark = pytest.mark.engine

SHARD = "0001"


@pytest.fixture(scope="module")
def lab(aws: Any) -> Lab:
    return Lab(aws).build()


@pytest.fixture(scope="module")
def trio(lab: Lab) -> Iterator[str]:
    lab.create_group("trio", NumCacheClusters=3, AutomaticFailoverEnabled=True, MultiAZEnabled=True)
    yield "trio"
    lab.delete_group("trio")


def primary_endpoint(lab: Lab, name: str) -> dict[str, Any]:
    endpoint: dict[str, Any] = shard_of(lab.group(name))["PrimaryEndpoint"]
    return endpoint


def reader_endpoint(lab: Lab, name: str) -> dict[str, Any]:
    endpoint: dict[str, Any] = shard_of(lab.group(name))["ReaderEndpoint"]
    return endpoint


def far_window() -> str:
    """A maintenance window that is not open now."""
    day = f"{datetime.now(UTC) + timedelta(days=3):%a}".lower()
    return f"{day}:05:00-{day}:06:00"


def role_of(client: redis.Redis) -> str:
    return str(client.info("replication")["role"])


def test_a_group_is_described_as_aws_does(lab: Lab, trio: str) -> None:
    group = lab.group(trio)
    assert (group["AutomaticFailover"], group["MultiAZ"], group["ClusterEnabled"]) == (
        "enabled",
        "enabled",
        False,
    )
    members = shard_of(group)["NodeGroupMembers"]
    assert [each["CurrentRole"] for each in members] == ["primary", "replica", "replica"]
    assert len({each["PreferredAvailabilityZone"] for each in members}) == 3
    addresses = {each["ReadEndpoint"]["Address"] for each in members}
    shard = shard_of(group)
    assert len(addresses | {shard[name]["Address"] for name in ("PrimaryEndpoint", "ReaderEndpoint")}) == 5
    waiter = lab.cache.get_waiter("replication_group_available")
    waiter.wait(ReplicationGroupId=trio, WaiterConfig={"Delay": 1, "MaxAttempts": 1})


def test_replicas_have_the_writes_and_refuse_their_own(lab: Lab, trio: str) -> None:
    with lab.through(primary_endpoint(lab, trio)) as primary:
        primary.set("order", "1")
        assert primary.wait(2, 5000) == 2
        assert primary.info("replication")["connected_slaves"] == 2
    runs = set()
    for _ in range(4):
        with lab.through(reader_endpoint(lab, trio)) as reader:
            assert (reader.get("order"), role_of(reader)) == ("1", "slave")
            runs.add(reader.info("server")["run_id"])
            with pytest.raises(redis.ReadOnlyError):
                reader.set("order", "2")
    assert len(runs) == 2, "connections take turns over the replicas"
    with lab.through(endpoint_of(lab.describe("trio-002"))) as node, pytest.raises(redis.ReadOnlyError):
        node.set("order", "3")


def test_the_door_of_the_replicas_opens_to_nobody_else(lab: Lab, trio: str) -> None:
    claims = json.loads((lab.aws.state / "addresses.json").read_text())
    [door] = [each for name, each in claims.items() if name.endswith("/replication")]
    for words in (b"PING\r\n", b"*1\r\n$4\r\nPING\r\n", b"*2\r\n$3\r\nGET\r\n$5\r\norder\r\n"):
        with socket.create_connection((door["address"], door["port"]), 10) as stranger:
            stranger.settimeout(10)
            stranger.sendall(words)
            assert stranger.recv(100) in (b"", b"-NOAUTH Authentication required.\r\n")
    with socket.create_connection((door["address"], door["port"]), 10) as stranger:
        stranger.settimeout(10)
        stranger.sendall(b"*3\r\n$4\r\nAUTH\r\n$10\r\nreplicator\r\n$5\r\nguess\r\n*1\r\n$4\r\nPING\r\n")
        assert stranger.recv(100).startswith(b"-WRONGPASS")
        with contextlib.suppress(ConnectionError):
            assert stranger.recv(100) == b""


def test_a_tested_failover_moves_the_endpoint_and_loses_nothing(lab: Lab, trio: str) -> None:
    former = primary_of(lab.group(trio))
    with lab.through(primary_endpoint(lab, trio)) as writer:
        written = 0
        # a client that connects after the failover would notice nothing
        writer.ping()
        lab.cache.test_failover(ReplicationGroupId=trio, NodeGroupId=SHARD)
        moved = False
        while not moved or written % 50:
            try:
                writer.rpush("log", written)
            except redis.ConnectionError:
                moved = True
                # whether this one arrived is unknown: the list itself tells
                eventually(lambda: answers(writer))
                written = int(writer.llen("log"))
            else:
                written += 1
        assert [int(each) for each in writer.lrange("log", 0, -1)] == list(range(written))
        assert role_of(writer) == "master"
    after = lab.group_available(trio)
    assert primary_of(after) != former
    with lab.through(endpoint_of(lab.describe(former))) as old:
        eventually(lambda: old.llen("log") == written)
        assert role_of(old) == "slave"
    told = [event["Message"] for event in lab.cache.describe_events(SourceType="replication-group")["Events"]]
    assert f"Failover from master node {former} to replica node {primary_of(after)} completed" in told


def test_a_killed_primary_is_replaced_and_comes_back_as_replica(lab: Lab, trio: str) -> None:
    former = primary_of(lab.group(trio))
    with lab.through(primary_endpoint(lab, trio)) as client:
        client.set("kept", "yes")
        assert client.wait(2, 5000) == 2
        os.kill(client.info("server")["process_id"], signal.SIGKILL)
        eventually(lambda: answers(client))
        assert (client.get("kept"), role_of(client)) == ("yes", "master")
        client.set("later", "yes")
    eventually(lambda: primary_of(lab.group(trio)) != former)
    lab.group_available(trio)
    with lab.through(endpoint_of(lab.describe(former))) as old:
        assert (old.get("later"), role_of(old)) == ("yes", "slave")


def test_a_zone_that_is_down_takes_the_primary_with_it(lab: Lab, trio: str) -> None:
    former = primary_of(lab.group(trio))
    zone = lab.describe(former)["PreferredAvailabilityZone"]
    lab.aws.run("zone", "fail", zone)
    try:
        eventually(lambda: primary_of(lab.group(trio)) != former)
        with lab.through(primary_endpoint(lab, trio)) as client:
            eventually(lambda: answers(client))
            client.set("meanwhile", "yes")
        assert lab.describe(former)["CacheClusterStatus"] != "available"
    finally:
        lab.aws.run("zone", "restore", zone)
    lab.group_available(trio)
    with lab.through(endpoint_of(lab.describe(former))) as old:
        assert old.get("meanwhile") == "yes"


def test_replicas_come_and_go(lab: Lab) -> None:
    lab.create_group("grows", NumCacheClusters=1, Engine="redis")
    with lab.through(reader_endpoint(lab, "grows")) as alone:
        assert role_of(alone) == "master", "without replicas the reader endpoint leads to the primary"
    with lab.through(primary_endpoint(lab, "grows")) as client:
        client.set("early", "yes")
    change = {"ReplicationGroupId": "grows", "ApplyImmediately": True}
    lab.cache.increase_replica_count(NewReplicaCount=2, **change)
    group = lab.group_available("grows")
    assert group["MemberClusters"] == ["grows-001", "grows-002", "grows-003"]
    with lab.through(reader_endpoint(lab, "grows")) as reader:
        assert (reader.get("early"), role_of(reader)) == ("yes", "slave")
    lab.cache.decrease_replica_count(ReplicasToRemove=["grows-002"], **change)
    group = lab.group_available("grows")
    assert group["MemberClusters"] == ["grows-001", "grows-003"]
    assert lab.gone("grows-002")
    with pytest.raises(ClientError) as caught:
        lab.cache.decrease_replica_count(ReplicasToRemove=["grows-001"], **change)
    assert code_of(caught) == "InvalidParameterValue"
    lab.cache.modify_replication_group(ReplicationGroupId="grows", PrimaryClusterId="grows-003")
    eventually(lambda: primary_of(lab.group("grows")) == "grows-003")
    lab.group_available("grows")
    lab.cache.delete_replication_group(ReplicationGroupId="grows", RetainPrimaryCluster=True)
    eventually(lambda: not any(each["ReplicationGroupId"] == "grows" for each in lab.groups()))
    alone_again = lab.available("grows-003")
    assert "ReplicationGroupId" not in alone_again
    with lab.through(endpoint_of(alone_again)) as client:
        assert client.get("early") == "yes"
        client.set("late", "yes")
    lab.delete("grows-003")


def test_a_group_is_made_around_a_cluster_that_has_data(lab: Lab) -> None:
    alone = lab.create("old", Engine="redis")
    with lab.through(endpoint_of(alone)) as client:
        client.set("early", "yes")
    group = lab.create_group("around", Engine="redis", PrimaryClusterId="old", NumCacheClusters=2)
    assert group["MemberClusters"] == ["old", "around-002"]
    assert endpoint_of(lab.describe("old")) == endpoint_of(alone)
    for endpoint in (*map(shard_of(group).get, ("PrimaryEndpoint", "ReaderEndpoint")), endpoint_of(alone)):
        with lab.through(endpoint or {}) as client:
            assert client.get("early") == "yes"
    lab.delete_group("around")
    assert lab.gone("old")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"PrimaryClusterId": "none"}, "CacheClusterNotFound"),
        ({"PrimaryClusterId": "trio-001"}, "InvalidParameterCombination"),
        ({"NumNodeGroups": 2}, "InsufficientCacheClusterCapacity"),
        ({"ClusterMode": "enabled"}, "InsufficientCacheClusterCapacity"),
        ({"NumCacheClusters": 7}, "NodeQuotaForClusterExceeded"),
        ({"NumCacheClusters": 3, "ReplicasPerNodeGroup": 1}, "InvalidParameterCombination"),
        ({"AutomaticFailoverEnabled": True}, "InvalidParameterCombination"),
        ({"NumCacheClusters": 2, "MultiAZEnabled": True}, "InvalidParameterCombination"),
        ({"NumCacheClusters": 2, "PreferredCacheClusterAZs": ["us-east-1a"]}, "InvalidParameterCombination"),
        ({"PreferredCacheClusterAZs": ["us-west-2a"]}, "InvalidParameterValue"),
        ({"Engine": "memcached"}, "InvalidParameterCombination"),
        ({"UserGroupIds": ["none"]}, "UserGroupNotFound"),
        ({"GlobalReplicationGroupId": "global"}, "InvalidParameterValue"),
        ({"TransitEncryptionMode": "required"}, "InvalidParameterCombination"),
        ({"ReplicationGroupId": "trio"}, "ReplicationGroupAlreadyExists"),
        ({"ReplicationGroupId": "-"}, "InvalidParameterValue"),
    ],
)
def test_bad_groups_get_the_codes_of_aws(lab: Lab, trio: str, options: dict[str, Any], code: str) -> None:
    request = {"ReplicationGroupId": "fresh", "ReplicationGroupDescription": "x"}
    with pytest.raises(ClientError) as caught:
        lab.cache.create_replication_group(**{**request, **options})
    assert code_of(caught) == code
    assert "fresh" not in {each["ReplicationGroupId"] for each in lab.groups()}


def test_what_cannot_be_done_to_a_group_is_refused(lab: Lab, trio: str) -> None:
    replica = next(name for name in lab.group(trio)["MemberClusters"] if name != primary_of(lab.group(trio)))
    named = {"ReplicationGroupId": trio}
    attempts: list[tuple[Any, dict[str, Any], str]] = [
        (lab.cache.test_failover, {**named, "NodeGroupId": "0002"}, "NodeGroupNotFoundFault"),
        (lab.cache.test_failover, {**named, "ReplicationGroupId": "no", "NodeGroupId": SHARD},
         "ReplicationGroupNotFoundFault"),
        (lab.cache.increase_replica_count, {**named, "NewReplicaCount": 2, "ApplyImmediately": True},
         "NoOperationFault"),
        (lab.cache.increase_replica_count, {**named, "NewReplicaCount": 9, "ApplyImmediately": True},
         "NodeQuotaForClusterExceeded"),
        (lab.cache.decrease_replica_count, {**named, "NewReplicaCount": 0, "ApplyImmediately": True},
         "InvalidParameterCombination"),
        (lab.cache.modify_replication_group, {**named, "PrimaryClusterId": replica},
         "InvalidParameterCombination"),
        (lab.cache.modify_replication_group, {**named, "EngineVersion": "7.2.6"},
         "InvalidParameterCombination"),
        (lab.cache.modify_cache_cluster, {"CacheClusterId": replica, "EngineVersion": "8.1.0"},
         "InvalidParameterCombination"),
        (lab.cache.delete_cache_cluster, {"CacheClusterId": primary_of(lab.group(trio))},
         "InvalidCacheClusterState"),
    ]  # fmt: skip
    for call, arguments, code in attempts:
        with pytest.raises(ClientError) as caught:
            call(**arguments)
        assert code_of(caught) == code, arguments


def test_an_upgrade_and_another_node_type_keep_the_data(lab: Lab) -> None:
    lab.create_group("ages", NumCacheClusters=2, EngineVersion="7.2", PreferredMaintenanceWindow=far_window())
    with lab.through(primary_endpoint(lab, "ages")) as client:
        client.set("kept", "yes")
        before = int(client.info("memory")["maxmemory"])
    change = {"CacheNodeType": "cache.t3.small", "EngineVersion": "8.1"}
    lab.cache.modify_replication_group(ReplicationGroupId="ages", **change)
    assert lab.group("ages")["CacheNodeType"] == "cache.t3.micro", "it waits for the maintenance window"
    assert lab.describe("ages-001")["PendingModifiedValues"]["CacheNodeType"] == "cache.t3.small"
    lab.cache.modify_replication_group(ReplicationGroupId="ages", ApplyImmediately=True, **change)
    group = lab.group_available("ages")
    assert group["CacheNodeType"] == "cache.t3.small"
    found = lab.describe("ages-002")
    assert (found["EngineVersion"], found["PendingModifiedValues"]) == ("8.1.0", {})
    assert found["CacheParameterGroup"]["CacheParameterGroupName"] == "default.valkey8"
    with lab.through(primary_endpoint(lab, "ages")) as client:
        assert client.get("kept") == "yes"
        assert int(client.info("memory")["maxmemory"]) > 2 * before
    lab.delete_group("ages")


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_groups_survive_their_server_and_a_zone_that_fails_meanwhile(own_aws: Any, how: str) -> None:
    own_aws.start()
    lab = Lab(own_aws).build()
    lab.create_group("pair", NumCacheClusters=2, AutomaticFailoverEnabled=True)
    lab.cache.test_failover(ReplicationGroupId="pair", NodeGroupId=SHARD)
    eventually(lambda: primary_of(lab.group("pair")) == "pair-002")
    before = lab.group_available("pair")
    with lab.through(shard_of(before)["PrimaryEndpoint"]) as client:
        client.set("kept", "yes")
        client.execute_command("WAITAOF", 0, 0, 0)
        primary = client.info("server")["process_id"]
    leader = "pair-002"
    if how == "stop":
        zone = lab.describe(leader)["PreferredAvailabilityZone"]
        own_aws.stop()
        own_aws.run("zone", "fail", zone)
        leader = "pair-001"
    else:
        os.kill(own_aws.status()["pid"], signal.SIGKILL)
        os.kill(primary, signal.SIGKILL)
    own_aws.start()
    after = Lab(own_aws)
    after.host = lab.host
    if how == "stop":
        eventually(lambda: primary_of(after.group("pair")) == leader)
        own_aws.run("zone", "restore", zone)
    group = after.group_available("pair")
    assert shard_of(group)["PrimaryEndpoint"] == shard_of(before)["PrimaryEndpoint"]
    assert primary_of(group) == leader
    for which, role in (("PrimaryEndpoint", "master"), ("ReaderEndpoint", "slave")):
        with after.through(shard_of(group)[which]) as client:
            assert (client.get("kept"), role_of(client)) == ("yes", role)
