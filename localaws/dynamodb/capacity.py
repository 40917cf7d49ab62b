"""What an operation uses: read and write units by the sizes of items (Read and write operations)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from localaws.dynamodb.records import Edit, IndexChange, Record
from localaws.dynamodb.schema import TableSchema

Units = dict[str | None, float]
"""Units of the table (None) and of its indexes by name."""

READ_BYTES = 4096
WRITE_BYTES = 1024
TRANSACTIONAL = 2.0


def read_units(size: int, *, consistent: bool) -> float:
    """Return the units of reading one item, or one page of a Query or Scan."""
    units = max(1, -(-size // READ_BYTES))
    return float(units) if consistent else units / 2


def write_units(old: Record | None, new: Record | None) -> float:
    """Return the units of writing an item over another."""
    size = max(old.size if old else 0, new.size if new else 0)
    return float(max(1, -(-size // WRITE_BYTES)))


def units_of_edit(edit: Edit, changes: Iterable[IndexChange], factor: float = 1.0) -> Units:
    """Return the units of a write, in the table and in each index that it changes."""
    units: Units = {None: factor * write_units(edit.old, edit.new)}
    for change in changes:
        if change.old and change.new and change.old_place != change.new_place:
            # the entry moves: one write takes it away, another one puts it elsewhere
            used = write_units(change.old, None) + write_units(None, change.new)
        else:
            used = write_units(change.old, change.new)
        units[change.index.name] = factor * used
    return units


def add(total: Units, more: Units) -> None:
    """Add units to others."""
    for index, units in more.items():
        total[index] = total.get(index, 0.0) + units


def consumed(
    schema: TableSchema, wanted: str | None, units: Units, transactional: str | None = None
) -> dict[str, Any] | None:
    """Return the ConsumedCapacity that was asked for; `transactional` is Read or Write in transactions."""
    if wanted not in ("TOTAL", "INDEXES"):
        return None
    answer = _figures(sum(units.values()), transactional) | {"TableName": schema.name}
    if wanted == "TOTAL":
        return answer
    answer["Table"] = _figures(units.get(None, 0.0), transactional)
    for index, used in units.items():
        if index is not None:
            found = schema.indexes.get(index)
            kind = "Local" if found is not None and not found.is_global else "Global"
            answer.setdefault(f"{kind}SecondaryIndexes", {})[index] = _figures(used, transactional)
    return answer


def _figures(units: float, transactional: str | None) -> dict[str, Any]:
    figures: dict[str, Any] = {"CapacityUnits": units}
    if transactional is not None:
        figures[f"{transactional}CapacityUnits"] = units
    return figures
