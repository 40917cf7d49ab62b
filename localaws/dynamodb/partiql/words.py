"""The words of a PartiQL statement."""

from __future__ import annotations

import re
from typing import Any, NamedTuple, NoReturn

from localaws.dynamodb.errors import invalid

LONGEST = 8192
_WORD = re.compile(
    r"""(?P<space>\s+)|(?P<text>'(?:[^']|'')*')|(?P<quoted>"(?:[^"]|"")*")"""
    r"""|(?P<number>-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_$-]*)"""
    r"""|(?P<sign><<|>>|<>|!=|<=|>=|[=<>+\-(),.\[\]{}:?*;])"""
)


class Word(NamedTuple):
    """A word and its kind."""

    kind: str
    text: str
    start: int


class Words:
    """The words of a statement, read from left to right."""

    def __init__(self, text: Any) -> None:
        if not isinstance(text, str) or not text.strip():
            raise invalid("Statement wasn't well formed, can't be processed: it is empty")
        if len(text) > LONGEST:
            raise invalid("Statement is too long: at most 8192 characters are allowed")
        self._words = list(self._split(text))
        self._at = 0

    def _split(self, text: str) -> list[Word]:
        found: list[Word] = []
        position = 0
        while position < len(text):
            match = _WORD.match(text, position)
            if match is None:
                self._refuse(text[position], position)
            if match.lastgroup != "space":
                found.append(Word(str(match.lastgroup), match[0], position))
            position = match.end()
        return [*found, Word("end", "<EOF>", len(text))]

    @property
    def next(self) -> Word:
        """The word that comes next."""
        return self._words[self._at]

    @property
    def second(self) -> Word:
        """The word after the next."""
        return self._words[min(self._at + 1, len(self._words) - 1)]

    def take(self) -> Word:
        """Return the next word and go on."""
        word = self._words[self._at]
        self._at += word.kind != "end"
        return word

    def sees(self, *texts: str) -> bool:
        """Whether the next word is one of these signs or keywords."""
        word = self.next
        return word.kind in ("sign", "name") and word.text.upper() in texts

    def accept(self, *texts: str) -> bool:
        """Skip the next word if it is one of these."""
        found = self.sees(*texts)
        self._at += found
        return found

    def expect(self, *texts: str) -> None:
        """Skip these words, or refuse the statement."""
        for text in texts:
            if not self.accept(text):
                self.refuse()

    def refuse(self) -> NoReturn:
        """Refuse the statement because of the next word."""
        self._refuse(self.next.text, self.next.start)

    def _refuse(self, text: str, position: int) -> NoReturn:
        raise invalid(
            f"Statement wasn't well formed, can't be processed: Unexpected token: {text}, at character "
            f"{position + 1}"
        )

    def end(self) -> None:
        """Refuse the statement unless all is read."""
        self.accept(";")
        if self.next.kind != "end":
            self.refuse()
