"""Whether a table's throughput admits an operation, and what the operations used."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from localaws.dynamodb.counters import Counters, Series, rounded
from localaws.dynamodb.errors import ItemFault
from localaws.dynamodb.throttle import Demand, Kind, Refusal, Throttle

if TYPE_CHECKING:
    from localaws.dynamodb.schema import TableSchema

Units = Mapping[str | None, float]
"""Capacity units of the table (None) and of each index by its name."""
NOTHING: Units = {}
HASH_BYTES = 4
THROTTLED = frozenset(
    {"ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"}
)
CONFLICTS = frozenset({"TransactionConflictException"})
COUNTING = frozenset({"Query", "Scan", "ExecuteStatement"})

TABLE_EXCEEDED = (
    "The level of configured provisioned throughput for the table was exceeded. Consider increasing your "
    "provisioning level with the UpdateTable API."
)
INDEX_EXCEEDED = (
    "The level of configured provisioned throughput for one or more global secondary indexes of the table "
    "was exceeded. Consider increasing your provisioning level for the under-provisioned global secondary "
    "indexes with the UpdateTable API"
)
SCALING = (
    "Throughput exceeds the current capacity of your table or index. DynamoDB is automatically scaling your "
    "table or index so please try again shortly. If exceptions persist, check if you have a hot key: "
    "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html"
)
HIGHEST_EXCEEDED = "Throughput exceeds the maximum OnDemandThroughput configured on table or index"
QUOTA_EXCEEDED = (
    "Throughput exceeds the current throughput limit for your account. Please contact AWS Support at "
    "https://aws.amazon.com/support to request a limit increase"
)


@dataclass
class Admission:
    """Admits what the model of `throttle` lets through, and counts everything."""

    clock: Callable[[], float] = time.perf_counter
    counters: Counters = field(default_factory=Counters)
    _throttles: dict[str, tuple[TableSchema, Throttle]] = field(default_factory=dict)

    def admit(
        self,
        schema: TableSchema,
        *,
        reads: Units = NOTHING,
        writes: Units = NOTHING,
        partition: bytes = b"",
    ) -> None:
        """Take the units, or raise the throttling Fault.

        Called before a write and after a read. `partition` begins with the 4 bytes of the partition key's
        hash (big-endian); it is empty for a Scan. A write tells the table's only: those of its indexes are
        not known.
        """
        now = self.clock()
        place = int.from_bytes(partition[:HASH_BYTES], "big") if partition else None
        demands = [Demand("Read", index, units, place) for index, units in _own(schema, reads).items()]
        for index, units in _own(schema, writes).items():
            demands.append(Demand("Write", index, units, place if index is None else None))
        refusals = self._throttle(schema, now).admit(demands, now)
        if refusals:
            self._count_refusals(schema, refusals)
            raise _fault(schema, refusals)

    def _throttle(self, schema: TableSchema, now: float) -> Throttle:
        known = self._throttles.get(schema.id)
        if known is not None and known[0] is schema:
            return known[1]
        throttle = known[1] if known is not None else Throttle()
        throttle.follow(schema.limits, now)
        self._throttles[schema.id] = (schema, throttle)
        return throttle

    def forget(self, table_id: str) -> None:
        """Forget a deleted table."""
        self._throttles.pop(table_id, None)

    def account(
        self,
        schema: TableSchema,
        operation: str,
        *,
        reads: Units = NOTHING,
        writes: Units = NOTHING,
        seconds: float = 0.0,
        returned: int | None = None,
        error: str | None = None,
    ) -> None:
        """Count an answered operation for the metrics; `error` is the code of the fault it ended with."""
        kinds: tuple[tuple[Kind, Units], ...] = (("Read", reads), ("Write", writes))
        for kind, used in kinds:
            for index, units in _own(schema, used).items():
                self._add(schema, f"Consumed{kind}CapacityUnits", units, index=index)
        if error is not None:
            self._count_error(schema, operation, error)
            return
        latency = rounded(seconds * 1000)
        self._add(schema, "SuccessfulRequestLatency", latency, unit="Milliseconds", operation=operation)
        if returned is not None and operation in COUNTING:
            self._add(schema, "ReturnedItemCount", float(returned), operation=operation)

    def _count_error(self, schema: TableSchema, operation: str, error: str) -> None:
        if error in THROTTLED:
            self._add(schema, "ThrottledRequests", operation=operation)
        elif error == "ConditionalCheckFailedException":
            self._add(schema, "ConditionalCheckFailedRequests")
        elif error in CONFLICTS:
            self._add(schema, "TransactionConflict")
        elif error == "InternalServerError":
            self._add(schema, "SystemErrors", operation=operation)
        else:
            self.counters.add(Series(schema.account, schema.region, None, "UserErrors"))

    def _count_refusals(self, schema: TableSchema, refusals: list[Refusal]) -> None:
        for refusal in refusals:
            demand = refusal.demand
            self._add(schema, f"{demand.kind}ThrottleEvents", index=demand.index)
            cause = refusal.ending.removesuffix("Exceeded")
            self._add(schema, f"{demand.kind}{cause}ThrottleEvents", index=demand.index)

    def _add(
        self,
        schema: TableSchema,
        name: str,
        value: float = 1.0,
        *,
        unit: str = "Count",
        index: str | None = None,
        operation: str | None = None,
    ) -> None:
        series = Series(schema.account, schema.region, schema.name, name, unit, index, operation)
        self.counters.add(series, value)


def _own(schema: TableSchema, units: Units) -> Units:
    """Units by what they are taken from: local indexes have none of their own, they use the table's."""
    taken: dict[str | None, float] = {}
    for index, number in units.items():
        if number:
            found = schema.indexes.get(index) if index is not None else None
            owner = index if found is not None and found.is_global else None
            taken[owner] = taken.get(owner, 0.0) + number
    return taken


def _fault(schema: TableSchema, refusals: list[Refusal]) -> ItemFault:
    code, message = _code(schema, refusals[0])
    reasons = [
        {"reason": refusal.reason, "resource": schema.arn + _path(refusal.demand.index)}
        for refusal in refusals
    ]
    # the service model spells the member of ThrottlingException in lower case
    name = "throttlingReasons" if code == "ThrottlingException" else "ThrottlingReasons"
    return ItemFault(code, message, details={name: reasons})


def _path(index: str | None) -> str:
    return f"/index/{index}" if index else ""


def _code(schema: TableSchema, refusal: Refusal) -> tuple[str, str]:
    if refusal.ending == "AccountLimitExceeded":
        return "RequestLimitExceeded", QUOTA_EXCEEDED
    if refusal.ending == "MaxOnDemandThroughputExceeded":
        return "ThrottlingException", HIGHEST_EXCEEDED
    if schema.billing_mode == "PAY_PER_REQUEST":
        return "ThrottlingException", SCALING
    message = INDEX_EXCEEDED if refusal.demand.index else TABLE_EXCEEDED
    return "ProvisionedThroughputExceededException", message
