"""IAM's API: moto's, with the policy simulator and AWS's answers about who calls."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.iam.exceptions import ValidationError
from moto.iam.responses import IamResponse as Base

from localaws.iam import simulator
from localaws.iam.identity import owner_of


class IamResponse(Base):
    """IAM's operations."""

    def get_user(self) -> ActionResult:
        if self._get_param("UserName"):
            return super().get_user()
        key = str(self.get_access_key())
        own, user = owner_of(key), self.backend.get_user_from_access_key_id(key)
        if own is not None:
            # the account's root user and the examiner are no users of IAM's
            return ActionResult({"User": {"UserId": own.principal_id, "Arn": own.arn}})
        if user is None:
            raise ValidationError("Must specify userName when calling with non-User credentials")
        return ActionResult({"User": user})

    def simulate_principal_policy(self) -> ActionResult:
        return ActionResult(simulator.of_principal(self.backend, self._asked()))

    def simulate_custom_policy(self) -> ActionResult:
        return ActionResult(simulator.of_documents(self._asked()))

    def _asked(self) -> dict[str, Any]:
        asked: dict[str, Any] = self.params
        return asked
