"""Settlements: what the steps of a rotation and the passing of time do to a secret."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from localaws.secretsmanager import rotations
from localaws.secretsmanager.secret import CURRENT, PENDING, Secret


def valued(backend: Any, *, arn: str, token: str, value: str) -> None:
    """The pending version has got its value."""
    secret = _secret(backend, arn)
    if secret is not None and secret.labelled(PENDING) == token and not secret.holds(token):
        backend.put_secret_value(arn, value, None, token, [PENDING])


def promoted(backend: Any, *, arn: str, token: str) -> None:
    """The pending version is the current one."""
    secret = _secret(backend, arn)
    if secret is not None and token in secret.versions and secret.labelled(CURRENT) != token:
        backend.update_secret_version_stage(arn, CURRENT, secret.labelled(CURRENT), token)


def rotated(backend: Any, *, arn: str, token: str) -> None:
    """The rotation has succeeded."""
    secret = _secret(backend, arn)
    if secret is not None:
        rotations.finish(secret, token)


def failed(backend: Any, *, arn: str, token: str, reason: str) -> None:
    """The rotation has failed for now."""
    secret = _secret(backend, arn)
    if secret is not None:
        rotations.fail(secret, token, reason)


def due(backend: Any, *, arn: str) -> None:
    """The schedule asks for a rotation."""
    secret = _secret(backend, arn)
    if secret is not None and secret.rotation_enabled and (secret.next_rotation_date or 0) <= time.time():
        rotations.begin_due(secret)


def expired(backend: Any, *, arn: str) -> None:
    """The recovery window of a deleted secret is over."""
    secret = backend.secrets.get(arn)
    if secret is not None and secret.is_deleted() and (secret.deleted_date or 0) <= time.time():
        backend.secrets.pop(arn)


def _secret(backend: Any, arn: str) -> Secret | None:
    secret = backend.secrets.get(arn)
    return secret if isinstance(secret, Secret) and not secret.is_deleted() else None


SETTLEMENTS: dict[str, Callable[..., None]] = {
    "valued": valued,
    "promoted": promoted,
    "rotated": rotated,
    "failed": failed,
    "due": due,
    "expired": expired,
}
