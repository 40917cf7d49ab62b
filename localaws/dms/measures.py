"""CloudWatch metrics of tasks and replication instances (AWS: "Monitoring AWS DMS tasks")."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from localaws.cloudwatch.measure import Measure
from localaws.dms.host import HOST
from localaws.dms.progress import Counters
from localaws.dms.view import Model, TaskView

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.runtime import Runtime

NAMESPACE = "AWS/DMS"

Value = tuple[str, str, float]


class Meter:
    """The probe of DMS: turns the tasks' counters into rates."""

    def __init__(self, control: ControlPlane, _: Runtime) -> None:
        self._model = Model(control)
        self._before: dict[str, tuple[float, Counters]] = {}

    def close(self) -> None:
        """Nothing is held open."""

    def measures(self) -> Iterator[Measure]:
        """Yield the metrics of the tasks that run."""
        for task in self._model.tasks():
            if task.status != "running":
                self._before.pop(task.uid, None)
                continue
            dimensions = (
                ("ReplicationInstanceIdentifier", task.instance_identifier),
                ("ReplicationTaskIdentifier", task.uid),
            )
            for name, unit, value in self._of(task):
                place = task.place
                yield Measure(place.account_id, place.region, NAMESPACE, name, dimensions, unit, value)

    def _of(self, task: TaskView) -> Iterator[Value]:
        progress = HOST.progress(task.uid)
        if progress is None:
            return
        yield "CDCLatencySource", "Seconds", progress.source_latency
        yield "CDCLatencyTarget", "Seconds", progress.target_latency
        yield "CDCChangesMemoryTarget", "Count", progress.in_memory
        now, counters = time.monotonic(), Counters(**vars(progress.counters))
        before = self._before.get(task.uid)
        self._before[task.uid] = (now, counters)
        if before is None or now <= before[0]:
            return
        seconds, then = now - before[0], before[1]
        yield "CDCIncomingChanges", "Count", max(counters.incoming - then.incoming, 0)
        applied = max(counters.applied - then.applied, 0) / seconds
        yield "CDCThroughputRowsSource", "Count/Second", max(counters.incoming - then.incoming, 0) / seconds
        yield "CDCThroughputRowsTarget", "Count/Second", applied
        rows = max(counters.load_rows - then.load_rows, 0) / seconds
        kilobytes = max(counters.load_bytes - then.load_bytes, 0) / seconds / 1024
        for end in ("Source", "Target"):
            yield f"FullLoadThroughputRows{end}", "Count/Second", rows
            yield f"FullLoadThroughputBandwidth{end}", "Kilobytes/Second", kilobytes
