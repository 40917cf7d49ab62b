"""KMS keys named by their ARN."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.kms.models import kms_backends

from localaws import kms


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr(kms_backends, "backend", kms_backends.backend)
    kms.install()
    with mock_aws():
        kms_backends.reset()
        yield boto3.client("kms", region_name="eu-west-3")
    kms_backends.reset()


@pytest.mark.parametrize("name", ["KeyId", "Arn"])
def test_a_key_is_named_by_id_or_arn(client: Any, name: str) -> None:
    key = client.create_key()["KeyMetadata"][name]

    def state() -> str:
        found: str = client.describe_key(KeyId=key)["KeyMetadata"]["KeyState"]
        return found

    client.disable_key(KeyId=key)
    assert state() == "Disabled"
    client.enable_key(KeyId=key)
    assert state() == "Enabled"
    client.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert state() == "PendingDeletion"
    client.cancel_key_deletion(KeyId=key)
    assert state() == "Disabled"
