"""KMS keys of encrypted databases: they have to exist and be enabled, or the data cannot be reached."""

from __future__ import annotations

from typing import Any

from moto.rds.exceptions import RDSClientError

DEFAULT = "alias/aws/rds"
LOST = "inaccessible-encryption-credentials-recoverable"
"""Status of an instance whose key cannot be used: it is started again once the key can be."""


def resolve(backend: Any, key_id: str) -> str:
    """ARN of a key of this Region that exists and is enabled."""
    alias = backend.kms.get_alias_name(key_id)
    if alias.startswith("alias/") and backend.kms.get_key_id_from_alias(alias) is None:
        raise refusal(key_id)
    try:
        arn = str(backend._validate_kms_key(key_id))
    except KeyError:
        raise refusal(key_id) from None
    if not usable(backend, arn):
        raise refusal(key_id)
    return arn


def usable(backend: Any, arn: str | None) -> bool:
    """Whether data under this key can be read now; data without a key always can."""
    if arn is None:
        return True
    _, _, _, region, account, key_id = arn.split(":", 5)
    try:
        key = backend.get_backend("kms", region, account).describe_key(key_id.removeprefix("key/"))
    except KeyError:
        return False
    return bool(key.key_state == "Enabled")


def check(resource: Any) -> None:
    """Refuse what needs the data of an instance or a snapshot whose key is not usable."""
    if not usable(resource.backend, resource.kms_key_id):
        raise refusal(resource.kms_key_id)


def is_default(backend: Any, arn: str) -> bool:
    """Whether this is the key that RDS uses when none is named."""
    found = backend.kms.get_key_id_from_alias(DEFAULT)
    return found is not None and arn.endswith(f":key/{found}")


def refusal(key_id: str) -> RDSClientError:
    """What AWS says of a key that cannot be used."""
    return RDSClientError(
        "KMSKeyNotAccessibleFault",
        f"The specified KMS key [{key_id}] does not exist, is not enabled or you do not have permissions "
        "to access it.",
    )
