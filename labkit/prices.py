"""AWS's list prices that the notebooks compute with: one file, which says for when and for which Region."""

import difflib
import functools
import json
from importlib import resources
from typing import TYPE_CHECKING, Any

from labkit.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

HOURS = 730
"""Hours of a month, as AWS's own calculator counts them."""


def price(item: str) -> float:
    """The list price of an item in US dollars, for the unit that `prices()` names beside it."""
    known = _file()["prices"]
    if item not in known:
        near = difflib.get_close_matches(item, known, n=3, cutoff=0.3)
        raise DataError(f"No price is listed for {item!r}. Near: {', '.join(near) or 'see labkit.prices()'}.")
    return float(known[item][0])


def monthly(item: str) -> float:
    """The price of a month of 730 hours of something that is sold by the hour."""
    if _file()["prices"].get(item, (0, "hour"))[1] != "hour":
        raise DataError(f"{item!r} is not sold by the hour but by the {_file()['prices'][item][1]}.")
    return price(item) * HOURS


def prices() -> "pd.DataFrame":
    """Every listed price with its unit; the caption names Region and month."""
    import pandas as pd

    file = _file()
    rows = [(item, *entry) for item, entry in file["prices"].items()]
    table = pd.DataFrame(rows, columns=["item", file["currency"], "per", "what"]).set_index("item")
    table.attrs["source"] = source()
    return table


def source() -> str:
    """Where and when the prices were taken."""
    return f"list prices of {_file()['region']}, {_file()['taken']}"


@functools.cache
def _file() -> dict[str, Any]:
    text = resources.files("labkit").joinpath("prices.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found
