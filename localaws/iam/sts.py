"""STS: moto's, which knows the owner of this local AWS."""

from __future__ import annotations

from typing import Any

import moto.sts.urls
from moto.sts.models import STSBackend, sts_backends

from localaws.iam.identity import owner_of


class Sts(STSBackend):
    """STS of one account."""

    @property
    def _url_module(self) -> Any:
        return moto.sts.urls

    def get_caller_identity(self, access_key_id: str, region: str) -> tuple[str, str, str]:
        """Return (id, ARN, account) of who signed."""
        own = owner_of(access_key_id)
        if own is not None:
            return own.principal_id, own.arn, own.account_id
        found: tuple[str, str, str] = super().get_caller_identity(access_key_id, region)
        return found


def install() -> None:
    """Register our backend with moto."""
    sts_backends.backend = Sts
