"""CloudWatch metrics of tables, counted by their operations (DynamoDB metrics and dimensions)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from localaws.cloudwatch.measure import Dimensions, Measure
from localaws.dynamodb.counters import Series
from localaws.dynamodb.parts import parts
from localaws.dynamodb.view import Model

if TYPE_CHECKING:
    from localaws.control import ControlPlane

NAMESPACE = "AWS/DynamoDB"


class Meter:
    """The probe of DynamoDB: takes what was counted since its last look."""

    def __init__(self, control: ControlPlane) -> None:
        self._model = Model(control)
        self._counters = parts(control).admission.counters

    def close(self) -> None:
        """Nothing is held open."""

    def measures(self) -> Iterator[Measure]:
        """Yield what was counted, and what is provisioned."""
        for series, values in self._counters.take().items():
            for value, times in values.items():
                yield _measure(series, value, float(times))
        yield from self._provisioned()

    def _provisioned(self) -> Iterator[Measure]:
        for table in self._model.tables():
            schema = table.schema
            if schema.status not in ("ACTIVE", "UPDATING"):
                continue
            for index, limits in schema.limits.items():
                for kind, units in (limits.provisioned or {}).items():
                    name = f"Provisioned{kind}CapacityUnits"
                    series = Series(schema.account, schema.region, schema.name, name, index=index)
                    yield _measure(series, units, 1.0)


def _measure(series: Series, value: float, times: float) -> Measure:
    return Measure(
        account_id=series.account_id,
        region=series.region,
        namespace=NAMESPACE,
        name=series.name,
        dimensions=_dimensions(series),
        unit=series.unit,
        value=value,
        times=times,
    )


def _dimensions(series: Series) -> Dimensions:
    named = (
        ("TableName", series.table),
        ("GlobalSecondaryIndexName", series.index),
        ("Operation", series.operation),
        ("StreamLabel", series.stream),
    )
    return tuple((name, value) for name, value in named if value is not None)
