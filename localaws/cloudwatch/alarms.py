"""Alarms of the model: configuration, state, and history as DescribeAlarmHistory shows it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.utils import make_arn_for_alarm
from moto.core.utils import utcnow

STATES = ("OK", "ALARM", "INSUFFICIENT_DATA")
ACTIONS = {"OK": "OKActions", "ALARM": "AlarmActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
CREATED = "Unchecked: Initial alarm creation"
HISTORY = 5000
"""Entries of the history that are kept; AWS keeps them for 30 days."""

_METRIC = (
    "MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Unit", "EvaluationPeriods",
    "DatapointsToAlarm", "Threshold", "ComparisonOperator", "TreatMissingData",
    "EvaluateLowSampleCountPercentile", "ThresholdMetricId",
)  # fmt: skip
_COMPOSITE = (
    "AlarmRule",
    "ActionsSuppressor",
    "ActionsSuppressorWaitPeriod",
    "ActionsSuppressorExtensionPeriod",
)


class Alarm:
    """A metric alarm, or (with an AlarmRule) a composite one; `given` is what the API call said."""

    def __init__(self, account_id: str, region: str, given: Mapping[str, Any]) -> None:
        self.account_id = account_id
        self.region_name = region
        self.name = str(given["AlarmName"])
        self.alarm_arn = make_arn_for_alarm(region, account_id, self.name)
        self.state_value = "INSUFFICIENT_DATA"
        self.state_reason = CREATED
        self.state_reason_data: str | None = None
        self.state_updated_timestamp = self.state_transitioned_timestamp = utcnow()
        self.configure(given)

    def configure(self, given: Mapping[str, Any]) -> None:
        """Take a configuration in place of the old one; the state stays."""
        self.given = {name: value for name, value in given.items() if name != "Tags"}
        enabled = given.get("ActionsEnabled")
        self.actions_enabled = enabled is None or enabled in (True, "true")
        self.configuration_updated_timestamp = utcnow()

    @property
    def rule(self) -> str | None:
        """The AlarmRule of a composite alarm."""
        return self.given.get("AlarmRule")

    @property
    def kind(self) -> str:
        """AlarmType of the history."""
        return "MetricAlarm" if self.rule is None else "CompositeAlarm"

    @property
    def metric_name(self) -> str | None:
        """The metric, of an alarm on a single one."""
        return self.given.get("MetricName")

    @property
    def namespace(self) -> str | None:
        """The namespace of the metric."""
        return self.given.get("Namespace")

    @property
    def alarm_actions(self) -> list[str]:
        """What happens when the state becomes ALARM."""
        return list(self.given.get("AlarmActions") or ())

    def actions(self, state: str) -> list[str]:
        """What happens when this state is reached."""
        return list(self.given.get(ACTIONS[state]) or ())

    def configuration(self) -> dict[str, Any]:
        """What was configured, as DescribeAlarms shows it."""
        found: dict[str, Any] = {
            "AlarmName": self.name,
            "AlarmArn": self.alarm_arn,
            "AlarmDescription": self.given.get("AlarmDescription"),
            "AlarmConfigurationUpdatedTimestamp": self.configuration_updated_timestamp,
            "ActionsEnabled": self.actions_enabled,
            **{name: list(self.given.get(name) or ()) for name in ACTIONS.values()},
            **{name: self.given.get(name) for name in (_COMPOSITE if self.rule else _METRIC)},
        }
        if self.rule is None:
            found["Dimensions"] = list(self.given.get("Dimensions") or ())
            found["Metrics"] = [_query(each) for each in self.given.get("Metrics") or ()]
        return {name: value for name, value in found.items() if value is not None}

    def described(self) -> dict[str, Any]:
        """The alarm as DescribeAlarms shows it."""
        return self.configuration() | {
            "StateValue": self.state_value,
            "StateReason": self.state_reason,
            "StateReasonData": self.state_reason_data,
            "StateUpdatedTimestamp": self.state_updated_timestamp,
            "StateTransitionedTimestamp": self.state_transitioned_timestamp,
        }

    def state(self) -> dict[str, Any]:
        """The state as a history entry tells of it."""
        found: dict[str, Any] = {"stateValue": self.state_value, "stateReason": self.state_reason}
        if self.state_reason_data:
            found["stateReasonData"] = json.loads(self.state_reason_data)
        return found

    def enter(self, value: str, reason: str, data: str | None) -> None:
        """Take a state."""
        now = utcnow()
        if value != self.state_value:
            self.state_transitioned_timestamp = now
        self.state_value, self.state_reason, self.state_reason_data = value, reason, data
        self.state_updated_timestamp = now

    def told(self, kind: str, summary: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """A history entry about this alarm."""
        return {
            "AlarmName": self.name,
            "AlarmType": self.kind,
            "Timestamp": utcnow(),
            "HistoryItemType": kind,
            "HistorySummary": summary,
            "HistoryData": json.dumps({"version": "1.0", **data}, default=stamp),
        }


def stamp(moment: object) -> str:
    """A time as CloudWatch writes it in its JSON texts."""
    if not isinstance(moment, datetime):
        raise TypeError(f"{type(moment).__name__} is not a time")
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "+0000"


def stamp_second(second: int) -> str:
    """The same for a second since 1970."""
    return stamp(datetime.fromtimestamp(second, UTC))


def _query(given: Mapping[str, Any]) -> dict[str, Any]:
    returns = given.get("ReturnData")
    return {**given, "ReturnData": returns is None or returns in (True, "true")}
