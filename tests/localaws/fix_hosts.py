"""EC2 instances of a test, their role, and what is asked of them."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psutil

from .conftest import LocalAws, eventually

IMAGE = "ami-12c6146b"
SERVER = "exec python3 -m http.server {port} --bind $HOST"


@dataclass
class Fleet:
    """Instances, and the clients that manage them."""

    aws: LocalAws
    role: str = "hosts"

    def __post_init__(self) -> None:
        self.ec2, self.iam, self.ssm = (self.aws.client(each) for each in ("ec2", "iam", "ssm"))

    def make_role(self) -> None:
        """Create the role and an instance profile of the same name."""
        self.iam.create_role(RoleName=self.role, AssumeRolePolicyDocument="{}")
        self.iam.create_instance_profile(InstanceProfileName=self.role)
        self.iam.add_role_to_instance_profile(InstanceProfileName=self.role, RoleName=self.role)

    def launch(self, script: str = "", **options: Any) -> str:
        """Launch an instance and wait until it runs."""
        given = {"UserData": f"#!/bin/bash\n{script}\n"} if script else {}
        request = {"IamInstanceProfile": {"Name": self.role}, **given, **options}
        made = self.ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, **request)
        name = str(made["Instances"][0]["InstanceId"])
        self.reaches(name, "running")
        return name

    def facts(self, name: str) -> dict[str, Any]:
        """Return what EC2 says of an instance."""
        facts: dict[str, Any] = self.ec2.describe_instances(InstanceIds=[name])["Reservations"][0][
            "Instances"
        ][0]
        return facts

    def reaches(self, name: str, state: str) -> None:
        """Wait until an instance is in a state."""
        eventually(lambda: self.facts(name)["State"]["Name"] == state)

    def console(self, name: str) -> str:
        """Return what an instance wrote."""
        return str(self.ec2.get_console_output(InstanceId=name)["Output"])

    def group(self, name: str) -> str:
        """Create a security group in the default VPC."""
        return str(self.ec2.create_security_group(GroupName=name, Description=name)["GroupId"])

    def admit(self, group: str, port: int, **source: Any) -> None:
        """Let somebody into a group."""
        permission = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **source}
        self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])

    def command(self, name: str, *lines: str, **parameters: list[str]) -> dict[str, Any]:
        """Run a command on an instance to its end."""
        given = {"commands": list(lines), **parameters}
        sent = self.ssm.send_command(DocumentName="AWS-RunShellScript", InstanceIds=[name], Parameters=given)
        return self.result(sent["Command"]["CommandId"], name)

    def result(self, command: str, name: str) -> dict[str, Any]:
        """Wait for the end of a command."""
        found: dict[str, Any] = {}

        def ended() -> bool:
            found.update(self.ssm.get_command_invocation(CommandId=command, InstanceId=name))
            return found["Status"] not in ("Pending", "InProgress", "Cancelling")

        eventually(ended)
        return found


def get(address: str, port: int) -> tuple[int, str]:
    """Ask a web service; status 0 when nobody answers."""
    try:
        with urllib.request.urlopen(f"http://{address}:{port}/", timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
        return 0, str(error)


def answers(address: str, port: int, status: int) -> None:
    """Wait until a web service answers so."""
    eventually(lambda: get(address, port)[0] == status)


def running(test: Callable[[list[str]], bool]) -> list[int]:
    """Return the processes of the machine whose command line passes."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if test(process.info["cmdline"] or []):
            found.append(process.pid)
    return found
