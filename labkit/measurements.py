"""What a learner measured, kept in measurements.json beside the week's notebooks for its cheat sheet."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

FILE = Path("measurements.json")
"""In the folder that the kernel works in: that of the notebook."""

Value = float | int | str


def record(name: str, value: Value, unit: str = "", *, guess: Value | None = None) -> None:
    """Keep what was measured, in place of an earlier measurement of this name."""
    try:
        kept = _read() | {name: {"guess": guess, "measured": value, "unit": unit}}
    except DataError:
        # what cannot be read any more is measured again by running the notebooks
        kept = {name: {"guess": guess, "measured": value, "unit": unit}}
    new = FILE.with_suffix(".new")
    try:
        new.write_text(json.dumps(kept, indent=1, ensure_ascii=False), encoding="utf-8")
        new.replace(FILE)
    except OSError as error:
        print(f"{name} is not kept for the cheat sheet: {FILE} cannot be written ({error.strerror}).")


def measured() -> "pd.DataFrame":
    """What was measured so far in the notebooks of this folder: name, guess, measured, unit."""
    import pandas as pd

    rows = [(name, each["guess"], each["measured"], each["unit"]) for name, each in _read().items()]
    return pd.DataFrame(rows, columns=["name", "guess", "measured", "unit"]).set_index("name")


def _read() -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(FILE.read_text(encoding="utf-8"))
        return {
            name: {key: each[key] for key in ("guess", "measured", "unit")} for name, each in found.items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise DataError(
            f"{FILE.resolve()} cannot be read ({type(error).__name__}): delete it, run the notebooks again."
        ) from error
