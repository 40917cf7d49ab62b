"""The examiner's own way into the account: its credentials, clients, tunnels and the server's log."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from autograder.errors import AutograderError, Mistake

if TYPE_CHECKING:
    import psycopg

    from labkit.tunnel import Tunnel

CALL = Config(connect_timeout=5, read_timeout=60, retries={"max_attempts": 2})


@dataclass(frozen=True)
class Account:
    """An AWS account as the examiner sees it; `learner` is the environment that the learner's code gets."""

    session: boto3.Session
    endpoint_url: str | None
    learner: Mapping[str, str] = field(repr=False)

    def client(self, service: str) -> Any:
        """A boto3 client with the examiner's credentials."""
        return self.session.client(service, endpoint_url=self.endpoint_url, config=CALL)  # type: ignore[call-overload]

    @cached_property
    def rds(self) -> Any:
        """The RDS client."""
        return self.client("rds")

    @cached_property
    def ec2(self) -> Any:
        """The EC2 client."""
        return self.client("ec2")

    @cached_property
    def dynamodb(self) -> Any:
        """The DynamoDB client."""
        return self.client("dynamodb")

    def database(self, identifier: str) -> dict[str, Any]:
        """The DB instance; Mistake when there is none or it has no endpoint."""
        try:
            found: dict[str, Any] = self.rds.describe_db_instances(DBInstanceIdentifier=identifier)[
                "DBInstances"
            ][0]
        except ClientError as error:
            if "NotFound" in error.response["Error"]["Code"]:
                where = self.session.region_name
                raise Mistake(
                    f"there is no DB instance {identifier!r} in {where}: create it first"
                ) from error
            raise
        return found

    def instance(self, instance_id: str) -> dict[str, Any]:
        """The EC2 instance; Mistake when there is none or it does not run."""
        try:
            reservations = self.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"]
        except ClientError as error:
            if "InvalidInstanceID" in error.response["Error"]["Code"]:
                raise Mistake(
                    f"there is no EC2 instance {instance_id!r}: launch the app host first"
                ) from error
            raise
        found: dict[str, Any] = reservations[0]["Instances"][0]
        state = found["State"]["Name"]
        if state != "running":
            raise Mistake(f"the app host {instance_id} is {state}: start it")
        return found

    def through(self, instance_id: str, host: str, port: int) -> "Tunnel":
        """The way in through the EC2 host; Mistake when there is none."""
        import labkit
        from labkit.errors import TunnelError

        try:
            return labkit.through(instance_id, host, port)
        except TunnelError as error:
            raise Mistake(str(error)) from error

    @contextlib.contextmanager
    def session_on(
        self, database: Mapping[str, Any], app_host: str, user: str, password: str, dbname: str
    ) -> Iterator["psycopg.Connection[Any]"]:
        """A session on the database through the app host; Mistake when nobody is let in."""
        import labkit
        from labkit.errors import LabkitError

        endpoint(database)
        try:
            connection = labkit.connect(
                database, through=app_host, user=user, password=password, dbname=dbname
            )
        except LabkitError as error:
            raise Mistake(f"{user!r} does not get in through {app_host}: {error}") from error
        with contextlib.closing(connection):
            yield connection

    def secret(self, secret_id: str) -> dict[str, str]:
        """The user name and password that the secret holds; Mistake when it holds none."""
        try:
            text = self.client("secretsmanager").get_secret_value(SecretId=secret_id).get("SecretString", "")
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                raise Mistake(f"there is no secret {secret_id!r} in Secrets Manager: create it") from error
            raise
        try:
            content = json.loads(text)
            return {"username": str(content["username"]), "password": str(content["password"])}
        except (KeyError, TypeError, ValueError):
            raise Mistake(
                f"secret {secret_id} is not JSON with 'username' and 'password': store it so"
            ) from None

    @property
    def ca_bundle(self) -> Path:
        """The certificates that database endpoints are verified with."""
        import labkit

        return Path(labkit.ca_bundle())


def endpoint(database: Mapping[str, Any]) -> tuple[str, int]:
    """Address and port of an available DB instance; Mistake when it is not available."""
    name, status = database["DBInstanceIdentifier"], database["DBInstanceStatus"]
    if status != "available" or "Address" not in database.get("Endpoint", {}):
        raise Mistake(f"{name} is {status!r}, not 'available': wait with get_waiter('db_instance_available')")
    return database["Endpoint"]["Address"], int(database["Endpoint"]["Port"])


def open_account() -> Account:
    """The account that LAB_BACKEND names, with the examiner's own credentials where the back end has them."""
    if os.environ.get("LAB_BACKEND", "local") != "local":
        import labkit

        chosen = labkit.backend()
        learner = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        return Account(chosen.session(), chosen.endpoint_url, learner)
    return _local_account()


def _local_account() -> Account:
    status = localaws("status", "--json")
    if not status.get("running"):
        raise AutograderError(
            "localaws is not running: start it with `localaws start`, then build the lab in it."
        )
    keys = json.loads(Path(status["credentials"]).read_text(encoding="utf-8"))
    learner = environment(status, keys["owner"])
    # labkit attaches to the AWS that the environment names when it runs for an examiner
    os.environ.update(environment(status, keys["examiner"]), LAB_BACKEND="local", LAB_EXAMINER="here")
    return Account(boto3.Session(region_name=status["region"]), status["endpoint_url"], learner)


def environment(status: Mapping[str, Any], keys: Mapping[str, str]) -> dict[str, str]:
    """The environment with which boto3 and labkit reach this localaws, and nothing else."""
    return {
        "AWS_ENDPOINT_URL": status["endpoint_url"],
        "AWS_ACCESS_KEY_ID": keys["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": keys["secret_access_key"],
        "AWS_DEFAULT_REGION": status["region"],
        "LAB_CA_BUNDLE": str(status["ca_bundle"]),
    }


def localaws(*arguments: str, env: Mapping[str, str] | None = None, timeout: float = 120) -> dict[str, Any]:
    """Run `localaws …`; returns what it printed as JSON, or nothing for verbs that print text."""
    done = subprocess.run(
        [sys.executable, "-m", "localaws", *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=None if env is None else dict(env),
        timeout=timeout,
        check=False,
    )
    if "--json" in arguments and done.stdout.strip():
        document: dict[str, Any] = json.loads(done.stdout)
        return document
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["no message"]
        raise AutograderError(f"`localaws {arguments[0]}` failed: {said[-1]}")
    return {}
