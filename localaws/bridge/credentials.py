"""The access keys that moto has issued: IAM users' keys and the temporary ones of assumed roles."""

from __future__ import annotations

from datetime import UTC, datetime

from localaws.bridge import backends
from localaws.signature import Key


def issued(access_key_id: str, now: float, *, account_id: str | None = None) -> Key | None:
    """Return the key that moto issued under this id, in this account, and that is active, or None."""
    for account, _, backend in backends.existing("sts"):
        if account_id not in (None, account):
            continue
        role = backend.get_assumed_role_from_access_key(access_key_id)
        if role is not None:
            ends = role.expiration.replace(tzinfo=UTC)
            expired = ends < datetime.fromtimestamp(now, UTC)
            return Key(role.secret_access_key, role.session_token, expired=expired)
    for account, _, backend in backends.existing("iam"):
        if account_id not in (None, account):
            continue
        key = backend.access_keys.get(access_key_id)
        if key is not None and key.status == "Active":
            return Key(key.secret_access_key)
    return None
