"""ECS's operations: moto's, with the answers of tasks that are really run."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ecs.responses import (
    DESCRIBE_TASKS_TAGS,
    EC2ContainerServiceResponse,
)

from localaws.ecs.backend import EcsBackend

RUN = (
    "capacityProviderStrategy",
    "cluster",
    "count",
    "group",
    "launchType",
    "networkConfiguration",
    "overrides",
    "startedBy",
    "tags",
    "taskDefinition",
)
LIST = ("desiredStatus", "family", "launchType", "serviceName", "startedBy")


class EcsResponse(EC2ContainerServiceResponse):
    """ECS's API."""

    def run_task(self) -> ActionResult:
        """RunTask."""
        asked = {name: self._get_param(name) for name in RUN}
        return ActionResult({"tasks": self._ecs.launch(asked), "failures": []})

    def describe_tasks(self) -> ActionResult:
        """DescribeTasks."""
        cluster = self._get_param("cluster", "default")
        names = self._get_param("tasks", [])
        found = [self._ecs.find_task(cluster, name) for name in names]
        failures = [
            {"arn": self._arn(cluster, name), "reason": "MISSING"}
            for name, task in zip(names, found, strict=True)
            if task is None
        ]
        shown = self._get_param("include", [])
        (self._include_in_response if "TAGS" in shown else self._exclude_from_response)(DESCRIBE_TASKS_TAGS)
        return ActionResult({"tasks": [each for each in found if each], "failures": failures})

    def list_tasks(self) -> ActionResult:
        """ListTasks."""
        wanted = {name: self._get_param(name) for name in LIST}
        tasks = self._ecs.running(self._get_param("cluster", "default"), wanted)
        return ActionResult({"taskArns": [task.task_arn for task in tasks]})

    def _arn(self, cluster: str, name: str) -> str:
        if name.startswith("arn:"):
            return name
        place = f"{self.region}:{self.current_account}:task/{cluster.rpartition('/')[2]}"
        return f"arn:{self.partition}:ecs:{place}/{name}"

    @property
    def _ecs(self) -> EcsBackend:
        backend: Any = self.ecs_backend
        found: EcsBackend = backend
        return found
