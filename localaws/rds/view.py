"""What the controller sees of the RDS model: plain values, read under the control plane's lock."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.core.utils import utcnow

from localaws.network import Target
from localaws.rds.backups import bases
from localaws.rds.chores import due
from localaws.rds.measures import MIB, SCALE_TAG
from localaws.rds.validation import in_maintenance
from localaws.rds.work import Copy, Item, Source

if TYPE_CHECKING:
    from localaws.control import ControlPlane

RUNNING = frozenset({"available", "rebooting", "starting"})
"""Resting states in which the server has to run."""
SERVED = frozenset({"postgres"})
"""Engines whose instances PostgreSQL serves."""
LOG_SHARE, LEAST_LOG = 10, 4
"""The part of a small storage that WAL may take (one in so many), and the MiB that it takes at least."""


@dataclass(frozen=True)
class Place:
    """Which resource of which account and Region; `id` is a DbiResourceId or a snapshot's data id."""

    account_id: str
    region: str
    id: str


@dataclass(frozen=True)
class InstanceView:
    """A DB instance at one moment."""

    place: Place
    identifier: str
    dns_name: str
    engine_version: str
    username: str
    password: str
    database: str | None
    port: int
    settings: dict[str, str]
    force_ssl: bool
    resting: str
    item: Item | None
    zone: str
    standby_zone: str | None
    """Where a standby has to be; None for an instance without one."""
    archiving: bool
    source: Source | None
    """What a read replica follows."""
    replication: str
    """What the model says of a read replica's replication; empty for others."""
    quota: int | None
    """Bytes that the data may take; None where nothing is measured."""
    may_grow: bool
    """Whether storage autoscaling may still add to them."""

    @property
    def should_run(self) -> bool:
        """Whether the server has to run while there is nothing to do."""
        return self.resting in RUNNING


@dataclass(frozen=True)
class Glance:
    """The little of an instance that tells whether it needs attention."""

    place: Place
    identifier: str
    status: str
    busy: bool
    should_run: bool
    zone: str
    standby_zone: str | None
    source: Source | None
    replication: str
    """As in the view."""
    quota: int | None
    due: bool
    """Whether deferred modifications wait and the maintenance window is open."""


@dataclass(frozen=True)
class Overview:
    """Everything that may need attention."""

    instances: list[Glance]
    copies: list[tuple[Place, Copy]]
    discarded: list[Place]
    archives: list[Place]
    """Resources whose archived WAL is to be removed."""
    chores: list[tuple[Place, str]]
    """Settlements that are due without anybody's call."""


class Model:
    """Reads the RDS model and settles facts in it."""

    def __init__(self, control: ControlPlane, *, engines: frozenset[str] = SERVED) -> None:
        self._control = control
        self._engines = engines

    def glances(self) -> list[Glance]:
        """Return all instances of the engines."""
        with self._control.lock:
            return [
                _glance(account, region, each)
                for account, region, backend in self._control.backends("rds")
                for each in self._served(backend)
            ]

    def _served(self, backend: Any) -> Iterator[Any]:
        return (each for each in backend.databases.values() if each.engine in self._engines)

    def overview(self) -> Overview:
        """Return all instances that have servers, and the snapshots' work."""
        found = Overview([], [], [], [], [])
        now = utcnow()
        with self._control.lock:
            for account, region, backend in self._control.backends("rds"):
                found.instances.extend(_glance(account, region, each) for each in self._served(backend))
                for snapshot in backend.database_snapshots.values():
                    if snapshot.work:
                        place = Place(account, region, snapshot.data_id)
                        found.copies.append((place, copy.deepcopy(snapshot.work[0])))
                found.discarded.extend(Place(account, region, data_id) for data_id in backend.discards())
                found.archives.extend(Place(account, region, each) for each in backend.archive_discards())
                found.chores.extend((Place(account, region, each), name) for name, each in due(backend, now))
        return found

    def instance(self, place: Place) -> InstanceView | None:
        """Return an instance as it is now; None when it is gone."""
        with self._control.lock:
            found = self._find(place)
            return None if found is None else _view(place, found)

    def bases(self, place: Place) -> list[str]:
        """Data ids of the automated snapshots that an instance can be recovered from."""
        with self._control.lock:
            found = self._find(place)
            return [] if found is None else [each.data_id for each in bases(found)]

    def settle(self, place: Place, name: str, /, **arguments: Any) -> None:
        """Write a fact about an instance into the model."""
        self._control.settle("rds", place.account_id, place.region, name, resource_id=place.id, **arguments)

    def settle_snapshot(self, place: Place, name: str, /, **arguments: Any) -> None:
        """Write a fact about a snapshot's data into the model."""
        self._control.settle("rds", place.account_id, place.region, name, snapshot=place.id, **arguments)

    def target(self, place: Place) -> Target:
        """Describe an instance to the network model, as it is now.

        No lock is taken: the front asks from its loop, for which a caller that holds the lock may be waiting.
        """
        found = self._find(place)
        if found is None:
            return Target(place.id, "", (), (), False, 0, place.region, place.account_id)
        return Target(
            name=found.db_instance_identifier,
            vpc_id=found.vpc_id,
            subnet_ids=tuple(found.db_subnet_group.subnet_ids),
            security_group_ids=tuple(found.vpc_security_group_ids),
            publicly_accessible=bool(found.publicly_accessible),
            port=int(found.port),
            region=place.region,
            account_id=place.account_id,
        )

    def admits_tokens(self, place: Place) -> bool:
        """Whether IAM database authentication is enabled for an instance, as it is now; no lock is taken."""
        found = self._find(place)
        return found is not None and bool(found.iam_database_authentication_enabled)

    def _find(self, place: Place) -> Any:
        for account, region, backend in self._control.backends("rds"):
            if (account, region) == (place.account_id, place.region):
                instances = list(backend.databases.values())
                return next((each for each in instances if each.dbi_resource_id == place.id), None)
        return None


