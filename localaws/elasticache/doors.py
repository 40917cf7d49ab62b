"""The endpoints of a cache: of each node, a group's primary and reader, and the door of its replicas."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from localaws.addresses import Address
from localaws.elasticache.view import Model, OwnerView
from localaws.engines.valkey import REPLICATOR, Source
from localaws.relay import Endpoint, Server
from localaws.relay.endpoint import Kind

if TYPE_CHECKING:
    from localaws.runtime import Runtime

PRIMARY, READER, REPLICATION = "primary", "reader", "replication"


class Doors:
    """Opens, leads and closes endpoints; opening one that is open as it should be does nothing."""

    def __init__(self, model: Model, runtime: Runtime) -> None:
        self._model = model
        self._runtime = runtime
        self._open: dict[str, tuple[object, Address]] = {}
        self._led: dict[str, tuple[Server, ...]] = {}

    def node(self, view: OwnerView, name: str, socket: Path, identifier: str, dns: str) -> Address:
        """Open a node's own endpoint."""
        return self._door(view, name, (Server(socket, name=name),), identifier, dns)

    def group(self, view: OwnerView, which: str, servers: tuple[Server, ...]) -> Address:
        """Open an endpoint of a group, and lead it to its servers."""
        name = f"{view.uid}/{which}"
        address = self._door(view, name, servers, view.identifier, view.names[which])
        self.lead(name, servers)
        return address

    def configuration(self, view: OwnerView, server: Server, nodes: Callable[[], list[str]]) -> Address:
        """Open the endpoint that tells of a Memcached cluster's nodes."""
        name = f"{view.uid}/configuration"
        dns = view.names["configuration"]
        address = self._door(view, name, (server,), view.identifier, dns, nodes=nodes)
        self.lead(name, (server,))
        return address

    def lead(self, name: str, servers: tuple[Server, ...]) -> None:
        """Lead an endpoint to servers, if it does not lead there."""
        if name in self._open and self._led.get(name) != servers:
            self._runtime.front.retarget(name, servers)
            self._led[name] = servers

    def present(self, name: str) -> tuple[Server, ...]:
        """Return where an endpoint leads."""
        return self._led.get(name, ())

    def source(self, view: OwnerView, secret: str) -> Source:
        """Open the door through which a group's replicas reach their source, whoever that is.

        A server follows another one by TCP only. Behind this address nothing is reached without the secret,
        which only the group's own servers have; the relay asks for it before it connects.
        """
        name = f"{view.uid}/{REPLICATION}"

        def judge(user: str, given: str) -> str | None:
            known = user == REPLICATOR and hmac.compare_digest(given.encode(), secret.encode())
            return None if known else "it is no replica of the group"

        if name not in self._open:
            address = self._runtime.listen(
                name,
                view.port,
                lambda address: Endpoint(
                    name=name,
                    kind="replication",
                    address=address.address,
                    port=address.port,
                    server=None,
                    target=lambda: self._model.target(view.place, view.identifier),
                    judge=judge,
                ),
            )
            self._open[name] = (None, address)
            self._led[name] = ()
        address = self._open[name][1]
        return Source(address.address, address.port, secret)

    def _door(
        self,
        view: OwnerView,
        name: str,
        servers: tuple[Server, ...],
        identifier: str,
        dns: str,
        nodes: Callable[[], list[str]] | None = None,
    ) -> Address:
        shape = (view.port, view.encrypted, view.tls_only)
        if name not in self._open or self._open[name][0] != shape:
            self._runtime.front.close(name)
            kind: Kind = "memcached" if view.engine == "memcached" else "redis"

            def describe(address: Address) -> Endpoint:
                certificate = None
                if view.encrypted:
                    certificate = self._runtime.certificates.issue(
                        name, addresses=[address.address], names=[dns]
                    )
                return Endpoint(
                    name=name,
                    kind=kind,
                    address=address.address,
                    port=address.port,
                    server=servers,
                    target=lambda: self._model.target(view.place, identifier),
                    certificate=certificate,
                    names=(dns,),
                    force_tls=view.tls_only,
                    nodes=nodes,
                )

            self._open[name] = (shape, self._runtime.listen(name, view.port, describe))
            self._led[name] = servers
        return self._open[name][1]

    def close(self, *names: str) -> None:
        """Close endpoints for good."""
        for name in names:
            self._runtime.front.close(name)
            self._runtime.addresses.release(name)
            self._runtime.certificates.forget(name)
            self._open.pop(name, None)
            self._led.pop(name, None)

    def shut(self, name: str) -> None:
        """Close an endpoint for now; it opens again at its address."""
        self._runtime.front.close(name)
        self._open.pop(name, None)
        self._led.pop(name, None)

    def close_group(self, uid: str) -> None:
        """Close a group's endpoints for good."""
        self.close(*(f"{uid}/{which}" for which in (PRIMARY, READER, REPLICATION, "configuration")))
