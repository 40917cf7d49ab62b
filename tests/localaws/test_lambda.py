"""Functions really run, without Docker, and reach what their place in the network lets them reach."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.localaws.conftest import LocalAws
from tests.localaws.fix_lambda import function, role, zipped
from tests.localaws.fix_rds import PASSWORD, PublicNetwork, available, eventually


def call(aws: LocalAws, name: str, event: Any = None, **options: Any) -> tuple[dict[str, Any], Any]:
    answer = aws.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event or {}), **options)
    return answer, json.loads(answer["Payload"].read() or "null")


def test_event_context_and_log(aws: LocalAws) -> None:
    source = """
import logging, os
logging.getLogger().setLevel("INFO")
def lambda_handler(event, context):
    print("printed")
    logging.getLogger("shop").info("logged")
    return {"event": event, "name": context.function_name, "left": context.get_remaining_time_in_millis(),
            "stage": os.environ["STAGE"], "user": os.environ.get("SUDO_USER_OF_NOBODY")}
"""
    function(aws, "context", source, Timeout=10, Environment={"Variables": {"STAGE": "lab"}})
    answer, payload = call(aws, "context", {"a": 1}, LogType="Tail")
    assert (payload["event"], payload["name"], payload["stage"]) == ({"a": 1}, "context", "lab")
    assert 0 < payload["left"] <= 10000
    assert answer["ExecutedVersion"] == "$LATEST"
    tail = base64.b64decode(answer["LogResult"]).decode()
    assert "printed" in tail
    assert "[INFO]" in tail
    assert "REPORT RequestId" in tail
    events = aws.client("logs").filter_log_events(logGroupName="/aws/lambda/context")["events"]
    assert "printed" in [each["message"] for each in events]


def test_credentials_of_its_role(aws: LocalAws) -> None:
    source = """
import boto3
def lambda_handler(event, context):
    return boto3.client("sts").get_caller_identity()["Arn"]
"""
    function(aws, "identity", source, Timeout=20)
    _, arn = call(aws, "identity")
    assert arn.endswith(":assumed-role/functions/identity")


def test_nothing_of_the_servers_environment_is_handed_on(aws: LocalAws) -> None:
    function(aws, "bare", "import os\ndef lambda_handler(event, context):\n    return sorted(os.environ)\n")
    _, names = call(aws, "bare")
    assert "LOCALAWS_DURABILITY" not in names
    assert "AWS_ENDPOINT_URL" in names


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        (
            "def lambda_handler(e, c):\n    return inner()\ndef inner():\n    raise KeyError('k')",
            "KeyError",
            "'k'",
        ),
        ("import nowhere", "Runtime.ImportModuleError", "No module named 'nowhere'"),
        ("x = 1", "Runtime.HandlerNotFound", "Handler 'lambda_handler' missing"),
        ("def lambda_handler(e, c): return object()", "Runtime.MarshalError", "Unable to marshal"),
        ("import sys\ndef lambda_handler(e, c): sys.exit(3)", "Runtime.ExitError", "exit status 3"),
        ("def lambda_handler(e, c): return len(bytearray(400 << 20))", "Runtime.ExitError", "signal: killed"),
        (
            "import time\ndef lambda_handler(e, c):\n    time.sleep(60)",
            "Sandbox.Timedout",
            "Task timed out after 1.00 seconds",
        ),
    ],
)
def test_errors(aws: LocalAws, source: str, kind: str, message: str) -> None:
    name = f"fails-{abs(hash(source))}"
    function(aws, name, source, Timeout=1)
    answer, payload = call(aws, name)
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert payload["errorType"] == kind
    assert message in payload["errorMessage"]
    if kind == "KeyError":
        assert [line.split("in ")[1].split("\n")[0] for line in payload["stackTrace"]] == [
            "lambda_handler",
            "inner",
        ]


def test_event_invocation_answers_at_once(aws: LocalAws) -> None:
    function(aws, "later", "def lambda_handler(event, context):\n    print('came', event['n'])")
    answer, _ = call(aws, "later", {"n": 7}, InvocationType="Event")
    assert answer["StatusCode"] == 202
    logs = aws.client("logs")
    eventually(
        lambda: [
            each["message"]
            for group in logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/later")["logGroups"]
            for each in logs.filter_log_events(logGroupName=group["logGroupName"])["events"]
        ],
        lambda lines: "came 7" in lines,
    )


def test_new_code_runs_next(aws: LocalAws) -> None:
    function(aws, "updated", "def lambda_handler(event, context): return 1")
    aws.client("lambda").update_function_code(
        FunctionName="updated", ZipFile=zipped("def lambda_handler(event, context): return 2")
    )
    assert call(aws, "updated")[1] == 2


def test_what_cannot_run_says_so(aws: LocalAws) -> None:
    client = aws.client("lambda")
    client.create_function(
        FunctionName="node",
        Runtime="nodejs22.x",
        Role=role(aws),
        Handler="index.handler",
        Code={"ZipFile": zipped("")},
    )
    with pytest.raises(client.exceptions.InvalidRuntimeException):
        client.invoke(FunctionName="node")
    with pytest.raises(ClientError, match="Function not found"):
        client.invoke(FunctionName="nobody")


def test_rotation_functions_of_aws_are_there(aws: LocalAws) -> None:
    client = aws.client("lambda")
    name = "SecretsManagerRDSPostgreSQLRotationSingleUser"
    assert name in [each["FunctionName"] for each in client.list_functions()["Functions"]]
    assert client.get_function(FunctionName=name)["Configuration"]["FunctionArn"].endswith(
        f":function:{name}"
    )
    with pytest.raises(ClientError, match="cannot be deleted"):
        client.delete_function(FunctionName=name)


CONNECTS = """
import psycopg
def lambda_handler(event, context):
    try:
        with psycopg.connect(**event, sslmode="verify-full", connect_timeout=5) as connection:
            return str(connection.execute("SELECT current_user").fetchone()[0])
    except psycopg.Error as error:
        return str(error)
