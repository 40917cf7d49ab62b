"""The endpoints of clusters: each has an address of its own, and leads to the members it may lead to."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from localaws.rds.clusters.view import ClusterModel, ClusterView, EndpointView
from localaws.rds.tokens import Audience, Tokens
from localaws.rds.view import Model, Place
from localaws.relay import Endpoint, Server

if TYPE_CHECKING:
    from localaws.addresses import Address
    from localaws.rds.nodes import Node
    from localaws.runtime import Runtime

NO_MEMBER = (
    'connection refused on AWS: the DB cluster "{name}" has no DB instance. Add one with CreateDBInstance'
)
STOPPED = 'connection refused on AWS: the DB cluster "{name}" is stopped. Start it with StartDBCluster'
NONE_SUITS = (
    'connection refused on AWS: no DB instance of the DB cluster "{name}" that this endpoint leads to is '
    "available. Wait, or change its members with ModifyDBClusterEndpoint"
)


class ClusterDoors:
    """Opens, leads and closes the endpoints of clusters."""

    def __init__(self, model: ClusterModel, instances: Model, runtime: Runtime) -> None:
        self._model = model
        self._instances = instances
        self._runtime = runtime
        self._tokens = Tokens(runtime.control)
        self._open: dict[str, tuple[Address, str]] = {}
        self._views: dict[str, ClusterView] = {}
        self._led: dict[str, tuple[tuple[str, ...], str]] = {}
        self._lock = threading.RLock()

    def keep(self, view: ClusterView, primary: Node | None, readers: list[Node]) -> dict[str, str]:
        """Have the endpoints of a cluster open, and lead where they should; return their addresses."""
        with self._lock:
            former = self._views.get(view.place.id)
            self._views[view.place.id] = view
            addresses = {each.key: self._listen(view, each) for each in view.endpoints}
            for each in former.endpoints if former is not None else ():
                if each.key not in addresses:
                    self._forget(_name(view.place.id, each.key))
            force = all(member.force_ssl for member in view.members)
            for each in view.endpoints:
                self._runtime.front.update(_name(view.place.id, each.key), force_tls=force)
            self.lead(view.place.id, primary, readers)
            return addresses

    def lead(self, cluster_id: str, primary: Node | None, readers: list[Node]) -> None:
        """Lead the endpoints of a cluster to these servers."""
        with self._lock:
            view = self._views.get(cluster_id)
            for each in view.endpoints if view is not None else ():
                if view is not None and _name(cluster_id, each.key) in self._open:
                    self._lead(view, each, primary, readers)

    def _lead(
        self, view: ClusterView, endpoint: EndpointView, primary: Node | None, readers: list[Node]
    ) -> None:
        chosen = _choose(endpoint, primary, readers)
        name = _name(view.place.id, endpoint.key)
        reason = "" if chosen else _reason(view, endpoint)
        wanted = (tuple(node.name for node in chosen), reason)
        if self._led.get(name) != wanted:
            servers = [self._server(view.place, node) for node in chosen] or None
            self._runtime.front.retarget(name, servers, reason=reason)
            self._led[name] = wanted

    def _server(self, place: Place, node: Node) -> Server:
        member = Place(place.account_id, place.region, node.name)
        return Server(
            node.server.socket,
            name=node.name,
            target=lambda: self._instances.target(member),
            log=node.server.append_log,
        )

    def _listen(self, view: ClusterView, endpoint: EndpointView) -> str:
        name = _name(view.place.id, endpoint.key)
        address = self._runtime.addresses.claim(name, view.port)
        if self._open.get(name) != (address, endpoint.dns_name):
            address = self._runtime.listen(
                name, view.port, lambda address: self._endpoint(view, endpoint, address)
            )
            self._open[name] = (address, endpoint.dns_name)
            self._led.pop(name, None)
        return address.address

    def _endpoint(self, view: ClusterView, endpoint: EndpointView, address: Address) -> Endpoint:
        place, name = view.place, _name(view.place.id, endpoint.key)
        hosts = (address.address, endpoint.dns_name)
        return Endpoint(
            name=name,
            kind="postgres",
            address=address.address,
            port=address.port,
            server=None,
            target=lambda: self._model.target(place),
            certificate=self._runtime.certificates.issue(
                name, addresses=[address.address], names=[endpoint.dns_name]
            ),
            names=(endpoint.dns_name,),
            force_tls=True,
            reason=_reason(view, endpoint),
            judge=self._tokens.judge(
                Audience(place.account_id, place.region, hosts, address.port, place.id),
                lambda: self._model.admits_tokens(place),
            ),
        )

    def forget(self, cluster_id: str) -> None:
        """Close all endpoints of a cluster for good."""
        with self._lock:
            self._views.pop(cluster_id, None)
            for name in [each for each in self._open if each.startswith(f"{cluster_id}-")]:
                self._forget(name)

    def _forget(self, name: str) -> None:
        self._runtime.front.close(name)
        self._open.pop(name, None)
        self._led.pop(name, None)
        self._runtime.addresses.release(name)
        self._runtime.certificates.forget(name)


def _name(cluster_id: str, key: str) -> str:
    return f"{cluster_id}-{key}"


def _choose(endpoint: EndpointView, primary: Node | None, readers: Iterable[Node]) -> list[Node]:
    """The nodes that an endpoint leads to: of those without readers only READER falls back to the writer."""
    writer = [primary] if primary is not None else []
    if endpoint.kind == "WRITER":
        return writer
    found = [node for node in readers if node is not primary and endpoint.allows(node.name)]
    if endpoint.kind == "ANY":
        return [node for node in writer if endpoint.allows(node.name)] + found
    return found or (writer if not endpoint.static and endpoint.key == "reader" else [])


def _reason(view: ClusterView, endpoint: EndpointView) -> str:
    """What clients of an endpoint that leads nowhere are told; empty while a server is on its way."""
    if view.resting == "stopped":
        return STOPPED.format(name=view.identifier)
    if not view.members:
        return NO_MEMBER.format(name=view.identifier)
    return "" if endpoint.key in ("writer", "reader") else NONE_SUITS.format(name=view.identifier)
