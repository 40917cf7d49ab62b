"""User data really run: with the instance's role, address, groups and states."""

from __future__ import annotations

import os
import signal

import boto3
import pytest
from botocore.exceptions import ClientError

from localaws.state import StateDir

from .conftest import LocalAws, code_of, eventually
from .fix_hosts import IMAGE, SERVER, Fleet, answers, get, running

ANYBODY = {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


@pytest.fixture(scope="module")
def fleet(aws: LocalAws) -> Fleet:
    found = Fleet(aws)
    found.make_role()
    return found


def test_user_data_runs_with_the_role_and_writes_to_the_console(fleet: Fleet) -> None:
    name = fleet.launch(
        "echo secret: $LOCALAWS_DURABILITY.\n"
        "python3 -c \"import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])\"\nexit 4"
    )
    eventually(lambda: "ended with code" in fleet.console(name))
    assert fleet.console(name).splitlines() == [
        "secret: .",
        f"arn:aws:sts::123456789012:assumed-role/hosts/{name}",
        "[localaws] the user data ended with code 4",
    ]


def test_the_keys_end_with_the_process(fleet: Fleet) -> None:
    name = fleet.launch("echo $AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY $AWS_SESSION_TOKEN; sleep 300")
    eventually(lambda: len(fleet.console(name).split()) == 3)
    key, secret, token = fleet.console(name).split()
    session = boto3.Session(key, secret, token, region_name="us-east-1")
    sts = fleet.aws.client("sts", session=session)
    assert sts.get_caller_identity()["Arn"].endswith(name)
    fleet.ec2.terminate_instances(InstanceIds=[name])
    fleet.reaches(name, "terminated")
    with pytest.raises(ClientError) as caught:
        sts.get_caller_identity()
    assert code_of(caught) == "InvalidClientTokenId"


def test_a_service_is_guarded_by_its_groups(fleet: Fleet) -> None:
    group = fleet.group("web")
    name = fleet.launch(SERVER.format(port=8080), SecurityGroupIds=[group])
    address = fleet.facts(name)["PublicIpAddress"]
    answers(address, 8080, 504)
    assert f"security group {group} has no inbound rule for tcp 8080" in get(address, 8080)[1]
    session = fleet.ssm.start_session(
        Target=name, DocumentName="AWS-StartPortForwardingSession", Parameters={"portNumber": ["8080"]}
    )
    assert get("127.0.0.1", int(session["StreamUrl"].rpartition(":")[2]))[0] == 200
    fleet.admit(group, 8080, **ANYBODY)
    assert get(address, 8080)[0] == 200


def test_hosts_reach_each_other_by_their_groups(fleet: Fleet) -> None:
    server, friends = fleet.group("server"), fleet.group("friends")
    fleet.admit(server, 8081, UserIdGroupPairs=[{"GroupId": friends}])
    web = fleet.launch(SERVER.format(port=8081), SecurityGroupIds=[server])
    address = fleet.facts(web)["PublicIpAddress"]
    answers(address, 8081, 504)
    source = f"import urllib.request as u; print(u.urlopen('http://{address}:8081/').status)"
    friend = fleet.launch(SecurityGroupIds=[friends])
    assert fleet.command(friend, f'python3 -c "{source}"')["StandardOutputContent"] == "200\n"
    stranger = fleet.launch()
    assert "504" in fleet.command(stranger, f'python3 -c "{source}"')["StandardErrorContent"]


def test_stop_start_reboot_and_terminate(fleet: Fleet) -> None:
    group = fleet.group("cycle")
    fleet.admit(group, 8082, **ANYBODY)
    name = fleet.launch(
        f"echo boot >> boots; cat boots; {SERVER.format(port=8082)}", SecurityGroupIds=[group]
    )
    address = fleet.facts(name)["PublicIpAddress"]
    answers(address, 8082, 200)
    fleet.ec2.stop_instances(InstanceIds=[name])
    fleet.reaches(name, "stopped")
    assert get(address, 8082)[0] == 0
    assert "PublicIpAddress" not in fleet.facts(name)
    fleet.ec2.start_instances(InstanceIds=[name])
    fleet.reaches(name, "running")
    answers(fleet.facts(name)["PublicIpAddress"], 8082, 200)
    fleet.ec2.reboot_instances(InstanceIds=[name])
    eventually(lambda: fleet.console(name).count("boot\n") == 3)
    answers(address, 8082, 200)
    fleet.ec2.terminate_instances(InstanceIds=[name])
    fleet.reaches(name, "terminated")
    root = StateDir.open(fleet.aws.state).engines_root
    eventually(lambda: not list(root.glob(f"host-{name}*")))
    eventually(lambda: name not in (fleet.aws.state / "addresses.json").read_text())
    assert get(address, 8082)[0] == 0


def test_who_listens_for_other_machines_is_ended(fleet: Fleet) -> None:
    name = fleet.launch("python3 -m http.server 0 --bind 0.0.0.0")
    eventually(lambda: "ended with code" in fleet.console(name))
    assert "Listen on the address in the variable HOST" in fleet.console(name)


def test_other_user_data_are_kept_and_not_run(fleet: Fleet) -> None:
    name = fleet.launch(UserData="#cloud-config\nruncmd: [echo hello]\n")
    assert fleet.console(name) == ""
    shown = fleet.ec2.describe_instance_attribute(InstanceId=name, Attribute="userData")
    assert shown["UserData"]["Value"].startswith("I2Nsb3Vk")
    with pytest.raises(ClientError) as caught:
        fleet.ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, UserData="#!/bin/sh\n" + "#" * 16384)
    assert code_of(caught) == "InvalidParameterValue"


