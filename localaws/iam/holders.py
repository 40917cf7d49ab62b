"""The policies that an identity holds, and those that a resource has of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from localaws.bridge import backends
from localaws.iam.identity import Identity, role_named

Document = str | bytes | dict[str, Any]
# Their resources' own policies must allow too, in the same account.
_DECIDING = ("kms:", "sts:AssumeRole")


@dataclass(frozen=True)
class Held:
    """The documents that decide about an identity."""

    policies: list[Document]
    boundary: Document | None = None
    session: Document | None = None


def documents(identity: Identity) -> Held:
    """Return the policies of a user with those of its groups, or of a role."""
    backend = _iam(identity.account_id)
    holder = _holder(identity)
    if backend is None or holder is None:
        return Held([])
    groups = [group for group in list(backend.groups.values()) if holder in group.users]
    found = [each for one in (holder, *groups) for each in of_holder(one)]
    return Held(found, _boundary(backend, holder), identity.policy)


def _iam(account_id: str) -> Any | None:
    return next((found for account, _, found in backends.existing("iam") if account == account_id), None)


def _holder(identity: Identity) -> Any | None:
    if identity.kind == "AssumedRole":
        return role_named(identity.account_id, identity.session["sessionIssuer"]["arn"])
    backend = _iam(identity.account_id)
    return backend.users.get(identity.name) if backend is not None else None


def of_holder(holder: Any) -> Iterator[Document]:
    """Yield the inline and the managed policies of a user, group or role."""
    yield from list(holder.policies.values())
    for policy in list(holder.managed_policies.values()):
        yield default_version(policy)


def default_version(policy: Any) -> Document:
    """Return the document of a managed policy that is in force."""
    found: Document = next(
        version.document for version in policy.versions if version.version_id == policy.default_version_id
    )
    return found


def _boundary(backend: Any, holder: Any) -> Document | None:
    arn = getattr(holder, "permissions_boundary_arn", None)
    policy = backend.managed_policies.get(arn) if arn else None
    return default_version(policy) if policy is not None else None


def tags(identity: Identity) -> dict[str, str]:
    """Return the tags of an identity as condition keys."""
    holder = _holder(identity)
    found = getattr(holder, "tags", None) or {}
    pairs = found.values() if isinstance(found, dict) else found
    return {
        f"aws:principaltag/{each['Key'].lower()}": each["Value"]
        for each in pairs
        if isinstance(each, dict) and "Key" in each
    }


def must_both_allow(action: str) -> bool:
    """Whether the resource's own policy has to allow the action too."""
    return action.startswith(_DECIDING)


def resource_policy(action: str, arn: str, account_id: str) -> Document | None:
    """Return the own policy of a bucket, secret, key, topic, queue or role (its trust policy), or None."""
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return None
    if action.startswith("sts:AssumeRole"):
        role = role_named(parts[4] or account_id, arn)
        # a role that does not exist trusts nobody
        return _text(role.assume_role_policy_document) if role is not None else {"Statement": []}
    finder = _FINDERS.get(parts[2])
    return _text(finder(arn, parts)) if finder is not None else None


def _text(document: Any) -> Document | None:
    if isinstance(document, str | bytes | dict) and document:
        return document
    return None


def _find(service: str, region: str, account_id: str) -> Any | None:
    return next(
        (
            backend
            for account, place, backend in backends.existing(service)
            if place == region and account == account_id
        ),
        None,
    )


def _of_bucket(_arn: str, parts: list[str]) -> Any:
    name = parts[5].partition("/")[0]
    for _, _, backend in backends.existing("s3"):
        bucket = backend.buckets.get(name)
        if bucket is not None:
            return bucket.policy
    return None


def _of_key(_arn: str, parts: list[str]) -> Any:
    backend = _find("kms", parts[3], parts[4])
    key = backend.keys.get(parts[5].removeprefix("key/")) if backend is not None else None
    return key.policy if key is not None else None


def _of_secret(arn: str, parts: list[str]) -> Any:
    backend = _find("secretsmanager", parts[3], parts[4])
    secret = backend.secrets.get(arn) if backend is not None else None
    return secret.policy if secret is not None else None


def _of_topic(arn: str, parts: list[str]) -> Any:
    backend = _find("sns", parts[3], parts[4])
    topic = backend.topics.get(arn) if backend is not None else None
    return topic.policy if topic is not None else None


def _of_queue(_arn: str, parts: list[str]) -> Any:
    backend = _find("sqs", parts[3], parts[4])
    queue = backend.queues.get(parts[5]) if backend is not None else None
    found = getattr(queue, "policy", None)
    return json.dumps(found) if isinstance(found, dict) and found else found


_FINDERS = {
    "s3": _of_bucket, "kms": _of_key, "secretsmanager": _of_secret, "sns": _of_topic, "sqs": _of_queue
}  # fmt: skip
