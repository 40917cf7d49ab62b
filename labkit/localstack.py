"""LocalStack as a back end: checks that it answers and says what it lacks."""

import json
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from labkit import environment
from labkit.errors import BackendError
from labkit.target import Backend, Guard

DEFAULT_ENDPOINT = "http://127.0.0.1:4566"
NEEDED = ("rds", "elasticache")
_TIMEOUT_S = 5


def open_backend() -> Backend:
    """Connect to the LocalStack at LOCALSTACK_ENDPOINT; raises BackendError when it does not answer."""
    endpoint = os.environ.get("LOCALSTACK_ENDPOINT", DEFAULT_ENDPOINT).rstrip("/")
    health = _health(endpoint)
    services = health.get("services", {})
    absent = [name for name in NEEDED if services.get(name, "disabled") in ("disabled", "error")]
    region = os.environ.get("AWS_DEFAULT_REGION", "us-east-1")
    return Backend(
        name="localstack",
        title=f"LocalStack {health.get('version', '(version unknown)')}",
        region=region,
        account_id="000000000000",
        endpoint_url=endpoint,
        environment=environment.emulator(endpoint, "test", "test", region),
        reality="Modelled: the AWS APIs. Real databases only where LocalStack has a data plane for them.",
        starting_over="Restart the LocalStack container: it keeps nothing.",
        guards=(
            Guard(
                "databases",
                not absent,
                f"no provider for {', '.join(absent)} in this LocalStack; "
                "the labs that need one run on LAB_BACKEND=local",
            ),
        ),
        find_ca_bundle=_no_bundle,
    )


def _health(endpoint: str) -> dict[str, Any]:
    if not endpoint.startswith(("http://", "https://")):
        raise BackendError(f"LOCALSTACK_ENDPOINT is {endpoint!r}: it must start with http:// or https://.")
    try:
        with urllib.request.urlopen(f"{endpoint}/_localstack/health", timeout=_TIMEOUT_S) as answer:  # noqa: S310
            health = json.load(answer)
    except (OSError, urllib.error.URLError, ValueError) as error:
        raise BackendError(
            f"LocalStack does not answer at {endpoint} ({error}). Start it, or set LOCALSTACK_ENDPOINT, "
            "or go back with LAB_BACKEND=local."
        ) from error
    if not isinstance(health, dict) or "services" not in health:
        raise BackendError(
            f"What answers at {endpoint} is not LocalStack: set LOCALSTACK_ENDPOINT to the right address."
        )
    return health


def _no_bundle() -> Path:
    raise BackendError("This LocalStack has no database certificates: run this lab with LAB_BACKEND=local.")
