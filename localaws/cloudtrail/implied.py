"""Calls that an AWS service makes on behalf of a caller, and that CloudTrail shows with `invokedBy`."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_RDS = "rds.amazonaws.com"
_SECRETS = "secretsmanager.amazonaws.com"
_MAKING = frozenset({"CreateDBInstance", "CreateDBCluster", "ModifyDBInstance", "ModifyDBCluster"})


@dataclass(frozen=True)
class Implied:
    """A call of `service` to `source`."""

    service: str
    source: str
    name: str
    parameters: dict[str, Any]
    answer: dict[str, Any] | None

    def identifier(self, cause: str) -> str:
        """Return an identifier that is the same whenever the event is made of its cause."""
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{cause} {self.name}"))


def of(document: dict[str, Any], result: dict[str, Any]) -> Iterator[Implied]:
    """Yield the calls that follow from an event: RDS makes the secret of a password that it manages."""
    asked = document["requestParameters"] or {}
    if document["eventSource"] != _RDS or document["eventName"] not in _MAKING or "errorCode" in document:
        return
    if not asked.get("manageMasterUserPassword"):
        return
    made = next((each for each in result.values() if isinstance(each, dict)), {})
    arn = made.get("MasterUserSecret", {}).get("SecretArn")
    if arn:
        name = arn.rpartition(":")[2].rpartition("-")[0]
        yield Implied(_RDS, _SECRETS, "CreateSecret", {"name": name}, {"arn": arn, "name": name})
