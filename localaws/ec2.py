"""EC2's default VPC as AWS makes it: with an internet gateway and a route to it, which moto leaves out.

AWS: "Default VPC components" in the VPC user guide.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import moto.ec2.urls
from moto.ec2.models import EC2Backend, ec2_backends

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.reconcile import Controller
    from localaws.runtime import Runtime

SETTLEMENTS: dict[str, Callable[..., None]] = {}


class Ec2Backend(EC2Backend):
    """One account and Region."""

    @property
    def _url_module(self) -> Any:
        return moto.ec2.urls

    def create_default_vpc(self) -> Any:
        """Create the default VPC and its way to the internet."""
        vpc = super().create_default_vpc()
        gateway = self.create_internet_gateway()
        self.attach_internet_gateway(gateway.id, vpc.id)
        tables = self.route_tables.values()
        main = next(table for table in tables if table.vpc_id == vpc.id and table.main_association_id)
        self.create_route(main.id, "0.0.0.0/0", gateway_id=gateway.id)
        return vpc


class NoServers:
    """EC2's controller: hosts are identities for the network model, nothing runs behind them."""

    def reconcile(self) -> None:
        """There is nothing to bring about."""

    def shutdown(self) -> None:
        """There is nothing to stop."""


def install(control: ControlPlane | None) -> None:  # noqa: ARG001 - every service has the same signature
    """Register our backend with moto."""
    ec2_backends.backend = Ec2Backend


def start(control: ControlPlane, runtime: Runtime) -> Controller:  # noqa: ARG001
    """Return the controller."""
    return NoServers()
