"""KMS: keys named by their ARN, their states, and AWS's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.kms.models import kms_backends

from localaws import kms

from .conftest import LocalAws


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


def error(call: Any, **asked: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**asked)
    return str(caught.value.response["Error"]["Code"])


def test_a_disabled_key_encrypts_and_decrypts_nothing(client: Any) -> None:
    key = client.create_key()["KeyMetadata"]["KeyId"]
    client.create_alias(AliasName="alias/shop", TargetKeyId=key)
    hidden = client.encrypt(KeyId="alias/shop", Plaintext=b"card")["CiphertextBlob"]
    client.disable_key(KeyId=key)
    assert error(client.encrypt, KeyId="alias/shop", Plaintext=b"card") == "DisabledException"
    assert error(client.decrypt, CiphertextBlob=hidden) == "DisabledException"
    assert error(client.generate_data_key, KeyId=key, KeySpec="AES_256") == "DisabledException"
    assert error(client.enable_key_rotation, KeyId=key) == "DisabledException"
    client.enable_key(KeyId=key)
    assert client.decrypt(CiphertextBlob=hidden)["Plaintext"] == b"card"


def test_a_key_that_waits_for_its_deletion(client: Any) -> None:
    key = client.create_key()["KeyMetadata"]["KeyId"]
    assert error(client.cancel_key_deletion, KeyId=key) == "KMSInvalidStateException"
    assert error(client.schedule_key_deletion, KeyId=key, PendingWindowInDays=3) == "ValidationException"
    client.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert error(client.encrypt, KeyId=key, Plaintext=b"x") == "KMSInvalidStateException"
    assert error(client.enable_key, KeyId=key) == "KMSInvalidStateException"
    client.cancel_key_deletion(KeyId=key)
    assert client.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"


def test_keys_of_aws_belong_to_aws(client: Any) -> None:
    shown = client.describe_key(KeyId="alias/aws/rds")["KeyMetadata"]
    assert shown["KeyManager"] == "AWS"
    assert error(client.disable_key, KeyId=shown["KeyId"]) == "AccessDeniedException"
    assert error(client.schedule_key_deletion, KeyId=shown["Arn"]) == "AccessDeniedException"
    mine = client.create_key()["KeyMetadata"]["KeyId"]
    assert (
        error(client.create_alias, AliasName="alias/aws/mine", TargetKeyId=mine) == "NotAuthorizedException"
    )
    assert error(client.delete_alias, AliasName="alias/aws/rds") == "NotAuthorizedException"


def test_rotation_and_a_policy_that_is_none(client: Any) -> None:
    key = client.create_key()["KeyMetadata"]["KeyId"]
    hidden = client.encrypt(KeyId=key, Plaintext=b"old")["CiphertextBlob"]
    client.enable_key_rotation(KeyId=key)
    assert client.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is True
    client.rotate_key_on_demand(KeyId=key)
    assert len(client.list_key_rotations(KeyId=key)["Rotations"]) == 1
    assert client.decrypt(CiphertextBlob=hidden)["Plaintext"] == b"old"
    put = client.put_key_policy
    assert error(put, KeyId=key, PolicyName="default", Policy="nope") == "MalformedPolicyDocumentException"


def test_a_secret_under_a_disabled_key_is_not_read(aws: LocalAws) -> None:
    kms, secrets = aws.client("kms"), aws.client("secretsmanager")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    secrets.create_secret(Name="under-a-key", SecretString="s", KmsKeyId=key)
    kms.disable_key(KeyId=key)
    assert error(secrets.get_secret_value, SecretId="under-a-key") == "DecryptionFailure"
    kms.enable_key(KeyId=key)
    assert secrets.get_secret_value(SecretId="under-a-key")["SecretString"] == "s"
