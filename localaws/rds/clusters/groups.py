"""DB cluster parameter groups: what they hold, and how a change reaches the members."""

from __future__ import annotations

from typing import Any

from moto.rds import models as base
from moto.rds.exceptions import (
    DBClusterParameterGroupNotFoundError,
    DBParameterGroupAlreadyExistsError,
    DBParameterGroupNotFoundError,
)

from localaws.rds import faults, groups, parameters, validation, versions
from localaws.rds.clusters.members import ClusterMember
from localaws.rds.events import Event
from localaws.rds.parameters import Parameter
from localaws.rds.work import Configure

MOST_AT_ONCE = 20


class DBClusterParameterGroup(base.DBClusterParameterGroup):
    """A cluster parameter group; its values are kept under the names that the server knows."""

    event_source_type = "db-parameter-group"

    @property
    def family(self) -> str:
        """DBParameterGroupFamily."""
        return self.db_parameter_group_family

    def values(self) -> dict[str, str]:
        """Name and value of each parameter that was set."""
        return {
            name: str(own["ParameterValue"])
            for name, own in self.parameters.items()
            if "ParameterValue" in own
        }


def find(backend: Any, name: str) -> DBClusterParameterGroup | None:
    """A cluster parameter group by name; a default one is made at its first use."""
    family = name.removeprefix("default.")
    known = name.startswith("default.aurora") and family in versions.families()
    if known and name not in backend.db_cluster_parameter_groups:
        backend.db_cluster_parameter_groups[name] = DBClusterParameterGroup(
            backend, name, f"Default cluster parameter group for {family}", family
        )
    found: DBClusterParameterGroup | None = backend.db_cluster_parameter_groups.get(name)
    return found


def check_group(backend: Any, name: str, family: str) -> None:
    """Refuse a cluster parameter group that does not exist or is of another family."""
    group = find(backend, name)
    if group is None:
        raise DBClusterParameterGroupNotFoundError(name)
    if group.family != family:
        raise faults.combination(
            f"The parameter group {name} with DBParameterGroupFamily {group.family} can't be used for this "
            f"cluster. Please use a parameter group with DBParameterGroupFamily {family}"
        )


def create(backend: Any, request: dict[str, Any]) -> DBClusterParameterGroup:
    """A cluster parameter group without values of its own."""
    name = validation.identifier(
        request.get("db_cluster_parameter_group_name"), "DBClusterParameterGroupName", longest=255
    )
    if name in backend.db_cluster_parameter_groups:
        raise DBParameterGroupAlreadyExistsError(name)
    for key, parameter in (
        ("db_parameter_group_family", "DBParameterGroupFamily"),
        ("description", "Description"),
    ):
        if not request.get(key):
            raise faults.blank(parameter)
    family = request["db_parameter_group_family"]
    group = DBClusterParameterGroup(
        backend, name, request["description"], family, validation.tags(request.get("tags"))
    )
    backend.db_cluster_parameter_groups[name] = group
    return group


def own(backend: Any, name: str) -> DBClusterParameterGroup:
    """A cluster parameter group that can be changed: it exists and is no default one."""
    group = find(backend, name)
    if group is None:
        raise DBParameterGroupNotFoundError(name)
    if group.name.startswith("default."):
        raise faults.wrong_group_state(
            f"The default cluster parameter group {group.name} cannot be modified. "
            "Create a group of your own."
        )
    return group


def delete(backend: Any, name: str) -> None:
    """Delete a group that no cluster uses."""
    group = own(backend, name)
    if any(each.parameter_group == group.name for each in backend.clusters.values()):
        raise faults.wrong_group_state(
            f"One or more database clusters are still members of this parameter group {group.name}, "
            "so the group cannot be deleted"
        )
    del backend.db_cluster_parameter_groups[group.name]


def copy(backend: Any, source: str, target: str, description: str, tags: Any) -> DBClusterParameterGroup:
    """A group with the values of another."""
    found = find(backend, source.rpartition(":")[2])
    if found is None:
        raise DBParameterGroupNotFoundError(source)
    made = create(
        backend,
        {
            "db_cluster_parameter_group_name": target,
            "db_parameter_group_family": found.family,
            "description": description,
            "tags": tags,
        },
    )
    made.parameters.update({name: dict(value) for name, value in found.parameters.items()})
    return made


def modify(backend: Any, name: str, changes: list[dict[str, Any]]) -> DBClusterParameterGroup:
    """Give parameters values; all are checked before the first one changes."""
    group = own(backend, name)
    if not changes or len(changes) > MOST_AT_ONCE:
        raise faults.invalid(f"Between 1 and {MOST_AT_ONCE} parameters can be modified in a single request.")
    known = parameters.family_parameters(group.family)
    wanted = [groups.checked(known, each) for each in changes]
    for each in wanted:
        group.parameters[each["ParameterName"]] = each
        message = (
            f"Updated parameter {each['ParameterName']} to {each['ParameterValue']} "
            f"with apply method {each['ApplyMethod']}"
        )
        backend.events.append(Event.note(group, message, ["configuration change"]))
    _spread(backend, group, known, wanted)
    return group


def reset(
    backend: Any, name: str, *, everything: bool, changes: list[dict[str, Any]]
) -> DBClusterParameterGroup:
    """Take values back, all of them or the named ones."""
    group = own(backend, name)
    known = parameters.family_parameters(group.family)
    wanted = groups.to_reset(group, known, everything=everything, changes=changes)
    for each in wanted:
        group.parameters.pop(each["ParameterName"], None)
    _spread(backend, group, known, wanted)
    return group


def _spread(
    backend: Any,
    group: DBClusterParameterGroup,
    known: dict[str, Parameter] | None,
    changes: list[dict[str, str]],
) -> None:
    """Bring changes to the members: dynamic ones at once, static ones at the next restart."""
    for cluster in backend.clusters.values():
        if cluster.parameter_group != group.name:
            continue
        for member in cluster.members:
            if member.status not in ("deleting", "creating") and member.resting_status != "stopped":
                _put(member, known, changes)


def _put(member: ClusterMember, known: dict[str, Parameter] | None, changes: list[dict[str, str]]) -> None:
    for change in changes:
        name = change["ParameterName"]
        parameter = known.get(name) if known else None
        static = parameter is not None and parameter.apply_type == "static"
        if static or change["ApplyMethod"] == "pending-reboot":
            member.cluster_awaiting_reboot.add(name)
        if static or change["ApplyMethod"] == "immediate":
            if "ParameterValue" in change:
                member.cluster_parameters[name] = change["ParameterValue"]
            else:
                member.cluster_parameters.pop(name, None)
    member.queue(Configure(do="configure"))
