"""Tokens of IAM database authentication: presigned requests of rds-db, as generate_db_auth_token makes them.

AWS: "Connecting to your DB instance using IAM authentication".
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moto.core import DEFAULT_ACCOUNT_ID

from localaws.bridge import credentials
from localaws.signature import Key, Refusal, Request, SignatureRefused, verify

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.relay.endpoint import Judge

LIFETIME_SECONDS = 15 * 60
SERVICE = "rds-db"
_HTTPS = "443"
_DISABLED = "IAM database authentication is not enabled: set EnableIAMDatabaseAuthentication"
_UNSIGNED = "a member of rds_iam logs in with a token of generate_db_auth_token, not with a password"
_REASONS = {
    Refusal.UNKNOWN_KEY: "the account does not know the access key or session token that signed the token",
    Refusal.MISMATCH: "the signature does not match: the token was altered, or signed with another secret",
    Refusal.EXPIRED: "the token has expired: it lasts 15 minutes, call generate_db_auth_token again",
    Refusal.BAD_TOKEN: "the temporary credentials that signed the token have expired",
}


@dataclass(frozen=True)
class Audience:
    """Whom a token must be made for: an endpoint, by its address or its host names."""

    account_id: str
    region: str
    hosts: tuple[str, ...]
    port: int
    resource_id: str

    def permission(self, user: str) -> str:
        """ARN of the database user, on which `rds-db:connect` is asked when policies are enforced."""
        return f"arn:aws:{SERVICE}:{self.region}:{self.account_id}:dbuser:{self.resource_id}/{user}"


class Tokens:
    """Judges tokens by the access keys that an account has issued."""

    def __init__(self, control: ControlPlane) -> None:
        self._control = control
        pairs = control.state.credentials().values()
        self._own = {pair.access_key_id: Key(pair.secret_access_key) for pair in pairs}

    def judge(self, audience: Audience, enabled: Callable[[], bool]) -> Judge:
        """Return what an endpoint asks about a user's token, for as long as `enabled` says so."""
        return lambda user, token: self.problem(token, user, audience) if enabled() else _DISABLED

    def problem(self, token: str, user: str, audience: Audience, now: float | None = None) -> str | None:
        """Return why a token does not let a user in, or None."""
        now = time.time() if now is None else now
        place, _, query = token.partition("/?")
        host, _, port = place.lower().partition(":")
        # as the signer's HTTP library writes the header
        header = host if port == _HTTPS else f"{host}:{port}"
        request = Request("GET", f"/?{query}", {"host": header}, b"")
        found = _mismatch(request, host, port, user, audience)
        if found:
            return found
        try:
            signer = verify(request, lambda key_id: self._key(key_id, audience.account_id, now), now)
        except SignatureRefused as refused:
            return _REASONS.get(refused.refusal) or refused.detail or refused.refusal.value
        permission = audience.permission(user)
        if not self._control.guard.may_connect(signer, permission):
            return f"no policy of the token's signer allows rds-db:connect on {permission}"
        return None

    def _key(self, access_key_id: str, account_id: str, now: float) -> Key | None:
        known = self._own.get(access_key_id) if account_id == DEFAULT_ACCOUNT_ID else None
        return known or credentials.issued(access_key_id, now, account_id=account_id)


def _mismatch(request: Request, host: str, port: str, user: str, audience: Audience) -> str | None:
    """Return what the token says that is not so, before its signature is looked at."""
    given = request.presigned
    scope = (request.credential or "").split("/")
    if "X-Amz-Signature" not in given or len(scope) != 5:
        return _UNSIGNED
    if scope[3] != SERVICE or given.get("Action") != "connect":
        return f"the token is a presigned request, but not one to connect of {SERVICE}"
    if "host" not in given.get("X-Amz-SignedHeaders", "").split(";"):
        return "the token does not sign its host"
    if given.get("DBUser") != user:
        return f"the token was made for the user {given.get('DBUser', '(none)')}"
    if host not in audience.hosts or port != str(audience.port):
        return f"the token was made for {host}:{port}, not for {audience.hosts[0]}:{audience.port}"
    if scope[2] != audience.region:
        return f"the token was signed for the Region {scope[2]}, not for {audience.region}"
    lifetime = given.get("X-Amz-Expires", "")
    if not lifetime.isdecimal() or int(lifetime) > LIFETIME_SECONDS:
        return f"the token must not be valid for more than {LIFETIME_SECONDS} seconds"
    return None
