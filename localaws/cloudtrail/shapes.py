"""Parameters and results as CloudTrail writes them: camel case, secrets blanked, no binary content."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
STARS = "****"
SECRETS = frozenset(
    (
        "masteruserpassword", "password", "newpassword", "oldpassword", "secretstring", "secretbinary",
        "authtoken", "secretaccesskey", "sessiontoken", "plaintext", "tdecredentialpassword", "privatekey",
        "adminuserpassword", "passwords", "randompassword", "keymaterial", "ciphertextblob",
    )
)  # fmt: skip
# These write four stars, the others leave the reason.
_STARRED = frozenset({"rds", "redshift", "redshift-serverless", "neptune", "docdb"})
# These leave secrets out.
_SILENT = frozenset({"kms", "secretsmanager", "iam", "sts"})


def written(service: str, shape: Any, value: dict[str, Any]) -> dict[str, Any] | None:
    """Return the structure `value` of the SDK's `shape` as it stands in an event; None when it is empty."""
    if shape is None or not value:
        return None
    writer = _Ec2Writer(service) if service == "ec2" else _Writer(service)
    return writer.structure(shape, value) or None


class _Writer:
    def __init__(self, service: str) -> None:
        self._service = service
        self._kinds: dict[str, Callable[[Any, Any], Any]] = {
            "structure": self.structure,
            "list": self.sequence,
            "map": self._map,
            "timestamp": lambda _, value: moment(value),
        }

    def structure(self, shape: Any, value: dict[str, Any]) -> dict[str, Any]:
        document: dict[str, Any] = {}
        for name, member in shape.members.items():
            given = value.get(name)
            if given is None:
                continue
            shown = self.name(name, member)
            if _secret(name, member):
                document |= self._hidden(shown)
            elif member.type_name != "blob":
                document[shown] = self.value(member, given)
        return document

    def name(self, name: str, member: Any) -> str:  # noqa: ARG002 - EC2 asks the member
        return name[:1].lower() + name[1:]

    def value(self, shape: Any, value: Any) -> Any:
        kind = self._kinds.get(shape.type_name)
        plain = isinstance(value, str | int | float | bool | dict | list)
        return kind(shape, value) if kind else value if plain else str(value)

    def sequence(self, shape: Any, value: list[Any]) -> Any:
        return [self.value(shape.member, each) for each in value if shape.member.type_name != "blob"]

    def _map(self, shape: Any, value: dict[Any, Any]) -> dict[str, Any]:
        if shape.value.type_name == "blob":
            return {}
        return {str(key): self.value(shape.value, each) for key, each in value.items()}

    def _hidden(self, name: str) -> dict[str, str]:
        if self._service in _SILENT:
            return {}
        return {name: STARS if self._service in _STARRED else HIDDEN}


class _Ec2Writer(_Writer):
    """EC2 writes the names of its XML, and every list as `{"items": […]}`."""

    def name(self, name: str, member: Any) -> str:
        serialized = str(member.serialization.get("name", name))
        return serialized[:1].lower() + serialized[1:]

    def sequence(self, shape: Any, value: list[Any]) -> Any:
        return {"items": super().sequence(shape, value)}


def _secret(name: str, shape: Any) -> bool:
    return name.lower() in SECRETS or bool(shape.metadata.get("sensitive"))


def moment(value: Any) -> str:
    """Return a time as CloudTrail writes those inside of parameters."""
    if isinstance(value, int | float):
        value = datetime.fromtimestamp(value, UTC)
    if not isinstance(value, datetime):
        return str(value)
    return f"{value:%b} {value.day}, {value:%Y, %I:%M:%S %p}"
