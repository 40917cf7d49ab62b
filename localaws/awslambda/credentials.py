"""The credentials of a function's role: valid while it runs, and never written down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from localaws.bridge import backends

if TYPE_CHECKING:
    from localaws.control import ControlPlane

SECONDS = 3600


@contextmanager
def credentials(
    control: ControlPlane, account_id: str, region: str, role: str, function: str
) -> Iterator[dict[str, str]]:
    """Yield the environment variables of temporary credentials of the role."""
    from moto.iam.models import AccessKey
    from moto.sts.models import AssumedRole

    with control.lock:
        roles = backends.load("sts")[account_id]["aws"].assumed_roles
        key = AccessKey(user_name=None, prefix="ASIA", account_id=account_id)
        assumed = AssumedRole(account_id, region, key, function, role, "", SECONDS, "")
        roles.append(assumed)
    try:
        yield {
            "AWS_ACCESS_KEY_ID": assumed.access_key_id,
            "AWS_SECRET_ACCESS_KEY": assumed.secret_access_key,
            "AWS_SESSION_TOKEN": assumed.session_token,
        }
    finally:
        with control.lock:
            roles[:] = [each for each in roles if each is not assumed]
