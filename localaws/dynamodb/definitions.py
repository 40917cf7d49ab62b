"""What AWS checks of a table's definition (CreateTable, UpdateTable and the restores)."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from localaws.dynamodb.refusals import constraint, invalid, limit_exceeded, wrong
from localaws.dynamodb.tables import NO_THROUGHPUT, ON_DEMAND

GLOBAL_INDEXES, LOCAL_INDEXES = 20, 5
INCLUDED_ATTRIBUTES = 20
ALL_INCLUDED = 100
HIGHEST = 40_000
"""Units of a table by the account's quota."""
TAGS = 50
_NAME = re.compile(r"[a-zA-Z0-9_.-]+")
_CLASSES = ("STANDARD", "STANDARD_INFREQUENT_ACCESS")
_VIEWS = ("NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES", "KEYS_ONLY")

Definition = dict[str, Any]
"""A request: CreateTable's, or one made of a table."""


def check_name(name: str, place: str = "tableName") -> None:
    """Refuse a name that no table or index may have."""
    if not 3 <= len(name) <= 255:
        if place == "tableName":
            raise invalid("TableName must be at least 3 characters long and at most 255 characters long")
        bound = "greater than or equal to 3" if len(name) < 3 else "less than or equal to 255"
        raise constraint(name, place, f"Member must have length {bound}")
    if not _NAME.fullmatch(name):
        raise constraint(name, place, f"Member must satisfy regular expression pattern: {_NAME.pattern}")


def check_table(request: Definition) -> None:
    """Refuse what AWS refuses of CreateTable, as far as moto's own checks leave it."""
    check_name(request["TableName"])
    local, all_global = indexes_of(request, "Local"), indexes_of(request, "Global")
    _check_key(request["KeySchema"])
    _check_attributes(request["AttributeDefinitions"])
    check_throughput(request, request.get("BillingMode"))
    if len(local) > LOCAL_INDEXES:
        raise wrong(f"Number of LocalSecondaryIndexes exceeds per-table limit of {LOCAL_INDEXES}")
    if len(all_global) > GLOBAL_INDEXES:
        raise wrong(f"GlobalSecondaryIndex count exceeds the per-table limit of {GLOBAL_INDEXES}")
    _check_distinct([each["IndexName"] for each in local + all_global])
    for index in local:
        _check_local(index, request["KeySchema"])
    for index in all_global:
        check_global(index, request.get("BillingMode"))
    _check_included(local + all_global)
    check_stream(request.get("StreamSpecification"))
    check_class(request.get("TableClass"))
    check_tags(request.get("Tags") or [])
    _refuse_absent(request)


def indexes_of(request: Definition, kind: str) -> list[Definition]:
    """The Local or Global indexes of a request."""
    return list(request.get(f"{kind}SecondaryIndexes") or [])


def _refuse_absent(request: Definition) -> None:
    for name in ("GlobalTableSourceArn", "VectorIndexes", "VectorIndexUpdates", "ReplicaUpdates"):
        if request.get(name):
            raise invalid(f"{name} is not available in this local AWS. Leave it out.")


def check_update(request: Definition) -> None:
    """Refuse an UpdateTable that changes nothing, or asks for what is absent here."""
    _refuse_absent(request)
    check_stream(request.get("StreamSpecification"))
    check_class(request.get("TableClass"))
    if not set(request) - {"TableName", "AttributeDefinitions"}:
        raise invalid(
            "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, "
            "GlobalSecondaryIndexUpdates or SSESpecification or ReplicaUpdates is required"
        )


def _check_attributes(attributes: list[dict[str, str]]) -> None:
    for place, attribute in enumerate(attributes, start=1):
        if attribute["AttributeType"] not in ("S", "N", "B"):
            raise constraint(
                attribute["AttributeType"],
                f"attributeDefinitions.{place}.member.attributeType",
                "Member must satisfy enum value set: [B, N, S]",
            )
        _check_attribute_name(attribute["AttributeName"], "attributeDefinitions", place)
    names = [attribute["AttributeName"] for attribute in attributes]
    if len(set(names)) < len(names):
        raise invalid("Cannot have two attributes with the same name")


def _check_attribute_name(name: str, place: str, number: int) -> None:
    if not 1 <= len(name.encode()) <= 255:
        bound = "less than or equal to 255" if name else "greater than or equal to 1"
        where = f"{place}.{number}.member.attributeName"
        raise constraint(name, where, f"Member must have length {bound}")


