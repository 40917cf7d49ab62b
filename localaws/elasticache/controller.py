"""Keeps the Valkey servers and endpoints as the ElastiCache model asks, and tells the model what happened."""

from __future__ import annotations

import functools
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from localaws.addresses import Address
from localaws.elasticache.view import ClusterView, Model, Place
from localaws.engines.binaries import EngineMissing, find_valkey
from localaws.engines.process import EngineFailed
from localaws.engines.valkey import ValkeyServer
from localaws.relay import Endpoint
from localaws.relay.front import EndpointError

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.reconcile import Engine
    from localaws.runtime import Runtime

log = logging.getLogger(__name__)


class CacheController:
    """The reconciler's controller of ElastiCache."""

    def __init__(self, control: ControlPlane, runtime: Runtime) -> None:
        self._state = control.state
        self._runtime = runtime
        self._model = Model(control)
        self._root = control.state.engines_root
        self._sockets = control.state.sockets_root
        self._servers: dict[str, ValkeyServer] = {}
        self._addresses: dict[str, Address] = {}
        self._work: dict[str, Callable[[ClusterView], None]] = {
            "create": self._create,
            "modify": self._modify,
            "reboot": self._reboot,
            "delete": self._delete,
        }
        for view in self._model.clusters():
            # nothing runs yet: no caller may read "available" before it is true
            if view.should_run:
                self._model.settle(view.place, "crashed")

    def reconcile(self) -> None:
        """Submit a job for each cluster that needs attention."""
        for view in self._model.clusters():
            if view.work or (view.should_run and not self._healthy(view)):
                self._runtime.reconciler.submit(view.place.uid, functools.partial(self._attend, view.place))

    def shutdown(self) -> None:
        """Stop all servers in order."""
        for server in list(self._servers.values()):
            server.stop()

    def engines(self) -> list[Engine]:
        """Return the servers."""
        found: list[Engine] = []
        for view in self._model.clusters():
            server = self._servers.get(view.place.uid)
            pid = server.pid if server else None
            found.append({"name": view.identifier, "kind": "valkey", "status": view.status, "pid": pid})
        return found

    def _healthy(self, view: ClusterView) -> bool:
        server = self._servers.get(view.place.uid)
        return server is not None and server.alive() and view.status == "available"

    def _attend(self, place: Place) -> None:
        """Do all the work of a cluster, then have its server run if it should."""
        while (view := self._model.cluster(place)) is not None and view.work:
            self._work[view.work](view)
        if view is not None and view.should_run and not self._healthy(view):
            self._revive(view)

    def _create(self, view: ClusterView) -> None:
        try:
            server = self._server(view.place)
            server.create(view.settings, password=view.password)
            address = self._open(view, server)
        except (EngineMissing, EngineFailed, EndpointError) as error:
            log.error("the cache %s was not created: %s", view.identifier, error)
            self._model.settle(view.place, "failed")
            return
        self._settle(view, "created", address)

    def _modify(self, view: ClusterView) -> None:
        server = self._server(view.place)
        server.stop()
        self._settle(view, "modified", self._run(view, server))

    def _reboot(self, view: ClusterView) -> None:
        server = self._server(view.place)
        server.stop()
        self._settle(view, "rebooted", self._run(view, server))

    def _delete(self, view: ClusterView) -> None:
        uid = view.place.uid
        self._runtime.front.close(uid)
        self._addresses.pop(uid, None)
        server = self._servers.pop(uid, None)
        if server:
            server.stop(immediate=True)
        # without the server's program too: it may have been uninstalled
        for folder in (self._home(uid), self._socket_folder(uid)):
            shutil.rmtree(folder, ignore_errors=True)
        self._runtime.addresses.release(uid)
        self._runtime.certificates.forget(uid)
        self._model.settle(view.place, "deleted")

    def _revive(self, view: ClusterView) -> None:
        if view.status == "available":
            log.warning("the server of the cache %s has ended and is started again", view.identifier)
            self._model.settle(view.place, "crashed")
        self._settle(view, "recovered", self._run(view, self._server(view.place)))

    def _run(self, view: ClusterView, server: ValkeyServer) -> Address:
        server.configure(view.settings, password=view.password)
        if not server.alive():
            server.start()
        return self._open(view, server)

    def _settle(self, view: ClusterView, name: str, address: Address) -> None:
        self._model.settle(view.place, name, address=address.address, port=address.port)

    def _server(self, place: Place) -> ValkeyServer:
        if place.uid not in self._servers:
            self._servers[place.uid] = ValkeyServer(
                self._home(place.uid),
                self._socket_folder(place.uid),
                binary=find_valkey(),
                durable=self._state.durable,
            )
        return self._servers[place.uid]

    def _home(self, uid: str) -> Path:
        return self._root / f"valkey-{uid}"

    def _socket_folder(self, uid: str) -> Path:
        return self._sockets / uid[:12]

    def _open(self, view: ClusterView, server: ValkeyServer) -> Address:
        uid = view.place.uid
        if uid not in self._addresses:
            self._addresses[uid] = self._runtime.listen(
                uid, view.port, lambda address: self._endpoint(view, server, address)
            )
        return self._addresses[uid]

    def _endpoint(self, view: ClusterView, server: ValkeyServer, address: Address) -> Endpoint:
        certificate = None
        if view.encrypted:
            certificate = self._runtime.certificates.issue(
                view.place.uid, addresses=[address.address], names=[view.dns_name]
            )
        return Endpoint(
            name=view.place.uid,
            kind="redis",
            address=address.address,
            port=address.port,
            server=server.socket,
            target=lambda: self._model.target(view.place),
            certificate=certificate,
            names=(view.dns_name,),
            force_tls=view.encrypted,
        )
