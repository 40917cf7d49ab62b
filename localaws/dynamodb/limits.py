"""What a table and its global indexes are given: the settings that the throttling model follows."""

from __future__ import annotations

from typing import Any

from localaws.dynamodb.throttle import Kind, Limits


def limits_of(table: Any) -> dict[str | None, Limits]:
    """Limits of a table of the model (None) and of its global indexes; local ones use the table's."""
    on_demand = table.billing_mode == "PAY_PER_REQUEST"
    given = {None: table} | {index.name: index for index in table.global_indexes}
    return {name: _limits(each, on_demand=on_demand) for name, each in given.items()}


def _limits(resource: Any, *, on_demand: bool) -> Limits:
    throughput, warm, highest = resource.throughput, resource.warm_throughput, resource.on_demand
    provisioned: dict[Kind, float] = {
        "Read": float(throughput["ReadCapacityUnits"]),
        "Write": float(throughput["WriteCapacityUnits"]),
    }
    bounds: dict[Kind, float] = {
        "Read": float(highest.get("MaxReadRequestUnits", -1)),
        "Write": float(highest.get("MaxWriteRequestUnits", -1)),
    }
    return Limits(
        provisioned=None if on_demand else provisioned,
        highest={kind: units for kind, units in bounds.items() if units > 0},
        warm={"Read": float(warm["ReadUnitsPerSecond"]), "Write": float(warm["WriteUnitsPerSecond"])},
    )
