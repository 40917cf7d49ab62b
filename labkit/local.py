"""The embedded AWS as a back end: starts localaws when needed and finds its keys and certificates."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from labkit import environment
from labkit.errors import BackendError
from labkit.target import Backend

TITLE = "localaws (embedded)"
REALITY = (
    "Real: the PostgreSQL servers, their TLS and logs, the cache servers, and whom the groups let in. "
    "Modelled: the AWS APIs around them. It costs nothing and needs no network."
)
STARTING_OVER = "labkit.reset() deletes everything in this account and starts it empty."
_PATIENCE_S = 90


def open_backend() -> Backend:
    """Find the running localaws, or start it, and make its owner's keys those of this process."""
    status = server_status()
    if not status.get("running"):
        run_localaws("start")
        status = server_status()
    if not status.get("running"):
        raise BackendError("localaws did not start: read its log with `python -m localaws logs`.")
    endpoint, region = str(status["endpoint_url"]), str(status["region"])
    settings = environment.emulator(endpoint, *_owner_keys(status), region)
    settings["LAB_CA_BUNDLE"] = str(status["ca_bundle"])
    return Backend(
        name="local",
        title=TITLE,
        region=region,
        account_id=str(status["account_id"]),
        endpoint_url=endpoint,
        environment=settings,
        reality=REALITY,
        starting_over=STARTING_OVER,
        find_ca_bundle=find_ca_bundle,
    )


def attach_backend() -> Backend:
    """Use the localaws that the AWS_* environment already names; starts and changes nothing."""
    session = boto3.Session()
    try:
        region = session.region_name or "us-east-1"
        quick = Config(connect_timeout=5, retries={"max_attempts": 1})
        identity = session.client("sts", region_name=region, config=quick).get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise BackendError(f"The AWS that the environment names does not answer: {error}") from error
    return Backend(
        name="local",
        title=TITLE,
        region=region,
        account_id=identity["Account"],
        endpoint_url=os.environ.get("AWS_ENDPOINT_URL"),
        environment={},
        reality=REALITY,
        starting_over=STARTING_OVER,
        find_ca_bundle=find_ca_bundle,
    )


def find_ca_bundle() -> Path:
    """The bundle of localaws's own certificate authority."""
    given = os.environ.get("LAB_CA_BUNDLE")
    bundle = Path(given or str(server_status().get("ca_bundle") or ""))
    if not bundle.is_file():
        raise BackendError(
            f"No certificate bundle at {bundle}: start localaws with `python -m localaws start`."
        )
    return bundle


def server_status() -> dict[str, Any]:
    """What `localaws status --json` says, running or not."""
    status: dict[str, Any] = json.loads(run_localaws("status", "--json"))
    return status


def run_localaws(*arguments: str) -> str:
    """Run `python -m localaws …` on the state that LOCALAWS_STATE names, and return what it printed."""
    command = [sys.executable, "-m", "localaws", *arguments]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BackendError(
            f"`localaws {arguments[0]}` gave no answer in {_PATIENCE_S} s: read `python -m localaws logs`."
        ) from error
    # a stopped server is an answer of `status`, not a failure
    if done.returncode and not (arguments[0] == "status" and done.stdout.strip()):
        said = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["no message"]
        raise BackendError(f"`localaws {arguments[0]}` failed: {said[-1]}")
    return done.stdout


def _owner_keys(status: dict[str, Any]) -> tuple[str, str]:
    try:
        owner = json.loads(Path(status["credentials"]).read_text())["owner"]
    except (OSError, KeyError, ValueError) as error:
        raise BackendError(
            f"The keys of localaws cannot be read from {status.get('credentials')}: {error}"
        ) from error
    return owner["access_key_id"], owner["secret_access_key"]
