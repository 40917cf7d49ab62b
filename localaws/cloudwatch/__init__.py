"""Amazon CloudWatch: metrics of the running servers, alarms that are evaluated and act, dashboards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.reconcile import Controller
    from localaws.runtime import Runtime


def install(control: ControlPlane | None) -> None:
    """Register our backend and operations with moto; without a control plane metrics live in memory."""
    import moto.cloudwatch.models
    import moto.cloudwatch.urls

    from localaws.cloudwatch.backend import CloudWatchBackend
    from localaws.cloudwatch.host import HOST
    from localaws.cloudwatch.responses import CloudWatchResponse

    HOST.control = control
    moto.cloudwatch.models.cloudwatch_backends.backend = CloudWatchBackend
    moto.cloudwatch.urls.url_paths["{0}/$"] = CloudWatchResponse.dispatch


def start(control: ControlPlane, runtime: Runtime) -> Controller:
    """Return the watcher of the alarms, which looks at each tick of the sampler."""
    from localaws.cloudwatch.watcher import Watcher

    watcher = Watcher(control)
    runtime.sampler.subscribe(watcher.tick)
    return watcher


def __getattr__(name: str) -> Any:
    if name == "SETTLEMENTS":
        from localaws.cloudwatch.settle import SETTLEMENTS

        return SETTLEMENTS
    raise AttributeError(name)
