"""Run Command: what was sent really runs on the instance, and its end is told as it was."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .conftest import LocalAws, code_of, eventually
from .fix_hosts import Fleet, running

DOCUMENT = "AWS-RunShellScript"


@pytest.fixture(scope="module")
def fleet(aws: LocalAws) -> Fleet:
    found = Fleet(aws)
    found.make_role()
    return found


@pytest.fixture(scope="module")
def host(fleet: Fleet) -> str:
    tags = [{"Key": "Name", "Value": "app"}]
    return fleet.launch(TagSpecifications=[{"ResourceType": "instance", "Tags": tags}])


def send(fleet: Fleet, host: str, *lines: str, **options: Any) -> str:
    request = {"InstanceIds": [host], "Parameters": {"commands": list(lines)}, **options}
    command = fleet.ssm.send_command(DocumentName=DOCUMENT, **request)["Command"]
    assert command["Status"] == "Pending"
    return str(command["CommandId"])


def sleeps(seconds: str) -> Callable[[], bool]:
    return lambda: bool(running(lambda line: line == ["sleep", seconds]))


def test_output_code_and_identity(fleet: Fleet, host: str) -> None:
    source = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
    done = fleet.command(
        host, f'python3 -c "{source}"', "echo $AWS_SSM_INSTANCE_ID", "echo wrong >&2; exit 7"
    )
    assert done["StandardOutputContent"].splitlines() == [
        f"arn:aws:sts::123456789012:assumed-role/hosts/{host}",
        host,
    ]
    assert done["StandardErrorContent"] == "wrong\nfailed to run commands: exit status 7"
    assert (done["Status"], done["StatusDetails"], done["ResponseCode"]) == ("Failed", "Failed", 7)
    assert done["ExecutionStartDateTime"] <= done["ExecutionEndDateTime"]


def test_the_waiter_and_the_lists(fleet: Fleet, host: str) -> None:
    command = send(fleet, host, "echo listed", Comment="look")
    waiter = fleet.ssm.get_waiter("command_executed")
    waiter.config.delay = 0.1
    eventually(lambda: bool(fleet.ssm.list_commands(CommandId=command)["Commands"]))
    waiter.wait(CommandId=command, InstanceId=host)
    [shown] = fleet.ssm.list_commands(CommandId=command)["Commands"]
    assert (shown["Status"], shown["TargetCount"], shown["CompletedCount"], shown["ErrorCount"]) == (
        "Success", 1, 1, 0,
    )  # fmt: skip
    [found] = fleet.ssm.list_command_invocations(CommandId=command, Details=True)["CommandInvocations"]
    assert (found["InstanceName"], found["Comment"]) == ("app", "look")
    assert found["CommandPlugins"][0]["Output"] == "listed\n"
    newest = fleet.ssm.list_commands(InstanceId=host, MaxResults=1)
    assert [each["CommandId"] for each in newest["Commands"]] == [command]


def test_targets_by_tag(fleet: Fleet, host: str) -> None:
    by_tag = {"DocumentName": DOCUMENT, "Parameters": {"commands": ["echo tagged"]}}
    command = fleet.ssm.send_command(Targets=[{"Key": "tag:Name", "Values": ["app"]}], **by_tag)["Command"]
    assert fleet.result(command["CommandId"], host)["StandardOutputContent"] == "tagged\n"
    nobody = fleet.ssm.send_command(Targets=[{"Key": "tag:Name", "Values": ["no"]}], **by_tag)["Command"]
    assert nobody["StatusDetails"] == "NoInstancesInTag"


def test_long_output_is_cut_and_whole_in_s3(fleet: Fleet, host: str) -> None:
    s3 = fleet.aws.client("s3")
    s3.create_bucket(Bucket="outputs")
    command = send(fleet, host, "yes | head -c 30000", OutputS3BucketName="outputs", OutputS3KeyPrefix="ssm")
    done = fleet.result(command, host)
    assert len(done["StandardOutputContent"]) == 24000
    assert done["StandardOutputContent"].endswith("---Output truncated---")
    key = done["StandardOutputUrl"].partition("/outputs/")[2]
    assert key.startswith(f"ssm/{command}/{host}/")
    assert len(s3.get_object(Bucket="outputs", Key=key)["Body"].read()) == 30000


def test_a_command_that_takes_too_long_is_ended(fleet: Fleet, host: str) -> None:
    done = fleet.command(host, "sleep 4201", executionTimeout=["1"])
    assert (done["Status"], done["StatusDetails"]) == ("TimedOut", "ExecutionTimedOut")
    assert not sleeps("4201")()


def test_cancel(fleet: Fleet, host: str) -> None:
    command = send(fleet, host, "sleep 4202")
    eventually(sleeps("4202"))
    fleet.ssm.cancel_command(CommandId=command)
    assert fleet.result(command, host)["Status"] == "Cancelled"
    assert not sleeps("4202")()
    assert fleet.ssm.list_commands(CommandId=command)["Commands"][0]["Status"] == "Cancelled"


def test_what_is_left_in_the_background_lives_until_the_host_stops(fleet: Fleet) -> None:
    name = fleet.launch()
    assert fleet.command(name, "nohup sleep 4203 > /dev/null 2>&1 &")["Status"] == "Success"
    assert sleeps("4203")()
    fleet.ec2.stop_instances(InstanceIds=[name])
    eventually(lambda: not sleeps("4203")())


def test_a_command_ends_with_its_host(fleet: Fleet) -> None:
    name = fleet.launch()
    command = send(fleet, name, "sleep 4204")
    eventually(sleeps("4204"))
    fleet.ec2.terminate_instances(InstanceIds=[name])
    assert fleet.result(command, name)["Status"] == "Failed"


def test_the_working_folder(fleet: Fleet, host: str) -> None:
    assert fleet.command(host, "pwd", workingDirectory=["/"])["StandardOutputContent"] == "/\n"
    assert fleet.command(host, "pwd", workingDirectory=["/nowhere"])["Status"] == "Failed"


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"DocumentName": "AWS-RunEverything"}, "InvalidDocument"),
        ({"Parameters": {}}, "InvalidParameters"),
        ({"Parameters": {"commands": ["true"], "color": ["red"]}}, "InvalidParameters"),
        ({"Parameters": {"commands": ["true"], "executionTimeout": ["soon"]}}, "InvalidParameters"),
        ({"InstanceIds": ["i-0123456789abcdef0"]}, "InvalidInstanceId"),
        ({"Targets": [{"Key": "tag:Name", "Values": ["app"]}]}, "InvalidParameters"),
    ],
)
def test_bad_requests_get_the_codes_of_aws(
    fleet: Fleet, host: str, request_: dict[str, Any], code: str
) -> None:
    good = {"DocumentName": DOCUMENT, "InstanceIds": [host], "Parameters": {"commands": ["true"]}}
    with pytest.raises(ClientError) as caught:
        fleet.ssm.send_command(**(good | request_))
    assert code_of(caught) == code


def test_unknown_commands(fleet: Fleet, host: str) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    with pytest.raises(ClientError) as caught:
        fleet.ssm.get_command_invocation(CommandId=unknown, InstanceId=host)
    assert code_of(caught) == "InvocationDoesNotExist"
    with pytest.raises(ClientError) as caught:
        fleet.ssm.cancel_command(CommandId=unknown)
    assert code_of(caught) == "InvalidCommandId"


def test_a_command_that_was_running_when_the_server_was_killed_has_failed(own_aws: LocalAws) -> None:
    own_aws.start()
    fleet = Fleet(own_aws)
    fleet.make_role()
    host = fleet.launch()
    command = send(fleet, host, "sleep 4205")
    eventually(sleeps("4205"))
    os.kill(own_aws.status()["pid"], signal.SIGKILL)
    eventually(lambda: not sleeps("4205")())
    own_aws.start()
    done = Fleet(own_aws).ssm.get_command_invocation(CommandId=command, InstanceId=host)
    assert done["Status"] == "Failed"
    assert "restarted while the command ran" in done["StandardErrorContent"]