"""


@pytest.mark.engine
def test_place_in_the_vpc_decides_what_is_reached(aws: LocalAws) -> None:
    network = PublicNetwork(aws, "functions")
    rds, ec2, client = aws.client("rds"), aws.client("ec2"), aws.client("lambda")
    groups = [
        ec2.create_security_group(GroupName=name, Description=name, VpcId=network.vpc)["GroupId"]
        for name in ("database", "application", "stranger")
    ]
    database, application, stranger = groups
    pair = [{"GroupId": application}]
    ec2.authorize_security_group_ingress(
        GroupId=database,
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": pair}],
    )
    rds.create_db_instance(
        **network.request("reached", PubliclyAccessible=False, VpcSecurityGroupIds=[database])
    )
    endpoint = available(rds, "reached")["Endpoint"]
    event = {
        "host": endpoint["Address"],
        "port": endpoint["Port"],
        "user": "shop",
        "password": PASSWORD,
        "dbname": "shop",
    }
    subnets = [
        each["SubnetId"]
        for each in ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [network.vpc]}])["Subnets"]
    ]
    function(aws, "connects", CONNECTS, Timeout=20, MemorySize=256)
    assert "is not publicly accessible" in call(aws, "connects", event)[1]
    for group, wanted in (
        (stranger, f"security group {database} has no inbound rule"),
        (application, "shop"),
    ):
        config = {"SubnetIds": subnets, "SecurityGroupIds": [group]}
        client.update_function_configuration(FunctionName="connects", VpcConfig=config)
        assert wanted in call(aws, "connects", event)[1]
    shown = client.get_function_configuration(FunctionName="connects")["VpcConfig"]
    assert shown["VpcId"] == network.vpc
    with pytest.raises(ClientError, match="does not exist"):
        client.update_function_configuration(
            FunctionName="connects", VpcConfig={"SubnetIds": ["subnet-0"], "SecurityGroupIds": [application]}
        )


def test_functions_survive_a_restart(own_aws: LocalAws) -> None:
    own_aws.start()
    function(own_aws, "kept", "def lambda_handler(event, context): return 'here'")
    assert call(own_aws, "kept")[1] == "here"
    own_aws.stop()
    own_aws.start()
    assert call(own_aws, "kept")[1] == "here"
    logs = own_aws.client("logs").describe_log_streams(logGroupName="/aws/lambda/kept")["logStreams"]
    assert len(logs) == 2
