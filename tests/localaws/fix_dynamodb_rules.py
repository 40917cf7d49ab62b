"""Tables for the tests of DynamoDB: of the local AWS, or of an endpoint that the environment names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from .conftest import eventually

ENDPOINT = "DYNAMODB_RULES_ENDPOINT"
"""Where the rules and the model are looked at instead: another emulator, to see what it gets wrong."""
# The service says what is wrong, not boto3 before it.
UNCHECKED = Config(parameter_validation=False, retries={"mode": "standard", "total_max_attempts": 10})


def dynamodb(aws: Any) -> Any:
    """Return a client that sends whatever it is given."""
    if url := os.environ.get(ENDPOINT):
        session = boto3.Session("key", "secret", region_name="us-east-1")
        return session.client("dynamodb", endpoint_url=url, config=UNCHECKED)
    return aws.client("dynamodb", config=UNCHECKED)


@contextmanager
def refused(message: str, code: str = "ValidationException") -> Iterator[Any]:
    """Expect a refusal with this code, whose message begins so."""
    with pytest.raises(ClientError) as caught:
        yield caught
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    assert error["Message"].startswith(message), error["Message"]


def create(client: Any, name: str, keys: str, *, types: str = "", **more: Any) -> str:
    """Create a table with its key attributes, as `pk` or `pk sk`, and wait for it.

    `types` has the attributes that are not strings, and those of indexes, as `sk:N other:S`.
    """
    kinds = dict.fromkeys(keys.split(), "S") | dict(word.split(":") for word in types.split())
    client.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": kind} for each, kind in kinds.items()],
        KeySchema=key_schema(keys),
        **{"BillingMode": "PAY_PER_REQUEST", **more},
    )
    eventually(lambda: client.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE")
    return name


def key_schema(keys: str) -> list[dict[str, str]]:
    """Write `pk sk` as a KeySchema."""
    kinds = ("HASH", "RANGE")
    return [{"AttributeName": each, "KeyType": kind} for each, kind in zip(keys.split(), kinds, strict=False)]


def index(name: str, keys: str, projection: str = "ALL", *non_keys: str) -> dict[str, Any]:
    """Describe a secondary index."""
    projected: dict[str, Any] = {"ProjectionType": projection}
    if non_keys:
        projected["NonKeyAttributes"] = list(non_keys)
    return {"IndexName": name, "KeySchema": key_schema(keys), "Projection": projected}


def put_all(client: Any, table: str, items: list[dict[str, Any]]) -> None:
    """Write items in batches."""
    for first in range(0, len(items), 25):
        requests = [{"PutRequest": {"Item": item}} for item in items[first : first + 25]]
        while requests:
            answer = client.batch_write_item(RequestItems={table: requests})
            requests = answer["UnprocessedItems"].get(table, [])
