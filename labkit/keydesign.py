"""A playground for DynamoDB keys: choose partition and sort key, see where each item lands.

The real hash function is DynamoDB's secret; MD5 stands in for it, so that equal keys meet and others spread.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from labkit.display import CELL, TABLE, View
from labkit.errors import PictureError
from labkit.knobs import Knobs

NONE = "(none)"
_SHOWN, _EACH = 6, 3
"""How many keys of a partition are named, and how many items of each."""


def key_playground(
    items: Sequence[Mapping[str, Any]], partition: str, sort: str | None = None, *, partitions: int = 4
) -> Knobs:
    """Place the items (dicts) on partitions by the attributes chosen as keys."""
    names = sorted({name for item in items for name in item})
    missing = [name for name in (partition, sort) if name and name not in names]
    if missing:
        raise PictureError(f"No item has the attribute {missing[0]!r}. There are: {', '.join(names)}.")

    def picture(*, partition: str, sort: str, partitions: int) -> View:
        return placed(items, partition, None if sort == NONE else sort, partitions)

    def controls() -> Mapping[str, Any]:
        import ipywidgets

        return {
            "partition": ipywidgets.Dropdown(options=names, value=partition, description="partition"),
            "sort": ipywidgets.Dropdown(options=[NONE, *names], value=sort or NONE, description="sort"),
            "partitions": ipywidgets.IntSlider(value=partitions, min=1, max=8, description="partitions"),
        }

    return Knobs(picture, controls, partition=partition, sort=sort or NONE, partitions=partitions)


def home(key: object, partitions: int) -> int:
    """The number of the partition that holds the items of a partition key."""
    digest = hashlib.md5(str(key).encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[:8], "big") * partitions >> 64


def placed(items: Sequence[Mapping[str, Any]], partition: str, sort: str | None, partitions: int) -> View:
    """The items on their partitions, each key's collection in the order of its sort key."""
    if sort == partition:
        said = f"DynamoDB refuses this table: {partition!r} cannot be partition key and sort key at once."
        return View(html=escape(said), text=said)
    kept = {}
    refused = 0
    for item in items:
        if partition not in item or (sort and sort not in item):
            refused += 1
        else:
            # the same key again replaces the item, as PutItem does
            kept[item[partition], item[sort] if sort else None] = item
    lost = len(items) - refused - len(kept)
    shelves: dict[int, dict[Any, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for key, position in kept:
        shelves[home(key, partitions)][key].append(position)
    rows = [_row(number, shelves.get(number, {}), len(kept)) for number in range(partitions)]
    facts = _facts(len(kept), lost, refused, partition, sort, rows)
    html = "".join(_html_row(*row) for row in rows)
    head = "".join(
        f'<th style="{CELL}">{name}</th>' for name in ("partition", "share", "keys and what lies under each")
    )
    table = f'<table style="{TABLE}"><thead><tr>{head}</tr></thead><tbody>{html}</tbody></table>'
    return View(
        html=table + escape(facts),
        text="\n".join(
            [f"{number}  {share:4.0%}  {_words(held, more)}" for number, share, held, more in rows] + [facts]
        ),
    )


Row = tuple[int, float, list[tuple[str, str]], int]
"""A partition's number, its share, its fullest keys with what lies under each, how many more keys."""


def _row(number: int, shelf: Mapping[Any, Sequence[Any]], total: int) -> Row:
    held = sum(len(positions) for positions in shelf.values())
    collections = [
        (str(key), "" if positions == [None] else _in_order(positions))
        for key, positions in sorted(shelf.items(), key=lambda pair: -len(pair[1]))
    ]
    more = max(0, len(collections) - _SHOWN)
    return number, held / total if total else 0.0, collections[:_SHOWN], more


def _words(held: Sequence[tuple[str, str]], more: int) -> str:
    collections = [f"{key}: {positions}" if positions else key for key, positions in held]
    return "; ".join(collections) + (f"; {more} more" if more else "")


def _in_order(positions: Sequence[Any]) -> str:
    shown = sorted(positions, key=_order)[:_EACH]
    return " < ".join(map(str, shown)) + (" …" if len(positions) > _EACH else "")


def _order(value: Any) -> tuple[bool, Any]:
    numeric = not isinstance(value, str)
    return (not numeric, value)


def _facts(
    kept: int,
    lost: int,
    refused: int,
    partition: str,
    sort: str | None,
    rows: Sequence[Row],
) -> str:
    key = f"({partition}, {sort})" if sort else partition
    facts = [f"{kept} items by {key}; the fullest partition holds {max(row[1] for row in rows):.0%}."]
    if lost:
        facts.append(f"{lost} were overwritten: the key does not tell them apart.")
    if refused:
        facts.append(f"{refused} were refused: a key attribute is missing.")
    return " ".join(facts)


def _unbroken(positions: str) -> str:
    """No line breaks within a sort key."""
    each = (f'<span style="white-space:nowrap">{escape(one)}</span>' for one in positions.split(" < ") if one)
    return " &lt; ".join(each)


def _html_row(number: int, share: float, held: Sequence[tuple[str, str]], more: int) -> str:
    collections = [f"<b>{escape(key)}</b> {_unbroken(positions)}".rstrip() for key, positions in held]
    words = "; ".join(collections) + (f"; {more} more" if more else "")
    bar = f'<div style="width:{max(2, 140 * share):.0f}px;height:12px;background:#c2570c"></div>'
    return (
        f'<tr><td style="{CELL}">{number}</td><td style="{CELL};white-space:nowrap">{bar}{share:.0%}</td>'
        f'<td style="{CELL}">{words}</td></tr>'
    )
