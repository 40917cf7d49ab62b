"""Query and Scan: ranges, pages, indexes and segments."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError

from .conftest import LocalAws, code_of
from .fix_dynamodb_items import index, make_table

NUMBERS = [
    "-1e20",
    "-12.5",
    "-12",
    "-1",
    "-0.5",
    "0",
    "0.005",
    "0.05",
    "1",
    "1.05",
    "2",
    "10",
    "99.9",
    "100",
    "1e30",
]


@pytest.fixture(scope="module")
def table(aws: LocalAws) -> Any:
    made = make_table(
        aws,
        "queries",
        {"p": "S", "s": "N"},
        attributes={"g": "S", "l": "S"},
        GlobalSecondaryIndexes=[
            index("keys", "g", "s", projection="KEYS_ONLY"),
            index("some", "g", projection="INCLUDE", included=["a"]),
        ],
        LocalSecondaryIndexes=[index("local", "p", "l", projection="KEYS_ONLY")],
    )
    with made.batch_writer() as batch:
        for number in range(40):
            item = {"p": f"p{number % 2}", "s": number, "l": f"L{99 - number}", "a": number * 10, "z": "z"}
            batch.put_item(Item=item | ({"g": f"g{number % 4}"} if number < 20 else {}))
    return made


def sorts(answer: dict[str, Any]) -> list[int]:
    return [int(item["s"]) for item in answer["Items"]]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Key("s").eq(6), [6]),
        (Key("s").lt(6), [0, 2, 4]),
        (Key("s").lte(6), [0, 2, 4, 6]),
        (Key("s").gt(33), [34, 36, 38]),
        (Key("s").gte(34), [34, 36, 38]),
        (Key("s").between(5, 10), [6, 8, 10]),
        (Key("s").eq(7), []),
    ],
)
def test_ranges_of_a_partition(table: Any, condition: Any, expected: list[int]) -> None:
    answer = table.query(KeyConditionExpression=Key("p").eq("p0") & condition)
    assert sorts(answer) == expected
    back = table.query(KeyConditionExpression=Key("p").eq("p0") & condition, ScanIndexForward=False)
    assert sorts(back) == expected[::-1]


def test_numbers_strings_and_bytes_are_sorted_by_what_they_are(aws: LocalAws) -> None:
    numbers = make_table(aws, "numbers", {"p": "S", "s": "N"})
    for text in NUMBERS:
        numbers.put_item(Item={"p": "x", "s": Decimal(text)})
    found = [item["s"] for item in numbers.query(KeyConditionExpression=Key("p").eq("x"))["Items"]]
    assert found == [Decimal(text) for text in NUMBERS]
    blobs = make_table(aws, "blobs", {"p": "N", "s": "B"})
    for content in (b"\xff\xff", b"\xff", b"a", b"aa", b"b", b"\x00"):
        blobs.put_item(Item={"p": 1, "s": content})
    begins = blobs.query(KeyConditionExpression=Key("p").eq(Decimal("1.0")) & Key("s").begins_with(b"\xff"))
    assert [item["s"].value for item in begins["Items"]] == [b"\xff", b"\xff\xff"]
    begins = blobs.query(KeyConditionExpression=Key("p").eq(1) & Key("s").begins_with(b"a"))
    assert [item["s"].value for item in begins["Items"]] == [b"a", b"aa"]


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize(
    "request_",
    [
        {"KeyConditionExpression": Key("p").eq("p1")},
        {"KeyConditionExpression": Key("p").eq("p1") & Key("s").between(3, 31)},
        {"KeyConditionExpression": Key("p").eq("p1"), "IndexName": "local"},
        {"KeyConditionExpression": Key("g").eq("g3"), "IndexName": "keys"},
        {"KeyConditionExpression": Key("g").eq("g3"), "IndexName": "some"},
        {"KeyConditionExpression": Key("p").eq("p1"), "FilterExpression": Attr("a").gt(150)},
    ],
)
def test_pages_join_to_the_whole(table: Any, request_: dict[str, Any], forward: bool) -> None:
    whole = table.query(**request_, ScanIndexForward=forward)["Items"]
    pages: list[Any] = []
    more: dict[str, Any] = {}
    while True:
        page = table.query(**request_, ScanIndexForward=forward, Limit=3, **more)
        pages += page["Items"]
        assert page["ScannedCount"] <= 3
        if "LastEvaluatedKey" not in page:
            break
        more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert pages == whole
    assert whole


def test_a_page_ends_at_its_limit_even_when_nothing_passes_or_follows(table: Any) -> None:
    page = table.query(KeyConditionExpression=Key("p").eq("p0"), FilterExpression=Attr("a").lt(0), Limit=5)
    assert (page["Count"], page["ScannedCount"]) == (0, 5)
    assert page["LastEvaluatedKey"] == {"p": "p0", "s": 8}
    last = table.query(KeyConditionExpression=Key("p").eq("p0"), Limit=20)
    assert last["LastEvaluatedKey"] == {"p": "p0", "s": 38}
    rest = table.query(KeyConditionExpression=Key("p").eq("p0"), ExclusiveStartKey=last["LastEvaluatedKey"])
    assert rest["Count"] == 0
    assert "LastEvaluatedKey" not in rest


def test_an_index_holds_what_it_projects_of_those_that_have_its_key(table: Any) -> None:
    found = table.query(IndexName="keys", KeyConditionExpression=Key("g").eq("g1") & Key("s").lt(10))
    assert found["Items"] == [{"p": "p1", "s": number, "g": "g1"} for number in (1, 5, 9)]
    found = table.scan(IndexName="some")
    assert found["Count"] == 20
    assert all(item.keys() == {"p", "s", "g", "a"} for item in found["Items"])
    page = table.query(IndexName="some", KeyConditionExpression=Key("g").eq("g1"), Limit=1)
    assert page["LastEvaluatedKey"].keys() == {"p", "s", "g"}
    for words in ({"ProjectionExpression": "z"}, {"Select": "ALL_ATTRIBUTES"}):
        with pytest.raises(ClientError, match="lobal secondary index some"):
            table.scan(IndexName="some", **words)


def test_a_local_index_completes_items_from_the_table(table: Any) -> None:
    question = {"IndexName": "local", "KeyConditionExpression": Key("p").eq("p0") & Key("l").gte("L97")}
    assert [item.keys() for item in table.query(**question)["Items"]] == [{"p", "s", "l"}] * 2
    whole = table.query(**question, Select="ALL_ATTRIBUTES", ReturnConsumedCapacity="INDEXES")
    assert [item["a"] for item in whole["Items"]] == [20, 0]
    used = whole["ConsumedCapacity"]
    assert used["LocalSecondaryIndexes"]["local"]["CapacityUnits"] == 0.5
    assert used["Table"]["CapacityUnits"] == 1.0


def test_an_index_follows_the_items(table: Any) -> None:
    def entries(value: str) -> list[int]:
        return sorts(table.query(IndexName="keys", KeyConditionExpression=Key("g").eq(value)))

    where = {"p": "moving", "s": 1}
    table.put_item(Item={**where, "g": "from"})
    assert entries("from") == [1]
    table.update_item(Key=where, UpdateExpression="SET g = :g", ExpressionAttributeValues={":g": "to"})
    assert (entries("from"), entries("to")) == ([], [1])
    table.update_item(Key=where, UpdateExpression="REMOVE g")
    assert entries("to") == []
    table.put_item(Item={**where, "g": "to"})
    table.delete_item(Key=where)
    assert entries("to") == []


def test_segments_are_a_partition_of_the_table(table: Any) -> None:
    everything = {(item["p"], item["s"]) for item in table.scan()["Items"]}
    found: list[Any] = []
    for segment in range(7):
        more: dict[str, Any] = {}
        while True:
            page = table.scan(Segment=segment, TotalSegments=7, Limit=4, **more)
            found += [(item["p"], item["s"]) for item in page["Items"]]
            if "LastEvaluatedKey" not in page:
                break
            more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert len(found) == len(everything)
    assert set(found) == everything


def test_a_page_has_one_megabyte(aws: LocalAws) -> None:
    table = make_table(aws, "pages", {"p": "S", "s": "N"})
    for number in range(5):
        table.put_item(Item={"p": "x", "s": number, "v": "x" * 300_000})
    page = table.query(KeyConditionExpression=Key("p").eq("x"), ReturnConsumedCapacity="TOTAL")
    assert sorts(page) == [0, 1, 2, 3]
    assert page["LastEvaluatedKey"] == {"p": "x", "s": 3}
    assert page["ConsumedCapacity"]["CapacityUnits"] == 146.5
    nothing = table.scan(FilterExpression=Attr("v").eq("y"))
    assert (nothing["Count"], nothing["ScannedCount"]) == (0, 4)
    assert "LastEvaluatedKey" in nothing


def test_counts_only(table: Any) -> None:
    answer = table.query(KeyConditionExpression=Key("p").eq("p0"), Select="COUNT")
    assert answer["Count"] == 20
    assert "Items" not in answer


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({"KeyConditionExpression": Key("s").eq(1)}, "Query condition missed key schema element: p"),
        ({"KeyConditionExpression": Key("p").lt("a")}, "Query key condition not supported"),
        ({"KeyConditionExpression": Key("p").eq("a") & Key("z").eq(1)}, "missed key schema element: s"),
        (
            {"KeyConditionExpression": Key("p").eq("a") & Key("p").eq("b")},
            "only contain one condition per key",
        ),
        ({"KeyConditionExpression": Key("p").eq(1)}, "Condition parameter type does not match schema type"),
        ({}, "Either the KeyConditions or KeyConditionExpression parameter must be specified"),
        (
            {"KeyConditionExpression": Key("p").eq("a"), "FilterExpression": Attr("s").eq(1)},
            "Filter Expression can only contain non-primary key attributes: Primary key attribute: s",
        ),
        (
            {"KeyConditionExpression": Key("p").eq("a"), "IndexName": "nope"},
            "The table does not have the specified index: nope",
        ),
        (
            {"KeyConditionExpression": Key("g").eq("a"), "IndexName": "keys", "ConsistentRead": True},
            "Consistent reads are not supported on global secondary indexes",
        ),
        (
            {"KeyConditionExpression": Key("p").eq("a"), "ExclusiveStartKey": {"p": "b", "s": 1}},
            "The provided starting key is outside query boundaries",
        ),
        (
            {"KeyConditionExpression": Key("p").eq("a"), "ExclusiveStartKey": {"p": "a"}},
            "The provided starting key is invalid",
        ),
        (
            {"KeyConditionExpression": "p = :a OR s = :a", "ExpressionAttributeValues": {":a": "a"}},
            "Invalid operator used in KeyConditionExpression: OR",
        ),
        (
            {"KeyConditionExpression": "p = :a AND s <> :a", "ExpressionAttributeValues": {":a": "a"}},
            "Invalid operator used in KeyConditionExpression: <>",
        ),
    ],
)
def test_what_a_query_cannot_ask(table: Any, words: dict[str, Any], reason: str) -> None:
    with pytest.raises(ClientError) as caught:
        table.query(**words)
    assert code_of(caught) == "ValidationException"
    assert reason in caught.value.response["Error"]["Message"]


def test_key_conditions_of_old(aws: LocalAws, table: Any) -> None:
    answer = aws.client("dynamodb").query(
        TableName=table.name,
        KeyConditions={
            "p": {"AttributeValueList": [{"S": "p0"}], "ComparisonOperator": "EQ"},
            "s": {"AttributeValueList": [{"N": "34"}], "ComparisonOperator": "GE"},
        },
        QueryFilter={"a": {"AttributeValueList": [{"N": "340"}], "ComparisonOperator": "NE"}},
    )
    assert [item["s"]["N"] for item in answer["Items"]] == ["36", "38"]


def test_partiql(aws: LocalAws) -> None:
    make_table(aws, "statements", {"p": "S", "s": "N"})
    client = aws.client("dynamodb")

    def run(text: str, *values: Any, **words: Any) -> Any:
        return client.execute_statement(
            Statement=text, **({"Parameters": list(values)} if values else {}), **words
        )

    for number in range(5):
        run("INSERT INTO statements VALUE {'p': 'x', 's': ?, 'v': 'v'}", {"N": str(number)})
    with pytest.raises(ClientError) as caught:
        run("INSERT INTO \"statements\" VALUE {'p': 'x', 's': 1}")
    assert code_of(caught) == "DuplicateItemException"
    found = run(
        "SELECT s FROM statements WHERE p = 'x' AND s > ? ORDER BY s DESC",
        {"N": "2"},
        ReturnConsumedCapacity="TOTAL",
    )
    assert found["Items"] == [{"s": {"N": "4"}}, {"s": {"N": "3"}}]
    assert found["ConsumedCapacity"]["CapacityUnits"] == 0.5
    page = run("SELECT * FROM statements WHERE p = 'x'", Limit=3)
    rest = run("SELECT * FROM statements WHERE p = 'x'", NextToken=page["NextToken"])
    assert [item["s"]["N"] for item in page["Items"] + rest["Items"]] == list("01234")
    changed = run("UPDATE statements SET v = 'w' REMOVE z WHERE p = 'x' AND s = 0 RETURNING ALL NEW *")
    assert changed["Items"][0]["v"] == {"S": "w"}
    with pytest.raises(ClientError) as caught:
        run("UPDATE statements SET v = 'w' WHERE p = 'nobody' AND s = 0")
    assert code_of(caught) == "ConditionalCheckFailedException"
    run("DELETE FROM statements WHERE p = 'x' AND s = 0")
    assert len(run("SELECT * FROM statements WHERE v IN ['v', 'w'] AND NOT s BETWEEN 3 AND 9")["Items"]) == 2
    with pytest.raises(ClientError, match="Statement wasn't well formed"):
        run("SELECT FROM statements")
    both = [{"Statement": f"INSERT INTO statements VALUE {{'p': 't', 's': {number}}}"} for number in (1, 1)]
    with pytest.raises(ClientError, match="multiple operations on one item"):
        client.execute_transaction(TransactStatements=both)
