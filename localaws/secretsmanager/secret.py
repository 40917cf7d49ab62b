"""A secret: moto's, whose versions follow their labels as AWS's do."""

from __future__ import annotations

import time
from typing import Any, TypedDict

import moto.secretsmanager.models as base

from localaws.secretsmanager.schedule import Schedule

CURRENT, PENDING, PREVIOUS = "AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"
MOST_VERSIONS = 100
DAY = 86400


class Rotation(TypedDict):
    """A rotation that is under way, or that failed and is tried again."""

    token: str
    test_only: bool
    failures: int
    due: float
    reason: str


class Secret(base.FakeSecret):
    """A secret with its versions and the rotation that is under way."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.rules: dict[str, Any] = {}
        self.rotation: Rotation | None = None

    @property
    def default_version_id(self) -> str | None:
        """The version that has AWSCURRENT."""
        return self.labelled(CURRENT)

    def set_default_version_id(self, version_id: str | None) -> None:
        """Nothing to note: the label tells."""

    def labelled(self, label: str) -> str | None:
        """Id of the version that has a label."""
        found = (name for name, version in self.versions.items() if label in version["version_stages"])
        return next(found, None)

    def holds(self, version_id: str) -> bool:
        """Whether the version has a value: a rotation begins with one that has none."""
        version = self.versions.get(version_id, {})
        return "secret_string" in version or "secret_binary" in version

    def unlabel(self, label: str) -> None:
        """Take a label from the version that has it."""
        for version in self.versions.values():
            if label in version["version_stages"]:
                version["version_stages"].remove(label)

    def add(self, version: dict[str, Any]) -> None:
        """Add a version with its labels; when it is the current one, the former becomes AWSPREVIOUS."""
        before = self.labelled(CURRENT)
        for label in version["version_stages"]:
            self.unlabel(label)
        self.versions[version["version_id"]] = version
        if before is not None and before != version["version_id"] and CURRENT in version["version_stages"]:
            self.unlabel(PREVIOUS)
            self.versions[before]["version_stages"].append(PREVIOUS)
        self.forget_old()

    def move(self, label: str, source: str | None, target: str | None) -> None:
        """Move a label between versions, with what AWS does to the others then."""
        if source:
            self.versions[source]["version_stages"].remove(label)
        if target and label not in self.versions[target]["version_stages"]:
            self.versions[target]["version_stages"].append(label)
        if label == CURRENT and source and target and source != target:
            self.unlabel(PREVIOUS)
            self.versions[source]["version_stages"].append(PREVIOUS)

    def forget_old(self) -> None:
        """Keep at most a hundred versions; those with labels stay."""
        unlabelled = [name for name, version in self.versions.items() if not version["version_stages"]]
        for name in unlabelled[: max(0, len(self.versions) - MOST_VERSIONS)]:
            del self.versions[name]

    def schedule_next(self) -> None:
        """Work out NextRotationDate from now on."""
        now = int(time.time())
        if not self.rotation_enabled:
            self.next_rotation_date = None
        elif "ScheduleExpression" in self.rules:
            self.next_rotation_date = int(Schedule(self.rules["ScheduleExpression"]).following(now))
        elif self.auto_rotate_after_days:
            self.next_rotation_date = now + self.auto_rotate_after_days * DAY
        else:
            self.next_rotation_date = None

    def to_dict(self) -> dict[str, Any]:
        """The secret as DescribeSecret and ListSecrets show it."""
        shown = super().to_dict()
        if self.rotation_requested:
            shown["RotationRules"] = dict(self.rules)
        if self.owning_service:
            shown.pop("RotationLambdaARN", None)
        labelled = self._form_version_ids_to_stages()
        if self.versions:
            shown |= {"VersionIdsToStages": labelled, "SecretVersionsToStages": labelled}
        return shown

    def _form_version_ids_to_stages(self) -> dict[str, Any]:
        stages = {name: list(version["version_stages"]) for name, version in self.versions.items()}
        return {name: labels for name, labels in stages.items() if labels}
