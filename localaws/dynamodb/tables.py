"""Tables and their global indexes as the model has them: no items, only what DescribeTable tells."""

from __future__ import annotations

import copy
from typing import Any

import moto.dynamodb.models.table as base
from moto.core.utils import utcnow
from moto.moto_api._internal import mock_random

NO_THROUGHPUT = {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0}
ON_DEMAND, PROVISIONED = "PAY_PER_REQUEST", "PROVISIONED"


def throughput_of(given: dict[str, Any] | None, before: dict[str, Any] | None = None) -> dict[str, Any]:
    """ProvisionedThroughput as it is described, with the times of the last changes."""
    wanted = {name: int((given or NO_THROUGHPUT)[name]) for name in NO_THROUGHPUT}
    described: dict[str, Any] = {"NumberOfDecreasesToday": 0}
    if before is not None:
        described |= {name: value for name, value in before.items() if name.endswith(("DateTime", "Today"))}
        if any(wanted[name] > before[name] for name in wanted):
            described["LastIncreaseDateTime"] = utcnow()
        if any(wanted[name] < before[name] for name in wanted):
            described["LastDecreaseDateTime"] = utcnow()
            described["NumberOfDecreasesToday"] += 1
    return described | wanted


def warm_of(given: dict[str, Any] | None, throughput: dict[str, Any], mode: str) -> dict[str, Any]:
    """WarmThroughput: what was asked for, at least what the mode gives."""
    floor = {
        "ReadUnitsPerSecond": throughput["ReadCapacityUnits"],
        "WriteUnitsPerSecond": throughput["WriteCapacityUnits"],
    }
    if mode == ON_DEMAND:
        floor = {
            "ReadUnitsPerSecond": base.DEFAULT_WARM_THROUGHPUT_RCU,
            "WriteUnitsPerSecond": base.DEFAULT_WARM_THROUGHPUT_WCU,
        }
    return (
        floor | {name: (given or {})[name] for name in floor if name in (given or {})} | {"Status": "ACTIVE"}
    )


class Index(base.GlobalSecondaryIndex):
    """A global secondary index; `backfilling` while the items that the table has are put into it."""

    def __init__(self, given: dict[str, Any], table: Table, *, status: str) -> None:
        throughput = given.get("ProvisionedThroughput")
        super().__init__(
            given["IndexName"], given["KeySchema"], given["Projection"], table.table_key_attrs, status
        )
        self.throughput = throughput_of(throughput)
        self.warm_throughput = warm_of(given.get("WarmThroughput"), self.throughput, table.mode)
        self.on_demand: dict[str, int] = dict(given.get("OnDemandThroughput") or {})
        self.backfilling = False
        self.arn = f"{table.table_arn}/index/{self.name}"

    def change(self, given: dict[str, Any], mode: str) -> None:
        """Update of UpdateTable."""
        if given.get("ProvisionedThroughput"):
            self.throughput = throughput_of(given["ProvisionedThroughput"], self.throughput)
        self.warm_throughput = warm_of(given.get("WarmThroughput"), self.throughput, mode)
        self.on_demand |= given.get("OnDemandThroughput") or {}

    def definition(self) -> dict[str, Any]:
        """As CreateTable takes it."""
        made: dict[str, Any] = {
            "IndexName": self.name,
            "KeySchema": self.schema,
            "Projection": self.projection,
            "OnDemandThroughput": self.on_demand,
        }
        if self.throughput["ReadCapacityUnits"]:
            made["ProvisionedThroughput"] = {name: self.throughput[name] for name in NO_THROUGHPUT}
        return copy.deepcopy(made)

    def describe(self) -> dict[str, Any]:
        """GlobalSecondaryIndexDescription."""
        described: dict[str, Any] = {
            **super().describe(),
            "IndexArn": self.arn,
            "IndexSizeBytes": 0,
            "ItemCount": 0,
        }
        if self.on_demand:
            described["OnDemandThroughput"] = self.on_demand
        if self.status == "CREATING":
            described["Backfilling"] = self.backfilling
        return described


