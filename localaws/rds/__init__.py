"""Amazon RDS: what its API says (moto's model with AWS's rules), and servers that really run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.cloudwatch.measure import Probe
    from localaws.control import ControlPlane
    from localaws.reconcile import Controller
    from localaws.runtime import Runtime


def install(control: ControlPlane | None) -> None:
    """Register our backend and operations with moto; without a control plane nothing runs behind them."""
    import moto.rds.models
    import moto.rds.urls

    from localaws.rds.clusters.backend import ClusterBackend
    from localaws.rds.clusters.responses import ClusterResponse
    from localaws.rds.host import HOST

    HOST.control = control
    moto.rds.models.rds_backends.backend = ClusterBackend
    moto.rds.urls.url_paths["{0}/$"] = ClusterResponse.dispatch


def start(control: ControlPlane, runtime: Runtime) -> Controller:
    """Return the controller that brings the servers to the model."""
    from localaws.rds.clusters.controller import ClusterController
    from localaws.rds.controller import RdsController
    from localaws.rds.mariadb.controller import MariaController

    runtime.reconciler.add(ClusterController(control, runtime))
    runtime.reconciler.add(MariaController(control, runtime))
    return RdsController(control, runtime)


def probe(control: ControlPlane, runtime: Runtime) -> Probe:
    """Return what tells CloudWatch of the servers; their logs are followed at the same pace."""
    from localaws.rds.exports import LogExports
    from localaws.rds.measures import Meter

    runtime.sampler.subscribe(LogExports(control).tick)
    return Meter(control, runtime)


def __getattr__(name: str) -> Any:
    if name == "SETTLEMENTS":
        from localaws.rds.clusters.settle import SETTLEMENTS as OF_CLUSTERS
        from localaws.rds.settle import SETTLEMENTS

        return {**SETTLEMENTS, **OF_CLUSTERS}
    raise AttributeError(name)
