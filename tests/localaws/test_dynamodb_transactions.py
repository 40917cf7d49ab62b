"""Transactions: all or nothing, for readers, for other writers, and for a server that dies in between."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.dynamodb.keys import of_checked_key
from localaws.dynamodb.records import Edit, Record, Step
from localaws.dynamodb.schema import IndexSchema, KeyAttribute, TableSchema
from localaws.dynamodb.stores import Stores

from .conftest import LocalAws, code_of
from .fix_dynamodb_items import make_table

KEY = {"p": {"S": "x"}}


@pytest.fixture(scope="module")
def client(aws: LocalAws) -> Any:
    for name in ("stock", "orders"):
        make_table(aws, name, {"p": "S"})
    return aws.client("dynamodb")


def put(table: str, key: str, number: int = 0, **more: Any) -> dict[str, Any]:
    return {"Put": {"TableName": table, "Item": {"p": {"S": key}, "n": {"N": str(number)}}, **more}}


def get(table: str, key: str) -> dict[str, Any]:
    return {"Get": {"TableName": table, "Key": {"p": {"S": key}}}}


def found(client: Any, table: str, key: str) -> Any:
    return client.get_item(TableName=table, Key={"p": {"S": key}}).get("Item")


def test_all_writes_of_a_transaction_or_none(client: Any) -> None:
    client.put_item(TableName="stock", Item={**KEY, "n": {"N": "1"}})
    sell = {
        "TableName": "stock",
        "Key": KEY,
        "UpdateExpression": "SET n = n - :one",
        "ConditionExpression": "n >= :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    client.transact_write_items(TransactItems=[put("orders", "first"), {"Update": sell}])
    assert found(client, "orders", "first") is not None
    with pytest.raises(ClientError) as caught:
        client.transact_write_items(TransactItems=[put("orders", "second"), {"Update": sell}])
    assert code_of(caught) == "TransactionCanceledException"
    answer = caught.value.response
    assert answer["Error"]["Message"].endswith("specific reasons [None, ConditionalCheckFailed]")
    assert answer["CancellationReasons"] == [
        {"Code": "None"},
        {
            "Code": "ConditionalCheckFailed",
            "Message": "The conditional request failed",
            "Item": {**KEY, "n": {"N": "0"}},
        },
    ]
    assert found(client, "orders", "second") is None
    assert found(client, "stock", "x")["n"] == {"N": "0"}


def test_deletes_and_checks(client: Any) -> None:
    client.put_item(TableName="orders", Item={"p": {"S": "gone"}})
    delete = {"Delete": {"TableName": "orders", "Key": {"p": {"S": "gone"}}}}
    check = {
        "TableName": "stock",
        "Key": {"p": {"S": "absent"}},
        "ConditionExpression": "attribute_not_exists(p)",
    }
    client.transact_write_items(TransactItems=[delete, {"ConditionCheck": check}])
    assert found(client, "orders", "gone") is None
    assert found(client, "stock", "absent") is None


def test_a_token_carries_a_transaction_out_once(client: Any) -> None:
    add = {
        "TableName": "stock",
        "Key": {"p": {"S": "once"}},
        "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    request = {"TransactItems": [{"Update": add}], "ClientRequestToken": "my token"}
    first = client.transact_write_items(**request, ReturnConsumedCapacity="TOTAL")["ConsumedCapacity"]
    again = client.transact_write_items(**request, ReturnConsumedCapacity="TOTAL")["ConsumedCapacity"]
    assert first == [{"TableName": "stock", "CapacityUnits": 2.0, "WriteCapacityUnits": 2.0}]
    assert again == [{"TableName": "stock", "CapacityUnits": 2.0, "ReadCapacityUnits": 2.0}]
    assert found(client, "stock", "once")["n"] == {"N": "1"}
    with pytest.raises(ClientError) as caught:
        client.transact_write_items(TransactItems=[put("stock", "other")], ClientRequestToken="my token")
    assert code_of(caught) == "IdempotentParameterMismatchException"


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ([put("stock", "a"), put("stock", "a")], "cannot include multiple operations on one item"),
        (
            [put("stock", str(number)) for number in range(101)],
            "Member must have length less than or equal to 100",
        ),
        ([{}], "TransactItems can only contain one of Check, Put, Update or Delete"),
    ],
)
def test_what_a_transaction_cannot_be(client: Any, items: list[Any], reason: str) -> None:
    client.meta.config.parameter_validation = False
    with pytest.raises(ClientError, match=reason):
        client.transact_write_items(TransactItems=items)


def test_a_mistake_in_one_action_is_its_reason(client: Any) -> None:
    wrong = {"Put": {"TableName": "stock", "Item": {"q": {"S": "x"}}}}
    with pytest.raises(ClientError) as caught:
        client.transact_write_items(TransactItems=[put("orders", "never"), wrong])
    reasons = caught.value.response["CancellationReasons"]
    assert [reason["Code"] for reason in reasons] == ["None", "ValidationError"]
    assert "Missing the key p in the item" in reasons[1]["Message"]
    assert found(client, "orders", "never") is None


def test_readers_see_all_of_a_transaction_or_nothing(aws: LocalAws, client: Any) -> None:
    """One thread moves a sum between two tables; the other's pictures always add up."""
    client.transact_write_items(TransactItems=[put("stock", "sum", 100), put("orders", "sum", 0)])
    failures: list[Any] = []

    def move() -> None:
        mover = aws.client("dynamodb")
        for step in range(1, 40):
            items = [put("stock", "sum", 100 - step), put("orders", "sum", step)]
            while True:
                try:
                    mover.transact_write_items(TransactItems=items)
                    break
                except ClientError as error:
                    if error.response["Error"]["Code"] != "TransactionCanceledException":
                        failures.append(error)
                        return

    writer = threading.Thread(target=move)
    writer.start()
    pictures = []
    refusals: set[str] = set()
    while writer.is_alive():
        try:
            answer = client.transact_get_items(TransactItems=[get("stock", "sum"), get("orders", "sum")])
        except ClientError as error:
            refusals.add(error.response["Error"]["Code"])
            continue
        pictures.append([int(one["Item"]["n"]["N"]) for one in answer["Responses"]])
    writer.join()
    assert not failures
    assert refusals <= {"TransactionCanceledException"}
    assert {sum(picture) for picture in pictures} == {100}
    assert len({tuple(picture) for picture in pictures}) > 1


