"""IAM's model: moto's, whose API also says what a policy would decide."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from moto.iam.models import IAMBackend as Base
from moto.iam.models import iam_backends


class IamBackend(Base):
    """IAM of one account."""

    @property
    def _url_module(self) -> Any:
        from moto.iam.urls import url_bases, url_paths

        from localaws.iam.responses import IamResponse

        paths = dict.fromkeys(url_paths, IamResponse.dispatch)
        return SimpleNamespace(url_bases=url_bases, url_paths=paths)


def install() -> None:
    """Register our backend with moto."""
    iam_backends.backend = IamBackend
