"""What one measurement says: ours, the peer's, and the goal."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A measured value. `reached` is None where the goal is only to know."""

    name: str
    ours: str
    peer: str
    goal: str
    reached: bool | None

    def row(self) -> str:
        """Render the figure as a row of a Markdown table."""
        mark = {True: "yes", False: "**no**", None: "–"}[self.reached]
        return f"| {self.name} | {self.ours} | {self.peer} | {self.goal} | {mark} |"


HEADER = "| what | localaws | peer | goal | reached |\n|---|---|---|---|---|"


def seconds(action: Callable[[], object]) -> float:
    """Time one call, in seconds."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def median(action: Callable[[], object], times: int) -> float:
    """Time `times` calls and give the median, in seconds."""
    return statistics.median(seconds(action) for _ in range(times))


def interleaved(actions: Sequence[Callable[[], object]], times: int) -> list[float]:
    """Time the actions in turns, so that a noisy moment hits all of them; medians in seconds."""
    rounds = [[seconds(action) for action in actions] for _ in range(times)]
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def ms(value: float) -> str:
    """Show seconds as milliseconds."""
    return f"{value * 1000:.1f} ms"
