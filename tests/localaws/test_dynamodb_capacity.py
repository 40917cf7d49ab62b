"""What operations use: sizes and units by AWS's rules."""

from __future__ import annotations

from typing import Any

import pytest

from localaws.dynamodb import decimals, values

from .conftest import LocalAws
from .fix_dynamodb_items import index, make_table

KIB = 1024


@pytest.fixture(scope="module")
def client(aws: LocalAws) -> Any:
    make_table(
        aws,
        "capacity",
        {"p": "S"},
        attributes={"g": "S"},
        GlobalSecondaryIndexes=[
            index("whole", "g"),
            index("keys", "g", projection="KEYS_ONLY"),
        ],
    )
    make_table(aws, "plain", {"p": "S", "s": "N"})
    return aws.client("dynamodb")


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": "äb"}, 3),
        ({"B": "AAEC"}, 3),
        ({"N": "0"}, 1),
        ({"N": "7"}, 2),
        ({"N": "12"}, 2),
        ({"N": "123"}, 3),
        ({"N": "100000"}, 2),
        ({"N": "-12"}, 3),
        ({"BOOL": True}, 1),
        ({"NULL": True}, 1),
        ({"SS": ["a", "bc"]}, 3),
        ({"L": []}, 3),
        ({"L": [{"S": "ab"}, {"BOOL": True}]}, 3 + 3 + 2),
        ({"M": {"k": {"S": "ab"}}}, 3 + 1 + 1 + 2),
    ],
)
def test_sizes(value: dict[str, Any], size: int) -> None:
    assert values.size_of(value) == size


def test_the_order_of_bytes_is_that_of_numbers() -> None:
    texts = [
        "-1" + "0" * 125,
        "-100.01",
        "-100",
        "-99",
        "-1.5",
        "-1",
        "-0.001",
        "0",
        "0.001",
        "0.01",
        "1",
        "1.0001",
    ]
    texts += ["1.01", "1.1", "9", "10", "10.5", "99", "100", "1" + "0" * 125]
    codes = [decimals.order(decimals.canonical(text)) for text in texts]
    assert codes == sorted(codes)
    assert len(set(codes)) == len(codes)


def put(client: Any, size: int, name: str = "item", table: str = "plain", **more: Any) -> Any:
    """Put an item of exactly `size` bytes; answers what it used."""
    item: dict[str, Any] = {"p": {"S": name}, **({"s": {"N": "0"}} if table == "plain" else {}), **more}
    rest = size - values.size_of_item(item) - 1
    answer = client.put_item(
        TableName=table, Item=item | {"v": {"S": "x" * rest}}, ReturnConsumedCapacity="INDEXES"
    )
    return answer["ConsumedCapacity"]


@pytest.mark.parametrize(("size", "units"), [(KIB, 1.0), (KIB + 1, 2.0), (10 * KIB, 10.0)])
def test_writes_use_a_unit_for_a_kilobyte(client: Any, size: int, units: float) -> None:
    used = put(client, size, f"write {size}")
    assert used == {"TableName": "plain", "CapacityUnits": units, "Table": {"CapacityUnits": units}}


@pytest.mark.parametrize(("size", "units"), [(4 * KIB, 1.0), (4 * KIB + 1, 2.0), (20 * KIB, 5.0)])
def test_reads_use_a_unit_for_four_kilobytes_and_half_of_it_when_eventual(
    client: Any, size: int, units: float
) -> None:
    put(client, size, "read")

    def read(**words: Any) -> float:
        answer = client.get_item(
            TableName="plain",
            Key={"p": {"S": "read"}, "s": {"N": "0"}},
            ReturnConsumedCapacity="TOTAL",
            **words,
        )
        return float(answer["ConsumedCapacity"]["CapacityUnits"])

    assert read(ConsistentRead=True) == units
    assert read() == units / 2
    assert read(ProjectionExpression="p") == units / 2
    together = client.transact_get_items(
        TransactItems=[{"Get": {"TableName": "plain", "Key": {"p": {"S": "read"}, "s": {"N": "0"}}}}],
        ReturnConsumedCapacity="TOTAL",
    )
    assert together["ConsumedCapacity"][0]["CapacityUnits"] == 2 * units


