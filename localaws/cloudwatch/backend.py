"""CloudWatch's model: moto's, with metrics in the store and alarms that keep state and history."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import moto.cloudwatch.models as base
from moto.core.utils import utcnow

from localaws.cloudwatch import actions, validation
from localaws.cloudwatch.alarms import HISTORY, STATES, Alarm
from localaws.cloudwatch.faults import InvalidFormat, InvalidParameterValue, ResourceNotFound, ValidationError
from localaws.cloudwatch.host import HOST
from localaws.cloudwatch.points import Point
from localaws.cloudwatch.queries import Account
from localaws.cloudwatch.store import Metric

_FUTURE, _PAST = 2 * 3600, 14 * 86400
_NAMES = {
    "name": "AlarmName",
    "description": "AlarmDescription",
    "rule": "AlarmRule",
    "ok_actions": "OKActions",
    "metric_data_queries": "Metrics",
}


class CloudWatchBackend(base.CloudWatchBackend):
    """One account and Region."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.alarm_history: list[dict[str, Any]] = []
        if HOST.control is None:
            HOST.store.forget(account_id, region_name)

    @property
    def _url_module(self) -> Any:
        import moto.cloudwatch.urls

        return moto.cloudwatch.urls

    # -- metrics

    def account(self) -> Account:
        """Where queries find this account's metrics."""
        return Account(self.account_id, self.region_name, self.points, self.listed)

    def points(self, metric: Metric, start: int, end: int, unit: str | None = None) -> list[Point]:
        """Points of a metric: those of the store, and those that moto's services tell of themselves."""
        found = HOST.store.points(metric, start, end, unit)
        found += [
            point
            for other, point in self._told_by_services()
            if other.key() == metric.key() and start <= point.second < end and unit in (None, point.unit)
        ]
        return sorted(found, key=lambda point: point.second)

    def listed(self, namespace: str, name: str) -> list[Metric]:
        """Metrics of a name that have had points of late."""
        return [*HOST.store.metrics(self.account_id, self.region_name, 0, namespace, name)]

    def all_metrics(self, since: int, namespace: str | None, name: str | None) -> Iterator[Metric]:
        """Metrics with points since then, and those of moto's services."""
        seen = set()
        stored = HOST.store.metrics(self.account_id, self.region_name, since, namespace, name)
        for metric in (*stored, *(metric for metric, _ in self._told_by_services())):
            fits = namespace in (None, metric.namespace) and name in (None, metric.name)
            if fits and metric.key() not in seen:
                seen.add(metric.key())
                yield metric

    def _told_by_services(self) -> Iterator[tuple[Metric, Point]]:
        for datum in self.aws_metric_data:
            dimensions = tuple((str(each.name), str(each.value)) for each in datum.dimensions)
            metric = Metric(self.account_id, self.region_name, datum.namespace, datum.name, dimensions)
            yield metric, Point.of(epoch(datum.timestamp), datum.unit or "None", float(datum.value))

    def put_metric_data(self, namespace: str, metric_data: Sequence[Mapping[str, Any]]) -> None:
        """Store data points; one that is invalid refuses all."""
        now = int(time.time())
        for number, metric in enumerate(metric_data, 1):
            self._validate_parameters_put_metric_data(metric, number)
            validation.check_datum(metric, number)
            second = epoch(metric["Timestamp"]) if metric.get("Timestamp") else now
            if HOST.control is not None and not now - _PAST <= second <= now + _FUTURE:
                raise InvalidParameterValue(
                    f"The parameter MetricData.member.{number}.Timestamp must specify a time no more than "
                    "two weeks in the past and no more than two hours in the future."
                )
        HOST.store.add(
            (self._metric(namespace, metric), point)
            for metric in metric_data
            for point in _points(metric, now)
        )

    def _metric(self, namespace: str, given: Mapping[str, Any]) -> Metric:
        dimensions = tuple((each["Name"], each["Value"]) for each in given.get("Dimensions") or ())
        return Metric(self.account_id, self.region_name, namespace, given["MetricName"], dimensions)

    # -- alarms

    def put_metric_alarm(self, name: str, **given: Any) -> Alarm:
        """Make an alarm as other services of moto ask for it."""
        asked = {"AlarmName": name} | {
            _NAMES.get(key, "".join(word.capitalize() for word in key.split("_"))): value
            for key, value in given.items()
            if value is not None
        }
        return self.put_alarm(asked)

    def put_alarm(self, given: Mapping[str, Any]) -> Alarm:
        """Make an alarm, or configure the one of this name anew: its state stays, its tags stay."""
        known = self.alarms.get(given["AlarmName"])
        if known is not None and (known.rule is None) != (given.get("AlarmRule") is None):
            raise ValidationError(
                f"Alarm {known.name} exists as an alarm of another type. Delete it first, or take another "
                "name."
            )
        if known is None:
            alarm = self.alarms[given["AlarmName"]] = Alarm(self.account_id, self.region_name, given)
            if given.get("Tags"):
                self.tagger.tag_resource(alarm.alarm_arn, list(given["Tags"]))
            self._tell(alarm, "created", {"type": "Create", "createdAlarm": alarm.configuration()})
            return alarm
        known.configure(given)
        self._tell(known, "updated", {"type": "Update", "updatedAlarm": known.configuration()})
        return known

    def delete_alarms(self, alarm_names: Sequence[str]) -> None:
        """Delete alarms; names that are none are passed over."""
        for name in alarm_names:
            alarm = self.alarms.pop(name, None)
            if alarm is not None:
                self._tell(alarm, "deleted", {"type": "Delete", "deletedAlarm": alarm.configuration()})

    def enable_actions(self, alarm_names: Sequence[str], enabled: bool) -> None:
        """Let alarms act, or only watch."""
        for alarm in self.get_alarms_by_alarm_names(alarm_names):
            if alarm.actions_enabled is not enabled:
                alarm.actions_enabled = enabled
                alarm.configuration_updated_timestamp = utcnow()
                self._tell(alarm, "updated", {"type": "Update", "updatedAlarm": alarm.configuration()})

    def _tell(self, alarm: Alarm, what: str, data: Mapping[str, Any]) -> None:
        self._remember(alarm.told("ConfigurationUpdate", f'Alarm "{alarm.name}" {what}', data))

    def _remember(self, entry: dict[str, Any]) -> None:
        self.alarm_history.append(entry)
        del self.alarm_history[:-HISTORY]

    def set_alarm_state(
        self, alarm_name: str, reason: str, reason_data: str | None, state_value: str
    ) -> None:
        """Put an alarm into a state, until its next evaluation."""
        if reason_data is not None:
            try:
                json.loads(reason_data)
            except ValueError as error:
                raise InvalidFormat("Unknown") from error
        if alarm_name not in self.alarms:
            raise ResourceNotFound(f"There is no alarm with the name {alarm_name}.")
        if state_value not in STATES:
            raise ValidationError(
                f"1 validation error detected: Value '{state_value}' at 'stateValue' failed to satisfy "
                "constraint: Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]"
            )
        self.change_state(self.alarms[alarm_name], state_value, reason, reason_data)

    def change_state(self, alarm: Alarm, value: str, reason: str, data: str | None) -> None:
        """Let an alarm enter a state, remember it, and act if that changes something."""
        before = alarm.state()
        alarm.enter(value, reason, data)
        if before["stateValue"] == value:
            return
        change = {"oldState": before, "newState": alarm.state()}
        self._remember(
            alarm.told("StateUpdate", f"Alarm updated from {before['stateValue']} to {value}", change)
        )
        if alarm.actions_enabled and not self.suppressed(alarm):
            for entry in actions.perform(alarm, before, actions.publish_to_sns):
                self._remember(entry)

    def suppressed(self, alarm: Alarm) -> bool:
        """Whether an alarm does not act because its suppressor is in ALARM."""
        suppressor = self.alarms.get((alarm.given.get("ActionsSuppressor") or "").rpartition(":alarm:")[2])
        return suppressor is not None and suppressor.state_value == "ALARM"


def epoch(moment: datetime | str | float) -> int:
    """The second since 1970 of a time as a request gives it; one without a zone is UTC."""
    if isinstance(moment, int | float):
        return int(moment)
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment.replace("Z", "+00:00"))
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _points(given: Mapping[str, Any], now: int) -> Iterator[Point]:
    second = epoch(given["Timestamp"]) if given.get("Timestamp") else now
    if int(given.get("StorageResolution") or 60) != 1:
        second = second // 60 * 60
    unit = given.get("Unit") or "None"
    if given.get("Values"):
        counts = given.get("Counts") or [1.0] * len(given["Values"])
        for value, count in zip(given["Values"], counts, strict=True):
            yield Point.of(second, unit, float(value), float(count))
    elif given.get("StatisticValues"):
        stats = {name: float(value) for name, value in given["StatisticValues"].items()}
        low, high, count = stats["Minimum"], stats["Maximum"], stats["SampleCount"]
        spread = ((low, count),) if low == high else None
        yield Point(second, unit, count, stats["Sum"], low, high, spread)
    else:
        yield Point.of(second, unit, float(given.get("Value") or 0))
