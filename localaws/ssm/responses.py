"""Systems Manager's operations: moto's, with Session Manager's and Run Command's."""

from __future__ import annotations

import datetime
from typing import Any

from moto.core.responses import ActionResult
from moto.ssm.responses import SimpleSystemManagerResponse

from localaws.bridge.ec2 import Host
from localaws.ssm import commands
from localaws.ssm.backend import SsmBackend
from localaws.ssm.commands import Command, Invocation
from localaws.ssm.faults import SsmFault
from localaws.ssm.sessions import Session, Sessions

PAGE = 50
ASKED = (
    "Comment",
    "DocumentName",
    "InstanceIds",
    "MaxConcurrency",
    "MaxErrors",
    "OutputS3BucketName",
    "OutputS3KeyPrefix",
    "OutputS3Region",
    "Parameters",
    "Targets",
    "TimeoutSeconds",
)


class Running:
    """The sessions of the running server."""

    sessions: Sessions | None = None


RUNNING = Running()


class SsmResponse(SimpleSystemManagerResponse):
    """moto's Systems Manager, with the operations of Session Manager."""

    def start_session(self) -> ActionResult:
        """StartSession."""
        options = {name: self._get_param(name) for name in ("DocumentName", "Parameters", "Reason")}
        session = self._sessions.start(
            self.current_account, self.region, self._get_param("Target"), **options
        )
        return ActionResult({"SessionId": session.id, "TokenValue": session.token, "StreamUrl": session.url})

    def resume_session(self) -> ActionResult:
        """ResumeSession."""
        session = self._sessions.find(self._get_param("SessionId"))
        return ActionResult({"SessionId": session.id, "TokenValue": session.token, "StreamUrl": session.url})

    def terminate_session(self) -> ActionResult:
        """TerminateSession."""
        session_id = self._get_param("SessionId")
        self._sessions.terminate(session_id)
        return ActionResult({"SessionId": session_id})

    def describe_sessions(self) -> ActionResult:
        """DescribeSessions: those that have ended are not remembered."""
        wanted = self._get_param("State") == "Active"
        sessions = self._sessions.active(self.current_account, self.region) if wanted else []
        return ActionResult({"Sessions": [_session(each, self.current_account) for each in sessions]})

    def get_connection_status(self) -> ActionResult:
        """GetConnectionStatus."""
        target = self._get_param("Target")
        hosts = self._sessions.hosts(self.current_account, self.region)
        status = "connected" if target in {host.id for host in hosts} else "notconnected"
        return ActionResult({"Target": target, "Status": status})

    def describe_instance_information(self) -> ActionResult:
        """DescribeInstanceInformation."""
        wanted = self._wanted_instances()
        hosts = self._sessions.hosts(self.current_account, self.region)
        chosen = [host for host in hosts if wanted is None or host.id in wanted]
        return ActionResult({"InstanceInformationList": [_information(host) for host in chosen]})

    def send_command(self) -> ActionResult:
        """SendCommand."""
        asked = {name: value for name in ASKED if (value := self._get_param(name)) is not None}
        return ActionResult({"Command": _command(self._commands.send(asked))})

    def cancel_command(self) -> ActionResult:
        """CancelCommand."""
        self._commands.cancel(self._get_param("CommandId"), self._get_param("InstanceIds") or [])
        return ActionResult({})

    def list_commands(self) -> ActionResult:
        """ListCommands, the newest first."""
        found = [
            _command(command)
            for command in self._found(self._get_param("CommandId"), self._get_param("InstanceId"))
            if self._passes(command, command.status)
        ]
        return ActionResult(self._page("Commands", found))

    def list_command_invocations(self) -> ActionResult:
        """ListCommandInvocations."""
        wanted = self._get_param("InstanceId")
        details = bool(self._get_param("Details"))
        found = [
            _invocation(command, each, details=details)
            for command in self._found(self._get_param("CommandId"), wanted)
            for each in command.invocations.values()
            if wanted in (None, each.instance_id) and self._passes(command, each.status)
        ]
        return ActionResult(self._page("CommandInvocations", found))

    def get_command_invocation(self) -> ActionResult:
        """GetCommandInvocation."""
        command, found = commands.invocation_of(
            self._commands, self._get_param("CommandId"), self._get_param("InstanceId")
        )
        if self._get_param("PluginName") not in (None, commands.PLUGIN):
            raise SsmFault("InvalidPluginName", f"The plugin's name is {commands.PLUGIN}.")
        return ActionResult(_output(command, found))

    @property
    def _commands(self) -> SsmBackend:
        backend: SsmBackend = self.ssm_backend
        return backend

    def _found(self, command_id: str | None, instance_id: str | None) -> list[Command]:
        if command_id:
            found = [commands.find(self._commands, command_id)]
        else:
            found = list(reversed(commands.kept(self._commands).values()))
        return [each for each in found if instance_id in (None, *each.invocations)]

    def _passes(self, command: Command, status: str) -> bool:
        facts = {"Status": status, "DocumentName": command.asked["DocumentName"]}
        filters = self._get_param("Filters") or []
        return all(facts.get(each["key"], each["value"]) == each["value"] for each in filters)

    def _page(self, name: str, found: list[dict[str, Any]]) -> dict[str, Any]:
        first = int(self._get_param("NextToken") or 0)
        last = first + int(self._get_param("MaxResults") or PAGE)
        return {name: found[first:last], "NextToken": str(last) if last < len(found) else None}

    @property
    def _sessions(self) -> Sessions:
        if RUNNING.sessions is None:
            raise SsmFault("InternalServerError", "The session manager is not running. Restart localaws.")
        return RUNNING.sessions

    def _wanted_instances(self) -> set[str] | None:
        filters = [(item["Key"], item["Values"]) for item in self._get_param("Filters") or []]
        former = self._get_param("InstanceInformationFilterList") or []
        filters += [(item["key"], item["valueSet"]) for item in former]
        ids = [set(values) for key, values in filters if key == "InstanceIds"]
        return set.intersection(*ids) if ids else None


