"""The process's AWS environment: changed for a back end, and put back for the next one."""

import os
from collections.abc import Mapping

import boto3

_before: dict[str, str | None] = {}


def apply(settings: Mapping[str, str | None]) -> None:
    """Set the variables (None removes one), starting from the environment that the user had."""
    restore()
    for name, value in settings.items():
        _before[name] = os.environ.get(name)
        _put(name, value)
    # boto3 keeps the credentials of its first call in a default session
    boto3.DEFAULT_SESSION = None


def restore() -> None:
    """Bring back the environment as it was before the first apply."""
    for name, value in _before.items():
        _put(name, value)
    _before.clear()
    boto3.DEFAULT_SESSION = None


def emulator(endpoint: str, access_key: str, secret_key: str, region: str) -> dict[str, str | None]:
    """The variables with which plain boto3 reaches an emulator and nothing else."""
    elsewhere = [name for name in os.environ if name.startswith("AWS_ENDPOINT_URL_")]
    removed = ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"]
    settings: dict[str, str | None] = dict.fromkeys(elsewhere + removed)
    settings |= {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "AWS_DEFAULT_REGION": region,
    }
    if any(name.lower() in ("http_proxy", "https_proxy", "all_proxy") for name in os.environ):
        settings["NO_PROXY"] = settings["no_proxy"] = ",".join(
            filter(None, [os.environ.get("no_proxy") or os.environ.get("NO_PROXY"), "127.0.0.1", "localhost"])
        )
    return settings


def _put(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
