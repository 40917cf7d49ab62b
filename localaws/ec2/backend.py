"""EC2's model: moto's, with AWS's default VPC and groups, and instances that run once their user data do.

AWS: "Default VPC components" in the VPC user guide; "Amazon EC2 instance state changes".
"""

from __future__ import annotations

import base64
from types import SimpleNamespace
from typing import Any

from moto.ec2.exceptions import (
    EC2ClientError,
    InvalidAMIIdError,
    InvalidKeyPairNameError,
    OperationDisableApiStopNotPermitted,
    OperationNotPermitted4,
)
from moto.ec2.models import EC2Backend, amis
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS
from moto.ec2.models.instances import Instance, InstanceState
from moto.ec2.urls import url_bases

from localaws.ec2 import userdata

CONTAINER_IMAGES = "ec2/resources/ecs/"
STATES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}

Changed = list[tuple[Instance, InstanceState]]


class InvalidUserData(EC2ClientError):
    """The user data are longer than AWS takes them."""

    def __init__(self) -> None:
        super().__init__(
            "InvalidParameterValue", f"User data is limited to {userdata.LARGEST} bytes before it is encoded."
        )


class InvalidInstanceType(EC2ClientError):
    """There is no such type of instance."""

    def __init__(self, kind: str) -> None:
        super().__init__("InvalidParameterValue", f"Invalid value '{kind}' for InstanceType.")


class Ec2Backend(EC2Backend):
    """One account and Region."""

    @property
    def _url_module(self) -> Any:
        from localaws.ec2.responses import Ec2Response

        return SimpleNamespace(url_bases=url_bases, url_paths={"{0}/": Ec2Response.dispatch})

    def _load_amis(self) -> None:
        """Know Amazon's images but those for container instances, which are twenty times as many."""
        read = amis.load_resource

        def known(path: str) -> Any:
            return [] if path.startswith(CONTAINER_IMAGES) else read(path)

        amis.load_resource = known
        try:
            super()._load_amis()
        finally:
            amis.load_resource = read

    def create_default_vpc(self) -> Any:
        """Create the default VPC and its way to the internet, which moto leaves out."""
        vpc = super().create_default_vpc()
        gateway = self.create_internet_gateway()
        self.attach_internet_gateway(gateway.id, vpc.id)
        tables = self.route_tables.values()
        main = next(table for table in tables if table.vpc_id == vpc.id and table.main_association_id)
        self.create_route(main.id, "0.0.0.0/0", gateway_id=gateway.id)
        return vpc

    def create_security_group(self, *names: Any, **options: Any) -> Any:
        """CreateSecurityGroup; a VPC's default group lets its members in, a rule that moto leaves out."""
        group = super().create_security_group(*names, **options)
        if options.get("is_default"):
            itself: list[dict[str, str]] = [{"GroupId": group.id}]
            self.authorize_security_group_ingress(
                group.id, "-1", "", "", [], source_groups=itself, vpc_id=group.vpc_id
            )
        return group

    def run_instances(self, image_id: str, count: int, user_data: Any, *names: Any, **options: Any) -> Any:
        """RunInstances."""
        if user_data and len(base64.b64decode(str(user_data))) > userdata.LARGEST:
            raise InvalidUserData
        self._check(image_id, options)
        if not (options.get("subnet_id") or options.get("nics") or options.get("launch_template")):
            options["subnet_id"] = self._default_subnet(options.get("placement"))
        reservation = super().run_instances(image_id, count, user_data, *names, **options)
        for instance in reservation.instances:
            # moto puts the VPC's default group on the interface only
            instance.security_groups = instance.security_groups or list(instance.nics[0]._group_set)
            _boot(instance)
        return reservation

    def _check(self, image_id: str, options: dict[str, Any]) -> None:
        """Refuse what does not exist; a launch template's own values are moto's matter."""
        if image_id and image_id not in self.amis:
            raise InvalidAMIIdError(image_id)
        key, kind = options.get("key_name"), options.get("instance_type")
        if key and key not in self.key_pairs:
            raise InvalidKeyPairNameError(key)
        offered = INSTANCE_TYPE_OFFERINGS["region"].get(self.region_name) or []
        if not options.get("is_instance_type_default") and all(
            kind != each["InstanceType"] for each in offered
        ):
            raise InvalidInstanceType(str(kind))

    def _default_subnet(self, zone: str | None) -> str | None:
        """Where AWS puts an instance that names no subnet; None leaves the error to moto."""
        subnets = self.get_default_subnets()
        chosen = subnets.get(zone) if zone else next((subnets[name] for name in sorted(subnets)), None)
        return str(chosen.id) if chosen else None

    def start_instances(self, instance_ids: list[str]) -> Changed:
        """StartInstances; one that runs stays as it is."""
        changed = []
        for instance in self.get_multi_instances_by_id(instance_ids):
            if instance.state in ("running", "pending"):
                changed.append((instance, InstanceState(instance.state, STATES[instance.state])))
                continue
            _require(instance, "stopped", "started")
            changed.append((instance, instance.start()))
            _boot(instance)
        return changed

    def stop_instances(self, instance_ids: list[str]) -> Changed:
        """StopInstances."""
        changed = []
        for instance in self.get_multi_instances_by_id(instance_ids):
            if instance.disable_api_stop is True:
                raise OperationDisableApiStopNotPermitted(instance.id)
            if instance.state in ("stopped", "stopping"):
                changed.append((instance, InstanceState(instance.state, STATES[instance.state])))
            elif runs_program(instance):
                _require(instance, "running", "stopped")
                changed.append((instance, to(instance, "stopping")))
            else:
                changed.append((instance, instance.stop()))
        return changed

    def terminate_instances(self, instance_ids: list[str]) -> Changed:
        """TerminateInstances."""
        programs = []
        for instance in self.get_multi_instances_by_id(instance_ids):
            if runs_program(instance) and instance.state not in ("stopped", "terminated"):
                if instance.disable_api_termination is True:
                    raise OperationNotPermitted4(instance.id)
                programs.append(instance)
        running = {instance.id for instance in programs}
        others = [each for each in instance_ids if each not in running]
        changed = super().terminate_instances(others) if others or not programs else []
        return changed + [(instance, to(instance, "shutting-down")) for instance in programs]

    def reboot_instances(self, instance_ids: list[str]) -> list[Instance]:
        """RebootInstances: the state stays `running`, as on AWS."""
        instances = self.get_multi_instances_by_id(instance_ids)
        for instance in instances:
            _require(instance, "running", "rebooted")
        for instance in instances:
            instance.boot = getattr(instance, "boot", 0) + 1
        return instances


class IncorrectInstanceState(EC2ClientError):
    """The instance cannot be brought from its state to another one."""

    def __init__(self, instance_id: str, wanted: str) -> None:
        super().__init__(
            "IncorrectInstanceState",
            f"The instance '{instance_id}' is not in a state from which it can be {wanted}.",
        )


def runs_program(instance: Instance) -> bool:
    """Whether something runs behind an instance from its start on."""
    return userdata.script(instance.user_data) is not None


def to(instance: Instance, state: str) -> InstanceState:
    """Bring an instance to a state and return the former."""
    former = InstanceState(instance.state, instance.state_code)
    instance._state.name, instance._state.code = state, STATES[state]
    return former


def _boot(instance: Instance) -> None:
    instance.boot = getattr(instance, "boot", 0) + 1
    if runs_program(instance):
        to(instance, "pending")


def _require(instance: Instance, state: str, wanted: str) -> None:
    if instance.state != state:
        raise IncorrectInstanceState(instance.id, wanted)
