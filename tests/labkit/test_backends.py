"""The three back ends: a real localaws, a stand-in for LocalStack's health page, and stubs for AWS.

Only AWS is stubbed (botocore's Stubber): an account that costs money cannot be had in a test.
"""

from __future__ import annotations

import http.server
import json
import os
import threading
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

import labkit
from labkit import aws, backends, environment
from labkit.banner import banner
from labkit.errors import BackendError, GuardError

from .conftest import Lab

ACCOUNT = "210987654321"


def test_plain_boto3_reaches_the_local_account(local: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    target = labkit.backend()
    assert (target.name, target.region) == ("local", "us-east-1")
    assert target.ca_bundle.is_file()
    assert boto3.client("sts").get_caller_identity()["Account"] == target.account_id
    assert boto3.client("rds").describe_db_instances()["DBInstances"][0]["DBInstanceIdentifier"] == "shop"


def test_a_profile_and_other_endpoints_do_not_lead_elsewhere_and_come_back(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCALAWS_STATE", lab.variables["LOCALAWS_STATE"])
    monkeypatch.setenv("AWS_PROFILE", "work")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    monkeypatch.setenv("AWS_ENDPOINT_URL_RDS", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    backends.choose_backend("local")
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_RDS"} & set(os.environ)
    assert boto3.client("rds").describe_db_instances()["DBInstances"]
    environment.restore()
    assert os.environ["AWS_PROFILE"] == "work"
    assert "AWS_ENDPOINT_URL" not in os.environ


def test_in_grading_the_given_environment_is_kept_and_nothing_starts(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in lab.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LAB_EXAMINER", "http://127.0.0.1:1/token")
    monkeypatch.setenv("LOCALAWS_STATE", str(tmp_path / "nothing-here"))
    before = dict(os.environ)
    assert backends.choose_backend().account_id == "123456789012"
    assert {name: os.environ[name] for name in before} == before
    assert not (tmp_path / "nothing-here" / "server.json").exists()
    with pytest.raises(GuardError, match="graded"):
        labkit.reset()


def test_an_unknown_name_lists_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_BACKEND", "azure")
    with pytest.raises(BackendError, match="local, localstack, aws"):
        labkit.backend()


def test_a_local_aws_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    monkeypatch.setenv("LOCALAWS_STATE", str(tmp_path / "state"))
    with pytest.raises(BackendError, match="localaws"):
        backends.choose_backend("local")
    assert "AWS_ENDPOINT_URL" not in os.environ


def test_localstack_shows_its_version_and_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    health = {"version": "4.14.0", "edition": "community", "services": {"ec2": "available", "s3": "running"}}
    with page(health) as endpoint:
        monkeypatch.setenv("LOCALSTACK_ENDPOINT", endpoint)
        target = backends.choose_backend("localstack")
    shown = repr(banner(target))
    assert "LocalStack 4.14.0" in shown
    assert "no provider for rds, elasticache" in shown
    assert os.environ["AWS_ENDPOINT_URL"] == endpoint
    with pytest.raises(GuardError, match="Restart the LocalStack container"):
        labkit.reset()
    with pytest.raises(BackendError, match="LAB_BACKEND=local"):
        labkit.ca_bundle()


def test_something_else_at_the_address_is_not_localstack(monkeypatch: pytest.MonkeyPatch) -> None:
    with page({"hello": "world"}) as endpoint:
        monkeypatch.setenv("LOCALSTACK_ENDPOINT", endpoint)
        with pytest.raises(BackendError, match="not LocalStack"):
            backends.choose_backend("localstack")


def test_an_unreachable_localstack_says_where_it_was_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALSTACK_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(BackendError, match=r"127\.0\.0\.1:9.*LOCALSTACK_ENDPOINT"):
        backends.choose_backend("localstack")


def test_aws_names_everything_that_is_missing_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    with pytest.raises(BackendError, match=r"unset it; no Region: .*; no credentials: "):
        backends.choose_backend("aws")


def test_aws_shows_the_account_and_refuses_without_a_typed_confirmation(
    stubbed: type[StubbedSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = backends.choose_backend("aws")
    shown = repr(banner(target))
    assert ACCOUNT in shown
    assert "eu-west-1" in shown
    assert f"set LAB_AWS_CONFIRM to this account's id ({ACCOUNT})" in shown
    assert "set LAB_AWS_CEILING_USD" in shown
    with pytest.raises(GuardError, match=r"reset refused.*LAB_AWS_CONFIRM"):
        labkit.reset()


def test_the_guards_open_for_this_account_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plugin = tmp_path / aws.PLUGIN
    plugin.write_text("#!/bin/sh\n")
    plugin.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("LAB_AWS_CEILING_USD", "2.5")
    monkeypatch.setenv("LAB_AWS_CONFIRM", "123456789012")
    assert [guard.met for guard in aws.guards(ACCOUNT)] == [False, True, True]
    monkeypatch.setenv("LAB_AWS_CONFIRM", ACCOUNT)
    assert all(guard.met for guard in aws.guards(ACCOUNT))
    assert "2.50 USD" in aws.guards(ACCOUNT)[1].title


@pytest.mark.parametrize("ceiling", ["", "lots", "0", "-1", "nan", "inf"])
def test_a_ceiling_is_a_positive_amount(monkeypatch: pytest.MonkeyPatch, ceiling: str) -> None:
    monkeypatch.setenv("LAB_AWS_CEILING_USD", ceiling)
    assert not aws.guards(ACCOUNT)[1].met


def test_even_with_the_guards_met_nothing_is_deleted_on_aws(
    stubbed: type[StubbedSession], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    test_the_guards_open_for_this_account_only(monkeypatch, tmp_path)
    backends.choose_backend("aws")
    with pytest.raises(GuardError, match="deletes nothing"):
        labkit.reset()


def test_expired_credentials_are_explained(stubbed: type[StubbedSession]) -> None:
    stubbed.failing = True
    with pytest.raises(BackendError, match=r"ExpiredToken.*aws sso login"):
        backends.choose_backend("aws")


def test_the_rds_bundle_is_fetched_once_and_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name, ensure_exists: tmp_path)
    with page("-----BEGIN CERTIFICATE-----") as endpoint:
        monkeypatch.setattr(aws, "RDS_BUNDLE_URL", endpoint)
        bundle = aws.find_ca_bundle()
    assert "BEGIN CERTIFICATE" in bundle.read_text()
    assert aws.find_ca_bundle() == bundle


def test_a_bundle_that_cannot_be_fetched_says_where_to_put_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name, ensure_exists: tmp_path)
    monkeypatch.setattr(aws, "RDS_BUNDLE_URL", "http://127.0.0.1:9/bundle.pem")
    with pytest.raises(BackendError, match="LAB_RDS_CA"):
        aws.find_ca_bundle()
    monkeypatch.setenv("LAB_RDS_CA", str(tmp_path / "absent.pem"))
    with pytest.raises(BackendError, match="is no file"):
        aws.find_ca_bundle()
    assert list(tmp_path.iterdir()) == []


class StubbedSession(boto3.Session):
    """A session whose STS answers from a stub."""

    failing = False

    def client(self, service_name: Any, *arguments: Any, **options: Any) -> Any:
        client = super().client(service_name, *arguments, **options)
        stub = Stubber(client)
        if self.failing:
            stub.add_client_error("get_caller_identity", "ExpiredToken", "The security token is expired", 403)
        else:
            answer = {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/ada", "UserId": "AIDA"}
            stub.add_response("get_caller_identity", answer)
        stub.activate()
        return client


@pytest.fixture
def stubbed(monkeypatch: pytest.MonkeyPatch) -> type[StubbedSession]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setattr(boto3, "Session", StubbedSession)
    monkeypatch.setattr(StubbedSession, "failing", False)
    return StubbedSession


class page:
    """A web server that answers everything with one JSON document."""

    def __init__(self, document: object) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(document).encode())

            def log_message(self, *words: object) -> None:
                """Keep quiet."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(self, *error: object) -> None:
        self.server.shutdown()
        self.server.server_close()
