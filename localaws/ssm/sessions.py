"""Systems Manager's sessions: port forwarding through an EC2 host, with that host's identity.

AWS: "Starting a session (port forwarding to remote host)" in the Systems Manager user guide.
"""

from __future__ import annotations

import datetime
import secrets
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localaws.bridge.ec2 import Ec2View, Host
from localaws.errors import LocalawsError
from localaws.network import Origin
from localaws.relay import Tunnel
from localaws.ssm.faults import SsmFault

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.runtime import Runtime

_TO_REMOTE = "AWS-StartPortForwardingSessionToRemoteHost"
_TO_INSTANCE = "AWS-StartPortForwardingSession"


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
        host, port, local = _destination(target, document, options.get("Parameters") or {})
        try:
            tunnel = self._front.tunnel(Origin(target), host, port, local)
        except LocalawsError as error:
            raise SsmFault("InvalidParameters", str(error)) from error
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
                raise SsmFault("DoesNotExistException", f"Session {session_id} does not exist or has ended.")
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
            return [host for host in view.hosts() if why_not(host) is None] if view else []

    def require_host(self, account_id: str, region: str, target: str) -> None:
        """Raise TargetNotConnected unless a session to the instance can be opened."""
        with self._control.lock:
            view = Ec2View.of(self._control, account_id, region)
            reason = why_not(view.host(target) if view else None)
        if reason:
            raise SsmFault("TargetNotConnected", f"{target} is not connected: {reason}.")

    def reconcile(self) -> None:
        """End the sessions of instances that no longer run."""
        with self._lock:
            sessions = list(self._open.values())
        for session in sessions:
            try:
                self.require_host(session.account_id, session.region, session.target)
            except SsmFault:
                self.terminate(session.id)

    def shutdown(self) -> None:
        """End all sessions."""
        with self._lock:
            names = list(self._open)
        for name in names:
            self.terminate(name)


def why_not(host: Host | None) -> str | None:
    """Return why an instance is not managed, or None when it is."""
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


def _destination(target: str, document: str, parameters: dict[str, list[str]]) -> tuple[str, int, int]:
    """Return host, port and local port (0: any) of a port forwarding document."""
    if document not in (_TO_REMOTE, _TO_INSTANCE):
        raise SsmFault(
            "InvalidDocument",
            f"The document {document} is not available in this local AWS, whose sessions have no shell. "
            f"Use {_TO_REMOTE} or {_TO_INSTANCE}.",
        )
    host = _parameter(parameters, "host", "") if document == _TO_REMOTE else target
    if not host:
        raise SsmFault(
            "InvalidParameters", f"The document {document} needs the parameter host: a list of one name."
        )
    return host, _port(parameters, "portNumber", "80"), _port(parameters, "localPortNumber", "0")


def _parameter(parameters: dict[str, list[str]], name: str, default: str) -> str:
    values = parameters.get(name) or [default]
    return str(values[0])


def _port(parameters: dict[str, list[str]], name: str, default: str) -> int:
    text = _parameter(parameters, name, default)
    if not text.isdigit() or int(text) > 65535:
        raise SsmFault("InvalidParameters", f"{name} must be a list with one port number, not {text!r}.")
    return int(text)
