"""KMS keys that may be named by their ARN wherever AWS allows it, which moto forgets for some calls.

AWS: "Key identifiers (KeyId)" in the KMS developer guide.
"""

from __future__ import annotations

from typing import Any

import moto.kms.urls
from moto.kms.models import KmsBackend, kms_backends


class Kms(KmsBackend):
    """One account and Region."""

    @property
    def _url_module(self) -> Any:
        return moto.kms.urls

    def disable_key(self, key_id: str) -> None:
        """Disable a key, named by its id or its ARN."""
        super().disable_key(self.get_key_id(key_id))

    def enable_key(self, key_id: str) -> None:
        """Enable a key, named by its id or its ARN."""
        super().enable_key(self.get_key_id(key_id))

    def cancel_key_deletion(self, key_id: str) -> None:
        """Keep a key that was to be deleted, named by its id or its ARN."""
        super().cancel_key_deletion(self.get_key_id(key_id))

    def schedule_key_deletion(self, key_id: str, pending_window_in_days: int) -> float:
        """Have a key deleted later, named by its id or its ARN."""
        return super().schedule_key_deletion(self.get_key_id(key_id), pending_window_in_days)


def install() -> None:
    """Register our backend with moto."""
    kms_backends.backend = Kms
