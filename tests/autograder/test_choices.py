"""Choices: what is said about a wrong one, and that the right one is never given away."""

from pathlib import Path

import pytest

from autograder import choices
from autograder.errors import AutograderError
from autograder.outcome import find_outcome

CASES = "aurora-or-rds"
RIGHT = {question: key.answer for question, key in choices.keys(CASES).items()}
FILES = sorted(path.stem for path in choices.KEYS.glob("*.toml"))


def judge(answers: object) -> dict[str, str]:
    verdict = find_outcome(CASES).verdict(None, {"answers": answers})
    assert verdict.points == 6
    assert verdict.earned == 6 - sum(bool(finding.message) for finding in verdict.findings)
    return {finding.title: finding.message for finding in verdict.findings if finding.message}


def test_right_answers_earn_everything_however_they_are_written() -> None:
    assert judge(RIGHT) == {}
    assert judge({question: f" {answer.upper()} " for question, answer in RIGHT.items()}) == {}


@pytest.mark.parametrize(
    ("question", "answer", "message"),
    [
        ("analysts", "RDS Multi-AZ", "RDS Multi-AZ: the standby of a Multi-AZ instance cannot be read"),
        ("erp", "Aurora", "Aurora: look at the engine that the vendor certifies"),
        ("ledger", "rds multi-az", "RDS Multi-AZ: compare the volume that is needed in two years"),
        (
            "wiki",
            "Ellipsis",
            "'wiki' is not answered: choose one of Aurora, Aurora Serverless v2, RDS Multi-AZ",
        ),
        ("wiki", "MongoDB", "'MongoDB' was not offered: choose one of Aurora,"),
        ("wiki", ["RDS Single-AZ"], "\"['RDS Single-AZ']\" was not offered"),
    ],
)
def test_a_wrong_answer_is_told_what_it_overlooks(question: str, answer: object, message: str) -> None:
    (said,) = judge(RIGHT | {question: answer}).values()
    assert said.startswith(message)


def test_answers_that_are_no_dict() -> None:
    assert set(judge(list(RIGHT.values())).values()) == {
        "the answers are no dict: send {question: answer, …}"
    }


@pytest.mark.parametrize("name", FILES)
def test_feedback_names_no_right_answer(name: str) -> None:
    """Of several answers offered none is told apart, and what is overlooked does not name the right one."""
    for question, key in choices.keys(name).items():
        assert len(key.offered) >= 2
        for overlooked in key.overlooks.values():
            assert key.answer.casefold() not in overlooked.casefold(), question


def test_keys_that_cannot_be_read_are_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(choices, "KEYS", tmp_path)
    (tmp_path / "broken.toml").write_text("answer = secret")
    with pytest.raises(AutograderError, match=r"The keys broken\.toml cannot be read \(TOMLDecodeError\)\."):
        choices.keys("broken")
