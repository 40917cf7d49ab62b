"""Keeps the memcached servers and endpoints as the ElastiCache model asks."""

from __future__ import annotations

import functools
import logging
import shutil
from typing import TYPE_CHECKING

from localaws import zones
from localaws.elasticache.doors import Doors
from localaws.elasticache.folders import Folders
from localaws.elasticache.squad import CacheDown
from localaws.elasticache.view import MemberView, Model, OwnerView, Place
from localaws.engines import process
from localaws.engines.binaries import EngineMissing
from localaws.engines.memcached import MemcachedServer, find_memcached
from localaws.engines.process import EngineFailed
from localaws.relay import Server
from localaws.relay.front import EndpointError

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.reconcile import Engine
    from localaws.runtime import Runtime

log = logging.getLogger(__name__)

Key = tuple[str, str]
"""A cluster's uid and a node's number."""


class MemcachedController:
    """The reconciler's controller of ElastiCache's Memcached."""

    def __init__(self, control: ControlPlane, runtime: Runtime) -> None:
        self._state = control.state
        self._reconciler = runtime.reconciler
        self._model = Model(control)
        self._doors = Doors(self._model, runtime)
        self._folders = Folders(control.state.engines_root, control.state.sockets_root)
        self._servers: dict[Key, MemcachedServer] = {}
        self._begun: set[Key] = set()
        for view in self._model.owners(memcached=True):
            if view.members[0].state == "available":
                self._model.settle(view.place, "down", member=view.uid, crash=False)

    def reconcile(self) -> None:
        """Submit a job for each cluster that needs attention."""
        failed = zones.failed(self._state)
        for view in self._model.owners(memcached=True):
            resting = not view.head and view.status != "restore-failed"
            if view.head or (resting and not self._healthy(view, failed)):
                self._reconciler.submit(view.uid, functools.partial(self._attend, view.place))

    def shutdown(self) -> None:
        """Stop all servers."""
        for server in list(self._servers.values()):
            server.stop()

    def engines(self) -> list[Engine]:
        """Return the servers."""
        found: list[Engine] = []
        for view in self._model.owners(memcached=True):
            for number, _ in view.members[0].nodes:
                server = self._servers.get((view.uid, number))
                name = f"{view.identifier}.{number}"
                pid = server.pid if server else None
                found.append({"name": name, "kind": "memcached", "status": view.status, "pid": pid})
        return found

    def _healthy(self, view: OwnerView, failed: frozenset[str]) -> bool:
        [member] = view.members
        up = [number for number, zone in member.nodes if zone not in failed]
        runs = all(self._runs((view.uid, number)) == (number in up) for number, _ in member.nodes)
        return runs and member.state == ("available" if len(up) == len(member.nodes) else "down")

    def _runs(self, key: Key) -> bool:
        return key in self._begun and self._servers[key].alive()

    def _attend(self, place: Place) -> None:
        while (view := self._model.owner(place)) is not None and view.head:
            if view.head["do"] == "delete":
                self._delete(view)
            else:
                self._work(view)
        if view is not None and view.status != "restore-failed":
            self._keep(view)

    def _work(self, view: OwnerView) -> None:
        head = view.head or {}
        do, [member] = head["do"], view.members
        try:
            if do == "reboot":
                for number in head["numbers"]:
                    self._begun.discard((view.uid, number))
                    self._server((view.uid, number)).stop(immediate=True)
            if do == "modify":
                self._model.settle(view.place, "scaled")
            self._stand(self._model.owner(view.place) or view)
        except (EngineMissing, EngineFailed, EndpointError, OSError) as error:
            if do != "create":
                raise CacheDown(f"{view.identifier}: {error}") from error
            log.error("the cache %s was not created: %s", view.identifier, error)
            self._model.settle(view.place, "failed")
            return
        self._model.settle(view.place, "made", member=member.uid)
        self._model.settle(view.place, "up", member=member.uid)
        self._model.settle(view.place, "finished", do=do)

    def _keep(self, view: OwnerView) -> None:
        failed = zones.failed(self._state)
        [member] = view.members
        if self._healthy(view, failed):
            return
        dead = [number for number, _ in member.nodes if not self._runs((view.uid, number))]
        if any((view.uid, number) in self._begun for number in dead):
            self._model.settle(view.place, "down", member=member.uid, crash=True)
        self._stand(view)
        if not any(zone in failed for _, zone in member.nodes):
            self._model.settle(view.place, "up", member=member.uid)

    def _stand(self, view: OwnerView) -> None:
        """Have a server for each node, endpoints before them, and nothing that is of no node."""
        failed = zones.failed(self._state)
        [member] = view.members
        numbers = {number for number, _ in member.nodes}
        for number in self._folders.memcached_homes(view.uid).keys() - numbers:
            self._remove((view.uid, number))
        for number, zone in member.nodes:
            key = (view.uid, number)
            server = self._server(key)
            if zone in failed:
                server.stop(immediate=True)
                self._begun.discard(key)
            elif not self._runs(key):
                self._begin(key, server, member.options)
        self._place(view, member)

    def _begin(self, key: Key, server: MemcachedServer, options: tuple[str, ...]) -> None:
        server.run(options)
        self._begun.add(key)
        if server.pid is not None:
            process.watch(server.pid, self._reconciler.wake)

    def _place(self, view: OwnerView, member: MemberView) -> None:
        addresses, lines = {}, []
        for number, _ in member.nodes:
            name = f"{view.uid}-{number}"
            dns = member.dns_name.replace(view.identifier, f"{view.identifier}.{number}", 1)
            socket = self._servers[(view.uid, number)].socket
            at = self._doors.node(view, name, socket, member.identifier, dns)
            addresses[number] = [at.address, at.port]
            lines.append(f"{dns}|{at.address}|{at.port}")
        first = self._servers[(view.uid, member.nodes[0][0])].socket
        at = self._doors.configuration(
            view, Server(first, name=f"{view.uid}-{member.nodes[0][0]}"), lambda: lines
        )
        endpoints = {"configuration": [at.address, at.port]}
        self._model.settle(view.place, "placed", nodes={member.uid: addresses}, endpoints=endpoints)

    def _server(self, key: Key) -> MemcachedServer:
        if key not in self._servers:
            home, sockets = self._folders.memcached(*key)
            self._servers[key] = MemcachedServer(home, sockets, binary=find_memcached())
        return self._servers[key]

    def _remove(self, key: Key) -> None:
        self._doors.close("-".join(key))
        server = self._servers.pop(key, None)
        self._begun.discard(key)
        home, sockets = self._folders.memcached(*key)
        if server is not None:
            server.remove()
        elif home.exists():
            process.kill_all_in(home)
        for folder in (home, sockets):
            shutil.rmtree(folder, ignore_errors=True)

    def _delete(self, view: OwnerView) -> None:
        known = {number for uid, number in self._servers if uid == view.uid}
        for number in known | self._folders.memcached_homes(view.uid).keys():
            self._remove((view.uid, number))
        self._doors.close_group(view.uid)
        self._model.settle(view.place, "deleted", retained=None)
