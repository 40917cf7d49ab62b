"""Items: what may be written, how it comes back, and that it stays."""

from __future__ import annotations

import os
import signal
from decimal import Decimal
from pathlib import Path
from typing import Any

import psutil
import pytest
from boto3.dynamodb.types import Binary
from botocore.exceptions import ClientError

from .conftest import LocalAws, code_of, eventually
from .fix_dynamodb_items import index, make_table

KIB = 1024


@pytest.fixture(scope="module")
def table(aws: LocalAws) -> Any:
    return make_table(aws, "items", {"p": "S", "s": "N"})


@pytest.fixture(scope="module")
def client(aws: LocalAws, table: Any) -> Any:
    return aws.client("dynamodb")


def refused(call: Any, **words: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**words)
    return f"{code_of(caught)}: {caught.value.response['Error']['Message']}"


def key(name: str) -> dict[str, Any]:
    return {"p": {"S": name}, "s": {"N": "0"}}


def test_an_item_comes_back_with_all_its_types(table: Any) -> None:
    item = {
        "p": "types",
        "s": Decimal(1),
        "text": 'ä \U0001f600 " \\',
        "empty": "",
        "number": Decimal("-12.50").normalize(),
        "binary": Binary(b"\x00\xff"),
        "yes": True,
        "nothing": None,
        "list": ["a", Decimal(1), [None, {"deep": [True]}]],
        "map": {"x": {"y": Decimal("0.1")}},
        "words": {"a", "b"},
        "numbers": {Decimal(1), Decimal("2.5")},
        "blobs": {Binary(b"a"), Binary(b"b")},
    }
    table.put_item(Item=item)
    assert table.get_item(Key={"p": "types", "s": 1}, ConsistentRead=True)["Item"] == item
    assert "Item" not in table.get_item(Key={"p": "types", "s": 2})


@pytest.mark.parametrize(
    ("given", "answered"),
    [
        ("1.0", "1"),
        ("-0", "0"),
        ("007", "7"),
        ("1e3", "1000"),
        ("12E-4", "0.0012"),
        (".5", "0.5"),
        ("+3", "3"),
        ("1E125", "1" + "0" * 125),
        ("1" * 38, "1" * 38),
        ("-" + "9" * 38 + "e87", "-" + "9" * 38 + "0" * 87),
    ],
)
def test_numbers_are_answered_in_canonical_form(client: Any, given: str, answered: str) -> None:
    client.put_item(TableName="items", Item={**key("number"), "n": {"N": given}})
    assert client.get_item(TableName="items", Key=key("number"))["Item"]["n"] == {"N": answered}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"N": "1" * 39}, "Attempting to store more than 38 significant digits in a Number"),
        ({"N": "1e126"}, "Number overflow. Attempting to store a number with magnitude larger"),
        ({"N": "1e-131"}, "Number underflow. Attempting to store a number with magnitude smaller"),
        ({"N": "one"}, "The parameter cannot be converted to a numeric value: one"),
        ({"N": ""}, "The parameter cannot be converted to a numeric value"),
        ({"SS": []}, "An string set  may not be empty"),
        ({"NS": []}, "An number set  may not be empty"),
        ({"SS": ["a", "a"]}, "Input collection [a, a] contains duplicates"),
        ({"NS": ["1", "1.0"]}, "Input collection contains duplicates"),
        ({"NULL": False}, "Null attribute value types must have the value of true"),
    ],
)
def test_values_that_break_a_rule_are_refused(client: Any, value: Any, reason: str) -> None:
    said = refused(client.put_item, TableName="items", Item={**key("bad"), "v": value})
    assert said.startswith("ValidationException")
    assert reason in said


def test_32_levels_may_be_nested_and_no_more(client: Any) -> None:
    value: dict[str, Any] = {"S": "bottom"}
    for _ in range(32):
        value = {"L": [value]}
    client.put_item(TableName="items", Item={**key("deep"), "v": value})
    said = refused(client.put_item, TableName="items", Item={**key("deep"), "v": {"L": [value]}})
    assert "Nesting Levels have exceeded supported limits" in said


