"""The simplest Metrics Insights queries: one function of one metric (CloudWatch: Query syntax).

`SELECT function(metric) FROM namespace | SCHEMA(namespace, …) [WHERE key = 'value' [AND …]] [GROUP BY key …]`
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from localaws.cloudwatch.expressions import ExpressionInvalid, Value
from localaws.cloudwatch.points import Point, Series, series

if TYPE_CHECKING:
    from localaws.cloudwatch.queries import Account
    from localaws.cloudwatch.store import Metric


_QUERY = re.compile(
    r"""SELECT\s+(?P<function>\w+)\s*\(\s*"?(?P<metric>[\w/.-]+)"?\s*\)\s+
    FROM\s+(?:SCHEMA\s*\(\s*(?P<schema>[^)]*)\)|"?(?P<namespace>[\w/.-]+)"?)
    (?:\s+WHERE\s+(?P<where>.+?))?(?:\s+GROUP\s+BY\s+(?P<group>[\w\s,"]+?))?\s*\Z""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_CONDITION = re.compile(r"""\s*"?([\w.-]+)"?\s*(!?=)\s*'([^']*)'\s*\Z""")
_STATISTICS = {"AVG": "Average", "SUM": "Sum", "MIN": "Minimum", "MAX": "Maximum", "COUNT": "SampleCount"}


def is_query(text: str) -> bool:
    """Whether an expression is a Metrics Insights query."""
    return text.lstrip().upper().startswith("SELECT ")


def run(account: Account, text: str, start: int, end: int, period: int) -> Value:
    """Work the query out: one series, or one for each group."""
    match = _QUERY.match(text.strip())
    if match is None or match["function"].upper() not in _STATISTICS:
        raise ExpressionInvalid(
            "This local AWS answers only simple Metrics Insights queries: SELECT function(metric) FROM "
            "namespace, with WHERE key = 'value' AND … and GROUP BY"
        )
    parts = [_bare(part) for part in (match["schema"] or "").split(",") if part.strip()]
    namespace = parts[0] if parts else match["namespace"]
    conditions = [
        _condition(part) for part in re.split(r"\s+AND\s+", match["where"] or "", flags=re.I) if part
    ]
    keys = [_bare(key) for key in (match["group"] or "").split(",") if key.strip()]
    groups: dict[tuple[str, ...], list[Point]] = {}
    for metric in account.listed(namespace, match["metric"]):
        named = dict(metric.dimensions)
        fits = all((named.get(key) == value) is equal for key, equal, value in conditions)
        if (
            fits
            and (not parts[1:] or sorted(named) == sorted(parts[1:]))
            and all(key in named for key in keys)
        ):
            group = tuple(named[key] for key in keys)
            groups.setdefault(group, []).extend(_read(account, metric, start, end))
    found = [_series(points, start, period, match["function"]) for _, points in sorted(groups.items())]
    return found if len(found) > 1 else found[0] if found else {}


def _read(account: Account, metric: Metric, start: int, end: int) -> list[Point]:
    return account.read(metric, start, end, None)


def _series(points: list[Point], start: int, period: int, function: str) -> Series:
    return series(
        sorted(points, key=lambda point: point.second), start, period, _STATISTICS[function.upper()]
    )


def _bare(word: str) -> str:
    return word.strip().strip("\"'")


def _condition(text: str) -> tuple[str, bool, str]:
    match = _CONDITION.match(text)
    if match is None:
        raise ExpressionInvalid(f"This local AWS does not understand the condition {text.strip()!r}")
    return match[1], match[2] == "=", match[3]
