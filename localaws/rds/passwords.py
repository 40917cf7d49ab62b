"""Master passwords that RDS makes itself and keeps in Secrets Manager."""

from __future__ import annotations

import json
import string
from typing import Any

import moto.rds.models as base
from moto.moto_api._internal import mock_random


class MasterUserSecret(base.MasterUserSecret):
    """The secret in which RDS keeps a master password that it manages."""

    def __init__(self, resource: Any, kms_key_id: str | None) -> None:
        self.resource = resource
        self.password = _new_password()
        kind = "cluster" if resource.resource_type == "cluster" else "db"
        self.secret_id = f"rds!{kind}-{mock_random.uuid4()}"
        self._status = "active"
        self.arn = self._create_secret(kms_key_id).arn

    @property
    def kms(self) -> Any:
        """KMS of the instance's account and Region."""
        return self.resource.backend.kms

    @property
    def secretsmanager(self) -> Any:
        """Secrets Manager of the instance's account and Region."""
        return self.resource.backend.secretsmanager

    @property
    def secret(self) -> Any:
        """The secret itself."""
        return self.secretsmanager.secrets[self.arn]

    def renew(self) -> str:
        """Put a new password into the secret and return it."""
        self.password = _new_password()
        self.secretsmanager.put_secret_value(
            secret_id=self.arn,
            secret_string=self._generate_secret_string(),
            secret_binary="",
            client_request_token=str(mock_random.uuid4()),
            version_stages=["AWSCURRENT"],
        )
        return self.password

    def _generate_secret_name(self) -> str:
        return self.secret_id

    def _generate_secret_string(self) -> str:
        return json.dumps({"username": self.resource.master_username, "password": self.password})


def _new_password() -> str:
    return "".join(mock_random.choice(string.ascii_letters + string.digits) for _ in range(28))
