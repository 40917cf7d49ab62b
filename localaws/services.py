"""The services whose behaviour goes beyond moto's, and when each of them is loaded."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from localaws.bridge.dispatch import Call
    from localaws.control import ControlPlane
    from localaws.faults import Answer
    from localaws.runtime import Runtime

SERVICES = {
    "rds": "localaws.rds",
    "dynamodb": "localaws.dynamodb",
    "dynamodbstreams": "localaws.dynamodb.streams",
    "elasticache": "localaws.elasticache",
    "cloudtrail": "localaws.cloudtrail",
    "redshift": "localaws.redshift",
    "redshiftdata": "localaws.redshift.data",
    "ec2": "localaws.ec2",
    "ssm": "localaws.ssm",
    "ecs": "localaws.ecs",
    "cloudwatch": "localaws.cloudwatch",
    "logs": "localaws.logs",
    "sns": "localaws.sns",
    "awslambda": "localaws.awslambda",
    "secretsmanager": "localaws.secretsmanager",
    "s3": "localaws.s3",
    "glue": "localaws.glue",
    "athena": "localaws.athena",
    "dms": "localaws.dms",
}

# These read or write the models of other services, which must be ours by then.
REACHING = frozenset(
    {"cloudformation", "resourcegroupstaggingapi", "config", "backup", "ram", "neptune", "dms"}
)

# Never journaled: what lives only as long as the server.
# Data points go to the store of metrics, which keeps them itself.
TRANSIENT = frozenset(
    {
        ("ssm", "StartSession"),
        ("ssm", "ResumeSession"),
        ("ssm", "TerminateSession"),
        ("cloudwatch", "PutMetricData"),
    }
)


class DataPlane(Protocol):
    """Answers the operations that change no model: those on a service's data."""

    operations: frozenset[str]

    def answer(self, call: Call) -> Answer:
        """Answer one of the operations."""


class Services:
    """Loads a service's module once, at its first use."""

    def __init__(self, control: ControlPlane, runtime: Callable[[], Runtime]) -> None:
        self._control = control
        self._runtime = runtime
        self._installed: set[str] = set()
        self._started: set[str] = set()
        self._starting = threading.Lock()
        self._planes: dict[str, DataPlane] = {}

    def module(self, service: str) -> Any:
        """Return the module that extends `service`."""
        return importlib.import_module(SERVICES[service])

    def install(self, service: str) -> None:
        """Register the extensions that `service` needs before moto handles a call for it."""
        # moto's module and its backend have different names
        service = "awslambda" if service == "lambda" else service
        for name in tuple(SERVICES) if service in REACHING else (service,):
            if name in SERVICES and name not in self._installed:
                self._installed.add(name)
                self.module(name).install(self._control)

    def start(self, service: str) -> None:
        """Start the controller of `service` at its first use."""
        if service not in SERVICES or service in self._started:
            return
        with self._starting:
            if service not in self._started:
                with self._control.lock:
                    self.install(service)
                runtime = self._runtime()
                module = self.module(service)
                runtime.reconciler.add(module.start(self._control, runtime))
                if hasattr(module, "probe"):
                    runtime.sampler.watch(module.probe(self._control, runtime))
                if hasattr(module, "data_plane"):
                    self._planes[service] = module.data_plane(self._control)
                self._started.add(service)

    def data_plane(self, service: str, action: str) -> DataPlane | None:
        """Return what answers `action` without the model's lock and journal, if the service has such."""
        plane = self._planes.get(service)
        return plane if plane is not None and action in plane.operations else None

    def settlement(self, service: str, name: str) -> Callable[..., None]:
        """Return the function that writes the fact `name` into the model of `service`."""
        self.install(service)
        found: Callable[..., None] = self.module(service).SETTLEMENTS[name]
        return found
