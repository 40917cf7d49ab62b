"""The words of an expression."""

from __future__ import annotations

import re
from typing import NamedTuple, NoReturn

from localaws.dynamodb.errors import flawed, invalid
from localaws.faults import Fault

END = "<EOF>"
LONGEST = 4096
_TOKEN = re.compile(
    r"(?P<space>\s+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<alias>\#[A-Za-z0-9_]+)|(?P<value>:[A-Za-z0-9_]+)"
    r"|(?P<number>[0-9]+)|(?P<sign><>|<=|>=|[=<>+\-(),.\[\]])"
)


class Token(NamedTuple):
    """A word, its kind, and where it stands."""

    kind: str
    text: str
    start: int
    end: int


def empty(label: str) -> Fault:
    """Return the fault of an expression without words."""
    fault = flawed if label in ("UpdateExpression", "ConditionExpression") else invalid
    return fault(f"Invalid {label}: The expression can not be empty;")


class Tokens:
    """The tokens of an expression, read from left to right; `label` names the request's parameter."""

    def __init__(self, text: str, label: str) -> None:
        self.text = text
        self.label = label
        self._tokens = list(self._split())
        self._at = 0

    def _split(self) -> list[Token]:
        if not self.text.strip():
            raise empty(self.label)
        if len(self.text.encode()) > LONGEST:
            raise self.fault(
                "Expression size has exceeded the maximum allowed size; expression size: "
                f"{len(self.text.encode())}"
            )
        found: list[Token] = []
        position = 0
        while position < len(self.text):
            match = _TOKEN.match(self.text, position)
            if match is None:
                wrong = Token("wrong", self.text[position], position, position + 1)
                self._refuse(wrong, found[-1:])
            if match.lastgroup != "space":
                found.append(Token(str(match.lastgroup), match[0], position, match.end()))
            position = match.end()
        return [*found, Token("end", END, len(self.text), len(self.text))]

    def fault(self, reason: str) -> Exception:
        """Return the fault of the expression."""
        return invalid(f"Invalid {self.label}: {reason}")

    @property
    def next(self) -> Token:
        """The token that comes next."""
        return self._tokens[self._at]

    @property
    def second(self) -> Token:
        """The token after the next."""
        return self._tokens[min(self._at + 1, len(self._tokens) - 1)]

    def ahead(self) -> list[Token]:
        """Return all tokens that are still to be read."""
        return self._tokens[self._at :]

    def take(self) -> Token:
        """Return the next token and go on."""
        token = self._tokens[self._at]
        self._at += token.kind != "end"
        return token

    def sees(self, *texts: str) -> bool:
        """Whether the next token is one of these signs, or one of these keywords in any case."""
        token = self.next
        return (token.kind == "sign" and token.text in texts) or (
            token.kind == "name" and token.text.upper() in texts
        )

    def accept(self, *texts: str) -> bool:
        """Skip the next token if it is one of these."""
        found = self.sees(*texts)
        if found:
            self._at += 1
        return found

    def expect(self, text: str) -> None:
        """Skip `text`, or raise the fault of a syntax error."""
        if not self.accept(text):
            self.refuse()

    def refuse(self) -> NoReturn:
        """Raise the fault of a syntax error at the next token."""
        self._refuse(self.next, self._tokens[max(self._at - 1, 0) : self._at])

    def _refuse(self, wrong: Token, before: list[Token]) -> NoReturn:
        start = before[0].start if before else wrong.start
        following = _TOKEN.match(self.text, wrong.end)
        end = following.end() if following and following.lastgroup != "space" else wrong.end
        if following and following.lastgroup == "space":
            after = _TOKEN.match(self.text, following.end())
            end = after.end() if after else wrong.end
        raise self.fault(f'Syntax error; token: "{wrong.text}", near: "{self.text[start:end]}"')

    def end(self) -> None:
        """Raise the fault of a syntax error unless all is read."""
        if self.next.kind != "end":
            self.refuse()
