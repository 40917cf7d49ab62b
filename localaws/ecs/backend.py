"""ECS's model: moto's, with tasks that wait for their processes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import moto.ecs.models as base
from moto.ecs.exceptions import EcsClientException, InvalidParameterException
from moto.ecs.urls import url_bases

from localaws.ecs import definitions, scheduling
from localaws.ecs.tasks import RUNNING, STOPPED, Task, require_network

MOST = 10
BY_HAND = "Task stopped by user"


class EcsBackend(base.EC2ContainerServiceBackend):
    """One account and Region."""

    @property
    def _url_module(self) -> Any:
        from localaws.ecs.responses import EcsResponse

        return SimpleNamespace(url_bases=url_bases, url_paths={"{0}/$": EcsResponse.dispatch})

    def register_task_definition(self, family: str, container_definitions: Any, **options: Any) -> Any:
        """RegisterTaskDefinition."""
        definitions.check(container_definitions, options)
        return super().register_task_definition(family, container_definitions, **options)

    def delete_cluster(self, cluster_str: str) -> Any:
        """DeleteCluster: refused while something runs in it."""
        cluster = self._get_cluster(cluster_str)
        if any(each.status == "ACTIVE" for each in self._services(cluster)):
            raise EcsClientException("The Cluster cannot be deleted while Services are active.")
        if any(each.status != STOPPED for each in self.tasks.get(cluster.name, {}).values()):
            raise EcsClientException("The Cluster cannot be deleted while Tasks are active.")
        return super().delete_cluster(cluster_str)

    def launch(self, asked: dict[str, Any]) -> list[Task]:
        """RunTask; `asked` is spelled as in the API."""
        cluster = self._get_cluster(asked.get("cluster") or "default")
        definition = self.describe_task_definition(asked["taskDefinition"])
        count = int(asked.get("count") or 1)
        if not 1 <= count <= MOST:
            raise InvalidParameterException(f"count should be between 1 and {MOST}.")
        self._require_fargate(asked, cluster, definition)
        network = require_network(asked.get("networkConfiguration"), self.account_id, self.region_name)
        overrides = asked.get("overrides") or {}
        definitions.check_overrides(definition, overrides)
        tasks = [
            Task(
                cluster,
                definition,
                network,
                self,
                group=asked.get("group") or f"family:{definition.family}",
                overrides=overrides,
                started_by=asked.get("startedBy") or "",
                tags=asked.get("tags") or [],
            )
            for _ in range(count)
        ]
        self.tasks.setdefault(cluster.name, {}).update({task.task_arn: task for task in tasks})
        scheduling.recount(self)
        return tasks

    @staticmethod
    def _require_fargate(asked: dict[str, Any], cluster: Any, definition: Any) -> None:
        strategy = asked.get("capacityProviderStrategy") or cluster.default_capacity_provider_strategy or []
        named = str(asked.get("launchType") or (strategy[0]["capacityProvider"] if strategy else "EC2"))
        if not named.startswith("FARGATE"):
            raise InvalidParameterException(
                "No Container Instances were found in your cluster. Give launchType FARGATE: this local AWS "
                "has no container instances."
            )
        if "FARGATE" not in definition.compatibilities:
            raise InvalidParameterException(
                "Task definition does not support launch_type FARGATE: register it with "
                "requiresCompatibilities FARGATE."
            )

    def find_task(self, cluster_str: str, name: str) -> Task | None:
        """Return a task by its identifier or ARN."""
        cluster = self._get_cluster(cluster_str)
        wanted = name.rpartition("/")[2]
        return next((each for each in self.tasks.get(cluster.name, {}).values() if each.id == wanted), None)

    def stop_task(self, cluster_str: str, task_str: str, reason: str) -> Task:
        """StopTask."""
        task = self.find_task(cluster_str, task_str)
        if task is None:
            raise InvalidParameterException("The referenced task was not found.")
        task.end(reason or BY_HAND, "UserInitiated")
        return task

    def start_task(self, *_: Any, **__: Any) -> Any:
        """StartTask: there are no container instances."""
        raise InvalidParameterException("No Container Instances were found. Use run_task with FARGATE.")

    def create_service(
        self,
        cluster_str: str,
        service_name: str,
        desired_count: int,
        task_definition_str: str | None = None,
        load_balancers: Any = None,
        scheduling_strategy: Any = None,
        tags: Any = None,
        deployment_controller: Any = None,
        launch_type: str | None = None,
        **options: Any,
    ) -> Any:
        """CreateService."""
        cluster = self._get_cluster(cluster_str)
        _check_service(load_balancers, scheduling_strategy, deployment_controller)
        former = self.services.get(f"{cluster.name}:{service_name}")
        if former is not None and former.status == "ACTIVE":
            raise InvalidParameterException("Creation of service was not idempotent.")
        definition = self.describe_task_definition(task_definition_str or "")
        self._require_fargate({"launchType": launch_type}, cluster, definition)
        network = require_network(
            options.pop("network_configuration", None), self.account_id, self.region_name
        )
        service = super().create_service(
            cluster_str,
            service_name,
            desired_count,
            definition.arn,
            None,
            scheduling_strategy,
            tags,
            deployment_controller,
            "FARGATE",
            **options,
        )
        service.network_configuration = network
        service.created_at = service.deployments[0]["createdAt"]
        scheduling.renew(service)
        scheduling.recount(self)
        return service

    def list_services(self, *names: Any, **options: Any) -> list[str]:
        """ListServices: those that were deleted are only described."""
        active = {each.arn for each in self.services.values() if each.status == "ACTIVE"}
        return [arn for arn in super().list_services(*names, **options) if arn in active]

    def update_service(self, service_properties: dict[str, Any]) -> Any:
        """UpdateService: another task definition or network, or force, begins a new deployment."""
        service = self._get_service(service_properties.get("cluster") or "default", _name(service_properties))
        if service.status != "ACTIVE":
            raise base.ServiceNotFoundException
        definition = service_properties.get("task_definition")
        network = service_properties.get("network_configuration")
        fresh = bool(service_properties.get("force_new_deployment"))
        if definition:
            arn = self.describe_task_definition(definition).arn
            fresh = fresh or arn != service.task_definition
            service.task_definition = arn
        if network:
            checked = require_network(network, self.account_id, self.region_name)
            fresh = fresh or checked != service.network_configuration
            service.network_configuration = checked
        if service_properties.get("desired_count") is not None:
            service.desired_count = int(service_properties["desired_count"])
        if fresh:
            scheduling.renew(service)
        scheduling.recount(self)
        return service

    def delete_service(self, cluster_name: str, service_name: str, force: bool) -> Any:
        """DeleteService: its tasks are stopped."""
        service = self._get_service(cluster_name, service_name)
        if service.status != "ACTIVE":
            raise base.ServiceNotFoundException
        if service.desired_count > 0 and not force:
            raise InvalidParameterException("The service cannot be stopped while it is scaled above 0.")
        service.desired_count = 0
        service.status = "INACTIVE"
        scheduling.recount(self)
        return service

    def running(self, cluster_str: str, wanted: dict[str, Any]) -> list[Task]:
        """ListTasks; `wanted` is spelled as in the API."""
        cluster = self._get_cluster(cluster_str)
        group = f"service:{wanted['serviceName'].rpartition('/')[2]}" if wanted.get("serviceName") else None
        return [
            task
            for task in self.tasks.get(cluster.name, {}).values()
            if task.desired_status == (wanted.get("desiredStatus") or RUNNING)
            and group in (None, task.group)
            and wanted.get("startedBy") in (None, task.started_by)
            and wanted.get("family") in (None, _family(task))
            and wanted.get("launchType") in (None, "FARGATE")
        ]

    def _services(self, cluster: Any) -> list[Any]:
        return [each for each in self.services.values() if each.cluster_name == cluster.name]


def _check_service(load_balancers: Any, strategy: str | None, controller: Any) -> None:
    if load_balancers:
        raise InvalidParameterException(
            "Load balancers are not run by this local AWS. Leave loadBalancers out."
        )
    if (controller or {"type": "ECS"})["type"] != "ECS" or strategy == "DAEMON":
        raise InvalidParameterException("Only replica services with ECS deployments are run here.")


def _name(properties: dict[str, Any]) -> str:
    return str(properties["service"]).rpartition("/")[2]


def _family(task: Task) -> str:
    return task.task_definition_arn.rpartition("/")[2].rpartition(":")[0]
