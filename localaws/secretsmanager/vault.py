"""A secret as a rotation function uses it: reads under the lock, writes by settlements."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localaws.bridge import backends
from localaws.secretsmanager.secret import CURRENT, PENDING

if TYPE_CHECKING:
    from localaws.control import ControlPlane


class StepFailed(Exception):
    """A step of the rotation cannot be done; the message is what the function logs."""


@dataclass(frozen=True)
class Vault:
    """The secrets of one account and Region."""

    control: ControlPlane
    account_id: str
    region: str

    def stages(self, arn: str) -> dict[str, list[str]]:
        """Labels by version, those of a version without a value included."""
        with self.control.lock:
            secret = self._backend().secrets.get(arn)
            if secret is None:
                raise StepFailed(f"Secrets Manager can't find the specified secret {arn}.")
            return {name: list(version["version_stages"]) for name, version in secret.versions.items()}

    def enabled(self, arn: str) -> bool:
        """Whether rotation is switched on."""
        with self.control.lock:
            return bool(self._backend().describe_secret(arn).rotation_enabled)

    def value(self, arn: str, label: str = CURRENT) -> dict[str, Any] | None:
        """The JSON of the version with a label; None when there is none."""
        with self.control.lock:
            secret = self._backend().secrets.get(arn)
            if secret is None:
                return None
            found = [each for each in secret.versions.values() if label in each["version_stages"]]
            text = found[0].get("secret_string") if found else None
        try:
            value = None if text is None else json.loads(text)
        except ValueError:
            raise StepFailed(f"The {label} version of {arn} is not JSON.") from None
        if value is not None and not isinstance(value, dict):
            raise StepFailed(f"The {label} version of {arn} is not a JSON object.")
        return value

    def put_pending(self, arn: str, token: str, value: dict[str, Any]) -> None:
        """Write the pending version; it is on disk when this returns."""
        self._settle("valued", arn=arn, token=token, value=json.dumps(value))

    def promote(self, arn: str, token: str) -> None:
        """Make the pending version the current one."""
        self._settle("promoted", arn=arn, token=token)

    def pending(self, arn: str, token: str) -> bool:
        """Whether the rotation's version still has AWSPENDING."""
        return PENDING in self.stages(arn).get(token, [])

    def _backend(self) -> Any:
        return backends.load("secretsmanager")[self.account_id][self.region]

    def _settle(self, name: str, **arguments: Any) -> None:
        self.control.settle("secretsmanager", self.account_id, self.region, name, **arguments)
