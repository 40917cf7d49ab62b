"""What policies would decide, without asking anything of a service.

AWS: "SimulatePrincipalPolicy" and "SimulateCustomPolicy" in the IAM API reference.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from moto.iam.exceptions import NotFoundException

from localaws.iam import holders
from localaws.iam.policy import ALLOW, DENY, Ask, Principal, verdict

_KINDS = {"user": "users", "group": "groups", "role": "roles"}
_DECISIONS = {ALLOW: "allowed", DENY: "explicitDeny", None: "implicitDeny"}
Named = tuple[str, str, Any]
"""A policy's id, its type, and its document."""


def of_principal(backend: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """Simulate with the policies that a user, group or role holds."""
    arn = asked["PolicySourceArn"]
    holder = _holder(backend, arn)
    policies = list(_held(backend, holder)) + _given(asked)
    boundary = getattr(holder, "permissions_boundary_arn", None)
    limits = list(asked.get("PermissionsBoundaryPolicyInputList") or ())
    if boundary in backend.managed_policies and not limits:
        limits = [holders.default_version(backend.managed_policies[boundary])]
    return _results(policies, limits, asked, asked.get("CallerArn") or arn)


def of_documents(asked: dict[str, Any]) -> dict[str, Any]:
    """Simulate with the given policies alone."""
    limits = list(asked.get("PermissionsBoundaryPolicyInputList") or ())
    return _results(_given(asked), limits, asked, asked.get("CallerArn") or "")


def _given(asked: dict[str, Any]) -> list[Named]:
    documents = asked.get("PolicyInputList") or []
    return [(f"PolicyInputList.{place}", "none", document) for place, document in enumerate(documents, 1)]


def _holder(backend: Any, arn: str) -> Any:
    kind = arn.rpartition(":")[2].partition("/")[0]
    for holder in getattr(backend, _KINDS.get(kind, ""), {}).values():
        if holder.arn == arn:
            return holder
    raise NotFoundException(f"The entity {arn} does not exist or does not match the policy source.")


def _held(backend: Any, holder: Any) -> Iterator[Named]:
    groups = [group for group in backend.groups.values() if holder in group.users]
    for one in (holder, *groups):
        kind = type(one).__name__.lower()
        for name, document in one.policies.items():
            yield f"{kind}_{one.name}_{name}", kind, document
        for policy in one.managed_policies.values():
            own = "aws-managed" if policy.arn.startswith("arn:aws:iam::aws:") else "user-managed"
            yield policy.name, own, holders.default_version(policy)


def _results(policies: list[Named], limits: list[Any], asked: dict[str, Any], caller: str) -> dict[str, Any]:
    context = {
        entry["ContextKeyName"].lower(): entry.get("ContextKeyValues") or []
        for entry in asked.get("ContextEntries") or ()
    }
    account = caller.split(":")[4] if caller.count(":") >= 5 else ""
    principal = Principal((caller,) if caller else (), account)
    own = asked.get("ResourcePolicy")
    results = [
        _result(policies, limits, own, Ask(action, resource, context, principal))
        for action in asked["ActionNames"]
        for resource in asked.get("ResourceArns") or ["*"]
    ]
    return {"EvaluationResults": results, "IsTruncated": False}


def _result(policies: list[Named], limits: list[Any], own: Any, ask: Ask) -> dict[str, Any]:
    said = {name: verdict([document], ask) for name, _, document in policies}
    decision = verdict([document for _, _, document in policies], ask)
    by_resource = verdict([own], ask) if own else None
    if by_resource is not None and decision != DENY:
        decision = by_resource
    if decision == ALLOW and limits and verdict(limits, ask) != ALLOW:
        decision = verdict(limits, ask)
    return {
        "EvalActionName": ask.action,
        "EvalResourceName": ask.resource,
        "EvalDecision": _DECISIONS[decision],
        "MatchedStatements": [
            {"SourcePolicyId": name, "SourcePolicyType": kind}
            for name, kind, _ in policies
            if decision is not None and said[name] == decision
        ],
        "MissingContextValues": [],
    }
