"""DMS's model: AWS's checks, states and identities; the controller moves the data."""

from __future__ import annotations

import string
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from moto.core.resource_tagging import TaggedResource
from moto.core.utils import utcnow
from moto.dms.models import DatabaseMigrationServiceBackend as MotoBackend
from moto.dms.urls import url_bases
from moto.moto_api._internal import mock_random

from localaws.dms import catalogue, endpoints, faults, instances, settings, tasks
from localaws.dms.models import Connection, Endpoint, Event, Instance, SubnetGroup, Task
from localaws.dms.placement import DEFAULT, arn, default_group, subnet_group

LETTERS = string.ascii_uppercase + string.digits
RUNNING = ("starting", "running", "stopping")
UNTESTED = (
    "Test connection for replication instance and endpoint should be successful for starting the "
    "replication task"
)


class DmsBackend(MotoBackend):
    """One account and Region."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.replication_tasks: dict[str, Task] = {}
        self.replication_instances: dict[str, Instance] = {}
        self.endpoints: dict[str, Endpoint] = {}
        self.replication_subnet_groups: dict[str, SubnetGroup] = {}
        self.connections: list[Connection] = []
        self.events: list[Event] = []

    @property
    def _url_module(self) -> Any:
        from localaws.dms.responses import DmsResponse

        return SimpleNamespace(url_bases=url_bases, url_paths={"{0}/$": DmsResponse.dispatch})

    # -- subnet groups
    def make_subnet_group(self, asked: dict[str, Any]) -> SubnetGroup:
        """CreateReplicationSubnetGroup."""
        name = str(asked.get("ReplicationSubnetGroupIdentifier") or "").lower()
        if not name or name == DEFAULT:
            raise faults.invalid("ReplicationSubnetGroupIdentifier must not be empty, nor 'default'.")
        if name in self.replication_subnet_groups:
            raise faults.exists()
        description = str(asked.get("ReplicationSubnetGroupDescription") or "")
        group = subnet_group(self, name, description, asked.get("SubnetIds") or [])
        self.replication_subnet_groups[name] = group
        self.tag(group.arn, asked)
        return group

    def change_subnet_group(self, asked: dict[str, Any]) -> SubnetGroup:
        """ModifyReplicationSubnetGroup."""
        group = self.subnet_group(asked.get("ReplicationSubnetGroupIdentifier"))
        changed = subnet_group(self, group.identifier, group.description, asked.get("SubnetIds") or [])
        if changed.vpc_id != group.vpc_id:
            raise faults.subnet("The subnets must be of the VPC of the replication subnet group.")
        group.subnets = changed.subnets
        group.description = asked.get("ReplicationSubnetGroupDescription") or group.description
        return group

    def remove_subnet_group(self, name: str | None) -> None:
        """DeleteReplicationSubnetGroup."""
        group = self.subnet_group(name)
        if any(each.group is group for each in self.replication_instances.values()):
            raise faults.wrong_state(
                f"Cannot delete the replication subnet group '{group.identifier}': a replication instance "
                "uses it."
            )
        del self.replication_subnet_groups[group.identifier]
        self.tagger.delete_all_tags_for_resource(group.arn)

    def subnet_group(self, name: str | None) -> SubnetGroup:
        """Return a subnet group; without a name the default VPC's, which is made at its first use."""
        name = (name or DEFAULT).lower()
        if name == DEFAULT and name not in self.replication_subnet_groups:
            self.replication_subnet_groups[name] = default_group(self)
        if name not in self.replication_subnet_groups:
            raise faults.not_found("Replication subnet group")
        return self.replication_subnet_groups[name]

    # -- replication instances
    def make_instance(self, asked: dict[str, Any]) -> Instance:
        """CreateReplicationInstance."""
        instance = instances.new(self, asked)
        self.replication_instances[instance.arn] = instance
        self.tag(instance.arn, asked)
        self.tell(
            instance.identifier, "replication-instance", "creation", "Replication instance is being created"
        )
        return instance

    def instance(self, arn: str | None) -> Instance:
        """Return a replication instance."""
        if arn not in self.replication_instances:
            raise faults.not_found("Replication instance")
        return self.replication_instances[str(arn)]

    def remove_instance(self, arn: str | None) -> Instance:
        """DeleteReplicationInstance."""
        instance = self.instance(arn)
        if any(task.instance == arn for task in self.replication_tasks.values()):
            raise faults.wrong_state(
                f"Replication Instance {instance.identifier} has one or more tasks. Delete the tasks first."
            )
        if instance.status == "deleting":
            raise faults.wrong_state("Replication instance is being deleted already.")
        instance.status, instance.work = "deleting", ["delete"]
        self.connections[:] = [each for each in self.connections if each.instance != arn]
        return instance

    # -- endpoints
    def make_endpoint(self, asked: dict[str, Any]) -> Endpoint:
        """CreateEndpoint."""
        name = endpoints.check_identifier("EndpointIdentifier", asked.get("EndpointIdentifier"), 255)
        kind, engine = endpoints.checked(asked)
        if any(each.identifier == name for each in self.endpoints.values()):
            raise faults.exists()
        place = arn(self, "endpoint", asked.get("ResourceIdentifier") or self.resource_id())
        kept = {key: value for key, value in asked.items() if key not in ("Tags", "ResourceIdentifier")}
        self.endpoints[place] = Endpoint(name, place, kind, engine, kept)
        self.tag(place, asked)
        return self.endpoints[place]

    def endpoint(self, arn: str | None) -> Endpoint:
        """Return an endpoint."""
        if arn not in self.endpoints:
            raise faults.not_found("Endpoint")
        return self.endpoints[str(arn)]

    def change_endpoint(self, asked: dict[str, Any]) -> Endpoint:
        """ModifyEndpoint: what was tested before has to be tested again."""
        endpoint = self.endpoint(asked.get("EndpointArn"))
        self._unused(endpoint, RUNNING)
        changed = {key: value for key, value in asked.items() if key not in ("EndpointArn", "ExactSettings")}
        merged = {**endpoint.asked, **changed}
        own = endpoints.SETTINGS[str(merged["EngineName"]).lower()]
        if own in changed and not asked.get("ExactSettings"):
            merged[own] = {**(endpoint.asked.get(own) or {}), **changed[own]}
        endpoint.kind, endpoint.engine = endpoints.checked(merged)
        if changed.get("EndpointIdentifier"):
            name = endpoints.check_identifier("EndpointIdentifier", changed["EndpointIdentifier"], 255)
            endpoint.identifier = name
        endpoint.asked = merged
        self.connections[:] = [each for each in self.connections if each.endpoint != endpoint.arn]
        return endpoint

    def remove_endpoint(self, arn: str | None) -> Endpoint:
        """DeleteEndpoint."""
        endpoint = self.endpoint(arn)
        self._unused(endpoint, ())
        del self.endpoints[endpoint.arn]
        endpoint.status = "deleting"
        self.connections[:] = [each for each in self.connections if each.endpoint != arn]
        self.tagger.delete_all_tags_for_resource(endpoint.arn)
        return endpoint

    def _unused(self, endpoint: Endpoint, states: tuple[str, ...]) -> None:
        for task in self.replication_tasks.values():
            if endpoint.arn in (task.source, task.target) and (not states or task.status in states):
                raise faults.wrong_state(
                    f"Endpoint {endpoint.arn} is part of one or more ReplicationTasks"
                    f"{' that run' if states else ''}: {task.identifier}."
                )

    # -- connections
    def test(self, instance_arn: str | None, endpoint_arn: str | None) -> Connection:
        """TestConnection: the controller tries it."""
        instance, endpoint = self.instance(instance_arn), self.endpoint(endpoint_arn)
        if instance.status != "available":
            raise faults.wrong_state(
                f"Replication instance {instance.identifier} is {instance.status}. "
                "Wait until it is available."
            )
        found = self.connection(instance.arn, endpoint.arn)
        if found is None:
            found = Connection(instance.arn, endpoint.arn, instance.identifier, endpoint.identifier)
            self.connections.append(found)
        found.status, found.message, found.turn = "testing", "", found.turn + 1
        return found

    def connection(self, instance: str, endpoint: str) -> Connection | None:
        """Return the test of an endpoint from an instance."""
        pair = (instance, endpoint)
        return next((each for each in self.connections if (each.instance, each.endpoint) == pair), None)

    def refresh(self, asked: dict[str, Any]) -> Endpoint:
        """RefreshSchemas: the controller looks."""
        endpoint = self.endpoint(asked.get("EndpointArn"))
        instance = self.instance(asked.get("ReplicationInstanceArn"))
        endpoint.refresh = {"Status": "refreshing", "ReplicationInstanceArn": instance.arn}
        endpoint.work = ["refresh"]
        return endpoint

    # -- tasks
    def make_task(self, asked: dict[str, Any]) -> Task:
        """CreateReplicationTask."""
        name = endpoints.check_identifier(
            "ReplicationTaskIdentifier", asked.get("ReplicationTaskIdentifier"), 255
        )
        if any(each.identifier == name for each in self.replication_tasks.values()):
            raise faults.exists()
        migration = tasks.check_migration(asked.get("MigrationType"))
        source, target = self._pair(asked, migration)
        instance = self.instance(asked.get("ReplicationInstanceArn"))
        uid = str(asked.get("ResourceIdentifier") or self.resource_id())
        task = Task(
            identifier=name,
            uid=uid,
            arn=arn(self, "task", uid),
            source=source.arn,
            target=target.arn,
            instance=instance.arn,
            migration=migration,
            mappings=tasks.check_mappings(asked.get("TableMappings")),
            settings=settings.merged(asked.get("ReplicationTaskSettings")),
            cdc=tasks.cdc_of(asked),
            task_data=asked.get("TaskData"),
        )
        self.replication_tasks[task.arn] = task
        self.tag(task.arn, asked)
        self.tell(name, "replication-task", "creation", "Replication task has been created")
        return task

    def _pair(self, asked: dict[str, Any], migration: str) -> tuple[Endpoint, Endpoint]:
        source, target = (
            self.endpoint(asked.get("SourceEndpointArn")),
            self.endpoint(asked.get("TargetEndpointArn")),
        )
        if source.kind != "source" or target.kind != "target":
            raise faults.invalid(
                "SourceEndpointArn must be a source endpoint, TargetEndpointArn a target endpoint."
            )
        if target.engine not in catalogue.POSTGRES:
            raise faults.unsupported(
                f"This local AWS moves rows into PostgreSQL only; {target.identifier} is {target.engine}."
            )
        if source.engine in catalogue.MYSQL and migration != "full-load":
            raise faults.unsupported(
                f"This local AWS reads no binary log: from {source.engine} only full-load is possible."
            )
        return source, target

    def task(self, arn: str | None) -> Task:
        """Return a replication task."""
        if arn not in self.replication_tasks:
            raise faults.not_found("Replication task")
        return self.replication_tasks[str(arn)]

    def change_task(self, asked: dict[str, Any]) -> Task:
        """ModifyReplicationTask, of one that does not run."""
        task = self.task(asked.get("ReplicationTaskArn"))
        self._require(task, "ready", "stopped", "failed")
        if asked.get("MigrationType"):
            migration = tasks.check_migration(asked["MigrationType"])
            self._pair({"SourceEndpointArn": task.source, "TargetEndpointArn": task.target}, migration)
            task.migration = migration
        if asked.get("TableMappings"):
            task.mappings = tasks.check_mappings(asked["TableMappings"])
        if asked.get("ReplicationTaskSettings"):
            task.settings = settings.merged(asked["ReplicationTaskSettings"], task.settings)
        if asked.get("ReplicationTaskIdentifier"):
            name = asked["ReplicationTaskIdentifier"]
            task.identifier = endpoints.check_identifier("ReplicationTaskIdentifier", name, 255)
        task.cdc = {**task.cdc, **tasks.cdc_of(asked)}
        task.task_data = asked.get("TaskData", task.task_data)
        task.status, task.work = "modifying", ["modify"]
        return task

    def start(self, asked: dict[str, Any]) -> Task:
        """StartReplicationTask."""
        task = self.task(asked.get("ReplicationTaskArn"))
        how = asked.get("StartReplicationTaskType")
        if how not in tasks.STARTS:
            raise faults.invalid(f"Invalid StartReplicationTaskType. Use one of {', '.join(tasks.STARTS)}.")
        self._require(task, "ready", "stopped", "failed")
        if how == "start-replication" and task.run:
            raise faults.wrong_state(
                "Start Type : START_REPLICATION, valid only for tasks running for the first time. Use "
                "resume-processing or reload-target."
            )
        if how != "start-replication" and not task.run:
            raise faults.wrong_state(
                f"Start Type : {how.upper().replace('-', '_')}, not valid for a task that has never run. "
                "Use start-replication."
            )
        if how == "resume-processing" and task.migration == "full-load" and "FULL_LOAD_ONLY" in task.reason:
            raise faults.wrong_state(
                "Start Type : RESUME_PROCESSING, not valid for a full-load task that has finished. "
                "Use reload-target."
            )
        self._tested(task)
        task.cdc = {**task.cdc, **tasks.cdc_of(asked)}
        task.run += how != "resume-processing"
        task.status, task.work, task.failure, task.reason = "starting", ["start"], "", ""
        task.started, task.reloads = utcnow(), []
        return task

    def _tested(self, task: Task) -> None:
        for endpoint in (task.source, task.target):
            found = self.connection(task.instance, endpoint)
            if found is None or found.status != "successful":
                raise faults.wrong_state(f"{UNTESTED}. Call test_connection for {endpoint}.")

    def stop(self, arn: str | None) -> Task:
        """StopReplicationTask."""
        task = self.task(arn)
        if task.status not in ("running", "starting"):
            raise faults.wrong_state("Replication task is not running")
        task.status, task.work = "stopping", ["stop"]
        return task

    def remove_task(self, arn: str | None) -> Task:
        """DeleteReplicationTask, of one that does not run."""
        task = self.task(arn)
        if task.status in RUNNING:
            raise faults.wrong_state("Replication Task cannot be deleted while it is running. Stop it first.")
        task.status, task.work = "deleting", ["delete"]
        return task

    def reload(self, asked: dict[str, Any]) -> Task:
        """ReloadTables, of a running task."""
        task = self.task(asked.get("ReplicationTaskArn"))
        if task.status != "running" or task.migration == "full-load":
            raise faults.wrong_state(
                "Tables can be reloaded only while a task with change data capture is running. "
                "Use reload-target for the others."
            )
        if asked.get("ReloadOption", "data-reload") != "data-reload":
            raise faults.unsupported("This local AWS validates by itself; ReloadOption can be data-reload.")
        for table in asked.get("TablesToReload") or []:
            task.reloads.append([table["SchemaName"], table["TableName"]])
        return task

    @staticmethod
    def _require(task: Task, *states: str) -> None:
        if task.status not in states:
            raise faults.wrong_state(
                f"Replication task {task.identifier} is {task.status}; it must be {' or '.join(states)}."
            )

    # -- all of them
    def tell(self, source: str, kind: str, category: str, message: str) -> None:
        """Note an event."""
        self.events.append(Event(source, kind, message, [category]))
        del self.events[:-1000]

    def tag(self, arn: str, asked: dict[str, Any]) -> None:
        """Give a new resource its tags."""
        if asked.get("Tags"):
            self.tagger.tag_resource(arn, asked["Tags"])

    @staticmethod
    def resource_id() -> str:
        """Return the end of a new ARN."""
        return "".join(mock_random.choice(LETTERS) for _ in range(26))

    def owns(self, arn: str) -> bool:
        """Whether an ARN is that of a resource here."""
        groups = {group.arn for group in self.replication_subnet_groups.values()}
        return any(
            arn in each
            for each in (self.endpoints, self.replication_instances, self.replication_tasks, groups)
        )

    def iter_tagged_resources(self) -> Iterator[TaggedResource]:
        """Yield the resources as the tagging API shows them."""
        kinds: dict[str, dict[str, Any]] = {
            "dms:endpoint": self.endpoints,
            "dms:replication-instance": self.replication_instances,
            "dms:task": self.replication_tasks,
        }
        for kind, found in kinds.items():
            for place in found:
                tags = self.tagger.get_tag_dict_for_resource(place)
                yield TaggedResource(
                    arn=place, tags=tags, resource_type=kind, extra={"include_untagged": True}
                )
