"""CloudWatch's operations."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.responses import CloudWatchResponse as Base
from moto.core.responses import ActionResult, EmptyResult

from localaws.cloudwatch import dashboards, queries, validation
from localaws.cloudwatch.backend import CloudWatchBackend, epoch
from localaws.cloudwatch.expressions import ExpressionInvalid
from localaws.cloudwatch.faults import (
    InvalidParameterCombination,
    InvalidParameterValue,
    ResourceNotFound,
    ValidationError,
)
from localaws.cloudwatch.points import aligned, periods, statistic
from localaws.cloudwatch.store import LISTED_SECONDS, Metric

RECENT_SECONDS = 3 * 3600
METRICS_PAGE, HISTORY_PAGE, ALARMS_PAGE = 500, 100, 100
MOST_POINTS, MOST_QUERIES = 1440, 500


class CloudWatchResponse(Base):
    """moto's operations with CloudWatch's rules."""

    @property
    def cloudwatch_backend(self) -> CloudWatchBackend:
        """The account and Region of the call."""
        backend: CloudWatchBackend = super().cloudwatch_backend
        return backend

    # -- metrics

    def list_metrics(self) -> ActionResult:
        since = RECENT_SECONDS if self.params.get("RecentlyActive") == "PT3H" else LISTED_SECONDS
        found = [
            metric
            for metric in self.cloudwatch_backend.all_metrics(
                int(time.time()) - since,
                self.params.get("Namespace") or None,
                self.params.get("MetricName") or None,
            )
            if _has(metric, self.params.get("Dimensions") or ())
        ]
        shown = [
            {
                "Namespace": metric.namespace,
                "MetricName": metric.name,
                "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions],
            }
            for metric in found
        ]
        return ActionResult(_page("Metrics", shown, self.params, METRICS_PAGE))

    def get_metric_statistics(self) -> ActionResult:
        names, extended = self.params.get("Statistics") or [], self.params.get("ExtendedStatistics") or []
        if not names and not extended:
            raise InvalidParameterCombination("Must specify either Statistics or ExtendedStatistics")
        for name in (*names, *extended):
            validation.check_statistic(name)
        period = int(self.params["Period"])
        validation.check_period(period)
        start, end = epoch(self.params["StartTime"]), epoch(self.params["EndTime"])
        if start >= end:
            raise InvalidParameterValue("The parameter StartTime must be less than the parameter EndTime.")
        if (end - start) // period > MOST_POINTS:
            raise InvalidParameterCombination(
                f"You have requested up to {(end - start) // period} datapoints, which exceeds the limit of "
                f"{MOST_POINTS}. You may reduce the datapoints requested by increasing Period, or decreasing "
                "the time range."
            )
        points = self._datapoints(aligned(start, period), end, period, names, extended)
        return ActionResult({"Label": self.params["MetricName"], "Datapoints": points})

    def _datapoints(
        self, start: int, end: int, period: int, names: Sequence[str], extended: Sequence[str]
    ) -> list[dict[str, Any]]:
        account = self.cloudwatch_backend.account()
        points = account.read(account.metric(self.params), start, end, self.params.get("Unit"))
        shown: list[dict[str, Any]] = []
        for unit in sorted({point.unit for point in points}):
            same = (point for point in points if point.unit == unit)
            for begin, whole in periods(same, start, period).items():
                datum: dict[str, Any] = {"Timestamp": moment(begin), "Unit": unit}
                datum |= {name: statistic(whole, name) for name in names}
                ranks = {name: statistic(whole, name) for name in extended}
                ranks = {name: value for name, value in ranks.items() if value is not None}
                shown.append(datum | ({"ExtendedStatistics": ranks} if ranks else {}))
        return shown

    def get_metric_data(self) -> ActionResult:
        asked = self.params.get("MetricDataQueries") or []
        for number, query in enumerate(asked, 1):
            if "MetricStat" not in query and "Expression" not in query:
                # AWS also returns the empty line
                raise ValidationError(
                    f"The parameter MetricDataQueries.member.{number}.MetricStat is required.\n"
                )
        if len(asked) > MOST_QUERIES:
            raise ValidationError(
                f"The collection MetricDataQueries must not have more than {MOST_QUERIES} members."
            )
        start, end = epoch(self.params["StartTime"]), epoch(self.params["EndTime"])
        if start > end:
            raise ValidationError("The parameter EndTime must be greater than StartTime.")
        if start == end:
            raise ValidationError("The parameter StartTime must not equal parameter EndTime.")
        validation.check_queries(asked)
        try:
            results = queries.run(self.cloudwatch_backend.account(), asked, start, end)
        except ExpressionInvalid as error:
            raise ValidationError(str(error)) from error
        falling = self.params.get("ScanBy") != "TimestampAscending"
        return ActionResult({"MetricDataResults": [_result(each, falling=falling) for each in results]})

    # -- alarms

    def put_metric_alarm(self) -> ActionResult:
        validation.check_metric_alarm(self.params)
        self.cloudwatch_backend.put_alarm(_plain(self.params))
        return EmptyResult()

    def put_composite_alarm(self) -> ActionResult:
        """PutCompositeAlarm."""
        rule = validation.check_composite_alarm(self.params)
        missing = [name for name in rule.names if name not in self.cloudwatch_backend.alarms]
        if missing:
            raise ValidationError(f"Could not save the composite alarm as alarms {missing} do not exist.")
        if self.params["AlarmName"] in rule.names:
            raise ValidationError("A composite alarm must not look at itself.")
        self.cloudwatch_backend.put_alarm(_plain(self.params))
        return EmptyResult()

    def describe_alarms(self) -> ActionResult:
        wanted = self.params
        kinds = wanted.get("AlarmTypes") or ["MetricAlarm"]
        if wanted.get("AlarmNames") and not wanted.get("AlarmTypes"):
            kinds = ["MetricAlarm", "CompositeAlarm"]
        found = [
            alarm
            for _, alarm in sorted(self.cloudwatch_backend.alarms.items())
            if wanted.get("StateValue") in (None, "", alarm.state_value)
            and (not wanted.get("AlarmNames") or alarm.name in wanted["AlarmNames"])
            and alarm.name.startswith(wanted.get("AlarmNamePrefix") or "")
            and _acts(alarm.alarm_actions, wanted.get("ActionPrefix"))
            and alarm.kind in kinds
        ]
        start, most = int(wanted.get("NextToken") or 0), int(wanted.get("MaxRecords") or ALARMS_PAGE)
        shown = found[start : start + most]
        result: dict[str, Any] = {
            "MetricAlarms": [alarm.described() for alarm in shown if alarm.rule is None],
            "CompositeAlarms": [self._composite(alarm) for alarm in shown if alarm.rule is not None],
        }
        if start + most < len(found):
            result["NextToken"] = str(start + most)
        return ActionResult(result)

    def _composite(self, alarm: Any) -> dict[str, Any]:
        suppressed = self.cloudwatch_backend.suppressed(alarm)
        return alarm.described() | ({"ActionsSuppressedBy": "Alarm"} if suppressed else {})

    def describe_alarms_for_metric(self) -> ActionResult:
        wanted = self.params
        found = [
            alarm.described()
            for alarm in self.cloudwatch_backend.alarms.values()
            if alarm.metric_name == wanted.get("MetricName")
            and alarm.namespace == wanted.get("Namespace")
            and _same(alarm.given.get("Dimensions"), wanted.get("Dimensions"))
            and all(
                wanted.get(name) in (None, "", alarm.given.get(name))
                for name in ("Statistic", "ExtendedStatistic", "Unit", "Period")
            )
        ]
        return ActionResult({"MetricAlarms": found})

    def describe_alarm_history(self) -> ActionResult:
        """DescribeAlarmHistory."""
        wanted = self.params
        start, end = (epoch(wanted[key]) if wanted.get(key) else None for key in ("StartDate", "EndDate"))
        kinds = wanted.get("AlarmTypes") or ["MetricAlarm", "CompositeAlarm"]
        found = [
            entry
            for entry in self.cloudwatch_backend.alarm_history
            if wanted.get("AlarmName") in (None, "", entry["AlarmName"])
            and wanted.get("HistoryItemType") in (None, "", entry["HistoryItemType"])
            and entry["AlarmType"] in kinds
            and (start is None or epoch(entry["Timestamp"]) >= start)
            and (end is None or epoch(entry["Timestamp"]) <= end)
        ]
        if wanted.get("ScanBy") != "TimestampAscending":
            found.reverse()
        most = int(wanted.get("MaxRecords") or HISTORY_PAGE)
        return ActionResult(_page("AlarmHistoryItems", found, wanted, most))

    def enable_alarm_actions(self) -> ActionResult:
        self.cloudwatch_backend.enable_actions(self.params.get("AlarmNames") or [], True)
        return EmptyResult()

    def disable_alarm_actions(self) -> ActionResult:
        self.cloudwatch_backend.enable_actions(self.params.get("AlarmNames") or [], False)
        return EmptyResult()

    # -- dashboards

    def put_dashboard(self) -> ActionResult:
        messages = dashboards.check(self.params["DashboardName"], self.params["DashboardBody"])
        self.cloudwatch_backend.put_dashboard(self.params["DashboardName"], self.params["DashboardBody"])
        return ActionResult({"DashboardValidationMessages": messages})

    def list_dashboards(self) -> ActionResult:
        prefix = self.params.get("DashboardNamePrefix") or ""
        shown = sorted(self.cloudwatch_backend.list_dashboards(prefix), key=lambda each: each.name)
        return ActionResult({"DashboardEntries": shown})

    def get_dashboard(self) -> ActionResult:
        name = self.params["DashboardName"]
        found = self.cloudwatch_backend.get_dashboard(name)
        if found is None:
            raise ResourceNotFound(f"Dashboard {name} does not exist")
        return ActionResult(found)


def moment(second: int) -> datetime:
    """A second since 1970 as an answer's time."""
    return datetime.fromtimestamp(second, UTC).replace(tzinfo=None)


