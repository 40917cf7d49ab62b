"""What becomes due without anybody's call: daily backups, their expiry, keys that cannot be used any more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from localaws.rds import backups, keys

_KEY_NEEDED = frozenset({"available", "storage-full", "rebooting", "starting"})


def due(backend: Any, now: datetime) -> Iterator[tuple[str, str]]:
    """The settlements that are due now, each with the DbiResourceId that it is about."""
    for instance in backups.standalone(backend):
        if instance.resting_status in _KEY_NEEDED and not keys.usable(backend, instance.kms_key_id):
            yield "key_lost", instance.dbi_resource_id
        elif backups.due(instance, now):
            yield "backup_due", instance.dbi_resource_id
    for instance in backups.described(backend):
        if backups.expired(instance, now):
            yield "backups_expired", instance.dbi_resource_id
