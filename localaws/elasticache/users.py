"""Users and user groups: who may log in to the caches that have a user group, and what they may do there.

AWS: "Role-Based Access Control (RBAC)".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from moto.elasticache.exceptions import UserAlreadyExists, UserNotFound
from moto.elasticache.models import User

from localaws.elasticache import faults
from localaws.elasticache.versions import HOST
from localaws.engines import valkey
from localaws.engines.binaries import EngineMissing, find_valkey

_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]{0,119}")
_PASSWORD = re.compile(r"[!-~]{16,128}")
_FORBIDDEN = re.compile(r"[<>#!]|nopass|resetpass|reset$|sanitize|\(")
OURS = frozenset({valkey.ADMIN, valkey.REPLICATOR})


@dataclass
class UserGroup:
    """Users that a cache admits."""

    id: str
    engine: str
    user_ids: list[str]
    arn: str
    status: str = "active"
    region: str = ""
    tags: list[dict[str, str]] = field(default_factory=list)


class Users:
    """The part of the backend that knows users."""

    account_id: str
    region_name: str
    users: dict[str, User]
    replication_groups: dict[str, Any]
    tagging_service: Any
    user_groups: dict[str, UserGroup]

    def create_user(self, **request: Any) -> User:
        """Create a user; the access string is the server's own language."""
        if request["user_id"] in self.users:
            raise UserAlreadyExists
        if not _NAME.fullmatch(request["user_id"] or "") or not _NAME.fullmatch(request["user_name"] or ""):
            raise faults.invalid(
                "UserId and UserName have letters, digits and hyphens, and begin with a letter."
            )
        if request["user_name"] in OURS:
            raise faults.invalid(f"The user name {request['user_name']} is reserved. Choose another one.")
        check_passwords(request["passwords"])
        check_access(request["access_string"])
        user: User = super().create_user(**request)  # type: ignore[misc]
        return user

    def modify_user(self, request: dict[str, Any]) -> User:
        """Change what a user may do, or how the user logs in."""
        user = self.user(request["UserId"])
        if user.id == "default":
            raise faults.CacheFault(
                "InvalidParameterValue", "The user default cannot be modified. Create another default user."
            )
        mode = request.get("AuthenticationMode") or {}
        passwords = request.get("Passwords") or mode.get("Passwords") or []
        kind = mode.get("Type") or ("password" if passwords else None)
        open_to_all = bool(request.get("NoPasswordRequired")) or kind == "no-password-required"
        if open_to_all and passwords:
            raise faults.combination("Give passwords, or NoPasswordRequired, not both.")
        if kind == "password" and not passwords:
            raise faults.combination(
                "A user with Authentication Mode: password, must have at least one password"
            )
        check_passwords(passwords)
        access = request.get("AccessString") or user.access_string
        access = " ".join(filter(None, (access, request.get("AppendAccessString"))))
        check_access(access)
        user.access_string = access
        if open_to_all or passwords or kind:
            user.no_password_required, user.passwords = open_to_all, list(passwords)
            user.authentication_type = "no-password-required" if open_to_all else kind
        return user

    def delete_user(self, user_id: str) -> User:
        """Delete a user, and take it out of its groups."""
        user = self.user(user_id)
        if user.id == "default":
            raise faults.CacheFault("InvalidParameterValue", "The user default cannot be deleted.")
        groups = [group for group in self.user_groups.values() if user_id in group.user_ids]
        if user.name == "default" and groups:
            raise faults.CacheFault(
                "DefaultUserAssociatedToUserGroup",
                f"{user_id} is the default user of {groups[0].id}. Give the group another one first.",
            )
        for group in groups:
            group.user_ids.remove(user_id)
        del self.users[user_id]
        user.status = "deleting"
        self.tagging_service.delete_all_tags_for_resource(user.arn)
        return user

    def describe_users(self, user_id: str | None) -> list[User]:
        """Return one user, or all."""
        return [self.user(user_id)] if user_id else list(self.users.values())

    def user(self, user_id: str) -> User:
        """Return a user with the groups it is in."""
        if user_id not in self.users:
            raise UserNotFound(user_id)
        user = self.users[user_id]
        user.user_group_ids = [group.id for group in self.user_groups.values() if user_id in group.user_ids]
        return user

    def user_group(self, name: str) -> UserGroup:
        """Return a group of users."""
        if name not in self.user_groups:
            raise faults.CacheFault("UserGroupNotFound", f"User group {name} not found.")
        return self.user_groups[name]

    def create_user_group(self, request: dict[str, Any]) -> UserGroup:
        """Create a group of users."""
        name, engine = str(request["UserGroupId"]).lower(), str(request["Engine"]).lower()
        if not _NAME.fullmatch(name) or len(name) > 40:
            raise faults.invalid(f"UserGroupId {name} is not a valid identifier.")
        if engine not in ("redis", "valkey"):
            raise faults.invalid(f'Unknown parameter for Engine: "{engine}", must be one of: redis, valkey')
        if name in self.user_groups:
            raise faults.CacheFault("UserGroupAlreadyExists", f"User group {name} already exists.")
        members = list(request.get("UserIds") or [])
        self._check_members(engine, members)
        arn = f"arn:aws:elasticache:{self.region_name}:{self.account_id}:usergroup:{name}"
        group = UserGroup(name, engine, members, arn, region=self.region_name)
        self.user_groups[name] = group
        if request.get("Tags"):
            self.tagging_service.tag_resource(arn, request["Tags"])
        return group

    def modify_user_group(self, request: dict[str, Any]) -> UserGroup:
        """Add users and remove others."""
        group = self.user_group(request["UserGroupId"])
        adding, removing = request.get("UserIdsToAdd") or [], request.get("UserIdsToRemove") or []
        if not adding and not removing:
            raise faults.combination("Name users in UserIdsToAdd or UserIdsToRemove.")
        for user_id in removing:
            if user_id not in group.user_ids:
                raise faults.invalid(f"User {user_id} is not in the user group {group.id}.")
        left = [user_id for user_id in group.user_ids if user_id not in removing]
        members = [*left, *(user_id for user_id in adding if user_id not in left)]
        self._check_members(group.engine, members)
        group.user_ids = members
        return group

    def delete_user_group(self, name: str) -> UserGroup:
        """Delete a group that no cache uses."""
        group = self.user_group(name)
        users = self.users_of_group(name)
        if users:
            raise faults.CacheFault("InvalidUserGroupState", f"User group {name} is used by {users[0]}.")
        del self.user_groups[name]
        group.status = "deleting"
        self.tagging_service.delete_all_tags_for_resource(group.arn)
        return group

    def users_of_group(self, name: str) -> list[str]:
        """Return the replication groups that admit a group's users."""
        return [
            each.replication_group_id
            for each in self.replication_groups.values()
            if name in each.shared.user_group_ids
        ]

    def describe_user_group(self, group: UserGroup) -> dict[str, Any]:
        """The group of an answer."""
        return {
            "UserGroupId": group.id,
            "Status": group.status,
            "Engine": group.engine,
            "UserIds": list(group.user_ids),
            "MinimumEngineVersion": "6.0" if group.engine == "redis" else "7.2",
            "ReplicationGroups": self.users_of_group(group.id),
            "ARN": group.arn,
        }

    def _check_members(self, engine: str, user_ids: list[str]) -> None:
        names = [self.user(user_id).name for user_id in user_ids]
        if len(names) != len(set(names)):
            raise faults.CacheFault(
                "DuplicateUserName", "Two users of the group have the same user name: name only one of them."
            )
        if engine == "redis" and "default" not in names:
            raise faults.CacheFault(
                "DefaultUserRequired",
                "A user group of Redis OSS needs a user whose user name is default. Add it to UserIds.",
            )


def check_passwords(passwords: list[str]) -> None:
    """Refuse passwords that AWS refuses."""
    if len(passwords) > 2:
        raise faults.invalid("A user has at most two passwords.")
    if any(not _PASSWORD.fullmatch(password) for password in passwords):
        raise faults.invalid("Passwords length must be between 16-128 characters.")


def check_access(access: str | None) -> None:
    """Refuse an access string that the server would not take."""
    if not access or not access.strip():
        raise faults.invalid("AccessString must not be empty. Example: on ~app:* +@read")
    if any(_FORBIDDEN.match(word) for word in access.split()) or not access.isprintable():
        raise faults.invalid(
            "AccessString may name keys, channels, commands and on or off. Passwords go into Passwords."
        )
    if HOST.silent:
        return
    try:
        problem = valkey.problem_of(find_valkey(), access)
    except EngineMissing:
        return
    if problem:
        raise faults.invalid(f"Invalid access string: {problem}")
