"""Run Command's model: what was sent to which instances, and what has become of it.

AWS: "AWS Systems Manager Run Command"; "Understanding command statuses".
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from localaws.bridge.ec2 import Host
from localaws.ssm.faults import SsmFault

DOCUMENT = "AWS-RunShellScript"
PLUGIN = "aws:runShellScript"
PARAMETERS = frozenset({"commands", "workingDirectory", "executionTimeout"})
TIMEOUT = 3600
DELIVERY, SHORTEST, LONGEST = 3600, 30, 2592000
OPEN = frozenset({"Pending", "InProgress", "Cancelling"})
OUTPUT, ERRORS, SUMMARY = 24000, 8000, 2500
"""Characters that GetCommandInvocation and ListCommandInvocations show."""


@dataclass
class Invocation:
    """A command on one instance."""

    instance_id: str
    instance_name: str = ""
    status: str = "Pending"
    details: str = "Pending"
    code: int = -1
    started: datetime.datetime | None = None
    ended: datetime.datetime | None = None
    output: str = ""
    errors: str = ""

    def come(self, status: str, details: str | None = None) -> None:
        """Reach a status."""
        self.status, self.details = status, details or status


@dataclass
class Command:
    """What SendCommand was asked."""

    command_id: str
    account_id: str
    region: str
    requested: datetime.datetime
    commands: list[str]
    directory: str
    execution_timeout: int
    delivery_timeout: int
    asked: dict[str, Any]
    """What is only shown again, spelled as in the API."""
    invocations: dict[str, Invocation] = field(default_factory=dict)
    none_matched: bool = False

    @property
    def expires(self) -> datetime.datetime:
        """When it has to have begun."""
        return self.requested + datetime.timedelta(seconds=self.delivery_timeout)

    @property
    def status(self) -> str:
        """The status of the whole."""
        found = [each.status for each in self.invocations.values()]
        for status in ("InProgress", "Cancelling", "Pending"):
            if status in found:
                return "InProgress" if status == "Pending" and set(found) != {"Pending"} else status
        return next((each for each in ("Failed", "TimedOut", "Cancelled") if each in found), "Success")

    def url(self, invocation: Invocation, stream: str) -> str:
        """Where a stream's copy in S3 is."""
        bucket = self.asked.get("OutputS3BucketName")
        region = self.asked.get("OutputS3Region") or self.region
        return f"https://s3.{region}.amazonaws.com/{bucket}/{self.key(invocation, stream)}" if bucket else ""

    def key(self, invocation: Invocation, stream: str) -> str:
        """Return the key of that copy."""
        parts = [self.command_id, invocation.instance_id, "awsrunShellScript", "0.awsrunShellScript", stream]
        prefix = (self.asked.get("OutputS3KeyPrefix") or "").strip("/")
        return "/".join([prefix, *parts] if prefix else parts)


def kept(backend: Any) -> dict[str, Command]:
    """Return the commands of an account and Region."""
    found: dict[str, Command] = backend.__dict__.setdefault("run_commands", {})
    return found


def find(backend: Any, command_id: str) -> Command:
    """Return a command."""
    if command_id not in kept(backend):
        raise SsmFault("InvalidCommandId", f"The command {command_id} does not exist. See list_commands.")
    return kept(backend)[command_id]


def invocation_of(backend: Any, command_id: str, instance_id: str) -> tuple[Command, Invocation]:
    """Return a command and what it became on an instance."""
    command = kept(backend).get(command_id)
    found = command.invocations.get(instance_id) if command else None
    if command is None or found is None:
        raise SsmFault(
            "InvocationDoesNotExist",
            f"The command {command_id} was not sent to {instance_id}. See list_command_invocations.",
        )
    return command, found


def checked(asked: dict[str, Any]) -> tuple[list[str], str, int, int]:
    """Return the commands, their folder, and the two timeouts, in seconds, of a request."""
    document = str(asked.get("DocumentName") or "")
    if document.rpartition("/")[2] != DOCUMENT:
        raise SsmFault(
            "InvalidDocument",
            f"The document {document or '(none)'} does not exist or is not run by this local AWS. "
            f"Use {DOCUMENT}.",
        )
    parameters = asked.get("Parameters") or {}
    unknown = sorted(set(parameters) - PARAMETERS)
    if unknown or not parameters.get("commands"):
        what = f"does not know {', '.join(unknown)}" if unknown else "needs the parameter commands: a list"
        raise SsmFault("InvalidParameters", f"The document {DOCUMENT} {what}.")
    timeout = (parameters.get("executionTimeout") or [str(TIMEOUT)])[0]
    if not timeout.isdigit() or not 1 <= int(timeout) <= 172800:
        raise SsmFault("InvalidParameters", "executionTimeout must be a number of seconds from 1 to 172800.")
    delivery = int(asked.get("TimeoutSeconds") or DELIVERY)
    if not SHORTEST <= delivery <= LONGEST:
        raise SsmFault("ValidationException", f"timeoutSeconds must be from {SHORTEST} to {LONGEST}.")
    directory = (parameters.get("workingDirectory") or [""])[0]
    return list(parameters["commands"]), directory, int(timeout), delivery


def chosen(asked: dict[str, Any], managed: Iterable[Host], account_id: str) -> list[Host]:
    """Return the instances that a request means; they must be managed."""
    hosts = {host.id: host for host in managed}
    ids, targets = asked.get("InstanceIds") or [], asked.get("Targets") or []
    if bool(ids) == bool(targets):
        raise SsmFault("InvalidParameters", "Name either InstanceIds or Targets.")
    missing = [each for each in ids if each not in hosts]
    if missing:
        raise SsmFault(
            "InvalidInstanceId",
            f"Instances [[{', '.join(missing)}]] not in a valid state for account {account_id}: they must be "
            "running and have an instance profile. See describe_instance_information.",
        )
    if ids:
        return [hosts[each] for each in dict.fromkeys(ids)]
    return [host for host in hosts.values() if all(_meets(host, target) for target in targets)]


def _meets(host: Host, target: dict[str, Any]) -> bool:
    key, values = target["Key"], target.get("Values") or []
    if key == "InstanceIds":
        return host.id in values
    if key == "tag-key":
        return any(name in values for name, _ in host.tags)
    if key.startswith("tag:"):
        return any(name == key[4:] and value in values for name, value in host.tags)
    raise SsmFault("InvalidTarget", f"The target {key} is not known. Use InstanceIds, tag:NAME or tag-key.")


def named(host: Host) -> str:
    """Return the instance's tag Name."""
    return dict(host.tags).get("Name", "")
