"""IAM's model: moto's, whose API also says what a policy would decide."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from moto.iam.models import Group, InstanceProfile, User, iam_backends
from moto.iam.models import IAMBackend as Base
from moto.iam.utils import generate_access_key_id_from_account_id


class IamBackend(Base):
    """IAM of one account."""

    @property
    def _url_module(self) -> Any:
        from moto.iam.urls import url_bases, url_paths

        from localaws.iam.responses import IamResponse

        paths = dict.fromkeys(url_paths, IamResponse.dispatch)
        return SimpleNamespace(url_bases=url_bases, url_paths=paths)

    def create_user(self, *names: Any, **options: Any) -> User:
        """CreateUser."""
        user = super().create_user(*names, **options)
        user.id = self._unique_id("AIDA")
        return user

    def create_group(self, *names: Any, **options: Any) -> Group:
        """CreateGroup."""
        group = super().create_group(*names, **options)
        group.id = self._unique_id("AGPA")
        return group

    def create_instance_profile(self, *names: Any, **options: Any) -> InstanceProfile:
        """CreateInstanceProfile."""
        profile = super().create_instance_profile(*names, **options)
        profile.id = self._unique_id("AIPA")
        return profile

    def _unique_id(self, prefix: str) -> str:
        """AWS: "IAM identifiers", the prefixes of unique IDs."""
        return generate_access_key_id_from_account_id(self.account_id, prefix, total_length=21)


def install() -> None:
    """Register our backend with moto."""
    iam_backends.backend = IamBackend
