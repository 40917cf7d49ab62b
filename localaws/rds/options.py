"""Option groups: PostgreSQL has none of the options, so its groups stay empty as on AWS."""

from __future__ import annotations

import re
from typing import Any

from moto.rds.exceptions import OptionGroupNotFoundFaultError, RDSClientError
from moto.rds.models import OptionGroup

from localaws.rds import faults, versions


def create(backend: Any, request: dict[str, Any]) -> OptionGroup:
    """An option group for PostgreSQL; `backend` has already refused other engines' mistakes."""
    name = request.get("option_group_name")
    if name in backend.option_groups:
        raise RDSClientError("OptionGroupAlreadyExistsFault", f"An option group named {name} already exists.")
    if not request.get("option_group_description"):
        raise faults.blank("OptionGroupDescription")
    major = request.get("major_engine_version")
    known = {each.major for each in versions.offered("postgres")} | {
        "10",
        "11",
        "12",
        "13",
        "14",
        "15",
        "16",
        "17",
    }
    if major not in known:
        raise faults.combination(f"Cannot find major version {major} for postgres")
    group = OptionGroup(backend, **request)
    backend.option_groups[name] = group
    return group


def check_options(group: OptionGroup, options: list[dict[str, Any]] | None) -> None:
    """Refuse any option for PostgreSQL."""
    for option in options or []:
        if group.engine_name == "postgres":
            raise faults.invalid(
                f"Invalid option {option.get('OptionName')}: there are no options for engine postgres "
                f"{group.major_engine_version}. "
                "PostgreSQL's features are set in parameter groups and by extensions."
            )


def check_deletion(backend: Any, name: str) -> None:
    """Refuse to delete a default group or one that is in use."""
    if name.startswith("default:"):
        raise faults.invalid(f"The option group {name} is a default group, which cannot be deleted.")
    users = [each for each in backend.databases.values() if each.option_group_name == name.lower()]
    if users:
        raise RDSClientError(
            "InvalidOptionGroupStateFault",
            f"The option group '{name}' cannot be deleted because it is in use "
            f"by {users[0].db_instance_identifier}.",
        )


def search(backend: Any, request: dict[str, Any]) -> list[Any]:
    """The option groups that DescribeOptionGroups asks for, the default ones by their name."""
    name, engine, major = (
        request.get(key) for key in ("option_group_name", "engine_name", "major_engine_version")
    )
    groups = [*backend.option_groups.values(), *_defaults(backend, name)]
    found = [
        group
        for group in groups
        if (not name or group.name == name.lower())
        and (not engine or group.engine_name == engine)
        and (not major or group.major_engine_version == major)
    ]
    if name and not found:
        raise OptionGroupNotFoundFaultError(name)
    return found


def _defaults(backend: Any, name: str | None) -> list[Any]:
    match = re.match(r"default:([a-z-]+?)-([\d-]+)\Z", name or "")
    if match is None:
        return []
    engine, major = match[1], match[2].replace("-", ".")
    return [OptionGroup(backend, str(name), engine, major, f"Default option group for {engine} {major}")]
