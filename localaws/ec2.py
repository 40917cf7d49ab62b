"""EC2's default VPC as AWS makes it: with an internet gateway and a route to it, which moto leaves out.

AWS: "Default VPC components" in the VPC user guide.
"""

from __future__ import annotations

from typing import Any

import moto.ec2.urls
from moto.ec2.models import EC2Backend, ec2_backends


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


def install() -> None:
    """Register our backend with moto."""
    ec2_backends.backend = Ec2Backend
