"""What a key's state allows, and what only AWS may do with its own keys.

AWS: "Key states of AWS KMS keys" in the KMS developer guide.
"""

from __future__ import annotations

from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.kms.exceptions import ValidationException

# These need the key material, or change how it is used.
_USES = frozenset(
    (
        "Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext",
        "GenerateDataKeyPair", "GenerateMac", "VerifyMac", "Sign", "Verify", "CreateGrant",
        "EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand", "GetPublicKey",
    )
)  # fmt: skip
# A key that waits for its deletion takes none of these either.
_CHANGES = frozenset(
    (
        "EnableKey", "DisableKey", "CreateAlias", "UpdateAlias", "UpdateKeyDescription", "TagResource",
        "UntagResource", "ScheduleKeyDeletion",
    )
)  # fmt: skip
_OF_AWS = frozenset(
    (
        "DisableKey", "EnableKey", "ScheduleKeyDeletion", "CancelKeyDeletion", "PutKeyPolicy",
        "EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand", "UpdateKeyDescription",
        "TagResource", "UntagResource", "CreateAlias", "UpdateAlias",
    )
)  # fmt: skip
SHORTEST, LONGEST = 7, 30
_ID_LENGTH = 36
PENDING = "PendingDeletion"


class KmsFault(JsonRESTError):
    """An error with AWS's code."""


def key_of(backend: Any, asked: dict[str, Any]) -> Any | None:
    """Return the key that a request is about, or None when it names none that exists."""
    name = asked.get("KeyId") or asked.get("TargetKeyId")
    if name is None and asked.get("CiphertextBlob"):
        # moto's ciphertext begins with the id of its key
        name = asked["CiphertextBlob"][:_ID_LENGTH].decode("ascii", "replace")
    last = str(name or "").rpartition(":")[2]
    if last.startswith("alias/"):
        last = backend.get_key_id_from_alias(last) or ""
    return backend.keys.get(last.removeprefix("key/"))


def check(action: str, key: Any) -> None:
    """Raise AWS's error when the key's state, or its owner, does not allow the operation."""
    if key.key_manager == "AWS" and action in _OF_AWS:
        raise KmsFault(
            "AccessDeniedException",
            f"{key.arn} is managed by AWS: {action} is possible only with keys of your own.",
        )
    if key.key_state == PENDING and action in _USES | _CHANGES:
        raise KmsFault("KMSInvalidStateException", f"{key.arn} is pending deletion.")
    if key.key_state == "Disabled" and action in _USES:
        raise KmsFault("DisabledException", f"{key.arn} is disabled.")
    if action == "CancelKeyDeletion" and key.key_state != PENDING:
        raise KmsFault("KMSInvalidStateException", f"{key.arn} is not pending deletion.")


def check_window(days: Any) -> None:
    """Refuse a waiting period that AWS does not have."""
    if days is not None and not SHORTEST <= int(days) <= LONGEST:
        bound = "greater than or equal to 7" if int(days) < SHORTEST else "less than or equal to 30"
        raise ValidationException(
            f"1 validation error detected: Value '{days}' at 'pendingWindowInDays' failed to satisfy "
            f"constraint: Member must have value {bound}"
        )


def check_alias(name: str) -> None:
    """Refuse to touch an alias of AWS."""
    if name.startswith("alias/aws/"):
        raise KmsFault("NotAuthorizedException", f"The alias {name} begins with alias/aws/: it is AWS's.")
