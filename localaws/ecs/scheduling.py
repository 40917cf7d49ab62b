"""What a service wants and has: which tasks are to be placed and which to be stopped.

AWS: "Amazon ECS services".
"""

from __future__ import annotations

import datetime
from typing import Any

from moto.core.utils import utcnow
from moto.moto_api._internal import mock_random

from localaws.ecs.tasks import RUNNING, STOPPED, Task

KEPT = datetime.timedelta(hours=1)
EVENTS = 100
STEADY = datetime.timedelta(seconds=10)
"""A task of a service that stops sooner counts as one that could not be started."""
LONGEST_PAUSE = 60


def tasks_of(backend: Any, service: Any) -> list[Task]:
    """Return a service's tasks that are wanted."""
    return [each for each in _tasks(backend, service) if each.desired_status == RUNNING]


def _tasks(backend: Any, service: Any) -> list[Task]:
    found = backend.tasks.get(service.cluster_name, {}).values()
    return [each for each in found if each.group == f"service:{service.name}"]


def deployment(service: Any) -> str:
    """Return the identifier of the deployment that is to become the only one."""
    return str(service.deployments[0]["id"])


def missing(backend: Any, service: Any) -> int:
    """How many tasks of the deployment are to be placed now."""
    if service.status != "ACTIVE" or utcnow() < getattr(service, "pause_until", utcnow()):
        return 0
    current = [each for each in tasks_of(backend, service) if each.started_by == deployment(service)]
    return max(0, int(service.desired_count) - len(current))


def surplus(backend: Any, service: Any) -> list[Task]:
    """Return the tasks that are to be stopped now: too many, or of a former deployment that is replaced."""
    wanted = int(service.desired_count) if service.status == "ACTIVE" else 0
    tasks = sorted(tasks_of(backend, service), key=lambda each: (each.status == RUNNING, each.created_at))
    current = [each for each in tasks if each.started_by == deployment(service)]
    former = [each for each in tasks if each.started_by != deployment(service)]
    extra = current[: max(0, len(current) - wanted)]
    ready = sum(each.status == RUNNING for each in current) >= wanted
    return extra + (former if ready else [])


def place(backend: Any, service: Any) -> None:
    """Create a task of the service."""
    cluster = backend.clusters[service.cluster_name]
    definition = backend.describe_task_definition(service.task_definition)
    task = Task(
        cluster,
        definition,
        service.network_configuration,
        backend,
        group=f"service:{service.name}",
        started_by=deployment(service),
        tags=list(service.tags or []) if service.propagate_tags == "SERVICE" else [],
    )
    backend.tasks.setdefault(cluster.name, {})[task.task_arn] = task
    tell(service, f"(service {service.name}) has started 1 tasks: (task {task.id}).")


def ended(backend: Any, task: Task) -> None:
    """Slow a service down whose tasks do not live."""
    service = owner(backend, task)
    if service is None or task.stop_code in ("ServiceSchedulerInitiated", "UserInitiated"):
        return
    lived = task.started_at is not None and utcnow() - task.started_at >= STEADY
    service.failures = 0 if lived else getattr(service, "failures", 0) + 1
    if service.failures:
        service.deployments[0]["failedTasks"] = service.failures
        seconds = min(2 ** (service.failures - 1), LONGEST_PAUSE)
        service.pause_until = utcnow() + datetime.timedelta(seconds=seconds)
    if service.failures > 2:
        tell(service, f"(service {service.name}) is unable to consistently start tasks successfully.")


def owner(backend: Any, task: Task) -> Any:
    """Return the service that a task belongs to, or None."""
    name = task.group.removeprefix("service:")
    return None if name == task.group else backend.services.get(f"{task.cluster_name}:{name}")


def tell(service: Any, message: str) -> None:
    """Note an event of the service, the newest first."""
    if service.events and service.events[0]["message"] == message:
        return
    event = {"id": str(mock_random.uuid4()), "createdAt": utcnow(), "message": message}
    service.events = [event, *service.events][:EVENTS]


def renew(service: Any) -> None:
    """Begin a new deployment with the service's present settings."""
    now = utcnow()
    service.failures = 0
    service.pause_until = now
    service.deployments = [
        {
            **service.deployments[0],
            "id": f"ecs-svc/{mock_random.randint(10**17, 10**18)}",
            "taskDefinition": service.task_definition,
            "networkConfiguration": service.network_configuration,
            "createdAt": now,
            "updatedAt": now,
            "failedTasks": 0,
            "status": "PRIMARY",
        }
    ]


def recount(backend: Any) -> None:
    """Bring the counts of clusters and services to what their tasks are, and forget tasks of long ago."""
    oldest = utcnow() - KEPT
    for name, tasks in backend.tasks.items():
        backend.tasks[name] = {
            arn: each for arn, each in tasks.items() if each.stopped_at is None or each.stopped_at > oldest
        }
    for cluster in backend.clusters.values():
        tasks = list(backend.tasks.get(cluster.name, {}).values())
        cluster.running_tasks_count = sum(each.status == RUNNING for each in tasks)
        cluster.pending_tasks_count = sum(each.status not in (RUNNING, STOPPED) for each in tasks)
        services = [each for each in backend.services.values() if each.cluster_name == cluster.name]
        cluster.active_services_count = sum(each.status == "ACTIVE" for each in services)
        for service in services:
            _recount(backend, service)


def _recount(backend: Any, service: Any) -> None:
    tasks = [each for each in _tasks(backend, service) if each.status != STOPPED]
    primary = service.deployments[0]
    current = [each for each in tasks if each.started_by == primary["id"]]
    former = [each for each in tasks if each.started_by != primary["id"]]
    service.running_count = sum(each.status == RUNNING for each in tasks)
    service.pending_count = len(tasks) - service.running_count
    running = sum(each.status == RUNNING for each in current)
    done = running >= int(service.desired_count) and not former
    primary.update(
        desiredCount=int(service.desired_count),
        runningCount=running,
        pendingCount=len(current) - running,
        rolloutState="COMPLETED" if done else "IN_PROGRESS",
        rolloutStateReason=f"ECS deployment {primary['id']} {'completed' if done else 'in progress'}.",
    )
    if done and service.desired_count:
        tell(service, f"(service {service.name}) has reached a steady state.")
    service.deployments = [primary]
    if former:
        alive = sum(each.status == RUNNING for each in former)
        service.deployments.append(
            {
                **primary,
                "id": former[0].started_by,
                "taskDefinition": former[0].task_definition_arn,
                "status": "ACTIVE",
                "desiredCount": 0,
                "runningCount": alive,
                "pendingCount": len(former) - alive,
            }
        )
