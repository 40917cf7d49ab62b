"""The way in through an EC2 host: SSM port forwarding, on localaws and on AWS."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
import weakref
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from labkit.aws import PLUGIN, PLUGIN_HINT
from labkit.backends import backend
from labkit.errors import TunnelError

_PATIENCE_S = 30.0
_PLUGIN_VERSION = (1, 2, 497)
_RESPONSE_VARIABLE = "AWS_SSM_START_SESSION_RESPONSE"


class Tunnel:
    """An open way through an EC2 host; connect to `host` and `port`, then `close` it (or use `with`)."""

    host = "127.0.0.1"

    def __init__(self, port: int, description: str, release: Callable[[], None]) -> None:
        self.port = port
        self._description = description
        self._finalizer = weakref.finalize(self, release)

    @property
    def closed(self) -> bool:
        """Whether the session has ended."""
        return not self._finalizer.alive

    def close(self) -> None:
        """End the session; closing twice does nothing."""
        self._finalizer()

    def __enter__(self) -> "Tunnel":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{self.host}:{self.port} → {self._description}{' (closed)' if self.closed else ''}"


def through(instance_id: str, host: str | None = None, port: int = 5432) -> Tunnel:
    """Forward a local port through the EC2 host to host:port as seen from there (no host: itself).

    As AWS's “Start a session (port forwarding to remote host)” does. Raises TunnelError with the remedy.
    """
    local_port = _free_port() if backend().name == "aws" else 0
    parameters = {"portNumber": [str(port)], "localPortNumber": [str(local_port)]}
    document = "AWS-StartPortForwardingSession"
    if host is not None:
        parameters["host"] = [host]
        document += "ToRemoteHost"
    request = {"Target": instance_id, "DocumentName": document, "Parameters": parameters}
    ssm = backend().session().client("ssm", config=Config(connect_timeout=5, retries={"max_attempts": 1}))
    version = _require_plugin() if backend().name == "aws" else None
    response = _start(ssm, request)
    description = f"{instance_id} → {host or 'itself'}:{port}"
    if version is None:
        return _local_tunnel(ssm, response, description)
    return _plugin_tunnel(ssm, request, response, local_port, description)


def _start(ssm: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    try:
        response: dict[str, Any] = ssm.start_session(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] == "TargetNotConnected":
            raise TunnelError(
                f"{request['Target']} is not connected to Systems Manager: "
                "it must be running and have an instance profile that allows it "
                "(AmazonSSMManagedInstanceCore)."
            ) from error
        raise TunnelError(f"No session through {request['Target']}: {error}") from error
    except BotoCoreError as error:
        raise TunnelError(f"No session through {request['Target']}: {error}") from error
    return response


def _local_tunnel(ssm: Any, response: Mapping[str, Any], description: str) -> Tunnel:
    stream = urlsplit(response["StreamUrl"])
    if stream.scheme != "tcp" or stream.port is None:
        raise TunnelError(
            f"This back end opens no tunnels (its stream is {response['StreamUrl']}): use LAB_BACKEND=local."
        )
    return Tunnel(stream.port, description, lambda: _terminate(ssm, response["SessionId"]))


def _plugin_tunnel(
    ssm: Any, request: Mapping[str, Any], response: Mapping[str, Any], port: int, description: str
) -> Tunnel:
    session = {name: response[name] for name in ("SessionId", "TokenValue", "StreamUrl")}
    # as AWS CLI does: the token travels in the environment, since a command line is public
    command = [
        PLUGIN,
        _RESPONSE_VARIABLE,
        backend().region,
        "StartSession",
        os.environ.get("AWS_PROFILE", ""),
    ]
    command += [json.dumps(dict(request)), ssm.meta.endpoint_url]
    process = subprocess.Popen(
        command,
        env=os.environ | {_RESPONSE_VARIABLE: json.dumps(session)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    def release() -> None:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _terminate(ssm, response["SessionId"])

    tunnel = Tunnel(port, description, release)
    try:
        _await_port(port, process)
    except TunnelError:
        tunnel.close()
        raise
    return tunnel


def _await_port(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise TunnelError(
                f"{PLUGIN} ended with code {process.returncode} before the port was open: "
                "look at the instance's SSM agent and its way to Systems Manager."
            )
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise TunnelError(
        f"{PLUGIN} opened no port within {_PATIENCE_S:.0f} s: look at the instance's SSM agent."
    )


def _require_plugin() -> tuple[int, ...]:
    if shutil.which(PLUGIN) is None:
        raise TunnelError(f"{PLUGIN} is not on the PATH: {PLUGIN_HINT}.")
    said = subprocess.run(
        [PLUGIN, "--version"], capture_output=True, text=True, timeout=10, check=False
    ).stdout.strip()
    version = tuple(int(part) for part in said.split(".") if part.isdigit())
    if version < _PLUGIN_VERSION:
        needed = ".".join(map(str, _PLUGIN_VERSION))
        raise TunnelError(f"{PLUGIN} is version {said or 'unknown'}, older than {needed}: {PLUGIN_HINT}.")
    return version


def _terminate(ssm: Any, session_id: str) -> None:
    # a session whose server is gone has ended already
    with contextlib.suppress(BotoCoreError, ClientError):
        ssm.terminate_session(SessionId=session_id)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
