"""KMS's API: moto's, for keys whose state allows it."""

from __future__ import annotations

import json
from typing import Any

from moto.core.common_types import TYPE_RESPONSE
from moto.core.exceptions import JsonRESTError
from moto.kms.responses import KmsResponse as Base

from localaws.kms import states

_ALIASES = frozenset({"CreateAlias", "UpdateAlias", "DeleteAlias"})


class KmsResponse(Base):
    """KMS's operations."""

    def call_action(self) -> TYPE_RESPONSE:
        action = self._get_action()
        try:
            self._check(action)
        except JsonRESTError as error:
            headers: dict[str, Any] = dict(error.get_headers())
            return int(error.code or 400), headers, error.get_body()
        return super().call_action()

    def _check(self, action: str) -> None:
        if action in _ALIASES:
            states.check_alias(self._get_param("AliasName") or "")
        if action == "ScheduleKeyDeletion":
            states.check_window(self._get_param("PendingWindowInDays"))
        if action == "PutKeyPolicy":
            _check_policy(self._get_param("Policy") or "")
        asked = {name: self._get_param(name) for name in ("KeyId", "TargetKeyId", "CiphertextBlob")}
        key = states.key_of(self.kms_backend, asked)
        if key is not None:
            states.check(action, key)
        if action == "ReEncrypt" and (target := self._get_param("DestinationKeyId")):
            key = states.key_of(self.kms_backend, {"KeyId": target})
            if key is not None:
                states.check(action, key)


def _check_policy(text: str) -> None:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or "Statement" not in found:
        raise states.KmsFault("MalformedPolicyDocumentException", "The policy is not a policy document.")
