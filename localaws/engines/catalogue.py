"""What settings a PostgreSQL server has: the answer of the server itself, kept with its template."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass

from localaws.engines.binaries import PostgresBinaries
from localaws.engines.template import template_for


@dataclass(frozen=True)
class Setting:
    """One row of pg_settings; numbers are in `unit`, as text, as the server tells them."""

    name: str
    vartype: str
    unit: str | None
    min_val: str | None
    max_val: str | None
    enumvals: tuple[str, ...] | None
    context: str
    boot_val: str | None
    category: str
    short_desc: str

    @property
    def dynamic(self) -> bool:
        """Whether a change takes effect without a restart."""
        return self.context != "postmaster"

    @property
    def modifiable(self) -> bool:
        """Whether a configuration may set it at all."""
        return self.context != "internal"


@functools.cache
def pg_setting_catalogue(binaries: PostgresBinaries) -> dict[str, Setting]:
    """Return the settings of a server by name, those of pg_stat_statements and auto_explain included.

    The first call of a user for these binaries makes the template cluster, which takes about a second.
    """
    rows = json.loads(template_for(binaries).settings.read_text())
    return {row["name"]: _setting(row) for row in rows}


def _setting(row: dict[str, str | list[str] | None]) -> Setting:
    values = row.pop("enumvals")
    return Setting(**row, enumvals=tuple(values) if isinstance(values, list) else None)  # type: ignore[arg-type]
