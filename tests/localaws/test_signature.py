"""Who may call: signatures, keys and clocks."""

from __future__ import annotations

import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
import time_machine
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

OTHER = boto3.Session("AKIAABCDEFGHIJKLMNOP", "wrong", region_name="us-east-1")


def refusal(call: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call()
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def wrong_secret(aws: Any) -> boto3.Session:
    owner = aws.session().get_credentials()
    return boto3.Session(owner.access_key, owner.secret_key[::-1], region_name="us-east-1")


@pytest.mark.parametrize(
    ("service", "operation", "expected"),
    [
        ("sts", "get_caller_identity", ("InvalidClientTokenId", 403)),
        ("rds", "describe_db_instances", ("InvalidClientTokenId", 403)),
        ("ec2", "describe_vpcs", ("AuthFailure", 401)),
        ("dynamodb", "list_tables", ("UnrecognizedClientException", 400)),
        ("lambda", "list_functions", ("UnrecognizedClientException", 403)),
        ("s3", "list_buckets", ("InvalidAccessKeyId", 403)),
    ],
)
def test_an_unknown_key_is_refused_as_the_service_does(
    aws: Any, service: str, operation: str, expected: tuple[str, int]
) -> None:
    assert refusal(getattr(aws.client(service, session=OTHER), operation)) == expected


@pytest.mark.parametrize(
    ("service", "operation", "expected"),
    [
        ("sts", "get_caller_identity", ("SignatureDoesNotMatch", 403)),
        ("dynamodb", "list_tables", ("InvalidSignatureException", 400)),
        ("s3", "list_buckets", ("SignatureDoesNotMatch", 403)),
    ],
)
def test_a_wrong_secret_is_refused(aws: Any, service: str, operation: str, expected: tuple[str, int]) -> None:
    assert refusal(getattr(aws.client(service, session=wrong_secret(aws)), operation)) == expected


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_an_hour_off_is_refused(aws: Any, hours: int) -> None:
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=hours)):
        assert refusal(aws.client("sts").get_caller_identity) == ("SignatureDoesNotMatch", 403)
        assert refusal(aws.client("s3").list_buckets) == ("RequestTimeTooSkewed", 403)
        assert refusal(aws.client("dynamodb").list_tables) == ("InvalidSignatureException", 400)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=10)):
        assert aws.client("sts").get_caller_identity()["Account"] == "123456789012"


def test_the_examiner_has_a_key_of_its_own(aws: Any) -> None:
    assert (
        aws.client("sts", session=aws.session("examiner")).get_caller_identity()["Account"] == "123456789012"
    )


def fetch(request: urllib.request.Request | str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_unsigned_requests_are_refused(aws: Any) -> None:
    status, body = fetch(f"{aws.endpoint_url}/bucket/key")
    assert (status, b"<Code>AccessDenied</Code>" in body) == (403, True)
    form = urllib.request.Request(aws.endpoint_url, b"Action=GetCallerIdentity&Version=2011-06-15")
    assert fetch(form)[0] == 403
    assert fetch(f"{aws.endpoint_url}/moto-api/data.json")[0] == 403
    assert fetch(urllib.request.Request(f"{aws.endpoint_url}/moto-api/reset", b""))[0] == 403


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_presigned_urls_of_s3(aws: Any, version: str) -> None:
    s3 = aws.client("s3", config=Config(signature_version=version))
    bucket = f"presigned-{version}"
    aws.client("s3").create_bucket(Bucket=bucket)
    key = {"Bucket": bucket, "Key": "a b/ü+c"}
    put = urllib.request.Request(s3.generate_presigned_url("put_object", Params=key), b"data", method="PUT")
    if version == "s3":
        put.add_header("Content-Type", "")
    assert fetch(put)[0] == 200
    url = s3.generate_presigned_url("get_object", Params=key)
    assert fetch(url) == (200, b"data")
    assert fetch(url.replace("%20b", "%20c"))[0] == 403
    other = aws.client("s3", session=wrong_secret(aws), config=Config(signature_version=version))
    assert fetch(other.generate_presigned_url("get_object", Params=key))[0] == 403
    with time_machine.travel(datetime.now(UTC) - timedelta(hours=2)):
        expired = s3.generate_presigned_url("get_object", Params=key, ExpiresIn=60)
    assert b"Request has expired" in fetch(expired)[1]


def test_presigned_urls_of_other_services(aws: Any) -> None:
    owner = aws.session().get_credentials()
    request = AWSRequest("GET", f"{aws.endpoint_url}/?Action=GetCallerIdentity&Version=2011-06-15")
    SigV4QueryAuth(Credentials(owner.access_key, owner.secret_key), "sts", "us-east-1").add_auth(request)
    status, body = fetch(request.prepare().url)
    assert (status, b"<Account>123456789012</Account>" in body) == (200, True)


def test_a_changed_body_is_refused(aws: Any) -> None:
    owner = aws.session().get_credentials()
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    request = AWSRequest("POST", aws.endpoint_url, data=body, headers=headers)
    SigV4Auth(Credentials(owner.access_key, owner.secret_key), "sts", "us-east-1").add_auth(request)
    sent = dict(request.headers.items())
    assert fetch(urllib.request.Request(aws.endpoint_url, body, sent))[0] == 200
    assert fetch(urllib.request.Request(aws.endpoint_url, body + b"&X=1", sent))[0] == 403


def test_temporary_credentials_of_an_assumed_role(aws: Any) -> None:
    role = "arn:aws:iam::123456789012:role/reader"
    made = aws.client("sts").assume_role(RoleArn=role, RoleSessionName="lesson")["Credentials"]
    session = boto3.Session(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"], "us-east-1")
    arn = aws.client("sts", session=session).get_caller_identity()["Arn"]
    assert arn.endswith("assumed-role/reader/lesson")
    forged = boto3.Session(made["AccessKeyId"], made["SecretAccessKey"], "other", "us-east-1")
    code = ("InvalidClientTokenId", 403)
    assert refusal(aws.client("sts", session=forged).get_caller_identity) == code


def test_access_keys_of_users_work_until_they_are_deactivated(aws: Any) -> None:
    iam = aws.client("iam")
    iam.create_user(UserName="kim")
    key = iam.create_access_key(UserName="kim")["AccessKey"]
    session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name="us-east-1")
    assert aws.client("sts", session=session).get_caller_identity()["Arn"].endswith("user/kim")
    iam.update_access_key(UserName="kim", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    code = ("InvalidClientTokenId", 403)
    assert refusal(aws.client("sts", session=session).get_caller_identity) == code
