"""Snapshots that hold data, and caches that are made of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .conftest import code_of, eventually
from .fix_caches import Lab, endpoint_of, shard_of

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def lab(aws: Any) -> Lab:
    return Lab(aws).build()


def snapshot(lab: Lab, name: str) -> dict[str, Any]:
    found: dict[str, Any] = lab.cache.describe_snapshots(SnapshotName=name)["Snapshots"][0]
    return found


def taken(lab: Lab, name: str) -> dict[str, Any]:
    eventually(lambda: snapshot(lab, name)["SnapshotStatus"] == "available")
    return snapshot(lab, name)


def names(lab: Lab, **which: str) -> set[str]:
    return {each["SnapshotName"] for each in lab.cache.describe_snapshots(**which)["Snapshots"]}


def files(lab: Lab) -> int:
    """Snapshots on the disk: their folder is the engines', which is elsewhere when root runs the tests."""
    from localaws.state import StateDir

    return len(list((StateDir.open(lab.aws.state).engines_root / "cache-snapshots").glob("*")))


def test_a_snapshot_holds_the_data_of_its_moment_and_is_restored(lab: Lab) -> None:
    made = lab.create_group("source", NumCacheClusters=2)
    with lab.through(shard_of(made)["PrimaryEndpoint"]) as client:
        client.set("cart", "book")
        client.expire("cart", 5000)
        lab.cache.create_snapshot(SnapshotName="first", ReplicationGroupId="source")
        assert taken(lab, "first")["NodeSnapshots"][0]["CacheSize"].endswith(" MB")
        client.set("cart", "pen")
    lab.cache.copy_snapshot(SourceSnapshotName="first", TargetSnapshotName="second")
    taken(lab, "second")
    lab.cache.delete_snapshot(SnapshotName="first")
    eventually(lambda: names(lab) == {"second"})
    lab.cache.delete_replication_group(ReplicationGroupId="source", FinalSnapshotIdentifier="last")
    eventually(lambda: lab.groups() == [])
    assert taken(lab, "last")["SnapshotSource"] == "manual"
    assert names(lab, ReplicationGroupId="source") == {"second", "last"}
    group = lab.create_group("copy", SnapshotName="second", NumCacheClusters=2)
    for endpoint in ("PrimaryEndpoint", "ReaderEndpoint"):
        with lab.through(shard_of(group)[endpoint]) as client:
            assert client.get("cart") == "book"
            assert 0 < client.ttl("cart") <= 5000
    lone = lab.create("lone", SnapshotName="last", Engine="valkey")
    with lab.through(endpoint_of(lone)) as client:
        assert client.get("cart") == "pen"
    assert files(lab) == 2
    for name in ("second", "last"):
        lab.cache.delete_snapshot(SnapshotName=name)
    eventually(lambda: names(lab) == set() and files(lab) == 0)
    lab.delete("lone")
    lab.delete_group("copy")


def test_an_automatic_snapshot_is_taken_in_its_window(lab: Lab) -> None:
    now = datetime.now(UTC)
    begin, end = now - timedelta(minutes=10), now + timedelta(minutes=50)
    window = f"{begin:%H:%M}-{end:%H:%M}"
    lab.create("daily", Engine="valkey", SnapshotRetentionLimit=3, SnapshotWindow=window)
    eventually(lambda: len(names(lab, CacheClusterId="daily", SnapshotSource="system")) == 1)
    [name] = names(lab, CacheClusterId="daily")
    assert name.startswith("automatic.daily-")
    assert taken(lab, name)["SnapshotSource"] == "automated"
    lab.available("daily")
    lab.delete("daily")
    eventually(lambda: names(lab) == set())


def test_what_cannot_be_done_is_refused(lab: Lab) -> None:
    lab.create("here", Engine="redis")
    lab.cache.create_snapshot(SnapshotName="one", CacheClusterId="here")
    taken(lab, "one")
    for call, arguments, code in (
        (lab.cache.create_snapshot, {"SnapshotName": "two"}, "InvalidParameterValue"),
        (lab.cache.create_snapshot, {"SnapshotName": "two", "CacheClusterId": "none"},
         "CacheClusterNotFound"),
        (lab.cache.create_snapshot, {"SnapshotName": "one", "CacheClusterId": "here"},
         "SnapshotAlreadyExistsFault"),
        (lab.cache.copy_snapshot, {"SourceSnapshotName": "one", "TargetSnapshotName": "one"},
         "SnapshotAlreadyExistsFault"),
        (lab.cache.copy_snapshot,
         {"SourceSnapshotName": "one", "TargetSnapshotName": "two", "TargetBucket": "bucket"},
         "InvalidParameterValue"),
        (lab.cache.delete_snapshot, {"SnapshotName": "none"}, "SnapshotNotFoundFault"),
        (lab.cache.delete_cache_cluster, {"CacheClusterId": "here", "FinalSnapshotIdentifier": "one"},
         "SnapshotAlreadyExistsFault"),
    ):  # fmt: skip
        with pytest.raises(ClientError) as caught:
            call(**arguments)
        assert code_of(caught) == code, arguments
    lab.delete("here")
