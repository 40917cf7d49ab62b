"""What AWS checks before it takes an alarm or a metric (PutMetricAlarm, PutCompositeAlarm, PutMetricData)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from localaws.cloudwatch import expressions, insights, rules
from localaws.cloudwatch.alarms import ACTIONS
from localaws.cloudwatch.evaluation import OPERATORS, TREATMENTS
from localaws.cloudwatch.expressions import ExpressionInvalid
from localaws.cloudwatch.faults import InvalidParameterCombination, InvalidParameterValue, ValidationError
from localaws.cloudwatch.points import STATISTICS, percentile_of

DAY, WEEK = 86400, 7 * 86400
SHORT_PERIODS = frozenset({1, 5, 10, 20, 30})
ALARM_PERIODS = frozenset({10, 20, 30})
ANOMALY = (
    "LessThanLowerOrGreaterThanUpperThreshold",
    "LessThanLowerThreshold",
    "GreaterThanUpperThreshold",
)
DIMENSIONS = 30


def check_period(period: int, allowed: frozenset[int] = SHORT_PERIODS) -> None:
    """Refuse a period that CloudWatch does not have."""
    if period not in allowed and (period < 60 or period % 60):
        raise InvalidParameterValue(
            f"The parameter Period must be {', '.join(map(str, sorted(allowed)))} or a multiple of 60. "
            f"It is {period}."
        )


def check_statistic(name: str) -> None:
    """Refuse a statistic that is none, or that this local AWS cannot work out."""
    if name not in STATISTICS and percentile_of(name) is None:
        raise InvalidParameterValue(
            f"The value {name} for parameter Stat is not supported. Use {', '.join(STATISTICS)}, "
            "or a percentile such as p99."
        )


def check_metric_alarm(given: Mapping[str, Any]) -> None:
    """Refuse a metric alarm that AWS would refuse."""
    _check_comparison(given)
    _check_extended(given)
    if given.get("Metrics"):
        _check_queries(given)
    else:
        _check_single(given)
    _check_range(given)
    treatment = given.get("TreatMissingData")
    if treatment and treatment not in TREATMENTS:
        raise ValidationError(
            f"Option {treatment} is not supported. Supported options for parameter TreatMissingData are "
            "breaching, notBreaching, ignore and missing."
        )
    check_actions(given)


def _check_comparison(given: Mapping[str, Any]) -> None:
    comparison = given.get("ComparisonOperator")
    if comparison in ANOMALY or given.get("ThresholdMetricId"):
        raise ValidationError(
            "Anomaly detection is not available in this local AWS. Use a Threshold, and a ComparisonOperator "
            f"that is one of {', '.join(OPERATORS)}."
        )
    if comparison not in OPERATORS:
        raise ValidationError(
            f"1 validation error detected: Value '{comparison}' at 'comparisonOperator' failed to satisfy "
            f"constraint: Member must satisfy enum value set: [{', '.join([*OPERATORS, *ANOMALY])}]"
        )
    if given.get("Threshold") is None:
        raise ValidationError("The parameter Threshold is required for alarms on a static threshold.")


def _check_extended(given: Mapping[str, Any]) -> None:
    extended = given.get("ExtendedStatistic")
    if extended and percentile_of(extended) is None:
        raise InvalidParameterValue(f"The value {extended} for parameter ExtendedStatistic is not supported.")
    low = given.get("EvaluateLowSampleCountPercentile")
    if low and low not in ("evaluate", "ignore"):
        raise ValidationError(
            f"Option {low} is not supported. "
            "Supported options for parameter EvaluateLowSampleCountPercentile are evaluate and ignore."
        )


def _check_single(given: Mapping[str, Any]) -> None:
    for name in ("MetricName", "Namespace", "Period"):
        if not given.get(name):
            raise ValidationError(f"The parameter {name} is required for alarms on a single metric.")
    if bool(given.get("Statistic")) == bool(given.get("ExtendedStatistic")):
        raise ValidationError("Exactly one of Statistic and ExtendedStatistic must be given.")
    if given.get("Statistic"):
        check_statistic(given["Statistic"])
    check_period(int(given["Period"]), ALARM_PERIODS)


def _check_queries(given: Mapping[str, Any]) -> None:
    if given.get("MetricName") or given.get("Statistic") or given.get("ExtendedStatistic"):
        raise InvalidParameterCombination(
            "Metrics list and MetricName, Statistic or ExtendedStatistic are mutually exclusive."
        )
    queries: Sequence[Mapping[str, Any]] = given["Metrics"]
    returning = [query for query in queries if query.get("ReturnData") not in (False, "false")]
    if len(returning) != 1:
        raise ValidationError("Exactly one element of the metrics list should return data.")
    check_queries(queries)


def check_queries(queries: Sequence[Mapping[str, Any]]) -> None:
    """Refuse queries that cannot be worked out."""
    names = [query["Id"] for query in queries]
    if len(set(names)) < len(names):
        raise ValidationError("The parameter Id must be unique within the list of queries.")
    for query in queries:
        if "MetricStat" in query:
            check_period(int(query["MetricStat"]["Period"]))
            check_statistic(query["MetricStat"]["Stat"])
        elif not insights.is_query(query["Expression"]):
            _check_expression(query["Expression"], names)


def _check_expression(text: str, names: Sequence[str]) -> None:
    try:
        missing = expressions.names(expressions.parse(text)) - {
            *names,
            "REPEAT",
            "LINEAR",
            "repeat",
            "linear",
        }
    except ExpressionInvalid as error:
        raise ValidationError(f"Error in expression '{text}': {error}") from error
    if missing:
        raise ValidationError(
            f"Error in expression '{text}': {min(missing)!r} is not the Id of a query in the list."
        )


def _check_range(given: Mapping[str, Any]) -> None:
    periods = int(given.get("EvaluationPeriods") or 0)
    if periods < 1:
        raise ValidationError("The parameter EvaluationPeriods must be at least 1.")
    needed = given.get("DatapointsToAlarm")
    if needed is not None and not 1 <= int(needed) <= periods:
        raise ValidationError(
            "The parameter DatapointsToAlarm must be at least 1 and not more than EvaluationPeriods."
        )
    lengths = [
        int(each["MetricStat"]["Period"]) for each in given.get("Metrics") or () if "MetricStat" in each
    ]
    length = max(lengths, default=int(given.get("Period") or 60))
    limit, name = (WEEK, "seven days") if length >= 3600 else (DAY, "a day")
    if periods * length > limit:
        raise ValidationError(
            f"Metrics cannot be checked across more than {name} (EvaluationPeriods * Period must be "
            f"<= {limit})."
        )


def check_actions(given: Mapping[str, Any]) -> None:
    """Refuse actions that are no ARNs."""
    for kind in ACTIONS.values():
        for arn in given.get(kind) or ():
            if not arn.startswith("arn:"):
                raise ValidationError(f"Invalid arn syntax: {arn}")


def check_composite_alarm(given: Mapping[str, Any]) -> rules.Rule:
    """Refuse a composite alarm that AWS would refuse; return its rule."""
    check_actions(given)
    try:
        return rules.parse(given["AlarmRule"])
    except rules.RuleInvalid as error:
        raise ValidationError(f"{error}.") from error


def check_datum(metric: Mapping[str, Any], number: int) -> None:
    """Refuse dimensions that CloudWatch does not take."""
    dimensions = metric.get("Dimensions") or ()
    if len(dimensions) > DIMENSIONS:
        raise InvalidParameterValue(
            f"The collection MetricData.member.{number}.Dimensions must not have a size greater than "
            f"{DIMENSIONS}."
        )
    for place, each in enumerate(dimensions, 1):
        if not each.get("Value"):
            raise InvalidParameterValue(
                f"The parameter MetricData.member.{number}.Dimensions.member.{place}.Value must not be empty."
            )
