"""DynamoDB's capacity arithmetic, and a calculator that shows what it costs.

AWS: "Provisioned capacity mode" and "On-demand capacity mode" in the DynamoDB developer guide.
"""

import functools
import math
from collections.abc import Mapping
from typing import Any

from labkit.display import View, html_table, text_table
from labkit.knobs import Knobs
from labkit.prices import HOURS, price, source

READ_UNIT, WRITE_UNIT = 4096, 1024
"""Bytes that one unit covers."""


def read_units(size: int, *, consistent: bool = False, transaction: bool = False) -> float:
    """Units that reading `size` bytes takes: blocks of 4 KB, half of it when the read may be stale."""
    blocks = max(1, math.ceil(size / READ_UNIT))
    return blocks * (2 if transaction else 1 if consistent else 0.5)


def write_units(size: int, *, transaction: bool = False) -> int:
    """Units that writing an item of `size` bytes takes: blocks of 1 KB, twice that in a transaction."""
    return max(1, math.ceil(size / WRITE_UNIT)) * (2 if transaction else 1)


def calculator(
    *, size: int = 1800, reads: int = 100, writes: int = 20, consistent: bool = False, busy: int = 100
) -> Knobs:
    """Turn item size (bytes), reads and writes a second, and the share of the day (%) that is busy."""
    start: dict[str, Any] = {
        "size": size,
        "reads": reads,
        "writes": writes,
        "consistent": consistent,
        "busy": busy,
    }
    return Knobs(picture, functools.partial(_controls, **start), **start)


def picture(*, size: int, reads: int, writes: int, consistent: bool, busy: int) -> View:
    """Units for one request, for a second at the peak, and for a month in both capacity modes."""
    for_read, for_write = read_units(size, consistent=consistent), write_units(size)
    rcu, wcu = math.ceil(reads * for_read), math.ceil(writes * for_write)
    provisioned = HOURS * (rcu * price("dynamodb rcu") + wcu * price("dynamodb wcu"))
    millions = HOURS * 3600 * busy / 100 / 1e6
    on_demand = millions * (
        reads * for_read * price("dynamodb read on-demand")
        + writes * for_write * price("dynamodb write on-demand")
    )
    cheaper = "provisioned" if provisioned < on_demand else "on-demand"
    rows = [
        (
            "one read",
            f"{size:,} bytes, {'strongly' if consistent else 'eventually'} consistent",
            f"{for_read:g} units",
        ),
        ("one write", f"{size:,} bytes", f"{for_write:g} units"),
        ("at the peak", f"{reads:,} reads/s, {writes:,} writes/s", f"{rcu:,} RCU and {wcu:,} WCU"),
        ("provisioned for the peak", "all month", f"$ {provisioned:,.2f}"),
        ("on-demand", f"that load {busy} % of the time, nothing else", f"$ {on_demand:,.2f}"),
        ("cheaper", source(), cheaper),
    ]
    return View(html=html_table(rows), text=text_table(rows))


def _controls(*, size: int, reads: int, writes: int, consistent: bool, busy: int) -> Mapping[str, Any]:
    import ipywidgets

    def slider(value: int, low: int, high: int, step: int, name: str) -> Any:
        # a start beyond the usual range widens it
        low, high = min(low, value), max(high, value)
        return ipywidgets.IntSlider(value=value, min=low, max=high, step=step, description=name)

    return {
        "size": slider(size, 100, 40_000, 100, "item, bytes"),
        "reads": slider(reads, 0, 3000, 10, "reads/s"),
        "writes": slider(writes, 0, 1000, 5, "writes/s"),
        "consistent": ipywidgets.Checkbox(value=consistent, description="strongly consistent"),
        "busy": slider(busy, 1, 100, 1, "busy, %"),
    }
