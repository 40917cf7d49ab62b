"""Encryption at rest: the KMS key that a table names has to exist and be enabled."""

from __future__ import annotations

from typing import Any

from localaws.dynamodb.refusals import invalid, wrong


def specification_of(backend: Any, given: dict[str, Any] | None) -> dict[str, Any] | None:
    """SSESpecification with its key's ARN; without a key it is AWS's own, which moto makes."""
    if not given:
        return None
    kind, key_id = given.get("SSEType"), given.get("KMSMasterKeyId")
    if kind not in (None, "KMS"):
        raise wrong(f"SSEType {kind} is not supported. Use KMS, or leave SSESpecification out.")
    if not given.get("Enabled"):
        if key_id or kind:
            raise wrong("SSEType and KMSMasterKeyId can be set only if SSE is enabled")
        return None
    return {"Enabled": True, "SSEType": "KMS"} | ({"KMSMasterKeyId": _arn(backend, key_id)} if key_id else {})


def _arn(backend: Any, key_id: str) -> str:
    from moto.kms.models import kms_backends

    kms = kms_backends[backend.account_id][backend.region_name]
    name = key_id.rpartition(":")[2]
    found = kms.get_key_id_from_alias(name) if name.startswith("alias/") else key_id.rpartition("/")[2]
    key = kms.keys.get(found or "")
    if key is None:
        raise invalid(f"KMS validation error: the key '{key_id}' does not exist in {backend.region_name}")
    if key.key_state != "Enabled":
        raise invalid(f"KMS validation error: {key.arn} is {key.key_state}")
    return str(key.arn)