def _result(found: queries.Result, *, falling: bool) -> dict[str, Any]:
    seconds = sorted(found.values, reverse=falling)
    return {
        "Id": found.query["Id"],
        "Label": found.label,
        "Timestamps": [moment(second) for second in seconds],
        "Values": [found.values[second] for second in seconds],
        "StatusCode": "Complete",
    }


def _has(metric: Metric, wanted: Iterable[Mapping[str, str]]) -> bool:
    return all(
        any(
            name == each["Name"] and each.get("Value") in (None, "", value)
            for name, value in metric.dimensions
        )
        for each in wanted
    )


def _acts(arns: Iterable[str], prefix: str | None) -> bool:
    return not prefix or any(arn.startswith(prefix) for arn in arns)


def _same(left: Any, right: Any) -> bool:
    pairs = [sorted((each["Name"], each["Value"]) for each in side or ()) for side in (left, right)]
    return pairs[0] == pairs[1]


def _page(name: str, found: Sequence[Any], params: Mapping[str, Any], most: int) -> dict[str, Any]:
    token = params.get("NextToken") or "0"
    if not token.isdigit() or int(token) > len(found):
        raise InvalidParameterValue("Request parameter NextToken is invalid")
    end = int(token) + most
    return {name: found[int(token) : end]} | ({"NextToken": str(end)} if end < len(found) else {})


def _plain(value: Any) -> Any:
    """The parameters as plain dicts and lists, which the model keeps."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
