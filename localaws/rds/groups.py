"""What the API does with parameter groups: validated against the server's own settings."""

from __future__ import annotations

import re
from typing import Any

from moto.rds.exceptions import DBParameterGroupNotFoundError, RDSClientError
from moto.rds.utils import DbInstanceEngine

from localaws.rds import faults, parameters, validation
from localaws.rds.events import Event
from localaws.rds.models import DBInstance
from localaws.rds.parameters import Parameter
from localaws.rds.resources import DBParameterGroup
from localaws.rds.work import Configure

MOST_AT_ONCE = 20


def create(backend: Any, request: dict[str, Any]) -> DBParameterGroup:
    """A parameter group without values of its own."""
    name = validation.identifier(request.get("db_parameter_group_name"), "DBParameterGroupName", longest=255)
    if name in backend.db_parameter_groups:
        raise RDSClientError("DBParameterGroupAlreadyExistsFault", f"Parameter group {name} already exists")
    for key, parameter in (
        ("db_parameter_group_family", "DBParameterGroupFamily"),
        ("description", "Description"),
    ):
        if not request.get(key):
            raise faults.blank(parameter)
    family = request["db_parameter_group_family"]
    engine = re.match(r"([a-z0-9-]*?)-?\d[\d.]*\Z", family)
    if engine is None or engine[1] not in DbInstanceEngine.valid_db_instance_engine():
        raise faults.invalid(f"ParameterGroupFamily {family} is not a valid parameter group family")
    group = DBParameterGroup(
        backend, name, request["description"], family, validation.tags(request.get("tags"))
    )
    backend.db_parameter_groups[name] = group
    return group


def own(backend: Any, name: str) -> DBParameterGroup:
    """A parameter group that can be changed: it exists and is no default one."""
    group: DBParameterGroup | None = backend.find_parameter_group(name)
    if group is None:
        raise DBParameterGroupNotFoundError(name)
    if group.name.startswith("default."):
        raise faults.wrong_group_state(
            f"The default parameter group {group.name} cannot be modified. Create a group of your own."
        )
    return group


def delete(backend: Any, name: str) -> DBParameterGroup:
    """Delete a group that no instance uses."""
    if name.startswith("default."):
        raise faults.wrong_group_state(f"Default DBParameterGroup cannot be deleted: {name}")
    group = own(backend, name)
    if members(backend, group):
        raise faults.wrong_group_state(
            f"One or more database instances are still members of this parameter group {group.name}, "
            "so the group cannot be deleted"
        )
    del backend.db_parameter_groups[group.name]
    return group


def members(backend: Any, group: DBParameterGroup) -> list[DBInstance]:
    """The instances to which the group is attached."""
    return [each for each in backend.databases.values() if each.group is group]


def modify(backend: Any, name: str, changes: list[dict[str, Any]]) -> DBParameterGroup:
    """Give parameters values; all are checked before the first one changes."""
    group = own(backend, name)
    if not changes or len(changes) > MOST_AT_ONCE:
        raise faults.invalid(f"Between 1 and {MOST_AT_ONCE} parameters can be modified in a single request.")
    known = parameters.family_parameters(str(group.family))
    wanted: list[dict[str, str]] = []
    for change in changes:
        wanted.append(checked(known, change))
    for change in wanted:
        group.parameters[change["ParameterName"]] = group.parameters.get(change["ParameterName"], {}) | change
        backend.events.append(
            Event.of(
                group,
                "parameter",
                name=change["ParameterName"],
                value=change["ParameterValue"],
                method=change["ApplyMethod"],
            )
        )
    _spread(backend, group, known, wanted)
    return group


def checked(known: dict[str, Parameter] | None, change: dict[str, Any]) -> dict[str, str]:
    """A change with its method; a value or method that AWS refuses is refused."""
    name, value = change.get("ParameterName"), change.get("ParameterValue")
    if not name:
        raise faults.blank("ParameterName")
    if value is None:
        raise faults.blank("ParameterValue")
    method = change.get("ApplyMethod")
    if known is None:
        return {"ApplyMethod": "immediate", **change}
    parameter = known.get(name)
    if parameter is None:
        raise faults.invalid(f"Could not find parameter with name: {name}")
    method = method or ("immediate" if parameter.apply_type == "dynamic" else "pending-reboot")
    parameter.check(str(value), method)
    return {"ParameterName": name, "ParameterValue": str(value), "ApplyMethod": method}


def reset(backend: Any, name: str, *, everything: bool, changes: list[dict[str, Any]]) -> DBParameterGroup:
    """Take values back, all of them or the named ones."""
    group = own(backend, name)
    known = parameters.family_parameters(str(group.family))
    wanted = to_reset(group, known, everything=everything, changes=changes)
    for change in wanted:
        group.parameters.pop(change["ParameterName"], None)
    _spread(backend, group, known, wanted)
    return group


def to_reset(
    group: Any, known: dict[str, Parameter] | None, *, everything: bool, changes: list[dict[str, Any]]
) -> list[dict[str, str]]:
    """The values that a reset takes back, with their methods."""
    if everything and changes:
        raise faults.combination("Parameters cannot be specified when ResetAllParameters is true.")
    if not everything and not changes:
        raise faults.combination("Specify ResetAllParameters or the Parameters to reset.")
    names = list(group.parameters) if everything else [str(change.get("ParameterName")) for change in changes]
    methods = {str(change.get("ParameterName")): change.get("ApplyMethod") for change in changes}
    wanted = []
    for each in names:
        parameter = known.get(each) if known is not None else None
        if known is not None and parameter is None:
            raise faults.invalid(f"Could not find parameter with name: {each}")
        static = parameter is not None and parameter.apply_type == "static"
        method = methods.get(each) or ("pending-reboot" if static else "immediate")
        if static and method == "immediate":
            raise faults.combination("cannot use immediate apply method for static parameter")
        wanted.append({"ParameterName": each, "ApplyMethod": method})
    return wanted


def _spread(
    backend: Any, group: DBParameterGroup, known: dict[str, Parameter] | None, changes: list[dict[str, str]]
) -> None:
    """Bring changes to the group's instances: dynamic ones at once, static ones for the next start."""
    for instance in members(backend, group):
        if instance.resting_status == "stopped" or instance.status == "deleting":
            continue
        for change in changes:
            name = change["ParameterName"]
            parameter = known.get(name) if known else None
            static = parameter is not None and parameter.apply_type == "static"
            if static or change["ApplyMethod"] == "pending-reboot":
                instance.awaiting_reboot.add(name)
            if static or change["ApplyMethod"] == "immediate":
                _put(instance, name, change.get("ParameterValue"))
        instance.queue(Configure(do="configure"))


def _put(instance: DBInstance, name: str, value: str | None) -> None:
    if value is None:
        instance.parameters_in_force.pop(name, None)
    else:
        instance.parameters_in_force[name] = value


def describe(group: DBParameterGroup, source: str | None) -> list[dict[str, Any]]:
    """The parameters of a group, or only those of one source (user, system, engine-default)."""
    known = parameters.family_parameters(str(group.family))
    if known is None:
        listed = [
            {"Source": "user", "IsModifiable": True, **own_value} for own_value in group.parameters.values()
        ]
    else:
        listed = []
        for name, parameter in known.items():
            mine = group.parameters.get(name, {})
            listed.append(parameter.describe(mine.get("ParameterValue"), mine.get("ApplyMethod")))
    if source and source not in ("user", "system", "engine-default"):
        raise faults.invalid(f"Invalid source: {source}. Use user, system or engine-default.")
    return [each for each in listed if not source or each["Source"] == source]
