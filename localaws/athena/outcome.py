"""What a query leaves: its result, files that become objects, and changes of the catalog."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localaws.athena.types import described

Change = list[Any]
"""A method of Glue's model and its arguments, as JSON: they are carried out by the query's settlement."""


@dataclass
class Outcome:
    """A query's end; `lines` are the result of a statement that is no SELECT."""

    columns: list[dict[str, Any]] = field(default_factory=list)
    file: Path | None = None
    lines: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    objects: list[tuple[str, str, Path]] = field(default_factory=list)
    scanned: int = 0
    manifest: str | None = None


def lines(name: str, rows: list[str]) -> Outcome:
    """Return a result of one column of text."""
    return Outcome(columns=[described(name, "string")], lines=rows)
