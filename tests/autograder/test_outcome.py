"""Outcomes never raise, never give points for what they could not see, and always add up."""

import pytest

from autograder.errors import Mistake, UsageError
from autograder.outcome import Finding, Outcome, Sheet, Verdict, find_outcome, outcome, outcomes
from autograder.report import html_table, text_table


def half() -> None:
    raise Mistake("only half: do the rest", earned=1)


def broken() -> None:
    raise RuntimeError("boom\nacross lines")


@outcome("test-partial", title="Partial", points=6)
def partial(sheet: Sheet, account: object, *, name: str) -> None:
    sheet.judge("good", 2, lambda: None)
    sheet.judge("half", 2, half)
    sheet.judge("broken", 1, broken)
    if name == "stop":
        raise KeyError("gone")
    sheet.judge("last", 1, lambda: None)


@outcome("test-answers", title="Answers", points=1)
def answers_sent(sheet: Sheet, account: object, *, answers: dict[str, object]) -> None:
    sheet.judge("three", 1, lambda: answers["a"][2])  # type: ignore[index]


def test_a_criterion_that_breaks_costs_its_own_points() -> None:
    verdict = partial.verdict(None, {"name": "all"})
    assert (verdict.earned, verdict.points) == (4, 6)
    assert [finding.message for finding in verdict.findings] == [
        "",
        "only half: do the rest",
        "could not be examined: RuntimeError: boom across lines",
        "",
    ]


def test_what_was_not_reached_earns_nothing() -> None:
    verdict = partial.verdict(None, {"name": "stop"})
    assert (verdict.earned, verdict.points) == (3, 6)
    assert verdict.findings[-1].message == "could not be examined: KeyError: 'gone'"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "name is missing: pass it to check('test-partial', …) as text"),
        ({"name": 3}, "name is missing: pass it to check('test-partial', …) as text"),
        ({"name": "x" * 200_001}, "name is longer than 200,000 characters: send less"),
        ({"name": "x", "points": "6"}, "points: not asked for; this check takes name"),
    ],
)
def test_values_are_looked_at_first(values: dict[str, object], message: str) -> None:
    verdict = partial.verdict(None, values)
    assert (verdict.earned, verdict.points) == (0, 6)
    assert verdict.findings[0].message == message


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"a": [1, 2, 3]}, ""),
        ({}, "answers is missing: pass it to check('test-answers', …)"),
        (None, "answers is missing: pass it to check('test-answers', …)"),
        ({"a": "x" * 20_000}, "answers is longer than 20,000 characters: send less"),
        ([1, 2], "could not be examined: TypeError: list indices must be integers or slices, not str"),
    ],
)
def test_a_value_may_be_structured_up_to_a_size(answers: object, message: str) -> None:
    verdict = answers_sent.verdict(None, {"answers": answers})
    assert verdict.findings[0].message == message
    assert (verdict.earned, verdict.points) == (0 if message else 1, 1)


def test_ids_are_found_as_people_write_them() -> None:
    for id in ("lab-6.1", "6.1", "LAB 6.1", "lab-6-1"):
        assert find_outcome(id).id == "lab-6.1"
    with pytest.raises(UsageError, match=r"no outcome '9\.9'. Known: .*lab-6\.1"):
        find_outcome("9.9")


def test_the_course_has_its_points() -> None:
    worth = {name: (found.points, found.values) for name, found in outcomes().items() if "toy" not in name}
    assert worth["lab-6.1"] == (10, ("db", "app_host"))
    assert worth["lab-6.2"] == (8, ("db", "app_host", "secret", "app"))
    assert worth["lab-6.3"] == (8, ("db", "snapshot", "app_host"))
    assert worth["rds-parameters"] == (4, ("db", "secret", "app_host"))
    assert worth["aurora-cluster"] == (12, ("cluster", "app_host", "secret", "run"))
    assert worth["aurora-or-rds"] == (6, ("answers",))
    assert worth["choices"] == (16, ("answers",))
    assert worth["breaks"] == (4, ("answers",))
    assert all(isinstance(found, Outcome) for found in outcomes().values())


def test_a_verdict_survives_json() -> None:
    verdict = Verdict("x", "X", (Finding("a", 2, 1, "m"), Finding("b", 1, 1)))
    assert Verdict.parse(verdict.document()) == verdict


def test_tables_show_points_and_escape() -> None:
    verdict = Verdict("x", "<X>", (Finding("a", 2, 0.5, "<script>alert(1)</script>"), Finding("b", 1, 1)))
    assert "x  <X>: 1.5 of 3 points" in text_table(verdict)
    assert "FAIL 0.5/2   a" in text_table(verdict)
    assert "<script>" not in html_table(verdict)
    assert "&lt;script&gt;" in html_table(verdict)
