"""What the controller sees of clusters: plain values, read under the control plane's lock."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.core.utils import utcnow

from localaws.network import Target
from localaws.rds import work as instance_work
from localaws.rds.clusters import classes, snapshots
from localaws.rds.clusters.models import READER, WRITER
from localaws.rds.clusters.work import Item
from localaws.rds.validation import in_maintenance
from localaws.rds.view import RUNNING, Place
from localaws.rds.work import Copy

if TYPE_CHECKING:
    from localaws.control import ControlPlane

IDENTITY = "localaws.db_instance_identifier"
"""Setting of ours that tells a server's clients which member they have reached."""


@dataclass(frozen=True)
class MemberView:
    """A member at one moment; `rank` orders the members by promotion tier and size."""

    place: Place
    identifier: str
    dns_name: str
    port: int
    zone: str
    rank: int
    settings: dict[str, str]
    force_ssl: bool
    resting: str
    item: instance_work.Item | None

    @property
    def id(self) -> str:
        """The DbiResourceId."""
        return self.place.id

    @property
    def do(self) -> str:
        """What is at the head of its work."""
        return self.item["do"] if self.item is not None else ""

    @property
    def should_run(self) -> bool:
        """Whether its server has to run, or has to be made."""
        return self.do != "delete" and (self.resting in RUNNING or self.do == "create")


@dataclass(frozen=True)
class EndpointView:
    """An endpoint of a cluster; `kind` is WRITER, READER or ANY, and members are DbiResourceIds."""

    key: str
    dns_name: str
    kind: str
    static: frozenset[str]
    excluded: frozenset[str]

    def allows(self, member_id: str) -> bool:
        """Whether it may lead to a member."""
        return member_id in self.static if self.static else member_id not in self.excluded


@dataclass(frozen=True)
class ClusterView:
    """A cluster at one moment; its place's id is the DbClusterResourceId."""

    place: Place
    identifier: str
    engine_version: str
    username: str
    password: str
    database: str | None
    port: int
    resting: str
    item: Item | None
    writer_id: str | None
    addresses: dict[str, str]
    members: tuple[MemberView, ...]
    endpoints: tuple[EndpointView, ...]
    bases: tuple[str, ...]
    """Data ids of the automated snapshots, the ones in the making too."""
    unsettled: bool
    """Whether a custom endpoint is new, changed or to be closed."""

    def member(self, member_id: str) -> MemberView | None:
        """A member by its DbiResourceId."""
        return next((each for each in self.members if each.id == member_id), None)


@dataclass(frozen=True)
class Glance:
    """Everything about clusters that may need attention."""

    clusters: list[ClusterView]
    due: list[Place]
    backups_due: list[Place]
    copies: list[tuple[Place, Copy]]
    folders: list[Place]


