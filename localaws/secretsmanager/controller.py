"""Carries out rotations: the four steps, one invocation of the rotation function each."""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.awslambda.exceptions import UnknownFunctionException

from localaws.awslambda.functions import Outcome
from localaws.awslambda.functions import start as functions_of
from localaws.secretsmanager.secret import CURRENT, Secret
from localaws.secretsmanager.vault import StepFailed, Vault

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.reconcile import Engine
    from localaws.runtime import Runtime

log = logging.getLogger(__name__)

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
_hurried: set[str] = set()
_hurrying = threading.Lock()


def hurry(arn: str) -> None:
    """Try a failed rotation again at once: RotateSecret was called while it waits."""
    with _hurrying:
        _hurried.add(arn)


@dataclass(frozen=True)
class Task:
    """A rotation that is to be carried out."""

    account_id: str
    region: str
    arn: str
    token: str
    function: str
    test_only: bool


class RotationController:
    """The reconciler's controller of Secrets Manager."""

    def __init__(self, control: ControlPlane, runtime: Runtime) -> None:
        self._control = control
        self._runtime = runtime
        self._reconciler = runtime.reconciler

    def reconcile(self) -> None:
        """Begin what is due, and carry on what has begun."""
        now = time.time()
        with self._control.lock:
            secrets = list(self._secrets())
            facts = [(place, secret.arn, name) for *place, secret in secrets for name in _due(secret, now)]
            tasks = [
                _task(account, region, secret) for account, region, secret in secrets if _ready(secret, now)
            ]
        for (account, region), arn, name in facts:
            self._control.settle("secretsmanager", account, region, name, arn=arn)
        for task in tasks:
            self._reconciler.submit(f"rotation of {task.arn}", functools.partial(self._rotate, task))

    def shutdown(self) -> None:
        """Nothing runs but the functions, which end by themselves."""

    def engines(self) -> list[Engine]:
        """No servers."""
        return []

    def _secrets(self) -> Iterator[tuple[str, str, Secret]]:
        for account, region, backend in self._control.backends("secretsmanager"):
            for secret in dict.values(backend.secrets):
                if isinstance(secret, Secret):
                    yield account, region, secret

    def _rotate(self, task: Task) -> None:
        with _hurrying:
            _hurried.discard(task.arn)
        reason = None if self._promoted(task) else self._steps(task)
        if reason is None:
            self._settle(task, "rotated")
        else:
            log.warning("the rotation of %s failed: %s", task.arn, reason)
            self._settle(task, "failed", reason=reason)

    def _steps(self, task: Task) -> str | None:
        """Do the steps; return why one of them failed."""
        for step in STEPS:
            if step != "testSecret" and task.test_only:
                continue
            outcome = self._invoke(task, step)
            if isinstance(outcome, str):
                # a function may fail after it has done all that counts
                return None if self._promoted(task) else f"{step}: {outcome}"
        done = task.test_only or self._promoted(task)
        return None if done else f"The function has not moved AWSCURRENT to version {task.token}."

    def _promoted(self, task: Task) -> bool:
        try:
            stages = Vault(self._control, task.account_id, task.region).stages(task.arn)
        except StepFailed:
            return False
        return CURRENT in stages.get(task.token, [])

    def _invoke(self, task: Task, step: str) -> Outcome | str:
        functions = functions_of(self._control, self._runtime)
        try:
            view = functions.view(task.account_id, task.region, task.function)
        except UnknownFunctionException as error:
            return str(error.message)
        event = {
            "Step": step,
            "SecretId": task.arn,
            "ClientRequestToken": task.token,
            "RotationToken": task.token,
        }
        outcome = functions.invoke(view, event)
        return outcome.reason if outcome.error else outcome

    def _settle(self, task: Task, name: str, **more: Any) -> None:
        self._control.settle(
            "secretsmanager", task.account_id, task.region, name, arn=task.arn, token=task.token, **more
        )


def _due(secret: Secret, now: float) -> Iterator[str]:
    """What the passing of time asks for."""
    if secret.is_deleted():
        if (secret.deleted_date or 0) <= now:
            yield "expired"
    elif secret.rotation_enabled and secret.next_rotation_date and secret.next_rotation_date <= now:
        yield "due"


def _ready(secret: Secret, now: float) -> bool:
    rotation = secret.rotation
    if rotation is None or secret.is_deleted():
        return False
    return rotation["due"] <= now or secret.arn in _hurried


def _task(account: str, region: str, secret: Secret) -> Task:
    assert secret.rotation is not None
    rotation = secret.rotation
    return Task(
        account, region, secret.arn, rotation["token"], secret.rotation_lambda_arn, rotation["test_only"]
    )
