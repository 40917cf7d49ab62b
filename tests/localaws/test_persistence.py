"""What was answered outlives the server, however it ends."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest


def build(aws: Any) -> dict[str, Any]:
    """Make one resource of each service of the course; return what must come back."""
    ec2, kms, ddb = aws.client("ec2"), aws.client("kms"), aws.client("dynamodb")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24", AvailabilityZone="us-east-1a")
    group = ec2.create_security_group(GroupName="app", Description="d", VpcId=vpc)["GroupId"]
    permission = {
        "IpProtocol": "tcp",
        "FromPort": 5432,
        "ToPort": 5432,
        "IpRanges": [{"CidrIp": "10.9.0.0/16"}],
    }
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    ec2.create_key_pair(KeyName="door")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    rsa = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    cipher = kms.encrypt(KeyId=key, Plaintext=b"attack at dawn")["CiphertextBlob"]
    signed = kms.sign(KeyId=rsa, Message=b"m", SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256")["Signature"]
    aws.client("secretsmanager").create_secret(Name="shop", SecretString="s3cret")
    ddb.create_table(
        TableName="carts",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    ddb.get_waiter("table_exists").wait(TableName="carts")
    for number in range(5):
        ddb.put_item(TableName="carts", Item={"id": {"S": str(number)}})
    aws.client("s3").create_bucket(Bucket="photos")
    aws.client("s3").put_object(Bucket="photos", Key="a//b c", Body=b"\x00\xff pixels")
    aws.client("ssm").put_parameter(Name="/shop/size", Value="9", Type="String")
    aws.client("iam").create_user(UserName="ann")
    return {"cipher": cipher, "signed": signed, "rsa": rsa}


def look(aws: Any, made: dict[str, Any]) -> dict[str, Any]:
    """Return everything that a user can see of what `build` made."""
    ec2, kms = aws.client("ec2"), aws.client("kms")
    table = aws.client("dynamodb").describe_table(TableName="carts")["Table"]
    photo = aws.client("s3").get_object(Bucket="photos", Key="a//b c")
    algorithm = "RSASSA_PKCS1_V1_5_SHA_256"
    verified = kms.verify(
        KeyId=made["rsa"], Message=b"m", Signature=made["signed"], SigningAlgorithm=algorithm
    )
    secret = aws.client("secretsmanager").get_secret_value(SecretId="shop")
    return {
        "vpcs": ec2.describe_vpcs()["Vpcs"],
        "subnets": ec2.describe_subnets()["Subnets"],
        "groups": ec2.describe_security_groups()["SecurityGroups"],
        "pairs": ec2.describe_key_pairs()["KeyPairs"],
        "elsewhere": aws.client("ec2", region_name="eu-west-1").describe_vpcs()["Vpcs"],
        "plain": kms.decrypt(CiphertextBlob=made["cipher"])["Plaintext"],
        "verified": verified["SignatureValid"],
        "keys": kms.list_keys()["Keys"],
        "secret": (secret["ARN"], secret["VersionId"], secret["SecretString"], secret["CreatedDate"]),
        "table": (table["TableArn"], table["CreationDateTime"], table["ItemCount"]),
        "photo": (photo["Body"].read(), photo["ETag"], photo["LastModified"]),
        "parameter": aws.client("ssm").get_parameter(Name="/shop/size")["Parameter"],
        "user": aws.client("iam").get_user(UserName="ann")["User"],
    }


def kill(aws: Any) -> None:
    os.kill(aws.status()["pid"], signal.SIGKILL)


def test_everything_survives_kill_stop_and_kill_again(own_aws: Any) -> None:
    own_aws.start()
    made = build(own_aws)
    before = look(own_aws, made)
    kill(own_aws)
    own_aws.start()
    assert look(own_aws, made) == before
    own_aws.stop()
    assert not (own_aws.state / "server.json").exists()
    own_aws.start()
    assert look(own_aws, made) == before
    later = own_aws.client("ec2").create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    kill(own_aws)
    own_aws.start()
    after = look(own_aws, made)
    assert [vpc for vpc in after.pop("vpcs") if vpc["VpcId"] != later] == before.pop("vpcs")
    groups = [group for group in after.pop("groups") if group["VpcId"] != later]
    assert groups == before.pop("groups")
    assert after == before


def test_a_call_that_was_half_written_is_dropped(own_aws: Any) -> None:
    own_aws.start()
    own_aws.client("secretsmanager").create_secret(Name="kept", SecretString="x")
    kill(own_aws)
    segment = max((own_aws.state / "journal").glob("*.log"))
    segment.write_bytes(segment.read_bytes() + b"\x00\x00\x10\x00half")
    own_aws.start()
    own_aws.client("secretsmanager").create_secret(Name="next", SecretString="x")
    kill(own_aws)
    own_aws.start()
    names = {secret["Name"] for secret in own_aws.client("secretsmanager").list_secrets()["SecretList"]}
    assert names == {"kept", "next"}


def test_a_refused_call_leaves_no_trace(own_aws: Any) -> None:
    own_aws.start()
    secrets = own_aws.client("secretsmanager")
    secrets.create_secret(Name="one", SecretString="x")
    size = sum(path.stat().st_size for path in (own_aws.state / "journal").glob("*.log"))
    with pytest.raises(secrets.exceptions.ResourceExistsException):
        secrets.create_secret(Name="one", SecretString="x")
    assert sum(path.stat().st_size for path in (own_aws.state / "journal").glob("*.log")) == size


def test_a_long_journal_becomes_a_snapshot(own_aws: Any) -> None:
    own_aws.start()
    parameters = own_aws.client("ssm")
    for number in range(510):
        parameters.put_parameter(Name="/n", Value=str(number), Type="String", Overwrite=True)
        if number % 100 == 99:
            parameters.delete_parameter(Name="/n")
    assert (own_aws.state / "snapshot" / "manifest.json").exists()
    kill(own_aws)
    own_aws.start()
    assert own_aws.client("ssm").get_parameter(Name="/n")["Parameter"]["Value"] == "509"


def test_reset_empties_the_account_but_keeps_keys_and_port(own_aws: Any) -> None:
    own_aws.start()
    own_aws.client("ssm").put_parameter(Name="/n", Value="1", Type="String")
    credentials = (own_aws.state / "credentials.json").read_text()
    endpoint = own_aws.endpoint_url
    own_aws.run("reset")
    assert own_aws.endpoint_url == endpoint
    assert (own_aws.state / "credentials.json").read_text() == credentials
    assert own_aws.client("ssm").describe_parameters()["Parameters"] == []


def test_a_snapshot_that_cannot_be_read_is_named(own_aws: Any) -> None:
    own_aws.start()
    own_aws.client("ssm").put_parameter(Name="/n", Value="1", Type="String")
    own_aws.stop()
    for pickle in (own_aws.state / "snapshot").glob("*.pickle"):
        pickle.write_bytes(b"garbage")
    refused = own_aws.run("start", check=False)
    assert refused.returncode == 7
    assert "localaws reset" in refused.stderr
    own_aws.run("reset")
    own_aws.start()


def test_a_full_disk_refuses_the_change_instead_of_forgetting_it(own_aws: Any) -> None:
    import psutil

    own_aws.start()
    parameters = own_aws.client("ssm")
    parameters.put_parameter(Name="/before", Value="1", Type="String")
    server = psutil.Process(own_aws.status()["pid"])
    if not hasattr(server, "rlimit"):
        pytest.skip("the limit on file sizes that plays the full disk exists on Linux only")
    length = max((own_aws.state / "journal").glob("*.log")).stat().st_size
    server.rlimit(psutil.RLIMIT_FSIZE, (length + 10, -1))
    with pytest.raises(parameters.exceptions.ClientError, match="Make room on the disk"):
        parameters.put_parameter(Name="/lost", Value="1", Type="String")
    server.rlimit(psutil.RLIMIT_FSIZE, (-1, -1))
    parameters.put_parameter(Name="/after", Value="1", Type="String")
    kill(own_aws)
    own_aws.start()
    names = [found["Name"] for found in own_aws.client("ssm").describe_parameters()["Parameters"]]
    assert sorted(names) == ["/after", "/before"]
