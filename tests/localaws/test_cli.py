"""The command line: start, status, env, logs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest


def test_start_prints_three_lines_and_a_second_start_finds_the_first(own_aws: Any) -> None:
    first = own_aws.run("start").stdout
    assert len(first.splitlines()) == 3
    assert own_aws.endpoint_url in first
    pid = own_aws.status()["pid"]
    assert "already" in own_aws.run("start").stdout
    assert own_aws.status()["pid"] == pid


def test_two_starts_at_once_give_one_server(own_aws: Any) -> None:
    done: list[Any] = []
    threads = [
        threading.Thread(target=lambda: done.append(own_aws.run("start", check=False))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [run.returncode for run in done] == [0, 0, 0], [run.stderr for run in done]
    assert sum("is up" in run.stdout for run in done) == 1
    assert own_aws.client("sts").get_caller_identity()["Account"] == "123456789012"


def test_status_env_and_logs(own_aws: Any) -> None:
    assert own_aws.status()["running"] is False
    assert "localaws start" in own_aws.run("status").stdout
    refused = own_aws.run("env", check=False)
    assert (refused.returncode, "localaws start" in refused.stderr) == (5, True)
    assert "localaws start" in own_aws.run("logs", check=False).stderr
    own_aws.start()
    facts = own_aws.status()
    assert facts["running"]
    assert facts["region"] == "us-east-1"
    assert facts["account_id"] == "123456789012"
    variables = json.loads(own_aws.run("env", "--json").stdout)
    assert variables["AWS_ENDPOINT_URL"] == facts["endpoint_url"]
    line = f"export AWS_ACCESS_KEY_ID={variables['AWS_ACCESS_KEY_ID']}"
    assert line in own_aws.run("env").stdout.splitlines()
    own_aws.client("sts").get_caller_identity()
    assert "serving" in own_aws.run("logs").stdout


def test_a_port_that_is_taken_is_named_and_the_default_moves_on(own_aws: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        refused = own_aws.run("start", "--port", str(port), check=False)
        assert refused.returncode == 3
        assert f"Port {port}" in refused.stderr
        assert "--port" in refused.stderr
        (own_aws.state / "port").write_text(f"{port}\n")
        own_aws.start()
        assert own_aws.status()["endpoint_url"] != f"http://127.0.0.1:{port}"


def test_an_explicit_port_is_used_and_remembered(own_aws: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    own_aws.start("--port", str(port))
    own_aws.stop()
    own_aws.start()
    assert own_aws.status()["endpoint_url"].endswith(f":{port}")
    refused = own_aws.run("start", "--port", str(port + 1), check=False)
    assert "already runs on port" in refused.stderr


@pytest.mark.parametrize("word", ["0", "65536", "http"])
def test_a_port_that_is_none(own_aws: Any, word: str) -> None:
    refused = own_aws.run("start", "--port", word, check=False)
    assert (refused.returncode, "a port is a number" in refused.stderr) == (2, True)


def test_a_state_folder_of_a_newer_version(own_aws: Any) -> None:
    own_aws.state.mkdir(parents=True)
    (own_aws.state / "version").write_text("99\n")
    refused = own_aws.run("start", check=False)
    assert refused.returncode == 2
    assert "format 99" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_sampling_interval_that_is_none(own_aws: Any) -> None:
    refused = own_aws.run("start", check=False, LOCALAWS_SAMPLE_SECONDS="1.5")
    assert refused.returncode != 0
    assert "every '1.5' seconds. Use one of 1, 2" in refused.stderr


def test_a_state_folder_that_cannot_be_made(own_aws: Any) -> None:
    own_aws.state.write_text("a file")
    refused = own_aws.run("start", check=False)
    assert refused.returncode == 2
    assert "--state" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_secrets_are_readable_by_their_owner_only(own_aws: Any) -> None:
    own_aws.start()
    own_aws.client("secretsmanager").create_secret(Name="s", SecretString="x")
    assert own_aws.state.stat().st_mode & 0o077 == 0
    files = [path for path in own_aws.state.rglob("*") if path.is_file()]
    assert [path for path in files if path.stat().st_mode & 0o077] == []


def test_the_state_folder_comes_from_the_environment(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "localaws", "status", "--json"]
    env = os.environ | {"LOCALAWS_STATE": str(tmp_path / "here")}
    facts = json.loads(subprocess.check_output(command, env=env, text=True))
    assert facts["state"] == str(tmp_path / "here")


def test_every_command_explains_itself() -> None:
    for verb in ("start", "stop", "status", "reset", "env", "logs"):
        done = subprocess.run(
            [sys.executable, "-m", "localaws", verb, "--help"], capture_output=True, text=True, check=True
        )
        assert "--state" in done.stdout
