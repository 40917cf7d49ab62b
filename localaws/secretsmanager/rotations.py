"""How a rotation begins, succeeds and fails in the model.

AWS: "Rotate AWS Secrets Manager secrets" and "Troubleshoot AWS Secrets Manager rotation" in the user guide.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any

from moto.awslambda.exceptions import UnknownFunctionException
from moto.moto_api._internal import mock_random
from moto.secretsmanager.exceptions import (
    InvalidParameterException,
    InvalidRequestException,
    ResourceNotFoundException,
)

from localaws.secretsmanager import faults
from localaws.secretsmanager.schedule import Schedule, ScheduleError, duration
from localaws.secretsmanager.secret import CURRENT, PENDING, Secret

LONGEST_PAUSE = 3600.0
"""Seconds between two attempts of a rotation that fails; the first is one, each next one double."""
PRINCIPAL = "secretsmanager.amazonaws.com"
DAYS = "AutomaticallyAfterDays"


def rotate(
    backend: Any,
    secret: Secret,
    token: str,
    function: str | None,
    rules: dict[str, Any] | None,
    *,
    immediately: bool,
) -> None:
    """Take over rules and function, and begin a rotation or (without haste) a test of it."""
    rules = _checked(rules) if rules else {}
    if secret.owning_service:
        _rotate_managed(secret, rules, function, immediately=immediately)
        return
    arn = _function(backend, function or secret.rotation_lambda_arn)
    pending = secret.labelled(PENDING)
    if pending is not None and pending != secret.labelled(CURRENT):
        from localaws.secretsmanager.controller import hurry

        hurry(secret.arn)
        raise faults.unfinished()
    secret.rotation_lambda_arn = arn
    secret.rotation_requested = secret.rotation_enabled = True
    _follow(secret, rules)
    if token not in secret.versions:
        begin(secret, token, test_only=not immediately)


def begin(secret: Secret, token: str, *, test_only: bool = False) -> None:
    """Attach AWSPENDING to a version without a value and leave the rest to the controller."""
    now = int(time.time())
    secret.unlabel(PENDING)
    version: dict[str, Any] = {"createdate": now, "version_id": token, "version_stages": [PENDING]}
    current = secret.versions.get(secret.labelled(CURRENT) or "", {})
    if test_only:
        kept = ("secret_string", "secret_binary")
        version |= {name: current[name] for name in kept if name in current}
    secret.versions[token] = version
    secret.rotation = {"token": token, "test_only": test_only, "failures": 0, "due": now, "reason": ""}


def begin_due(secret: Secret) -> None:
    """Begin the rotation that the schedule asks for."""
    secret.schedule_next()
    if secret.owning_service:
        with contextlib.suppress(InvalidRequestException):
            _rotate_managed(secret, {}, None, immediately=True)
            return
        # its database is stopped or busy
        secret.next_rotation_date = int(time.time() + LONGEST_PAUSE)
    elif secret.rotation is None:
        begin(secret, str(mock_random.uuid4()))


def finish(secret: Secret, token: str) -> None:
    """Note a rotation that has succeeded, or a test that has ended."""
    if secret.rotation is None or secret.rotation["token"] != token:
        return
    if secret.rotation["test_only"]:
        del secret.versions[token]
    else:
        succeed(secret)
    secret.rotation = None


def succeed(secret: Secret) -> None:
    """Note that the current version was made by a rotation."""
    if secret.labelled(PENDING) == secret.labelled(CURRENT):
        secret.unlabel(PENDING)
    secret.last_rotation_date = secret.last_changed_date = int(time.time())
    secret.schedule_next()
    secret.forget_old()


def fail(secret: Secret, token: str, reason: str) -> None:
    """Note a failure: AWSPENDING stays, and the rotation is tried again later."""
    rotation = secret.rotation
    if rotation is None or rotation["token"] != token:
        return
    if rotation["test_only"]:
        del secret.versions[token]
        secret.rotation = None
        return
    pause = min(2.0 ** min(rotation["failures"], 12), LONGEST_PAUSE)
    rotation |= {"failures": rotation["failures"] + 1, "due": time.time() + pause, "reason": reason}


def _rotate_managed(
    secret: Secret, rules: dict[str, Any], function: str | None, *, immediately: bool
) -> None:
    if function:
        raise faults.managed()
    _follow(secret, rules)
    if immediately:
        from localaws.rds.passwords import rotate_owned

        rotate_owned(secret)


def _follow(secret: Secret, rules: dict[str, Any]) -> None:
    if rules:
        secret.rules = rules
        secret.auto_rotate_after_days = rules.get(DAYS, 0)
    secret.schedule_next()


def _checked(rules: dict[str, Any]) -> dict[str, Any]:
    days, expression = rules.get(DAYS), rules.get("ScheduleExpression")
    if days is not None and expression is not None:
        raise InvalidParameterException(
            "You can't specify both AutomaticallyAfterDays and ScheduleExpression in RotationRules."
        )
    if days is not None and not 1 <= days <= 1000:
        raise InvalidParameterException("RotationRules.AutomaticallyAfterDays must be within 1-1000.")
    try:
        if expression is not None:
            Schedule(expression).following(time.time())
        if "Duration" in rules:
            duration(rules["Duration"])
    except ScheduleError as error:
        raise InvalidParameterException(str(error)) from error
    return {name: value for name, value in rules.items() if value is not None}


def _function(backend: Any, name: str | None) -> str:
    """Return the ARN of a function that Secrets Manager may invoke."""
    from moto.awslambda.models import lambda_backends

    if not name:
        raise faults.without_function()
    functions = lambda_backends[backend.account_id][backend.region_name]
    try:
        found = functions.get_function(name)
    except UnknownFunctionException:
        raise ResourceNotFoundException(f"Resource not found for ARN '{name}'.") from None
    if not any(_names_us(statement.get("Principal")) for statement in found.policy.statements):
        raise faults.not_invocable()
    return str(found.function_arn) if ":" not in name else name


def _names_us(principal: Any) -> bool:
    services = principal.get("Service") if isinstance(principal, dict) else principal
    return services == "*" or PRINCIPAL in (services if isinstance(services, list) else [services])
