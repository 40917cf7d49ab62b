"""The functions of metric math (CloudWatch: Metric math syntax and functions)."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from localaws.cloudwatch import expressions
from localaws.cloudwatch.expressions import ExpressionInvalid, Node, Scope, Value, mapped
from localaws.cloudwatch.points import Series

Numbers = Sequence[float]


def call(name: str, arguments: list[Node], scope: Scope) -> Value:
    """Work out a call of a function."""
    if name == "METRICS":
        part = arguments[0][1] if arguments and arguments[0][0] == "text" else ""
        return [found for each in scope.metrics if part in each for found in _all(scope.results[each])]
    if name == "FILL":
        return _fill(arguments, scope)
    if name not in FUNCTIONS:
        raise ExpressionInvalid(
            f"Error in expression: the function {name} is not available in this local AWS"
            if name in ABSENT
            else f"Error in expression: unknown function {name}"
        )
    if name not in ("IF", "PERIOD", "MAX", "MIN", "AVG", "SUM") and len(arguments) != 1:
        raise ExpressionInvalid(f"Error in expression: {name} takes one argument")
    values = [expressions.evaluate(each, scope) for each in arguments]
    if not values:
        raise ExpressionInvalid(f"Error in expression: {name} needs an argument")
    return FUNCTIONS[name](values, scope)


def _all(value: Value) -> list[Series]:
    return value if isinstance(value, list) else [value] if isinstance(value, dict) else []


def _summary(function: Callable[[Numbers], float]) -> Callable[[list[Value], Scope], Value]:
    """Of an array: a series over all of them at each moment. Of a series: a number over all moments."""

    def apply(values: list[Value], _: Scope) -> Value:
        if len(values) == 1 and isinstance(values[0], dict):
            return function(list(values[0].values())) if values[0] else {}
        if len(values) == 1 and isinstance(values[0], list):
            return _across(function, values[0])
        if all(isinstance(each, float) for each in values):
            return function([each for each in values if isinstance(each, float)])
        return _across(function, _level(values))

    return apply


def _level(values: list[Value]) -> list[Series]:
    seconds = sorted({second for value in values for series in _all(value) for second in series})
    return [
        series
        for value in values
        for series in (_all(value) or [dict.fromkeys(seconds, value if isinstance(value, float) else 0.0)])
    ]


def _across(function: Callable[[Numbers], float], found: list[Series]) -> Series:
    seconds = sorted({second for series in found for second in series})
    return {second: function([series[second] for series in found if second in series]) for second in seconds}


def _each(function: Callable[[float], float | None]) -> Callable[[list[Value], Scope], Value]:
    return lambda values, _: mapped(values[0], function)


def _along(function: Callable[[list[tuple[int, float]]], Series]) -> Callable[[list[Value], Scope], Value]:
    """Apply a function to the points of each series in the order of time."""

    def apply(values: list[Value], _: Scope) -> Value:
        value = values[0]
        if isinstance(value, float):
            raise ExpressionInvalid("Error in expression: a time series is needed, not a number")
        if isinstance(value, list):
            return [function(sorted(series.items())) for series in value]
        return function(sorted(value.items()))

    return apply


def _difference(points: list[tuple[int, float]]) -> Series:
    return {now[0]: now[1] - was[1] for was, now in itertools.pairwise(points)}


def _time_difference(points: list[tuple[int, float]]) -> Series:
    return {now[0]: float(now[0] - was[0]) for was, now in itertools.pairwise(points)}


def _rate(points: list[tuple[int, float]]) -> Series:
    return {now[0]: (now[1] - was[1]) / (now[0] - was[0]) for was, now in itertools.pairwise(points)}


def _running(points: list[tuple[int, float]]) -> Series:
    total, found = 0.0, {}
    for second, value in points:
        total += value
        found[second] = total
    return found


def _clock(part: Callable[[datetime], int]) -> Callable[[list[Value], Scope], Value]:
    return _along(
        lambda points: {second: float(part(datetime.fromtimestamp(second, UTC))) for second, _ in points}
    )


def _fill(arguments: list[Node], scope: Scope) -> Value:
    if len(arguments) != 2:
        raise ExpressionInvalid("Error in expression: FILL takes a metric and what to fill it with")
    value = expressions.evaluate(arguments[0], scope)
    way = arguments[1]
    keyword = way[1].upper() if way[0] == "name" and way[1].upper() in ("REPEAT", "LINEAR") else None
    filler = 0.0 if keyword else expressions.evaluate(way, scope)
    filled = [_filled(each, scope.seconds, keyword, filler) for each in _all(value)]
    return filled if isinstance(value, list) else filled[0] if filled else value


def _filled(series: Series, seconds: Sequence[int], keyword: str | None, filler: Value) -> Series:
    found = dict(series)
    for second in seconds:
        if second in series:
            continue
        if keyword is None:
            given = filler.get(second) if isinstance(filler, dict) else filler
            if isinstance(given, float):
                found[second] = given
            continue
        before = max((each for each in series if each < second), default=None)
        after = min((each for each in series if each > second), default=None)
        if before is not None and (keyword == "REPEAT" or after is not None):
            rise = 0.0
            if keyword == "LINEAR" and after is not None:
                rise = (series[after] - series[before]) * (second - before) / (after - before)
            found[second] = series[before] + rise
    return dict(sorted(found.items()))


def _if(values: list[Value], _: Scope) -> Value:
    if len(values) not in (2, 3):
        raise ExpressionInvalid("Error in expression: IF takes a condition and one or two values")
    condition, then = values[0], values[1]
    otherwise: Value | None = values[2] if len(values) == 3 else None
    if isinstance(condition, float):
        return then if condition else otherwise if otherwise is not None else {}
    found: Series = {}
    for second, holds in (condition if isinstance(condition, dict) else {}).items():
        chosen = then if holds else otherwise
        value = chosen.get(second) if isinstance(chosen, dict) else chosen
        if isinstance(value, float):
            found[second] = value
    return found


def _logarithm(base: float) -> Callable[[float], float | None]:
    return lambda value: math.log(value, base) if value > 0 else None


FUNCTIONS: dict[str, Callable[[list[Value], Scope], Value]] = {
    "SUM": _summary(math.fsum),
    "AVG": _summary(statistics.fmean),
    "MIN": _summary(min),
    "MAX": _summary(max),
    "STDDEV": _summary(statistics.pstdev),
    "DATAPOINT_COUNT": _summary(lambda values: float(len(values))),
    "METRIC_COUNT": lambda values, _: float(len(_all(values[0]))),
    "ABS": _each(abs),
    "CEIL": _each(lambda value: float(math.ceil(value))),
    "FLOOR": _each(lambda value: float(math.floor(value))),
    "LOG": _each(_logarithm(math.e)),
    "LOG10": _each(_logarithm(10)),
    "DIFF": _along(_difference),
    "DIFF_TIME": _along(_time_difference),
    "RATE": _along(_rate),
    "RUNNING_SUM": _along(_running),
    "TIME_SERIES": lambda values, scope: (
        dict.fromkeys(scope.seconds, values[0]) if isinstance(values[0], float) else values[0]
    ),
    "EPOCH": _along(lambda points: {second: float(second) for second, _ in points}),
    "MINUTE": _clock(lambda moment: moment.minute),
    "HOUR": _clock(lambda moment: moment.hour),
    "DAY": _clock(lambda moment: moment.isoweekday()),
    "DATE": _clock(lambda moment: moment.day),
    "MONTH": _clock(lambda moment: moment.month),
    "YEAR": _clock(lambda moment: moment.year),
    "PERIOD": lambda _, scope: float(scope.period),
    "IF": _if,
}
ABSENT = frozenset(
    {
        "SEARCH",
        "ANOMALY_DETECTION_BAND",
        "INSIGHT_RULE_METRIC",
        "SERVICE_QUOTA",
        "SLICE",
        "SORT",
        "REMOVE_EMPTY",
        "DB_PERF_INSIGHTS",
        "LAMBDA",
        "FIRST",
        "LAST",
    }
)
