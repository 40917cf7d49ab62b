"""IAM's policies decide, once that is switched on."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from .conftest import LocalAws
from .fix_lambda import function

ACCOUNT = "123456789012"


@pytest.fixture(scope="module")
def enforcing(aws: LocalAws) -> LocalAws:
    aws.run("iam", "enforce", "on")
    return aws


User = Callable[..., boto3.Session]


@pytest.fixture
def user(enforcing: LocalAws, request: pytest.FixtureRequest) -> User:
    """Make an IAM user with an inline policy of these statements, and return a session of its key."""
    iam, name = enforcing.client("iam"), f"user-{abs(hash(request.node.name))}"

    def make(*statements: dict[str, Any]) -> boto3.Session:
        iam.create_user(UserName=name)
        if statements:
            iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy(*statements))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name="us-east-1")

    return make


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any, resource: Any = "*") -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource}


def refusal(call: Callable[..., Any], **asked: Any) -> tuple[str, str, int]:
    with pytest.raises(ClientError) as caught:
        call(**asked)
    answer: Any = caught.value.response
    return answer["Error"]["Code"], answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]


def name_of(session: boto3.Session, aws: LocalAws) -> str:
    return str(aws.client("sts", session=session).get_caller_identity()["Arn"])


def test_nobody_is_refused_until_it_is_switched_on(own_aws: LocalAws) -> None:
    own_aws.start()
    iam = own_aws.client("iam")
    iam.create_user(UserName="anna")
    key = iam.create_access_key(UserName="anna")["AccessKey"]
    anna = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name="us-east-1")
    topics = own_aws.client("sns", session=anna).list_topics
    assert topics()["Topics"] == []
    own_aws.run("iam", "enforce", "on")
    assert refusal(topics)[0] == "AuthorizationError"
    assert own_aws.status()["iam_enforcing"] is True
    own_aws.stop()
    own_aws.start()
    assert refusal(own_aws.client("sns", session=anna).list_topics)[2] == 403
    own_aws.run("iam", "enforce", "off")
    assert own_aws.client("sns", session=anna).list_topics()["Topics"] == []


def test_a_user_without_policies_may_do_nothing_but_ask_who_it_is(enforcing: LocalAws, user: User) -> None:
    session = user()
    arn = name_of(session, enforcing)
    rds = enforcing.client("rds", session=session)
    code, message, status = refusal(rds.delete_db_instance, DBInstanceIdentifier="shop")
    assert (code, status) == ("AccessDenied", 403)
    assert message == (
        f"User: {arn} is not authorized to perform: rds:DeleteDBInstance on resource: "
        f"arn:aws:rds:us-east-1:{ACCOUNT}:db:shop because no identity-based policy allows the "
        "rds:DeleteDBInstance action"
    )
    enforcing.client("rds").describe_db_instances()


@pytest.mark.parametrize(
    ("service", "operation", "asked", "code", "resource"),
    [
        ("dynamodb", "describe_table", {"TableName": "carts"}, "AccessDeniedException", "table/carts"),
        ("dynamodb", "get_item", {"TableName": "t", "Key": {}}, "AccessDeniedException", "table/t"),
        ("secretsmanager", "get_secret_value", {"SecretId": "db"}, "AccessDeniedException", "secret:db"),
        ("s3", "get_object", {"Bucket": "photos", "Key": "a/b"}, "AccessDenied", "arn:aws:s3:::photos/a/b"),
        ("ec2", "terminate_instances", {"InstanceIds": ["i-1"]}, "UnauthorizedOperation", "instance/i-1"),
        ("lambda", "invoke", {"FunctionName": "f"}, "AccessDeniedException", "function:f"),
        ("elasticache", "delete_cache_cluster", {"CacheClusterId": "c"}, "AccessDenied", "cluster:c"),
    ],
)  # fmt: skip
def test_the_refusal_of_each_protocol(
    enforcing: LocalAws, user: User, service: str, operation: str, asked: Any, code: str, resource: str
) -> None:
    client = enforcing.client(service, session=user())
    found, message, _ = refusal(getattr(client, operation), **asked)
    assert found == code
    assert resource in message
    assert "no identity-based policy allows" in message


def test_a_policy_of_aws(enforcing: LocalAws, user: User) -> None:
    session = user()
    name = name_of(session, enforcing).rpartition("/")[2]
    enforcing.client("iam").attach_user_policy(
        UserName=name, PolicyArn="arn:aws:iam::aws:policy/AmazonRDSReadOnlyAccess"
    )
    rds = enforcing.client("rds", session=session)
    assert rds.describe_db_instances()["DBInstances"] == []
    assert refusal(rds.delete_db_instance, DBInstanceIdentifier="shop")[0] == "AccessDenied"


def test_resources_wildcards_and_denials(enforcing: LocalAws, user: User) -> None:
    topic = enforcing.client("sns").create_topic(Name="orders-eu")["TopicArn"]
    other = enforcing.client("sns").create_topic(Name="payments")["TopicArn"]
    session = user(allow("sns:*", "arn:aws:sns:*:*:orders-*"), deny("sns:Delete*"))
    sns = enforcing.client("sns", session=session)
    assert sns.get_topic_attributes(TopicArn=topic)
    assert refusal(sns.get_topic_attributes, TopicArn=other)[0] == "AuthorizationError"
    assert "with an explicit deny in an identity-based policy" in refusal(sns.delete_topic, TopicArn=topic)[1]


def test_conditions_and_variables(enforcing: LocalAws, user: User) -> None:
    session = user(
        allow("sns:ListTopics", Condition={"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}),
        allow("iam:GetUser", "arn:aws:iam::*:user/${aws:username}"),
    )
    here = enforcing.client("sns", session=session)
    assert refusal(here.list_topics)[0] == "AuthorizationError"
    there = enforcing.client("sns", session=session, region_name="eu-west-1")
    assert there.list_topics()["Topics"] == []
    name = name_of(session, enforcing).rpartition("/")[2]
    iam = enforcing.client("iam", session=session)
    assert iam.get_user(UserName=name)["User"]["UserName"] == name
    enforcing.client("iam").create_user(UserName="somebody-else")
    assert refusal(iam.get_user, UserName="somebody-else")[0] == "AccessDenied"


def test_a_group_gives_and_a_boundary_takes(enforcing: LocalAws, user: User) -> None:
    iam, session = enforcing.client("iam"), user()
    name = name_of(session, enforcing).rpartition("/")[2]
    iam.create_group(GroupName="readers")
    iam.put_group_policy(GroupName="readers", PolicyName="p", PolicyDocument=policy(allow("sqs:*")))
    sqs = enforcing.client("sqs", session=session)
    assert refusal(sqs.list_queues)[0].endswith("AccessDeniedException")
    iam.add_user_to_group(GroupName="readers", UserName=name)
    assert "QueueUrls" not in sqs.list_queues()


def test_a_bucket_may_let_in_whom_no_policy_of_its_own_does(enforcing: LocalAws, user: User) -> None:
    session, s3 = user(), enforcing.client("s3")
    s3.create_bucket(Bucket="shared-photos")
    s3.put_object(Bucket="shared-photos", Key="a", Body=b"picture")
    theirs = enforcing.client("s3", session=session)
    assert refusal(theirs.get_object, Bucket="shared-photos", Key="a")[0] == "AccessDenied"
    who = {"AWS": name_of(session, enforcing)}
    document = policy(allow("s3:GetObject", "arn:aws:s3:::shared-photos/*", Principal=who))
    s3.put_bucket_policy(Bucket="shared-photos", Policy=document)
    assert theirs.get_object(Bucket="shared-photos", Key="a")["Body"].read() == b"picture"
    assert refusal(theirs.put_object, Bucket="shared-photos", Key="b", Body=b"")[0] == "AccessDenied"


def test_a_key_policy_that_leaves_the_account_out(enforcing: LocalAws, user: User) -> None:
    session, kms = user(allow("kms:*")), enforcing.client("kms")
    theirs = enforcing.client("kms", session=session)
    open_key = kms.create_key()["KeyMetadata"]["KeyId"]
    assert theirs.encrypt(KeyId=open_key, Plaintext=b"x")["CiphertextBlob"]
    somebody = {"AWS": f"arn:aws:iam::{ACCOUNT}:user/somebody"}
    closed = kms.create_key(Policy=policy(allow("kms:*", Principal=somebody)))["KeyMetadata"]["KeyId"]
    code, message, _ = refusal(theirs.encrypt, KeyId=closed, Plaintext=b"x")
    assert code == "AccessDeniedException"
    assert "no resource-based policy allows the kms:Encrypt action" in message


def test_a_role_trusts_whom_it_names(enforcing: LocalAws, user: User) -> None:
    iam, session = enforcing.client("iam"), user()
    arn = name_of(session, enforcing)
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": arn}}
    role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName="reader", PolicyName="p", PolicyDocument=policy(allow("rds:Describe*")))
    other = {**trust, "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/somebody"}}
    closed = iam.create_role(RoleName="closed", AssumeRolePolicyDocument=policy(other))["Role"]["Arn"]
    sts = enforcing.client("sts", session=session)
    code, message, _ = refusal(sts.assume_role, RoleArn=closed, RoleSessionName="night")
    assert code == "AccessDenied"
    assert message == f"User: {arn} is not authorized to perform: sts:AssumeRole on resource: {closed}"
    got = sts.assume_role(RoleArn=role, RoleSessionName="night")["Credentials"]
    temporary = boto3.Session(
        got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"], region_name="us-east-1"
    )
    rds = enforcing.client("rds", session=temporary)
    assert rds.describe_db_instances()["DBInstances"] == []
    _, message, _ = refusal(rds.delete_db_instance, DBInstanceIdentifier="shop")
    assert message.startswith(f"User: arn:aws:sts::{ACCOUNT}:assumed-role/reader/night is not authorized")


ASKING = """
import boto3
from botocore.exceptions import ClientError

