"""Secrets Manager keeps AWS's rules about versions, deletion and keys."""

from __future__ import annotations

import contextlib
import json
import os
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from botocore.exceptions import ClientError

from localaws.secretsmanager.schedule import Schedule, ScheduleError
from tests.localaws.conftest import LocalAws
from tests.localaws.fix_lambda import function
from tests.localaws.fix_rds import eventually

SINGLE = "SecretsManagerRDSPostgreSQLRotationSingleUser"


@pytest.fixture
def secrets(aws: LocalAws) -> Any:
    return aws.client("secretsmanager")


@pytest.fixture
def name() -> str:
    return f"shop/{uuid.uuid4()}"


@contextlib.contextmanager
def refused(code: str, words: str = "") -> Iterator[None]:
    with pytest.raises(ClientError) as caught:
        yield
    error = caught.value.response["Error"]
    assert (error["Code"], words in error["Message"]) == (code, True), error


def stages(secrets: Any, name: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = secrets.describe_secret(SecretId=name)["VersionIdsToStages"]
    return found


def test_a_new_value_pushes_the_others_back(secrets: Any, name: str) -> None:
    first = secrets.create_secret(Name=name, SecretString="one")["VersionId"]
    second = secrets.put_secret_value(SecretId=name, SecretString="two")["VersionId"]
    third = secrets.put_secret_value(SecretId=name, SecretString="three")["VersionId"]
    assert stages(secrets, name) == {third: ["AWSCURRENT"], second: ["AWSPREVIOUS"]}
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "three"
    assert secrets.get_secret_value(SecretId=name, VersionStage="AWSPREVIOUS")["SecretString"] == "two"
    assert secrets.get_secret_value(SecretId=name, VersionId=first)["SecretString"] == "one"
    listed = secrets.list_secret_version_ids(SecretId=name)["Versions"]
    assert {each["VersionId"] for each in listed} == {second, third}
    listed = secrets.list_secret_version_ids(SecretId=name, IncludeDeprecated=True)["Versions"]
    assert {each["VersionId"] for each in listed} == {first, second, third}
    with refused("ResourceNotFoundException", "staging label: AWSPENDING"):
        secrets.get_secret_value(SecretId=name, VersionStage="AWSPENDING")


def test_labels_of_ones_own_survive(secrets: Any, name: str) -> None:
    first = secrets.create_secret(Name=name, SecretString="one")["VersionId"]
    secrets.update_secret_version_stage(SecretId=name, VersionStage="GOOD", MoveToVersionId=first)
    second = secrets.put_secret_value(SecretId=name, SecretString="two")["VersionId"]
    assert sorted(stages(secrets, name)[first]) == ["AWSPREVIOUS", "GOOD"]
    with refused("InvalidParameterException", "must explicitly reference that version"):
        secrets.update_secret_version_stage(SecretId=name, VersionStage="GOOD", MoveToVersionId=second)


def test_the_label_decides_what_is_current(secrets: Any, name: str) -> None:
    first = secrets.create_secret(Name=name, SecretString="one")["VersionId"]
    second = secrets.put_secret_value(SecretId=name, SecretString="two")["VersionId"]
    secrets.update_secret_version_stage(
        SecretId=name, VersionStage="AWSCURRENT", RemoveFromVersionId=second, MoveToVersionId=first
    )
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "one"
    assert stages(secrets, name) == {first: ["AWSCURRENT"], second: ["AWSPREVIOUS"]}
    with refused("InvalidParameterException", "can't remove AWSCURRENT"):
        secrets.update_secret_version_stage(
            SecretId=name, VersionStage="AWSCURRENT", RemoveFromVersionId=first
        )


def test_the_same_token_is_the_same_version(secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name, SecretString="one")
    token = str(uuid.uuid4())
    for _ in range(2):
        secrets.put_secret_value(SecretId=name, SecretString="two", ClientRequestToken=token)
    assert stages(secrets, name)[token] == ["AWSCURRENT"]
    with refused("ResourceExistsException", "already in use for a version"):
        secrets.put_secret_value(SecretId=name, SecretString="other", ClientRequestToken=token)


def test_tags_have_keys_and_replicas_regions(secrets: Any, name: str) -> None:
    with refused("InvalidParameterException", "Key"):
        secrets.create_secret(Name=name, SecretString="one", Tags=[{"Value": "alone"}])
    with refused("InvalidParameterException", "Region"):
        secrets.create_secret(
            Name=name, SecretString="one", AddReplicaRegions=[{"KmsKeyId": "alias/aws/rds"}]
        )
    secrets.create_secret(Name=name, SecretString="one")
    with refused("InvalidParameterException", "Key"):
        secrets.tag_resource(SecretId=name, Tags=[{"Value": "alone"}])
    with refused("InvalidParameterException", "Region"):
        secrets.replicate_secret_to_regions(SecretId=name, AddReplicaRegions=[{}])


def test_deletion_has_a_recovery_window(secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name, SecretString="one")
    for days in (6, 31):
        with refused("InvalidParameterException", "between 7 and 30 days"):
            secrets.delete_secret(SecretId=name, RecoveryWindowInDays=days)
    with refused("InvalidParameterException"):
        secrets.delete_secret(SecretId=name, RecoveryWindowInDays=7, ForceDeleteWithoutRecovery=True)
    date = secrets.delete_secret(SecretId=name, RecoveryWindowInDays=7)["DeletionDate"]
    assert timedelta(days=6, hours=23) < date - datetime.now(UTC) <= timedelta(days=7, minutes=1)
    with refused("InvalidRequestException", "marked deleted"):
        secrets.get_secret_value(SecretId=name)
    with refused("InvalidRequestException", "scheduled for deletion"):
        secrets.create_secret(Name=name, SecretString="two")
    secrets.restore_secret(SecretId=name)
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "one"
    secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    with refused("ResourceNotFoundException"):
        secrets.describe_secret(SecretId=name)
    secrets.create_secret(Name=name, SecretString="again")


def test_random_passwords(secrets: Any) -> None:
    made = secrets.get_random_password(PasswordLength=40, ExcludeCharacters="/@\"'\\", IncludeSpace=True)
    password = made["RandomPassword"]
    assert len(password) == 40
    assert not set("/@\"'\\") & set(password)
    assert " " in password
    digits = secrets.get_random_password(
        PasswordLength=8, ExcludeLowercase=True, ExcludeUppercase=True, ExcludePunctuation=True
    )
    assert digits["RandomPassword"].isdigit()
    with refused("ValidationException", "less than or equal to 4096"):
        secrets.get_random_password(PasswordLength=4097)
    with refused("InvalidParameterException", "too short"):
        secrets.get_random_password(PasswordLength=3)


def test_the_key_must_exist_and_be_enabled(aws: LocalAws, secrets: Any, name: str) -> None:
    kms = aws.client("kms")
    with refused("EncryptionFailure", "does not exist"):
        secrets.create_secret(Name=name, SecretString="one", KmsKeyId=str(uuid.uuid4()))
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    secrets.create_secret(Name=name, SecretString="one", KmsKeyId=key)
    kms.disable_key(KeyId=key)
    with refused("DecryptionFailure"):
        secrets.get_secret_value(SecretId=name)
    with refused("EncryptionFailure"):
        secrets.put_secret_value(SecretId=name, SecretString="two")
    kms.enable_key(KeyId=key)
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "one"


def test_what_rotation_refuses(aws: LocalAws, secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name, SecretString="one")
    with refused("InvalidRequestException", "doesn't already have a Lambda function ARN"):
        secrets.rotate_secret(SecretId=name)
    with refused("ResourceNotFoundException"):
        secrets.rotate_secret(SecretId=name, RotationLambdaARN=f"{SINGLE}Nowhere")
    arn = function(aws, "unknown-to-secrets", "")
    with refused("AccessDeniedException", "secretsmanager.amazonaws.com"):
        secrets.rotate_secret(SecretId=name, RotationLambdaARN=arn)
    for rules in (
        {"AutomaticallyAfterDays": 1, "ScheduleExpression": "rate(1 days)"},
        {"ScheduleExpression": "rate(1 hours)"},
        {"ScheduleExpression": "cron(5 3 * * ? *)"},
        {"AutomaticallyAfterDays": 1, "Duration": "25h"},
    ):
        with refused("InvalidParameterException"):
            secrets.rotate_secret(SecretId=name, RotationLambdaARN=SINGLE, RotationRules=rules)


@pytest.mark.parametrize(
    ("expression", "following"),
    [
        ("rate(4 hours)", "2026-02-10T14:30"),
        ("rate(10 days)", "2026-02-20T10:30"),
        ("cron(0 8 * * ? *)", "2026-02-11T08:00"),
        ("cron(0 /6 * * ? *)", "2026-02-10T12:00"),
        ("cron(0 8 1 * ? *)", "2026-03-01T08:00"),
        ("cron(0 0 L * ? *)", "2026-02-28T00:00"),
        ("cron(0 16 ? * SAT,SUN *)", "2026-02-14T16:00"),
        ("cron(0 1 ? * 2#1 *)", "2026-03-02T01:00"),
        ("cron(0 1 ? 6-8 6L *)", "2026-06-26T01:00"),
    ],
)
def test_schedule(expression: str, following: str) -> None:
    moment = datetime(2026, 2, 10, 10, 30, tzinfo=UTC)
    found = datetime.fromtimestamp(Schedule(expression).following(moment.timestamp()), UTC)
    assert found.strftime("%Y-%m-%dT%H:%M") == following


@pytest.mark.parametrize("expression", ["", "rate(1000 days)", "cron(0 25 * * ? *)", "cron(0 1 1 * 1 *)"])
def test_schedule_that_is_none(expression: str) -> None:
    with pytest.raises(ScheduleError):
        Schedule(expression).following(time.time())


MOVER = """
import boto3
def lambda_handler(event, context):
    secrets, arn, token = boto3.client("secretsmanager"), event["SecretId"], event["ClientRequestToken"]
    if event["Step"] == "createSecret":
        secrets.put_secret_value(
            SecretId=arn, ClientRequestToken=token, SecretString="made", VersionStages=["AWSPENDING"]
        )
    if event["Step"] == "finishSecret":
        versions = secrets.describe_secret(SecretId=arn)["VersionIdsToStages"]
        former = next(name for name, labels in versions.items() if "AWSCURRENT" in labels)
        secrets.update_secret_version_stage(
            SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=former
        )
"""


@pytest.mark.slow
def test_the_schedule_fires_when_it_is_due(own_aws: LocalAws, tmp_path: Path) -> None:
    """Two days later: a rotation is due, and a recovery window is not over yet."""
    own_aws.start()
    secrets = own_aws.client("secretsmanager")
    # the function's clock has to agree with the server's
    arn = function(
        own_aws, "mover", MOVER, Timeout=30, Environment={"Variables": {"PYTHONPATH": str(tmp_path)}}
    )
    own_aws.client("lambda").add_permission(
        FunctionName="mover",
        StatementId="secrets",
        Action="lambda:InvokeFunction",
        Principal="secretsmanager.amazonaws.com",
    )
    secrets.create_secret(Name="daily", SecretString="first")
    secrets.create_secret(Name="going", SecretString="x")
    secrets.delete_secret(SecretId="going", RecoveryWindowInDays=7)
    secrets.rotate_secret(
        SecretId="daily",
        RotationLambdaARN=arn,
        RotationRules={"AutomaticallyAfterDays": 1},
        RotateImmediately=False,
    )
    assert secrets.get_secret_value(SecretId="daily")["SecretString"] == "first"
    own_aws.stop()
    moment = datetime.now(UTC) + timedelta(days=2)
    (tmp_path / "sitecustomize.py").write_text(
        f"import time_machine\ntime_machine.travel({moment.timestamp()}, tick=True).start()\n"
    )
    own_aws.run("start", PYTHONPATH=os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    with time_machine.travel(moment, tick=True):
        secrets = own_aws.client("secretsmanager")
        eventually(
            lambda: secrets.get_secret_value(SecretId="daily")["SecretString"], lambda found: found == "made"
        )
        described = eventually(
            lambda: secrets.describe_secret(SecretId="daily"), lambda each: "LastRotatedDate" in each
        )
        assert described["NextRotationDate"] > moment
        assert "DeletedDate" in secrets.describe_secret(SecretId="going")
        assert json.dumps(stages(secrets, "daily")).count("AWS") == 2
