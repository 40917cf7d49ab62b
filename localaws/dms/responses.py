"""DMS's operations: requests taken apart, answers in AWS's shape and in pages."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow
from moto.dms.models import dms_backends
from moto.dms.responses import DatabaseMigrationServiceResponse as MotoResponse

from localaws.bridge.ec2 import Ec2View
from localaws.dms import catalogue, endpoints, faults, instances, tasks
from localaws.dms.host import HOST
from localaws.dms.pages import filtered, page

ASSESSMENTS = "This local AWS has no premigration assessments. Start the task; its failures name the cause."
CATEGORIES = {
    "replication-instance": [
        "configuration change", "creation", "deletion", "failover", "failure", "low storage", "maintenance",
    ],
    "replication-task": ["configuration change", "creation", "deletion", "failure", "state change"],
}  # fmt: skip
TASK_FILTERS = {
    "replication-task-arn": lambda task: [task.arn],
    "replication-task-id": lambda task: [task.identifier],
    "migration-type": lambda task: [task.migration],
    "endpoint-arn": lambda task: [task.source, task.target],
    "replication-instance-arn": lambda task: [task.instance],
}
INSTANCE_FILTERS = {
    "replication-instance-arn": lambda each: [each.arn],
    "replication-instance-id": lambda each: [each.identifier],
    "replication-instance-class": lambda each: [each.asked["ReplicationInstanceClass"]],
    "engine-version": lambda each: [each.asked["EngineVersion"]],
}
ENDPOINT_FILTERS = {
    "endpoint-arn": lambda each: [each.arn],
    "endpoint-type": lambda each: [each.kind, each.kind.upper()],
    "endpoint-id": lambda each: [each.identifier],
    "engine-name": lambda each: [each.engine],
}


class DmsResponse(MotoResponse):
    """All operations that there are here."""

    @property
    def _backend(self) -> Any:
        return dms_backends[self.current_account][self.region]

    @property
    def _asked(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body or "{}")
        return found

    # -- subnet groups
    def create_replication_subnet_group(self) -> ActionResult:
        group = self._backend.make_subnet_group(self._asked)
        return ActionResult({"ReplicationSubnetGroup": group.describe()})

    def modify_replication_subnet_group(self) -> ActionResult:
        group = self._backend.change_subnet_group(self._asked)
        return ActionResult({"ReplicationSubnetGroup": group.describe()})

    def delete_replication_subnet_group(self) -> ActionResult:
        self._backend.remove_subnet_group(self._asked.get("ReplicationSubnetGroupIdentifier"))
        return EmptyResult()

    def describe_replication_subnet_groups(self) -> ActionResult:
        known = {"replication-subnet-group-id": lambda each: [each.identifier]}
        groups = self._backend.replication_subnet_groups.values()
        found = filtered(self._asked, known, list(groups), "Replication subnet group")
        return self._page("ReplicationSubnetGroups", [each.describe() for each in found])

    # -- replication instances
    def create_replication_instance(self) -> ActionResult:
        return ActionResult({"ReplicationInstance": self._backend.make_instance(self._asked).describe()})

    def modify_replication_instance(self) -> ActionResult:
        return ActionResult({"ReplicationInstance": instances.change(self._backend, self._asked).describe()})

    def reboot_replication_instance(self) -> ActionResult:
        instance = self._backend.instance(self._asked.get("ReplicationInstanceArn"))
        if instance.status != "available":
            raise faults.wrong_state(f"Replication instance {instance.identifier} is {instance.status}.")
        instance.status, instance.work = "rebooting", ["reboot"]
        return ActionResult({"ReplicationInstance": instance.describe()})

    def delete_replication_instance(self) -> ActionResult:
        instance = self._backend.remove_instance(self._asked.get("ReplicationInstanceArn"))
        return ActionResult({"ReplicationInstance": instance.describe()})

    def describe_replication_instances(self) -> ActionResult:
        everything = list(self._backend.replication_instances.values())
        found = filtered(self._asked, INSTANCE_FILTERS, everything, "Replication instance")
        return self._page("ReplicationInstances", [each.describe() for each in found])

    def describe_orderable_replication_instances(self) -> ActionResult:
        view = Ec2View.born(self.current_account, self.region)
        zones = sorted({subnet.zone for subnet in view.vpc_subnets(view.default_vpc_id() or "")})
        return self._page("OrderableReplicationInstances", catalogue.orderable(zones))

    def describe_engine_versions(self) -> ActionResult:
        return self._page("EngineVersions", catalogue.engine_versions())

    # -- endpoints
    def create_endpoint(self) -> ActionResult:
        return ActionResult({"Endpoint": endpoints.describe(self._backend.make_endpoint(self._asked))})

    def modify_endpoint(self) -> ActionResult:
        return ActionResult({"Endpoint": endpoints.describe(self._backend.change_endpoint(self._asked))})

    def delete_endpoint(self) -> ActionResult:
        endpoint = self._backend.remove_endpoint(self._asked.get("EndpointArn"))
        return ActionResult({"Endpoint": endpoints.describe(endpoint)})

    def describe_endpoints(self) -> ActionResult:
        found = filtered(self._asked, ENDPOINT_FILTERS, list(self._backend.endpoints.values()), "Endpoint")
        return self._page("Endpoints", [endpoints.describe(each) for each in found])

    def describe_endpoint_types(self) -> ActionResult:
        known = {
            "engine-name": lambda each: [each["EngineName"]],
            "endpoint-type": lambda each: [each["EndpointType"]],
        }
        found = filtered(self._asked, known, catalogue.endpoint_types(), "Endpoint type")
        return self._page("SupportedEndpointTypes", found)

    def test_connection(self) -> ActionResult:
        asked = self._asked
        found = self._backend.test(asked.get("ReplicationInstanceArn"), asked.get("EndpointArn"))
        return ActionResult({"Connection": found.describe()})

    def delete_connection(self) -> ActionResult:
        asked = self._asked
        found = self._backend.connection(asked.get("ReplicationInstanceArn"), asked.get("EndpointArn"))
        if found is None:
            raise faults.not_found("Connection")
        self._backend.connections.remove(found)
        return ActionResult({"Connection": found.describe() | {"Status": "deleting"}})

    def describe_connections(self) -> ActionResult:
        known = {
            "endpoint-arn": lambda each: [each.endpoint],
            "replication-instance-arn": lambda each: [each.instance],
        }
        found = filtered(self._asked, known, self._backend.connections, "Connection")
        return self._page("Connections", [each.describe() for each in found])

    def refresh_schemas(self) -> ActionResult:
        return ActionResult({"RefreshSchemasStatus": _refresh(self._backend.refresh(self._asked))})

    def describe_refresh_schemas_status(self) -> ActionResult:
        endpoint = self._backend.endpoint(self._asked.get("EndpointArn"))
        if endpoint.refresh is None:
            raise faults.not_found("The refresh of the endpoint's schemas")
        return ActionResult({"RefreshSchemasStatus": _refresh(endpoint)})

    def describe_schemas(self) -> ActionResult:
        return self._page("Schemas", self._backend.endpoint(self._asked.get("EndpointArn")).schemas)

    # -- tasks
    def create_replication_task(self) -> ActionResult:
        return ActionResult({"ReplicationTask": tasks.describe(self._backend.make_task(self._asked))})

    def modify_replication_task(self) -> ActionResult:
        return ActionResult({"ReplicationTask": tasks.describe(self._backend.change_task(self._asked))})

    def start_replication_task(self) -> ActionResult:
        return ActionResult({"ReplicationTask": tasks.describe(self._backend.start(self._asked))})

    def stop_replication_task(self) -> ActionResult:
        task = self._backend.stop(self._asked.get("ReplicationTaskArn"))
        return ActionResult({"ReplicationTask": tasks.describe(task)})

    def delete_replication_task(self) -> ActionResult:
        task = self._backend.remove_task(self._asked.get("ReplicationTaskArn"))
        return ActionResult({"ReplicationTask": tasks.describe(task)})

    def move_replication_task(self) -> ActionResult:
        raise faults.unsupported(
            "This local AWS moves no tasks. Make a task on the other replication instance instead."
        )

    def describe_replication_tasks(self) -> ActionResult:
        everything = list(self._backend.replication_tasks.values())
        found = filtered(self._asked, TASK_FILTERS, everything, "Replication task")
        with_settings = not self._asked.get("WithoutSettings")
        return self._page(
            "ReplicationTasks", [tasks.describe(each, settings=with_settings) for each in found]
        )

    def describe_table_statistics(self) -> ActionResult:
        asked = self._asked
        task = self._backend.task(asked.get("ReplicationTaskArn"))
        known = {
            "schema-name": lambda line: [line.schema],
            "table-name": lambda line: [line.name],
            "table-state": lambda line: [line.state],
        }
        facts = HOST.facts(task.uid)
        lines = list(facts.tables.values()) if facts.run == task.run and task.run else []
        found = [line for line in lines if not asked.get("Filters")] or (
            filtered(asked, known, lines, "Table") if asked.get("Filters") else []
        )
        answer = page(asked, "TableStatistics", [tasks.table_statistics(line) for line in found], 500)
        return ActionResult({"ReplicationTaskArn": task.arn, **answer})

    def reload_tables(self) -> ActionResult:
        return ActionResult({"ReplicationTaskArn": self._backend.reload(self._asked).arn})

    def start_replication_task_assessment(self) -> ActionResult:
        raise faults.unsupported(ASSESSMENTS)

    def start_replication_task_assessment_run(self) -> ActionResult:
        raise faults.unsupported(ASSESSMENTS)

    # -- events, tags, account
    def describe_events(self) -> ActionResult:
        asked = self._asked
        start, end = _span(asked)
        found = [
            event
            for event in self._backend.events
            if start <= event.date <= end
            and asked.get("SourceIdentifier") in (None, event.source)
            and asked.get("SourceType") in (None, event.kind)
            and (not asked.get("EventCategories") or set(asked["EventCategories"]) & set(event.categories))
        ]
        return self._page("Events", [event.describe() for event in found])

    def describe_event_categories(self) -> ActionResult:
        wanted = self._asked.get("SourceType")
        groups = [
            {"SourceType": kind, "EventCategories": names}
            for kind, names in CATEGORIES.items()
            if wanted in (None, kind)
        ]
        return ActionResult({"EventCategoryGroupList": groups})

    def add_tags_to_resource(self) -> ActionResult:
        place = self._resource()
        self._backend.tagger.tag_resource(place, self._asked.get("Tags") or [])
        return EmptyResult()

    def remove_tags_from_resource(self) -> ActionResult:
        place = self._resource()
        self._backend.tagger.untag_resource_using_names(place, self._asked.get("TagKeys") or [])
        return EmptyResult()

    def list_tags_for_resource(self) -> ActionResult:
        asked = self._asked
        places = [asked["ResourceArn"]] if asked.get("ResourceArn") else asked.get("ResourceArnList") or []
        tags = [
            {"Key": key, "Value": value, "ResourceArn": place}
            for place in places
            for key, value in self._backend.tagger.get_tag_dict_for_resource(self._known(place)).items()
        ]
        return ActionResult({"TagList": tags})

    def describe_account_attributes(self) -> ActionResult:
        backend = self._backend
        used = {
            "ReplicationInstances": (60, len(backend.replication_instances)),
            "AllocatedStorage": (
                30000,
                sum(i.asked["AllocatedStorage"] for i in backend.replication_instances.values()),
            ),
            "Endpoints": (1000, len(backend.endpoints)),
            "ReplicationSubnetGroups": (60, len(backend.replication_subnet_groups)),
            "ReplicationTasks": (600, len(backend.replication_tasks)),
        }
        quotas = [{"AccountQuotaName": name, "Max": most, "Used": now} for name, (most, now) in used.items()]
        return ActionResult({"AccountQuotas": quotas, "UniqueAccountIdentifier": f"c{self.current_account}"})

    def describe_pending_maintenance_actions(self) -> ActionResult:
        return ActionResult({"PendingMaintenanceActions": []})

    def describe_certificates(self) -> ActionResult:
        return ActionResult({"Certificates": []})

    def _resource(self) -> str:
        return self._known(str(self._asked.get("ResourceArn") or ""))

    def _known(self, place: str) -> str:
        if not self._backend.owns(place):
            raise faults.not_found(f"The resource {place}")
        return place

    def _page(self, key: str, items: list[Any]) -> ActionResult:
        return ActionResult(page(self._asked, key, items))


def _refresh(endpoint: Any) -> dict[str, Any]:
    return {"EndpointArn": endpoint.arn, **(endpoint.refresh or {})}


def _span(asked: dict[str, Any]) -> tuple[datetime, datetime]:
    """The time that DescribeEvents asks for; without a word, the last hour."""
    now = utcnow()
    end = _moment(asked["EndTime"]) if asked.get("EndTime") else now
    if asked.get("StartTime"):
        return _moment(asked["StartTime"]), end
    return end - timedelta(minutes=int(asked.get("Duration") or 60)), end


def _moment(value: Any) -> datetime:
    return datetime.fromtimestamp(float(value), UTC).replace(tzinfo=None)
