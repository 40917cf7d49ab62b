"""Choosing a database: right answers in other spellings, wrong ones with what they overlook."""

import json
from typing import Any

import pytest

from autograder import choices
from autograder.outcome import find_outcome

SERVICES = {"RDS", "Aurora", "DynamoDB", "ElastiCache", "Redshift", "Athena"}
KEYS = choices.keys("choices")
WORKLOADS = list(dict.fromkeys(question.split(": ")[0] for question in KEYS))
RIGHT = {each: (KEYS[f"{each}: service"].answer, KEYS[f"{each}: fact"].answer) for each in WORKLOADS}
BREAKS = {question: key.answer for question, key in choices.keys("breaks").items()}


def judge(outcome: str, answers: object) -> tuple[float, dict[str, str]]:
    # as check() sends them
    verdict = find_outcome(outcome).verdict(None, {"answers": json.loads(json.dumps(answers, default=str))})
    assert verdict.points == find_outcome(outcome).points
    return verdict.earned, {each.title: each.message for each in verdict.findings if each.message}


def test_every_workload_offers_all_services_and_four_facts() -> None:
    assert len(WORKLOADS) == 8
    for workload in WORKLOADS:
        assert set(KEYS[f"{workload}: service"].offered) == SERVICES
        assert len(KEYS[f"{workload}: fact"].offered) == 4
    assert {service for service, _ in RIGHT.values()} == SERVICES


def test_right_answers_earn_everything_however_they_are_written() -> None:
    assert judge("choices", RIGHT) == (16, {})
    other = {name: [service.lower(), f" {fact.upper()} "] for name, (service, fact) in RIGHT.items()}
    assert judge("choices", other) == (16, {})
    assert judge("breaks", BREAKS) == (4, {})
    assert judge("breaks", {name: answer.upper() for name, answer in BREAKS.items()}) == (4, {})


@pytest.mark.parametrize(
    ("workload", "service", "fact", "messages"),
    [
        ("gift cards", "DynamoDB", "all of it or nothing", ["DynamoDB: it changes a hundred items together"]),
        ("gift cards", "RDS", "30 a second", ["30 a second: every service on the list but two"]),
        (
            "login codes",
            "DynamoDB",
            "six digits",
            ["DynamoDB: a few milliseconds and a", "six digits: small"],
        ),
        ("price files", "Redshift", "600 GB", ["Redshift: it can query S3", "600 GB: one instance"]),
        ("marketplace", "RDS", "30 TB", ["RDS: that is what it runs on", "30 TB: an instance may have"]),
        ("first shop", "Aurora", "grow one day", ["Aurora: it would do", "grow one day: plan for the load"]),
        ("conveyor", "SQL Server", "certified for Oracle only", ["'SQL Server' was not offered: choose one"]),
        (
            "parcels",
            "90,000 a second by parcel number",
            "DynamoDB",
            ["'parcels': the service comes first"] * 2,
        ),
    ],
)
def test_a_wrong_choice_is_told_what_it_overlooks(
    workload: str, service: str, fact: str, messages: list[str]
) -> None:
    earned, said = judge("choices", RIGHT | {workload: (service, fact)})
    assert earned == 16 - len(messages)
    assert len(said) == len(messages)
    for title_and_text, message in zip(said.items(), messages, strict=True):
        assert title_and_text[1].startswith(message)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (..., "'dashboards' is not answered: CHOICES['dashboards'] = (service, fact)"),
        (None, "'dashboards' is not answered: CHOICES['dashboards'] = (service, fact)"),
        ("Redshift", "'dashboards' needs two texts: CHOICES['dashboards'] = (service, fact)"),
        (["Redshift"], "'dashboards' needs two texts: CHOICES['dashboards'] = (service, fact)"),
    ],
)
def test_answers_of_another_shape_say_what_is_asked_for(given: Any, message: str) -> None:
    earned, said = judge("choices", RIGHT | {"dashboards": given})
    assert earned == 14
    assert set(said.values()) == {message}


def test_one_service_for_everything_earns_what_it_is_right_for() -> None:
    earned, said = judge("choices", {name: ("RDS", fact) for name, (_, fact) in RIGHT.items()})
    assert earned == 8 + 3
    assert len(said) == 5


@pytest.mark.parametrize(
    ("design", "answer", "message"),
    [
        ("one table", "the writes on Black Friday", "the writes on Black Friday: they are what this table"),
        ("one table", "the price of a read", "the price of a read: you measured it"),
        ("carts in memory", "every cart", "every cart: that is what you saw on a node that stands alone"),
        ("carts in memory", "nothing", "nothing: the primary answers OK before"),
        ("carts in memory", "everything", "'everything' was not offered: choose one of every cart,"),
    ],
)
def test_a_design_breaks_elsewhere(design: str, answer: str, message: str) -> None:
    earned, said = judge("breaks", BREAKS | {design: answer})
    assert earned == 2
    assert next(iter(said.values())).startswith(message)


@pytest.mark.parametrize("outcome", ["choices", "breaks"])
def test_nothing_answered_earns_nothing(outcome: str) -> None:
    earned, said = judge(outcome, {})
    assert earned == 0
    assert list(said.values()) == [f"answers is missing: pass it to check({outcome!r}, …)"]
