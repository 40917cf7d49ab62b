"""AWS's rotation functions for RDS for PostgreSQL: single user, and alternating users.

AWS: "AWS Secrets Manager rotation function templates" and "Lambda function rotation strategies". Every step
can be run again: a rotation that was interrupted starts over with the password that its version holds.
"""

from __future__ import annotations

import secrets
import string
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import psycopg

from localaws.awslambda.sandbox import Result
from localaws.secretsmanager.database import Databases, set_clone, set_password
from localaws.secretsmanager.secret import CURRENT, PENDING, PREVIOUS
from localaws.secretsmanager.vault import StepFailed, Vault

if TYPE_CHECKING:
    from localaws.awslambda.functions import Functions, View

REFUSED = "/@\"'\\"
"""Characters that AWS's functions leave out unless EXCLUDE_CHARACTERS says otherwise."""
LENGTH = 32
SUFFIX = "_clone"
LONGEST_NAME = 63
NEEDED = ("host", "username", "password")

Secret = dict[str, Any]


def handle(functions: Functions, view: View, event: Any) -> Result:
    """Run one step as the function's handler; what it says is its log."""
    begin = time.monotonic()
    result = Result(payload="null")
    vault = Vault(functions.control, view.account_id, view.region)
    kind = AlternatingUsers if "MultiUser" in view.name else SingleUser
    function = kind(vault, Databases(functions.runtime, view), view, result.output.append)
    try:
        function.run(*_order(event))
    except (StepFailed, psycopg.Error) as error:
        name = "ValueError" if isinstance(error, StepFailed) else type(error).__name__
        message = " ".join(str(error).split())
        result.output.append(f"[ERROR] {name}: {message}")
        result.error = {"errorMessage": message, "errorType": name, "stackTrace": []}
    result.seconds = time.monotonic() - begin
    return result


def _order(event: Any) -> tuple[str, str, str]:
    try:
        return event["SecretId"], event["ClientRequestToken"], event["Step"]
    except (KeyError, TypeError):
        raise StepFailed("The event needs SecretId, ClientRequestToken and Step.") from None


class SingleUser:
    """The password of one user is changed in place."""

    def __init__(self, vault: Vault, databases: Databases, view: View, say: Callable[[str], None]) -> None:
        self._vault = vault
        self._databases = databases
        self._view = view
        self._say = say

    def run(self, arn: str, token: str, step: str) -> None:
        """Do one of the four steps."""
        if not self._vault.enabled(arn):
            raise StepFailed(f"Secret {arn} is not enabled for rotation")
        stages = self._vault.stages(arn)
        if token not in stages:
            raise StepFailed(f"Secret version {token} has no stage for rotation of secret {arn}.")
        if CURRENT in stages[token]:
            self._say(f"[INFO] {step}: Secret version {token} already set as AWSCURRENT for secret {arn}.")
            return
        if PENDING not in stages[token]:
            raise StepFailed(f"Secret version {token} not set as AWSPENDING for rotation of secret {arn}.")
        steps: dict[str, Callable[[str, str], None]] = {
            "createSecret": self.create,
            "setSecret": self.set,
            "testSecret": self.test,
            "finishSecret": self.finish,
        }
        if step not in steps:
            raise StepFailed(f"Invalid step parameter {step} for secret {arn}")
        steps[step](arn, token)

    def create(self, arn: str, token: str) -> None:
        """Write the pending version, unless it is there already."""
        current = self._secret(arn, CURRENT)
        if self._vault.value(arn, PENDING) is not None:
            self._say(f"[INFO] createSecret: Successfully retrieved secret for {arn}.")
            return
        self._vault.put_pending(arn, token, self._renewed(arn, current))
        self._say(f"[INFO] createSecret: Successfully put secret for ARN {arn} and version {token}.")

    def set(self, arn: str, _: str) -> None:
        """Give the database the pending password."""
        pending, current = self._secret(arn, PENDING), self._secret(arn, CURRENT)
        with self._databases.connect(pending) as connection:
            if connection is not None:
                self._say(f"[INFO] setSecret: AWSPENDING secret is already set as password for {arn}.")
                return
        self._check_same(pending, current)
        for label in (CURRENT, PREVIOUS):
            if self._set_with(self._vault.value(arn, label), pending):
                self._say(f"[INFO] setSecret: Successfully set password for {pending['username']} of {arn}.")
                return
        raise StepFailed(
            f"Unable to log into database with previous, current, or pending secret of secret arn {arn}: "
            f"{self._databases.refusal}"
        )

    def test(self, arn: str, _: str) -> None:
        """Log in with the pending password."""
        with self._databases.connect(self._secret(arn, PENDING)) as connection:
            if connection is None:
                raise StepFailed(
                    f"Unable to log into database with pending secret of secret ARN {arn}: "
                    f"{self._databases.refusal}"
                )
            connection.execute("SELECT now()")
        self._say(f"[INFO] testSecret: Successfully signed into database with AWSPENDING secret in {arn}.")

    def finish(self, arn: str, token: str) -> None:
        """Make the pending version the current one."""
        self._vault.promote(arn, token)
        self._say(f"[INFO] finishSecret: Successfully set AWSCURRENT stage to version {token} of {arn}.")

    def _renewed(self, arn: str, current: Secret) -> Secret:  # noqa: ARG002 - the other strategy names it
        return current | {"password": self._password()}

    def _set_with(self, known: Secret | None, pending: Secret) -> bool:
        """Change the password over a connection with one that is known; False when that one is refused."""
        if known is None or (known["username"], known["host"]) != (pending["username"], pending["host"]):
            return False
        with self._databases.connect(known) as connection:
            if connection is None:
                return False
            set_password(connection, str(pending["username"]), str(pending["password"]))
            return True

    def _check_same(self, pending: Secret, current: Secret) -> None:
        for name in ("username", "host"):
            if pending[name] != current[name]:
                raise StepFailed(
                    f"Attempting to modify {name} {pending[name]} other than current {name} {current[name]}"
                )

    def _secret(self, arn: str, label: str) -> Secret:
        """A version's JSON, with what every rotation needs."""
        value = self._vault.value(arn, label)
        if value is None:
            raise StepFailed(f"Secrets Manager can't find the {label} value of secret {arn}")
        if value.get("engine") != "postgres":
            raise StepFailed("Database engine must be set to 'postgres' in order to use this rotation lambda")
        for field in NEEDED:
            if not value.get(field):
                raise StepFailed(f"{field} key is missing from secret JSON")
        return value

    def _password(self) -> str:
        excluded = self._view.environment.get("EXCLUDE_CHARACTERS", REFUSED)
        length = int(self._view.environment.get("PASSWORD_LENGTH", LENGTH))
        letters = string.ascii_letters + string.digits + string.punctuation
        allowed = [each for each in letters if each not in excluded]
        return "".join(secrets.choice(allowed) for _ in range(length))


