"""What an alarm does when its state changes: a message to an SNS topic (CloudWatch: Notifying users)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from moto.core.exceptions import ServiceException

from localaws.cloudwatch.alarms import ACTIONS, Alarm, stamp

REGIONS = {
    "us-east-1": "US East (N. Virginia)",
    "us-east-2": "US East (Ohio)",
    "us-west-1": "US West (N. California)",
    "us-west-2": "US West (Oregon)",
    "eu-west-1": "EU (Ireland)",
    "eu-central-1": "EU (Frankfurt)",
    "ap-southeast-2": "Asia Pacific (Sydney)",
    "ap-northeast-1": "Asia Pacific (Tokyo)",
}
_SUBJECT = 100

Publish = Callable[[str, str, str], None]
"""Sends a message with a subject to a topic's ARN."""


def perform(alarm: Alarm, before: dict[str, Any], publish: Publish) -> list[dict[str, Any]]:
    """Carry out the actions of the alarm's state; return the history entries of what happened."""
    return [_act(alarm, arn, before, publish) for arn in alarm.actions(alarm.state_value)]


def _act(alarm: Alarm, arn: str, before: dict[str, Any], publish: Publish) -> dict[str, Any]:
    text = json.dumps(message(alarm, before), default=stamp)
    data: dict[str, Any] = {"stateUpdateTimestamp": int(alarm.state_updated_timestamp.timestamp() * 1000)}
    try:
        if arn.split(":")[2:3] != ["sns"]:
            raise ActionAbsent(f"this local AWS carries out no actions but messages to SNS topics: {arn}")
        publish(arn, text, subject(alarm))
    except (ServiceException, ActionAbsent) as error:
        data |= {"actionState": "Failed", "notificationResource": arn, "error": str(error)}
        return alarm.told("Action", f'Failed to execute action {arn}. Received error: "{error}"', data)
    data |= {"actionState": "Succeeded", "notificationResource": arn, "publishedMessage": text}
    return alarm.told("Action", f"Successfully executed action {arn}", data)


class ActionAbsent(Exception):
    """An action that only AWS carries out."""


def subject(alarm: Alarm) -> str:
    """Subject of the message."""
    region = REGIONS.get(alarm.region_name, alarm.region_name)
    return f'{alarm.state_value}: "{alarm.name}" in {region}'[:_SUBJECT]


def message(alarm: Alarm, before: dict[str, Any]) -> dict[str, Any]:
    """The message, as AWS sends it."""
    found = {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.given.get("AlarmDescription"),
        "AWSAccountId": alarm.account_id,
        "AlarmConfigurationUpdatedTimestamp": alarm.configuration_updated_timestamp,
        "NewStateValue": alarm.state_value,
        "NewStateReason": alarm.state_reason,
        "StateChangeTime": alarm.state_updated_timestamp,
        "Region": REGIONS.get(alarm.region_name, alarm.region_name),
        "AlarmArn": alarm.alarm_arn,
        "OldStateValue": before["stateValue"],
        **{name: list(alarm.given.get(name) or ()) for name in ACTIONS.values()},
    }
    if alarm.rule is not None:
        found["AlarmRule"] = alarm.rule
        data = json.loads(alarm.state_reason_data or "{}")
        found["TriggeringChildren"] = data.get("triggeringAlarms", [])
    else:
        found["Trigger"] = _trigger(alarm.given)
    return found


def _trigger(given: dict[str, Any]) -> dict[str, Any]:
    common = {
        "Period": int(given.get("Period") or 0),
        "EvaluationPeriods": int(given["EvaluationPeriods"]),
        "DatapointsToAlarm": int(given.get("DatapointsToAlarm") or given["EvaluationPeriods"]),
        "ComparisonOperator": given["ComparisonOperator"],
        "Threshold": float(given["Threshold"]),
        "TreatMissingData": given.get("TreatMissingData") or "missing",
        "EvaluateLowSampleCountPercentile": given.get("EvaluateLowSampleCountPercentile") or "",
    }
    if given.get("Metrics"):
        return common | {"Metrics": _queries(given["Metrics"])}
    statistic = given.get("Statistic")
    return {
        "MetricName": given["MetricName"],
        "Namespace": given["Namespace"],
        "StatisticType": "Statistic" if statistic else "ExtendedStatistic",
        **(
            {"Statistic": statistic.upper()}
            if statistic
            else {"ExtendedStatistic": given["ExtendedStatistic"]}
        ),
        "Unit": given.get("Unit"),
        "Dimensions": [
            {"value": each["Value"], "name": each["Name"]} for each in given.get("Dimensions") or ()
        ],
    } | common


def _queries(queries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [dict(query) for query in queries]


def publish_to_sns(arn: str, text: str, title: str) -> None:
    """Publish to a topic of this account: its queues get the message now, its other endpoints soon after."""
    from localaws.bridge import backends

    parts = arn.split(":")
    backend = backends.load("sns")[parts[4]][parts[3]]
    backend.publish(message=text, arn=arn, subject=title)
