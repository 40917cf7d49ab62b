"""SSM port forwarding as on AWS, with a stubbed SSM and a stand-in for AWS's plugin.

Both are stand-ins because an AWS account that costs money cannot be had in a test; the local
tunnel is tested with real servers in test_connection.py.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

import labkit
from labkit import backends
from labkit.errors import TunnelError
from labkit.tunnel import Tunnel

Install = Callable[..., None]

PLUGIN = """\
#!{python}
import http.server, json, os, sys
if sys.argv[1:] == ["--version"]:
    print("{version}")
    raise SystemExit
if {broken}:
    raise SystemExit(3)
variable, region, operation, profile, request, endpoint = sys.argv[1:]
seen = dict(session=json.loads(os.environ[variable]), region=region, operation=operation, endpoint=endpoint)
seen["request"] = json.loads(request)

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(seen).encode())

port = int(seen["request"]["Parameters"]["localPortNumber"][0])
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


def test_the_plugin_gets_what_the_aws_cli_gives_it_and_ends_with_the_tunnel(
    on_aws: type[StubbedSession], plugin: Install
) -> None:
    plugin()
    with labkit.through("i-0abc", "db.example", 5433) as tunnel:
        seen = ask(tunnel)
    assert seen["operation"] == "StartSession"
    assert seen["region"] == "eu-west-1"
    assert seen["session"] == {"SessionId": "ada-1", "TokenValue": "token", "StreamUrl": "wss://ssm"}
    assert seen["request"]["DocumentName"] == "AWS-StartPortForwardingSessionToRemoteHost"
    assert seen["request"]["Parameters"] | {"localPortNumber": []} == {
        "host": ["db.example"],
        "portNumber": ["5433"],
        "localPortNumber": [],
    }
    assert seen["endpoint"] == "https://ssm.eu-west-1.amazonaws.com"
    with pytest.raises(OSError, match="refused"):
        ask(tunnel)
    assert on_aws.terminated == ["ada-1"]


def test_without_the_plugin_no_session_is_started(
    on_aws: type[StubbedSession], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TunnelError, match="not on the PATH: install"):
        labkit.through("i-0abc", "db.example")
    assert on_aws.started == []


def test_an_old_plugin_is_named(on_aws: type[StubbedSession], plugin: Install) -> None:
    plugin(version="1.2.339.0")
    with pytest.raises(TunnelError, match=r"1\.2\.339\.0, older than 1\.2\.497"):
        labkit.through("i-0abc", "db.example")


def test_a_plugin_that_ends_early_is_reported_and_its_session_closed(
    on_aws: type[StubbedSession], plugin: Install
) -> None:
    plugin(broken=True)
    with pytest.raises(TunnelError, match="ended with code 3"):
        labkit.through("i-0abc", "db.example")
    assert on_aws.terminated == ["ada-1"]


def ask(tunnel: Tunnel) -> Any:
    with urllib.request.urlopen(f"http://{tunnel.host}:{tunnel.port}/", timeout=5) as answer:
        return json.load(answer)


class StubbedSession(boto3.Session):
    """A session whose STS and SSM answer from stubs."""

    started: list[str] = []
    terminated: list[str] = []

    def client(self, service_name: Any, *arguments: Any, **options: Any) -> Any:
        client = super().client(service_name, *arguments, **options)
        stub = Stubber(client)
        if service_name == "sts":
            stub.add_response(
                "get_caller_identity", {"Account": "210987654321", "Arn": "arn:aws:iam::1:user/a"}
            )
        else:
            stub.add_response(
                "start_session", {"SessionId": "ada-1", "TokenValue": "token", "StreamUrl": "wss://ssm"}
            )
            stub.add_response("terminate_session", {"SessionId": "ada-1"}, {"SessionId": "ada-1"})
            client.meta.events.register(
                "before-call.ssm.StartSession", lambda **event: self.started.append("ada-1")
            )
            client.meta.events.register(
                "before-parameter-build.ssm.TerminateSession",
                lambda params, **event: self.terminated.append(params["SessionId"]),
            )
        stub.activate()
        return client


@pytest.fixture
def on_aws(monkeypatch: pytest.MonkeyPatch) -> type[StubbedSession]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setattr(boto3, "Session", StubbedSession)
    monkeypatch.setattr(StubbedSession, "started", [])
    monkeypatch.setattr(StubbedSession, "terminated", [])
    backends.choose_backend("aws")
    return StubbedSession


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Install:
    def install(version: str = "1.2.707.0", broken: bool = False) -> None:
        file = tmp_path / "session-manager-plugin"
        file.write_text(PLUGIN.format(python=sys.executable, version=version, broken=broken))
        file.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    return install
