"""The front door: protocols, request ids, objects, many clients at once."""

from __future__ import annotations

import io
import threading
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError


def code(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return str(caught.value.response["Error"]["Code"])


def test_operations_that_are_not_emulated_answer_in_the_protocol_of_their_service(aws: Any) -> None:
    ec2 = aws.client("ec2").describe_aws_network_performance_metric_subscriptions
    assert code(ec2) == "InvalidAction"
    assert code(aws.client("dynamodb").list_contributor_insights) == "UnknownOperationException"
    assert code(aws.client("lightsail").get_instances) == "UnknownOperationException"
    assert code(aws.client("lambda").get_account_settings) == "UnknownOperationException"


def test_answers_carry_a_request_id(aws: Any) -> None:
    assert len(aws.client("sts").get_caller_identity()["ResponseMetadata"]["RequestId"]) > 10
    with pytest.raises(ClientError) as caught:
        aws.client("secretsmanager").get_secret_value(SecretId="none")
    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_s3_objects_of_any_name_size_and_metadata(aws: Any) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="odd-names")
    for key in ("plain", "a//b", "ü/+ %2F", "x?y=z&w", "t~"):
        s3.put_object(
            Bucket="odd-names", Key=key, Body=key.encode(), Metadata={"under_score": "1", "dash-ed": "2"}
        )
        found = s3.get_object(Bucket="odd-names", Key=key)
        assert (found["Body"].read(), found["Metadata"]) == (
            key.encode(),
            {"under_score": "1", "dash-ed": "2"},
        )
    assert s3.head_object(Bucket="odd-names", Key="plain")["ContentLength"] == 5
    large = bytes(range(256)) * 40_000
    s3.upload_fileobj(io.BytesIO(large), "odd-names", "large")
    assert s3.get_object(Bucket="odd-names", Key="large")["Body"].read() == large
    assert s3.get_object(Bucket="odd-names", Key="large", Range="bytes=1-3")["Body"].read() == b"\x01\x02\x03"
    assert code(s3.get_object, Bucket="odd-names", Key="none") == "NoSuchKey"
    assert code(s3.head_object, Bucket="odd-names", Key="none") == "404"


def test_a_long_poll_blocks_nobody(aws: Any) -> None:
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    got: list[Any] = []
    waiting = threading.Thread(
        target=lambda: got.extend(sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"])
    )
    waiting.start()
    aws.client("sqs").send_message(QueueUrl=url, MessageBody="one")
    waiting.join(timeout=15)
    assert [message["Body"] for message in got] == ["one"]


def test_many_clients_at_once(aws: Any) -> None:
    parameters = aws.client("ssm")
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for step in range(5):
                parameters.put_parameter(Name=f"/many/{number}/{step}", Value="v", Type="String")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    pages = parameters.get_paginator("get_parameters_by_path").paginate(Path="/many", Recursive=True)
    assert sum(len(page["Parameters"]) for page in pages) == 40


def test_keep_alive_does_not_stall(aws: Any) -> None:
    sts = aws.client("sts")
    sts.get_caller_identity()
    times = []
    for _ in range(20):
        began = time.perf_counter()
        sts.get_caller_identity()
        times.append(time.perf_counter() - began)
    # Nagle's algorithm would add 40 ms to every call and a polling server up to half a second.
    assert min(times) < 0.04


def test_the_server_listens_on_the_loopback_address_only(aws: Any) -> None:
    import psutil

    process = psutil.Process(aws.status()["pid"])
    listening = {c.laddr.ip for c in process.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
    assert all(address.startswith("127.") for address in listening)
