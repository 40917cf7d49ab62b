"""Amazon ElastiCache: what its API says, and real Valkey and memcached servers behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.cloudwatch.measure import Probe
    from localaws.control import ControlPlane
    from localaws.reconcile import Controller
    from localaws.runtime import Runtime


def install(control: ControlPlane | None) -> None:
    """Register our backend and operations with moto; without a control plane nothing runs behind them."""
    from moto.elasticache.models import elasticache_backends

    from localaws.elasticache.backend import ElastiCacheBackend
    from localaws.elasticache.versions import HOST

    HOST.control = control
    elasticache_backends.backend = ElastiCacheBackend


def start(control: ControlPlane, runtime: Runtime) -> Controller:
    """Return the controller that brings the servers to the model."""
    from localaws.elasticache.controller import CacheController
    from localaws.elasticache.memcached import MemcachedController

    runtime.reconciler.add(MemcachedController(control, runtime))
    return CacheController(control, runtime)


def probe(control: ControlPlane, runtime: Runtime) -> Probe:
    """Return what tells CloudWatch of the servers."""
    from localaws.elasticache.measures import Meter

    return Meter(control, runtime)


def __getattr__(name: str) -> Any:
    if name == "SETTLEMENTS":
        from localaws.elasticache.settle import SETTLEMENTS

        return SETTLEMENTS
    raise AttributeError(name)
