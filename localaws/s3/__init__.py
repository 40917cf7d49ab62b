"""Amazon S3: buckets and objects, whose bytes are files."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from localaws.bridge.dispatch import Call
    from localaws.control import ControlPlane
    from localaws.faults import Answer
    from localaws.reconcile import Controller
    from localaws.runtime import Runtime


def install(control: ControlPlane | None) -> None:
    """Register our backend with moto."""
    from localaws.s3 import backend, store

    backend.install()
    if control is None:
        root, durable = Path(gettempdir()) / f"la-objects-{os.getpid()}", False
    else:
        root, durable = control.state.objects_dir, control.state.durable
    store.use(root, durable=durable)


def start(control: ControlPlane, runtime: Runtime) -> Controller:
    """Return the controller that removes superfluous files."""
    from localaws.bridge import backends
    from localaws.s3 import store
    from localaws.s3.controller import Sweeper

    # moto keeps the names that are taken beside the model
    taken = backends.load("s3").bucket_accounts
    taken.clear()
    for account, partition, backend in control.backends("s3"):
        taken |= dict.fromkeys(backend.buckets, (partition, account))
    return Sweeper(control, runtime.reconciler, store.current())


def serve(call: Call, perform: Callable[[Call], Answer]) -> Answer:
    """Perform a call with its body in the store."""
    from localaws.s3 import intake

    return intake.serve(call, perform)


def __getattr__(name: str) -> Any:
    if name == "SETTLEMENTS":
        from localaws.s3.settle import SETTLEMENTS

        return SETTLEMENTS
    raise AttributeError(name)
