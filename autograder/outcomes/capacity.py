"""Five capacity calculations; an answer that comes of a usual mistake gets that mistake's name."""

from collections.abc import Mapping
from typing import Any

from autograder.choices import UNANSWERED
from autograder.errors import Mistake
from autograder.examiner import Account
from autograder.outcome import Sheet, outcome

PARTLY = "each item is rounded up to whole blocks before it is multiplied, not the sum"
READ_BLOCK = "reads count in blocks of 4 KB (4,096 bytes), writes in blocks of 1 KB"
HALF = "an eventually consistent read costs half of a strongly consistent one"
QUESTIONS: dict[str, tuple[str, float, dict[float, str]]] = {
    "carts_read": (
        "120 strongly consistent GetItems a second, 6,500 bytes",
        240,
        {
            195.0: PARTLY,
            191.0: PARTLY,
            190.4: PARTLY,
            120.0: "these reads are strongly consistent",
            840.0: READ_BLOCK,
        },
    ),
    "carts_written": (
        "50 PutItems a second, 2,300 bytes",
        150,
        {115.0: PARTLY, 113.0: PARTLY, 112.3: PARTLY, 50.0: READ_BLOCK, 75.0: "writes are never halved"},
    ),
    "history": (
        "40 eventually consistent Queries a second, 30 items of 300 bytes each",
        60,
        {
            600.0: "a Query adds up the items' sizes and rounds once; GetItem rounds each",
            1200.0: "a Query adds up the items' sizes and rounds once, and these may be stale",
            120.0: HALF,
            44.0: "2.2 blocks of 4 KB are three: round up before you multiply",
            43.9: "2.2 blocks of 4 KB are three: round up before you multiply",
            180.0: READ_BLOCK,
        },
    ),
    "checkout": (
        "20 transactions a second, each with three writes of 800 bytes",
        120,
        {
            60.0: "a transaction prepares and commits: each write counts twice",
            40.0: "each item of the transaction counts for itself",
            20.0: "each item of the transaction counts for itself, and twice",
            47.0: PARTLY,
            100.0: "3 × 800 bytes are not one item: each is rounded up for itself",
        },
    ),
    "moved": (
        "20 updates a second of 1,200 bytes that change the key of an index (entries of 200 bytes)",
        80,
        {
            40.0: "the index writes too, from its own capacity",
            60.0: "a changed index key is two writes there: the old entry is deleted, a new one put",
            20.0: "1,200 bytes are two blocks, and the index writes too",
            120.0: "the index holds 200 bytes, not the whole item",
        },
    ),
}


@outcome("capacity", title="Five capacity calculations", points=5)
def capacity(sheet: Sheet, _: Account, *, answers: Any) -> None:
    """The answers are a dict of numbers."""
    if not isinstance(answers, Mapping):
        raise Mistake("the answers are no dict: send {question: number, …}")
    for name, (title, right, mistakes) in QUESTIONS.items():
        sheet.judge(f"{name}: {title}", 1, answered, answers, name, right, mistakes)


def answered(given: Mapping[str, Any], name: str, right: float, mistakes: Mapping[float, str]) -> None:
    """The number, or what it overlooks."""
    value = given.get(name)
    if value in UNANSWERED:
        raise Mistake(f"no answer yet: put a number under {name!r}")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Mistake(f"{value!r} is not a number")
    if value == right:
        return
    for wrong, overlooked in mistakes.items():
        if abs(value - wrong) < 0.1:
            raise Mistake(f"{value:g} overlooks something: {overlooked}")
    raise Mistake(
        f"{value:g} is not it: blocks for one request, rounded up, then times the requests a second"
    )
