"""Secrets Manager's model: moto's, with AWS's rules; rotations are left for the controller."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace
from typing import Any

import moto.secretsmanager.models as base
from moto.moto_api._internal import mock_random
from moto.secretsmanager.exceptions import (
    InvalidParameterException,
    InvalidRequestException,
    OperationNotPermittedOnReplica,
    ResourceExistsException,
    ResourceNotFoundException,
    SecretNotFoundException,
)
from moto.secretsmanager.urls import url_bases, url_paths

from localaws.secretsmanager import faults, rotations, values
from localaws.secretsmanager.keys import check_key
from localaws.secretsmanager.secret import CURRENT, PENDING, Secret


class SecretsManagerBackend(base.SecretsManagerBackend):
    """Secrets Manager in one account and Region."""

    @property
    def _url_module(self) -> Any:
        from localaws.secretsmanager.responses import SecretsManagerResponse

        paths = dict.fromkeys(url_paths, SecretsManagerResponse.dispatch)
        return SimpleNamespace(url_bases=url_bases, url_paths=paths)

    def find(self, secret_id: str) -> Secret:
        """A secret that is neither a replica nor marked for deletion."""
        secret = self.secrets.get(secret_id)
        if secret is None:
            raise SecretNotFoundException()
        if isinstance(secret, base.ReplicaSecret):
            raise OperationNotPermittedOnReplica()
        if secret.is_deleted():
            raise faults.deleted()
        return secret

    # -- values

    def create_secret(self, name: str, **request: Any) -> str:
        """CreateSecret."""
        values.check_name(name)
        values.check_value(request.get("secret_string"), request.get("secret_binary"))
        check_key(self, request.get("kms_key_id"))
        existing = self.secrets.get(name)
        if existing is not None and existing.is_deleted():
            raise InvalidRequestException(
                "You can't create this secret because a secret with this name is already scheduled for "
                "deletion."
            )
        created: str = super().create_secret(name, **request)
        return created

    def get_secret_value(self, secret_id: str, version_id: str, version_stage: str) -> dict[str, Any]:
        """GetSecretValue."""
        secret = self.secrets.get(secret_id)
        if isinstance(secret, Secret) and not secret.is_deleted():
            labelled = secret.labelled(version_stage or CURRENT)
            if not version_id and (labelled is None or not secret.holds(labelled)):
                raise ResourceNotFoundException(
                    "Secrets Manager can't find the specified secret value for staging label: "
                    f"{version_stage or CURRENT}"
                )
            if version_id in secret.versions and not secret.holds(version_id):
                raise ResourceNotFoundException(
                    f"Secrets Manager can't find the specified secret value for VersionId: {version_id}"
                )
            check_key(self, secret.kms_key_id, fault=faults.decryption)
        value: dict[str, Any] = super().get_secret_value(secret_id, version_id, version_stage)
        return value | {"VersionStages": list(value["VersionStages"])}

    def put_secret_value(
        self,
        secret_id: str,
        secret_string: Any,
        secret_binary: Any,
        client_request_token: str,
        version_stages: list[str],
    ) -> str:
        """PutSecretValue."""
        values.check_value(secret_string, secret_binary)
        if secret_id in self.secrets:
            check_key(self, self.find(secret_id).kms_key_id)
        put: str = super().put_secret_value(
            secret_id, secret_string, secret_binary, client_request_token, version_stages
        )
        return put

    def update_secret(self, secret_id: str, **request: Any) -> str:
        """UpdateSecret."""
        values.check_value(request.get("secret_string"), request.get("secret_binary"))
        check_key(self, request.get("kms_key_id"))
        updated: str = super().update_secret(secret_id, **request)
        return updated

    def _check_with_existing_secrets_and_versions(
        self,
        secret_name: str,
        client_request_token: str | None,
        secret_string: Any,
        secret_binary: Any,
        on_create: bool = False,
    ) -> Any:
        secret = self.secrets.get(secret_name)
        token = client_request_token or ""
        if isinstance(secret, Secret) and token in secret.versions and not on_create:
            if not secret.holds(token) or (secret_string is None and secret_binary is None):
                return None
            version = secret.versions[token]
            if (version.get("secret_string"), version.get("secret_binary")) == (secret_string, secret_binary):
                return secret
            raise ResourceExistsException(
                f"You can't use ClientRequestToken {token} because that value is already in use for a "
                f"version of secret {secret.arn}."
            )
        return super()._check_with_existing_secrets_and_versions(
            secret_name, client_request_token, secret_string, secret_binary, on_create
        )

    def _add_secret(
        self, secret_id: str, secret_string: Any = None, secret_binary: Any = None, **request: Any
    ) -> tuple[Secret, bool]:
        version_id = self._from_client_request_token(request.get("version_id"))
        given = {"secret_string": secret_string, "secret_binary": secret_binary}
        value = {name: content for name, content in given.items() if content is not None}
        now = int(time.time())
        stages = list(request.get("version_stages") or [CURRENT])
        version = {"createdate": now, "version_id": version_id, "version_stages": stages, **value}
        if secret_id in self.secrets:
            secret = self.find(secret_id)
            secret.update(
                request.get("description"),
                request.get("tags"),
                request.get("kms_key_id"),
                last_changed_date=now,
            )
            if value:
                secret.add(version)
        else:
            secret = self._make_secret(secret_id, version, now, request | given)
            self.secrets[secret_id] = secret
        return secret, bool(value)

    def _make_secret(self, name: str, version: dict[str, Any], now: int, request: dict[str, Any]) -> Secret:
        return Secret(
            account_id=self.account_id,
            region_name=self.region_name,
            secret_id=name,
            secret_string=request.get("secret_string"),
            secret_binary=request.get("secret_binary"),
            description=request.get("description"),
            tags=request.get("tags"),
            kms_key_id=request.get("kms_key_id"),
            last_changed_date=now,
            created_date=now,
            version_id=version["version_id"],
            secret_version=version,
            replica_regions=request.get("replica_regions"),
            force_overwrite=bool(request.get("force_overwrite")),
        )

    # -- versions

    def list_versions(self, secret_id: str, *, deprecated: bool) -> dict[str, Any]:
        """ListSecretVersionIds; versions without labels are shown on demand."""
        secret = self.secrets.get(secret_id)
        if secret is None:
            raise SecretNotFoundException()
        versions = [
            {
                "VersionId": name,
                "VersionStages": list(version["version_stages"]),
                "CreatedDate": version["createdate"],
                "KmsKeyIds": ["DefaultEncryptionKey"],
            }
            for name, version in secret.versions.items()
            if (version["version_stages"] or deprecated) and values.holds(version)
        ]
        return {"ARN": secret.arn, "Name": secret.name, "Versions": versions}

    def update_secret_version_stage(
        self,
        secret_id: str,
        version_stage: str,
        remove_from_version_id: str | None,
        move_to_version_id: str | None,
    ) -> tuple[str, str]:
        """UpdateSecretVersionStage."""
        secret = self.find(secret_id)
        for version_id in filter(None, (remove_from_version_id, move_to_version_id)):
            if version_id not in secret.versions:
                raise InvalidParameterException(f"Not a valid version: {version_id}")
        holder = secret.labelled(version_stage)
        if remove_from_version_id and holder != remove_from_version_id:
            raise InvalidParameterException(
                f"Version stage {version_stage} not found in version {remove_from_version_id}"
            )
        if holder and not remove_from_version_id and holder != move_to_version_id:
            raise InvalidParameterException(
                f"The parameter RemoveFromVersionId can't be empty. Staging label {version_stage} is "
                f"currently attached to version {holder}, so you must explicitly reference that version in "
                "RemoveFromVersionId."
            )
        if version_stage == CURRENT and holder and not move_to_version_id:
            raise InvalidParameterException(
                "You can't remove AWSCURRENT from a version. Move it to another one with MoveToVersionId."
            )
        secret.move(version_stage, remove_from_version_id, move_to_version_id)
        if version_stage == PENDING and secret.rotation and secret.labelled(PENDING) is None:
            secret.rotation = None
        return secret.arn, secret.name

    # -- rotation

    def rotate_secret(
        self,
        secret_id: str,
        client_request_token: str | None = None,
        rotation_lambda_arn: str | None = None,
        rotation_rules: dict[str, Any] | None = None,
        rotate_immediately: bool = True,
    ) -> str:
        """RotateSecret: the rotation begins; the controller carries it out."""
        secret = self.find(secret_id)
        if client_request_token:
            self._client_request_token_validator(client_request_token)
        if rotation_lambda_arn and len(rotation_lambda_arn) > 2048:
            raise InvalidParameterException("RotationLambdaARN must <= 2048 characters long.")
        token = client_request_token or str(mock_random.uuid4())
        rotations.rotate(
            self, secret, token, rotation_lambda_arn, rotation_rules, immediately=rotate_immediately
        )
        return json.dumps({"ARN": secret.arn, "Name": secret.name, "VersionId": token})

    def cancel_rotate_secret(self, secret_id: str) -> str:
        """CancelRotateSecret; AWSPENDING stays where it is."""
        cancelled: str = super().cancel_rotate_secret(secret_id)
        secret = self.find(secret_id)
        secret.rotation = None
        secret.schedule_next()
        return cancelled

    # -- the rest

    def get_random_password(self, password_length: int, **wishes: Any) -> str:
        """GetRandomPassword."""
        return json.dumps({"RandomPassword": values.random_password(int(password_length), **wishes)})

    def put_resource_policy(self, secret_id: str, policy: str) -> tuple[str, str]:
        """PutResourcePolicy."""
        self.find(secret_id)
        values.check_policy(policy)
        put: tuple[str, str] = super().put_resource_policy(secret_id, policy)
        return put
