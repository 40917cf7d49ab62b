"""Tasks and services run: processes with their roles, secrets, logs and place in the network."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass, field
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

from localaws.state import StateDir

from .conftest import LocalAws, code_of, eventually
from .fix_hosts import SERVER, answers, running

LOGS = {
    "logDriver": "awslogs",
    "options": {
        "awslogs-group": "/ecs/shop",
        "awslogs-region": "us-east-1",
        "awslogs-stream-prefix": "shop",
        "awslogs-create-group": "true",
    },
}


@dataclass
class Cluster:
    """A cluster, its network, and what is asked of it."""

    aws: LocalAws
    network: dict[str, Any] = field(default_factory=dict)
    role: str = ""
    group: str = ""

    def __post_init__(self) -> None:
        self.ecs, self.ec2, self.iam = (self.aws.client(each) for each in ("ecs", "ec2", "iam"))

    def build(self) -> Cluster:
        """Create the cluster, a role for everything, and a security group."""
        made = self.iam.create_role(RoleName="tasks", AssumeRolePolicyDocument="{}")
        self.role = made["Role"]["Arn"]
        self.ecs.create_cluster(clusterName="shop")
        subnet = self.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
        self.group = self.ec2.create_security_group(GroupName="tasks", Description="tasks")["GroupId"]
        inside = {"subnets": [subnet], "securityGroups": [self.group], "assignPublicIp": "ENABLED"}
        self.network = {"awsvpcConfiguration": inside}
        return self

    def define(self, family: str, *command: str, **container: Any) -> None:
        """Register a task definition with one container."""
        whole = {"name": "app", "image": "python:3.12", "command": list(command), **container}
        self.register(family, [whole])

    def register(self, family: str, containers: list[dict[str, Any]], **options: Any) -> None:
        """Register a task definition."""
        request = {
            "requiresCompatibilities": ["FARGATE"],
            "networkMode": "awsvpc",
            "cpu": "256",
            "memory": "512",
            "taskRoleArn": self.role,
            "executionRoleArn": self.role,
        }
        self.ecs.register_task_definition(
            family=family, containerDefinitions=containers, **(request | options)
        )

    def run(self, family: str, **options: Any) -> str:
        """Start a task and return its ARN."""
        request = {"launchType": "FARGATE", "networkConfiguration": self.network, **options}
        [task] = self.ecs.run_task(cluster="shop", taskDefinition=family, **request)["tasks"]
        assert task["lastStatus"] == "PROVISIONING"
        return str(task["taskArn"])

    def task(self, arn: str) -> dict[str, Any]:
        """Return what ECS says of a task."""
        facts: dict[str, Any] = self.ecs.describe_tasks(cluster="shop", tasks=[arn])["tasks"][0]
        return facts

    def reaches(self, arn: str, status: str) -> dict[str, Any]:
        """Wait until a task has a status."""
        eventually(lambda: bool(self.task(arn)["lastStatus"] == status))
        return self.task(arn)

    def service(self, name: str) -> dict[str, Any]:
        """Return what ECS says of a service."""
        facts: dict[str, Any] = self.ecs.describe_services(cluster="shop", services=[name])["services"][0]
        return facts

    def stable(self, name: str) -> None:
        """Wait until a service has what it wants."""
        waiter = self.ecs.get_waiter("services_stable")
        waiter.wait(cluster="shop", services=[name], WaiterConfig={"Delay": 1, "MaxAttempts": 60})

    def serve(self, name: str, count: int) -> None:
        """Create a service of the task definition of its name."""
        self.ecs.create_service(
            cluster="shop",
            serviceName=name,
            taskDefinition=name,
            desiredCount=count,
            launchType="FARGATE",
            networkConfiguration=self.network,
        )
        self.stable(name)

    def address(self, arn: str) -> str:
        """Return the public address of a task."""
        details = {each["name"]: each["value"] for each in self.task(arn)["attachments"][0]["details"]}
        shown = self.ec2.describe_network_interfaces(NetworkInterfaceIds=[details["networkInterfaceId"]])
        return str(shown["NetworkInterfaces"][0]["Association"]["PublicIp"])


@pytest.fixture(scope="module")
def cluster(aws: LocalAws) -> Cluster:
    return Cluster(aws).build()


def test_a_task_gets_its_environment_secrets_role_and_log(cluster: Cluster) -> None:
    value = json.dumps({"password": "geheim"})
    secret = cluster.aws.client("secretsmanager").create_secret(Name="db", SecretString=value)["ARN"]
    cluster.aws.client("ssm").put_parameter(Name="/shop/stage", Value="lab", Type="SecureString")
    source = (
        "import os, boto3\n"
        "print(*(os.environ[each] for each in ('PASSWORD', 'STAGE', 'COLOR', 'SIZE')))\n"
        "print(boto3.client('sts').get_caller_identity()['Arn'])\n"
        "raise SystemExit(3)"
    )
    cluster.define(
        "once",
        "python3",
        "-c",
        source,
        environment=[{"name": "COLOR", "value": "red"}, {"name": "SIZE", "value": "s"}],
        secrets=[
            {"name": "PASSWORD", "valueFrom": f"{secret}:password::"},
            {"name": "STAGE", "valueFrom": "/shop/stage"},
        ],
        logConfiguration=LOGS,
    )
    override = {"name": "app", "environment": [{"name": "SIZE", "value": "xl"}]}
    arn = cluster.run("once", overrides={"containerOverrides": [override]})
    done = cluster.reaches(arn, "STOPPED")
    assert (done["stopCode"], done["stoppedReason"]) == (
        "EssentialContainerExited",
        "Essential container in task exited",
    )
    assert [each["exitCode"] for each in done["containers"]] == [3]
    name = arn.rpartition("/")[2]
    logs = cluster.aws.client("logs")
    shown = logs.get_log_events(logGroupName="/ecs/shop", logStreamName=f"shop/app/{name}")["events"]
    assert [each["message"] for each in shown] == [
        "geheim lab red xl",
        f"arn:aws:sts::123456789012:assumed-role/tasks/{name}",
    ]


def test_a_task_is_stopped_with_what_it_started(cluster: Cluster) -> None:
    cluster.define("sleeper", "bash", "-c", "sleep 4301 & exec sleep 4302", stopTimeout=2)
    arn = cluster.run("sleeper")
    cluster.reaches(arn, "RUNNING")
    assert cluster.ecs.list_tasks(cluster="shop", family="sleeper")["taskArns"] == [arn]
    cluster.ecs.stop_task(cluster="shop", task=arn, reason="enough")
    done = cluster.reaches(arn, "STOPPED")
    assert (done["stopCode"], done["stoppedReason"]) == ("UserInitiated", "enough")
    assert [each["exitCode"] for each in done["containers"]] == [143]
    assert not running(lambda line: line in (["sleep", "4301"], ["sleep", "4302"]))
    assert cluster.ecs.list_tasks(cluster="shop", family="sleeper")["taskArns"] == []
    root = StateDir.open(cluster.aws.state).engines_root
    eventually(lambda: not list(root.glob(f"host-task-{arn.rpartition('/')[2]}")))


def test_one_container_may_end_and_the_essential_one_ends_all(cluster: Cluster) -> None:
    helper = {"name": "helper", "image": "busybox", "command": ["true"], "essential": False}
    main = {"name": "main", "image": "busybox", "command": ["bash", "-c", "sleep 2; exit 5"]}
    other = {"name": "other", "image": "busybox", "command": ["sleep", "4303"], "essential": False}
    cluster.register("three", [helper, main, other])
    done = cluster.reaches(cluster.run("three"), "STOPPED")
    assert {each["name"]: each["exitCode"] for each in done["containers"]} == {
        "helper": 0,
        "main": 5,
        "other": 143,
    }


@pytest.mark.parametrize(
    ("container", "reason"),
    [
        ({"command": ["nonexistent-program"]}, "CannotStartContainerError: exec: nonexistent-program"),
        ({"command": []}, "CannotPullContainerError"),
        (
            {"secrets": [{"name": "A", "valueFrom": "arn:aws:ssm:us-east-1:123456789012:parameter/no"}]},
            "ResourceInitializationError: unable to pull secrets",
        ),
        (
            {
                "logConfiguration": {
                    "logDriver": "awslogs",
                    "options": {"awslogs-group": "/none", "awslogs-stream-prefix": "x"},
                }
            },
            "The log group /none does not exist",
        ),
    ],
)
def test_a_task_that_cannot_start_says_why(cluster: Cluster, container: dict[str, Any], reason: str) -> None:
    cluster.register("broken", [{"name": "app", "image": "x", "command": ["true"], **container}])
    done = cluster.reaches(cluster.run("broken"), "STOPPED")
    assert done["stopCode"] == "TaskFailedToStart"
    assert reason in done["stoppedReason"]


def test_a_service_is_reached_through_its_group_and_replaces_what_ends(cluster: Cluster) -> None:
    cluster.define("web", "bash", "-c", SERVER.format(port=8090))
    cluster.serve("web", 2)
    arns = cluster.ecs.list_tasks(cluster="shop", serviceName="web")["taskArns"]
    assert len(arns) == 2
    address = cluster.address(arns[0])
    answers(address, 8090, 504)
    permission = {
        "IpProtocol": "tcp",
        "FromPort": 8090,
        "ToPort": 8090,
        "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
    }
    cluster.ec2.authorize_security_group_ingress(GroupId=cluster.group, IpPermissions=[permission])
    answers(address, 8090, 200)
    victim = next(
        each["pid"]
        for each in cluster.aws.status()["engines"]
        if each["name"].startswith(arns[0].rpartition("/")[2])
    )
    psutil.Process(victim).children()[0].kill()
    assert cluster.reaches(arns[0], "STOPPED")["containers"][0]["exitCode"] == 137
    cluster.stable("web")
    assert arns[0] not in cluster.ecs.list_tasks(cluster="shop", serviceName="web")["taskArns"]
    cluster.define("web", "bash", "-c", SERVER.format(port=8091))
    cluster.ecs.update_service(cluster="shop", service="web", taskDefinition="web", desiredCount=1)
    cluster.stable("web")
    shown = cluster.service("web")
    assert shown["taskDefinition"].endswith("web:2")
    assert (shown["runningCount"], shown["pendingCount"], len(shown["deployments"])) == (1, 0, 1)
    cluster.ecs.delete_service(cluster="shop", service="web", force=True)
    eventually(lambda: cluster.ecs.list_tasks(cluster="shop", serviceName="web")["taskArns"] == [])
    eventually(lambda: cluster.service("web")["runningCount"] == 0)
    assert cluster.service("web")["status"] == "INACTIVE"


def test_a_service_whose_tasks_do_not_live_is_slowed_down(cluster: Cluster) -> None:
    cluster.define("crash", "false")
    cluster.ecs.create_service(
        cluster="shop",
        serviceName="crash",
        taskDefinition="crash",
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration=cluster.network,
    )
    told = "(service crash) is unable to consistently start tasks successfully."
    eventually(lambda: told in [each["message"] for each in cluster.service("crash")["events"]])
    cluster.ecs.delete_service(cluster="shop", service="crash", force=True)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"launchType": "EC2"}, "InvalidParameterException"),
        ({"taskDefinition": "unknown"}, "ClientException"),
        ({"cluster": "unknown"}, "ClusterNotFoundException"),
        ({"networkConfiguration": {}}, "InvalidParameterException"),
        (
            {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-0"]}}},
            "InvalidParameterException",
        ),
        ({"overrides": {"containerOverrides": [{"name": "nobody"}]}}, "InvalidParameterException"),
        ({"count": 11}, "InvalidParameterException"),
    ],
)
def test_bad_requests_get_the_codes_of_aws(cluster: Cluster, options: dict[str, Any], code: str) -> None:
    cluster.define("good", "true")
    good = {
        "cluster": "shop",
        "taskDefinition": "good",
        "launchType": "FARGATE",
        "networkConfiguration": cluster.network,
    }
    with pytest.raises(ClientError) as caught:
        cluster.ecs.run_task(**(good | options))
    assert code_of(caught) == code


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cpu": "256", "memory": "4096"}, "No Fargate configuration exists"),
        ({"networkMode": "bridge"}, "only supports network mode"),
    ],
)
def test_definitions_that_fargate_would_not_take(
    cluster: Cluster, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError, match=message) as caught:
        cluster.register("wrong", [{"name": "app", "image": "x"}], **options)
    assert code_of(caught) == "ClientException"


def test_services_that_are_not_run_are_refused(cluster: Cluster) -> None:
    cluster.define("good", "true")
    balancer = {"targetGroupArn": "arn:x", "containerName": "app", "containerPort": 80}
    good = {"cluster": "shop", "serviceName": "no", "taskDefinition": "good", "launchType": "FARGATE"}
    for options in ({"loadBalancers": [balancer]}, {"schedulingStrategy": "DAEMON"}):
        with pytest.raises(ClientError) as caught:
            cluster.ecs.create_service(**good, networkConfiguration=cluster.network, **options)
        assert code_of(caught) == "InvalidParameterException"
    assert cluster.ecs.list_services(cluster="shop")["serviceArns"] == []


def test_a_cluster_in_use_is_not_deleted_and_unknown_tasks_are_missing(cluster: Cluster) -> None:
    cluster.define("stay", "sleep", "4304")
    arn = cluster.run("stay")
    with pytest.raises(ClientError, match="while Tasks are active"):
        cluster.ecs.delete_cluster(cluster="shop")
    cluster.ecs.stop_task(cluster="shop", task=arn)
    cluster.reaches(arn, "STOPPED")
    [failure] = cluster.ecs.describe_tasks(cluster="shop", tasks=["0" * 32])["failures"]
    assert failure["reason"] == "MISSING"


def test_a_killed_server_loses_tasks_and_its_services_get_new_ones(own_aws: LocalAws) -> None:
    own_aws.start()
    cluster = Cluster(own_aws).build()
    cluster.define("kept", "bash", "-c", "echo hello; exec sleep 4305", logConfiguration=LOGS)
    single = cluster.run("kept")
    cluster.reaches(single, "RUNNING")
    cluster.serve("kept", 1)
    os.kill(own_aws.status()["pid"], signal.SIGKILL)
    eventually(lambda: not running(lambda line: line == ["sleep", "4305"]))
    own_aws.start()
    again = Cluster(own_aws)
    lost = again.task(single)
    assert (lost["lastStatus"], lost["stopCode"]) == ("STOPPED", "TerminationNotice")
    again.stable("kept")
    assert len(running(lambda line: line == ["sleep", "4305"])) == 1
    stream = f"shop/app/{single.rpartition('/')[2]}"
    logs = own_aws.client("logs")
    shown = logs.get_log_events(logGroupName="/ecs/shop", logStreamName=stream)["events"]
    assert [each["message"] for each in shown] == ["hello"]
    own_aws.stop()
    assert not running(lambda line: line == ["sleep", "4305"])
