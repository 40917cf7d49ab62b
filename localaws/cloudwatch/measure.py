"""What a service tells of its servers at one look: the interface between the services and the sampler."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

Dimensions = tuple[tuple[str, str], ...]
"""(name, value) pairs; their order does not matter."""


@dataclass(frozen=True)
class Measure:
    """One value of one metric, as CloudWatch names it, found so many times; the sampler adds the time."""

    account_id: str
    region: str
    namespace: str
    name: str
    dimensions: Dimensions
    unit: str
    value: float
    times: float = 1.0


class Probe(Protocol):
    """A service's look at its servers; its module in SERVICES offers one as `probe(control, runtime)`."""

    def measures(self) -> Iterable[Measure]:
        """Look once and yield what was found; called from the sampler's thread, never with the lock held.

        A server that does not run yields nothing. A probe keeps what it needs to turn counters into rates.
        """

    def close(self) -> None:
        """Give up connections; called before the engines are stopped."""
