"""What instances and clusters have in common: work for the controller, the status it means, a password."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from moto.core.utils import utcnow

from localaws.rds import keys
from localaws.rds.passwords import MasterUserSecret, confirm
from localaws.rds.work import JSON


class Agenda:
    """The queue of work of a resource: its status tells of the item at the head."""

    STATUSES: ClassVar[Mapping[str, str]]
    """What the status says while an item is at the head."""
    PENDING_NAMES: ClassVar[Mapping[str, str]]
    """Attributes that can be pending, and what PendingModifiedValues calls them."""
    work: list[Any]
    deferred: dict[str, JSON]
    down_since: datetime | None
    resting_status: str

    def queue(self, item: Any) -> None:
        """Add an item to the work; the status tells of the item at the head."""
        self.work.append(item)
        self.refresh_status()

    def finish(self, *kinds: str) -> Any:
        """Remove the head of the work if it is of one of these kinds, and return it."""
        if not self.work or self.work[0]["do"] not in kinds:
            return None
        item = self.work.pop(0)
        self.refresh_status()
        return item

    def refresh_status(self) -> None:
        """Work out the status from what is still to do."""
        kinds = [item["do"] for item in self.work]
        if self.resting_status not in ("stopped", keys.LOST):
            self.down_since = None
        elif self.down_since is None:
            self.down_since = utcnow()
        if "delete" in kinds:
            self.status = self.STATUSES["delete"]
        elif self.work_changes().keys() == {"master_user_password"}:
            self.status = "resetting-master-credentials"
        else:
            told = (self.STATUSES[kind] for kind in kinds if kind in self.STATUSES)
            self.status = next(told, self.resting_status)

    def work_changes(self) -> dict[str, JSON]:
        """Changes of the modification at the head of the work."""
        return self.work[0]["changes"] if self.work and self.work[0]["do"] == "modify" else {}

    def pending(self) -> dict[str, JSON]:
        """Values that are asked for and not in force yet."""
        waiting = dict(self.deferred)
        for item in self.work:
            if item["do"] == "modify":
                waiting |= item["changes"]
        return waiting

    @property
    def pending_modified_values(self) -> dict[str, JSON]:
        """PendingModifiedValues; a password is never shown."""
        names = self.PENDING_NAMES
        shown = {names[name]: value for name, value in self.pending().items() if name in names}
        return shown | ({"MasterUserPassword": "****"} if "MasterUserPassword" in shown else {})

    def manage_password(self, kms_key_id: str | None) -> str:
        """Let Secrets Manager keep a new master password, which is returned."""
        self.master_user_secret = MasterUserSecret(self, kms_key_id)
        self.manage_master_user_password = True
        self.master_user_password = self.master_user_secret.password
        return self.master_user_secret.password

    @property
    def master_user_password(self) -> str | None:
        """Password of the master user: the model keeps it to make or restore the server."""
        return self._master_user_password

    @master_user_password.setter
    def master_user_password(self, value: str | None) -> None:
        self._master_user_password = value
        confirm(self, value)
