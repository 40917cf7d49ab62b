"""Port forwarding sessions, through boto3 and a running server."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .conftest import code_of, eventually

REMOTE = "AWS-StartPortForwardingSessionToRemoteHost"


@dataclass
class Fleet:
    """Instances of a test and the clients that manage them."""

    ec2: Any
    iam: Any
    ssm: Any

    def launch(self, *, profile: bool = True) -> str:
        given = {"IamInstanceProfile": {"Name": "hosts"}} if profile else {}
        made = self.ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, **given)
        return str(made["Instances"][0]["InstanceId"])

    def forward(self, target: str, document: str = REMOTE, **parameters: list[str]) -> dict[str, Any]:
        given = {"host": ["db.example.com"], "portNumber": ["5432"], **parameters}
        answer: dict[str, Any] = self.ssm.start_session(
            Target=target, DocumentName=document, Parameters=given
        )
        return answer


@pytest.fixture(scope="module")
def fleet(aws: Any) -> Iterator[Fleet]:
    fleet = Fleet(aws.client("ec2"), aws.client("iam"), aws.client("ssm"))
    fleet.iam.create_instance_profile(InstanceProfileName="hosts")
    yield fleet
    fleet.iam.delete_instance_profile(InstanceProfileName="hosts")


def port_of(session: dict[str, Any]) -> int:
    scheme, _, rest = session["StreamUrl"].partition("://")
    host, _, port = rest.partition(":")
    assert (scheme, host) == ("tcp", "127.0.0.1")
    return int(port)


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def test_a_session_listens_until_it_is_terminated(fleet: Fleet) -> None:
    session = fleet.forward(fleet.launch())
    assert session["TokenValue"]
    assert listens(port_of(session))
    assert fleet.ssm.terminate_session(SessionId=session["SessionId"])["SessionId"] == session["SessionId"]
    assert not listens(port_of(session))
    fleet.ssm.terminate_session(SessionId=session["SessionId"])


def test_the_local_port_is_the_one_that_was_asked_for(fleet: Fleet) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
        with pytest.raises(ClientError, match=f"{port} is taken"):
            fleet.forward(fleet.launch(), localPortNumber=[str(port)])
    session = fleet.forward(fleet.launch(), localPortNumber=[str(port)])
    assert port_of(session) == port
    fleet.ssm.terminate_session(SessionId=session["SessionId"])


def test_open_sessions_are_described_and_resumed(fleet: Fleet) -> None:
    host = fleet.launch()
    session = fleet.forward(host)
    active = fleet.ssm.describe_sessions(State="Active")["Sessions"]
    mine = [each["Status"] for each in active if each["Target"] == host]
    assert mine == ["Connected"]
    again = fleet.ssm.resume_session(SessionId=session["SessionId"])
    assert again["StreamUrl"] == session["StreamUrl"]
    fleet.ssm.terminate_session(SessionId=session["SessionId"])
    with pytest.raises(ClientError) as caught:
        fleet.ssm.resume_session(SessionId=session["SessionId"])
    assert code_of(caught) == "DoesNotExistException"


def test_only_running_hosts_with_a_profile_are_connected(fleet: Fleet) -> None:
    good, without, stopped = fleet.launch(), fleet.launch(profile=False), fleet.launch()
    fleet.ec2.stop_instances(InstanceIds=[stopped])
    for target in (without, stopped, "i-0123456789abcdef0"):
        with pytest.raises(ClientError) as caught:
            fleet.forward(target)
        assert code_of(caught) == "TargetNotConnected"
        assert fleet.ssm.get_connection_status(Target=target)["Status"] == "notconnected"
    assert fleet.ssm.get_connection_status(Target=good)["Status"] == "connected"
    wanted = [{"Key": "InstanceIds", "Values": [good, without, stopped]}]
    [shown] = fleet.ssm.describe_instance_information(Filters=wanted)["InstanceInformationList"]
    assert (shown["InstanceId"], shown["PingStatus"]) == (good, "Online")


def test_a_profile_that_is_associated_later_counts(fleet: Fleet) -> None:
    host = fleet.launch(profile=False)
    fleet.ec2.associate_iam_instance_profile(InstanceId=host, IamInstanceProfile={"Name": "hosts"})
    fleet.ssm.terminate_session(SessionId=fleet.forward(host)["SessionId"])


def test_a_session_ends_with_its_host(fleet: Fleet) -> None:
    host = fleet.launch()
    session = fleet.forward(host)
    fleet.ec2.terminate_instances(InstanceIds=[host])
    eventually(lambda: not listens(port_of(session)))


@pytest.mark.parametrize(
    ("document", "parameters", "code"),
    [
        ("SSM-SessionManagerRunShell", {}, "InvalidDocument"),
        (REMOTE, {"host": []}, "InvalidParameters"),
        (REMOTE, {"portNumber": ["postgres"]}, "InvalidParameters"),
        (REMOTE, {"portNumber": ["70000"]}, "InvalidParameters"),
    ],
)
def test_bad_requests_get_the_codes_of_aws(
    fleet: Fleet, document: str, parameters: dict[str, list[str]], code: str
) -> None:
    with pytest.raises(ClientError) as caught:
        fleet.forward(fleet.launch(), document, **parameters)
    assert code_of(caught) == code


def test_parameters_still_work(fleet: Fleet) -> None:
    fleet.ssm.put_parameter(Name="/shop/host", Value="x", Type="String")
    assert fleet.ssm.get_parameter(Name="/shop/host")["Parameter"]["Value"] == "x"
