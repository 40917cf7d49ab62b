"""Runs what EC2's instances are told to run, and ends it with them."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from localaws import zones
from localaws.bridge.ec2 import Ec2View, Host
from localaws.ec2 import userdata
from localaws.ec2.responses import CONSOLES
from localaws.hosts.keys import profile_role
from localaws.hosts.machine import Card, Machine
from localaws.network import Origin, Target

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.reconcile import Engine
    from localaws.runtime import Runtime

BOOT = "boot"
"""The run of a machine that is its user data; get_console_output shows what it wrote."""
START = 10.0
GRACE = 5.0
"""Seconds that programs have to end when their instance is stopped."""
SHUTDOWN = 2.0
LOOK = 1.0
"""Seconds between two looks at what listens on the machines."""
UP = frozenset({"pending", "running"})


@dataclass(frozen=True)
class Place:
    """An instance of an account and Region."""

    account_id: str
    region: str
    host: Host

    @property
    def uid(self) -> str:
        """Its identifier, which no other has."""
        return self.host.id


class Ec2Controller:
    """The reconciler's controller of EC2."""

    def __init__(self, control: ControlPlane, runtime: Runtime) -> None:
        self._control = control
        self._runtime = runtime
        self._machines = runtime.machines
        self._machines.instance = self.machine
        self._looked = 0.0
        CONSOLES.root = control.state.engines_root
        for place in self._places():
            if place.host.state == "running" and userdata.script(place.host.user_data) is not None:
                # nothing runs yet: no caller may read "running" before it is true
                self._settle(place, "crashed")

    def reconcile(self) -> None:
        """Submit a job for each instance that needs attention."""
        down = zones.failed(self._control.state)
        places = self._places()
        for place in places:
            self._attend(place, up=place.host.state in UP and place.host.zone not in down)
        for uid in self._machines.kept("i-") - {
            each.uid for each in places if each.host.state != "terminated"
        }:
            self._runtime.reconciler.submit(f"ec2 {uid}", functools.partial(self._machines.remove, uid))
        if time.monotonic() - self._looked > LOOK:
            self._looked = time.monotonic()
            for place in places:
                if machine := self._machines.get(place.uid):
                    public = place.host.public_ip
                    machine.elastic = frozenset({public} if public and _loopback(public) else ())
                    machine.look()

    def _attend(self, place: Place, *, up: bool) -> None:
        machine = self._machines.get(place.uid)
        scripted = userdata.script(place.host.user_data) is not None
        leaving = place.host.state in ("stopping", "shutting-down")
        if up and (scripted or machine) and (machine is None or machine.boot != place.host.boot):
            self._submit(place, self._boot)
        elif not up and (leaving or (machine is not None and machine.boot is not None)):
            self._submit(place, self._halt)

    def _submit(self, place: Place, job: Callable[[Place], None]) -> None:
        self._runtime.reconciler.submit(f"ec2 {place.uid}", functools.partial(job, place))

    def _boot(self, place: Place) -> None:
        machine = self._machines.open(self.card(place))
        machine.end(GRACE)
        host = place.host
        script = userdata.script(host.user_data)
        if script is not None:
            role = profile_role(place.account_id, host.profile)
            path = machine.script(BOOT, script)
            farewell = "[localaws] the user data ended with code"
            machine.run(BOOT, [str(path)], role=role, farewell=farewell).started(START)
        machine.boot = host.boot
        self._settle(place, "booted", boot=host.boot)
        self._settle(place, "reachable", address=machine.outer.address)

    def _halt(self, place: Place) -> None:
        machine = self._machines.get(place.uid)
        if machine is not None:
            machine.end(GRACE)
            machine.boot = None
        self._settle(place, "halted" if place.host.state in ("stopping", "shutting-down") else "crashed")

    def machine(self, account_id: str, region: str, instance_id: str) -> Machine | None:
        """Return the machine of a running instance, made if nothing runs on it yet."""
        place = self._find(account_id, region, instance_id)
        if place is None or place.host.state != "running":
            return None
        machine = self._machines.open(self.card(place))
        if machine.boot is None and userdata.script(place.host.user_data) is None:
            machine.boot = place.host.boot
            self._settle(place, "reachable", address=machine.outer.address)
        return machine

    def card(self, place: Place) -> Card:
        """Return who the machine of an instance is."""
        host = place.host
        return Card(
            uid=host.id,
            account_id=place.account_id,
            region=place.region,
            origin=Origin(host.id),
            names=(host.id, host.private_ip, host.private_name),
            target=functools.partial(self._target, place),
            session=host.id,
        )

    def _target(self, place: Place, port: int) -> Target:
        found = self._find(place.account_id, place.region, place.uid)
        host = found.host if found else place.host
        return Target(
            name=host.id,
            vpc_id=host.vpc_id,
            subnet_ids=(host.subnet_id,),
            security_group_ids=host.security_group_ids,
            publicly_accessible=host.public_ip is not None,
            port=port,
            region=place.region,
            account_id=place.account_id,
            noun="host",
        )

    def shutdown(self) -> None:
        """End all programs; the instances stay what they are."""
        machines = [found for uid in self._machines.kept("i-") if (found := self._machines.get(uid))]
        for machine in machines:
            for process in machine.alive():
                process.end(SHUTDOWN)
        for machine in machines:
            machine.end(SHUTDOWN)

    def engines(self) -> list[Engine]:
        """Return the instances on which something runs."""
        found: list[Engine] = []
        for place in self._places():
            machine = self._machines.get(place.uid)
            for process in machine.alive() if machine else ():
                status = place.host.state
                found.append({"name": place.uid, "kind": "ec2", "status": status, "pid": process.pid})
        return found

    def _places(self) -> list[Place]:
        with self._control.lock:
            return [
                Place(account, region, host)
                for account, region, backend in self._control.backends("ec2")
                for host in Ec2View(backend).hosts()
            ]

    def _find(self, account_id: str, region: str, instance_id: str) -> Place | None:
        with self._control.lock:
            view = Ec2View.of(self._control, account_id, region)
            host = view.host(instance_id) if view else None
        return Place(account_id, region, host) if host else None

    def _settle(self, place: Place, name: str, **arguments: Any) -> None:
        self._control.settle("ec2", place.account_id, place.region, name, instance_id=place.uid, **arguments)


def _loopback(address: str) -> bool:
    """Whether this machine has the address; Elastic IP addresses are taken from moto's, which are such."""
    return ip_address(address).is_loopback