def test_an_item_may_have_400_kb(client: Any) -> None:
    # names count too: p 1 + "big" 3, s 1 + the number 0 is one byte, v 1
    room = 400 * KIB - len("p") - len("big") - len("s") - 1 - len("v")
    largest = {**key("big"), "v": {"S": "x" * room}}
    client.put_item(TableName="items", Item=largest)
    assert client.get_item(TableName="items", Key=key("big"))["Item"] == largest
    larger = {**key("big"), "v": {"S": "x" * (room + 1)}}
    assert "Item size has exceeded" in refused(client.put_item, TableName="items", Item=larger)
    said = refused(
        client.update_item,
        TableName="items",
        Key=key("big"),
        UpdateExpression="SET w = :w",
        ExpressionAttributeValues={":w": {"S": "x"}},
    )
    assert "Item size to update has exceeded the maximum allowed size" in said


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"p": {"S": "a"}}, "Missing the key s in the item"),
        ({"p": {"N": "1"}, "s": {"N": "1"}}, "Type mismatch for key p expected: S actual: N"),
        ({"p": {"S": ""}, "s": {"N": "1"}}, "cannot contain an empty string value. Key: p"),
        (
            {"p": {"S": "x" * 2049}, "s": {"N": "1"}},
            "Size of hashkey has exceeded the maximum size limit of2048",
        ),
    ],
)
def test_keys_have_rules(client: Any, item: Any, reason: str) -> None:
    assert reason in refused(client.put_item, TableName="items", Item=item)


def test_a_sort_key_has_at_most_1024_bytes(aws: LocalAws) -> None:
    table = make_table(aws, "sorted", {"p": "S", "s": "B"})
    table.put_item(Item={"p": "x" * 2048, "s": b"x" * 1024})
    assert "Aggregated size of all range keys has exceeded the size limit of 1024 bytes" in refused(
        table.put_item, Item={"p": "a", "s": b"x" * 1025}
    )


def test_a_key_must_be_the_tables(client: Any) -> None:
    for wrong in ({"p": {"S": "a"}}, {**key("a"), "x": {"S": "b"}}, {"p": {"S": "a"}, "s": {"S": "1"}}):
        for call in (client.get_item, client.delete_item, client.update_item):
            assert "The provided key element does not match the schema" in refused(
                call, TableName="items", Key=wrong
            )


def test_return_values_of_the_three_writes(table: Any) -> None:
    where = {"p": "returned", "s": 1}
    assert "Attributes" not in table.put_item(Item={**where, "a": 1, "b": {"c": 1}}, ReturnValues="ALL_OLD")
    old = table.put_item(Item={**where, "a": 2, "b": {"c": 2, "d": 3}}, ReturnValues="ALL_OLD")
    assert old["Attributes"] == {**where, "a": 1, "b": {"c": 1}}

    def update(kind: str, value: int) -> Any:
        words = "SET a = :v, b.c = :v REMOVE b.d"
        return table.update_item(
            Key=where,
            UpdateExpression=words,
            ExpressionAttributeValues={":v": value},
            ReturnValues=kind,
        ).get("Attributes")

    assert update("UPDATED_OLD", 5) == {"a": 2, "b": {"c": 2, "d": 3}}
    assert update("UPDATED_NEW", 6) == {"a": 6, "b": {"c": 6}}
    assert update("ALL_OLD", 7) == {**where, "a": 6, "b": {"c": 6}}
    assert update("ALL_NEW", 8) == {**where, "a": 8, "b": {"c": 8}}
    assert update("NONE", 9) is None
    assert table.delete_item(Key=where, ReturnValues="ALL_OLD")["Attributes"]["a"] == 9
    assert "Attributes" not in table.delete_item(Key=where, ReturnValues="ALL_OLD")
    assert "ReturnValues can only be ALL_OLD or NONE" in refused(
        table.put_item, Item=where, ReturnValues="ALL_NEW"
    )


def test_an_update_makes_the_item_that_is_missing(table: Any) -> None:
    where = {"p": "made", "s": 1}
    table.update_item(Key=where)
    assert table.get_item(Key=where)["Item"] == where


def test_a_stale_version_is_refused_and_shown(table: Any) -> None:
    where = {"p": "versioned", "s": 1}
    table.put_item(Item={**where, "version": 2})
    stale: dict[str, Any] = {
        "Key": where,
        "UpdateExpression": "SET version = :new",
        "ConditionExpression": "version = :old",
        "ExpressionAttributeValues": {":new": 2, ":old": 1},
    }
    with pytest.raises(ClientError) as caught:
        table.update_item(**stale, ReturnValuesOnConditionCheckFailure="ALL_OLD")
    assert code_of(caught) == "ConditionalCheckFailedException"
    answered: dict[str, Any] = dict(caught.value.response)
    assert answered["Item"]["version"] == {"N": "2"}
    assert table.get_item(Key=where)["Item"]["version"] == 2


