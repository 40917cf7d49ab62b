"""Temporary credentials of a role, for a process: valid while it runs.

AWS: "IAM roles for Amazon EC2" and "Task IAM role".
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localaws.bridge import backends

if TYPE_CHECKING:
    from localaws.control import ControlPlane

SECONDS = 3600


@dataclass(frozen=True)
class RoleKeys:
    """Keys of an assumed role."""

    control: ControlPlane
    account_id: str
    assumed: Any

    @classmethod
    def issue(cls, control: ControlPlane, account_id: str, region: str, role: str, session: str) -> RoleKeys:
        """Make keys of the role (its ARN), as its session of this name."""
        from moto.iam.models import AccessKey
        from moto.sts.models import AssumedRole

        with control.lock:
            key = AccessKey(user_name=None, prefix="ASIA", account_id=account_id)
            key.role_arn = role
            assumed = AssumedRole(account_id, region, key, session, role, "", SECONDS, "")
            backends.load("sts")[account_id]["aws"].assumed_roles.append(assumed)
        return cls(control, account_id, assumed)

    def environment(self) -> dict[str, str]:
        """Return the variables that tell an SDK of them."""
        return {
            "AWS_ACCESS_KEY_ID": self.assumed.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.assumed.secret_access_key,
            "AWS_SESSION_TOKEN": self.assumed.session_token,
        }

    def renew(self) -> None:
        """Let them be valid for longer: a process that lives cannot be given new ones."""
        left = self.assumed.expiration - datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
        if left.total_seconds() < SECONDS / 2:
            with self.control.lock:
                self.assumed.expiration += datetime.timedelta(seconds=SECONDS / 2)

    def revoke(self) -> None:
        """End them."""
        with self.control.lock:
            roles = backends.load("sts")[self.account_id]["aws"].assumed_roles
            roles[:] = [each for each in roles if each is not self.assumed]


def profile_role(account_id: str, profile: str | None) -> str | None:
    """Return the ARN of the role in an instance profile, given by its ARN or name."""
    for account, _, backend in backends.existing("iam"):
        for each in backend.instance_profiles.values() if account == account_id else ():
            if profile in (each.arn, each.name) and each.roles:
                return str(each.roles[0].arn)
    return None


@contextlib.contextmanager
def credentials(
    control: ControlPlane, account_id: str, region: str, role: str, session: str
) -> Iterator[dict[str, str]]:
    """Yield the environment variables of credentials that end with the block."""
    keys = RoleKeys.issue(control, account_id, region, role, session)
    try:
        yield keys.environment()
    finally:
        keys.revoke()
