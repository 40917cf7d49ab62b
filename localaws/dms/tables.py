"""What a task moves: tables and columns, with their names at both ends."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property


class TaskFailed(Exception):
    """A task cannot go on; the message becomes its LastFailureMessage."""


class TableFailed(Exception):
    """One table cannot be moved; the task goes on without it."""


class Interrupted(Exception):
    """The task was asked to stop."""


def quoted(name: str) -> str:
    """Quote an identifier for PostgreSQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """Quote a text for PostgreSQL."""
    escaped = value.replace("'", "''")
    return f" E'{escaped}'".replace("\\", "\\\\") if "\\" in escaped else f"'{escaped}'"


@dataclass(frozen=True)
class Column:
    """A column; `type` is what the target's column is made with."""

    name: str
    target: str
    type: str
    not_null: bool = False


@dataclass(frozen=True)
class Table:
    """A table of a task. `key` names the source's primary key columns, in their order."""

    schema: str
    name: str
    target_schema: str
    target_name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    identity: bool = True
    """Whether the source can tell which row an update or a deletion meant."""
    where: str = ""
    unfit: bool = False
    """Whether its filter needs columns that the source does not log when a row is changed."""

    @property
    def label(self) -> str:
        """How the task's records name it."""
        return f"{self.schema}.{self.name}"

    @property
    def source(self) -> str:
        """Its quoted name at the source."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"

    @property
    def target(self) -> str:
        """Its quoted name at the target."""
        return f"{quoted(self.target_schema)}.{quoted(self.target_name)}"

    @cached_property
    def names(self) -> dict[str, str]:
        """Columns of the target by those of the source."""
        return {column.name: column.target for column in self.columns}

    @property
    def target_key(self) -> tuple[str, ...]:
        """The key's columns at the target; empty when a part of it stays behind."""
        known = self.names
        return tuple(known[name] for name in self.key) if all(name in known for name in self.key) else ()