def test_an_interpreter_that_does_not_exist(fleet: Fleet) -> None:
    name = fleet.launch(UserData="#!/nowhere/bash\necho hello\n")
    eventually(lambda: "No such file" in fleet.console(name))


def test_an_instance_without_a_subnet_stands_in_the_default_one(fleet: Fleet) -> None:
    facts = fleet.facts(fleet.launch())
    [subnet] = fleet.ec2.describe_subnets(SubnetIds=[facts["SubnetId"]])["Subnets"]
    assert subnet["DefaultForAz"]
    assert [group["GroupName"] for group in facts["SecurityGroups"]] == ["default"]
    stopped = facts["InstanceId"]
    fleet.ec2.stop_instances(InstanceIds=[stopped])
    fleet.reaches(stopped, "stopped")
    with pytest.raises(ClientError) as caught:
        fleet.ec2.reboot_instances(InstanceIds=[stopped])
    assert code_of(caught) == "IncorrectInstanceState"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"ImageId": "ami-00000000000000000"}, "InvalidAMIID.NotFound"),
        ({"InstanceType": "t9.huge"}, "InvalidParameterValue"),
        ({"KeyName": "nobody"}, "InvalidKeyPair.NotFound"),
    ],
)
def test_what_does_not_exist_is_refused(fleet: Fleet, options: dict[str, str], code: str) -> None:
    with pytest.raises(ClientError) as caught:
        fleet.ec2.run_instances(**({"ImageId": IMAGE, "MinCount": 1, "MaxCount": 1} | options))
    assert code_of(caught) == code


def test_a_session_to_a_port_where_nothing_listens_says_so(fleet: Fleet) -> None:
    session = fleet.ssm.start_session(
        Target=fleet.launch(),
        DocumentName="AWS-StartPortForwardingSession",
        Parameters={"portNumber": ["8099"]},
    )
    status, reason = get("127.0.0.1", int(session["StreamUrl"].rpartition(":")[2]))
    assert (status, "in the variable HOST" in reason) == (504, True)


def test_an_elastic_address_leads_to_the_host_that_has_it(fleet: Fleet) -> None:
    group = fleet.group("elastic")
    fleet.admit(group, 8084, **ANYBODY)
    name = fleet.launch(SERVER.format(port=8084), SecurityGroupIds=[group])
    elastic = fleet.ec2.allocate_address(Domain="vpc")
    given = fleet.ec2.associate_address(InstanceId=name, AllocationId=elastic["AllocationId"])
    assert fleet.facts(name)["PublicIpAddress"] == elastic["PublicIp"]
    answers(elastic["PublicIp"], 8084, 200)
    fleet.ec2.disassociate_address(AssociationId=given["AssociationId"])
    answers(elastic["PublicIp"], 8084, 0)


def test_a_failed_zone_takes_its_hosts_down(fleet: Fleet) -> None:
    name = fleet.launch("echo up; exec sleep 4711", Placement={"AvailabilityZone": "us-east-1c"})
    eventually(lambda: bool(running(lambda line: line == ["sleep", "4711"])))
    fleet.aws.run("zone", "fail", "us-east-1c")
    fleet.reaches(name, "pending")
    assert not running(lambda line: line == ["sleep", "4711"])
    fleet.aws.run("zone", "restore", "us-east-1c")
    fleet.reaches(name, "running")
    eventually(lambda: bool(running(lambda line: line == ["sleep", "4711"])))


def test_a_killed_server_takes_its_hosts_with_it_and_brings_them_back(own_aws: LocalAws) -> None:
    own_aws.start()
    fleet = Fleet(own_aws)
    fleet.make_role()
    group = fleet.group("web")
    fleet.admit(group, 8083, **ANYBODY)
    name = fleet.launch(SERVER.format(port=8083), SecurityGroupIds=[group])
    address = fleet.facts(name)["PublicIpAddress"]
    answers(address, 8083, 200)
    network = address.rpartition(".")[0]
    os.kill(own_aws.status()["pid"], signal.SIGKILL)
    eventually(lambda: not running(lambda line: "--bind" in line and line[-1].startswith(network)))
    own_aws.start()
    fleet = Fleet(own_aws)
    fleet.reaches(name, "running")
    assert fleet.facts(name)["PublicIpAddress"] == address
    answers(address, 8083, 200)
    own_aws.stop()
    assert not running(lambda line: "--bind" in line and line[-1].startswith(network))
