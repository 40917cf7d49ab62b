"""Metric data queries: metrics and metric math over them, as GetMetricData and metric alarms ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from localaws.cloudwatch import expressions, insights
from localaws.cloudwatch.expressions import ExpressionInvalid, Scope, Value
from localaws.cloudwatch.points import Point, Series, aligned, series
from localaws.cloudwatch.store import Metric

Query = Mapping[str, Any]
"""A MetricDataQuery as AWS's API writes it."""
Read = Callable[[Metric, int, int, str | None], list[Point]]
"""Points of a metric with start <= second < end."""


@dataclass(frozen=True)
class Account:
    """Where the metrics of a query are, and how they are read."""

    account_id: str
    region: str
    read: Read
    listed: Callable[[str, str], list[Metric]]
    """The metrics of a namespace and name, for Metrics Insights."""

    def metric(self, described: Mapping[str, Any]) -> Metric:
        """A metric as the API describes it."""
        dimensions = tuple((each["Name"], each["Value"]) for each in described.get("Dimensions") or ())
        return Metric(
            self.account_id, self.region, described["Namespace"], described["MetricName"], dimensions
        )


@dataclass(frozen=True)
class Result:
    """One line of the answer."""

    query: Query
    label: str
    values: Series


def period_of(query: Query, queries: Sequence[Query]) -> int:
    """A query's period: an expression without one has the longest of what it refers to."""
    if "MetricStat" in query:
        return int(query["MetricStat"]["Period"])
    if query.get("Period"):
        return int(query["Period"])
    return max((int(each["MetricStat"]["Period"]) for each in queries if "MetricStat" in each), default=300)


def run(
    account: Account, queries: Sequence[Query], start: int, end: int, *, align: bool = True
) -> list[Result]:
    """The results of all queries that return data; ExpressionInvalid where one cannot be worked out."""
    return _Run(account, queries, start, end, align=align).all()


class _Run:
    def __init__(
        self, account: Account, queries: Sequence[Query], start: int, end: int, *, align: bool
    ) -> None:
        self._account = account
        self._queries = queries
        self._by_id = {query["Id"]: query for query in queries}
        self._start, self._end, self._align = start, end, align
        self._known: dict[str, Value] = {}
        self._pending: list[str] = []

    def all(self) -> list[Result]:
        found: list[Result] = []
        for query in self._queries:
            value = self._value(query["Id"])
            if query.get("ReturnData") in (False, "false"):
                continue
            found += self._results(query, value)
        return found

    def _results(self, query: Query, value: Value) -> list[Result]:
        label = query.get("Label") or _default_label(query)
        if isinstance(value, list):
            return [Result(query, f"{label} {number}", each) for number, each in enumerate(value, 1)]
        if isinstance(value, float):
            seconds = self._seconds(period_of(query, self._queries))
            return [Result(query, label, dict.fromkeys(seconds[:1], value))]
        return [Result(query, label, value)]

    def _begin(self, period: int) -> int:
        return aligned(self._start, period) if self._align else self._start

    def _seconds(self, period: int) -> range:
        return range(self._begin(period), self._end, period)

    def _value(self, name: str) -> Value:
        if name not in self._known:
            if name in self._pending:
                raise ExpressionInvalid(f"Error in expression: '{name}' refers to itself")
            self._pending.append(name)
            self._known[name] = self._work_out(self._by_id[name])
            self._pending.pop()
        return self._known[name]

    def _work_out(self, query: Query) -> Value:
        period = period_of(query, self._queries)
        if "MetricStat" in query:
            asked = query["MetricStat"]
            begin = self._begin(period)
            points = self._account.read(
                self._account.metric(asked["Metric"]), begin, self._end, asked.get("Unit") or None
            )
            return series(points, begin, period, asked["Stat"])
        text = query["Expression"]
        if insights.is_query(text):
            return insights.run(self._account, text, self._begin(period), self._end, period)
        node = expressions.parse(text)
        metrics = [each["Id"] for each in self._queries if "MetricStat" in each]
        wanted = set(expressions.names(node)) | set(metrics)
        results = {name: self._value(name) for name in wanted if name in self._by_id and name != query["Id"]}
        scope = Scope(results, metrics, period, self._seconds(period))
        return expressions.evaluate(node, scope)


def _default_label(query: Query) -> str:
    if "MetricStat" in query:
        return f"{query['MetricStat']['Metric']['MetricName']} {query['MetricStat']['Stat']}"
    return str(query["Id"])
