"""moto's models from outside: which exist, how they are born repeatably, and how they are pickled."""

from __future__ import annotations

import hashlib
import importlib
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from localaws.state import Identity


def backend_dict(service: str) -> Any | None:
    """Return moto's accounts of `service` (its module name in moto), or None when it was never loaded."""
    module = sys.modules.get(f"moto.{service}.models")
    return None if module is None else getattr(module, f"{_prefix(service)}_backends", None)


def _prefix(service: str) -> str:
    return {"awslambda": "lambda", "elasticbeanstalk": "eb"}.get(service, service)


def existing(service: str) -> Iterator[tuple[str, str, Any]]:
    """Yield (account, region, backend) of `service`, creating nothing."""
    accounts = backend_dict(service)
    for account_id, regions in list((accounts or {}).items()):
        for region, backend in list(regions.items()):
            yield account_id, region, backend


def services_in_use() -> list[str]:
    """Return the moto module names of all services of which an account exists."""
    names = [name.split(".")[1] for name in list(sys.modules) if _is_models(name)]
    return sorted(name for name in names if backend_dict(name))


def _is_models(name: str) -> bool:
    parts = name.split(".")
    return len(parts) == 3 and parts[0] == "moto" and parts[2] == "models"


def load(service: str) -> Any:
    """Import the models of `service` and return its accounts."""
    importlib.import_module(f"moto.{service}.models")
    return backend_dict(service)


@cache
def _time_machine() -> Any:
    """Import time-machine without its pytest plugin, which costs a quarter of the server's start."""
    plugged = sys.modules.get("pytest")
    sys.modules["pytest"] = None  # type: ignore[assignment]
    try:
        return importlib.import_module("time_machine")
    finally:
        del sys.modules["pytest"]
        if plugged is not None:
            sys.modules["pytest"] = plugged


@contextmanager
def repeatable(seed: str, moment: int) -> Iterator[None]:
    """Run moto with this seed at this moment (epoch microseconds); only under the control plane's lock."""
    from moto.moto_api._internal import mock_random

    time_machine = _time_machine()
    outer, plain = mock_random.getstate(), random.getstate()
    mock_random.seed(seed)
    random.seed(seed)
    try:
        with time_machine.travel(moment / 1_000_000, tick=False):
            yield
    finally:
        mock_random.setstate(outer)
        random.setstate(plain)


def make_births_repeatable(identity: Identity, before: Callable[[str], None]) -> None:
    """Give each account's backend the same defaults (VPC, subnets, keys) whenever and however it is created.

    `before` is told the service, so that our extensions of it are in place first.
    """
    from moto.core import base_backend

    open_account = base_backend.BackendDict._create_account_specific_backend
    open_region = base_backend.AccountSpecificBackend.__getitem__

    def account(self: Any, account_id: str) -> None:
        if not dict.__contains__(self, account_id):
            before(self.service_name)
        open_account(self, account_id)

    def region(self: Any, name: str) -> Any:
        name = "aws" if name == "global" else name
        found = dict.get(self, name)
        if found is not None:
            return found
        with base_backend.backend_lock:
            words = f"{identity.seed} {self.service_name} {self.account_id} {name}"
            with repeatable(hashlib.sha256(words.encode()).hexdigest(), identity.born):
                return open_region(self, name)

    base_backend.BackendDict._create_account_specific_backend = account
    base_backend.AccountSpecificBackend.__getitem__ = region
