"""The machines of an account, by what they stand for."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from localaws.engines.process import EngineFailed
from localaws.hosts.machine import Card, Machine
from localaws.hosts.process import sweep

if TYPE_CHECKING:
    from localaws.addresses import Addresses
    from localaws.control import ControlPlane
    from localaws.hosts.identities import Identities
    from localaws.relay import Front

PREFIX = "host-"


@dataclass
class Machines:
    """Makes machines, finds them and removes them."""

    control: ControlPlane
    front: Front
    addresses: Addresses
    identities: Identities
    wake: Callable[[], None]
    instance: Callable[[str, str, str], Machine | None] = lambda *_: None
    """Returns the machine of a running EC2 instance, by account, Region and identifier."""
    _known: dict[str, Machine] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def folder(self, uid: str) -> Path:
        """Return the folder of a machine."""
        return self.control.state.engines_root / f"{PREFIX}{uid}"

    def get(self, uid: str) -> Machine | None:
        """Return a machine on which something was run since the server started."""
        with self._lock:
            return self._known.get(uid)

    def open(self, card: Card) -> Machine:
        """Return the machine of a host, made when it is new."""
        with self._lock:
            found = self._known.get(card.uid)
            if found is None:
                inner = self.addresses.claim(f"{card.uid} inside", 0)
                outer = self.addresses.claim(f"{card.uid} outside", 0)
                self.folder(card.uid).mkdir(mode=0o700, parents=True, exist_ok=True)
                found = self._known[card.uid] = Machine(card, self, inner, outer)
            return found

    def remove(self, uid: str) -> None:
        """Remove a machine, or what an earlier run of the server left of it."""
        machine = self.get(uid)
        if machine is not None:
            machine.remove()
        with self._lock:
            self._known.pop(uid, None)
        _delete(self.folder(uid))
        for side in ("inside", "outside"):
            self.addresses.release(f"{uid} {side}")

    def clear(self) -> None:
        """End what an earlier run of the server left running, before anything is started."""
        root = self.control.state.engines_root
        if any(root.glob(f"{PREFIX}*")):
            sweep(root)

    def kept(self, prefix: str) -> set[str]:
        """Return the machines whose identifier begins so and of which there is something."""
        root = self.control.state.engines_root
        folders = {each.name.removeprefix(PREFIX) for each in root.glob(f"{PREFIX}{prefix}*")}
        with self._lock:
            return folders | {uid for uid in self._known if uid.startswith(prefix)}


def _delete(folder: Path) -> None:
    """Delete a folder, folders that a program has closed against its own user included."""
    for parent, names, _ in os.walk(folder):
        for each in (Path(parent, name) for name in names):
            if not each.is_symlink():
                with contextlib.suppress(OSError):
                    each.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        raise EngineFailed(f"{folder} cannot be deleted: repair its permissions")
