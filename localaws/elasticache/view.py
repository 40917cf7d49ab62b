"""What the controller sees of the ElastiCache model: plain values, read under the control plane's lock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localaws.certificates import endpoint_name
from localaws.elasticache import clusters
from localaws.network import Target

if TYPE_CHECKING:
    from localaws.control import ControlPlane

RUNNING = frozenset({"available", clusters.STATUS["reboot"]})


@dataclass(frozen=True)
class Place:
    """Which cluster of which account and Region."""

    account_id: str
    region: str
    uid: str


@dataclass(frozen=True)
class ClusterView:
    """A cache cluster at one moment."""

    place: Place
    identifier: str
    status: str
    work: str | None
    port: int
    password: str | None
    settings: dict[str, str]
    encrypted: bool
    dns_name: str

    @property
    def should_run(self) -> bool:
        """Whether the server has to run while there is nothing to do."""
        return self.work is None and self.status in RUNNING


class Model:
    """Reads the ElastiCache model and settles facts in it."""

    def __init__(self, control: ControlPlane) -> None:
        self._control = control
        self._seed = control.state.identity().seed

    def clusters(self) -> list[ClusterView]:
        """Return all clusters."""
        with self._control.lock:
            return [
                self._view(Place(account, region, cluster.uid), cluster)
                for account, region, backend in self._control.backends("elasticache")
                for cluster in backend.cache_clusters.values()
            ]

    def cluster(self, place: Place) -> ClusterView | None:
        """Return a cluster as it is now; None when it is gone."""
        with self._control.lock:
            found = self._find(place)
            return None if found is None else self._view(place, found)

    def target(self, place: Place) -> Target:
        """Describe a cluster to the network model, as it is now."""
        with self._control.lock:
            found = self._find(place)
            if found is None:
                return Target(place.uid, "", (), (), False, 0, place.region, place.account_id, "cache")
            return Target(
                name=found.cache_cluster_id,
                vpc_id=found.vpc_id,
                subnet_ids=tuple(found.subnet_ids),
                security_group_ids=tuple(found.security_group_ids),
                publicly_accessible=False,
                port=found.port,
                region=place.region,
                account_id=place.account_id,
                noun="cache",
            )

    def settle(self, place: Place, name: str, **arguments: Any) -> None:
        """Write a fact about a cluster into the model."""
        self._control.settle("elasticache", place.account_id, place.region, name, uid=place.uid, **arguments)

    def _find(self, place: Place) -> Any:
        for account, region, backend in self._control.backends("elasticache"):
            if (account, region) == (place.account_id, place.region):
                return next((each for each in backend.cache_clusters.values() if each.uid == place.uid), None)
        return None

    def _view(self, place: Place, cluster: Any) -> ClusterView:
        return ClusterView(
            place=place,
            identifier=cluster.cache_cluster_id,
            status=cluster.cache_cluster_status,
            work=cluster.work[0] if cluster.work else None,
            port=cluster.port,
            password=cluster.auth_token,
            settings=clusters.settings(cluster),
            encrypted=cluster.transit_encryption_enabled,
            dns_name=endpoint_name(
                cluster.cache_cluster_id, region=place.region, seed=self._seed, service="cache"
            ),
        )
