"""Rotation really changes the passwords of a real database."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from tests.localaws.conftest import LocalAws
from tests.localaws.fix_lambda import function
from tests.localaws.fix_rds import PASSWORD, PublicNetwork, available, connect, eventually, instance

pytestmark = [pytest.mark.engine, pytest.mark.slow]

SINGLE = "arn:aws:lambda:us-east-1:123456789012:function:SecretsManagerRDSPostgreSQLRotationSingleUser"
MULTI = "arn:aws:lambda:us-east-1:123456789012:function:SecretsManagerRDSPostgreSQLRotationMultiUser"


@pytest.fixture(scope="module")
def network(aws: LocalAws) -> PublicNetwork:
    return PublicNetwork(aws, "rotation")


@pytest.fixture(scope="module")
def shown(aws: LocalAws, network: PublicNetwork) -> dict[str, Any]:
    rds = aws.client("rds")
    rds.create_db_instance(**network.request("rotated"))
    return available(rds, "rotated")


@pytest.fixture
def secrets(aws: LocalAws) -> Any:
    return aws.client("secretsmanager")


def log_in(aws: LocalAws, value: dict[str, Any]) -> psycopg.Connection[Any]:
    return psycopg.connect(
        host=value["host"],
        port=value["port"],
        user=value["username"],
        password=value["password"],
        dbname="shop",
        sslmode="verify-full",
        sslrootcert=str(aws.state / "ca" / "bundle.pem"),
    )


def refused(aws: LocalAws, value: dict[str, Any]) -> bool:
    try:
        log_in(aws, value).close()
    except psycopg.OperationalError as error:
        return "password authentication failed" in str(error)
    return False


def value(secrets: Any, name: str, **which: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(secrets.get_secret_value(SecretId=name, **which)["SecretString"])
    return found


def user_secret(aws: LocalAws, shown: dict[str, Any], name: str, **more: Any) -> dict[str, Any]:
    """A secret of a user of its own, who can log in."""
    with connect(aws, shown) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'first-password'")
    content = {
        "engine": "postgres",
        "host": shown["Endpoint"]["Address"],
        "port": shown["Endpoint"]["Port"],
        "username": name,
        "password": "first-password",
        "dbname": "shop",
        **more,
    }
    aws.client("secretsmanager").create_secret(Name=name, SecretString=json.dumps(content))
    return content


def rotated(secrets: Any, name: str, token: str) -> dict[str, Any]:
    """The secret once a version has become the current one and the rotation is over."""
    found: dict[str, Any] = eventually(
        lambda: secrets.describe_secret(SecretId=name),
        lambda each: "AWSCURRENT" in each["VersionIdsToStages"].get(token, []) and "LastRotatedDate" in each,
    )
    return found


def messages(aws: LocalAws, name: str) -> str:
    events = aws.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    return "\n".join(event["message"] for event in events)


def test_the_old_password_is_refused_and_the_new_one_works(
    aws: LocalAws, shown: dict[str, Any], secrets: Any
) -> None:
    first = user_secret(aws, shown, "single")
    answer = secrets.rotate_secret(
        SecretId="single", RotationLambdaARN=SINGLE, RotationRules={"AutomaticallyAfterDays": 30}
    )
    described = rotated(secrets, "single", answer["VersionId"])
    assert described["RotationEnabled"]
    assert described["NextRotationDate"] > described["LastRotatedDate"]
    assert sorted(map(tuple, described["VersionIdsToStages"].values())) == [("AWSCURRENT",), ("AWSPREVIOUS",)]
    current = value(secrets, "single")
    assert current == first | {"password": current["password"]}
    assert value(secrets, "single", VersionStage="AWSPREVIOUS") == first
    assert refused(aws, first)
    log_in(aws, current).close()
    assert "finishSecret: Successfully set AWSCURRENT" in messages(aws, SINGLE.rpartition(":")[2])


def test_alternating_users_leave_the_former_one_working(
    aws: LocalAws, shown: dict[str, Any], secrets: Any
) -> None:
    master = secrets.create_secret(
        Name="superuser",
        SecretString=json.dumps({"engine": "postgres", "username": "shop", "password": PASSWORD}),
    )["ARN"]
    first = user_secret(aws, shown, "turns", masterarn=master)
    with connect(aws, shown) as connection:
        connection.execute("CREATE TABLE goods (id int); GRANT SELECT ON goods TO turns")
    failures: list[str] = []
    stop = threading.Event()

    def application() -> None:
        while not stop.is_set():
            try:
                with log_in(aws, value(aws.client("secretsmanager"), "turns")) as connection:
                    connection.execute("SELECT * FROM goods")
            except psycopg.Error as error:
                failures.append(str(error))

    thread = threading.Thread(target=application)
    thread.start()
    try:
        answer = secrets.rotate_secret(SecretId="turns", RotationLambdaARN=MULTI)
        rotated(secrets, "turns", answer["VersionId"])
        assert value(secrets, "turns")["username"] == "turns_clone"
        log_in(aws, first).close()
        again = secrets.rotate_secret(SecretId="turns")
        rotated(secrets, "turns", again["VersionId"])
    finally:
        stop.set()
        thread.join()
    assert value(secrets, "turns")["username"] == "turns"
    assert refused(aws, first)
    assert not failures


def test_a_failed_rotation_leaves_the_secret_and_can_be_tried_again(
    aws: LocalAws, shown: dict[str, Any], secrets: Any
) -> None:
    wrong = json.dumps({"engine": "postgres", "username": "shop", "password": "not-the-password"})
    master = secrets.create_secret(Name="wrong-superuser", SecretString=wrong)["ARN"]
    first = user_secret(aws, shown, "failing", masterarn=master)
    token = secrets.rotate_secret(SecretId="failing", RotationLambdaARN=MULTI)["VersionId"]
    name = MULTI.rpartition(":")[2]
    eventually(
        lambda: messages(aws, name), lambda text: "Unable to log into database using credentials in" in text
    )
    described = secrets.describe_secret(SecretId="failing")
    assert described["VersionIdsToStages"][token] == ["AWSPENDING"]
    assert "LastRotatedDate" not in described
    assert value(secrets, "failing") == first
    log_in(aws, first).close()
    secrets.put_secret_value(SecretId=master, SecretString=wrong.replace("not-the-password", PASSWORD))
    with pytest.raises(ClientError, match="A previous rotation isn't complete"):
        secrets.rotate_secret(SecretId="failing")
    rotated(secrets, "failing", token)
    log_in(aws, value(secrets, "failing")).close()


def test_cancelled_rotation_leaves_its_pending_version(
    aws: LocalAws, shown: dict[str, Any], secrets: Any
) -> None:
    user_secret(aws, shown, "cancelled", host="127.0.0.1", port=9)
    token = secrets.rotate_secret(SecretId="cancelled", RotationLambdaARN=SINGLE)["VersionId"]
    name = SINGLE.rpartition(":")[2]
    eventually(lambda: messages(aws, name), lambda text: "nothing listens at 127.0.0.1:9" in text)
    secrets.cancel_rotate_secret(SecretId="cancelled")
    described = secrets.describe_secret(SecretId="cancelled")
    assert not described["RotationEnabled"]
    assert "NextRotationDate" not in described
    assert described["VersionIdsToStages"][token] == ["AWSPENDING"]
    secrets.update_secret_version_stage(
        SecretId="cancelled", VersionStage="AWSPENDING", RemoveFromVersionId=token
    )
    assert token not in secrets.describe_secret(SecretId="cancelled")["VersionIdsToStages"]


def test_only_a_test_when_not_immediately(aws: LocalAws, shown: dict[str, Any], secrets: Any) -> None:
    first = user_secret(aws, shown, "later")
    token = secrets.rotate_secret(
        SecretId="later",
        RotationLambdaARN=SINGLE,
        RotateImmediately=False,
        RotationRules={"ScheduleExpression": "cron(0 3 1 * ? *)", "Duration": "2h"},
    )["VersionId"]
    described = eventually(
        lambda: secrets.describe_secret(SecretId="later"),
        lambda each: token not in each["VersionIdsToStages"],
    )
    assert described["RotationRules"] == {"ScheduleExpression": "cron(0 3 1 * ? *)", "Duration": "2h"}
    assert (described["NextRotationDate"].astimezone().day, "LastRotatedDate" in described) == (1, False)
    assert value(secrets, "later") == first


def test_security_group_that_admits_nobody(aws: LocalAws, shown: dict[str, Any], secrets: Any) -> None:
    user_secret(aws, shown, "closed")
    ec2, rds = aws.client("ec2"), aws.client("rds")
    network_id = shown["DBSubnetGroup"]["VpcId"]
    empty = ec2.create_security_group(GroupName="nobody", Description="-", VpcId=network_id)["GroupId"]
    before = [each["VpcSecurityGroupId"] for each in shown["VpcSecurityGroups"]]
    rds.modify_db_instance(DBInstanceIdentifier="rotated", VpcSecurityGroupIds=[empty])
    try:
        token = secrets.rotate_secret(SecretId="closed", RotationLambdaARN=SINGLE)["VersionId"]
        name = SINGLE.rpartition(":")[2]
        eventually(lambda: messages(aws, name), lambda text: f"security group {empty} lets nothing" in text)
        ec2.authorize_security_group_ingress(
            GroupId=empty,
            IpPermissions=[
                {
                    "IpProtocol": "tcp",
                    "FromPort": 5432,
                    "ToPort": 5432,
                    "UserIdGroupPairs": [{"GroupId": empty}],
                }
            ],
        )
        with pytest.raises(ClientError, match="reattempted"):
            secrets.rotate_secret(SecretId="closed")
        rotated(secrets, "closed", token)
    finally:
        rds.modify_db_instance(DBInstanceIdentifier="rotated", VpcSecurityGroupIds=before)


ROTATOR = """
import json, os
import boto3, psycopg

