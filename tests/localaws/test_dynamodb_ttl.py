"""Time to live: what expires is deleted by the service, and nothing else."""

from __future__ import annotations

import time
from typing import Any

import pytest

from .conftest import LocalAws, eventually
from .fix_dynamodb_tables import PROVISIONED, attributes, index, items, make_table, refusal

YEAR = 365 * 86400
SPECIFICATION = {"Enabled": True, "AttributeName": "expires"}


@pytest.fixture(scope="module")
def dynamodb(aws: LocalAws) -> Any:
    return aws.client("dynamodb")


def put(dynamodb: Any, name: str, item: str, expires: dict[str, Any]) -> None:
    dynamodb.put_item(TableName=name, Item={"id": {"S": item}, "total": {"N": "1"}, "expires": expires})


def left(dynamodb: Any, name: str, **where: Any) -> set[str]:
    return {item["id"]["S"] for item in items(dynamodb, name, **where)}


def test_expired_items_are_deleted_and_others_stay(dynamodb: Any) -> None:
    now = int(time.time())
    make_table(
        dynamodb,
        "sessions",
        AttributeDefinitions=attributes("id", "total:N"),
        GlobalSecondaryIndexes=[index("by-total", "total")],
    )
    put(dynamodb, "sessions", "past", {"N": str(now - 60)})
    put(dynamodb, "sessions", "soon", {"N": str(now + 2)})
    put(dynamodb, "sessions", "future", {"N": str(now + 3600)})
    put(dynamodb, "sessions", "ancient", {"N": str(now - 6 * YEAR)})
    put(dynamodb, "sessions", "text", {"S": str(now - 60)})
    put(dynamodb, "sessions", "list", {"L": [{"N": str(now - 60)}]})
    assert left(dynamodb, "sessions") >= {"past", "future"}
    dynamodb.update_time_to_live(TableName="sessions", TimeToLiveSpecification=SPECIFICATION)
    kept = {"future", "ancient", "text", "list"}
    eventually(lambda: left(dynamodb, "sessions") == kept)
    assert left(dynamodb, "sessions", IndexName="by-total") == kept


def test_another_attribute_takes_over(dynamodb: Any) -> None:
    make_table(dynamodb, "renamed")
    past = {"N": str(int(time.time()) - 60)}
    for name in ("it's.over", "It's.over"):
        dynamodb.put_item(TableName="renamed", Item={"id": {"S": name}, name: past})
    expected = {"it's.over", "It's.over"}
    for name in sorted(expected):
        setting = {"Enabled": True, "AttributeName": name}
        dynamodb.update_time_to_live(TableName="renamed", TimeToLiveSpecification=setting)
        expected.discard(name)
        eventually(lambda: left(dynamodb, "renamed") == expected)
        dynamodb.update_time_to_live(
            TableName="renamed", TimeToLiveSpecification=setting | {"Enabled": False}
        )
        eventually(lambda: not ttl_is_on(dynamodb, "renamed"))


def ttl_is_on(dynamodb: Any, name: str) -> bool:
    shown = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    return bool(shown["TimeToLiveStatus"] != "DISABLED")


def test_a_longer_life_is_respected(dynamodb: Any) -> None:
    make_table(dynamodb, "renewed")
    dynamodb.update_time_to_live(TableName="renewed", TimeToLiveSpecification=SPECIFICATION)
    put(dynamodb, "renewed", "kept", {"N": str(int(time.time()) + 1)})
    put(dynamodb, "renewed", "kept", {"N": str(int(time.time()) + 3600)})
    put(dynamodb, "renewed", "gone", {"N": str(int(time.time()) + 2)})
    eventually(lambda: left(dynamodb, "renewed") == {"kept"})


def test_the_stream_names_the_service_and_no_capacity_is_used(aws: LocalAws, dynamodb: Any) -> None:
    table = make_table(
        dynamodb,
        "streamed",
        ProvisionedThroughput={**PROVISIONED, "WriteCapacityUnits": 1},
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "OLD_IMAGE"},
    )
    put(dynamodb, "streamed", "gone", {"N": str(int(time.time()) - 60)})
    dynamodb.delete_item(TableName="streamed", Key={"id": {"S": "nothing"}})
    dynamodb.update_time_to_live(TableName="streamed", TimeToLiveSpecification=SPECIFICATION)
    eventually(lambda: not left(dynamodb, "streamed"))
    streams = aws.client("dynamodbstreams")
    arn = table["LatestStreamArn"]
    (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    where = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    last = streams.get_records(ShardIterator=where)["Records"][-1]
    assert last["eventName"] == "REMOVE"
    assert last["userIdentity"] == {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
    assert last["dynamodb"]["OldImage"]["id"] == {"S": "gone"}


def test_the_setting_has_rules(dynamodb: Any) -> None:
    make_table(dynamodb, "rules")
    change = dynamodb.update_time_to_live
    off = {**SPECIFICATION, "Enabled": False}
    assert "already disabled" in refusal(change, TableName="rules", TimeToLiveSpecification=off)[1]
    assert (
        change(TableName="rules", TimeToLiveSpecification=SPECIFICATION)["TimeToLiveSpecification"]
        == SPECIFICATION
    )
    assert "already enabled" in refusal(change, TableName="rules", TimeToLiveSpecification=SPECIFICATION)[1]
    eventually(
        lambda: (
            dynamodb.describe_time_to_live(TableName="rules")["TimeToLiveDescription"]["TimeToLiveStatus"]
            == "ENABLED"
        )
    )
    for enabled in (True, False):
        other = {"Enabled": enabled, "AttributeName": "other"}
        _, message = refusal(change, TableName="rules", TimeToLiveSpecification=other)
        assert "active on a different AttributeName: current AttributeName is" in message
    code, _ = refusal(change, TableName="nowhere", TimeToLiveSpecification=SPECIFICATION)
    assert code == "ResourceNotFoundException"


def test_after_it_is_turned_off_nothing_expires(dynamodb: Any) -> None:
    make_table(dynamodb, "turned-off")
    make_table(dynamodb, "turned-on")
    for name in ("turned-off", "turned-on"):
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=SPECIFICATION)
    off = {**SPECIFICATION, "Enabled": False}
    eventually(
        lambda: (
            dynamodb.describe_time_to_live(TableName="turned-off")["TimeToLiveDescription"][
                "TimeToLiveStatus"
            ]
            == "ENABLED"
        )
    )
    dynamodb.update_time_to_live(TableName="turned-off", TimeToLiveSpecification=off)
    eventually(
        lambda: (
            dynamodb.describe_time_to_live(TableName="turned-off")["TimeToLiveDescription"]
            == {"TimeToLiveStatus": "DISABLED"}
        )
    )
    for name in ("turned-off", "turned-on"):
        put(dynamodb, name, "old", {"N": str(int(time.time()) - 60)})
    eventually(lambda: not left(dynamodb, "turned-on"))
    assert left(dynamodb, "turned-off") == {"old"}
