"""Settlements: what the controller writes back into the DMS model once it has really happened.

One that finds its resource gone, or already settled, does nothing: the controller may settle again
after a crash.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.core.utils import unix_time_millis, utcnow
from moto.logs.models import logs_backends

TASK, INSTANCE = "replication-task", "replication-instance"


def instance_done(backend: Any, *, arn: str) -> None:
    """The work on a replication instance is done."""
    instance = backend.replication_instances.get(arn)
    if instance is None or not instance.work:
        return
    do = instance.work.pop(0)
    if do == "delete":
        del backend.replication_instances[arn]
        backend.tagger.delete_all_tags_for_resource(arn)
        backend.tell(instance.identifier, INSTANCE, "deletion", "Replication instance has been deleted")
        return
    instance.status = "available"
    instance.asked |= instance.pending
    instance.pending = {}
    category, message = {
        "create": ("creation", "Replication instance has been created"),
        "modify": ("configuration change", "Finished applying modification to the replication instance"),
        "reboot": ("maintenance", "Replication instance restarted"),
    }[do]
    backend.tell(instance.identifier, INSTANCE, category, message)


def tested(backend: Any, *, instance: str, endpoint: str, turn: int, problem: str) -> None:
    """A connection was tried."""
    found = backend.connection(instance, endpoint)
    if found is not None and found.turn == turn:
        found.status, found.message = ("failed", problem) if problem else ("successful", "")


def refreshed(backend: Any, *, arn: str, schemas: list[str], problem: str) -> None:
    """The schemas of an endpoint's database were read."""
    endpoint = backend.endpoints.get(arn)
    if endpoint is None or endpoint.work[:1] != ["refresh"]:
        return
    endpoint.work = []
    status = {"Status": "failed", "LastFailureMessage": problem} if problem else {"Status": "successful"}
    endpoint.refresh = {**(endpoint.refresh or {}), **status, "LastRefreshDate": utcnow()}
    endpoint.schemas = endpoint.schemas if problem else schemas


def readied(backend: Any, *, arn: str) -> None:
    """A task was created or modified."""
    task = backend.replication_tasks.get(arn)
    if task is None or task.work[:1] not in (["create"], ["modify"]):
        return
    task.status = "ready" if task.work[0] == "create" or not task.run else "stopped"
    task.work = []


def began(backend: Any, *, arn: str, run: int) -> None:
    """A task runs."""
    task = backend.replication_tasks.get(arn)
    if task is None or task.run != run or task.work[:1] != ["start"]:
        return
    task.work, task.status = [], "running"
    backend.tell(task.identifier, TASK, "state change", "Replication task has started.")


def ended(backend: Any, *, arn: str, run: int, reason: str, failure: str) -> None:
    """A task does not run any more."""
    task = backend.replication_tasks.get(arn)
    if task is None or task.run != run or task.status not in ("starting", "running", "stopping"):
        return
    task.work, task.reloads = [], []
    task.reason, task.failure = reason, failure
    task.status = "failed" if failure else "stopped"
    if failure:
        task.reason = "Stop Reason FATAL_ERROR Error Level FATAL"
        backend.tell(task.identifier, TASK, "failure", f"Replication task has failed. Reason: {failure}")
    else:
        backend.tell(task.identifier, TASK, "state change", f"Replication task has stopped. {reason}")


def reloading(backend: Any, *, arn: str, tables: list[list[str]]) -> None:
    """A running task has heard which tables to load again."""
    task = backend.replication_tasks.get(arn)
    if task is not None:
        task.reloads = [each for each in task.reloads if each not in tables]


def task_deleted(backend: Any, *, arn: str) -> None:
    """A task and what it had made at its ends are gone."""
    task = backend.replication_tasks.get(arn)
    if task is None or task.work[:1] != ["delete"]:
        return
    del backend.replication_tasks[arn]
    backend.tagger.delete_all_tags_for_resource(arn)
    backend.tell(task.identifier, TASK, "deletion", "Replication task has been deleted")


def logged(backend: Any, *, group: str, stream: str, lines: list[str]) -> None:
    """A task has written these lines."""
    logs = logs_backends[backend.account_id][backend.region_name]
    logs.ensure_log_group(group)
    logs.ensure_log_stream(group, stream)
    now = int(unix_time_millis())
    logs.put_log_events(group, stream, [{"timestamp": now, "message": line} for line in lines])


SETTLEMENTS: dict[str, Callable[..., None]] = {
    each.__name__: each
    for each in (
        instance_done, tested, refreshed, readied, began, ended, reloading, task_deleted, logged,
    )
}  # fmt: skip
