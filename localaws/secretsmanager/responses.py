"""Secrets Manager's API: moto's, that keeps users from the secrets of other services."""

from __future__ import annotations

import json
from typing import Any

from moto.secretsmanager.responses import SecretsManagerResponse as Base

from localaws.secretsmanager import faults, values


class SecretsManagerResponse(Base):
    """Secrets Manager's operations."""

    def create_secret(self) -> str:
        values.check_all_have("Key", "Tags", self._get_param("Tags"))
        values.check_all_have("Region", "AddReplicaRegions", self._get_param("AddReplicaRegions"))
        return super().create_secret()

    def tag_resource(self) -> str:
        values.check_all_have("Key", "Tags", self._get_param("Tags"))
        return super().tag_resource()

    def replicate_secret_to_regions(self) -> str:
        self.backend.find(self._get_param("SecretId"))
        values.check_all_have("Region", "AddReplicaRegions", self._get_param("AddReplicaRegions"))
        return super().replicate_secret_to_regions()

    def put_secret_value(self) -> str:
        self._keep_managed()
        return super().put_secret_value()

    def update_secret(self) -> str:
        if self._get_param("SecretString") or self._get_param("SecretBinary"):
            self._keep_managed()
        return super().update_secret()

    def delete_secret(self) -> str:
        self._keep_managed()
        return super().delete_secret()

    def cancel_rotate_secret(self) -> str:
        self._keep_managed()
        return super().cancel_rotate_secret()

    def update_secret_version_stage(self) -> str:
        self._keep_managed()
        return super().update_secret_version_stage()

    def list_secret_version_ids(self) -> str:
        deprecated = bool(self._get_param("IncludeDeprecated"))
        return json.dumps(self.backend.list_versions(self._get_param("SecretId"), deprecated=deprecated))

    def validate_resource_policy(self) -> str:
        checks: list[dict[str, Any]] = []
        try:
            values.check_policy(self._get_param("ResourcePolicy"))
        except faults.SecretsFault as fault:
            checks.append({"CheckName": "MALFORMED_POLICY", "ErrorMessage": fault.message})
        return json.dumps({"PolicyValidationPassed": not checks, "ValidationErrors": checks})

    def _keep_managed(self) -> None:
        secret = self.backend.secrets.get(self._get_param("SecretId") or "")
        if secret is not None and secret.owning_service:
            raise faults.managed()
