"""What each item of a MariaDB instance's work does to its server and its endpoint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localaws.addresses import Address
from localaws.engines import process
from localaws.engines.mariadb import MariaServer, erase
from localaws.engines.mariaprograms import required
from localaws.engines.mariatemplate import template_for
from localaws.engines.spread import spread
from localaws.errors import LocalawsError
from localaws.rds.doors import Doors
from localaws.rds.view import InstanceView, Model, Place
from localaws.rds.work import Modify, Restore, Snapshot

if TYPE_CHECKING:
    from localaws.state import StateDir

_TAIL = 12
"""Characters of a DbiResourceId in a socket folder's name: its path has a limit of about 100 bytes."""


class MariaProvision:
    """Carries out work items; each can be carried out again after a crash."""

    def __init__(self, state: StateDir, model: Model, doors: Doors, on_exit: Callable[[], None]) -> None:
        self._state = state
        self._model = model
        self._doors = doors
        self._on_exit = on_exit
        self._watched: dict[str, int] = {}
        self._servers: dict[str, MariaServer] = {}
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
        if view.item is not None:
            self._actions[view.item["do"]](view, view.item)

    def home(self, place: Place) -> Path:
        """Folder of an instance's data and logs."""
        return self._state.engines_root / f"mariadb-{place.id}"

    def known(self, place: Place) -> MariaServer | None:
        """The server of an instance that this process has looked after."""
        return self._servers.get(place.id)

    def servers(self) -> list[MariaServer]:
        """All servers."""
        return list(self._servers.values())

    def alive(self, place: Place) -> bool:
        """Whether the instance's server runs."""
        server = self.known(place)
        return server is not None and server.alive()

    def revive(self, view: InstanceView) -> None:
        """Start the server of an instance that is down though it should run."""
        self._doors.point(view.place.id, None)
        address = self._run(view)
        self._model.settle(view.place, "endpoint", address=address.address, port=address.port)
        self._model.settle(view.place, "recovered")

    def _server(self, view: InstanceView) -> MariaServer:
        known = self.known(view.place)
        if known is None:
            known = MariaServer(
                self.home(view.place),
                self._sockets(view.place),
                binaries=required(),
                durable=self._state.durable,
            )
            self._servers[view.place.id] = known
        return known

    def _sockets(self, place: Place) -> Path:
        return self._state.sockets_root / f"{place.id[-_TAIL:]}m"

    def _run(self, view: InstanceView) -> Address:
        """Have the server run with the instance's settings, and its endpoint lead to it."""
        server = self._server(view)
        server.configure(view.settings)
        if not server.alive():
            server.start()
        return self._admit(view, server)

    def _admit(self, view: InstanceView, server: MariaServer) -> Address:
        """Open the endpoint of a server that runs, and hear of it when the server ends."""
        pid = server.pid
        if pid is not None and self._watched.get(view.place.id) != pid:
            self._watched[view.place.id] = pid
            process.watch(pid, self._on_exit)
        return self._doors.open(view, server)

    def _restart(self, view: InstanceView) -> Address:
        self._doors.point(view.place.id, None)
        self._server(view).stop()
        return self._run(view)

    def _create(self, view: InstanceView, _: object) -> None:
        server = self._server(view)
        spread(server.home.parent)
        server.create(
            template_for(server.binaries).data,
            username=view.username,
            password=view.password,
            database=view.database,
            settings=view.settings,
        )
        self._announce(view, server)

    def _restore(self, view: InstanceView, item: Restore) -> None:
        source = self._snapshot_folder(item["snapshot"])
        if not (source / "data").is_dir():
            raise LocalawsError(f"the data of the snapshot are not in {source}: take another snapshot")
        server = self._server(view)
        server.restore(source, view.settings)
        if item["set_password"]:
            server.set_password(view.username, view.password)
        self._announce(view, server)

    def _announce(self, view: InstanceView, server: MariaServer) -> None:
        address = self._admit(view, server)
        self._model.settle(
            view.place,
            "created",
            address=address.address,
            port=address.port,
            engine_version=server.binaries.version,
        )

    def _snapshot_folder(self, data_id: str) -> Path:
        return self._state.engines_root / f"snapshot-{data_id}"

    def _snapshot(self, view: InstanceView, item: Snapshot) -> None:
        if view.should_run:
            self._run(view)
        self._server(view).snapshot(self._snapshot_folder(item["snapshot"]))
        self._model.settle(view.place, "snapshot_taken", snapshot=item["snapshot"])

    def _modify(self, view: InstanceView, item: Modify) -> None:
        server, stopped = self._server(view), view.resting == "stopped"
        password = item["changes"].get("master_user_password")
        if password is not None:
            if not server.alive():
                server.configure(view.settings)
                server.start()
            server.set_password(view.username, str(password))
        if stopped:
            server.stop()
            address = self._doors.reserve(view)
        elif item["restart"] or "port" in item["changes"]:
            address = self._restart(view)
        else:
            address = self._run(view)
        self._model.settle(view.place, "modified", address=address.address, port=address.port)
        renamed = self._model.instance(view.place)
        if not stopped and renamed is not None and renamed.dns_name != view.dns_name:
            self._doors.open(renamed, server)

    def _configure(self, view: InstanceView, _: object) -> None:
        server = self._server(view)
        server.configure(view.settings)
        if server.alive():
            server.apply(view.settings)
        self._doors.update(view)
        self._model.settle(view.place, "configured")

    def _reboot(self, view: InstanceView, _: object) -> None:
        self._restart(view)
        self._model.settle(view.place, "rebooted")

    def _stop(self, view: InstanceView, _: object) -> None:
        self._doors.close(view.place.id)
        self._server(view).stop()
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
        erase(self.home(view.place), self._sockets(view.place))
        self._model.settle(view.place, "deleted")
