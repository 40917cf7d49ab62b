"""Settlements: what has really become of tasks.

One that finds its task gone, or in that state already, does nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.core.utils import utcnow
from moto.ec2.models import ec2_backends

from localaws.ecs import scheduling
from localaws.ecs.tasks import RUNNING, STOPPED, WAITING, Task


def started(backend: Any, *, task_id: str, address: str) -> None:
    """The processes of all containers were started; what they serve is reached at this address."""
    task = _find(backend, task_id)
    if task is None or task.status != WAITING:
        return
    task.status, task.started_at = RUNNING, utcnow()
    for container in task.containers:
        container.last_status = RUNNING
    interface = ec2_backends[backend.account_id][backend.region_name].enis.get(task.interface_id)
    if interface is not None and task.assign_public_ip:
        interface.public_ip = address
    scheduling.recount(backend)


def stopped(
    backend: Any, *, task_id: str, reason: str, code: str, codes: dict[str, int], failures: dict[str, str]
) -> None:
    """Nothing of a task runs any more; a reason that it was stopped for before stays."""
    task = _find(backend, task_id)
    if task is None or task.status == STOPPED:
        return
    task.end(reason, code)
    task.bury(codes, failures)
    scheduling.ended(backend, task)
    scheduling.recount(backend)


def placed(backend: Any, *, cluster: str, service: str) -> None:
    """A service is to get one more task."""
    found = backend.services.get(f"{cluster}:{service}")
    if found is not None and scheduling.missing(backend, found):
        scheduling.place(backend, found)
        scheduling.recount(backend)


def reduced(backend: Any, *, cluster: str, service: str) -> None:
    """A service is to lose the tasks that it has too many."""
    found = backend.services.get(f"{cluster}:{service}")
    for task in scheduling.surplus(backend, found) if found is not None else ():
        reason = f"Scaling activity initiated by deployment {scheduling.deployment(found)}"
        task.end(reason, "ServiceSchedulerInitiated")
    scheduling.recount(backend)


def _find(backend: Any, task_id: str) -> Task | None:
    return next(
        (task for tasks in backend.tasks.values() for task in tasks.values() if task.id == task_id), None
    )


SETTLEMENTS: dict[str, Callable[..., None]] = {
    each.__name__: each for each in (started, stopped, placed, reduced)
}
