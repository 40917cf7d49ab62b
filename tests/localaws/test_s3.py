"""S3: the bytes are files, which come and go with their objects, whatever happens to the server."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import os
import signal
import urllib.error
import urllib.request
import zipfile
import zlib
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.localaws.conftest import LocalAws, code_of, eventually

PART = 5 << 20
STREAMED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


@pytest.fixture(scope="module")
def s3(aws: LocalAws) -> Any:
    client = aws.client("s3")
    client.create_bucket(Bucket="shop")
    return client


def files(aws: LocalAws) -> list[Path]:
    return list((aws.state / "objects").glob("*"))


def holding(aws: LocalAws, content: bytes) -> list[Path]:
    found = []
    for file in files(aws):
        # another one may leave at any moment
        with contextlib.suppress(FileNotFoundError):
            found += [file] if file.read_bytes() == content else []
    return found


def large(aws: LocalAws) -> list[Path]:
    found = []
    for file in files(aws):
        with contextlib.suppress(FileNotFoundError):
            found += [file] if file.stat().st_size > PART else []
    return found


def body(s3: Any, key: str, **options: Any) -> bytes:
    found: bytes = s3.get_object(Bucket="shop", Key=key, **options)["Body"].read()
    return found


def test_an_object_is_a_file_that_only_its_owner_reads(aws: LocalAws, s3: Any) -> None:
    s3.put_object(
        Bucket="shop", Key="a/b", Body=b"cheese", Metadata={"kind": "gouda"}, ContentType="text/plain"
    )
    found = s3.get_object(Bucket="shop", Key="a/b")
    assert (found["Body"].read(), found["Metadata"], found["ContentType"]) == (
        b"cheese",
        {"kind": "gouda"},
        "text/plain",
    )
    assert found["ETag"] == f'"{hashlib.md5(b"cheese", usedforsecurity=False).hexdigest()}"'
    [file] = holding(aws, b"cheese")
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("asked", "given"),
    [("bytes=0-2", b"012"), ("bytes=7-", b"789"), ("bytes=-3", b"789"), ("bytes=8-99", b"89")],
)
def test_ranges(s3: Any, asked: str, given: bytes) -> None:
    s3.put_object(Bucket="shop", Key="digits", Body=b"0123456789")
    found = s3.get_object(Bucket="shop", Key="digits", Range=asked)
    assert found["Body"].read() == given
    assert found["ContentLength"] == len(given)
    assert found["ContentRange"].endswith("/10")


def test_a_range_beyond_the_end_is_refused(s3: Any) -> None:
    s3.put_object(Bucket="shop", Key="short", Body=b"0")
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket="shop", Key="short", Range="bytes=5-")
    assert code_of(caught) == "InvalidRange"


def test_a_large_upload_in_parts_is_one_file_and_costs_no_memory(
    aws: LocalAws, s3: Any, tmp_path: Path
) -> None:
    source, back = tmp_path / "source", tmp_path / "back"
    with source.open("wb") as stream:
        for _ in range(80):
            stream.write(os.urandom(1 << 20))
    server = psutil.Process(aws.status()["pid"])
    s3.upload_file(str(source), "shop", "large", Config=TransferConfig(max_concurrency=2))
    s3.download_file("shop", "large", str(back), Config=TransferConfig(max_concurrency=2))
    assert hashlib.sha256(back.read_bytes()).digest() == hashlib.sha256(source.read_bytes()).digest()
    before = server.memory_info().rss
    s3.upload_file(str(source), "shop", "again", Config=TransferConfig(multipart_threshold=1 << 30))
    assert server.memory_info().rss - before < 60 << 20
    size = sum(file.stat().st_size for file in (aws.state / "journal").iterdir())
    assert size < 8 << 20
    eventually(lambda: len(large(aws)) == 2)
    s3.delete_objects(Bucket="shop", Delete={"Objects": [{"Key": "large"}, {"Key": "again"}]})
    eventually(lambda: not large(aws))


def test_parts_have_numbers_sizes_and_checksums(s3: Any) -> None:
    upload = s3.create_multipart_upload(Bucket="shop", Key="parts", ChecksumAlgorithm="SHA256")["UploadId"]
    bodies = [b"a" * PART, b"b" * 10]
    given = []
    for number, content in enumerate(bodies, 1):
        made = s3.upload_part(
            Bucket="shop",
            Key="parts",
            UploadId=upload,
            PartNumber=number,
            Body=content,
            ChecksumAlgorithm="SHA256",
        )
        given.append({"PartNumber": number, "ETag": made["ETag"]})
    assert [part["Size"] for part in s3.list_parts(Bucket="shop", Key="parts", UploadId=upload)["Parts"]] == [
        PART,
        10,
    ]
    done = s3.complete_multipart_upload(
        Bucket="shop", Key="parts", UploadId=upload, MultipartUpload={"Parts": given}
    )
    assert done["ETag"].endswith('-2"')
    assert body(s3, "parts", PartNumber=2) == b"b" * 10
    assert s3.head_object(Bucket="shop", Key="parts", PartNumber=1)["PartsCount"] == 2
    total = hashlib.sha256(b"".join(hashlib.sha256(each).digest() for each in bodies)).digest()
    found = s3.get_object(Bucket="shop", Key="parts", ChecksumMode="ENABLED")
    assert found["ChecksumSHA256"] == f"{base64.b64encode(total).decode()}-2"


def test_an_upload_that_is_wrong_is_refused(s3: Any) -> None:
    upload = s3.create_multipart_upload(Bucket="shop", Key="wrong")["UploadId"]
    parts = [
        {"PartNumber": number, "ETag": made["ETag"]}
        for number in (1, 2)
        for made in [
            s3.upload_part(Bucket="shop", Key="wrong", UploadId=upload, PartNumber=number, Body=b"small")
        ]
    ]
    for given, code in (
        (parts, "EntityTooSmall"),
        ([{"PartNumber": 1, "ETag": '"other"'}], "InvalidPart"),
        (parts[::-1], "InvalidPartOrder"),
    ):
        with pytest.raises(ClientError) as caught:
            s3.complete_multipart_upload(
                Bucket="shop", Key="wrong", UploadId=upload, MultipartUpload={"Parts": given}
            )
        assert code_of(caught) == code
    s3.complete_multipart_upload(
        Bucket="shop", Key="wrong", UploadId=upload, MultipartUpload={"Parts": parts[:1]}
    )
    assert body(s3, "wrong") == b"small"
    with pytest.raises(ClientError) as caught:
        s3.upload_part(Bucket="shop", Key="wrong", UploadId=upload, PartNumber=3, Body=b"late")
    assert code_of(caught) == "NoSuchUpload"


def test_aborted_parts_leave_the_disk(aws: LocalAws, s3: Any) -> None:
    upload = s3.create_multipart_upload(Bucket="shop", Key="aborted")["UploadId"]
    s3.upload_part(Bucket="shop", Key="aborted", UploadId=upload, PartNumber=1, Body=b"aborted part")
    assert holding(aws, b"aborted part")
    s3.abort_multipart_upload(Bucket="shop", Key="aborted", UploadId=upload)
    eventually(lambda: not holding(aws, b"aborted part"))


def test_a_part_may_be_copied_from_a_range(s3: Any) -> None:
    s3.put_object(Bucket="shop", Key="source", Body=b"0123456789")
    upload = s3.create_multipart_upload(Bucket="shop", Key="copied")["UploadId"]
    made = s3.upload_part_copy(
        Bucket="shop",
        Key="copied",
        UploadId=upload,
        PartNumber=1,
        CopySource="shop/source",
        CopySourceRange="bytes=2-4",
    )["CopyPartResult"]
    s3.complete_multipart_upload(
        Bucket="shop",
        Key="copied",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": made["ETag"]}]},
    )
    s3.delete_object(Bucket="shop", Key="source")
    assert body(s3, "copied") == b"234"


def test_what_does_not_match_its_checksum_is_refused_and_not_kept(aws: LocalAws, s3: Any) -> None:
    wrong = base64.b64encode(zlib.crc32(b"other").to_bytes(4, "big")).decode()
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket="shop", Key="broken", Body=b"broken bytes", ChecksumCRC32=wrong)
    assert code_of(caught) == "BadDigest"
    with pytest.raises(ClientError) as caught:
        s3.put_object(
            Bucket="shop", Key="broken", Body=b"broken bytes", ContentMD5="AAAAAAAAAAAAAAAAAAAAAA=="
        )
    assert code_of(caught) == "BadDigest"
    assert not holding(aws, b"broken bytes")
    with pytest.raises(ClientError) as caught:
        s3.head_object(Bucket="shop", Key="broken")
    assert code_of(caught) == "404"


class Streaming(S3SigV4Auth):
    """Signs a request whose body comes in chunks with a trailer, as SDKs do over TLS."""

    def payload(self, request: AWSRequest) -> str:
        return STREAMED


def chunked(aws: LocalAws, key: str, content: bytes, checksum: str) -> int:
    wrapped = b"".join(
        (b"%x\r\n" % len(content), content, b"\r\n0\r\nx-amz-checksum-crc32:", checksum.encode(), b"\r\n\r\n")
    )
    headers = {
        "x-amz-content-sha256": STREAMED,
        "x-amz-trailer": "x-amz-checksum-crc32",
        "x-amz-decoded-content-length": str(len(content)),
        "content-encoding": "aws-chunked",
    }
    request = AWSRequest("PUT", f"{aws.endpoint_url}/shop/{key}", headers, wrapped)
    credentials = aws.session().get_credentials()
    assert credentials
    Streaming(credentials, "s3", "us-east-1").add_auth(request)
    sent = urllib.request.Request(str(request.url), wrapped, dict(request.headers), method="PUT")
    try:
        with urllib.request.urlopen(sent) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.mark.parametrize("content", [b"hello world", b"x" * (2 << 20)], ids=["small", "large"])
def test_chunked_uploads_are_unwrapped(aws: LocalAws, s3: Any, content: bytes) -> None:
    right = base64.b64encode(zlib.crc32(content).to_bytes(4, "big")).decode()
    assert chunked(aws, "chunked", content, right) == 200
    assert body(s3, "chunked") == content
    assert chunked(aws, "chunked", content, "AAAAAA==") == 400


def test_presigned_urls(aws: LocalAws, s3: Any) -> None:
    client = aws.client("s3", config=Config(signature_version="s3v4"))
    put = client.generate_presigned_url("put_object", Params={"Bucket": "shop", "Key": "signed"})
    with urllib.request.urlopen(urllib.request.Request(put, b"signed" * 300_000, method="PUT")) as answer:
        assert answer.status == 200
    get = client.generate_presigned_url("get_object", Params={"Bucket": "shop", "Key": "signed"})
    with urllib.request.urlopen(get) as answer:
        assert answer.read() == b"signed" * 300_000


def test_a_large_upload_with_a_wrong_signature_leaves_nothing(aws: LocalAws, s3: Any) -> None:
    before = set(files(aws))
    stranger = aws.client(
        "s3", session=boto3.Session("AKIAIOSFODNN7EXAMPLE", "x" * 40, region_name="us-east-1")
    )
    with pytest.raises(ClientError) as caught:
        stranger.put_object(Bucket="shop", Key="foreign", Body=b"x" * (3 << 20))
    assert code_of(caught) == "InvalidAccessKeyId"
    assert set(files(aws)) <= before


def test_a_copy_outlives_its_source(aws: LocalAws, s3: Any) -> None:
    s3.put_object(Bucket="shop", Key="original", Body=b"to be copied")
    s3.copy_object(Bucket="shop", Key="copy", CopySource="shop/original")
    s3.delete_object(Bucket="shop", Key="original")
    s3.put_object(Bucket="shop", Key="unrelated", Body=b"goes away")
    s3.delete_object(Bucket="shop", Key="unrelated")
    eventually(lambda: not holding(aws, b"goes away"))
    assert body(s3, "copy") == b"to be copied"


def test_versions_keep_their_bytes_until_they_are_deleted(aws: LocalAws, s3: Any) -> None:
    s3.create_bucket(Bucket="versions")
    s3.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    first, second = (
        s3.put_object(Bucket="versions", Key="k", Body=content)["VersionId"]
        for content in (b"first one", b"second one")
    )
    s3.delete_object(Bucket="versions", Key="k")
    assert s3.get_object(Bucket="versions", Key="k", VersionId=first)["Body"].read() == b"first one"
    s3.delete_object(Bucket="versions", Key="k", VersionId=first)
    eventually(lambda: not holding(aws, b"first one"))
    assert s3.get_object(Bucket="versions", Key="k", VersionId=second)["Body"].read() == b"second one"


def test_after_a_crash_every_answered_object_is_there_and_no_other_file(own_aws: LocalAws) -> None:
    own_aws.start()
    s3 = own_aws.client("s3")
    s3.create_bucket(Bucket="shop")
    for number in range(30):
        s3.put_object(Bucket="shop", Key=f"k{number % 20}", Body=f"value {number}".encode())
    upload = s3.create_multipart_upload(Bucket="shop", Key="half")["UploadId"]
    part = s3.upload_part(Bucket="shop", Key="half", UploadId=upload, PartNumber=1, Body=b"half" * 10)
    # written, and then the server died before the call's record
    (own_aws.state / "objects" / "0123456789abcdef0123456789abcdef").write_bytes(b"orphan")
    os.kill(json.loads((own_aws.state / "server.json").read_text())["pid"], signal.SIGKILL)
    own_aws.start()
    s3 = own_aws.client("s3")
    expected = {f"k{number % 20}": f"value {number}".encode() for number in range(30)}
    assert {key: body(s3, key) for key in expected} == expected
    s3.complete_multipart_upload(
        Bucket="shop",
        Key="half",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )
    assert body(s3, "half") == b"half" * 10
    eventually(lambda: len(files(own_aws)) == 21)


def test_a_function_comes_back_whose_package_was_deleted(own_aws: LocalAws) -> None:
    own_aws.start()
    s3, functions = own_aws.client("s3"), own_aws.client("lambda")
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return 42\n")
    role = own_aws.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    s3.create_bucket(Bucket="code")
    s3.put_object(Bucket="code", Key="app.zip", Body=package.getvalue())
    functions.create_function(
        FunctionName="app",
        Role=role,
        Runtime="python3.12",
        Handler="app.handler",
        Code={"S3Bucket": "code", "S3Key": "app.zip"},
    )
    s3.delete_object(Bucket="code", Key="app.zip")
    eventually(lambda: not files(own_aws))
    os.kill(json.loads((own_aws.state / "server.json").read_text())["pid"], signal.SIGKILL)
    own_aws.start()
    assert own_aws.client("lambda").invoke(FunctionName="app")["Payload"].read() == b"42"


def test_a_bucket_with_objects_is_not_deleted(s3: Any) -> None:
    s3.create_bucket(Bucket="full")
    s3.put_object(Bucket="full", Key="k", Body=b"")
    with pytest.raises(ClientError) as caught:
        s3.delete_bucket(Bucket="full")
    assert code_of(caught) == "BucketNotEmpty"
    s3.delete_object(Bucket="full", Key="k")
    s3.delete_bucket(Bucket="full")
    assert "full" not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]


@pytest.mark.parametrize("name", ["ShopStream", "shop_stream", "-shop", "shop..stream", "192.168.5.4"])
def test_names_that_no_bucket_may_have(aws: LocalAws, name: str) -> None:
    # botocore itself refuses some of these names in the other calls, not in this one
    with pytest.raises(ClientError) as caught:
        aws.client("s3").create_bucket(Bucket=name)
    assert code_of(caught) == "InvalidBucketName"


def test_a_policy_has_to_be_one_of_its_bucket(s3: Any) -> None:
    s3.create_bucket(Bucket="guarded")
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": ["arn:aws:s3:::guarded", "arn:aws:s3:::guarded/AWSLogs/*"],
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    s3.put_bucket_policy(Bucket="guarded", Policy=policy)
    assert s3.get_bucket_policy(Bucket="guarded")["Policy"] == policy
    nobody = {name: value for name, value in statement.items() if name != "Principal"}
    for wrong, reason in (
        ("{'Version':", "valid JSON"),
        ("{}", "Missing required field Statement"),
        (json.dumps({"Statement": [nobody]}), "Missing required field Principal"),
        (json.dumps({"Statement": {**statement, "Resource": "guarded/*"}}), "invalid resource"),
        (json.dumps({"Statement": {**statement, "Resource": "arn:aws:s3:::other/*"}}), "invalid resource"),
        (json.dumps({"Statement": {**statement, "Effect": "Permit"}}), "Invalid effect: Permit"),
    ):
        with pytest.raises(ClientError) as caught:
            s3.put_bucket_policy(Bucket="guarded", Policy=wrong)
        assert code_of(caught) == "MalformedPolicy"
        assert reason in str(caught.value)
    assert s3.get_bucket_policy(Bucket="guarded")["Policy"] == policy
