"""Auto scaling of tables: target tracking from the metrics (Managing throughput with DynamoDB auto scaling).

Capacity is brought into the target's bounds at once. It rises when the last minute's use is above the target
(AWS: two minutes in a row), and falls when each of the last fifteen minutes was below nine tenths of it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localaws.cloudwatch.host import HOST
from localaws.cloudwatch.store import Metric
from localaws.dynamodb.measures import NAMESPACE
from localaws.dynamodb.throttle import Kind
from localaws.dynamodb.view import Model, Place, TableView

if TYPE_CHECKING:
    from localaws.control import ControlPlane

LOOK_SECONDS = 2.0
MINUTE, CALM_MINUTES = 60, 15
CALM_SHARE = 0.9
DIMENSIONS: dict[str, Kind] = {"ReadCapacityUnits": "Read", "WriteCapacityUnits": "Write"}


@dataclass(frozen=True)
class Target:
    """A scalable target of a table or an index, with the utilization (0 to 1) that its policy holds."""

    place: Place
    table: str
    index: str | None
    kind: Kind
    low: int
    high: int
    current: int
    wanted: float | None
    since: float
    rises: bool
    falls: bool


class Scaling:
    """Compares what is used with what is provisioned, and settles new throughput."""

    def __init__(self, control: ControlPlane, model: Model) -> None:
        self._control = control
        self._model = model
        self._due = 0.0

    def look(self, tables: list[TableView]) -> None:
        """Scale what is due."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + LOOK_SECONDS
        for target in self._targets(tables):
            units = self._units(target)
            if units != target.current:
                self._model.settle(target.place, "scaled", index=target.index, kind=target.kind, units=units)

    def _units(self, target: Target) -> int:
        """What the target should have."""
        units = target.current
        if target.wanted is not None:
            minutes = self._minutes(target)
            needed = math.ceil(minutes[0] / target.wanted)
            calm = all(used < CALM_SHARE * target.wanted * units for used in minutes)
            if needed > units and target.rises:
                units = needed
            elif calm and target.falls and time.time() - target.since > CALM_MINUTES * MINUTE:
                units = min(units, math.ceil(max(minutes) / target.wanted))
        return max(target.low, min(units, target.high))

    def _minutes(self, target: Target) -> list[float]:
        """Units a second that were used in each of the last fifteen minutes, the last one first."""
        named = [("TableName", target.table)]
        if target.index is not None:
            named.append(("GlobalSecondaryIndexName", target.index))
        place = target.place
        name = f"Consumed{target.kind}CapacityUnits"
        metric = Metric(place.account_id, place.region, NAMESPACE, name, tuple(named))
        now = int(time.time())
        used = [0.0] * CALM_MINUTES
        for point in HOST.store.points(metric, now - CALM_MINUTES * MINUTE + 1, now + 1):
            used[(now - point.second) // MINUTE] += point.total
        return [total / MINUTE for total in used]

    def _targets(self, tables: list[TableView]) -> list[Target]:
        by_name = {
            (view.place.account_id, view.place.region, view.schema.name): view
            for view in tables
            if view.schema.status == "ACTIVE" and view.schema.billing_mode == "PROVISIONED"
        }
        with self._control.lock:
            return [
                target
                for account, region, backend in self._control.backends("applicationautoscaling")
                for scalable in _scalable(backend)
                if (view := by_name.get((account, region, scalable.resource_id.split("/")[1])))
                and (target := _target(view, backend, scalable)) is not None
            ]


def _scalable(backend: Any) -> Iterator[Any]:
    for dimension, targets in backend.targets.items():
        if dimension.startswith("dynamodb:"):
            yield from targets.values()


def _target(view: TableView, backend: Any, scalable: Any) -> Target | None:
    kind = DIMENSIONS[scalable.scalable_dimension.rpartition(":")[2]]
    _, _, rest = scalable.resource_id.partition("/")
    table, _, index = rest.partition("/index/")
    limits = view.schema.limits.get(index or None)
    if limits is None or limits.provisioned is None:
        return None
    policy = next((each for each in backend.policies.values() if _follows(each, scalable)), None)
    suspended = scalable.suspended_state or {}
    return Target(
        place=view.place,
        table=table,
        index=index or None,
        kind=kind,
        low=int(scalable.min_capacity),
        high=int(scalable.max_capacity),
        current=int(limits.provisioned[kind]),
        wanted=None if policy is None else float(_configuration(policy)["TargetValue"]) / 100,
        since=0.0 if policy is None else float(policy.creation_time),
        rises=not suspended.get("DynamicScalingOutSuspended"),
        falls=not suspended.get("DynamicScalingInSuspended")
        and policy is not None
        and not _configuration(policy).get("DisableScaleIn"),
    )


def _follows(policy: Any, scalable: Any) -> bool:
    return bool(
        policy.policy_type == "TargetTrackingScaling"
        and (policy.resource_id, policy.scalable_dimension)
        == (scalable.resource_id, scalable.scalable_dimension)
    )


def _configuration(policy: Any) -> dict[str, Any]:
    found: dict[str, Any] = policy.target_tracking_scaling_policy_configuration
    return found
