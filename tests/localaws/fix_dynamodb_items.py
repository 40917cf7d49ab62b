"""Tables for the tests of DynamoDB's items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .conftest import LocalAws

Keys = dict[str, str]


def make_table(aws: LocalAws, name: str, key: Keys, *, attributes: Keys | None = None, **options: Any) -> Any:
    """Return a table on demand; `key` names its attributes and types, `attributes` those of its indexes."""
    client = aws.client("dynamodb")
    types = key | (attributes or {})
    client.create_table(
        TableName=name,
        KeySchema=key_schema(*key),
        AttributeDefinitions=[
            {"AttributeName": attribute, "AttributeType": kind} for attribute, kind in types.items()
        ],
        **{"BillingMode": "PAY_PER_REQUEST"} | options,
    )
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    resource = aws.session().resource("dynamodb", endpoint_url=aws.endpoint_url)
    return resource.Table(name)


def key_schema(first: str, second: str | None = None) -> list[dict[str, str]]:
    """Return the KeySchema of a partition key and perhaps a sort key."""
    found = [{"AttributeName": first, "KeyType": "HASH"}]
    return found if second is None else [*found, {"AttributeName": second, "KeyType": "RANGE"}]


def index(name: str, *key: str, projection: str = "ALL", included: list[str] | None = None) -> dict[str, Any]:
    """Return the definition of an index."""
    held: dict[str, Any] = {"ProjectionType": projection}
    if included is not None:
        held["NonKeyAttributes"] = included
    return {"IndexName": name, "KeySchema": key_schema(*key), "Projection": held}