def test_no_sale_is_lost_among_concurrent_buyers(aws: LocalAws, client: Any) -> None:
    client.put_item(TableName="stock", Item={"p": {"S": "rush"}, "n": {"N": "20"}})
    sold: list[int] = []
    refusals: list[str] = []

    def buy(buyer: int) -> None:
        mine = aws.client("dynamodb")
        for attempt in range(15):
            sell = {
                "TableName": "stock",
                "Key": {"p": {"S": "rush"}},
                "UpdateExpression": "SET n = n - :one",
                "ConditionExpression": "n > :zero",
                "ExpressionAttributeValues": {":one": {"N": "1"}, ":zero": {"N": "0"}},
            }
            try:
                mine.transact_write_items(
                    TransactItems=[{"Update": sell}, put("orders", f"rush {buyer} {attempt}")]
                )
                sold.append(buyer)
            except ClientError as error:
                refusals.append(error.response["Error"]["Code"])

    buyers = [threading.Thread(target=buy, args=(number,)) for number in range(4)]
    for buyer in buyers:
        buyer.start()
    for buyer in buyers:
        buyer.join()
    assert set(refusals) <= {"TransactionCanceledException"}
    left = int(found(client, "stock", "rush")["n"]["N"])
    pages = client.get_paginator("scan").paginate(
        TableName="orders",
        FilterExpression="begins_with(p, :r)",
        ExpressionAttributeValues={":r": {"S": "rush "}},
    )
    orders = sum(page["Count"] for page in pages)
    assert orders == len(sold) == 20 - left


# -- a server that dies between the commits of two tables


def schema(table_id: str) -> TableSchema:
    index = IndexSchema("by-g", KeyAttribute("g", "S"), None, "ALL", frozenset(), True)
    return TableSchema(
        account="1",
        region="r",
        name=table_id,
        id=table_id,
        arn="",
        status="ACTIVE",
        hash=KeyAttribute("p", "S"),
        range=None,
        indexes={"by-g": index},
        billing_mode="PAY_PER_REQUEST",
        limits={},
        logged=True,
        stream_view=None,
        ttl_attribute=None,
    )


ITEM = {"p": {"S": "x"}, "g": {"S": "g"}}


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    made = Stores(tmp_path)
    for name in ("one", "two"):
        made.create("1", "r", schema(name))
    yield made
    made.close()


def work(stores: Stores) -> dict[str, list[Step]]:
    statements = {}
    for name in ("one", "two"):
        table = schema(name)
        place = of_checked_key(table, {"p": {"S": "x"}})
        store = stores.open("1", "r", name)
        statements[name] = store.steps(table, [Edit(place, None, Record.of(ITEM))], [[]])
    return statements


def contents(stores: Stores) -> list[tuple[int, int]]:
    opened = [stores.open("1", "r", name) for name in ("one", "two")]
    return [(store.count(), len(store.changes(0, 10))) for store in opened]


def test_a_start_completes_what_was_decided(stores: Stores, tmp_path: Path) -> None:
    statements = work(stores)
    # as far as a server came that was killed behind its first commit
    intent = stores.intents("1", "r").begin(statements, None)
    stores.open("1", "r", "one").run(statements["one"], intent)
    assert contents(stores) == [(1, 1), (0, 0)]
    stores.close()
    started = Stores(tmp_path)
    assert contents(started) == [(1, 1), (1, 1)]
    assert not list(started.intents("1", "r").pending())
    started.close()


def test_what_was_not_decided_leaves_no_trace(stores: Stores, tmp_path: Path) -> None:
    work(stores)
    stores.close()
    started = Stores(tmp_path)
    assert contents(started) == [(0, 0), (0, 0)]
    started.close()


def test_the_next_writer_completes_what_failed(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    statements = work(stores)
    second = stores.open("1", "r", "two")
    carry_out = second.run
    failing = [True]

    def run(steps: Any, mark: str | None = None) -> None:
        if failing:
            failing.pop()
            raise sqlite3.OperationalError("database or disk is full")
        carry_out(steps, mark)

    monkeypatch.setattr(second, "run", run)
    first = stores.open("1", "r", "one")
    with pytest.raises(sqlite3.OperationalError), stores.writing([first, second]):
        stores.commit("1", "r", statements, None)
    assert contents(stores)[0] == (1, 1)
    with first.writing():
        pass
    assert contents(stores) == [(1, 1), (1, 1)]