def lambda_handler(event, context):
    try:
        return len(boto3.client("sqs").list_queues(QueueNamePrefix="none").get("QueueUrls", []))
    except ClientError as error:
        return error.response["Error"]["Code"]
"""


def test_a_function_may_what_its_role_may(enforcing: LocalAws) -> None:
    arn = function(enforcing, "asking", ASKING)
    invoke = enforcing.client("lambda").invoke
    assert "AccessDenied" in json.loads(invoke(FunctionName=arn)["Payload"].read())
    enforcing.client("iam").put_role_policy(
        RoleName="functions", PolicyName="queues", PolicyDocument=policy(allow("sqs:ListQueues"))
    )
    assert json.loads(invoke(FunctionName=arn)["Payload"].read()) == 0


def test_the_trail_shows_who_was_refused(enforcing: LocalAws, user: User) -> None:
    session = user()
    refusal(enforcing.client("rds", session=session).delete_db_instance, DBInstanceIdentifier="ledger")
    asked = [{"AttributeKey": "ResourceName", "AttributeValue": "ledger"}]
    [event] = enforcing.client("cloudtrail").lookup_events(LookupAttributes=asked)["Events"]
    record = json.loads(event["CloudTrailEvent"])
    assert record["errorCode"] == "AccessDenied"
    assert "rds:DeleteDBInstance" in record["errorMessage"]
    assert record["userIdentity"]["arn"] == name_of(session, enforcing)


def test_who_asks_about_oneself(enforcing: LocalAws, user: User) -> None:
    own = enforcing.client("iam").get_user()["User"]
    assert (own["UserId"], own["Arn"]) == (ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root")
    assert "UserName" not in own
    session = user(allow("iam:GetUser"))
    found = enforcing.client("iam", session=session).get_user()["User"]
    assert found["Arn"] == name_of(session, enforcing)
    assert found["UserId"].startswith("AIDA")


def test_the_simulator_decides_as_the_call_would(enforcing: LocalAws, user: User) -> None:
    session = user(allow("dynamodb:*", "arn:aws:dynamodb:*:*:table/carts"), deny("dynamodb:DeleteTable"))
    found = enforcing.client("iam").simulate_principal_policy(
        PolicySourceArn=name_of(session, enforcing),
        ActionNames=["dynamodb:GetItem", "dynamodb:DeleteTable"],
        ResourceArns=[f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/{name}" for name in ("carts", "users")],
    )["EvaluationResults"]
    assert [each["EvalDecision"] for each in found] == [
        "allowed",
        "implicitDeny",
        "explicitDeny",
        "explicitDeny",
    ]
    assert [each["SourcePolicyType"] for each in found[0]["MatchedStatements"]] == ["user"]


@pytest.mark.engine
def test_a_token_of_one_who_may_not_connect(enforcing: LocalAws, user: User) -> None:
    psycopg = pytest.importorskip("psycopg")
    owner = enforcing.client("rds")
    owner.create_db_instance(
        DBInstanceIdentifier="tokens",
        Engine="postgres",
        DBInstanceClass="db.t3.micro",
        AllocatedStorage=20,
        MasterUsername="boss",
        MasterUserPassword="long-enough",
        EnableIAMDatabaseAuthentication=True,
        PubliclyAccessible=True,
    )
    owner.get_waiter("db_instance_available").wait(
        DBInstanceIdentifier="tokens", WaiterConfig={"Delay": 1, "MaxAttempts": 100}
    )
    found = owner.describe_db_instances(DBInstanceIdentifier="tokens")["DBInstances"][0]
    ec2 = enforcing.client("ec2")
    ec2.authorize_security_group_ingress(
        GroupId=found["VpcSecurityGroups"][0]["VpcSecurityGroupId"],
        IpProtocol="tcp", FromPort=5432, ToPort=5432, CidrIp="0.0.0.0/0",
    )  # fmt: skip
    host, port = found["Endpoint"]["Address"], found["Endpoint"]["Port"]
    place = {"host": host, "port": port, "dbname": "postgres", "sslmode": "require"}
    with psycopg.connect(**place, user="boss", password="long-enough", autocommit=True) as connection:
        connection.execute("CREATE ROLE app LOGIN")
        connection.execute("GRANT rds_iam TO app")
    session = user()

    def connect() -> Any:
        token = enforcing.client("rds", session=session).generate_db_auth_token(host, port, "app")
        with psycopg.connect(**place, user="app", password=token) as connection:
            return connection.execute("SELECT current_user").fetchone()

    with pytest.raises(psycopg.OperationalError, match="rds-db:connect"):
        connect()
    name = name_of(session, enforcing).rpartition("/")[2]
    arn = f"arn:aws:rds-db:us-east-1:{ACCOUNT}:dbuser:{found['DbiResourceId']}/app"
    document = policy(allow("rds-db:connect", arn))
    enforcing.client("iam").put_user_policy(UserName=name, PolicyName="db", PolicyDocument=document)
    assert connect() == ("app",)
