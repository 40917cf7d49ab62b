"""Changes of a cache: which count at once, which are work, and which wait for the maintenance window.

AWS: "Modifying an ElastiCache cluster", "Authenticating with the AUTH command".
"""

from __future__ import annotations

from typing import Any

from moto.core.utils import utcnow

from localaws.bridge.ec2 import Ec2View
from localaws.elasticache import checks, faults, versions
from localaws.elasticache.models import Owner, Shared
from localaws.elasticache.parameter_groups import in_force
from localaws.elasticache.placement import checked_groups

_AT_ONCE = {
    "PreferredMaintenanceWindow": "maintenance_window",
    "SnapshotRetentionLimit": "snapshot_retention_limit",
    "SnapshotWindow": "snapshot_window",
    "AutoMinorVersionUpgrade": "auto_minor_version_upgrade",
    "NotificationTopicArn": "topic",
}
RESTARTING = frozenset({"engine", "engine_version"})
"""Changes that need new server processes."""


def change(backend: Any, owner: Owner, request: dict[str, Any], extra: dict[str, Any]) -> None:
    """Make the changes of a request; `extra` are changes that only this kind of cache knows."""
    shared = owner.shared
    checks.windows(request)
    slow = extra | _slow(backend, shared, request)
    groups = _security_groups(backend, shared, request)
    if request.get("CacheParameterGroupName"):
        family = versions.find(
            slow.get("engine", shared.engine), slow.get("engine_version", shared.engine_version)
        )
        name = backend.suitable_group(request["CacheParameterGroupName"], family.family)
        slow = slow | {"parameter_group_name": name} if "engine_version" in slow else slow
        if "engine_version" not in slow:
            shared.parameter_group_name = name
            regroup(backend, owner)
    for parameter, attribute in _AT_ONCE.items():
        if request.get(parameter) is not None:
            setattr(shared, attribute, request[parameter])
    shared.security_group_ids = groups
    if not slow:
        return
    if request.get("ApplyImmediately") or owner.pending.keys() & slow.keys():
        begin(owner, slow)
    else:
        owner.pending |= slow


def begin(owner: Owner, changes: dict[str, Any]) -> None:
    """Make changes work, together with all that waited."""
    owner.add({"do": "modify", "changes": owner.pending | changes})
    owner.pending = {}


def apply(owner: Owner, changes: dict[str, Any]) -> None:
    """Write changes that the servers have into the model."""
    for name, value in changes.items():
        if hasattr(owner.shared, name):
            setattr(owner.shared, name, value)
    if "tokens" in changes:
        owner.shared.token_changed = utcnow()


def regroup(backend: Any, owner: Owner) -> None:
    """Take over what a changed parameter group says at once, in all nodes of a cache."""
    group = backend.parameter_group(owner.shared.parameter_group_name)
    for cluster in backend.members(owner):
        cluster.in_force = in_force(group, cluster.in_force, rebooted=False)


def _security_groups(backend: Any, shared: Shared, request: dict[str, Any]) -> list[str]:
    if not request.get("SecurityGroupIds"):
        return shared.security_group_ids
    view = Ec2View.born(backend.account_id, backend.region_name)
    return checked_groups(view, shared.vpc_id, request["SecurityGroupIds"])


def _slow(backend: Any, shared: Shared, request: dict[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if request.get("CacheNodeType"):
        changes["node_type"] = checks.node_type(request["CacheNodeType"])
    if request.get("EngineVersion") or request.get("Engine"):
        changes |= _upgrade(backend, shared, request)
    if request.get("TransitEncryptionEnabled") is not None or request.get("TransitEncryptionMode"):
        encrypted, mode = checks.encryption(request, now=shared.encrypted)
        if encrypted and not shared.encrypted and mode == "required":
            raise faults.combination(
                "Enable encryption in transit with TransitEncryptionMode preferred first, then require it."
            )
        if not encrypted and shared.tokens:
            raise faults.combination("A cache with an AUTH token cannot give up encryption in transit.")
        if not encrypted and shared.encryption_mode == "required":
            raise faults.combination("Set TransitEncryptionMode to preferred first.")
        changes |= {"encrypted": encrypted, "encryption_mode": mode}
    changes |= _tokens(shared, request)
    return {name: value for name, value in changes.items() if getattr(shared, name) != value}


def _upgrade(backend: Any, shared: Shared, request: dict[str, Any]) -> dict[str, Any]:
    engine = request.get("Engine") or shared.engine
    version = versions.find(engine, request.get("EngineVersion"))
    if (engine == "memcached") != (shared.engine == "memcached"):
        raise faults.combination(f"A cache of {shared.engine} cannot become one of {engine}.")
    if versions.rank(engine, version.number) < versions.rank(shared.engine, shared.engine_version):
        raise faults.combination(
            f"Cannot downgrade from {shared.engine} {shared.engine_version} to {engine} {version.number}."
        )
    changes = {"engine": engine, "engine_version": version.number}
    present = backend.parameter_group(shared.parameter_group_name)
    if present.family != version.family:
        if not present.default and not request.get("CacheParameterGroupName"):
            raise faults.combination(
                f"Name a CacheParameterGroupName of family {version.family} with the new version."
            )
        changes["parameter_group_name"] = version.parameter_group
    return changes


def _tokens(shared: Shared, request: dict[str, Any]) -> dict[str, Any]:
    strategy, given = request.get("AuthTokenUpdateStrategy"), request.get("AuthToken")
    if strategy is None and given is None:
        return {}
    checks.token(given, encrypted=shared.encrypted)
    if not request.get("ApplyImmediately"):
        raise faults.combination("A change of the AUTH token needs ApplyImmediately.")
    if strategy == "DELETE":
        if not shared.user_group_ids and not request.get("UserGroupIdsToAdd"):
            raise faults.combination("AuthTokenUpdateStrategy DELETE needs a user group that takes over.")
        return {"tokens": [], "token_needed": False}
    if given is None:
        raise faults.combination("AuthTokenUpdateStrategy needs AuthToken.")
    if strategy == "SET":
        return {"tokens": [given], "token_needed": True}
    if strategy not in (None, "ROTATE"):
        raise faults.invalid(f"Invalid AuthTokenUpdateStrategy {strategy}. Choose SET, ROTATE or DELETE.")
    # of three the oldest goes; a cache without a token goes on to admit clients without one
    return {"tokens": [*(old for old in shared.tokens if old != given), given][-2:]}