def _session(session: Session, account_id: str) -> dict[str, Any]:
    return {
        "SessionId": session.id,
        "Target": session.target,
        "Status": "Connected",
        "StartDate": session.started,
        "DocumentName": session.document,
        "Owner": f"arn:aws:iam::{account_id}:root",
        "Reason": session.reason,
    }


def _information(host: Host) -> dict[str, Any]:
    return {
        "InstanceId": host.id,
        "PingStatus": "Online",
        "LastPingDateTime": datetime.datetime.now(datetime.UTC),
        "AgentVersion": "3.3.0.0",
        "IsLatestVersion": True,
        "PlatformType": "Linux",
        "PlatformName": "Amazon Linux",
        "PlatformVersion": "2023",
        "ResourceType": "EC2Instance",
        "IPAddress": host.private_ip,
        "ComputerName": host.private_name,
    }


def _command(command: Command) -> dict[str, Any]:
    states = [each.status for each in command.invocations.values()]
    return {
        **command.asked,
        "CommandId": command.command_id,
        "Comment": command.asked.get("Comment", ""),
        "InstanceIds": list(command.asked.get("InstanceIds") or []),
        "Targets": list(command.asked.get("Targets") or []),
        "MaxConcurrency": command.asked.get("MaxConcurrency", "50"),
        "MaxErrors": command.asked.get("MaxErrors", "0"),
        "RequestedDateTime": command.requested,
        "ExpiresAfter": command.expires,
        "TimeoutSeconds": command.delivery_timeout,
        "Status": command.status,
        "StatusDetails": "NoInstancesInTag" if command.none_matched else command.status,
        "TargetCount": len(states),
        "CompletedCount": sum(each not in commands.OPEN for each in states),
        "ErrorCount": sum(each in ("Failed", "TimedOut") for each in states),
        "DeliveryTimedOutCount": sum(
            each.details == "DeliveryTimedOut" for each in command.invocations.values()
        ),
    }


def _invocation(command: Command, found: Invocation, *, details: bool) -> dict[str, Any]:
    return {
        "CommandId": command.command_id,
        "InstanceId": found.instance_id,
        "InstanceName": found.instance_name,
        "Comment": command.asked.get("Comment", ""),
        "DocumentName": command.asked["DocumentName"],
        "RequestedDateTime": command.requested,
        "Status": found.status,
        "StatusDetails": found.details,
        "StandardOutputUrl": command.url(found, "stdout"),
        "StandardErrorUrl": command.url(found, "stderr"),
        "CommandPlugins": [_plugin(command, found)] if details else [],
    }


def _plugin(command: Command, found: Invocation) -> dict[str, Any]:
    errors = f"\n----------ERROR-------\n{found.errors}" if found.errors else ""
    return {
        "Name": commands.PLUGIN,
        "Status": found.status,
        "StatusDetails": found.details,
        "ResponseCode": found.code,
        "ResponseStartDateTime": found.started,
        "ResponseFinishDateTime": found.ended,
        "Output": (found.output + errors)[: commands.SUMMARY],
        "StandardOutputUrl": command.url(found, "stdout"),
        "StandardErrorUrl": command.url(found, "stderr"),
        "OutputS3Region": command.asked.get("OutputS3Region"),
        "OutputS3BucketName": command.asked.get("OutputS3BucketName"),
        "OutputS3KeyPrefix": command.asked.get("OutputS3KeyPrefix"),
    }


def _output(command: Command, found: Invocation) -> dict[str, Any]:
    until = found.ended or (datetime.datetime.now(datetime.UTC).replace(tzinfo=None))
    seconds = (until - found.started).total_seconds() if found.started else 0.0
    return {
        "CommandId": command.command_id,
        "InstanceId": found.instance_id,
        "Comment": command.asked.get("Comment", ""),
        "DocumentName": command.asked["DocumentName"],
        "PluginName": commands.PLUGIN,
        "ResponseCode": found.code,
        "ExecutionStartDateTime": _moment(found.started),
        "ExecutionElapsedTime": f"PT{seconds:.3f}S" if found.started else "",
        "ExecutionEndDateTime": _moment(found.ended),
        "Status": found.status,
        "StatusDetails": found.details,
        "StandardOutputContent": found.output,
        "StandardOutputUrl": command.url(found, "stdout"),
        "StandardErrorContent": found.errors,
        "StandardErrorUrl": command.url(found, "stderr"),
    }


def _moment(time: datetime.datetime | None) -> str:
    return time.isoformat(timespec="milliseconds") + "Z" if time else ""
