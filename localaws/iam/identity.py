"""Who calls: the identity behind an access key.

AWS: "CloudTrail userIdentity element", "IAM identifiers".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from localaws.bridge import backends
from localaws.state import ACCOUNT_ID, KeyPair

OWNER, EXAMINER = "owner", "examiner"


@dataclass(frozen=True)
class Identity:
    """An account's root user, an IAM user, or the session of an assumed role."""

    kind: str
    arn: str
    account_id: str
    principal_id: str
    access_key_id: str
    name: str = ""
    session: dict[str, Any] = field(default_factory=dict)
    policy: str | None = None
    """The session's own policy, which narrows what its role may do."""
    unlimited: bool = False
    """Whether no policy is asked: the account's owner, and who examines."""

    @property
    def user(self) -> str:
        """The name by which CloudTrail finds events: the session's for a role."""
        return self.principal_id.partition(":")[2] or self.name or "root"

    def element(self) -> dict[str, Any]:
        """Return CloudTrail's userIdentity element."""
        element = {
            "type": self.kind,
            "principalId": self.principal_id,
            "arn": self.arn,
            "accountId": self.account_id,
            "accessKeyId": self.access_key_id,
        }
        if self.kind == "IAMUser":
            element["userName"] = self.name
        return element | ({"sessionContext": self.session} if self.session else {})


_OWN: dict[str, Identity] = {}


def owner_of(access_key_id: str) -> Identity | None:
    """Return the owner or the examiner of this local AWS, when the key is theirs."""
    return _OWN.get(access_key_id)


class Directory:
    """Finds identities: the two key pairs of the state folder, and what moto has issued."""

    def __init__(self, own: dict[str, KeyPair]) -> None:
        self._own = {pair.access_key_id: _own(role, pair.access_key_id) for role, pair in own.items()}
        _OWN.update(self._own)

    def find(self, access_key_id: str) -> Identity | None:
        """Return whose key this is, or None."""
        return self._own.get(access_key_id) or _session(access_key_id) or _user(access_key_id)


def _own(role: str, access_key_id: str) -> Identity:
    if role == OWNER:
        arn = f"arn:aws:iam::{ACCOUNT_ID}:root"
        return Identity("Root", arn, ACCOUNT_ID, ACCOUNT_ID, access_key_id, unlimited=True)
    arn = f"arn:aws:iam::{ACCOUNT_ID}:user/{role}"
    return Identity(
        "IAMUser", arn, ACCOUNT_ID, f"AIDA{access_key_id[4:]}", access_key_id, name=role, unlimited=True
    )


def _session(access_key_id: str) -> Identity | None:
    for account_id, _, backend in backends.existing("sts"):
        role = backend.get_assumed_role_from_access_key(access_key_id)
        if role is not None:
            return _of_session(role, account_id)
    return None


def _of_session(session: Any, account_id: str) -> Identity:
    role = role_named(account_id, session.role_arn)
    name = session.role_arn.rpartition("/")[2]
    role_id = role.id if role is not None else session.user_id.partition(":")[0]
    return Identity(
        kind="AssumedRole",
        arn=session.arn,
        account_id=account_id,
        principal_id=f"{role_id}:{session.session_name}",
        access_key_id=session.access_key_id,
        name=name,
        session={
            "sessionIssuer": {
                "type": "Role",
                "principalId": role_id,
                "arn": session.role_arn,
                "accountId": account_id,
                "userName": name,
            },
            "attributes": {
                "creationDate": _stamp(session.access_key.create_date),
                "mfaAuthenticated": "false",
            },
        },
        policy=session.policy or None,
    )


def _stamp(moment: datetime | str) -> str:
    return moment if isinstance(moment, str) else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def role_named(account_id: str, arn: str) -> Any | None:
    """Return moto's role of this ARN, or None."""
    return next((role for role in _all("roles", account_id) if role.arn == arn), None)


def _user(access_key_id: str) -> Identity | None:
    for account_id, _, backend in backends.existing("iam"):
        key = backend.access_keys.get(access_key_id)
        user = backend.users.get(key.user_name) if key is not None else None
        if user is not None:
            return Identity("IAMUser", user.arn, account_id, user.id, access_key_id, name=user.name)
    return None


def _all(kind: str, account_id: str) -> Iterable[Any]:
    for account, _, backend in backends.existing("iam"):
        if account == account_id:
            yield from getattr(backend, kind).values()
