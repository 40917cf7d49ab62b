"""IAM's API: moto's, with the policy simulator."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.iam.responses import IamResponse as Base

from localaws.iam import simulator


class IamResponse(Base):
    """IAM's operations."""

    def simulate_principal_policy(self) -> ActionResult:
        return ActionResult(simulator.of_principal(self.backend, self._asked()))

    def simulate_custom_policy(self) -> ActionResult:
        return ActionResult(simulator.of_documents(self._asked()))

    def _asked(self) -> dict[str, Any]:
        asked: dict[str, Any] = self.params
        return asked
