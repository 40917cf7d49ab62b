"""What a policy document says of an action: allowed, denied, or nothing.

AWS: "Policy evaluation logic" and "IAM JSON policy elements" in the IAM user guide.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from localaws.iam.conditions import holds

ALLOW, DENY = "Allow", "Deny"


@dataclass(frozen=True)
class Principal:
    """Who asks, by each of the names that a policy may call it."""

    arns: tuple[str, ...] = ()
    account_id: str = ""
    service: str = ""


@dataclass(frozen=True)
class Ask:
    """An action on a resource, with the request's context; keys of the context in lower case."""

    action: str
    resource: str
    context: dict[str, Any] = field(default_factory=dict)
    principal: Principal = field(default_factory=Principal)


def parse(document: str | bytes | dict[str, Any]) -> dict[str, Any]:
    """Return a policy document; an empty one when it cannot be read."""
    if isinstance(document, dict):
        return document
    text = document.decode() if isinstance(document, bytes) else document
    return _parsed(text)


@lru_cache(maxsize=512)
def _parsed(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text if text.lstrip().startswith("{") else unquote(text))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def verdict(documents: Iterable[str | bytes | dict[str, Any]], ask: Ask) -> str | None:
    """Return DENY when any statement denies, else ALLOW when any allows, else None."""
    effects = {
        statement.get("Effect")
        for document in documents
        for statement in _statements(document)
        if _applies(statement, ask)
    }
    return DENY if DENY in effects else ALLOW if ALLOW in effects else None


def _statements(document: str | bytes | dict[str, Any]) -> Iterator[dict[str, Any]]:
    for statement in listed(parse(document).get("Statement")):
        if isinstance(statement, dict):
            yield statement


def _applies(statement: dict[str, Any], ask: Ask) -> bool:
    return (
        _named(statement, "Action", ask.action, ask, ignore_case=True)
        and _named(statement, "Resource", ask.resource, ask)
        and _concerns(statement, ask.principal)
        and holds(statement.get("Condition") or {}, ask.context, lambda text: _filled(text, ask))
    )


def _named(
    statement: dict[str, Any], element: str, value: str, ask: Ask, *, ignore_case: bool = False
) -> bool:
    """Whether the element (or its negation) covers the value; a trust policy has no Resource."""
    if f"Not{element}" in statement:
        return not _any(statement[f"Not{element}"], value, ask, ignore_case=ignore_case)
    return element not in statement or _any(statement[element], value, ask, ignore_case=ignore_case)


def _any(patterns: Any, value: str, ask: Ask, *, ignore_case: bool) -> bool:
    return any(
        matches(_filled(str(pattern), ask), value, ignore_case=ignore_case) for pattern in listed(patterns)
    )


def _concerns(statement: dict[str, Any], principal: Principal) -> bool:
    """Whether the statement is about the principal; those of identity policies name none."""
    if "NotPrincipal" in statement:
        return not _names(statement["NotPrincipal"], principal)
    return "Principal" not in statement or _names(statement["Principal"], principal)


def _names(element: Any, principal: Principal) -> bool:
    if element == "*":
        return True
    if not isinstance(element, dict):
        return False
    accounts = {principal.account_id, f"arn:aws:iam::{principal.account_id}:root"} - {
        "",
        "arn:aws:iam:::root",
    }
    people = (
        {*principal.arns, *accounts, "*"} if principal.arns else {"*"} if not principal.service else set()
    )
    return any(name in people for name in listed(element.get("AWS"))) or (
        bool(principal.service)
        and any(name in (principal.service, "*") for name in listed(element.get("Service")))
    )


def names_directly(document: str | bytes | dict[str, Any], ask: Ask) -> bool:
    """Whether a statement allows the principal itself, not only its account."""
    alone = Ask(
        ask.action, ask.resource, ask.context, Principal(ask.principal.arns, "", ask.principal.service)
    )
    return verdict([document], alone) == ALLOW


def _filled(text: str, ask: Ask) -> str:
    """Replace policy variables such as ${aws:username}."""
    if "${" not in text:
        return text
    return re.sub(
        r"\$\{([^}]+)\}",
        lambda found: str(ask.context.get(found[1].partition(",")[0].strip().lower(), found[0])),
        text,
    )


def matches(pattern: str, value: str, *, ignore_case: bool = False) -> bool:
    """Whether a value is covered by a pattern with * and ?."""
    if pattern == "*":
        return True
    return _regex(pattern, ignore_case).fullmatch(value) is not None


@lru_cache(maxsize=4096)
def _regex(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    words = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(words, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def listed(value: Any) -> list[Any]:
    """Return a list as it is, nothing as an empty one, and anything else as a list of one."""
    return value if isinstance(value, list) else [] if value is None else [value]