def _check_key(schema: list[dict[str, str]], index: str | None = None) -> None:
    kinds = [element["KeyType"] for element in schema]
    if index is not None and (len(schema) > 2 or kinds.count("HASH") > 1):
        raise wrong(
            f"the key of index {index} has {len(schema)} attributes; this local AWS keeps one partition key "
            "and one sort key. Put the attributes together into one."
        )
    if not kinds or kinds[0] != "HASH":
        raise invalid("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
    if kinds[1:] and kinds[1] != "RANGE":
        raise invalid("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
    names = [element["AttributeName"] for element in schema]
    if len(set(names)) < len(names):
        raise invalid("Both the Hash Key and the Range Key element in the KeySchema have the same name")


def check_throughput(request: Definition, mode: str | None) -> None:
    """Refuse units that AWS does not give."""
    given = request.get("ProvisionedThroughput") or {}
    for name, value in given.items():
        if name in NO_THROUGHPUT and not 1 <= value <= HIGHEST:
            place = f"provisionedThroughput.{name[0].lower()}{name[1:]}"
            if value < 1:
                raise constraint(value, place, "Member must have value greater than or equal to 1")
            raise limit_exceeded(
                f"Given value {value} for {name} exceeds the limit of {HIGHEST} units of a table. Ask for "
                "fewer."
            )
    for value in (request.get("OnDemandThroughput") or {}).values():
        if value < 1 and value != -1:
            raise wrong(
                "MaxReadRequestUnits and MaxWriteRequestUnits must be at least 1, or -1 for no maximum"
            )
    if request.get("OnDemandThroughput") and (mode or "PROVISIONED") != ON_DEMAND:
        raise wrong("OnDemandThroughput can only be specified when BillingMode is PAY_PER_REQUEST")


def _check_distinct(names: list[str]) -> None:
    for name, times in Counter(names).items():
        check_name(name, "indexName")
        if times > 1:
            raise wrong(f"Duplicate index name: {name}")


def _check_local(index: Definition, table_key: list[dict[str, str]]) -> None:
    name, key = index["IndexName"], index["KeySchema"]
    _check_key(key, name)
    if len(table_key) < 2:
        raise wrong(
            "Table KeySchema does not have a range key, which is required when specifying a "
            "LocalSecondaryIndex"
        )
    if len(key) < 2:
        raise wrong(f"Index KeySchema does not have a range key for index: {name}")
    if key[0]["AttributeName"] != table_key[0]["AttributeName"]:
        raise wrong(
            f"Index KeySchema does not have the same leading hash key as table KeySchema for index: {name}. "
            f"index hash key: {key[0]['AttributeName']}, table hash key: {table_key[0]['AttributeName']}"
        )
    _check_projection(index)


def check_global(index: Definition, mode: str | None) -> None:
    """Refuse a global index that AWS refuses."""
    check_name(index["IndexName"], "indexName")
    _check_key(index["KeySchema"], index["IndexName"])
    _check_projection(index)
    check_throughput(index, mode)
    check_index_throughput(index, mode)


def check_index_throughput(index: Definition, mode: str | None) -> None:
    """Units belong to an index exactly when the table is provisioned."""
    given, name = index.get("ProvisionedThroughput"), index["IndexName"]
    if mode == ON_DEMAND and given:
        raise wrong(
            f"ProvisionedThroughput should not be specified for index: {name} when BillingMode is "
            "PAY_PER_REQUEST"
        )
    if mode != ON_DEMAND and not given:
        raise wrong(f"ProvisionedThroughput must be specified for index: {name}")


def _check_projection(index: Definition) -> None:
    projection = index.get("Projection") or {}
    kind, attributes = projection.get("ProjectionType"), projection.get("NonKeyAttributes")
    if kind not in ("ALL", "KEYS_ONLY", "INCLUDE"):
        raise wrong(f"Unknown ProjectionType: {kind or 'null'}")
    if kind == "INCLUDE" and attributes is None:
        raise wrong("ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
    if kind != "INCLUDE" and attributes:
        raise wrong(f"ProjectionType is {kind}, but NonKeyAttributes is specified")
    if attributes is not None and not 1 <= len(attributes) <= INCLUDED_ATTRIBUTES:
        bound = "less than or equal to 20" if attributes else "greater than or equal to 1"
        raise constraint(attributes, "projection.nonKeyAttributes", f"Member must have length {bound}")


def _check_included(indexes: list[Definition]) -> None:
    total = sum(len(index["Projection"].get("NonKeyAttributes") or []) for index in indexes)
    if total > ALL_INCLUDED:
        raise wrong(f"Number of projected attributes in all indexes exceeds the limit of {ALL_INCLUDED}")


def check_stream(given: dict[str, Any] | None) -> None:
    """Refuse a stream without a view, or with an unknown one."""
    if not given:
        return
    view = given.get("StreamViewType")
    if view is not None and view not in _VIEWS:
        rule = f"Member must satisfy enum value set: [{', '.join(sorted(_VIEWS))}]"
        raise constraint(view, "streamSpecification.streamViewType", rule)
    if given.get("StreamEnabled") and view is None:
        raise wrong("StreamViewType is required when StreamEnabled is true")
    if view is not None and not given.get("StreamEnabled"):
        raise wrong("StreamViewType can only be specified when StreamEnabled is true")


def check_class(given: str | None) -> None:
    """Refuse an unknown table class."""
    if given not in (None, *_CLASSES):
        rule = f"Member must satisfy enum value set: [{', '.join(_CLASSES)}]"
        raise constraint(given, "tableClass", rule)


def check_tags(tags: list[dict[str, str]]) -> None:
    """Refuse more tags than a table may have."""
    if len({tag["Key"] for tag in tags}) > TAGS:
        raise limit_exceeded(f"Subscriber limit exceeded: a table has at most {TAGS} tags")


def used_attributes(request: Definition) -> set[str]:
    """The attributes of all keys."""
    schemas = [request["KeySchema"]]
    schemas += [index["KeySchema"] for kind in ("Local", "Global") for index in indexes_of(request, kind)]
    return {element["AttributeName"] for schema in schemas for element in schema}
