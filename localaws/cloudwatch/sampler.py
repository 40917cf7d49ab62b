"""The sampler: one thread that looks at the running servers, stores what it finds and has alarms evaluated.

How often it looks is in `interval`.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from localaws.cloudwatch.host import HOST
from localaws.cloudwatch.interval import seconds_between
from localaws.cloudwatch.measure import Dimensions, Measure, Probe
from localaws.cloudwatch.points import Point
from localaws.cloudwatch.store import Metric

if TYPE_CHECKING:
    from localaws.control import ControlPlane

__all__ = ["Dimensions", "Measure", "Probe", "Sampler"]

log = logging.getLogger(__name__)

NAP = 1.0
"""The longest the thread sleeps before it looks whether the interval was changed."""
COMPACT_SECONDS = 300


class Sampler:
    """Looks through the probes of the services; `watch` and `subscribe` may be called at any time."""

    def __init__(self, control: ControlPlane) -> None:
        self._control = control
        self._probes: list[Probe] = []
        self._subscribers: list[Callable[[int], None]] = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
        self._compacted = 0
        HOST.control = control
        # a wrong setting is refused now, not in the thread
        seconds_between(control.state)

    def watch(self, probe: Probe) -> None:
        """Sample what this probe tells from now on."""
        self._probes.append(probe)

    def subscribe(self, callback: Callable[[int], None]) -> None:
        """Call back after each look with its second."""
        self._subscribers.append(callback)

    def start(self) -> None:
        """Start looking."""
        self._thread.start()

    def stop(self) -> None:
        """Stop looking, and give up the probes' connections."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()
        for probe in self._probes:
            probe.close()
        HOST.close()

    def _run(self) -> None:
        last = self._now()
        while not self._ending.is_set():
            interval = seconds_between(self._control.state)
            due = (math.floor(last / interval) + 1) * interval
            left = due - self._now()
            if left > 0:
                self._ending.wait(min(left, NAP))
                continue
            last = self._now()
            self._look(int(last))

    def _now(self) -> float:
        # the clock stands still for all threads while a change is made
        with self._control.lock:
            return time.time()

    def _look(self, second: int) -> None:
        for probe in list(self._probes):
            try:
                points = [_pair(measure, second) for measure in probe.measures()]
                if points:
                    HOST.store.add(points)
            except Exception:
                log.exception("%s could not be sampled", type(probe).__name__)
        for callback in list(self._subscribers):
            try:
                callback(second)
            except Exception:
                log.exception("the alarms could not be evaluated")
        if second - self._compacted >= COMPACT_SECONDS:
            self._compacted = second
            HOST.store.compact(second)


def _pair(measure: Measure, second: int) -> tuple[Metric, Point]:
    metric = Metric(measure.account_id, measure.region, measure.namespace, measure.name, measure.dimensions)
    return metric, Point.of(second, measure.unit, float(measure.value), measure.times)
