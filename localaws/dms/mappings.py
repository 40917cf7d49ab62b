"""Table mappings: which tables a task moves, and what they are called at the target.

AWS: "Using table mapping to specify task settings".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

SELECTIONS = frozenset({"include", "exclude", "explicit"})
OPERATORS = {
    "eq": "{column} = {value}",
    "noteq": "{column} <> {value}",
    "lte": "{column} <= {value}",
    "ste": "{column} <= {value}",
    "gte": "{column} >= {value}",
    "between": "{column} BETWEEN {start} AND {end}",
    "notbetween": "{column} NOT BETWEEN {start} AND {end}",
    "null": "{column} IS NULL",
    "notnull": "{column} IS NOT NULL",
}
"""Source filters, by filter-operator."""

Rename = Callable[[str, "Transformation"], str]

RENAMES: dict[str, Rename] = {
    "rename": lambda _, rule: rule.value,
    "convert-lowercase": lambda name, _: name.lower(),
    "convert-uppercase": lambda name, _: name.upper(),
    "add-prefix": lambda name, rule: rule.value + name,
    "add-suffix": lambda name, rule: name + rule.value,
    "remove-prefix": lambda name, rule: name.removeprefix(rule.value),
    "remove-suffix": lambda name, rule: name.removesuffix(rule.value),
    "replace-prefix": lambda name, rule: _swap_start(name, rule.old_value, rule.value),
    "replace-suffix": lambda name, rule: _swap_end(name, rule.old_value, rule.value),
}
"""What each rule-action makes of a name."""

VALUELESS = frozenset({"convert-lowercase", "convert-uppercase", "remove-column"})


class MappingError(ValueError):
    """Table mappings that cannot be used; the message says which rule and why."""


@dataclass(frozen=True)
class Selection:
    """One selection rule."""

    action: str
    schema: str
    table: str
    filters: tuple[tuple[str, tuple[dict[str, str], ...]], ...] = ()

    def matches(self, schema: str, table: str) -> bool:
        """Whether it is about a table."""
        return _like(self.schema, schema) and _like(self.table, table)


@dataclass(frozen=True)
class Transformation:
    """One transformation rule; `target` is schema, table or column."""

    target: str
    action: str
    schema: str
    table: str
    column: str
    value: str
    old_value: str

    def matches(self, schema: str, table: str, column: str) -> bool:
        """Whether it is about a schema, a table, or a column."""
        return (
            _like(self.schema, schema)
            and (self.target == "schema" or _like(self.table, table))
            and (self.target != "column" or _like(self.column, column))
        )


@dataclass(frozen=True)
class Mappings:
    """All rules of a task."""

    selections: tuple[Selection, ...]
    transformations: tuple[Transformation, ...]

    @classmethod
    def parse(cls, text: str) -> Mappings:
        """Read the JSON of TableMappings; MappingError when AWS would refuse it."""
        try:
            document = json.loads(text)
        except ValueError:
            raise MappingError("Error in mapping rules. The mapping rules are not valid JSON.") from None
        rules = document.get("rules") if isinstance(document, dict) else None
        if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
            raise MappingError('Error in mapping rules. The document must be {"rules": [...]}.')
        _check_identities(rules)
        selections = tuple(_selection(rule) for rule in rules if rule.get("rule-type") == "selection")
        changes = tuple(_transformation(rule) for rule in rules if rule.get("rule-type") == "transformation")
        if not any(rule.action != "exclude" for rule in selections):
            raise MappingError(
                "No tables were found at task initialization: the mapping rules include nothing. Add a "
                'selection rule with the rule-action "include".'
            )
        return cls(selections, changes)

    def selects(self, schema: str, table: str) -> bool:
        """Whether a table is moved: some rule includes it and none excludes it."""
        matching = [rule for rule in self.selections if rule.matches(schema, table)]
        return bool(matching) and all(rule.action != "exclude" for rule in matching)

    def where(
        self, schema: str, table: str, quote: Callable[[str], str], literal: Callable[[str], str]
    ) -> str:
        """The condition that the source filters put on a table's rows, or an empty text."""
        parts = [
            "(" + " OR ".join(_condition(each, quote(column), literal) for each in conditions) + ")"
            for rule in self.selections
            if rule.action != "exclude" and rule.matches(schema, table)
            for column, conditions in rule.filters
        ]
        return " AND ".join(parts)

    def filtered(self, schema: str, table: str) -> set[str]:
        """The columns that the source filters of a table look at."""
        return {
            column
            for rule in self.selections
            if rule.action != "exclude" and rule.matches(schema, table)
            for column, _ in rule.filters
        }

    def schema_name(self, schema: str) -> str:
        """What a schema is called at the target."""
        return self._renamed("schema", schema, schema)

    def table_name(self, schema: str, table: str) -> str:
        """What a table is called at the target."""
        return self._renamed("table", table, schema, table)

    def column_name(self, schema: str, table: str, column: str) -> str | None:
        """What a column is called at the target; None when it stays behind."""
        for rule in self._by_target.get("column", ()):
            if rule.action == "remove-column" and rule.matches(schema, table, column):
                return None
        return self._renamed("column", column, schema, table, column)

    @cached_property
    def _by_target(self) -> dict[str, list[Transformation]]:
        found: dict[str, list[Transformation]] = {}
        for rule in self.transformations:
            found.setdefault(rule.target, []).append(rule)
        return found

    def _renamed(self, target: str, name: str, schema: str, table: str = "", column: str = "") -> str:
        for rule in self._by_target.get(target, ()):
            if rule.action in RENAMES and rule.matches(schema, table, column):
                name = RENAMES[rule.action](name, rule)
        return name


