"""Tables for tests: definitions in a few words, and made at once."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

PROVISIONED = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}


def key(hash_key: str, range_key: str | None = None) -> list[dict[str, str]]:
    schema = [{"AttributeName": hash_key, "KeyType": "HASH"}]
    return schema + ([{"AttributeName": range_key, "KeyType": "RANGE"}] if range_key else [])


def attributes(*names: str) -> list[dict[str, str]]:
    """`name` for a string, `name:N` for another type."""
    pairs = (name.partition(":") for name in names)
    return [{"AttributeName": name, "AttributeType": kind or "S"} for name, _, kind in pairs]


def index(name: str, *keys: str, projection: str = "ALL", **more: Any) -> dict[str, Any]:
    return {"IndexName": name, "KeySchema": key(*keys), "Projection": {"ProjectionType": projection}, **more}


def definition(name: str, **options: Any) -> dict[str, Any]:
    """A table on demand with the key `id`."""
    mode = {} if "ProvisionedThroughput" in options else {"BillingMode": "PAY_PER_REQUEST"}
    plain = {"TableName": name, "KeySchema": key("id"), "AttributeDefinitions": attributes("id")}
    return {**plain, **mode, **options}


def make_table(dynamodb: Any, name: str, **options: Any) -> dict[str, Any]:
    dynamodb.create_table(**definition(name, **options))
    dynamodb.get_waiter("table_exists").wait(TableName=name)
    return described(dynamodb, name)


def described(dynamodb: Any, name: str) -> dict[str, Any]:
    table: dict[str, Any] = dynamodb.describe_table(TableName=name)["Table"]
    return table


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    """Code and message of the error that a call ends with."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return str(error["Code"]), str(error["Message"])


def items(dynamodb: Any, name: str, **options: Any) -> list[dict[str, Any]]:
    pages = dynamodb.get_paginator("scan").paginate(TableName=name, **options)
    return [item for page in pages for item in page["Items"]]


def fill(dynamodb: Any, name: str, written: list[dict[str, Any]]) -> None:
    """Write items, 25 at a time."""
    for start in range(0, len(written), 25):
        requests = [{"PutRequest": {"Item": item}} for item in written[start : start + 25]]
        answer = dynamodb.batch_write_item(RequestItems={name: requests})
        assert not answer["UnprocessedItems"]
