"""Whether the sender of a call may do what it asks; nobody is refused while enforcing is off.

AWS: "Policy evaluation logic", "Troubleshoot access denied error messages" in the IAM user guide.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from localaws.faults import Fault
from localaws.iam import holders, switch
from localaws.iam.identity import Directory, Identity
from localaws.iam.policy import ALLOW, DENY, Ask, Principal, names_directly, verdict
from localaws.state import OUTSIDE_IP

if TYPE_CHECKING:
    from localaws.bridge.dispatch import Call
    from localaws.state import StateDir

# AWS asks no policy about these.
_FREE = frozenset({"sts:GetCallerIdentity", "sts:GetSessionToken"})
_STATUS = {"json": 400}
_OWN_CODES = {"sns": "AuthorizationError"}
_CODES = {
    "json": "AccessDeniedException",
    "rest-json": "AccessDeniedException",
    "cbor": "AccessDeniedException",
    "ec2": "UnauthorizedOperation",
}


class Guard:
    """Asks the policies about each call, when they are to be enforced."""

    def __init__(self, state: StateDir, directory: Directory) -> None:
        self._switch = switch.Switch(state)
        self._directory = directory

    def check(self, call: Call) -> None:
        """Raise AWS's refusal of a call that no policy allows, or that one denies."""
        if not self._switch.on:
            return
        identity = self._directory.find(call.request.access_key_id)
        if identity is None or identity.unlimited:
            return
        for action, resource in _needs(call, identity.account_id):
            reason = self.problem(identity, action, resource, _context(call, identity))
            if reason is not None:
                raise _refusal(call.protocol, identity, action, resource, reason)

    def may_connect(self, access_key_id: str, resource: str) -> bool:
        """Whether the signer of a database token may log in as `resource`."""
        identity = self._directory.find(access_key_id) if self._switch.on else None
        if identity is None or identity.unlimited:
            return True
        context = context_of(identity)
        return self.problem(identity, "rds-db:connect", resource, context) is None

    def problem(
        self, identity: Identity, action: str, resource: str, context: dict[str, Any] | None = None
    ) -> str | None:
        """Return why an identity may not do something, in AWS's words, or None when it may."""
        if action in _FREE:
            return None
        ask = Ask(action, resource, context or {}, principal_of(identity))
        return _problem(identity, ask)


def _problem(identity: Identity, ask: Ask) -> str | None:
    held = holders.documents(identity)
    by_identity = verdict(held.policies, ask)
    by_resource = holders.resource_policy(ask.action, ask.resource, identity.account_id)
    said = verdict([by_resource], ask) if by_resource is not None else None
    if by_identity == DENY:
        return "with an explicit deny in an identity-based policy"
    if said == DENY:
        return "with an explicit deny in a resource-based policy"
    for kind, document in (("permissions boundary", held.boundary), ("session policy", held.session)):
        found = verdict([document], ask) if document is not None else ALLOW
        if found != ALLOW:
            return f"because no {kind} allows the {ask.action} action"
    directly = by_resource is not None and names_directly(by_resource, ask)
    if holders.must_both_allow(ask.action) and by_resource is not None:
        # a key's or a role's own policy decides whether the account's policies count at all
        allowed = directly or (said == ALLOW and by_identity == ALLOW)
        return None if allowed else _nobody_allows(ask, said)
    if by_identity == ALLOW or directly:
        return None
    return _nobody_allows(ask, ALLOW)


def _nobody_allows(ask: Ask, by_resource: str | None) -> str:
    kind = "identity-based" if by_resource == ALLOW else "resource-based"
    return f"because no {kind} policy allows the {ask.action} action"


def _needs(call: Call, account_id: str) -> Iterator[tuple[str, str]]:
    from localaws.bridge import operations
    from localaws.iam import targets

    operation = operations.of(call)
    if operation is not None:
        yield from targets.of(operation, account_id, call.region)


def _context(call: Call, identity: Identity) -> dict[str, Any]:
    return context_of(identity) | {
        "aws:requestedregion": call.region,
        "aws:useragent": call.request.headers.get("user-agent", ""),
    }


def context_of(identity: Identity) -> dict[str, Any]:
    """Return the condition keys that AWS knows of every request."""
    now = time.time()
    return (
        {
            "aws:principalarn": role_arn(identity) or identity.arn,
            "aws:principalaccount": identity.account_id,
            "aws:principaltype": identity.kind,
            "aws:userid": identity.principal_id,
            "aws:sourceip": OUTSIDE_IP,
            # the traffic never leaves the machine
            "aws:securetransport": "true",
            "aws:currenttime": datetime.fromtimestamp(now, UTC).isoformat(),
            "aws:epochtime": str(int(now)),
            "aws:multifactorauthpresent": "false",
        }
        | ({"aws:username": identity.name} if identity.kind == "IAMUser" else {})
        | holders.tags(identity)
    )


def principal_of(identity: Identity) -> Principal:
    """Return the names by which policies may call an identity."""
    also = role_arn(identity)
    return Principal((identity.arn, also) if also else (identity.arn,), identity.account_id)


def role_arn(identity: Identity) -> str | None:
    """Return the ARN of the role that a session has assumed, or None."""
    issuer = identity.session.get("sessionIssuer")
    return str(issuer["arn"]) if issuer else None


def _refusal(protocol: str, identity: Identity, action: str, resource: str, reason: str) -> Fault:
    on = "" if resource == "*" and protocol == "ec2" else f" on resource: {resource}"
    # of trust policies AWS gives no reasons
    why = "" if action.startswith("sts:") else f" {reason}"
    message = f"User: {identity.arn} is not authorized to perform: {action}{on}{why}"
    if protocol == "ec2":
        message = f"You are not authorized to perform this operation. {message}"
    code = _OWN_CODES.get(action.partition(":")[0]) or _CODES.get(protocol, "AccessDenied")
    return Fault(code, message, _STATUS.get(protocol, 403))