def test_the_larger_of_old_and_new_is_paid_for(client: Any) -> None:
    put(client, 5 * KIB, "shrinks")
    assert put(client, KIB, "shrinks")["CapacityUnits"] == 5.0
    deleted = client.delete_item(
        TableName="plain", Key={"p": {"S": "shrinks"}, "s": {"N": "0"}}, ReturnConsumedCapacity="TOTAL"
    )
    assert deleted["ConsumedCapacity"]["CapacityUnits"] == 1.0


def test_a_query_is_paid_for_by_the_sum_and_a_batch_by_each(client: Any) -> None:
    for number in range(4):
        item = {"p": {"S": "sum"}, "s": {"N": str(number)}, "v": {"S": "x" * (KIB - 20)}}
        client.put_item(TableName="plain", Item=item)
    answer = client.query(
        TableName="plain",
        KeyConditionExpression="p = :p",
        ExpressionAttributeValues={":p": {"S": "sum"}},
        ReturnConsumedCapacity="TOTAL",
    )
    assert answer["ConsumedCapacity"]["CapacityUnits"] == 0.5
    wanted = [{"p": {"S": "sum"}, "s": {"N": str(number)}} for number in range(4)]
    answer = client.batch_get_item(RequestItems={"plain": {"Keys": wanted}}, ReturnConsumedCapacity="TOTAL")
    assert answer["ConsumedCapacity"] == [{"TableName": "plain", "CapacityUnits": 2.0}]


def test_indexes_are_paid_for_by_what_changes_in_them(client: Any) -> None:
    def indexes(used: Any) -> dict[str, float]:
        return {
            name: figures["CapacityUnits"] for name, figures in used.get("GlobalSecondaryIndexes", {}).items()
        }

    assert indexes(put(client, 3 * KIB, "a", "capacity")) == {}
    assert indexes(put(client, 3 * KIB, "a", "capacity", g={"S": "1"})) == {"whole": 3.0, "keys": 1.0}
    # another text, the same key: the index of keys alone is left as it is
    used = put(client, 2 * KIB, "a", "capacity", g={"S": "1"})
    assert indexes(used) == {"whole": 3.0}
    # another key: the entry is deleted in one place and put in another
    used = put(client, 2 * KIB, "a", "capacity", g={"S": "2"})
    assert indexes(used) == {"whole": 4.0, "keys": 2.0}
    assert used["CapacityUnits"] == 2.0 + 4.0 + 2.0


def test_transactions_use_twice_as_much(client: Any) -> None:
    item = {"p": {"S": "t"}, "g": {"S": "t"}, "v": {"S": "x" * (2 * KIB)}}
    answer = client.transact_write_items(
        TransactItems=[{"Put": {"TableName": "capacity", "Item": item}}], ReturnConsumedCapacity="INDEXES"
    )
    (used,) = answer["ConsumedCapacity"]
    assert used["Table"] == {"CapacityUnits": 6.0, "WriteCapacityUnits": 6.0}
    assert used["GlobalSecondaryIndexes"]["keys"]["CapacityUnits"] == 2.0
    assert used["CapacityUnits"] == 6.0 + 6.0 + 2.0


def test_collections_are_measured_where_there_are_local_indexes(aws: LocalAws, client: Any) -> None:
    make_table(
        aws,
        "collections",
        {"p": "S", "s": "N"},
        attributes={"l": "S"},
        LocalSecondaryIndexes=[index("local", "p", "l")],
    )
    item = {"p": {"S": "c"}, "s": {"N": "1"}, "l": {"S": "x"}}
    answer = client.put_item(TableName="collections", Item=item, ReturnItemCollectionMetrics="SIZE")
    assert answer["ItemCollectionMetrics"] == {
        "ItemCollectionKey": {"p": {"S": "c"}},
        "SizeEstimateRangeGB": [0.0, 1.0],
    }
    plain = client.put_item(
        TableName="plain", Item={"p": {"S": "c"}, "s": {"N": "1"}}, ReturnItemCollectionMetrics="SIZE"
    )
    assert "ItemCollectionMetrics" not in plain
