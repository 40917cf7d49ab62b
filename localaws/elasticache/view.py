"""What the controllers see of the ElastiCache model: plain values, read under the control plane's lock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from moto.core.utils import utcnow

from localaws.certificates import endpoint_name
from localaws.elasticache import agenda, parameters
from localaws.elasticache.models import CacheCluster, Owner, ReplicationGroup, Shared
from localaws.elasticache.nodetypes import NODE_TYPES, room, scale_of
from localaws.elasticache.parameter_groups import in_force
from localaws.engines.valkey import Config, User
from localaws.network import Target

if TYPE_CHECKING:
    from localaws.control import ControlPlane


@dataclass(frozen=True)
class Place:
    """Which cache, or snapshot, of which account and Region."""

    account_id: str
    region: str
    uid: str


@dataclass(frozen=True)
class MemberView:
    """A cluster: one node of Valkey, or the nodes of Memcached (number and zone)."""

    uid: str
    identifier: str
    state: str
    nodes: tuple[tuple[str, str], ...]
    config: Config
    fresh: Config
    """What it is told at its next reboot."""
    options: tuple[str, ...]
    dns_name: str

    @property
    def zone(self) -> str:
        """The zone of its only node."""
        return self.nodes[0][1]


@dataclass(frozen=True)
class OwnerView:
    """A replication group, or a cluster that is in none, at one moment."""

    place: Place
    identifier: str
    engine: str
    grouped: bool
    status: str
    members: tuple[MemberView, ...]
    primary: str
    failover: bool
    head: Mapping[str, Any] | None
    port: int
    encrypted: bool
    tls_only: bool
    names: Mapping[str, str]

    @property
    def uid(self) -> str:
        """Its key."""
        return self.place.uid

    def member(self, uid: str) -> MemberView | None:
        """Return one of its members."""
        return next((each for each in self.members if each.uid == uid), None)


@dataclass(frozen=True)
class Chore:
    """A snapshot that is to be copied (`source`) or deleted, or a settlement that is due."""

    place: Place
    settle: str
    source: str | None = None


class Model:
    """Reads the ElastiCache model and settles facts in it."""

    def __init__(self, control: ControlPlane) -> None:
        self._control = control
        self._seed = control.state.identity().seed

    def owners(self, *, memcached: bool) -> list[OwnerView]:
        """Return all caches of this kind of engine."""
        with self._control.lock:
            return [
                self._view(backend, Place(account, region, owner.uid), owner)
                for account, region, backend in self._control.backends("elasticache")
                for owner in backend.owners()
                if (owner.shared.engine == "memcached") == memcached
            ]

    def owner(self, place: Place) -> OwnerView | None:
        """Return a cache as it is now; None when it is gone."""
        with self._control.lock:
            found = self._find(place)
            return None if found is None else self._view(found[0], place, found[1])

    def chores(self) -> list[Chore]:
        """Return what is due besides the caches' own work."""
        with self._control.lock:
            now = utcnow()
            return [
                Chore(Place(account, region, uid), name, source)
                for account, region, backend in self._control.backends("elasticache")
                for uid, name, source in agenda.due(backend, now)
            ]

    def target(self, place: Place, name: str) -> Target:
        """Describe a cache to the network model, as it is now."""
        with self._control.lock:
            found = self._find(place)
            if found is None:
                return Target(name, "", (), (), False, 0, place.region, place.account_id, "cache")
            shared = found[1].shared
            return Target(
                name=name,
                vpc_id=shared.vpc_id,
                subnet_ids=tuple(shared.subnet_ids),
                security_group_ids=tuple(shared.security_group_ids),
                publicly_accessible=False,
                port=shared.port,
                region=place.region,
                account_id=place.account_id,
                noun="cache",
            )

    def settle(self, place: Place, name: str, **arguments: Any) -> None:
        """Write a fact about a cache into the model."""
        self._control.settle("elasticache", place.account_id, place.region, name, uid=place.uid, **arguments)

    def settle_snapshot(self, place: Place, name: str) -> None:
        """Write a fact about a snapshot into the model."""
        self._control.settle("elasticache", place.account_id, place.region, name, snapshot=place.uid)

    def _find(self, place: Place) -> tuple[Any, Owner] | None:
        for account, region, backend in self._control.backends("elasticache"):
            if (account, region) == (place.account_id, place.region):
                owner = backend.owner(place.uid)
                return None if owner is None else (backend, owner)
        return None

    def _view(self, backend: Any, place: Place, owner: Owner) -> OwnerView:
        head = owner.head
        changes = head["changes"] if head and head["do"] == "modify" else {}
        known = {name: value for name, value in changes.items() if hasattr(owner.shared, name)}
        shared = replace(owner.shared, **known)
        group = owner if isinstance(owner, ReplicationGroup) else None
        scale = scale_of(backend.tags_of(owner.arn))
        users = tuple(_users(backend, shared))
        members = tuple(
            self._member(backend, place, cluster, shared, users, scale) for cluster in backend.members(owner)
        )
        primary = backend.cache_clusters[group.primary_id].uid if group else members[0].uid
        identifier = group.replication_group_id if group else members[0].identifier
        names = {"primary": f"master.{identifier}", "reader": f"replica.{identifier}"}
        return OwnerView(
            place=place,
            identifier=identifier,
            engine=shared.engine,
            grouped=group is not None,
            status=owner.status,
            members=members,
            primary=primary,
            failover=bool(group and group.failover),
            head=dict(head) if head else None,
            port=shared.port,
            encrypted=shared.encrypted,
            tls_only=shared.encryption_mode == "required",
            names={
                name: self._dns(place, label)
                for name, label in ({**names, "configuration": f"{identifier}.cfg"}).items()
            },
        )

    def _dns(self, place: Place, label: str) -> str:
        return endpoint_name(label, region=place.region, seed=self._seed, service="cache")

    def _member(
        self,
        backend: Any,
        place: Place,
        cluster: CacheCluster,
        shared: Shared,
        users: tuple[User, ...],
        scale: float,
    ) -> MemberView:
        group = backend.parameter_group(shared.parameter_group_name)
        moved = group.name != cluster.parameter_group_name
        fresh = in_force(group, {}, rebooted=True)
        values = fresh if moved else cluster.in_force
        memcached = shared.engine == "memcached"
        memory = int(NODE_TYPES[shared.node_type].memory / scale)
        return MemberView(
            uid=cluster.uid,
            identifier=cluster.cache_cluster_id,
            state=cluster.state,
            nodes=tuple((node.number, node.zone) for node in cluster.nodes),
            config=Config() if memcached else _config(group.family, values, shared, users, scale),
            fresh=Config() if memcached else _config(group.family, fresh, shared, users, scale),
            options=parameters.memcached_options(group.family, values, memory) if memcached else (),
            dns_name=self._dns(place, cluster.cache_cluster_id),
        )


def _config(
    family: str, values: dict[str, str], shared: Shared, users: tuple[User, ...], scale: float
) -> Config:
    known = parameters.parameters(family)
    reserved = int(values.get("reserved-memory-percent", known["reserved-memory-percent"].default))
    memory = {"maxmemory": str(room(shared.node_type, reserved, scale))}
    return Config(parameters.settings(family, values) | memory, users)


def _users(backend: Any, shared: Shared) -> Iterator[User]:
    """Who may log in: the users of the user group, or everybody, with the token if there is one."""
    groups = [backend.user_groups[name] for name in shared.user_group_ids if name in backend.user_groups]
    if not groups:
        tokens = tuple(shared.tokens)
        yield User(passwords=tokens, open=not (tokens and shared.token_needed))
        return
    for user in (backend.users[user_id] for group in groups for user_id in group.user_ids):
        yield User(user.name, user.access_string, tuple(user.passwords), bool(user.no_password_required))
