"""UpdateTable: one change at a time, which the controller carries out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.core.utils import utcnow

from localaws.dynamodb import definitions, encryption
from localaws.dynamodb.refusals import in_use, invalid, limit_exceeded, not_found, wrong
from localaws.dynamodb.tables import NO_THROUGHPUT, ON_DEMAND, Index, Table, throughput_of, warm_of

if TYPE_CHECKING:
    from localaws.dynamodb.backend import DynamoDBBackend

Request = dict[str, Any]


def apply(backend: DynamoDBBackend, table: Table, request: Request) -> None:
    """Check a whole request, then change the model; the table is UPDATING until that has happened."""
    definitions.check_update(request)
    asked = _updates(request)
    if table.status != "ACTIVE" and not _stops_creation(table, asked):
        raise in_use(table.name, table.status)
    mode = request.get("BillingMode") or table.mode
    _check_throughput(table, request, mode)
    encrypted = encryption.specification_of(backend, request.get("SSESpecification"))
    _check_indexes(table, request, asked, mode)
    _check_stream(table, request.get("StreamSpecification"))
    _change_settings(table, request, mode, encrypted)
    _change_indexes(table, request, asked, mode)
    if request.get("StreamSpecification"):
        table.set_stream_specification(request["StreamSpecification"])
    if set(request) - {"TableName", "DeletionProtectionEnabled"}:
        table.status = "UPDATING"


def _updates(request: Request) -> list[tuple[str, Request]]:
    found = []
    for each in request.get("GlobalSecondaryIndexUpdates") or []:
        if len(each) != 1:
            raise wrong(
                "Only one of Create, Update, and Delete can be specified in a GlobalSecondaryIndexUpdate"
            )
        found += list(each.items())
    if sum(action != "Update" for action, _ in found) > 1:
        raise limit_exceeded(
            "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per "
            "table"
        )
    return found


def _stops_creation(table: Table, updates: list[tuple[str, Request]]) -> bool:
    """Whether an index is deleted that is still being filled: nothing else may be done meanwhile."""
    creating = {index.name for index in table.global_indexes if index.status == "CREATING"}
    if table.status != "UPDATING" or not updates:
        return False
    if creating and any(action == "Create" for action, _ in updates):
        raise limit_exceeded(
            "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per "
            "table"
        )
    return all(action == "Delete" and given["IndexName"] in creating for action, given in updates)


def _check_throughput(table: Table, request: Request, mode: str) -> None:
    given = request.get("ProvisionedThroughput")
    if mode == ON_DEMAND and given:
        raise wrong(
            "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is "
            "PAY_PER_REQUEST"
        )
    if mode != ON_DEMAND and table.mode == ON_DEMAND and not given:
        raise wrong(
            "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"
        )
    definitions.check_throughput(request, mode)
    if given and mode == table.mode and _same(given, table.throughput):
        reads, writes = (table.throughput[name] for name in NO_THROUGHPUT)
        raise invalid(
            "The provisioned throughput for the table will not change. The requested value equals the "
            f"current value. Current ReadCapacityUnits provisioned for the table: {reads}. Requested "
            f"ReadCapacityUnits: {reads}. Current WriteCapacityUnits provisioned for the table: {writes}. "
            f"Requested WriteCapacityUnits: {writes}. Refer to the Amazon DynamoDB Developer Guide for "
            "current limits and how to request higher limits."
        )


def _same(given: Request, throughput: Request) -> bool:
    return all(given[name] == throughput[name] for name in NO_THROUGHPUT)


def _check_stream(table: Table, given: Request | None) -> None:
    enabled = bool((table.stream_specification or {}).get("StreamEnabled"))
    if given and given.get("StreamEnabled") and enabled:
        raise invalid(f"Table already has an enabled stream: TableName: {table.name}")
    if given and not given.get("StreamEnabled") and not enabled:
        raise invalid(f"Table does not have an enabled stream to disable: TableName: {table.name}")


def _check_indexes(table: Table, request: Request, updates: list[tuple[str, Request]], mode: str) -> None:
    indexes = {index.name: index for index in table.global_indexes}
    known = {entry["AttributeName"]: entry["AttributeType"] for entry in table.attr}
    told = {
        entry["AttributeName"]: entry["AttributeType"] for entry in request.get("AttributeDefinitions") or []
    }
    for name in told:
        if known.get(name, told[name]) != told[name] and name in table.attribute_keys:
            raise wrong(
                f"Cannot redefine the type of the key attribute {name} from {known[name]} to {told[name]}"
            )
    for action, given in updates:
        name = given["IndexName"]
        if action == "Create":
            _check_new(table, given, {**known, **told}, mode)
        elif name not in indexes:
            raise not_found()
        elif action == "Update":
            definitions.check_throughput(given, mode)
            if given.get("ProvisionedThroughput"):
                definitions.check_index_throughput(given, mode)
                _check_changes(indexes[name], given["ProvisionedThroughput"], mode == table.mode)
    if mode != ON_DEMAND and table.mode == ON_DEMAND:
        provided = {given["IndexName"] for action, given in updates if given.get("ProvisionedThroughput")}
        for name in indexes.keys() - provided:
            raise wrong(f"ProvisionedThroughput must be specified for index: {name}")


def _check_new(table: Table, given: Request, types: dict[str, str], mode: str) -> None:
    definitions.check_global(given, mode)
    if given["IndexName"] in {index.name for index in table.all_indexes()}:
        raise wrong(f"Duplicate index name: {given['IndexName']}")
    if len(table.global_indexes) >= definitions.GLOBAL_INDEXES:
        raise limit_exceeded(
            "One or more parameter values were invalid: GlobalSecondaryIndex count exceeds the per-table "
            f"limit of {definitions.GLOBAL_INDEXES}"
        )
    missing = [key["AttributeName"] for key in given["KeySchema"] if key["AttributeName"] not in types]
    if missing:
        raise wrong(
            "Some index key attributes are not defined in AttributeDefinitions. "
            f"Keys: [{', '.join(missing)}], AttributeDefinitions: [{', '.join(sorted(types))}]"
        )


def _check_changes(index: Index, given: Request, same_mode: bool) -> None:
    if same_mode and _same(given, index.throughput):
        raise invalid(
            f"The provisioned throughput for the index {index.name} will not change. The requested value "
            "equals the current value. Ask for another one, or leave the update out."
        )


def _change_settings(table: Table, request: Request, mode: str, encrypted: Request | None) -> None:
    if mode != table.mode:
        table.billing_mode = mode
        if mode == ON_DEMAND:
            table.on_demand_since = utcnow()
            table.throughput = throughput_of(None, table.throughput)
            for index in table.global_indexes:
                index.throughput = throughput_of(None, index.throughput)
    if request.get("ProvisionedThroughput"):
        table.throughput = throughput_of(request["ProvisionedThroughput"], table.throughput)
    table.warm_throughput = warm_of(request.get("WarmThroughput"), table.throughput, mode)
    table.on_demand |= request.get("OnDemandThroughput") or {}
    if request.get("SSESpecification") is not None:
        table.encrypt(encrypted)
    if request.get("TableClass"):
        table.table_class, table.table_class_since = request["TableClass"], utcnow()
    if request.get("DeletionProtectionEnabled") is not None:
        table.deletion_protection_enabled = request["DeletionProtectionEnabled"]


def _change_indexes(table: Table, request: Request, updates: list[tuple[str, Request]], mode: str) -> None:
    types = {entry["AttributeName"]: entry["AttributeType"] for entry in table.attr}
    types |= {
        entry["AttributeName"]: entry["AttributeType"] for entry in request.get("AttributeDefinitions") or []
    }
    indexes = {index.name: index for index in table.global_indexes}
    for action, given in updates:
        if action == "Create":
            made = Index(given, table, status="CREATING")
            made.backfilling = True
            table.global_indexes.append(made)
        elif action == "Delete":
            indexes[given["IndexName"]].status = "DELETING"
        else:
            indexes[given["IndexName"]].change(given, mode)
            indexes[given["IndexName"]].status = "UPDATING"
    used = set(table.attribute_keys)
    table.attr = [
        {"AttributeName": name, "AttributeType": kind} for name, kind in types.items() if name in used
    ]
