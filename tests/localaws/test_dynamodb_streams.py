"""Streams: what GetRecords tells of writes, from where an iterator begins, and what stays afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import LocalAws, eventually
from .fix_dynamodb_tables import attributes, described, key, make_table, refusal
from .fix_lambda import function

VIEW = "NEW_AND_OLD_IMAGES"


@pytest.fixture(scope="module")
def dynamodb(aws: LocalAws) -> Any:
    return aws.client("dynamodb")


@pytest.fixture(scope="module")
def streams(aws: LocalAws) -> Any:
    return aws.client("dynamodbstreams")


def make(dynamodb: Any, name: str, view: str = VIEW, **options: Any) -> str:
    """A table with a stream; its ARN."""
    specification = {"StreamEnabled": True, "StreamViewType": view}
    return str(make_table(dynamodb, name, StreamSpecification=specification, **options)["LatestStreamArn"])


def shard(streams: Any, arn: str) -> dict[str, Any]:
    (found,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    return dict(found)


def iterator(streams: Any, arn: str, kind: str = "TRIM_HORIZON", **where: Any) -> str:
    answer = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard(streams, arn)["ShardId"], ShardIteratorType=kind, **where
    )
    return str(answer["ShardIterator"])


def records(streams: Any, arn: str, kind: str = "TRIM_HORIZON", **where: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = streams.get_records(ShardIterator=iterator(streams, arn, kind, **where))[
        "Records"
    ]
    return found


def put(dynamodb: Any, name: str, number: int, **more: Any) -> None:
    dynamodb.put_item(TableName=name, Item={"id": {"S": str(number)}, **more})


def test_each_write_makes_a_record_with_its_images(dynamodb: Any, streams: Any) -> None:
    arn = make(dynamodb, "images")
    put(dynamodb, "images", 1, total={"N": "1"})
    put(dynamodb, "images", 1, total={"N": "2"})
    put(dynamodb, "images", 1, total={"N": "2"})
    dynamodb.delete_item(TableName="images", Key={"id": {"S": "1"}})
    dynamodb.delete_item(TableName="images", Key={"id": {"S": "gone"}})
    found = records(streams, arn)
    assert [record["eventName"] for record in found] == ["INSERT", "MODIFY", "REMOVE"]
    first, second, third = (record["dynamodb"] for record in found)
    assert first["Keys"] == {"id": {"S": "1"}}
    assert "OldImage" not in first
    assert second["OldImage"]["total"] == {"N": "1"}
    assert second["NewImage"]["total"] == {"N": "2"}
    assert "NewImage" not in third
    numbers = [int(record["dynamodb"]["SequenceNumber"]) for record in found]
    assert numbers == sorted(numbers)
    assert len({record["eventID"] for record in found}) == 3
    assert first["SizeBytes"] == len("id1") + len("id1") + len("total") + 2


@pytest.mark.parametrize(
    ("view", "images"),
    [("KEYS_ONLY", set()), ("NEW_IMAGE", {"NewImage"}), ("OLD_IMAGE", {"OldImage"})],
)
def test_the_view_decides_what_a_record_has(dynamodb: Any, streams: Any, view: str, images: set[str]) -> None:
    arn = make(dynamodb, f"view-{view}", view)
    put(dynamodb, f"view-{view}", 1, total={"N": "1"})
    put(dynamodb, f"view-{view}", 1, total={"N": "2"})
    last = records(streams, arn)[-1]["dynamodb"]
    assert set(last) & {"NewImage", "OldImage"} == images
    assert last["StreamViewType"] == view


def test_iterators_begin_where_they_are_asked_to(dynamodb: Any, streams: Any) -> None:
    arn = make(dynamodb, "iterators")
    for number in range(3):
        put(dynamodb, "iterators", number)
    middle = records(streams, arn)[1]["dynamodb"]["SequenceNumber"]
    latest = iterator(streams, arn, "LATEST")
    at = records(streams, arn, "AT_SEQUENCE_NUMBER", SequenceNumber=middle)
    after = records(streams, arn, "AFTER_SEQUENCE_NUMBER", SequenceNumber=middle)
    assert [len(at), len(after)] == [2, 1]
    answer = streams.get_records(ShardIterator=latest)
    assert answer["Records"] == []
    put(dynamodb, "iterators", 4)
    (new,) = streams.get_records(ShardIterator=answer["NextShardIterator"])["Records"]
    assert new["dynamodb"]["Keys"] == {"id": {"S": "4"}}


def test_records_come_in_pages(dynamodb: Any, streams: Any) -> None:
    arn = make(dynamodb, "pages")
    for number in range(5):
        put(dynamodb, "pages", number)
    where, seen = iterator(streams, arn), []
    for _ in range(3):
        answer = streams.get_records(ShardIterator=where, Limit=2)
        seen.append(len(answer["Records"]))
        where = answer["NextShardIterator"]
    assert seen == [2, 2, 1]


def test_wrong_iterators_are_refused(dynamodb: Any, streams: Any) -> None:
    arn = make(dynamodb, "wrong")
    assert refusal(streams.get_records, ShardIterator="arn|1|nothing")[0] == "ValidationException"
    gone = f"{arn}-gone"
    assert refusal(streams.describe_stream, StreamArn=gone)[0] == "ResourceNotFoundException"
    past = {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "SequenceNumber": "1".zfill(21)}
    request = {"StreamArn": arn, "ShardId": shard(streams, arn)["ShardId"], **past}
    assert refusal(streams.get_shard_iterator, **request)[0] == "TrimmedDataAccessException"


def test_a_stream_that_is_turned_off_ends_and_a_new_one_has_another_arn(dynamodb: Any, streams: Any) -> None:
    arn = make(dynamodb, "again")
    put(dynamodb, "again", 1)
    specification = {"StreamEnabled": True, "StreamViewType": VIEW}
    code, message = refusal(dynamodb.update_table, TableName="again", StreamSpecification=specification)
    assert (code, "already has an enabled stream" in message) == ("ValidationException", True)
    dynamodb.update_table(TableName="again", StreamSpecification={"StreamEnabled": False})
    assert "StreamSpecification" not in described(dynamodb, "again")
    put(dynamodb, "again", 2)
    answer = streams.get_records(ShardIterator=iterator(streams, arn))
    assert len(answer["Records"]) == 1
    assert "NextShardIterator" not in answer
    assert "EndingSequenceNumber" in shard(streams, arn)["SequenceNumberRange"]
    dynamodb.update_table(TableName="again", StreamSpecification=specification)
    new = described(dynamodb, "again")["LatestStreamArn"]
    put(dynamodb, "again", 3)
    assert new != arn
    assert [record["dynamodb"]["Keys"]["id"]["S"] for record in records(streams, new)] == ["3"]


def test_the_stream_of_a_deleted_table_can_still_be_read(dynamodb: Any, streams: Any) -> None:
    arn = make(dynamodb, "leaving")
    put(dynamodb, "leaving", 1)
    dynamodb.delete_table(TableName="leaving")
    dynamodb.get_waiter("table_not_exists").wait(TableName="leaving")
    assert streams.describe_stream(StreamArn=arn)["StreamDescription"]["StreamStatus"] == "DISABLED"
    assert [record["eventName"] for record in records(streams, arn)] == ["INSERT"]
    listed = streams.list_streams(TableName="leaving")["Streams"]
    assert [stream["StreamArn"] for stream in listed] == [arn]


def test_a_table_with_sort_keys_has_both_in_its_records(dynamodb: Any, streams: Any) -> None:
    arn = make(dynamodb, "sorted", KeySchema=key("id", "at"), AttributeDefinitions=attributes("id", "at:N"))
    put(dynamodb, "sorted", 1, at={"N": "7"})
    (record,) = records(streams, arn)
    assert record["dynamodb"]["Keys"] == {"id": {"S": "1"}, "at": {"N": "7"}}


SOURCE = """
def lambda_handler(event, context):
    for record in event["Records"]:
        print("got", record["eventName"], record["dynamodb"]["Keys"]["id"]["S"])
    if any("poison" in record["dynamodb"]["NewImage"] for record in event["Records"]):
        raise ValueError("this batch does not please")
