"""Choosing a database: eight workloads with the fact that decides, and what breaks in two designs."""

from collections.abc import Mapping
from typing import Any

from autograder import choices
from autograder.errors import Mistake
from autograder.outcome import Sheet, outcome

PARTS = ("service", "fact")
SERVICES = ("RDS", "Aurora", "DynamoDB", "ElastiCache", "Redshift", "Athena")


@outcome("choices", title="Eight workloads", points=16)
def eight_workloads(sheet: Sheet, _account: object, *, answers: Any) -> None:
    """One point for a workload's service and one for the fact that decides; the account does not matter."""
    keys = choices.keys("choices")
    for question, key in keys.items():
        sheet.judge(key.title, 1, _compare, key, question, answers)


@outcome("breaks", title="What would break", points=4)
def breaks(sheet: Sheet, _account: object, *, answers: Any) -> None:
    """Two points for each design; the account does not matter."""
    for question, key in choices.keys("breaks").items():
        sheet.judge(key.title, 2, choices.compare, key, question, answers)


def _compare(key: choices.Key, question: str, answers: object) -> None:
    workload, part = question.split(": ")
    pair = answers.get(workload) if isinstance(answers, Mapping) else None
    if pair in choices.UNANSWERED:
        raise Mistake(f"{workload!r} is not answered: CHOICES[{workload!r}] = (service, fact)")
    if not isinstance(pair, list | tuple) or len(pair) != len(PARTS):
        raise Mistake(f"{workload!r} needs two texts: CHOICES[{workload!r}] = (service, fact)")
    given = dict(zip(PARTS, pair, strict=True))
    if str(given["fact"]).strip().casefold() in map(str.casefold, SERVICES):
        raise Mistake(f"{workload!r}: the service comes first, the fact second")
    choices.compare(key, question, {question: given[part]})
