"""Exports to S3: a table's items at a moment of its past, as objects (Exporting DynamoDB table data)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.core.utils import unix_time_millis, utcnow
from moto.moto_api._internal import mock_random

from localaws.dynamodb.recovery import moment_of
from localaws.dynamodb.refusals import TableRefusal, invalid

if TYPE_CHECKING:
    from localaws.dynamodb.backend import DynamoDBBackend
    from localaws.dynamodb.tables import Table


class Export:
    """An export; IN_PROGRESS until the controller has put its objects."""

    def __init__(self, table: Table, request: dict[str, Any], moment: float) -> None:
        self.begun = utcnow()
        millis = int(unix_time_millis(self.begun))
        self.identifier = f"{millis:014d}-{mock_random.uuid4().hex[:8]}"
        self.table_id, self.table_arn = table.table_id, table.table_arn
        self.arn = f"{table.table_arn}/export/{self.identifier}"
        self.bucket = str(request["S3Bucket"])
        self.prefix = str(request.get("S3Prefix") or "")
        self.moment = moment
        self.token = request.get("ClientToken")
        self.status = "IN_PROGRESS"
        self.ended: Any = None
        self.items, self.size = 0, 0
        self.failure: tuple[str, str] | None = None

    @property
    def work(self) -> str | None:
        """What the controller has to do."""
        return "export" if self.status == "IN_PROGRESS" else None

    @property
    def folder(self) -> str:
        """Where its objects are in the bucket."""
        return "/".join(filter(None, (self.prefix.strip("/"), "AWSDynamoDB", self.identifier)))

    def describe(self) -> dict[str, Any]:
        """ExportDescription."""
        described = {
            "ExportArn": self.arn,
            "ExportStatus": self.status,
            "ExportType": "FULL_EXPORT",
            "ExportFormat": "DYNAMODB_JSON",
            "StartTime": self.begun,
            "ExportTime": self.moment,
            "TableArn": self.table_arn,
            "TableId": self.table_id,
            "S3Bucket": self.bucket,
            "S3SseAlgorithm": "AES256",
        }
        described |= {"S3Prefix": self.prefix} if self.prefix else {}
        described |= {"ClientToken": self.token} if self.token else {}
        described |= {"EndTime": self.ended} if self.ended else {}
        if self.failure is not None:
            described |= {"FailureCode": self.failure[0], "FailureMessage": self.failure[1]}
        if self.status == "COMPLETED":
            manifest = f"{self.folder}/manifest-summary.json"
            described |= {"ExportManifest": manifest, "ItemCount": self.items, "BilledSizeBytes": self.size}
        return described


def begin(backend: DynamoDBBackend, request: dict[str, Any]) -> Export:
    """ExportTableToPointInTime."""
    for name, only in (("ExportFormat", "DYNAMODB_JSON"), ("ExportType", "FULL_EXPORT")):
        if request.get(name) not in (None, only):
            raise invalid(f"{name} {request[name]} is not available in this local AWS. Use {only}.")
    table = backend.find_source(request["TableArn"])
    if table.recovery["PointInTimeRecoveryStatus"] != "ENABLED":
        raise TableRefusal(
            "PointInTimeRecoveryUnavailableException",
            f"Point in time recovery is not enabled for table '{table.name}'",
        )
    wanted = request.get("ExportTime")
    asked = {"UseLatestRestorableTime": True} if wanted is None else {"RestoreDateTime": wanted}
    moment = moment_of(table, asked, code="InvalidExportTimeException")
    export = Export(table, request, moment)
    backend.exports[export.arn] = export
    return export


def find(backend: DynamoDBBackend, arn: str) -> Export:
    """An export by its ARN."""
    if arn not in backend.exports:
        raise TableRefusal("ExportNotFoundException", f"Export not found: {arn}")
    return backend.exports[arn]


def settle(backend: DynamoDBBackend, identifier: str, items: int, size: int, failure: Any) -> None:
    """An export's objects are there, or cannot be put."""
    for export in backend.exports.values():
        if export.identifier == identifier and export.status == "IN_PROGRESS":
            export.status = "COMPLETED" if failure is None else "FAILED"
            export.failure = None if failure is None else tuple(failure)
            export.items, export.size, export.ended = items, size, utcnow()