"""


def said(aws: LocalAws, name: str) -> list[str]:
    """What a function has written about changes: nothing until its first call makes its log group."""
    logs = aws.client("logs")
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{name}")
    try:
        lines = [event["message"].strip() for page in pages for event in page["events"]]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [line for line in lines if line.startswith("got")]


def test_a_function_is_handed_the_changes_in_order(aws: LocalAws, dynamodb: Any) -> None:
    arn = make(dynamodb, "mapped")
    function(aws, "changes", SOURCE)
    put(dynamodb, "mapped", 1)
    mapping = aws.client("lambda").create_event_source_mapping(
        EventSourceArn=arn, FunctionName="changes", StartingPosition="TRIM_HORIZON", BatchSize=2
    )
    for number in (2, 3, 4):
        put(dynamodb, "mapped", number)
    expected = [f"got INSERT {number}" for number in (1, 2, 3, 4)]
    eventually(lambda: len(said(aws, "changes")) >= 4)
    assert said(aws, "changes") == expected
    aws.client("lambda").delete_event_source_mapping(UUID=mapping["UUID"])


def test_a_batch_that_fails_is_repeated_as_often_as_allowed(aws: LocalAws, dynamodb: Any) -> None:
    arn = make(dynamodb, "failing")
    function(aws, "failing", SOURCE)
    put(dynamodb, "failing", 1, poison={"BOOL": True})
    aws.client("lambda").create_event_source_mapping(
        EventSourceArn=arn,
        FunctionName="failing",
        StartingPosition="TRIM_HORIZON",
        BatchSize=1,
        MaximumRetryAttempts=1,
    )
    put(dynamodb, "failing", 2)
    eventually(lambda: "got INSERT 2" in said(aws, "failing"))
    assert said(aws, "failing") == ["got INSERT 1", "got INSERT 1", "got INSERT 2"]
