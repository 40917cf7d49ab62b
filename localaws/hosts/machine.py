"""What stands for an EC2 instance or an ECS task on this machine: a folder, two addresses, and its processes.

Programs listen on the inner address, which they are told as HOST. Whatever listens there is reached at the
same port of the outer address, where the front asks the network who may enter.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from localaws.addresses import FALLBACK, Address
from localaws.engines.process import send
from localaws.hosts import surroundings
from localaws.hosts.identities import families, listeners
from localaws.hosts.keys import RoleKeys
from localaws.hosts.process import HostProcess, Program
from localaws.network import Origin, Target
from localaws.relay import Endpoint
from localaws.relay.endpoint import Server
from localaws.relay.front import EndpointError

if TYPE_CHECKING:
    from localaws.hosts.machines import Machines

log = logging.getLogger(__name__)

KILLED = 5.0
"""Seconds that a killed process has to be gone."""


@dataclass(frozen=True)
class Card:
    """Who a machine is. `target` describes a port to the network model, `names` are its other addresses."""

    uid: str
    account_id: str
    region: str
    origin: Origin
    names: tuple[str, ...]
    target: Callable[[int], Target]
    session: str
    """The name of its role's sessions."""


@dataclass
class Run:
    """A program of a machine, with the credentials that it was given."""

    process: HostProcess
    keys: RoleKeys | None


@dataclass
class Machine:
    """A machine; `boot` tells which of its host's starts it has made."""

    card: Card
    machines: Machines
    inner: Address
    outer: Address
    boot: int | None = None
    runs: dict[str, Run] = field(default_factory=dict)
    doors: set[tuple[str, int]] = field(default_factory=set)
    elastic: frozenset[str] = frozenset()
    """Further addresses at which it is reached."""

    @property
    def folder(self) -> Path:
        """Everything that it keeps."""
        return self.machines.folder(self.card.uid)

    @property
    def home(self) -> Path:
        """Where its programs work: it stays while the host exists."""
        return self.folder / "home"

    def script(self, name: str, text: bytes) -> Path:
        """Write a program that may be run."""
        folder = self.folder / "scripts"
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / name
        path.write_bytes(text)
        path.chmod(0o700)
        if account := surroundings.account():
            account.own(folder)
            account.own(path)
        return path

    def run(
        self,
        name: str,
        argv: Sequence[str],
        *,
        role: str | None,
        environment: dict[str, str] | None = None,
        split: bool = False,
        farewell: str = "",
        directory: str | None = None,
    ) -> HostProcess:
        """Start a program under a name of its own, with credentials of the role."""
        control = self.machines.control
        card = self.card
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        account = surroundings.account()
        if account is not None:
            account.own(self.folder)
            account.own(self.home)
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        keys = RoleKeys.issue(control, card.account_id, card.region, role, card.session) if role else None
        variables = surroundings.environment(self.home)
        variables |= surroundings.connections(control.state, card.region, self.folder)
        variables |= {"HOST": self.inner.address} | (keys.environment() if keys else {})
        where = Path(directory) if directory else self.home
        program = Program(argv, folder, where, variables | (environment or {}), split, farewell)
        process = HostProcess(program, account, self.machines.wake)
        self.machines.identities.add(process.pid, card.origin)
        self.runs[name] = Run(process, keys)
        return process

    def alive(self) -> list[HostProcess]:
        """Return what still runs."""
        return [run.process for run in list(self.runs.values()) if not run.process.gone]

    def end(self, grace: float) -> None:
        """End all that runs, and come back when it has."""
        for process in self.alive():
            process.end(grace)
        for process in self.alive():
            if not process.wait_gone(grace + KILLED):
                send(process.pid, signal.SIGKILL)
                process.wait_gone(KILLED)
        self.look()

    def look(self) -> None:
        """Bury what has ended, keep the credentials of what lives valid, and open a door to each port."""
        for name, run in list(self.runs.items()):
            if run.process.gone:
                self.forget(name)
            elif run.keys:
                run.keys.renew()
        self._open(self._listening())

    def forget(self, name: str) -> None:
        """Take back what a program that has ended was given; its logs stay."""
        run = self.runs.pop(name, None)
        if run is not None:
            self.machines.identities.remove(run.process.pid)
            if run.keys:
                run.keys.revoke()

    def _listening(self) -> set[int]:
        """Return the ports of the inner address; whoever listens for the whole world is ended."""
        ports = set()
        runs = {run.process.pid: run.process for run in self.runs.values()}
        for init, family in families(runs).items():
            for pid, address, port in listeners(family):
                if address == self.inner.address:
                    ports.add(port)
                elif not _loopback(address):
                    _note(
                        runs[init].program,
                        f"process {pid} was ended: it listened on {address}:{port}, where other machines "
                        f"could reach it. Listen on the address in the variable HOST ({self.inner.address})",
                    )
                    os.kill(pid, signal.SIGKILL)
        return ports

    def _open(self, ports: set[int]) -> None:
        """Have doors to these ports and no others, at each address that it has."""
        addresses = {self.outer.address, *self.elastic}
        wanted = {(address, port) for address in addresses for port in ports}
        for door in self.doors - wanted:
            self.doors.discard(door)
            self.machines.front.close(self._name(*door))
            self.machines.addresses.release(self._name(*door))
        for door in wanted - self.doors:
            self.doors.add(door)
            try:
                self.machines.front.open(self._endpoint(*door))
            except EndpointError as error:
                log.warning("port %s of %s is not reachable: %s", door[1], self.card.uid, error)

    def _endpoint(self, address: str, port: int) -> Endpoint:
        name = self._name(address, port)
        at = Address(address, port)
        if at.address == FALLBACK:
            at = self.machines.addresses.claim(name, port)
            log.info("port %s of %s is reached at %s:%s", port, self.card.uid, at.address, at.port)
        return Endpoint(
            name=name,
            kind="tcp",
            address=at.address,
            port=at.port,
            server=(Server(Address(self.inner.address, port)),),
            target=lambda: self.card.target(port),
            names=self.card.names,
        )

    def _name(self, address: str, port: int) -> str:
        return f"{self.card.uid} {address}:{port}"

    def remove(self) -> None:
        """End everything and leave nothing behind."""
        self.end(0)
        for name in list(self.runs):
            self.forget(name)
        self._open(set())


def _loopback(address: str) -> bool:
    return ip_address(address.partition("%")[0]).is_loopback


def _note(program: Program, text: str) -> None:
    """Say something where the program's own words are read."""
    with program.output.open("a") as output:
        output.write(f"[localaws] {text}\n")
