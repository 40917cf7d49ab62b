"""The watcher: evaluates every alarm at each tick of the sampler, and settles the states that change."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from localaws.cloudwatch import queries, rules
from localaws.cloudwatch.alarms import stamp
from localaws.cloudwatch.evaluation import EXTRA_PERIODS, Datum, Verdict, evaluate
from localaws.cloudwatch.expressions import ExpressionInvalid
from localaws.cloudwatch.points import periods, series

if TYPE_CHECKING:
    from localaws.cloudwatch.queries import Account
    from localaws.control import ControlPlane
    from localaws.reconcile import Engine

log = logging.getLogger(__name__)

DEEPEST = 10
"""How many composite alarms may look at each other in a row."""


@dataclass(frozen=True)
class Watched:
    """An alarm as it is at the beginning of a tick."""

    account_id: str
    region: str
    name: str
    arn: str
    configured: str
    given: Mapping[str, Any]
    state: str
    since: datetime
    metrics: Account


class Watcher:
    """CloudWatch's controller: there are no servers, only alarms to watch."""

    def __init__(self, control: ControlPlane) -> None:
        self._control = control

    def reconcile(self) -> None:
        """Nothing follows from a change at once: alarms are evaluated at the sampler's ticks."""

    def shutdown(self) -> None:
        """Nothing to stop."""

    def engines(self) -> list[Engine]:
        """No servers."""
        return []

    def tick(self, second: int) -> None:
        """Evaluate all alarms over the data up to and with this second."""
        for alarm in self._alarms():
            if "AlarmRule" not in alarm.given:
                self._guarded(alarm, second)
        for _ in range(DEEPEST):
            if not self._evaluate_composites():
                return

    def _alarms(self) -> list[Watched]:
        with self._control.lock:
            return [
                Watched(
                    account_id=account,
                    region=region,
                    name=alarm.name,
                    arn=alarm.alarm_arn,
                    configured=alarm.configuration_updated_timestamp.isoformat(),
                    given=alarm.given,
                    state=alarm.state_value,
                    since=alarm.state_transitioned_timestamp,
                    metrics=backend.account(),
                )
                for account, region, backend in self._control.backends("cloudwatch")
                for alarm in backend.alarms.values()
            ]

    def _guarded(self, alarm: Watched, second: int) -> None:
        try:
            verdict = evaluate(alarm.given, window(alarm, second + 1), alarm.state, datetime.now(UTC))
        except ExpressionInvalid as error:
            log.warning("the alarm %s cannot be evaluated: %s", alarm.name, error)
            return
        if verdict is not None:
            self._settle(alarm, verdict)

    def _evaluate_composites(self) -> bool:
        """Evaluate the composite alarms once; tell whether one changed, as others may look at it."""
        alarms = self._alarms()
        changed = False
        for alarm in alarms:
            if "AlarmRule" in alarm.given:
                near = [other for other in alarms if _near(alarm, other)]
                verdict = judge(alarm, near)
                if verdict is not None:
                    self._settle(alarm, verdict)
                    changed = True
        return changed

    def _settle(self, alarm: Watched, verdict: Verdict) -> None:
        self._control.settle(
            "cloudwatch",
            alarm.account_id,
            alarm.region,
            "evaluated",
            name=alarm.name,
            configured=alarm.configured,
            was=alarm.state,
            state=verdict.state,
            reason=verdict.reason,
            data=json.dumps(verdict.data),
        )


def _near(alarm: Watched, other: Watched) -> bool:
    return (alarm.account_id, alarm.region) == (other.account_id, other.region)


def window(alarm: Watched, end: int) -> list[Datum]:
    """The data of an alarm's evaluation range, oldest first; periods end at `end`."""
    given = alarm.given
    count = int(given["EvaluationPeriods"]) + EXTRA_PERIODS
    if given.get("Metrics"):
        asked = [{**query} for query in given["Metrics"]]
        returned = next(query for query in asked if query.get("ReturnData") not in (False, "false"))
        period = queries.period_of(returned, asked)
        start = end - count * period
        found = queries.run(alarm.metrics, asked, start, end, align=False)
        values = found[0].values if found else {}
        return [Datum(begin, values.get(begin)) for begin in range(start, end, period)]
    period = int(given["Period"])
    start = end - count * period
    points = alarm.metrics.read(alarm.metrics.metric(given), start, end, given.get("Unit") or None)
    values = series(points, start, period, given.get("Statistic") or given["ExtendedStatistic"])
    counts = {begin: point.count for begin, point in periods(points, start, period).items()}
    return [Datum(begin, values.get(begin), counts.get(begin)) for begin in range(start, end, period)]


def judge(alarm: Watched, others: list[Watched]) -> Verdict | None:
    """Evaluate a composite alarm; None when its state stays."""
    rule = rules.parse(alarm.given["AlarmRule"])
    state = "ALARM" if rule.holds({other.name: other.state for other in others}) else "OK"
    if state == alarm.state:
        return None
    looked = [other for other in others if other.name in rule.names]
    last = max(looked, key=lambda other: other.since, default=None)
    if alarm.state == "INSUFFICIENT_DATA" or last is None:
        reason = f"{alarm.arn} was created and its alarm rule evaluates to {state}"
    else:
        when = last.since.strftime("%A %d %B, %Y %H:%M:%S UTC")
        reason = f"{last.arn} transitioned to {last.state} at {when}"
    triggering = [
        {"arn": other.arn, "state": {"value": other.state, "timestamp": stamp(other.since)}}
        for other in looked
        if other.state == "ALARM"
    ]
    return Verdict(state, reason, {"triggeringAlarms": triggering})
