"""Validation: the rows of both sides are compared, by key and by a digest of their values.

AWS: "AWS DMS data validation".
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg

from localaws.dms.route import Route
from localaws.dms.tables import Table, quoted

MOST = 10_000
"""Differences of a table that are remembered (AWS: FailureMaxCount)."""
PORTION = 5000

Difference = tuple[str, str]
"""Key and kind: MISSING_SOURCE, MISSING_TARGET or RECORD_DIFF."""
Line = tuple[str, str]


def compare(source: Route, target: Route, table: Table) -> list[Difference]:
    """Return the rows that differ at this moment; keys are written as JSON."""
    with (
        contextlib.closing(source.connect(autocommit=False)) as left,
        contextlib.closing(target.connect(autocommit=False)) as right,
    ):
        ours = _lines(left, table.source, [(c.name, c.name) for c in table.columns], table.key, table.where)
        renamed = [(column.target, column.name) for column in table.columns]
        theirs = _lines(right, table.target, renamed, table.target_key, "")
        return list(_differences(ours, theirs))


def _lines(
    connection: psycopg.Connection[Any],
    table: str,
    columns: list[tuple[str, str]],
    key: tuple[str, ...],
    where: str,
) -> Iterator[Line]:
    """Yield (key, digest) in the order of the keys' bytes, the same on both sides."""
    values = ", ".join(f"{quoted(name)}::text" for name, _ in columns)
    keys = ", ".join(f"{quoted(name)}::text" for name in key)
    condition = f" WHERE {where}" if where else ""
    query = (
        f'SELECT jsonb_build_array({keys})::text COLLATE "C" AS place, '
        f"md5(jsonb_build_array({values})::text) FROM ONLY {table}{condition} ORDER BY place"
    )
    with connection.cursor("compare") as cursor:
        cursor.itersize = PORTION
        cursor.execute(query.encode())
        yield from cursor


def _differences(ours: Iterator[Line], theirs: Iterator[Line]) -> Iterator[Difference]:
    left, right = next(ours, None), next(theirs, None)
    for _ in range(MOST):
        while left is not None and left == right:
            left, right = next(ours, None), next(theirs, None)
        if left is None and right is None:
            return
        if right is None or (left is not None and left[0] < right[0]):
            assert left is not None
            yield left[0], "MISSING_TARGET"
            left = next(ours, None)
        elif left is None or left[0] > right[0]:
            yield right[0], "MISSING_SOURCE"
            right = next(theirs, None)
        else:
            yield left[0], "RECORD_DIFF"
            left, right = next(ours, None), next(theirs, None)
