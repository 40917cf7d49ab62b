"""CloudWatch metrics of caches, read from servers that really did something."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from .conftest import eventually
from .fix_caches import Lab, shard_of

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def lab(fast: Any) -> Lab:
    return Lab(fast).build()


def total(lab: Lab, name: str, *, statistic: str = "Sum", **dimensions: str) -> float | None:
    now = datetime.now(UTC)
    found = lab.aws.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/ElastiCache",
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=now - timedelta(minutes=30),
        EndTime=now + timedelta(minutes=5),
        Period=3600,
        Statistics=[statistic],
    )["Datapoints"]
    return max((float(point[statistic]) for point in found), default=None)


def test_hits_connections_memory_and_roles_are_told_of_the_nodes(lab: Lab) -> None:
    made = lab.create_group("pair", NumCacheClusters=2)
    node = {"CacheClusterId": "pair-001", "CacheNodeId": "0001"}
    # counts are those between two looks, so there must have been a first one
    eventually(lambda: total(lab, "CPUUtilization", statistic="SampleCount", **node) is not None)
    with lab.through(shard_of(made)["PrimaryEndpoint"]) as client:
        client.set("there", "x" * 1000)
        for _ in range(7):
            client.get("there")
        for _ in range(3):
            client.get("not there")
        client.lpush("list", 1)
        client.set("short", "x", px=1)
        eventually(lambda: total(lab, "CacheHits", **node) == 7)
        eventually(lambda: total(lab, "CacheMisses", **node) == 3)
        eventually(lambda: total(lab, "SetTypeCmds", **node) == 3)
        assert total(lab, "GetTypeCmds", **node) == 10
        assert total(lab, "ListBasedCmds", **node) == 1
        eventually(lambda: total(lab, "Reclaimed", **node) == 1)
        assert (total(lab, "NewConnections", **node) or 0) >= 1
        assert (total(lab, "CurrConnections", statistic="Maximum", **node) or 0) >= 1
        assert total(lab, "CacheHitRate", statistic="Maximum", **node) == 70
    assert total(lab, "CurrItems", statistic="Maximum", **node) in (2, 3)
    assert (total(lab, "BytesUsedForCache", statistic="Minimum", **node) or 0) > 100_000
    assert 0 < (total(lab, "DatabaseMemoryUsagePercentage", statistic="Maximum", **node) or 0) < 5
    assert (total(lab, "FreeableMemory", statistic="Minimum", **node) or 0) > 400_000_000
    assert (total(lab, "NetworkBytesIn", **node) or 0) > 1000
    assert (total(lab, "ReplicationBytes", statistic="Maximum", **node) or 0) > 1000
    assert total(lab, "IsMaster", statistic="Maximum", **node) == 1
    assert total(lab, "Evictions", **node) == 0
    replica = {"CacheClusterId": "pair-002", "CacheNodeId": "0001"}
    assert total(lab, "IsMaster", statistic="Maximum", **replica) == 0
    assert (total(lab, "ReplicationLag", statistic="Minimum", **replica) or 0) <= 2
    assert total(lab, "ReplicationLag", statistic="Maximum", **node) is None
    assert (total(lab, "CacheHits", ReplicationGroupId="pair") or 0) >= 7
    lab.delete_group("pair")
