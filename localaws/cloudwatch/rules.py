"""Alarm rules of composite alarms (PutCompositeAlarm: AlarmRule)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(
    r"""\s*(?:(?P<state>ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:"(?P<quoted>[^"]*)"|'(?P<single>[^']*)'
    |(?P<plain>[^()"'\s]+))\s*\)|(?P<word>AND|OR|NOT|TRUE|FALSE)\b|(?P<sign>[()]))""",
    re.VERBOSE | re.IGNORECASE,
)
LONGEST = 10240
MOST = 100
"""Most alarms that one rule may name."""

Node = tuple[Any, ...]


class RuleInvalid(Exception):
    """A text that is no alarm rule."""


@dataclass(frozen=True)
class Rule:
    """A parsed rule."""

    tree: Node
    names: tuple[str, ...]
    """Names of the alarms that it looks at, without repetition."""

    def holds(self, states: Mapping[str, str]) -> bool:
        """Whether the rule holds when the alarms are in these states; one that is gone is in none."""
        return _holds(self.tree, states)


def parse(text: str) -> Rule:
    """Parse an AlarmRule; RuleInvalid says what is wrong with it."""
    if len(text) > LONGEST:
        raise RuleInvalid(f"AlarmRule is longer than {LONGEST} characters")
    tokens = _tokens(text)
    tree = _either(tokens)
    if tokens:
        raise RuleInvalid(f"Unexpected '{tokens[0][1]}' in AlarmRule")
    names = tuple(dict.fromkeys(_names(tree)))
    if len(names) > MOST:
        raise RuleInvalid(f"AlarmRule names more than {MOST} alarms")
    return Rule(tree, names)


def _tokens(text: str) -> list[tuple[str, str]]:
    found, place = [], 0
    text = text.strip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise RuleInvalid(
                f"AlarmRule has a syntax error at position {place}: {text[place : place + 20]!r}"
            )
        if match["state"]:
            name = match["quoted"] or match["single"] or match["plain"] or ""
            found.append((match["state"].upper(), _name(name)))
        else:
            word = (match["word"] or match["sign"]).upper()
            found.append((word, word))
        place = match.end()
        while place < len(text) and text[place].isspace():
            place += 1
    return found


def _name(text: str) -> str:
    return text.split(":alarm:", 1)[1] if text.startswith("arn:") and ":alarm:" in text else text


def _either(tokens: list[tuple[str, str]]) -> Node:
    parts = [_both(tokens)]
    while tokens and tokens[0][0] == "OR":
        tokens.pop(0)
        parts.append(_both(tokens))
    return ("OR", *parts) if len(parts) > 1 else parts[0]


def _both(tokens: list[tuple[str, str]]) -> Node:
    parts = [_single(tokens)]
    while tokens and tokens[0][0] == "AND":
        tokens.pop(0)
        parts.append(_single(tokens))
    return ("AND", *parts) if len(parts) > 1 else parts[0]


def _single(tokens: list[tuple[str, str]]) -> Node:
    if not tokens:
        raise RuleInvalid("AlarmRule ends too early")
    kind, word = tokens.pop(0)
    if kind == "NOT":
        return ("NOT", _single(tokens))
    if kind == "(":
        inside = _either(tokens)
        if not tokens or tokens.pop(0)[0] != ")":
            raise RuleInvalid("A closing parenthesis is missing in AlarmRule")
        return inside
    if kind in ("TRUE", "FALSE"):
        return (kind,)
    if kind in ("ALARM", "OK", "INSUFFICIENT_DATA"):
        return ("state", kind, word)
    raise RuleInvalid(f"Unexpected '{word}' in AlarmRule")


def _names(node: Node) -> list[str]:
    if node[0] == "state":
        return [node[2]]
    return [name for part in node[1:] for name in _names(part)]


def _holds(node: Node, states: Mapping[str, str]) -> bool:
    kind = node[0]
    if kind == "state":
        return states.get(node[2]) == node[1]
    if kind == "NOT":
        return not _holds(node[1], states)
    if kind == "AND":
        return all(_holds(part, states) for part in node[1:])
    if kind == "OR":
        return any(_holds(part, states) for part in node[1:])
    return bool(kind == "TRUE")
