"""The one place where the model is changed: calls and settlements run here, are journaled, and come back."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from localaws.bridge import backends
from localaws.state import StateDir

if TYPE_CHECKING:
    from localaws.bridge.dispatch import Answer, Call
    from localaws.services import Services

JSON = Any


class ControlPlane:
    """The model of all accounts, its lock, its journal and those who want to hear of changes."""

    def __init__(self, state: StateDir) -> None:
        self.state = state
        self.lock = threading.RLock()
        self.replaying = False
        self._subscribers: list[Callable[[], None]] = []

    def settle(
        self, service: str, account_id: str, region: str, name: str, /, **arguments: JSON
    ) -> None:
        """Write what really happened back into the model, by the settlement `name` of `service`; journaled."""
        raise NotImplementedError

    def backends(self, service: str) -> Iterator[tuple[str, str, Any]]:
        """Yield the existing (account, region, backend) of `service`; creates nothing."""
        return backends.existing(service)

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Call `callback`, outside the lock, after every journaled change."""
        self._subscribers.append(callback)
