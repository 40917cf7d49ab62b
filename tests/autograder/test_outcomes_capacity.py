"""Five capacity calculations: right numbers, what the usual ones overlook, and what is no number."""

from autograder.outcome import Verdict, find_outcome


def judge(answers: object) -> Verdict:
    # nothing of an account is looked at
    return find_outcome("capacity").verdict(None, {"answers": answers})


def lost(verdict: Verdict) -> dict[str, str]:
    return {finding.title: finding.message for finding in verdict.findings if finding.message}


RIGHT = {"carts_read": 240, "carts_written": 150, "history": 60.0, "checkout": 120, "moved": 80}


def test_five_right_numbers() -> None:
    verdict = judge(RIGHT)
    assert lost(verdict) == {}
    assert verdict.earned == verdict.points == 5


def test_numbers_that_overlook_something() -> None:
    wrong = {"carts_read": 195, "carts_written": 50, "history": 1200, "checkout": 60, "moved": 40}
    verdict = judge(wrong)
    assert verdict.earned == 0
    messages = list(lost(verdict).values())
    assert ["rounded up" in messages[0], "1 KB" in messages[1], "rounds once" in messages[2]] == [True] * 3
    assert ["twice" in messages[3], "index writes too" in messages[4]] == [True] * 2
    assert not any(str(int(right)) in text for right, text in zip(RIGHT.values(), messages, strict=True))


def test_numbers_that_are_none() -> None:
    verdict = judge({"carts_read": None, "carts_written": "150", "history": 7})
    messages = list(lost(verdict).values())
    assert messages[0] == "no answer yet: put a number under 'carts_read'"
    assert messages[1] == "'150' is not a number"
    assert "7 is not it" in messages[2]
    assert lost(judge("nothing")) != {}