class ClusterModel:
    """Reads the clusters of the model and settles facts in it."""

    def __init__(self, control: ControlPlane) -> None:
        self._control = control

    def glance(self) -> Glance:
        """Return all clusters, and the work that their snapshots leave."""
        found = Glance([], [], [], [], [])
        now = utcnow()
        with self._control.lock:
            for account, region, backend in self._control.backends("rds"):
                for cluster in backend.clusters.values():
                    place = Place(account, region, cluster.db_cluster_resource_id)
                    found.clusters.append(_view(place, cluster))
                    if cluster.deferred and in_maintenance(cluster.preferred_maintenance_window, now):
                        found.due.append(place)
                    if snapshots.backup_due(cluster, now):
                        found.backups_due.append(place)
                for snapshot in backend.cluster_snapshots.values():
                    if snapshot.work:
                        place = Place(account, region, snapshot.data_id)
                        found.copies.append((place, copy.deepcopy(snapshot.work[0])))
                found.folders.extend(Place(account, region, name) for name in backend.folders_to_remove())
        return found

    def view(self, place: Place) -> ClusterView | None:
        """Return a cluster as it is now; None when it is gone."""
        with self._control.lock:
            found = self._find(place)
            return None if found is None else _view(place, found)

    def settle(self, place: Place, name: str, /, **arguments: Any) -> None:
        """Write a fact about a cluster or a member into the model."""
        self._control.settle("rds", place.account_id, place.region, name, resource_id=place.id, **arguments)

    def settle_snapshot(self, place: Place, name: str, /, **arguments: Any) -> None:
        """Write a fact about a cluster snapshot's data into the model."""
        self._control.settle("rds", place.account_id, place.region, name, snapshot=place.id, **arguments)

    def settle_folder(self, place: Place) -> None:
        """Write into the model that a folder is gone."""
        self._control.settle("rds", place.account_id, place.region, "folder_discarded", name=place.id)

    def target(self, place: Place) -> Target:
        """Describe a cluster without a server to the network model; no lock is taken."""
        found = self._find(place)
        if found is None:
            return Target(place.id, "", (), (), False, 0, place.region, place.account_id)
        group = found.backend.subnet_groups[found.db_subnet_group_name]
        return Target(
            name=found.db_cluster_identifier,
            vpc_id=group.vpc_id,
            subnet_ids=tuple(group.subnet_ids),
            security_group_ids=tuple(found.vpc_security_group_ids),
            # there is no member that says so, and the client is to hear that there is none
            publicly_accessible=True,
            port=int(found.port),
            region=place.region,
            account_id=place.account_id,
        )

    def admits_tokens(self, place: Place) -> bool:
        """Whether IAM database authentication is enabled for a cluster, as it is now; no lock is taken."""
        found = self._find(place)
        return found is not None and bool(found.iam_database_authentication_enabled)

    def _find(self, place: Place) -> Any:
        for account, region, backend in self._control.backends("rds"):
            if (account, region) == (place.account_id, place.region):
                clusters = list(backend.clusters.values())
                return next((each for each in clusters if each.db_cluster_resource_id == place.id), None)
        return None


def _view(place: Place, cluster: Any) -> ClusterView:
    changes = cluster.work_changes()
    port = int(changes.get("port", cluster.port))
    identifier = str(changes.get("db_cluster_identifier", cluster.db_cluster_identifier))
    custom = cluster.backend.endpoints_of(cluster)
    return ClusterView(
        place=place,
        identifier=identifier,
        engine_version=cluster.engine_version,
        username=cluster.master_username,
        password=cluster.master_user_password,
        database=cluster.database_name,
        port=port,
        resting=cluster.resting_status,
        item=copy.deepcopy(cluster.work[0]) if cluster.work else None,
        writer_id=cluster.writer_id,
        addresses=dict(cluster.addresses),
        members=tuple(_members(place, cluster, port)),
        endpoints=tuple(_endpoints(cluster, identifier, custom)),
        bases=tuple(each.data_id for each in snapshots.automated(cluster)),
        unsettled=any(each.status != "available" for each in custom),
    )


def _members(place: Place, cluster: Any, port: int) -> Iterator[MemberView]:
    ranked = sorted(
        cluster.members, key=lambda each: (each.promotion_tier, -classes.size(each.db_instance_class))
    )
    for rank, member in enumerate(ranked):
        name = str(member.work_changes().get("db_instance_identifier", member.db_instance_identifier))
        yield MemberView(
            place=Place(place.account_id, place.region, member.dbi_resource_id),
            identifier=member.db_instance_identifier,
            dns_name=member.dns_name,
            port=port,
            zone=member.availability_zone,
            rank=rank,
            settings={**member.settings(), IDENTITY: name},
            force_ssl=member.force_ssl,
            resting=member.resting_status,
            item=copy.deepcopy(member.work[0]) if member.work else None,
        )


def _endpoints(cluster: Any, identifier: str, custom: list[Any]) -> Iterator[EndpointView]:
    nobody: frozenset[str] = frozenset()
    for key, kind in ((WRITER, "WRITER"), (READER, "READER")):
        yield EndpointView(key, cluster.dns_name(key, identifier), kind, nobody, nobody)
    for each in custom:
        if each.status != "deleting":
            yield EndpointView(
                each.key,
                cluster.dns_name(each.key, each.db_cluster_endpoint_identifier),
                each.custom_endpoint_type,
                frozenset(each.static),
                frozenset(each.excluded),
            )
