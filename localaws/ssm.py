"""Systems Manager's sessions: port forwarding through an EC2 host, with that host's identity.

AWS: "Starting a session (port forwarding to remote host)" in the Systems Manager user guide.
"""

from __future__ import annotations

import datetime
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.ssm.models import SimpleSystemManagerBackend, ssm_backends
from moto.ssm.responses import SimpleSystemManagerResponse
from moto.ssm.urls import url_bases

from localaws.bridge.ec2 import Ec2View, Host
from localaws.errors import LocalawsError
from localaws.network import Origin
from localaws.relay import Tunnel

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.reconcile import Engine
    from localaws.runtime import Runtime

SETTLEMENTS: dict[str, Callable[..., None]] = {}

_TO_REMOTE = "AWS-StartPortForwardingSessionToRemoteHost"
_TO_INSTANCE = "AWS-StartPortForwardingSession"


class SessionFault(ServiceException):
    """An error of the session operations, with AWS's code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Session:
    """An open port forwarding session."""

    id: str
    token: str
    account_id: str
    region: str
    target: str
    document: str
    reason: str
    started: datetime.datetime
    tunnel: Tunnel

    @property
    def url(self) -> str:
        """Where a client connects: AWS's is a web socket, ours plain TCP on this machine."""
        return f"tcp://{self.tunnel.listen_address}:{self.tunnel.listen_port}"


class Sessions:
    """The open sessions of a running server; a controller that ends those whose host has gone."""

    def __init__(self, control: ControlPlane, runtime: Runtime) -> None:
        self._control = control
        self._front = runtime.front
        self._lock = threading.Lock()
        self._open: dict[str, Session] = {}

    def start(self, account_id: str, region: str, target: str, **options: Any) -> Session:
        """Open a session; `options` are those of StartSession, spelled as in the API."""
        self.require_host(account_id, region, target)
        document = options.get("DocumentName") or "SSM-SessionManagerRunShell"
        host, port, local = _destination(document, options.get("Parameters") or {})
        try:
            tunnel = self._front.tunnel(Origin(target), host, port, local)
        except LocalawsError as error:
            raise SessionFault("InvalidParameters", str(error)) from error
        session = Session(
            id=f"localaws-{secrets.token_hex(9)[:17]}",
            token=secrets.token_urlsafe(64),
            account_id=account_id,
            region=region,
            target=target,
            document=document,
            reason=options.get("Reason") or "",
            started=datetime.datetime.now(datetime.UTC),
            tunnel=tunnel,
        )
        with self._lock:
            self._open[session.id] = session
        return session

    def find(self, session_id: str) -> Session:
        """Return an open session."""
        with self._lock:
            if session_id not in self._open:
                raise SessionFault(
                    "DoesNotExistException", f"Session {session_id} does not exist or has ended."
                )
            return self._open[session_id]

    def terminate(self, session_id: str) -> None:
        """End a session and its connections; one that has ended is no error."""
        with self._lock:
            session = self._open.pop(session_id, None)
        if session:
            session.tunnel.close()

    def active(self, account_id: str, region: str) -> list[Session]:
        """Return the open sessions of an account and Region."""
        with self._lock:
            return [
                each for each in self._open.values() if (each.account_id, each.region) == (account_id, region)
            ]

    def hosts(self, account_id: str, region: str) -> list[Host]:
        """Return the instances that an agent would have registered: running, with an instance profile."""
        with self._control.lock:
            view = Ec2View.of(self._control, account_id, region)
            return [host for host in view.hosts() if _why_not(host) is None] if view else []

    def require_host(self, account_id: str, region: str, target: str) -> None:
        """Raise TargetNotConnected unless a session to the instance can be opened."""
        with self._control.lock:
            view = Ec2View.of(self._control, account_id, region)
            reason = _why_not(view.host(target) if view else None)
        if reason:
            raise SessionFault("TargetNotConnected", f"{target} is not connected: {reason}.")

    def reconcile(self) -> None:
        """End the sessions of instances that no longer run."""
        with self._lock:
            sessions = list(self._open.values())
        for session in sessions:
            try:
                self.require_host(session.account_id, session.region, session.target)
            except SessionFault:
                self.terminate(session.id)

    def shutdown(self) -> None:
        """End all sessions."""
        with self._lock:
            names = list(self._open)
        for name in names:
            self.terminate(name)

    def engines(self) -> list[Engine]:
        """Return no server: sessions are listeners of the front."""
        return []


_running: Sessions | None = None


def install(control: ControlPlane) -> None:  # noqa: ARG001 - every service has the same signature
    """Register the session operations with moto."""
    ssm_backends.backend = SsmBackend


def start(control: ControlPlane, runtime: Runtime) -> Sessions:
    """Return the controller that keeps the sessions."""
    global _running
    _running = Sessions(control, runtime)
    return _running


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

    @property
    def _sessions(self) -> Sessions:
        if _running is None:
            raise SessionFault("InternalServerError", "The session manager is not running. Restart localaws.")
        return _running

    def _wanted_instances(self) -> set[str] | None:
        filters = [(item["Key"], item["Values"]) for item in self._get_param("Filters") or []]
        former = self._get_param("InstanceInformationFilterList") or []
        filters += [(item["key"], item["valueSet"]) for item in former]
        ids = [set(values) for key, values in filters if key == "InstanceIds"]
        return set.intersection(*ids) if ids else None


class SsmBackend(SimpleSystemManagerBackend):
    """moto's model, reached through our operations."""

    @property
    def _url_module(self) -> Any:
        return SimpleNamespace(url_bases=url_bases, url_paths={"{0}/$": SsmResponse.dispatch})


def _why_not(host: Host | None) -> str | None:
    if host is None:
        return "there is no such instance"
    if host.state != "running":
        return f"the instance is {host.state}; start it first"
    if host.profile is None:
        return (
            "its agent has no permission to register. Attach an instance profile whose role has the policy "
            "AmazonSSMManagedInstanceCore (associate_iam_instance_profile)"
        )
    return None


def _destination(document: str, parameters: dict[str, list[str]]) -> tuple[str, int, int]:
    """Return host, port and local port (0: any) of a port forwarding document."""
    if document not in (_TO_REMOTE, _TO_INSTANCE):
        raise SessionFault(
            "InvalidDocument",
            f"The document {document} is not available in this local AWS, whose hosts have no shell. "
            f"Use {_TO_REMOTE} or {_TO_INSTANCE}.",
        )
    host = _parameter(parameters, "host", "") if document == _TO_REMOTE else "localhost"
    if not host:
        raise SessionFault(
            "InvalidParameters", f"The document {document} needs the parameter host: a list of one name."
        )
    return host, _port(parameters, "portNumber", "80"), _port(parameters, "localPortNumber", "0")


def _parameter(parameters: dict[str, list[str]], name: str, default: str) -> str:
    values = parameters.get(name) or [default]
    return str(values[0])


def _port(parameters: dict[str, list[str]], name: str, default: str) -> int:
    text = _parameter(parameters, name, default)
    if not text.isdigit() or int(text) > 65535:
        raise SessionFault("InvalidParameters", f"{name} must be a list with one port number, not {text!r}.")
    return int(text)


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
