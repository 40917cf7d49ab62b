"""Cache parameter groups: the default one of each family, and those that are made.

AWS: "Configuring engine parameters using ElastiCache parameter groups".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from localaws.elasticache import faults, parameters
from localaws.elasticache.versions import FAMILIES

_NAME = re.compile(r"[a-z](?:-?[a-z0-9])*")
_PREFIX = "default."


@dataclass
class ParameterGroup:
    """One group: the values that differ from the family's."""

    name: str
    family: str
    description: str
    arn: str
    values: dict[str, str] = field(default_factory=dict)

    @property
    def default(self) -> bool:
        """Whether it is AWS's own."""
        return self.name.startswith(_PREFIX)

    def describe(self) -> dict[str, Any]:
        """The group of an answer."""
        return {
            "CacheParameterGroupName": self.name,
            "CacheParameterGroupFamily": self.family,
            "Description": self.description,
            "IsGlobal": False,
            "ARN": self.arn,
        }


class ParameterGroups:
    """The part of the backend that knows parameter groups."""

    account_id: str
    region_name: str
    cache_clusters: dict[str, Any]
    tagging_service: Any
    parameter_groups: dict[str, ParameterGroup]

    def parameter_group(self, name: str) -> ParameterGroup:
        """Return a group; each family has a default one that nobody makes."""
        family = name.removeprefix(_PREFIX)
        if name.startswith(_PREFIX) and family in FAMILIES:
            return self._group(name, family, f"Default parameter group for {family}")
        if name not in self.parameter_groups:
            raise faults.CacheFault("CacheParameterGroupNotFound", f"CacheParameterGroup {name} not found.")
        return self.parameter_groups[name]

    def suitable_group(self, name: str | None, family: str) -> str:
        """Return the group that a cache of a family asked for, or the family's own."""
        if not name:
            return _PREFIX + family
        group = self.parameter_group(name)
        if group.family != family:
            raise faults.combination(
                f"Expected a parameter group of family {family} but found one of family {group.family}."
            )
        return group.name

    def all_parameter_groups(self, name: str | None) -> list[ParameterGroup]:
        """Return one group, or all."""
        if name:
            return [self.parameter_group(name)]
        defaults = [self.parameter_group(_PREFIX + family) for family in FAMILIES]
        return [*defaults, *self.parameter_groups.values()]

    def create_cache_parameter_group(self, request: dict[str, Any]) -> ParameterGroup:
        """Create a group without values of its own."""
        name, family = str(request["CacheParameterGroupName"]).lower(), request["CacheParameterGroupFamily"]
        if not _NAME.fullmatch(name) or len(name) > 255:
            raise faults.invalid(
                "The parameter CacheParameterGroupName is not a valid identifier: letters, digits and single "
                "hyphens, beginning with a letter."
            )
        if family not in FAMILIES:
            raise faults.invalid(
                f"CacheParameterGroupFamily {family} is not a valid parameter group family. "
                f"Choose one of {', '.join(FAMILIES)}."
            )
        if name in self.parameter_groups:
            raise faults.CacheFault("CacheParameterGroupAlreadyExists", f"{name} already exists.")
        group = self._group(name, family, request.get("Description") or "")
        self.parameter_groups[name] = group
        if request.get("Tags"):
            self.tagging_service.tag_resource(group.arn, request["Tags"])
        return group

    def modify_cache_parameter_group(self, request: dict[str, Any]) -> ParameterGroup:
        """Change values; what can change at once does so in all servers of the group."""
        group = self._own(request["CacheParameterGroupName"])
        group.values |= parameters.checked(group.family, request.get("ParameterNameValues") or [])
        return group

    def reset_cache_parameter_group(self, request: dict[str, Any]) -> ParameterGroup:
        """Give values up for the family's."""
        group = self._own(request["CacheParameterGroupName"])
        if request.get("ResetAllParameters"):
            group.values.clear()
            return group
        pairs = request.get("ParameterNameValues") or []
        if not pairs:
            raise faults.combination("Name parameters in ParameterNameValues, or set ResetAllParameters.")
        for pair in pairs:
            name = pair.get("ParameterName")
            if name not in parameters.parameters(group.family):
                raise faults.invalid(f"The parameter {name} does not exist in the family {group.family}.")
            group.values.pop(name, None)
        return group

    def delete_cache_parameter_group(self, name: str) -> None:
        """Delete a group that no cache uses."""
        group = self._own(name)
        users = [each for each in self.cache_clusters.values() if each.parameter_group_name == group.name]
        if users:
            raise faults.CacheFault(
                "InvalidCacheParameterGroupState",
                f"The cache parameter group {group.name} is used by {users[0].cache_cluster_id}.",
            )
        del self.parameter_groups[group.name]
        self.tagging_service.delete_all_tags_for_resource(group.arn)

    def _own(self, name: str) -> ParameterGroup:
        group = self.parameter_group(str(name).lower())
        if group.default:
            raise faults.CacheFault(
                "InvalidCacheParameterGroupState",
                f"The default parameter group {group.name} cannot be changed. Create one of your own.",
            )
        return group

    def _group(self, name: str, family: str, description: str) -> ParameterGroup:
        arn = f"arn:aws:elasticache:{self.region_name}:{self.account_id}:parametergroup:{name}"
        return ParameterGroup(name, family, description, arn)


def in_force(group: ParameterGroup, known: dict[str, str], *, rebooted: bool) -> dict[str, str]:
    """Return the values that a cache has once its server runs on, or was restarted, with the group."""
    if rebooted:
        return dict(group.values)
    static = {name for name, each in parameters.parameters(group.family).items() if each.reboot}
    kept = {name: value for name, value in known.items() if name in static}
    return {name: value for name, value in group.values.items() if name not in static} | kept


def awaits_reboot(group: ParameterGroup, known: dict[str, str]) -> bool:
    """Whether a cache has values that its group has no more."""
    all_of_them = parameters.parameters(group.family)
    return any(
        each.reboot and group.values.get(name, each.default) != known.get(name, each.default)
        for name, each in all_of_them.items()
    )
