"""Master passwords that RDS makes itself and keeps in Secrets Manager.

AWS: "Password management with Amazon RDS and AWS Secrets Manager" in the RDS user guide.
"""

from __future__ import annotations

import json
import string
from typing import Any

import moto.rds.models as base
from moto.moto_api._internal import mock_random
from moto.rds.exceptions import RDSClientError
from moto.secretsmanager.exceptions import InvalidRequestException

from localaws.rds import faults
from localaws.secretsmanager.keys import check_key
from localaws.secretsmanager.rotations import succeed
from localaws.secretsmanager.secret import CURRENT, PENDING

EVERY = 7
"""Days between two rotations, as RDS has them."""
MAKING = frozenset({"create", "restore", "replicate", "recover"})


def check_choice(resource: Any, request: dict[str, Any]) -> None:
    """Refuse a modification that leaves open, or says twice, who makes the master password."""
    now, wanted = resource.manage_master_user_password, request.get("manage_master_user_password")
    managed = now if wanted is None else wanted
    noun = "a cluster" if resource.resource_type == "cluster" else "an instance"
    if managed and "master_user_password" in request:
        raise faults.combination(
            f"You can't specify MasterUserPassword for {noun} that has ManageMasterUserPassword enabled."
        )
    if now and not managed and "master_user_password" not in request:
        raise faults.combination(
            f"You must specify MasterUserPassword for {noun} whose ManageMasterUserPassword you turn off."
        )


class MasterUserSecret(base.MasterUserSecret):
    """The secret in which RDS keeps a master password that it manages."""

    _deleted: Any = None

    def __init__(self, resource: Any, kms_key_id: str | None) -> None:
        self.resource = resource
        self.password = _new_password()
        kind = "cluster" if resource.resource_type == "cluster" else "db"
        self.secret_id = f"rds!{kind}-{mock_random.uuid4()}"
        check_key(resource.backend, kms_key_id)
        secret = self._create_secret(kms_key_id)
        self.arn = secret.arn
        secret.rotation_requested = secret.rotation_enabled = True
        secret.auto_rotate_after_days = EVERY
        secret.rules = {"AutomaticallyAfterDays": EVERY}
        secret.schedule_next()

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
        """The secret itself; what it was, once it is deleted: the instance still names it then."""
        return self._deleted or self.secretsmanager.secrets[self.arn]

    def delete_secret(self) -> None:
        """Delete the secret at once."""
        found = self.secret
        super().delete_secret()
        self._deleted = found

    @property
    def secret_status(self) -> str:
        """SecretStatus of the response: a new password counts once the server has it."""
        changing = "master_user_password" in self.resource.pending()
        if self.secret.labelled(PENDING) is not None:
            return "rotating" if changing else "impaired"
        making = any(item["do"] in MAKING for item in self.resource.work)
        return "creating" if changing or making else "active"

    def renew(self) -> str:
        """Return a new password, which is AWSPENDING until `confirm`."""
        self.password = _new_password()
        self.secretsmanager.put_secret_value(
            secret_id=self.arn,
            secret_string=self._generate_secret_string(),
            secret_binary="",
            client_request_token=str(mock_random.uuid4()),
            version_stages=[PENDING],
        )
        return self.password

    def confirm(self, password: str | None) -> None:
        """Make the pending version the current one: the server has its password."""
        secret = self.secret
        pending = secret.labelled(PENDING)
        if pending is None or json.loads(secret.versions[pending]["secret_string"])["password"] != password:
            return
        secret.move(CURRENT, secret.labelled(CURRENT), pending)
        succeed(secret)

    def _generate_secret_name(self) -> str:
        return self.secret_id

    def _generate_secret_string(self) -> str:
        return json.dumps({"username": self.resource.master_username, "password": self.password})


def _new_password() -> str:
    return "".join(mock_random.choice(string.ascii_letters + string.digits) for _ in range(28))


def confirm(resource: Any, password: str | None) -> None:
    """Tell the secret of an instance or cluster, if it has one, that the server has this password."""
    kept = vars(resource).get("master_user_secret")
    if kept is not None and resource.manage_master_user_password:
        kept.confirm(password)


def rotate_owned(secret: Any) -> None:
    """Change the master password whose secret this is, as RotateMasterUserPassword does."""
    backend = base.rds_backends[secret.account_id][secret.region]
    request = {"rotate_master_user_password": True, "apply_immediately": True}
    try:
        for instance in list(backend.databases.values()):
            if _keeps(instance, secret):
                backend.modify_db_instance(instance.db_instance_identifier, request)
                return
        for cluster in list(backend.clusters.values()):
            if _keeps(cluster, secret):
                backend.modify_db_cluster({"db_cluster_identifier": cluster.db_cluster_identifier} | request)
                return
    except RDSClientError as error:
        raise InvalidRequestException(
            f"The master password cannot be rotated now: {error.message}"
        ) from error


def _keeps(resource: Any, secret: Any) -> bool:
    kept = vars(resource).get("master_user_secret")
    return kept is not None and kept.arn == secret.arn
