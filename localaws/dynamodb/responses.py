"""DynamoDB's operations on tables: requests parsed by moto, answers in AWS's shape."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.dynamodb.responses import DynamoHandler

from localaws.dynamodb import definitions, exports, recovery
from localaws.dynamodb.backend import DynamoDBBackend
from localaws.dynamodb.figures import with_figures
from localaws.dynamodb.refusals import constraint, invalid
from localaws.dynamodb.tables import ON_DEMAND, PROVISIONED

LIMITS = {
    "AccountMaxReadCapacityUnits": 80_000,
    "AccountMaxWriteCapacityUnits": 80_000,
    "TableMaxReadCapacityUnits": definitions.HIGHEST,
    "TableMaxWriteCapacityUnits": definitions.HIGHEST,
}


class DynamoDBResponse(DynamoHandler):
    """The operations that are not moto's own, or answer more than moto's."""

    @property
    def _backend(self) -> DynamoDBBackend:
        found = self.dynamodb_backend
        assert isinstance(found, DynamoDBBackend)
        return found

    # -- tables

    def create_table(self) -> ActionResult:
        body = self.body
        mode = body.get("BillingMode") or PROVISIONED
        for name in ("KeySchema", "AttributeDefinitions"):
            if not body.get(name):
                raise invalid(f"The parameter '{name}' is required but was not present in the request")
        if mode not in (PROVISIONED, ON_DEMAND):
            rule = "Member must satisfy enum value set: [PROVISIONED, PAY_PER_REQUEST]"
            raise constraint(mode, "billingMode", rule)
        self._validate_table_creation(
            billing_mode=mode,
            throughput=body.get("ProvisionedThroughput"),
            key_schema=body["KeySchema"],
            global_indexes=body.get("GlobalSecondaryIndexes"),
            local_secondary_indexes=body.get("LocalSecondaryIndexes"),
            attr=body["AttributeDefinitions"],
            warm_throughput=body.get("WarmThroughput"),
        )
        definitions.check_table(body)
        table = self._backend.create_table(
            body["TableName"],
            schema=body["KeySchema"],
            attr=body["AttributeDefinitions"],
            throughput=body.get("ProvisionedThroughput"),
            billing_mode=mode,
            global_indexes=body.get("GlobalSecondaryIndexes"),
            indexes=body.get("LocalSecondaryIndexes"),
            streams=body.get("StreamSpecification"),
            sse_specification=body.get("SSESpecification"),
            tags=body.get("Tags") or [],
            deletion_protection_enabled=body.get("DeletionProtectionEnabled", False),
            warm_throughput=body.get("WarmThroughput"),
            table_class=body.get("TableClass"),
            on_demand=body.get("OnDemandThroughput"),
        )
        if body.get("ResourcePolicy"):
            self._backend.put_resource_policy(table.table_arn, body["ResourcePolicy"], None)
        return ActionResult(table.describe())

    def update_table(self) -> ActionResult:
        table = self._backend.change_table(self.body)
        return ActionResult(with_figures(table, "TableDescription"))

    def describe_table(self) -> ActionResult:
        return ActionResult(with_figures(self._backend.find(self.body["TableName"]), "Table"))

    def delete_table(self) -> ActionResult:
        return ActionResult(self._backend.delete_table(self.body["TableName"]).describe())

    def list_tables(self) -> ActionResult:
        limit = self.body.get("Limit")
        if limit is not None and not 1 <= limit <= 100:
            bound = "less than or equal to 100" if limit > 100 else "greater than or equal to 1"
            raise constraint(limit, "limit", f"Member must have value {bound}")
        return super().list_tables()

    def describe_limits(self) -> ActionResult:
        return ActionResult(LIMITS)

    def tag_resource(self) -> EmptyResult:
        tags = self.body.get("Tags") or []
        self._backend.tag_resource(self.body["ResourceArn"], {tag["Key"]: tag["Value"] for tag in tags})
        return EmptyResult()

    # -- what a table can have besides

    def describe_contributor_insights(self) -> ActionResult:
        table = self._backend.find(self.body["TableName"])
        return ActionResult({"TableName": table.name, "ContributorInsightsStatus": "DISABLED"})

    def describe_kinesis_streaming_destination(self) -> ActionResult:
        table = self._backend.find(self.body["TableName"])
        return ActionResult({"TableName": table.name, "KinesisDataStreamDestinations": []})

    # -- backups

    def list_backups(self) -> ActionResult:
        body, kind = self.body, self.body.get("BackupType") or "USER"
        found = [
            backup
            for backup in self._backend.list_backups(body.get("TableName"))
            if kind in ("ALL", backup.type)
            and backup.created.timestamp() >= _seconds(body.get("TimeRangeLowerBound"), 0.0)
            and backup.created.timestamp() < _seconds(body.get("TimeRangeUpperBound"), float("inf"))
        ]
        start = body.get("ExclusiveStartBackupArn")
        arns = [backup.arn for backup in found]
        found = found[arns.index(start) + 1 if start in arns else 0 :]
        page = found[: body.get("Limit") or 100]
        answer: dict[str, Any] = {"BackupSummaries": [backup.summary for backup in page]}
        if len(found) > len(page):
            answer["LastEvaluatedBackupArn"] = page[-1].arn
        return ActionResult(answer)

    def create_backup(self) -> ActionResult:
        backup = self._backend.create_backup(self.body["TableName"], self.body["BackupName"])
        return ActionResult({"BackupDetails": backup.details})

    def describe_backup(self) -> ActionResult:
        backup = self._backend.describe_backup(self.body["BackupArn"])
        return ActionResult({"BackupDescription": backup.description})

    def delete_backup(self) -> ActionResult:
        backup = self._backend.delete_backup(self.body["BackupArn"])
        return ActionResult({"BackupDescription": backup.description})

    def restore_table_from_backup(self) -> ActionResult:
        return ActionResult(recovery.from_backup(self._backend, self.body).describe())

    def restore_table_to_point_in_time(self) -> ActionResult:
        return ActionResult(recovery.to_point_in_time(self._backend, self.body).describe())

    def export_table_to_point_in_time(self) -> ActionResult:
        return ActionResult({"ExportDescription": exports.begin(self._backend, self.body).describe()})

    def describe_export(self) -> ActionResult:
        found = exports.find(self._backend, self.body["ExportArn"])
        return ActionResult({"ExportDescription": found.describe()})

    def list_exports(self) -> ActionResult:
        named = ("ExportArn", "ExportStatus", "ExportType")
        found = [
            {name: export.describe()[name] for name in named}
            for export in self._backend.exports.values()
            if self.body.get("TableArn") in (None, export.table_arn)
        ]
        return ActionResult({"ExportSummaries": found})

    def import_table(self) -> ActionResult:
        raise invalid(
            "Imports from S3 are not available in this local AWS. Create the table and put the items."
        )


def _seconds(given: Any, otherwise: float) -> float:
    if given is None:
        return otherwise
    return float(given) if isinstance(given, int | float) else float(given.timestamp())