def test_a_table_that_is_not_there(client: Any) -> None:
    said = refused(client.get_item, TableName="nowhere", Key=key("a"))
    assert said == "ResourceNotFoundException: Requested resource not found"


def test_the_arn_names_the_table_too(client: Any) -> None:
    arn = client.describe_table(TableName="items")["Table"]["TableArn"]
    client.put_item(TableName=arn, Item=key("by arn"))
    assert client.get_item(TableName="items", Key=key("by arn"))["Item"] == key("by arn")


def test_batches(table: Any, client: Any) -> None:
    with table.batch_writer() as batch:
        for number in range(60):
            batch.put_item(Item={"p": "batch", "s": number})
        batch.delete_item(Key={"p": "batch", "s": 0})
    wanted = [{"p": {"S": "batch"}, "s": {"N": str(number)}} for number in range(70)]
    answer = client.batch_get_item(RequestItems={"items": {"Keys": wanted}})
    assert len(answer["Responses"]["items"]) == 59
    assert answer["UnprocessedKeys"] == {}


def test_batches_have_limits(client: Any) -> None:
    one = {"PutRequest": {"Item": key("twice")}}
    assert "contains duplicates" in refused(client.batch_write_item, RequestItems={"items": [one, one]})
    many = [{"PutRequest": {"Item": key(f"many {number}")}} for number in range(26)]
    assert "less than or equal to 25" in refused(client.batch_write_item, RequestItems={"items": many})
    keys = [key(f"many {number}") for number in range(101)]
    said = refused(client.batch_get_item, RequestItems={"items": {"Keys": keys}})
    assert "Member must have length less than or equal to 100" in said


def test_a_batch_of_large_items_is_answered_in_parts(aws: LocalAws) -> None:
    ample = {"ReadCapacityUnits": 40_000, "WriteCapacityUnits": 40_000}
    table = make_table(aws, "large", {"p": "S"}, BillingMode="PROVISIONED", ProvisionedThroughput=ample)
    for number in range(45):
        table.put_item(Item={"p": str(number), "v": "x" * (380 * KIB)})
    wanted = [{"p": {"S": str(number)}} for number in range(45)]
    answer = aws.client("dynamodb").batch_get_item(RequestItems={"large": {"Keys": wanted}})
    found = len(answer["Responses"]["large"])
    assert 40 < found <= 16 * KIB // 380
    assert found + len(answer["UnprocessedKeys"]["large"]["Keys"]) == 45


def test_items_outlive_restarts_and_kills(own_aws: LocalAws) -> None:
    own_aws.start()
    table = make_table(
        own_aws,
        "kept",
        {"p": "S"},
        attributes={"g": "S"},
        GlobalSecondaryIndexes=[index("by-g", "g")],
    )
    table.put_item(Item={"p": "stopped", "g": "x"})
    own_aws.stop()
    own_aws.start()
    fresh = own_aws.session().resource("dynamodb", endpoint_url=own_aws.endpoint_url).Table("kept")
    fresh.put_item(Item={"p": "killed", "g": "x"})
    pid = own_aws.status()["pid"]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not psutil.pid_exists(pid))
    own_aws.start()
    again = own_aws.client("dynamodb")
    for name in ("stopped", "killed"):
        assert again.get_item(TableName="kept", Key={"p": {"S": name}})["Item"]["p"] == {"S": name}
    found = again.query(
        TableName="kept",
        IndexName="by-g",
        KeyConditionExpression="g = :g",
        ExpressionAttributeValues={":g": {"S": "x"}},
    )
    assert found["Count"] == 2
    _check_files(own_aws.state / "dynamodb")
    own_aws.stop()
    own_aws.run("reset")
    assert not (own_aws.state / "dynamodb").exists()


def _check_files(folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)


def test_items_are_in_no_snapshot(own_aws: LocalAws) -> None:
    own_aws.start()
    table = make_table(own_aws, "secrets", {"p": "S"})
    table.put_item(Item={"p": "needle in the haystack"})
    own_aws.stop()
    for folder in ("journal", "snapshot"):
        assert all(b"haystack" not in path.read_bytes() for path in (own_aws.state / folder).iterdir())
    stores = (own_aws.state / "dynamodb").rglob("*.sqlite*")
    assert any(b"haystack" in path.read_bytes() for path in stores)
