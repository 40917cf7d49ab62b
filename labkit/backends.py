"""Which AWS the notebook talks to: chosen once, then asked for by everything else."""

import os
from collections.abc import Callable

from labkit import aws, environment, local, localstack
from labkit.errors import BackendError
from labkit.target import Backend, Guard

__all__ = ["NAMES", "Backend", "Guard", "backend", "choose_backend"]

NAMES = ("local", "localstack", "aws")

_current: Backend | None = None


def backend() -> Backend:
    """The back end in use; the first call takes the AWS_* environment given, else LAB_BACKEND."""
    global _current
    if (
        _current is None
        and os.environ.get("LAB_BACKEND", "local") == "local"
        and "AWS_ENDPOINT_URL" in os.environ
    ):
        _current = local.attach_backend()
    return _current if _current is not None else choose_backend()


def choose_backend(name: str | None = None) -> Backend:
    """Switch to `local`, `localstack` or `aws` (default: LAB_BACKEND) and set the AWS environment."""
    global _current
    chosen = name or os.environ.get("LAB_BACKEND") or "local"
    if chosen not in NAMES:
        raise BackendError(f"LAB_BACKEND is {chosen!r}: set it to one of {', '.join(NAMES)}.")
    _current = None
    environment.restore()
    _current = _opener(chosen)()
    environment.apply(_current.environment)
    os.environ["LAB_BACKEND"] = chosen
    return _current


def _opener(name: str) -> Callable[[], Backend]:
    if name == "local":
        return local.attach_backend if os.environ.get("LAB_EXAMINER") else local.open_backend
    return localstack.open_backend if name == "localstack" else aws.open_backend
