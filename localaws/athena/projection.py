"""Partition projection: "Supported types for partition projection", but for injected ones."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from localaws.athena.catalog import Partition, Table, folder_of
from localaws.athena.faults import QueryFailed
from localaws.s3 import objects

LIMIT = 1_000_000
_PATTERN = (("yyyy", "%Y"), ("MM", "%m"), ("dd", "%d"), ("HH", "%H"), ("mm", "%M"), ("ss", "%S"))
_UNITS = {"SECONDS": 1, "MINUTES": 60, "HOURS": 3600, "DAYS": 86400, "WEEKS": 604800}


def partitions(table: Table, account: str) -> Iterator[Partition]:
    """Yield the projected partitions in whose place there are objects."""
    names = [name for name, _ in table.keys]
    values = [list(_values(table, name)) for name in names]
    template = table.parameters.get("storage.location.template") or "/".join(
        [table.location.rstrip("/"), *(f"{name}=${{{name}}}" for name in names), ""]
    )
    bucket, prefix = folder_of(template.partition("${")[0].rpartition("/")[0])
    folders = {each.key.rpartition("/")[0] + "/" for each in objects.listing(account, bucket, prefix)}
    for chosen in itertools.product(*values):
        location = template
        for name, value in zip(names, chosen, strict=True):
            location = location.replace(f"${{{name}}}", value)
        wanted = folder_of(location)[1]
        if any(folder.startswith(wanted) for folder in ({wanted} & folders or folders)):
            yield Partition(chosen, location)


def _values(table: Table, name: str) -> Iterator[str]:
    given = {
        key.removeprefix(f"projection.{name}."): value
        for key, value in table.parameters.items()
        if key.startswith(f"projection.{name}.")
    }
    kind = given.get("type", "").lower()
    if kind == "enum":
        yield from (value.strip() for value in given.get("values", "").split(","))
    elif kind == "integer":
        first, last = (int(each) for each in given["range"].split(","))
        width = int(given.get("digits", 0))
        yield from (str(each).zfill(width) for each in range(first, last + 1, int(given.get("interval", 1))))
    elif kind == "date":
        yield from _dates(given)
    else:
        raise QueryFailed(
            f"INVALID_TABLE_PROPERTY: Table {table.database}.{table.name} is configured for partition "
            f"projection, but the following partition columns are missing a usable projection type: [{name}]"
        )


def _dates(given: dict[str, str]) -> Iterator[str]:
    pattern = given.get("format", "yyyy-MM-dd")
    form = pattern
    for java, python in _PATTERN:
        form = form.replace(java, python)
    first, last = (_moment(each.strip(), form) for each in given["range"].split(","))
    unit = given.get(
        "interval.unit", "HOURS" if "HH" in pattern else "DAYS" if "dd" in pattern else "MONTHS"
    ).upper()
    step = int(given.get("interval", 1))
    moment, count = first, 0
    while moment <= last and count < LIMIT:
        yield moment.strftime(form)
        moment, count = _next(moment, unit, step), count + 1


def _moment(text: str, form: str) -> datetime:
    found = re.fullmatch(r"NOW(?:\s*([+-])\s*(\d+)\s*(\w+?)S?)?", text, re.IGNORECASE)
    if not found:
        return datetime.strptime(text, form).replace(tzinfo=UTC)
    now = datetime.now(UTC)
    if not found.group(1):
        return now
    seconds = {"YEAR": 31536000, "MONTH": 2592000}.get(found.group(3).upper()) or _UNITS[
        found.group(3).upper() + "S"
    ]
    shift = timedelta(seconds=seconds * int(found.group(2)))
    return now + shift if found.group(1) == "+" else now - shift


def _next(moment: datetime, unit: str, step: int) -> datetime:
    if unit in ("MONTHS", "YEARS"):
        months = moment.month - 1 + step * (12 if unit == "YEARS" else 1)
        return moment.replace(year=moment.year + months // 12, month=months % 12 + 1)
    return moment + timedelta(seconds=_UNITS[unit] * step)
