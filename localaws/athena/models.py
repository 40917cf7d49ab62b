"""A query as Athena describes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

ENDED = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})
_DDL = ("ALTER", "CREATE", "DESC", "DESCRIBE", "DROP", "MSCK", "SHOW")


@dataclass
class Execution:
    """One query: what was asked, and how far it is; times are seconds since 1970."""

    id: str
    query: str
    statement: str
    workgroup: str
    database: str
    catalog: str
    parameters: list[str] | None
    configuration: dict[str, Any]
    engine: str
    limit: int | None
    submitted: float
    token: str | None = None
    status: str = "QUEUED"
    reason: str | None = None
    began: float | None = None
    ended: float | None = None
    scanned: int = 0
    engine_ms: int = 0
    planning_ms: int = 0
    columns: list[dict[str, Any]] = field(default_factory=list)
    rows: int | None = None
    manifest: str | None = None

    @property
    def output(self) -> str:
        """The result's place in S3."""
        return str(self.configuration["OutputLocation"])

    @property
    def selects(self) -> bool:
        """Whether its result is a table, with a line of names above it."""
        return self.output.endswith(".csv")

    @property
    def statement_type(self) -> str:
        """DDL, DML or UTILITY."""
        word = (self.query.split() or [""])[0].upper()
        if word == "EXPLAIN":
            return "UTILITY"
        is_ctas = word == "CREATE" and "SELECT" in self.query.upper() and "TABLE" in self.query.upper()
        return "DDL" if word.startswith(_DDL) and not is_ctas else "DDL" if is_ctas else "DML"

    def as_dict(self) -> dict[str, Any]:
        """Return QueryExecution."""
        status = {"State": self.status, "SubmissionDateTime": self.submitted}
        if self.reason:
            status["StateChangeReason"] = self.reason
            if self.status == "FAILED":
                status["AthenaError"] = {
                    "ErrorCategory": 2,
                    "ErrorType": 1006,
                    "Retryable": False,
                    "ErrorMessage": self.reason,
                }
        if self.ended is not None:
            status["CompletionDateTime"] = self.ended
        described = {
            "QueryExecutionId": self.id,
            "Query": self.query,
            "StatementType": self.statement_type,
            "ResultConfiguration": self.configuration,
            "ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": False}},
            "QueryExecutionContext": {"Database": self.database, "Catalog": self.catalog},
            "Status": status,
            "Statistics": self.statistics(),
            "WorkGroup": self.workgroup,
            "EngineVersion": {
                "SelectedEngineVersion": self.engine,
                "EffectiveEngineVersion": "Athena engine version 3",
            },
            "SubstatementType": (self.query.split() or [""])[0].upper(),
        }
        if self.parameters is not None:
            described["ExecutionParameters"] = self.parameters
        return described

    def statistics(self) -> dict[str, Any]:
        """Return Statistics."""
        queued = int(((self.began or self.ended or self.submitted) - self.submitted) * 1000)
        statistics: dict[str, Any] = {
            "DataScannedInBytes": self.scanned,
            "EngineExecutionTimeInMillis": self.engine_ms,
            "TotalExecutionTimeInMillis": int(((self.ended or self.submitted) - self.submitted) * 1000),
            "QueryQueueTimeInMillis": queued,
            "QueryPlanningTimeInMillis": self.planning_ms,
            "ServicePreProcessingTimeInMillis": 0,
            "ServiceProcessingTimeInMillis": 0,
            "ResultReuseInformation": {"ReusedPreviousResult": False},
        }
        if self.manifest:
            statistics["DataManifestLocation"] = self.manifest
        return statistics