class AlternatingUsers(SingleUser):
    """Two users take turns, so that the former password works until the next rotation."""

    def set(self, arn: str, _: str) -> None:
        """Give the other user the pending password, as the superuser whose secret is named by masterarn."""
        pending, current = self._secret(arn, PENDING), self._secret(arn, CURRENT)
        with self._databases.connect(pending) as connection:
            if connection is not None:
                self._say(f"[INFO] setSecret: AWSPENDING secret is already set as password for {arn}.")
                return
        if pending["username"] != other_user(current["username"]) or pending["host"] != current["host"]:
            raise StepFailed(
                f"Attempting to modify user {pending['username']} other than current user or clone "
                f"{current['username']}"
            )
        with self._databases.connect(current) as connection:
            if connection is None:
                raise StepFailed(
                    f"Unable to log into database using current credentials for secret {arn}: "
                    f"{self._databases.refusal}"
                )
        with self._databases.connect(self._master(current)) as connection:
            if connection is None:
                raise StepFailed(
                    f"Unable to log into database using credentials in master secret {current['masterarn']}: "
                    f"{self._databases.refusal}"
                )
            names = str(current["username"]), str(pending["username"])
            set_clone(connection, *names, str(pending["password"]))
        self._say(f"[INFO] setSecret: Successfully set password for {pending['username']} of {arn}.")

    def _renewed(self, arn: str, current: Secret) -> Secret:
        if not current.get("masterarn"):
            raise StepFailed(f"masterarn key is missing from secret JSON of {arn}")
        return current | {"username": other_user(str(current["username"])), "password": self._password()}

    def _master(self, current: Secret) -> Secret:
        """The superuser's secret; one that RDS manages has no host of its own."""
        arn = str(current.get("masterarn"))
        value = self._vault.value(arn, CURRENT)
        if value is None:
            raise StepFailed(f"Secrets Manager can't find the specified secret: master secret {arn}")
        missing = [name for name in ("username", "password") if not value.get(name)]
        if missing:
            raise StepFailed(f"{missing[0]} key is missing from secret JSON of master secret {arn}")
        defaults = {name: current[name] for name in ("host", "port", "dbname", "ssl") if name in current}
        if value.get("host", current["host"]) != current["host"]:
            raise StepFailed(f"Current database host {current['host']} is not the same host as the master's")
        return defaults | value


def other_user(name: str) -> str:
    """The user whose turn is next."""
    if name.endswith(SUFFIX):
        return name.removesuffix(SUFFIX)
    if len(name + SUFFIX) > LONGEST_NAME:
        raise StepFailed(f"Unable to clone user, username length with {SUFFIX} is over {LONGEST_NAME}")
    return name + SUFFIX
