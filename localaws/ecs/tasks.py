"""A task and its containers as the API shows them.

AWS: "Amazon ECS task lifecycle" and "Stopped task error codes".
"""

from __future__ import annotations

from typing import Any

import moto.ecs.models as base
from moto.core.utils import utcnow
from moto.ec2.models import ec2_backends
from moto.ecs.exceptions import InvalidParameterException
from moto.moto_api._internal import mock_random

WAITING, RUNNING, STOPPING, STOPPED = "PROVISIONING", "RUNNING", "STOPPING", "STOPPED"


class Container:
    """A container of a task."""

    def __init__(self, task: Task, definition: dict[str, Any]) -> None:
        self.container_arn = f"{task.task_arn.replace(':task/', ':container/')}/{mock_random.uuid4()}"
        self.task_arn = task.task_arn
        self.name = definition["name"]
        self.image = definition["image"]
        self.cpu = str(definition.get("cpu", 0))
        self.memory = str(definition["memory"]) if "memory" in definition else None
        self.last_status = "PENDING"
        self.exit_code: int | None = None
        self.reason: str | None = None
        self.health_status = "UNKNOWN"
        self.network_interfaces = [
            {"attachmentId": each["id"], "privateIpv4Address": task.private_ip} for each in task.attachments
        ]


class Task(base.Task):
    """A task on Fargate; its states are told by what happens to its processes."""

    desired_status: str

    def __init__(
        self, cluster: Any, definition: Any, network: dict[str, Any], backend: Any, **options: Any
    ) -> None:
        inside = network["awsvpcConfiguration"]
        ec2 = ec2_backends[backend.account_id][backend.region_name]
        subnet = ec2.get_subnet(inside["subnets"][0])
        groups = inside.get("securityGroups") or [ec2.get_default_security_group(subnet.vpc_id).id]
        whole = {**inside, "securityGroups": groups}
        super().__init__(
            cluster=cluster,
            task_definition=definition,
            container_instance_arn=None,
            resource_requirements=None,
            backend=backend,
            launch_type="FARGATE",
            networking_configuration={"awsvpcConfiguration": whole},
            platform_version="1.4.0",
            **options,
        )
        self.id = mock_random.uuid4().hex
        self.subnet_id, self.group_ids = subnet.id, tuple(groups)
        self.vpc_id = subnet.vpc_id
        self.assign_public_ip = inside.get("assignPublicIp") == "ENABLED"
        self._join(ec2, subnet)
        self.availability_zone = subnet.availability_zone
        self.created_at = utcnow()
        self.started_at: Any = None
        self.stopping_at: Any = None
        self.stopped_at: Any = None
        self.stop_code: str | None = None
        self.stopped_reason: str | None = None
        self.connectivity = "CONNECTED"
        self.cpu, self.memory = definition.cpu, definition.memory
        self.containers = [Container(self, each) for each in definition.container_definitions]
        self._status = WAITING

    def _join(self, ec2: Any, subnet: Any) -> None:
        """Give the interface an address of its subnet, which moto's has not."""
        details = {each["name"]: each for each in self.attachments[0]["details"]}
        self.interface_id = details["networkInterfaceId"]["value"]
        interface = ec2.enis[self.interface_id]
        self.private_ip = subnet.get_available_subnet_ip(instance=interface)
        interface.private_ip_address = self.private_ip
        interface.private_ip_addresses = [{"Primary": True, "PrivateIpAddress": self.private_ip}]
        interface.description = self.task_arn
        details["privateIPv4Address"]["value"] = self.private_ip
        details["privateDnsName"]["value"] = f"ip-{self.private_ip.replace('.', '-')}.ec2.internal"

    @property
    def status(self) -> str:
        """Its last status; moto's moves by itself when it is looked at."""
        return self._status or WAITING

    @status.setter
    def status(self, value: str) -> None:
        self._status = value

    def end(self, reason: str, code: str) -> None:
        """Want it stopped."""
        if self.desired_status != STOPPED:
            self.desired_status = STOPPED
            self.stopping_at = utcnow()
            self.stopped_reason, self.stop_code = reason, code

    def bury(self, codes: dict[str, int], failures: dict[str, str]) -> None:
        """Note that nothing of it runs any more, with the exit codes of its containers."""
        self._status, self.stopped_at = STOPPED, utcnow()
        self.connectivity = "DISCONNECTED"
        for container in self.containers:
            container.last_status = STOPPED
            container.exit_code = codes.get(container.name)
            container.reason = failures.get(container.name)
        for each in self.attachments:
            each["status"] = "DELETED"
        interface = ec2_backends[self._account_id][self.region_name].enis.pop(self.interface_id, None)
        if interface is not None:
            interface.subnet.del_subnet_ip(self.private_ip)


def require_network(configuration: dict[str, Any] | None, account_id: str, region: str) -> dict[str, Any]:
    """Return a network configuration whose subnets and groups exist."""
    inside = (configuration or {}).get("awsvpcConfiguration") or {}
    if not inside.get("subnets"):
        raise InvalidParameterException(
            "Network Configuration must be provided when networkMode 'awsvpc' is specified."
        )
    ec2 = ec2_backends[account_id][region]
    known = {each.id for each in ec2.describe_subnets()}
    for subnet in inside["subnets"]:
        if subnet not in known:
            raise InvalidParameterException(
                f"Error retrieving subnet information for [{subnet}]: The subnet ID '{subnet}' does not "
                "exist (ErrorCode: InvalidSubnetID.NotFound)"
            )
    for group in inside.get("securityGroups") or []:
        if ec2.get_security_group_from_id(group) is None:
            raise InvalidParameterException(
                f"Error retrieving security group information for [{group}]: The security group '{group}' "
                "does not exist (ErrorCode: InvalidGroup.NotFound)"
            )
    return {"awsvpcConfiguration": inside}
