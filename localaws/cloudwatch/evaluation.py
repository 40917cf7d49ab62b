"""When a metric alarm changes its state (CloudWatch: Evaluating an alarm, How missing data is treated)."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from localaws.cloudwatch.alarms import stamp, stamp_second
from localaws.cloudwatch.points import percentile_of

EXTRA_PERIODS = 2
"""How many more periods than EvaluationPeriods are looked at, to find data in place of what is missing."""
OPERATORS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
TREATMENTS = {
    "breaching": "Breaching",
    "notBreaching": "NonBreaching",
    "ignore": "Ignored",
    "missing": "Missing",
}


@dataclass(frozen=True)
class Datum:
    """The value of one period; None where there is no data."""

    begin: int
    value: float | None
    samples: float | None = None


@dataclass(frozen=True)
class Verdict:
    """The state that an evaluation led to, and why."""

    state: str
    reason: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Rules:
    """What an alarm's configuration says about its evaluation."""

    holds: Callable[[float], bool]
    words: str
    threshold: float
    needed: int
    periods: int
    missing: str
    explicit: bool

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Rules:
        """Read an alarm's configuration."""
        compare, words = OPERATORS[given["ComparisonOperator"]]
        threshold, periods = float(given["Threshold"]), int(given["EvaluationPeriods"])
        return cls(
            holds=lambda value: compare(value, threshold),
            words=words,
            threshold=threshold,
            needed=int(given.get("DatapointsToAlarm") or periods),
            periods=periods,
            missing=given.get("TreatMissingData") or "missing",
            explicit=bool(given.get("DatapointsToAlarm")),
        )


def evaluate(given: Mapping[str, Any], window: Sequence[Datum], state: str, now: datetime) -> Verdict | None:
    """Evaluate the data of the evaluation range, oldest first; None when the state stays as it is.

    Data that are there count before any that are missing are filled in, however old they are.
    """
    rules = Rules.of(given)
    real = [datum for datum in window if datum.value is not None][-rules.periods :]
    if not _enough_samples(given, real):
        return None
    found = _state(rules, window, real)
    if found is None or found == state:
        return None
    data = _data(given, rules, real, now)
    return Verdict(found, _reason(rules, real, found, state), data)


def _state(rules: Rules, window: Sequence[Datum], real: Sequence[Datum]) -> str | None:
    breaching = sum(rules.holds(datum.value) for datum in real if datum.value is not None)
    filled = rules.periods - len(real)
    if breaching >= rules.needed:
        return "ALARM"
    if filled == 0:
        return "OK"
    if rules.missing == "breaching":
        return "ALARM" if breaching + filled >= rules.needed else "OK"
    if rules.missing == "notBreaching" or breaching < len(real):
        return "OK"
    if rules.missing == "ignore":
        return None
    if not real:
        return "INSUFFICIENT_DATA"
    # all that is known breaches: that is enough once the oldest of it is as old as a full alarm would be
    age = next(age for age, datum in _ages(window) if datum is real[0])
    return "ALARM" if age >= rules.needed else None


def _ages(window: Sequence[Datum]) -> list[tuple[int, Datum]]:
    return [(len(window) - place, datum) for place, datum in enumerate(window)]


def _enough_samples(given: Mapping[str, Any], real: Sequence[Datum]) -> bool:
    """Whether a percentile of so few samples may change the state (EvaluateLowSampleCountPercentile)."""
    rank = percentile_of(given.get("ExtendedStatistic") or "")
    if rank is None or given.get("EvaluateLowSampleCountPercentile") != "ignore" or not real:
        return True
    share = max(1 - rank / 100 if rank >= 50 else rank / 100, 1e-9)
    return all((datum.samples or 0) >= 10 / share for datum in real)


def _reason(rules: Rules, real: Sequence[Datum], state: str, was: str) -> str:
    missing = rules.periods - len(real)
    if state == "INSUFFICIENT_DATA":
        return f"Insufficient Data: {_plural(missing, 'datapoint')} {_were(missing)} unknown."
    treated = f"treated as [{TREATMENTS[rules.missing]}]"
    if not real:
        return (
            f"Threshold Crossed: no datapoints were received for {_plural(missing, 'period')} and "
            f"{_plural(missing, 'missing datapoint')} {_were(missing)} {treated}."
        )
    crossing = [datum for datum in real if rules.holds(datum.value or 0.0) is (state == "ALARM")] or [*real]
    shown = ", ".join(f"{datum.value!r} ({_clock(datum.begin)})" for datum in reversed(crossing))
    negation = "" if state == "ALARM" else "not "
    head, tail = _plural(len(crossing), "datapoint"), ""
    if rules.explicit:
        head = f"{len(crossing)} out of the last {_plural(rules.periods, 'datapoint', always=True)}"
        least = rules.needed if state == "ALARM" else rules.periods - rules.needed + 1
        tail = f" (minimum {_plural(least, 'datapoint')} for {was} -> {state} transition)"
    also = ""
    if missing and rules.missing in ("breaching", "notBreaching"):
        also = f" and {_plural(missing, 'missing datapoint')} {_were(missing)} {treated}"
    return (
        f"Threshold Crossed: {head} [{shown}] {_were(len(crossing))} {negation}{rules.words} "
        f"the threshold ({rules.threshold!r}){tail}{also}."
    )


def _data(given: Mapping[str, Any], rules: Rules, real: Sequence[Datum], now: datetime) -> dict[str, Any]:
    found: dict[str, Any] = {"version": "1.0", "queryDate": stamp(now)}
    if real:
        found["startDate"] = stamp_second(real[0].begin)
    for name, key in (("Unit", "unit"), ("Statistic", "statistic"), ("ExtendedStatistic", "statistic")):
        if given.get(name):
            found[key] = given[name]
    if given.get("Period"):
        found["period"] = int(given["Period"])
    found["recentDatapoints"] = [datum.value for datum in real]
    found["threshold"] = rules.threshold
    found["evaluatedDatapoints"] = [_evaluated(datum) for datum in reversed(real)]
    return found


def _evaluated(datum: Datum) -> dict[str, Any]:
    shown: dict[str, Any] = {"timestamp": stamp_second(datum.begin)}
    if datum.samples is not None:
        shown["sampleCount"] = datum.samples
    return shown | {"value": datum.value}


def _clock(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%d/%m/%y %H:%M:%S")


def _plural(number: int, noun: str, *, always: bool = False) -> str:
    return f"{number} {noun}{'' if number == 1 and not always else 's'}"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"