def _glance(account: str, region: str, instance: Any) -> Glance:
    return Glance(
        place=Place(account, region, instance.dbi_resource_id),
        identifier=instance.db_instance_identifier,
        status=instance.status,
        busy=bool(instance.work),
        should_run=instance.resting_status in RUNNING,
        zone=instance.availability_zone,
        standby_zone=_standby_zone(instance),
        source=copy.copy(instance.source),
        replication=_replication(instance),
        quota=quota_of(instance),
        due=bool(instance.deferred) and in_maintenance(instance.preferred_maintenance_window, utcnow()),
    )


def _view(place: Place, instance: Any) -> InstanceView:
    changes = instance.work_changes()
    return InstanceView(
        place=place,
        identifier=instance.db_instance_identifier,
        dns_name=instance.dns_name,
        engine_version=str(changes.get("engine_version", instance.engine_version)),
        username=instance.master_username,
        password=str(instance.master_user_password),
        database=instance.db_name,
        port=int(changes.get("port", instance.port)),
        settings=_settings(instance),
        force_ssl=instance.force_ssl,
        resting=instance.resting_status,
        item=copy.deepcopy(instance.work[0]) if instance.work else None,
        zone=instance.availability_zone,
        standby_zone=_standby_zone(instance),
        archiving=instance.archiving,
        source=copy.copy(instance.source),
        replication=_replication(instance),
        quota=quota_of(instance),
        may_grow=(instance.max_allocated_storage or 0) > int(instance.allocated_storage),
    )


def quota_of(instance: Any) -> int | None:
    """Bytes that an instance's data may take, by its tag; None without the tag."""
    given = next((tag["Value"] for tag in instance.tags if tag["Key"] == SCALE_TAG), "")
    if not given.isdigit() or not int(given):
        return None
    size = instance.work_changes().get("allocated_storage", instance.allocated_storage)
    return int(size) * int(given) * MIB


def _settings(instance: Any) -> dict[str, str]:
    """The server's settings; in a small storage only a part is for its log."""
    settings: dict[str, str] = instance.settings()
    quota = quota_of(instance)
    if quota is None or instance.engine not in SERVED:
        return settings
    most = max(quota // MIB // LOG_SHARE, LEAST_LOG)
    return settings | {"max_wal_size": f"{most}MB", "min_wal_size": f"{LEAST_LOG}MB"}


def _replication(instance: Any) -> str:
    return str(instance.replication[0]) if instance.source else ""


def _standby_zone(instance: Any) -> str | None:
    """Where the standby has to be; a read replica gets one when it is promoted."""
    wanted = instance.work_changes().get("multi_az", instance.multi_az)
    return instance.standby_zone if wanted and not instance.source else None
