"""Choices: a learner's answers, compared with keys that no learner's code can read.

A key is a table of `autograder/keys/<name>.toml`: the question, the answer, and for every other answer that
is offered what it overlooks. Feedback says what the chosen answer overlooks, and never what the right one is.
"""

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import AutograderError, Mistake

KEYS = Path(__file__).with_name("keys")
UNANSWERED = (None, "", str(...))
"""What a cell sends for an answer that the learner has not written yet."""


@dataclass(frozen=True)
class Key:
    """A question with its answer, and what is overlooked by whoever gives another of those offered."""

    title: str
    answer: str
    overlooks: Mapping[str, str]

    @property
    def offered(self) -> tuple[str, ...]:
        """Every answer that may be given, in an order that tells nothing."""
        return tuple(sorted((self.answer, *self.overlooks)))


@functools.cache
def keys(name: str) -> Mapping[str, Key]:
    """The questions of `keys/<name>.toml` by their names, in the order of the file."""
    path = KEYS / f"{name}.toml"
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        return {question: Key(**entry) for question, entry in document.items()}
    except (OSError, TypeError, ValueError) as error:
        raise AutograderError(f"The keys {path.name} cannot be read ({type(error).__name__}).") from error


def compare(key: Key, question: str, answers: object) -> None:
    """The criterion: the answer given to the question is the key's; Mistake says what it overlooks."""
    if not isinstance(answers, Mapping):
        raise Mistake("the answers are no dict: send {question: answer, …}")
    given = answers.get(question)
    if given in UNANSWERED:
        raise Mistake(f"{question!r} is not answered: choose one of {', '.join(key.offered)}")
    chosen = given.strip().casefold() if isinstance(given, str) else None
    if chosen == key.answer.casefold():
        return
    for answer, overlooked in key.overlooks.items():
        if chosen == answer.casefold():
            raise Mistake(f"{answer}: {overlooked}")
    raise Mistake(f"{str(given)[:60]!r} was not offered: choose one of {', '.join(key.offered)}")
