"""What PartiQL statements say (PartiQL statements for DynamoDB)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from localaws.dynamodb import values
from localaws.dynamodb.errors import invalid
from localaws.dynamodb.expressions.bind import Placeholders
from localaws.dynamodb.expressions.nodes import (
    Action,
    Comparison,
    Condition,
    Function,
    Given,
    Junction,
    Operand,
    Part,
    Path,
    joined,
)
from localaws.dynamodb.partiql.words import Words
from localaws.dynamodb.values import Item, Value

COMPARATORS = {"=": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
TESTS = frozenset({"begins_with", "contains", "attribute_type"})
MAKERS = frozenset({"list_append", "if_not_exists", "set_add", "set_delete", "size"})
RETURNING = {
    "ALL OLD": "ALL_OLD",
    "ALL NEW": "ALL_NEW",
    "MODIFIED OLD": "UPDATED_OLD",
    "MODIFIED NEW": "UPDATED_NEW",
}


@dataclass
class Statement:
    """A statement: its verb, its table, and what belongs to the verb."""

    verb: str
    table: str = ""
    index: str | None = None
    columns: list[Path] | None = None
    item: Item = field(default_factory=dict)
    actions: list[Action] = field(default_factory=list)
    where: Condition | None = None
    order: tuple[Path, bool] | None = None
    returning: str | None = None
    values: dict[str, Value] = field(default_factory=dict)

    def known(self) -> Placeholders:
        """Return the values of its literals and parameters."""
        return Placeholders(None, self.values or None)


def read(text: Any, parameters: Any) -> Statement:
    """Return what a statement says, with the values of its parameters."""
    reader = _Reader(Words(text), parameters or [])
    statement = reader.statement()
    reader.end()
    return statement


class _Reader:
    """Reads one statement."""

    def __init__(self, words: Words, parameters: Any) -> None:
        if not isinstance(parameters, list):
            raise invalid("Parameters must be a list of attribute values")
        self._words = words
        self._parameters = parameters
        self._used = 0
        self._statement = Statement("")

    def end(self) -> None:
        """Check that words and parameters are used up."""
        self._words.end()
        if self._used != len(self._parameters):
            raise invalid("Number of parameters in request and statement don't match.")

    def statement(self) -> Statement:
        """Read a statement of any kind."""
        words, statement = self._words, self._statement
        statement.verb = words.next.text.upper()
        readers: dict[str, Callable[[], None]] = {
            "SELECT": self._select,
            "INSERT": self._insert,
            "UPDATE": self._update,
            "DELETE": self._delete,
        }
        reader = readers.get(statement.verb)
        if reader is None:
            if statement.verb == "EXISTS":
                raise invalid("EXISTS is only available in transactions as a ConditionCheck: use the API's")
            words.refuse()
        words.take()
        reader()
        return statement

    def _select(self) -> None:
        words, statement = self._words, self._statement
        if not words.accept("*"):
            statement.columns = [self._path()]
            while words.accept(","):
                statement.columns.append(self._path())
        words.expect("FROM")
        self._table()
        self._where()
        if words.accept("ORDER"):
            words.expect("BY")
            path = self._path()
            descending = words.accept("DESC")
            if not descending:
                words.accept("ASC")
            statement.order = (path, descending)

    def _insert(self) -> None:
        self._words.expect("INTO")
        self._table()
        self._words.expect("VALUE")
        value = self._value()
        if "M" not in value:
            raise invalid("The value to be inserted must be a tuple: {'attribute': value, ...}")
        self._statement.item = value["M"]

    def _update(self) -> None:
        words, statement = self._words, self._statement
        self._table()
        while words.sees("SET", "REMOVE"):
            if words.take().text.upper() == "REMOVE":
                statement.actions.append(Action("REMOVE", self._path(), None))
                continue
            statement.actions.append(self._assignment())
            while words.accept(","):
                statement.actions.append(self._assignment())
        if not statement.actions:
            words.refuse()
        self._where()
        self._returns()

    def _assignment(self) -> Action:
        path = self._path()
        self._words.expect("=")
        operand = self._operand()
        if self._words.sees("+", "-"):
            sign = self._words.take().text
            operand = Function(sign, (operand, self._operand()))
        if isinstance(operand, Function) and operand.name in ("set_add", "set_delete"):
            target, elements = operand.operands
            if target != path or not isinstance(elements, Given):
                raise invalid(f"{operand.name} must be given the attribute that is set, and a set")
            return Action("ADD" if operand.name == "set_add" else "DELETE", path, elements)
        return Action("SET", path, operand)

    def _delete(self) -> None:
        self._words.expect("FROM")
        self._table()
        self._where()
        self._returns()

    def _table(self) -> None:
        self._statement.table = self._name()
        if self._words.accept("."):
            self._statement.index = self._name()

    def _where(self) -> None:
        if self._words.accept("WHERE"):
            self._statement.where = self._disjunction()

    def _returns(self) -> None:
        words = self._words
        if words.accept("RETURNING"):
            kind = f"{words.take().text} {words.take().text}".upper()
            if kind not in RETURNING:
                raise invalid(f"RETURNING must be one of {', '.join(RETURNING)} followed by *")
            words.expect("*")
            self._statement.returning = RETURNING[kind]

    # -- conditions

    def _disjunction(self) -> Condition:
        return joined("OR", self._conjunction, self._words.accept)

    def _conjunction(self) -> Condition:
        return joined("AND", self._negation, self._words.accept)

    def _negation(self) -> Condition:
        words = self._words
        if words.accept("NOT"):
            return Junction("NOT", (self._negation(),))
        if words.accept("("):
            found = self._disjunction()
            words.expect(")")
            return found
        if words.next.kind == "name" and words.next.text.lower() in TESTS and words.second.text == "(":
            return self._function()
        return self._comparison()

    def _comparison(self) -> Condition:
        words = self._words
        left = self._operand()
        if words.sees(*COMPARATORS):
            return Comparison(COMPARATORS[words.take().text], (left, self._operand()))
        negated = words.accept("NOT")
        if words.accept("BETWEEN"):
            low = self._operand()
            words.expect("AND")
            found: Condition = Comparison("BETWEEN", (left, low, self._operand()))
        elif words.accept("IN"):
            found = Comparison("IN", (left, *self._members()))
        elif words.accept("IS") and not negated:
            return self._presence(left)
        else:
            words.refuse()
        return Junction("NOT", (found,)) if negated else found

    def _presence(self, left: Operand) -> Condition:
        negated = self._words.accept("NOT")
        if self._words.accept("MISSING"):
            return Function("attribute_exists" if negated else "attribute_not_exists", (left,))
        self._words.expect("NULL")
        found = Function("attribute_type", (left, self._literal({"S": "NULL"})))
        return Junction("NOT", (found,)) if negated else found

    def _members(self) -> tuple[Operand, ...]:
        closing = "]" if self._words.accept("[") else ")"
        if closing == ")":
            self._words.expect("(")
        members = [self._operand()]
        while self._words.accept(","):
            members.append(self._operand())
        self._words.expect(closing)
        return tuple(members)

    # -- operands

    def _operand(self) -> Operand:
        word = self._words.next
        if word.kind == "name" and self._words.second.text == "(" and word.text.lower() in MAKERS:
            return self._function()
        if word.kind == "quoted" or (
            word.kind == "name" and word.text.upper() not in ("TRUE", "FALSE", "NULL")
        ):
            return self._path()
        return self._literal(self._value())

    def _function(self) -> Function:
        name = self._words.take().text.lower()
        self._words.expect("(")
        operands = [self._operand()]
        while self._words.accept(","):
            operands.append(self._operand())
        self._words.expect(")")
        if len(operands) != (1 if name == "size" else 2):
            raise invalid(f"Incorrect number of arguments for the function {name}")
        return Function(name, tuple(operands))

    def _literal(self, value: Value) -> Given:
        name = f":{len(self._statement.values)}"
        self._statement.values[name] = value
        return Given(name)

    def _path(self) -> Path:
        parts: list[Part] = [self._name()]
        while True:
            if self._words.accept("."):
                parts.append(self._name())
            elif self._words.sees("["):
                self._words.take()
                position = self._words.take()
                if position.kind != "number" or not position.text.isdigit():
                    self._words.refuse()
                parts.append(int(position.text))
                self._words.expect("]")
            else:
                return Path(tuple(parts))

    def _name(self) -> str:
        word = self._words.next
        if word.kind not in ("name", "quoted"):
            self._words.refuse()
        self._words.take()
        return word.text[1:-1].replace('""', '"') if word.kind == "quoted" else word.text

    # -- values

    def _value(self) -> Value:
        words = self._words
        word = words.next
        if words.accept("?"):
            return self._parameter()
        if word.kind == "text":
            return {"S": words.take().text[1:-1].replace("''", "'")}
        if word.kind == "number":
            return values.sized({"N": words.take().text})[0]
        for name, value in (("TRUE", {"BOOL": True}), ("FALSE", {"BOOL": False}), ("NULL", {"NULL": True})):
            if words.accept(name):
                return value
        if words.accept("["):
            return {"L": self._values_until("]")}
        if words.accept("<<"):
            return self._set()
        words.expect("{")
        return {"M": self._fields()}

    def _parameter(self) -> Value:
        if self._used >= len(self._parameters):
            raise invalid("Number of parameters in request and statement don't match.")
        self._used += 1
        return values.sized(self._parameters[self._used - 1])[0]

    def _values_until(self, closing: str) -> list[Value]:
        found: list[Value] = []
        while not self._words.accept(closing):
            if found:
                self._words.expect(",")
            found.append(self._value())
        return found

    def _set(self) -> Value:
        found = self._values_until(">>")
        kinds = {kind for value in found for kind in value}
        if len(kinds) != 1 or not kinds <= {"S", "N", "B"}:
            raise invalid("A set must have elements, all strings, all numbers or all binary")
        (kind,) = kinds
        return values.sized({f"{kind}S": [value[kind] for value in found]})[0]

    def _fields(self) -> Item:
        found: Item = {}
        while not self._words.accept("}"):
            if found:
                self._words.expect(",")
            word = self._words.take()
            if word.kind not in ("text", "quoted"):
                self._words.refuse()
            self._words.expect(":")
            found[word.text[1:-1]] = self._value()
        return found
