"""Where a DB instance stands: VPC, subnets, Availability Zones and security groups in moto's EC2."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from moto.ec2.models import ec2_backends
from moto.rds.exceptions import RDSClientError

from localaws.rds import faults


class Placement:
    """The network of one account and Region, with the refusals of RDS."""

    def __init__(self, account_id: str, region: str) -> None:
        self._ec2: Any = ec2_backends[account_id][region]

    def subnets(self, subnet_ids: Iterable[str]) -> list[Any]:
        """The subnets that exist among these, in their order."""
        known = {subnet.id: subnet for zone in self._ec2.subnets.values() for subnet in zone.values()}
        return [known[subnet_id] for subnet_id in subnet_ids if subnet_id in known]

    def checked_subnets(self, subnet_ids: list[str]) -> list[Any]:
        """The subnets for a subnet group: all exist, in one VPC, in two Availability Zones or more."""
        found = self.subnets(subnet_ids)
        missing = [subnet_id for subnet_id in subnet_ids if subnet_id not in {subnet.id for subnet in found}]
        if missing or not found:
            raise faults.invalid(f"Some input subnets in :[{', '.join(missing)}] are invalid.")
        if len({subnet.vpc_id for subnet in found}) > 1:
            odd = next(subnet.id for subnet in found if subnet.vpc_id != found[0].vpc_id)
            raise RDSClientError(
                "InvalidSubnet",
                f"The requested subnet {odd} is invalid, or multiple subnets were requested "
                "that are not all in a common VPC.",
            )
        zones = sorted({subnet.availability_zone for subnet in found})
        if len(zones) < 2:
            raise RDSClientError(
                "DBSubnetGroupDoesNotCoverEnoughAZs",
                "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. "
                f"Current AZ coverage: {', '.join(zones)}. Add subnets to cover at least 2 AZs.",
            )
        return found

    def default_subnets(self) -> list[Any]:
        """The subnets of the default VPC, for the subnet group named default."""
        vpc_ids = {vpc.id for vpc in self._ec2.vpcs.values() if vpc.is_default}
        return [
            subnet
            for zone in self._ec2.subnets.values()
            for subnet in zone.values()
            if subnet.vpc_id in vpc_ids and subnet.default_for_az
        ]

    def security_groups(self, group_ids: list[str], vpc_id: str) -> list[str]:
        """The security groups of a DB instance: the named ones, checked, or the VPC's default one."""
        if not group_ids:
            groups = self._ec2.groups.get(vpc_id, {}).values()
            return [group.id for group in groups if group.name == "default"]
        for group_id in group_ids:
            owner = next((vpc for vpc, groups in self._ec2.groups.items() if group_id in groups), None)
            if owner is None:
                raise faults.invalid(f"Invalid security group , groupId= {group_id}, groupName=.")
            if owner != vpc_id:
                raise faults.combination(
                    "The DB instance and EC2 security group are in different VPCs. "
                    f"The DB instance is in {vpc_id} and the EC2 security group is in {owner}"
                )
        return list(dict.fromkeys(group_ids))

    def publicly_accessible(self, asked: bool | None, vpc_id: str) -> bool:
        """Whether the instance gets a public address; by default, when its VPC has an internet gateway."""
        vpc = self._ec2.vpcs.get(vpc_id)
        if asked is None:
            return self._has_gateway(vpc_id)
        if asked and vpc is not None and not vpc.is_default:
            if not self._has_gateway(vpc_id):
                raise self._vpc_fault("has no internet gateway attached")
            if not (_on(vpc.enable_dns_support) and _on(vpc.enable_dns_hostnames)):
                raise self._vpc_fault("does not support DNS resolution, DNS hostnames, or both")
        return asked

    def zone(self, asked: str | None, zones: list[str], *, multi_az: bool) -> str:
        """The zone of the instance: the wished one if the subnet group covers it, else its first."""
        if asked is None:
            return sorted(zones)[0]
        if multi_az:
            raise faults.combination(
                "Requesting a specific availability zone is not valid for Multi-AZ instances."
            )
        if asked not in zones:
            raise RDSClientError(
                "InvalidVPCNetworkStateFault",
                f"The DB subnet group has no subnet in the Availability Zone {asked}. Choose one of "
                f"{', '.join(sorted(zones))}.",
            )
        return asked

    @staticmethod
    def standby_zone(primary: str, zones: list[str]) -> str:
        """The zone of a Multi-AZ instance's standby: the one after the primary's that the subnets cover."""
        others = sorted(zone for zone in zones if zone != primary)
        if not others:
            raise RDSClientError(
                "DBSubnetGroupDoesNotCoverEnoughAZs",
                "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. "
                f"Current AZ coverage: {primary}. Add subnets to cover at least 2 AZs.",
            )
        return next((zone for zone in others if zone > primary), others[0])

    def zones(self) -> list[str]:
        """Availability Zones of the Region."""
        return [zone.name for zone in self._ec2.describe_availability_zones()]

    def _has_gateway(self, vpc_id: str) -> bool:
        gateways = self._ec2.internet_gateways.values()
        return any(gateway.vpc is not None and gateway.vpc.id == vpc_id for gateway in gateways)

    @staticmethod
    def _vpc_fault(reason: str) -> RDSClientError:
        return RDSClientError(
            "InvalidVPCNetworkStateFault",
            f"Cannot create a publicly accessible DBInstance. The specified VPC {reason}. "
            "Update the VPC and then try again",
        )


def _on(attribute: Any) -> bool:
    return attribute is True or str(attribute).lower() == "true"
