"""Keeps MariaDB servers and their endpoints as the RDS model asks, and tells the model what has happened."""

from __future__ import annotations

import concurrent.futures
import functools
import logging
from typing import TYPE_CHECKING

from localaws.engines.single import PID_NAME
from localaws.rds.doors import Doors
from localaws.rds.mariadb.provision import MariaProvision
from localaws.rds.mariadb.rules import ENGINE
from localaws.rds.view import Glance, InstanceView, Model, Place

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.reconcile import Engine
    from localaws.runtime import Runtime

log = logging.getLogger(__name__)

_MAKING = frozenset({"create", "restore"})
_WITHOUT_HARM = frozenset({"snapshot", "configure", "delete"})
"""Work whose failure leaves the instance in the state it had."""


class MariaController:
    """The reconciler's controller of MariaDB instances."""

    def __init__(self, control: ControlPlane, runtime: Runtime) -> None:
        self._reconciler = runtime.reconciler
        self._model = Model(control, engines=frozenset({ENGINE}))
        doors = Doors(self._model, runtime, kind="mysql")
        self._provision = MariaProvision(control.state, self._model, doors, self._reconciler.wake)
        self._noted: set[str] = set()
        for glance in self._model.glances():
            # nothing runs yet: no caller may read "available" before it is true
            if glance.should_run and not glance.busy:
                in_order = not (self._provision.home(glance.place) / PID_NAME).exists()
                self._model.settle(glance.place, "paused" if in_order else "crashed")

    def reconcile(self) -> None:
        """Submit a job for each instance that needs attention."""
        for glance in self._model.glances():
            if glance.due and not glance.busy:
                self._model.settle(glance.place, "maintained")
            if glance.busy or self._is_down(glance):
                self._reconciler.submit(glance.place.id, functools.partial(self._attend, glance.place))

    def _is_down(self, glance: Glance) -> bool:
        return glance.should_run and not self._provision.alive(glance.place)

    def shutdown(self) -> None:
        """Stop all servers in order."""
        servers = self._provision.servers()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda server: server.stop(), servers))

    def engines(self) -> list[Engine]:
        """Return the servers."""
        found: list[Engine] = []
        for glance in self._model.glances():
            server = self._provision.known(glance.place)
            pid = server.pid if server is not None else None
            found.append({"name": glance.identifier, "kind": ENGINE, "status": glance.status, "pid": pid})
        return found

    def _attend(self, place: Place) -> None:
        """Do all the work of an instance, one item after the other, then have it run if it should."""
        while (view := self._model.instance(place)) is not None and view.item is not None:
            self._perform(view)
        if view is not None and view.should_run and not self._provision.alive(place):
            self._revive(view)

    def _perform(self, view: InstanceView) -> None:
        do = view.item["do"] if view.item is not None else ""
        try:
            self._provision.perform(view)
        except Exception as error:
            log.exception("%s of %s failed", do, view.identifier)
            if do == "delete":
                # only a retry can end it: the reconciler holds it back a little
                raise
            self._model.settle(view.place, "failed", do=do, status=_after(do, view), reason=str(error))

    def _revive(self, view: InstanceView) -> None:
        self._model.settle(view.place, "crashed")
        try:
            self._provision.revive(view)
        except Exception as error:
            if view.place.id not in self._noted:
                self._noted.add(view.place.id)
                message = f"The database server does not start and will be tried again: {error}"
                self._model.settle(view.place, "noted", message=message, categories=["failure"])
            raise
        self._noted.discard(view.place.id)


def _after(do: str, view: InstanceView) -> str:
    """Return the DBInstanceStatus that a failure leads to."""
    if do in _MAKING:
        return "failed"
    return view.resting if do in _WITHOUT_HARM else "incompatible-parameters"
