"""What each item of a DB instance's work does to its server and its endpoint."""

from __future__ import annotations

import concurrent.futures
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localaws.addresses import Address
from localaws.engines import process, spare
from localaws.engines.backup import copy_snapshot, unfinished
from localaws.engines.binaries import find_all, find_postgres
from localaws.engines.pidfile import PidFile
from localaws.engines.postgres import PostgresServer, erase
from localaws.errors import LocalawsError
from localaws.rds.doors import Doors
from localaws.rds.view import InstanceView, Model, Place
from localaws.rds.work import Modify, Restore, Snapshot

if TYPE_CHECKING:
    from localaws.state import StateDir

RESOURCE_TAIL = 12
"""Characters of a DbiResourceId in a socket folder's name: its path has a limit of about 100 bytes."""


class SnapshotMissing(LocalawsError):
    """The data of a snapshot are not on this machine."""


class Provision:
    """Carries out work items; each can be carried out again after a crash."""

    def __init__(self, state: StateDir, model: Model, doors: Doors, on_exit: Callable[[], None]) -> None:
        self._state = state
        self._on_exit = on_exit
        self._watched: dict[str, int] = {}
        self._root = state.engines_root
        self._sockets = state.sockets_root
        self._model = model
        self._doors = doors
        self._servers: dict[str, PostgresServer] = {}
        self._actions: dict[str, Callable[[InstanceView, Any], None]] = {
            "create": self._create,
            "restore": self._restore,
            "snapshot": self._snapshot,
            "modify": self._modify,
            "configure": self._configure,
            "reboot": self._reboot,
            "stop": self._stop,
            "start": self._start,
            "delete": self._delete,
        }

    def perform(self, view: InstanceView) -> None:
        """Carry out the head of an instance's work and settle it."""
        item = view.item
        if item is not None:
            self._actions[item["do"]](view, item)

    def server(self, place: Place) -> PostgresServer | None:
        """Return the server of an instance that this process has looked after."""
        return self._servers.get(place.id)

    def alive(self, place: Place) -> bool:
        """Whether the instance's server runs."""
        server = self._servers.get(place.id)
        return server is not None and server.alive()

    def ended_in_order(self, place: Place) -> bool:
        """Whether the last server of an instance ended as one does that was asked to."""
        return PidFile.read(self._home(place) / "data") is None

    def revive(self, view: InstanceView) -> None:
        """Start the server of an instance whose server is down though it should run."""
        self._doors.point(view.place.id, None)
        address = self._run(view)
        self._model.settle(view.place, "endpoint", address=address.address, port=address.port)
        self._model.settle(view.place, "recovered")

    def prepare(self) -> None:
        """Have a spare cluster ready, so that the next database is made quickly."""
        for binaries in find_all()[:1]:
            spare.prepare(self._root, binaries, durable=self._state.durable)

    def prepared(self) -> bool:
        """Whether the next database is made quickly already."""
        return all(spare.is_ready(self._root, binaries) for binaries in find_all()[:1])

    def stop_all(self) -> None:
        """Stop every server in order, several at a time."""
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(PostgresServer.stop, self._servers.values()))

    def _server_for(self, view: InstanceView) -> PostgresServer:
        """Return the instance's server, with the binaries of its version."""
        known = self._servers.get(view.place.id)
        binaries = find_postgres(view.engine_version)
        if known is not None and known.binaries.version == binaries.version:
            return known
        if known is not None:
            known.stop()
        server = PostgresServer(
            self._home(view.place),
            self._socket_folder(view.place),
            binaries=binaries,
            durable=self._state.durable,
        )
        self._servers[view.place.id] = server
        return server

    def _home(self, place: Place) -> Path:
        return self._root / f"postgres-{place.id}"

    def _socket_folder(self, place: Place) -> Path:
        return self._sockets / place.id[-RESOURCE_TAIL:]

    def snapshot_folder(self, data_id: str) -> Path:
        """Folder of a snapshot's data."""
        return self._root / f"snapshot-{data_id}"

    def _run(self, view: InstanceView) -> Address:
        """Have the server run with the instance's settings, and its endpoint lead to it."""
        server = self._server_for(view)
        server.configure(view.settings)
        if not server.alive():
            server.start()
        return self._admit(view, server)

    def _admit(self, view: InstanceView, server: PostgresServer) -> Address:
        """Open the endpoint of a server that has started, and hear of it when the server ends."""
        pid = server.pid
        if pid is not None and self._watched.get(view.place.id) != pid:
            self._watched[view.place.id] = pid
            process.watch(pid, self._on_exit)
        return self._doors.open(view, server)

    def _restart(self, view: InstanceView) -> Address:
        self._doors.point(view.place.id, None)
        server = self._server_for(view)
        server.stop()
        return self._run(view)

    def _create(self, view: InstanceView, _: object) -> None:
        server = self._server_for(view)
        server.create(
            username=view.username, password=view.password, database=view.database, settings=view.settings
        )
        self._announce(view, server)

    def _restore(self, view: InstanceView, item: Restore) -> None:
        source = self.snapshot_folder(item["snapshot"])
        if not (source / "data").is_dir():
            raise SnapshotMissing(f"the data of the snapshot are not in {source}: take another snapshot")
        server = self._server_for(view)
        server.stop(immediate=True)
        server = PostgresServer.restore(
            source,
            server.home,
            server.sockets,
            binaries=find_postgres(view.engine_version),
            durable=self._state.durable,
            settings=view.settings,
        )
        self._servers[view.place.id] = server
        if item["set_password"]:
            server.set_password(view.username, view.password)
        self._announce(view, server)

    def _announce(self, view: InstanceView, server: PostgresServer) -> None:
        address = self._admit(view, server)
        self._model.settle(
            view.place,
            "created",
            address=address.address,
            port=address.port,
            engine_version=server.binaries.version,
        )

    def _snapshot(self, view: InstanceView, item: Snapshot) -> None:
        if view.should_run:
            self._ensure_running(view)
        self._server_for(view).snapshot(self.snapshot_folder(item["snapshot"]))
        self._model.settle(view.place, "snapshot_taken", snapshot=item["snapshot"])

    def _modify(self, view: InstanceView, item: Modify) -> None:
        if view.resting == "stopped":
            self._modify_stopped(view, item)
            return
        running = self._server_for(view)
        if "master_user_password" in item["changes"]:
            self._ensure_running(view)
            running.set_password(view.username, str(item["changes"]["master_user_password"]))
        if item["restart"] or "port" in item["changes"] or "engine_version" in item["changes"]:
            address = self._restart(view)
        else:
            address = self._run(view)
        self._model.settle(view.place, "modified", address=address.address, port=address.port)
        renamed = self._model.instance(view.place)
        if renamed is not None and renamed.dns_name != view.dns_name:
            self._doors.open(renamed, running)

    def _modify_stopped(self, view: InstanceView, item: Modify) -> None:
        server = self._server_for(view)
        server.configure(view.settings)
        if "master_user_password" in item["changes"]:
            server.start()
            server.set_password(view.username, str(item["changes"]["master_user_password"]))
            server.stop()
        address = self._doors.reserve(view)
        self._model.settle(view.place, "modified", address=address.address, port=address.port)

    def _configure(self, view: InstanceView, _: object) -> None:
        server = self._server_for(view)
        server.configure(view.settings)
        if server.alive():
            server.reload()
        self._doors.update(view)
        self._model.settle(view.place, "configured")

    def _reboot(self, view: InstanceView, _: object) -> None:
        self._restart(view)
        self._model.settle(view.place, "rebooted")

    def _stop(self, view: InstanceView, _: object) -> None:
        self._doors.close(view.place.id)
        self._server_for(view).stop()
        self._model.settle(view.place, "stopped")

    def _start(self, view: InstanceView, _: object) -> None:
        address = self._run(view)
        self._model.settle(view.place, "started", address=address.address, port=address.port)

    def _delete(self, view: InstanceView, _: object) -> None:
        self._doors.forget(view.place.id)
        server = self._servers.pop(view.place.id, None)
        if server is not None:
            server.stop(immediate=True)
        # without the server's program too: it may have been uninstalled
        erase(self._home(view.place), self._socket_folder(view.place))
        self._model.settle(view.place, "deleted")

    def _ensure_running(self, view: InstanceView) -> None:
        server = self._server_for(view)
        if not server.alive():
            self._run(view)

    def copy_snapshot(self, place: Place, source: str) -> None:
        """Copy the data of a snapshot for another one."""
        copy_snapshot(
            self.snapshot_folder(source), self.snapshot_folder(place.id), durable=self._state.durable
        )
        self._model.settle_snapshot(place, "snapshot_copied")

    def discard_snapshot(self, place: Place) -> None:
        """Remove the data of a snapshot that nothing refers to."""
        folder = self.snapshot_folder(place.id)
        for left in (folder, unfinished(folder)):
            if left.exists():
                shutil.rmtree(left)
        self._model.settle_snapshot(place, "discarded")
