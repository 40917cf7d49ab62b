"""Real AWS as a back end: shows who pays and refuses to touch anything without a typed confirmation."""

import os
import shutil
import urllib.request
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from labkit.errors import BackendError
from labkit.target import Backend, Guard

RDS_BUNDLE_URL = "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"
PLUGIN = "session-manager-plugin"
PLUGIN_HINT = (
    "install AWS's Session Manager plugin "
    "(AWS Systems Manager User Guide, “Install the Session Manager plugin for the AWS CLI”)"
)


def open_backend() -> Backend:
    """Use the learner's own AWS credentials; raises BackendError with everything that is missing."""
    session = boto3.Session()
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    missing = []
    if endpoint:
        missing.append(f"AWS_ENDPOINT_URL is {endpoint}, which is not AWS: unset it")
    if not session.region_name:
        missing.append("no Region: set AWS_DEFAULT_REGION")
    if session.get_credentials() is None:
        missing.append("no credentials: run `aws configure` or `aws sso login`, or set AWS_PROFILE")
    if missing:
        raise BackendError("Real AWS is not ready: " + "; ".join(missing) + ".")
    return describe(session)


def describe(session: boto3.Session) -> Backend:
    """The back end that this session reaches, with its guards."""
    sts = session.client("sts", config=Config(connect_timeout=5, retries={"max_attempts": 2}))
    try:
        identity = sts.get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise BackendError(
            f"AWS does not accept these credentials: {error}. Renew them, e.g. `aws sso login`."
        ) from error
    return Backend(
        name="aws",
        title=f"Amazon Web Services as {identity['Arn']}",
        region=str(session.region_name),
        account_id=identity["Account"],
        endpoint_url=None,
        environment={"AWS_DEFAULT_REGION": str(session.region_name)},
        reality="Real: everything, the bill too.",
        starting_over="labkit deletes nothing here: delete what you made, and check the bill.",
        guards=guards(identity["Account"]),
        find_ca_bundle=find_ca_bundle,
    )


def guards(account_id: str) -> tuple[Guard, ...]:
    """What must be true before labkit creates or deletes anything in the account."""
    ceiling = _ceiling()
    return (
        Guard(
            "typed confirmation",
            os.environ.get("LAB_AWS_CONFIRM") == account_id,
            f"set LAB_AWS_CONFIRM to this account's id ({account_id}), typed by yourself",
        ),
        Guard(
            "price ceiling" if ceiling is None else f"price ceiling {ceiling:.2f} USD",
            ceiling is not None,
            "set LAB_AWS_CEILING_USD to what you are ready to spend, e.g. 5",
        ),
        Guard(PLUGIN, shutil.which(PLUGIN) is not None, PLUGIN_HINT),
    )


def find_ca_bundle() -> Path:
    """AWS's RDS certificate bundle: LAB_RDS_CA, or one downloaded once into the user's cache folder."""
    given = os.environ.get("LAB_RDS_CA")
    if given:
        if not Path(given).is_file():
            raise BackendError(
                f"LAB_RDS_CA names {given}, which is no file: download {RDS_BUNDLE_URL} to it."
            )
        return Path(given)
    from platformdirs import user_cache_path

    bundle = user_cache_path("labkit", ensure_exists=True) / "rds-global-bundle.pem"
    if not bundle.is_file():
        _download(bundle)
    return bundle


def _download(bundle: Path) -> None:
    try:
        with urllib.request.urlopen(RDS_BUNDLE_URL, timeout=30) as answer:
            content = answer.read()
    except OSError as error:
        raise BackendError(
            f"The RDS certificate bundle could not be downloaded ({error}). "
            f"Fetch {RDS_BUNDLE_URL} yourself and set LAB_RDS_CA to the file."
        ) from error
    if b"BEGIN CERTIFICATE" not in content:
        raise BackendError(
            f"{RDS_BUNDLE_URL} did not answer with certificates: fetch it yourself and set LAB_RDS_CA."
        )
    partial = bundle.with_suffix(".partial")
    partial.write_bytes(content)
    partial.replace(bundle)


def _ceiling() -> float | None:
    try:
        ceiling = float(os.environ.get("LAB_AWS_CEILING_USD", ""))
    except ValueError:
        return None
    return ceiling if 0 < ceiling < float("inf") else None
