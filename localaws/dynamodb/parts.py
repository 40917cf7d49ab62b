"""What the data plane and the controller share: the stores and the admission of one account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from localaws.dynamodb.admission import Admission
from localaws.dynamodb.stores import Stores

if TYPE_CHECKING:
    from localaws.control import ControlPlane


@dataclass(frozen=True)
class Parts:
    """Where items are, and what lets operations through."""

    stores: Stores
    admission: Admission


_made: WeakKeyDictionary[ControlPlane, Parts] = WeakKeyDictionary()


def parts(control: ControlPlane) -> Parts:
    """Return the parts of a control plane, made at first use (under its lock)."""
    with control.lock:
        if control not in _made:
            stores = Stores(control.state.dynamodb_dir, durable=control.state.durable)
            _made[control] = Parts(stores, Admission())
        return _made[control]