class Table(base.Table):
    """A table; the controller gives it a store and brings its status to ACTIVE."""

    def __init__(
        self,
        table_name: str,
        *,
        global_indexes: list[dict[str, Any]] | None = None,
        table_class: str | None = None,
        on_demand: dict[str, int] | None = None,
        source: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        self.table_id = str(mock_random.uuid4())
        self.streams: list[dict[str, Any]] = []
        options["billing_mode"] = options.get("billing_mode") or PROVISIONED
        super().__init__(table_name, **options)
        self.throughput = throughput_of(options.get("throughput"))
        self.warm_throughput = warm_of(options.get("warm_throughput"), self.throughput, self.mode)
        self.global_indexes = [Index(each, self, status="CREATING") for each in global_indexes or []]
        self.on_demand: dict[str, int] = dict(on_demand or {})
        self.on_demand_since = utcnow() if self.mode == ON_DEMAND else None
        self.table_class = table_class
        self.table_class_since: Any = None
        self.status = "CREATING"
        self.source = source
        """Where a restored table's items come from, until it has them."""
        self.restore_summary: dict[str, Any] | None = None
        self.system_backup: str | None = None
        """The backup that is made of a table with point-in-time recovery before it is deleted."""

    @property
    def mode(self) -> str:
        """PROVISIONED or PAY_PER_REQUEST."""
        return str(self.billing_mode)

    @property
    def work(self) -> list[str]:
        """What the controller has to do."""
        states = (self.status, self.ttl["TimeToLiveStatus"])
        return [state for state in states if state.endswith("ING")]

    def encrypt(self, specification: dict[str, Any] | None) -> None:
        """Take the specification of UpdateTable; None is AWS's own key."""
        self.sse_specification = specification
        if specification is not None and "KMSMasterKeyId" not in specification:
            specification["KMSMasterKeyId"] = self._get_default_encryption_key(
                self.account_id, self.region_name
            )

    @property
    def recovery(self) -> dict[str, Any]:
        """PointInTimeRecoveryDescription as it is kept."""
        found: dict[str, Any] = self.continuous_backups["PointInTimeRecoveryDescription"]
        return found

    def __len__(self) -> int:
        return 1

    def set_stream_specification(self, streams: dict[str, Any] | None) -> None:
        """Turn the stream on or off; a new one has a new label."""
        now = utcnow()
        if self.streams and self.streams[-1]["until"] is None:
            self.streams[-1]["until"] = now
        if not streams or not (streams.get("StreamEnabled") or streams.get("StreamViewType")):
            self.stream_specification = {"StreamEnabled": False}
            return
        self.stream_specification = {"StreamEnabled": True, "StreamViewType": streams["StreamViewType"]}
        self.latest_stream_label = now.isoformat(timespec="milliseconds")
        self.streams.append(
            {
                "label": self.latest_stream_label,
                "arn": f"{self.table_arn}/stream/{self.latest_stream_label}",
                "view": streams["StreamViewType"],
                "since": now,
                "until": None,
            }
        )

    def describe(self, base_key: str = "TableDescription") -> dict[str, Any]:
        """TableDescription."""
        described: dict[str, Any] = super().describe(base_key)[base_key]
        described |= {"TableId": self.table_id, "TableStatus": self.status, "ItemCount": 0}
        described["LocalSecondaryIndexes"] = [
            {
                **each,
                "IndexArn": f"{self.table_arn}/index/{each['IndexName']}",
                "IndexSizeBytes": 0,
                "ItemCount": 0,
            }
            for each in described["LocalSecondaryIndexes"]
        ]
        for name in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
            if not described[name]:
                del described[name]
        described |= self._describe_settings()
        return {base_key: described}

    def _describe_settings(self) -> dict[str, Any]:
        described: dict[str, Any] = {}
        if self.on_demand_since is not None:
            described["BillingModeSummary"] = {
                "BillingMode": self.mode,
                "LastUpdateToPayPerRequestDateTime": self.on_demand_since,
            }
        if self.on_demand:
            described["OnDemandThroughput"] = self.on_demand
        if self.table_class:
            described["TableClassSummary"] = {"TableClass": self.table_class}
            if self.table_class_since is not None:
                described["TableClassSummary"]["LastUpdateDateTime"] = self.table_class_since
        if self.restore_summary:
            described["RestoreSummary"] = {
                **self.restore_summary,
                "RestoreInProgress": self.status == "CREATING",
            }
        return described