def _check_identities(rules: Iterable[dict[str, Any]]) -> None:
    seen: set[str] = set()
    for rule in rules:
        kind = rule.get("rule-type")
        if kind not in ("selection", "transformation"):
            raise MappingError(
                f"Error in mapping rules. Rule with ruleId = {rule.get('rule-id')} has the rule-type "
                f"{kind!r}; this local AWS knows selection and transformation."
            )
        identity = str(rule.get("rule-id") or "")
        if not identity or identity in seen:
            raise MappingError(
                f"Error in mapping rules. Each rule needs a rule-id of its own; {identity or '(none)'} "
                "is missing or there twice."
            )
        seen.add(identity)


def _selection(rule: dict[str, Any]) -> Selection:
    action = rule.get("rule-action")
    if action not in SELECTIONS:
        raise _wrong(
            rule, f"the rule-action {action!r} is none of a selection: {', '.join(sorted(SELECTIONS))}"
        )
    locator = rule.get("object-locator") or {}
    schema, table = locator.get("schema-name"), locator.get("table-name")
    if not schema or not table:
        raise _wrong(rule, "its object-locator needs schema-name and table-name")
    if action == "explicit" and "%" in schema + table:
        raise _wrong(rule, "the rule-action explicit takes no wildcards")
    return Selection(action, schema, table, _filters(rule))


def _filters(rule: dict[str, Any]) -> tuple[tuple[str, tuple[dict[str, str], ...]], ...]:
    found = []
    for each in rule.get("filters") or []:
        conditions = tuple(each.get("filter-conditions") or ())
        if not each.get("column-name") or not conditions:
            raise _wrong(rule, "a filter needs column-name and filter-conditions")
        for condition in conditions:
            if condition.get("filter-operator") not in OPERATORS:
                raise _wrong(rule, f"unknown filter-operator {condition.get('filter-operator')!r}")
        found.append((str(each["column-name"]), conditions))
    return tuple(found)


def _transformation(rule: dict[str, Any]) -> Transformation:
    action, target = rule.get("rule-action"), rule.get("rule-target")
    if target not in ("schema", "table", "column"):
        raise _wrong(rule, f"the rule-target {target!r} is none of schema, table, column")
    if action not in RENAMES and not (action == "remove-column" and target == "column"):
        known = ", ".join(sorted({*RENAMES, "remove-column"}))
        raise _wrong(rule, f"the rule-action {action!r} is not supported for {target}; here are: {known}")
    if action not in VALUELESS and not rule.get("value"):
        raise _wrong(rule, f"{action} needs a value")
    if action in ("replace-prefix", "replace-suffix") and not rule.get("old-value"):
        raise _wrong(rule, f"{action} needs an old-value")
    locator = rule.get("object-locator") or {}
    return Transformation(
        target,
        action,
        str(locator.get("schema-name") or "%"),
        str(locator.get("table-name") or "%"),
        str(locator.get("column-name") or "%"),
        str(rule.get("value") or ""),
        str(rule.get("old-value") or ""),
    )


def _wrong(rule: dict[str, Any], why: str) -> MappingError:
    return MappingError(
        f"Error in mapping rules. Rule with ruleId = {rule.get('rule-id')} failed validation: {why}."
    )


def _condition(condition: dict[str, str], column: str, literal: Callable[[str], str]) -> str:
    values = {
        name: literal(str(condition.get(key, "")))
        for name, key in (("value", "value"), ("start", "start-value"), ("end", "end-value"))
    }
    return OPERATORS[condition["filter-operator"]].format(column=column, **values)


def _like(pattern: str, name: str) -> bool:
    """Whether a name fits; `%` stands for any text, `[_]` for an underscore."""
    text = pattern.replace("[_]", "_")
    expression = ".*".join(re.escape(part) for part in text.split("%"))
    return re.fullmatch(expression, name, re.DOTALL) is not None


def _swap_start(name: str, old: str, new: str) -> str:
    return new + name.removeprefix(old) if name.startswith(old) else name


def _swap_end(name: str, old: str, new: str) -> str:
    return name.removesuffix(old) + new if name.endswith(old) else name
