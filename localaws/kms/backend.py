"""KMS keys that may be named by their ARN wherever AWS allows it, which moto forgets for some calls.

AWS: "Key identifiers (KeyId)" in the KMS developer guide.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from moto.kms.models import KmsBackend
from moto.kms.urls import url_bases, url_paths


class Kms(KmsBackend):
    """One account and Region."""

    @property
    def _url_module(self) -> Any:
        from localaws.kms.responses import KmsResponse

        paths = dict.fromkeys(url_paths, KmsResponse.dispatch)
        return SimpleNamespace(url_bases=url_bases, url_paths=paths)

    def _generate_default_keys(self, alias_name: str) -> str | None:
        """Make one of AWS's own keys, which belong to AWS and rotate every year."""
        key_id: str | None = super()._generate_default_keys(alias_name)
        if key_id is not None:
            service = alias_name.removeprefix("alias/aws/")
            key = self.keys[key_id]
            key.key_manager = "AWS"
            key.description = f"Default key that protects my {service} data when no other key is defined"
            key.key_rotation_status = True
        return key_id

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