def lambda_handler(event, context):
    secrets = boto3.client("secretsmanager")
    arn, token, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    current = json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])
    if step == "createSecret":
        current["password"] = secrets.get_random_password(ExcludePunctuation=True)["RandomPassword"]
        secrets.put_secret_value(
            SecretId=arn, ClientRequestToken=token, VersionStages=["AWSPENDING"],
            SecretString=json.dumps(current),
        )
        return
    pending = json.loads(
        secrets.get_secret_value(SecretId=arn, VersionId=token, VersionStage="AWSPENDING")["SecretString"]
    )
    known = pending if step == "testSecret" else current
    if step in ("setSecret", "testSecret"):
        with psycopg.connect(
            host=known["host"], port=known["port"], user=known["username"], password=known["password"],
            dbname=known["dbname"], sslmode="verify-full",
        ) as connection:
            if step == "setSecret":
                connection.execute(f"ALTER ROLE {known['username']} PASSWORD '{pending['password']}'")
    if step == "finishSecret":
        versions = secrets.describe_secret(SecretId=arn)["VersionIdsToStages"]
        former = next(name for name, labels in versions.items() if "AWSCURRENT" in labels)
        secrets.update_secret_version_stage(
            SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=former
        )
"""


def test_a_function_of_the_learners_own(
    aws: LocalAws, network: PublicNetwork, shown: dict[str, Any], secrets: Any
) -> None:
    first = user_secret(aws, shown, "own")
    arn = function(aws, "rotator", ROTATOR, Timeout=30, MemorySize=256)
    with pytest.raises(ClientError, match="function policy grants access"):
        secrets.rotate_secret(SecretId="own", RotationLambdaARN=arn)
    aws.client("lambda").add_permission(
        FunctionName="rotator",
        StatementId="secrets",
        Action="lambda:InvokeFunction",
        Principal="secretsmanager.amazonaws.com",
    )
    token = secrets.rotate_secret(SecretId="own", RotationLambdaARN=arn)["VersionId"]
    rotated(secrets, "own", token)
    assert refused(aws, first)
    log_in(aws, value(secrets, "own")).close()


def test_master_password_that_rds_manages(aws: LocalAws, network: PublicNetwork, secrets: Any) -> None:
    rds = aws.client("rds")
    request = network.request("managed", ManageMasterUserPassword=True)
    del request["MasterUserPassword"]
    rds.create_db_instance(**request)
    shown = available(rds, "managed")
    arn = shown["MasterUserSecret"]["SecretArn"]
    assert shown["MasterUserSecret"]["SecretStatus"] == "active"
    described = secrets.describe_secret(SecretId=arn)
    assert described["Name"].startswith("rds!db-")
    assert described["OwningService"] == "rds"
    assert described["RotationRules"] == {"AutomaticallyAfterDays": 7}
    first = value(secrets, arn)["password"]
    connect(aws, shown, first).close()
    for operation, more in (
        ("delete_secret", {}),
        ("put_secret_value", {"SecretString": "x"}),
        ("update_secret", {"SecretString": "x"}),
    ):
        with pytest.raises(ClientError, match="managed by another service"):
            getattr(secrets, operation)(SecretId=arn, **more)
    rds.modify_db_instance(
        DBInstanceIdentifier="managed", RotateMasterUserPassword=True, ApplyImmediately=True
    )
    second = changed(secrets, arn, first)
    secrets.rotate_secret(SecretId=arn)
    third = changed(secrets, arn, second)
    shown = available(rds, "managed")
    assert shown["MasterUserSecret"]["SecretStatus"] == "active"
    for password in (first, second):
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            connect(aws, shown, password)
    connect(aws, shown, third).close()
    own = {"DBInstanceIdentifier": "managed", "ManageMasterUserPassword": False, "ApplyImmediately": True}
    with pytest.raises(ClientError, match="must specify MasterUserPassword"):
        rds.modify_db_instance(**own)
    rds.modify_db_instance(**own, MasterUserPassword="made-by-hand-1")
    shown = available(rds, "managed")
    assert "MasterUserSecret" not in shown
    connect(aws, shown, "made-by-hand-1").close()
    rds.modify_db_instance(**own | {"ManageMasterUserPassword": True})
    available(rds, "managed")
    deleted = rds.delete_db_instance(DBInstanceIdentifier="managed", SkipFinalSnapshot=True)["DBInstance"]
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        secrets.describe_secret(SecretId=deleted["MasterUserSecret"]["SecretArn"])


def changed(secrets: Any, arn: str, former: str) -> str:
    password: str = eventually(lambda: value(secrets, arn)["password"], lambda found: found != former)
    return password


def kill(aws: LocalAws) -> None:
    pid = json.loads((aws.state / "server.json").read_text())["pid"]
    os.kill(pid, signal.SIGKILL)


@pytest.fixture
def killed(own_aws: LocalAws) -> LocalAws:
    own_aws.start()
    return own_aws


def test_killed_in_the_middle_it_goes_on(killed: LocalAws) -> None:
    rds = killed.client("rds")
    rds.create_db_instance(**PublicNetwork(killed, "killed").request("killed"))
    shown = available(rds, "killed")
    user_secret(killed, shown, "victim")
    for pause in (0.0, 0.02, 0.05, 0.1):
        secrets = killed.client("secretsmanager")
        token = secrets.rotate_secret(SecretId="victim", RotationLambdaARN=SINGLE)["VersionId"]
        time.sleep(pause)
        kill(killed)
        killed.start()
        available(rds, "killed")
        rotated(killed.client("secretsmanager"), "victim", token)
        log_in(killed, value(secrets, "victim")).close()
        assert instance(rds, "killed")["DBInstanceStatus"] == "available"
