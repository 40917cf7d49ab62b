"""What the controller sees of the DMS model: plain values, read under the control plane's lock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.core.utils import utcnow

from localaws.dms import endpoints, tasks
from localaws.dms.mappings import Mappings
from localaws.dms.models import Endpoint, Instance, Task
from localaws.dms.plan import Plan
from localaws.dms.route import Access
from localaws.network import Interface

if TYPE_CHECKING:
    from localaws.control import ControlPlane


@dataclass(frozen=True)
class Place:
    """Which resource of which account and Region."""

    account_id: str
    region: str
    arn: str


@dataclass(frozen=True)
class TaskView:
    """A task at one moment."""

    place: Place
    identifier: str
    uid: str
    status: str
    work: str | None
    run: int
    reloads: tuple[tuple[str, str], ...]
    logging: bool
    instance_identifier: str


@dataclass(frozen=True)
class Trial:
    """A connection that is to be tried."""

    place: Place
    endpoint: str
    turn: int


class Model:
    """Reads the DMS model and settles facts in it."""

    def __init__(self, control: ControlPlane) -> None:
        self._control = control
        self._since = utcnow()

    def instances(self) -> list[Place]:
        """Return the replication instances that have work."""
        return self._find(
            lambda backend: [each.arn for each in backend.replication_instances.values() if each.work]
        )

    def refreshes(self) -> list[Place]:
        """Return the endpoints whose schemas are to be read."""
        return self._find(lambda backend: [each.arn for each in backend.endpoints.values() if each.work])

    def trials(self) -> list[Trial]:
        """Return the connections that are to be tried."""
        with self._control.lock:
            return [
                Trial(Place(account, region, each.instance), each.endpoint, each.turn)
                for account, region, backend in self._control.backends("dms")
                for each in backend.connections
                if each.status == "testing"
            ]

    def tasks(self) -> list[TaskView]:
        """Return all tasks."""
        with self._control.lock:
            return [
                _task(Place(account, region, task.arn), backend, task)
                for account, region, backend in self._control.backends("dms")
                for task in backend.replication_tasks.values()
            ]

    def task(self, place: Place) -> TaskView | None:
        """Return a task as it is now; None when it is gone."""
        with self._control.lock:
            backend = self._backend(place)
            found = backend.replication_tasks.get(place.arn)
            return None if found is None else _task(place, backend, found)

    def access(self, place: Place, endpoint: str) -> Access | None:
        """Return how a replication instance logs in to an endpoint; None when one of them is gone."""
        with self._control.lock:
            backend = self._backend(place)
            instance = backend.replication_instances.get(place.arn)
            found = backend.endpoints.get(endpoint)
            if instance is None or found is None:
                return None
            return endpoints.access(backend, found, interface(instance))

    def refresh_from(self, place: Place) -> Place:
        """Return the replication instance that reads an endpoint's schemas."""
        with self._control.lock:
            found: Endpoint = self._backend(place).endpoints[place.arn]
            return Place(place.account_id, place.region, (found.refresh or {})["ReplicationInstanceArn"])

    def plan(self, place: Place) -> Plan:
        """Return what a task is to do now."""
        with self._control.lock:
            backend = self._backend(place)
            task: Task = backend.replication_tasks[place.arn]
            source: Endpoint = backend.endpoints[task.source]
            seen = interface(backend.replication_instances[task.instance])
            stop_commit, stop_clock = tasks.stop_times(task.cdc)
            return Plan(
                account_id=place.account_id,
                region=place.region,
                uid=task.uid,
                identifier=task.identifier,
                run=task.run,
                migration=task.migration,
                mappings=Mappings.parse(task.mappings),
                settings=task.settings,
                source=endpoints.access(backend, source, seen),
                target=endpoints.access(backend, backend.endpoints[task.target], seen),
                slot=endpoints.slot_name(source),
                start_position=tasks.start_position(task.cdc),
                start_time=float(task.cdc.get("CdcStartTime") or 0),
                stop_commit=stop_commit,
                stop_clock=stop_clock,
                # a kill came while it started: the databases' endpoints may still be on their way too
                restarted=task.status == "running" or (task.started or self._since) < self._since,
            )

    def settle(self, place: Place, name: str, **arguments: Any) -> None:
        """Write a fact into the model."""
        self._control.settle("dms", place.account_id, place.region, name, **arguments)

    def _find(self, names: Any) -> list[Place]:
        with self._control.lock:
            return [
                Place(account, region, arn)
                for account, region, backend in self._control.backends("dms")
                for arn in names(backend)
            ]

    def _backend(self, place: Place) -> Any:
        from moto.dms.models import dms_backends

        return dms_backends[place.account_id][place.region]


def interface(instance: Instance) -> Interface:
    """Return a replication instance's place in its VPC."""
    return Interface(
        instance.identifier,
        (instance.subnet_id,),
        tuple(instance.security_group_ids),
        "replication instance",
        instance.private_ip,
    )


def _task(place: Place, backend: Any, task: Task) -> TaskView:
    instance = backend.replication_instances.get(task.instance)
    return TaskView(
        place=place,
        identifier=task.identifier,
        uid=task.uid,
        status=task.status,
        work=task.work[0] if task.work else None,
        run=task.run,
        reloads=tuple((schema, name) for schema, name in task.reloads),
        logging=bool(task.settings["Logging"]["EnableLogging"]),
        instance_identifier=instance.identifier if instance else "",
    )
