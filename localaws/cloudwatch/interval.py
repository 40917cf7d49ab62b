"""How often the sampler looks: every LOCALAWS_SAMPLE_SECONDS (5 without it).

`localaws sampling SECONDS` changes that at run time, and the state folder keeps it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from localaws.errors import LocalawsError

if TYPE_CHECKING:
    from localaws.state import StateDir

DEFAULT_SECONDS = 5
CHOICES = (1, 2, 3, 5, 6, 10, 15, 20, 30, 60)
VARIABLE = "LOCALAWS_SAMPLE_SECONDS"
FILE = "sampling.json"


class SamplingInvalid(LocalawsError):
    """An interval at which the sampler does not look."""


def checked(text: str | int) -> int:
    """An interval; SamplingInvalid for one that does not divide a minute."""
    if not str(text).isdigit() or int(text) not in CHOICES:
        raise SamplingInvalid(
            f"Metrics cannot be sampled every {text!r} seconds. Use one of {', '.join(map(str, CHOICES))}."
        )
    return int(text)


def seconds_between(state: StateDir) -> int:
    """The interval that holds now."""
    chosen = state.read_json(FILE)
    return checked(chosen if chosen is not None else os.environ.get(VARIABLE) or DEFAULT_SECONDS)


def change(state: StateDir, seconds: int) -> None:
    """Sample at this interval from now on; a running server follows within a second."""
    state.write_json(FILE, checked(seconds))
