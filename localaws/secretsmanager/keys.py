"""The KMS key of a secret must exist and be enabled whenever its value is written or read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from localaws.secretsmanager import faults

OWN = "alias/aws/secretsmanager"


def check_key(
    backend: Any, key_id: str | None, *, fault: Callable[[str], faults.SecretsFault] = faults.encryption
) -> None:
    """Raise the fault unless the key can be used; AWS's own key always can."""
    if not key_id or key_id.endswith(OWN):
        return
    from moto.kms.models import kms_backends

    kms = kms_backends[backend.account_id][backend.region_name]
    name = key_id.rpartition(":")[2]
    if name.startswith("alias/"):
        key_id = kms.get_key_id_from_alias(name) or ""
    key = kms.keys.get(key_id.rpartition("/")[2])
    if key is None:
        raise fault(f"the key {name} does not exist in {backend.region_name}")
    if key.key_state != "Enabled":
        raise fault(f"{key.arn} is {key.key_state}")
