"""Aurora or RDS: the cheapest offer that meets each of six cases."""

from typing import Any

from autograder import choices
from autograder.outcome import Sheet, outcome

CASES = "aurora-or-rds"


@outcome("aurora-or-rds", title="RDS or Aurora", points=6)
def aurora_or_rds(sheet: Sheet, _account: object, *, answers: Any) -> None:
    """One point a case; the account does not matter."""
    for question, key in choices.keys(CASES).items():
        sheet.judge(key.title, 1, choices.compare, key, question, answers)
