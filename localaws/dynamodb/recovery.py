"""Restores: a new table with the items of a backup, or of another table at a moment of its past.

The new table has its own settings (RestoreTableToPointInTime): tags, TTL, alarms, policies, its stream,
point-in-time recovery and auto scaling are not restored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localaws.dynamodb import backups, definitions
from localaws.dynamodb.refusals import TableRefusal, invalid, wrong
from localaws.dynamodb.tables import NO_THROUGHPUT, ON_DEMAND, Table

if TYPE_CHECKING:
    from localaws.dynamodb.backend import DynamoDBBackend

Request = dict[str, Any]


def from_backup(backend: DynamoDBBackend, request: Request) -> Table:
    """RestoreTableFromBackup."""
    backup = backend.get_backup(request["BackupArn"])
    if backup.status != "AVAILABLE":
        raise TableRefusal("BackupInUseException", f"Backup is {backup.status}: {backup.arn}")
    source = {"kind": "backup", "backup": backup.identifier}
    table = _make(backend, backup.table, request, source)
    table.restore_summary = {
        "SourceBackupArn": backup.arn,
        "SourceTableArn": backup.table.table_arn,
        "RestoreDateTime": backup.created,
    }
    return table


def to_point_in_time(backend: DynamoDBBackend, request: Request) -> Table:
    """RestoreTableToPointInTime."""
    named = request.get("SourceTableArn") or request.get("SourceTableName")
    if not named:
        raise invalid("SourceTableName or SourceTableArn must be specified")
    original = _source(backend, named)
    if original.recovery["PointInTimeRecoveryStatus"] != "ENABLED":
        raise TableRefusal(
            "PointInTimeRecoveryUnavailableException",
            f"Point in time recovery is not enabled for table '{original.name}'",
        )
    moment = moment_of(original, request)
    source = {"kind": "table", "table": original.table_id, "time": int(moment * 1_000_000)}
    table = _make(backend, original, request, source)
    table.restore_summary = {"SourceTableArn": original.table_arn, "RestoreDateTime": moment}
    return table


def _source(backend: DynamoDBBackend, name: str) -> Table:
    try:
        table = backend.find(name)
    except TableRefusal:
        raise TableRefusal("SourceTableNotFoundException", f"Source table not found: {name}") from None
    if table.status not in ("ACTIVE", "UPDATING"):
        raise TableRefusal("TableInUseException", f"Source table is {table.status}: {name}")
    return table


def moment_of(table: Table, request: Request, code: str = "InvalidRestoreTimeException") -> float:
    """The moment that a request names, in epoch seconds."""
    earliest, latest = backups.restorable(table)
    wanted = request.get("RestoreDateTime")
    if request.get("UseLatestRestorableTime"):
        if wanted is not None:
            raise invalid("RestoreDateTime and UseLatestRestorableTime cannot both be specified")
        return latest
    if wanted is None:
        raise invalid("Either RestoreDateTime or UseLatestRestorableTime must be specified")
    moment = float(wanted if isinstance(wanted, int | float) else wanted.timestamp())
    # requests carry whole seconds
    if not int(earliest) <= moment <= latest:
        raise TableRefusal(
            code,
            "An invalid restore time was specified. RestoreDateTime must be between "
            "EarliestRestorableDateTime and LatestRestorableDateTime.",
        )
    return moment


def _make(backend: DynamoDBBackend, original: Table, request: Request, source: Request) -> Table:
    name = request["TargetTableName"]
    definitions.check_name(name, "targetTableName")
    if name in backend.tables:
        raise TableRefusal("TableAlreadyExistsException", f"Table already exists: {name}")
    mode = request.get("BillingModeOverride") or original.mode
    if mode == ON_DEMAND and request.get("ProvisionedThroughputOverride"):
        raise wrong(
            "ProvisionedThroughputOverride cannot be specified when the billing mode is PAY_PER_REQUEST"
        )
    indexes = _global_indexes(original, request, mode)
    throughput = None if mode == ON_DEMAND else _throughput(original, request)
    encrypted = request.get("SSESpecificationOverride") or _encryption(original)
    local = _local_indexes(original, request)
    return backend.create_table(
        name,
        schema=original.schema,
        attr=_attributes(original, indexes, local),
        throughput=throughput,
        billing_mode=mode,
        global_indexes=indexes,
        indexes=local,
        sse_specification=encrypted,
        on_demand=request.get("OnDemandThroughputOverride")
        or (original.on_demand if mode == ON_DEMAND else None),
        table_class=original.table_class,
        source=source,
    )


def _throughput(original: Table, request: Request) -> Request:
    given: Request | None = request.get("ProvisionedThroughputOverride")
    if given is None and original.mode == ON_DEMAND:
        raise wrong(
            "ProvisionedThroughputOverride must be specified when BillingModeOverride is PROVISIONED and the "
            "source table is on demand"
        )
    definitions.check_throughput({"ProvisionedThroughput": given or {}}, None)
    return given or {name: original.throughput[name] for name in NO_THROUGHPUT}


def _global_indexes(original: Table, request: Request, mode: str) -> list[Request]:
    existing = {
        index.name: index.definition()
        for index in original.global_indexes
        if index.status in ("ACTIVE", "UPDATING")
    }
    given = request.get("GlobalSecondaryIndexOverride")
    if given is None:
        chosen = list(existing.values())
        for index in chosen:
            if mode == ON_DEMAND:
                index.pop("ProvisionedThroughput", None)
            elif "ProvisionedThroughput" not in index:
                index["ProvisionedThroughput"] = _throughput(original, request)
        return chosen
    for index in given:
        known = existing.get(index["IndexName"])
        if known is None or known["KeySchema"] != index["KeySchema"]:
            raise wrong(
                f"index {index['IndexName']} is not one of the source. Give some of its indexes, or none."
            )
        definitions.check_global(index, mode)
    return list(given)


def _local_indexes(original: Table, request: Request) -> list[Request]:
    existing = [index.describe() for index in original.indexes]
    given = request.get("LocalSecondaryIndexOverride")
    if given is None:
        return existing
    if any(index["IndexName"] not in {each["IndexName"] for each in existing} for index in given):
        raise wrong("LocalSecondaryIndexOverride names an index that the source does not have")
    return list(given)


def _attributes(original: Table, *indexes: list[Request]) -> list[dict[str, str]]:
    request = {
        "KeySchema": original.schema,
        "GlobalSecondaryIndexes": [each for kind in indexes for each in kind],
    }
    used = definitions.used_attributes(request)
    return [dict(entry) for entry in original.attr if entry["AttributeName"] in used]


def _encryption(original: Table) -> Request | None:
    known = original.sse_specification
    if not known or not known.get("Enabled"):
        return None
    return {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": known["KMSMasterKeyId"]}
