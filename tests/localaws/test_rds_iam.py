"""IAM database authentication: tokens of generate_db_auth_token log in over TLS, and nothing else does."""

from __future__ import annotations

import datetime
import json
import socket
import ssl
import struct
from collections.abc import Iterator
from typing import Any

import boto3
import psycopg
import pytest
import time_machine

from .conftest import LocalAws
from .fix_rds import PASSWORD, PublicNetwork, available, connect

pytestmark = pytest.mark.engine

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}


class Shop:
    """An instance with IAM authentication, the user clerk who is a member of rds_iam, and one who is not."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        self.rds = aws.client("rds")
        network = PublicNetwork(aws, "iam-auth")
        self.rds.create_db_instance(**network.request("iam-auth", EnableIAMDatabaseAuthentication=True))
        shown = available(self.rds, "iam-auth")
        self.host, self.port = shown["Endpoint"]["Address"], shown["Endpoint"]["Port"]
        with connect(aws, shown) as master:
            master.execute("CREATE USER clerk")
            master.execute("GRANT rds_iam TO clerk")
            master.execute("CREATE USER plain PASSWORD 'a-plain-password'")

    def token(self, session: boto3.Session | None = None, **changed: Any) -> str:
        signer: Any = (session or self.aws.session()).client("rds")
        asked = {"DBHostname": self.host, "Port": self.port, "DBUsername": "clerk", **changed}
        return str(signer.generate_db_auth_token(**asked))

    def enter(self, token: str, **changed: Any) -> str:
        """Log in with a token and return who one is then."""
        given = {
            "host": self.host,
            "port": self.port,
            "user": "clerk",
            "password": token,
            "dbname": "shop",
            "sslmode": "verify-full",
            "sslrootcert": str(self.aws.state / "ca" / "bundle.pem"),
        }
        with psycopg.connect(**{**given, **changed}) as connection:
            row = connection.execute("SELECT current_user").fetchone()
        assert row
        return str(row[0])

    def refused(self, token: str, **changed: Any) -> str:
        """Fail to log in, and return what the client is told."""
        with pytest.raises(psycopg.OperationalError) as caught:
            self.enter(token, **changed)
        user = changed.get("user", "clerk")
        assert f'PAM authentication failed for user "{user}"' in str(caught.value)
        return str(caught.value)


@pytest.fixture(scope="module")
def shop(aws: LocalAws) -> Iterator[Shop]:
    made = Shop(aws)
    yield made
    made.rds.delete_db_instance(DBInstanceIdentifier="iam-auth", SkipFinalSnapshot=True)


@pytest.mark.parametrize("role", ["owner", "examiner"])
def test_a_token_logs_in(shop: Shop, role: str) -> None:
    assert shop.enter(shop.token(shop.aws.session(role))) == "clerk"


def test_a_token_for_the_aws_name_logs_in_at_that_name(shop: Shop) -> None:
    name = next(
        line.split(":", 1)[1]
        for line in certificate_names(shop)
        if line.startswith("DNS:") and "rds.amazonaws.com" in line
    )
    assert shop.enter(shop.token(DBHostname=name), host=name, hostaddr=shop.host) == "clerk"


def certificate_names(shop: Shop) -> list[str]:
    """The names of the certificate that the endpoint shows."""
    context = ssl.create_default_context(cafile=shop.aws.state / "ca" / "bundle.pem")
    with socket.create_connection((shop.host, shop.port)) as plain:
        plain.sendall(struct.pack("!II", 8, 80877103))
        assert plain.recv(1) == b"S"
        with context.wrap_socket(plain, server_hostname=shop.host) as secure:
            shown: Any = secure.getpeercert()
            return [f"{kind}:{name}" for kind, name in shown["subjectAltName"]]


def test_keys_that_the_account_has_issued_sign_tokens_while_they_last(shop: Shop) -> None:
    iam = shop.aws.client("iam")
    iam.create_user(UserName="clerk")
    key = iam.create_access_key(UserName="clerk")["AccessKey"]
    session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name="us-east-1")
    assert shop.enter(shop.token(session)) == "clerk"
    iam.delete_access_key(UserName="clerk", AccessKeyId=key["AccessKeyId"])
    assert "does not know" in shop.refused(shop.token(session))


def test_an_assumed_role_signs_tokens_and_its_session_token_counts(shop: Shop) -> None:
    made = shop.aws.client("iam").create_role(RoleName="app", AssumeRolePolicyDocument=json.dumps(TRUST))
    sts = shop.aws.client("sts")
    given = sts.assume_role(RoleArn=made["Role"]["Arn"], RoleSessionName="app")["Credentials"]
    pair = (given["AccessKeyId"], given["SecretAccessKey"])
    role = boto3.Session(*pair, given["SessionToken"], region_name="us-east-1")
    assert shop.enter(shop.token(role)) == "clerk"
    assert "does not know" in shop.refused(shop.token(boto3.Session(*pair, region_name="us-east-1")))


def test_a_role_of_another_account_does_not_log_in(shop: Shop) -> None:
    sts = shop.aws.client("sts")
    arn = "arn:aws:iam::210987654321:role/foreign"
    given = sts.assume_role(RoleArn=arn, RoleSessionName="foreign")["Credentials"]
    pair = (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    token = shop.token(boto3.Session(*pair, region_name="us-east-1"))
    assert "does not know" in shop.refused(token)


def test_a_token_lasts_15_minutes(shop: Shop) -> None:
    now = datetime.datetime.now(datetime.UTC)
    with time_machine.travel(now - datetime.timedelta(minutes=14), tick=False):
        young = shop.token()
    with time_machine.travel(now - datetime.timedelta(minutes=16), tick=False):
        old = shop.token()
    assert shop.enter(young) == "clerk"
    assert "expired" in shop.refused(old)
    assert "900 seconds" in shop.refused(old.replace("X-Amz-Expires=900", "X-Amz-Expires=90000"))
    assert "does not match" in shop.refused(old.replace("X-Amz-Expires=900", "X-Amz-Expires=899"))


def test_a_token_is_for_one_user_one_endpoint_and_one_region(shop: Shop) -> None:
    assert "made for the user shop" in shop.refused(shop.token(DBUsername="shop"))
    assert "made for 127.0.0.1:5432" in shop.refused(shop.token(DBHostname="127.0.0.1", Port=5432))
    assert f"made for {shop.host}:5439" in shop.refused(shop.token(Port=5439))
    west = shop.aws.session(region="us-west-2")
    assert "signed for the Region us-west-2" in shop.refused(shop.token(west))
    assert "not one to connect" in shop.refused(shop.token().replace("rds-db", "rds"))


def test_an_altered_token_does_not_log_in(shop: Shop) -> None:
    other = shop.token(DBUsername="plain").replace("DBUser=plain", "DBUser=clerk")
    assert "does not match" in shop.refused(other)
    stranger = boto3.Session("AKIAIOSFODNN7EXAMPLE", "made up", region_name="us-east-1")
    assert "does not know" in shop.refused(shop.token(stranger))


def test_passwords_and_tokens_are_not_mixed_up(shop: Shop) -> None:
    assert "not with a password" in shop.refused("clerk's password")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed for user"):
        shop.enter(shop.token(DBUsername="plain"), user="plain")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed for user"):
        shop.enter(shop.token(DBUsername="shop"), user="shop")
    assert shop.enter("a-plain-password", user="plain") == "plain"
    assert shop.enter(PASSWORD, user="shop") == "shop"


def test_without_tls_a_token_is_not_even_asked_for(shop: Shop) -> None:
    with pytest.raises(psycopg.OperationalError, match=r'pg_hba\.conf .* user "clerk".*no encryption'):
        shop.enter(shop.token(), sslmode="disable")


def test_a_refused_token_stands_in_the_log_of_the_instance(shop: Shop) -> None:
    shop.refused("no token")
    files = shop.rds.describe_db_log_files(DBInstanceIdentifier="iam-auth")["DescribeDBLogFiles"]
    newest = max(files, key=lambda each: each["LastWritten"])["LogFileName"]
    asked = {"DBInstanceIdentifier": "iam-auth", "LogFileName": newest}
    text = shop.rds.download_db_log_file_portion(**asked)["LogFileData"]
    assert 'FATAL:  PAM authentication failed for user "clerk"' in text


def test_iam_authentication_can_be_switched_off_and_on(shop: Shop) -> None:
    change = {"DBInstanceIdentifier": "iam-auth", "ApplyImmediately": True}
    shop.rds.modify_db_instance(**change, EnableIAMDatabaseAuthentication=False)
    available(shop.rds, "iam-auth")
    assert "not enabled" in shop.refused(shop.token())
    shop.rds.modify_db_instance(**change, EnableIAMDatabaseAuthentication=True)
    available(shop.rds, "iam-auth")
    assert shop.enter(shop.token()) == "clerk"
