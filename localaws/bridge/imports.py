"""What becomes of moto when it is imported: EC2 is ours and light, and no list of all objects is kept."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

OFFERINGS = "ec2/resources/instance_type_offerings"


# Found in the list of endpoints under their own names, without a look at their lengthy models.
ENDPOINT_NAMES = frozenset(
    {
        "dynamodb", "ec2", "ecs", "elasticache", "iam", "kms", "lambda", "logs", "rds", "s3",
        "secretsmanager", "sns", "sqs", "ssm", "sts",
    }
)  # fmt: skip


class Offerings(dict[str, Any]):
    """One location type's offerings by Region; each is read when it is first wanted."""

    def __init__(self, location: str, regions: Sequence[str]) -> None:
        super().__init__(dict.fromkeys(regions))
        self._location = location

    def __getitem__(self, region: str) -> Any:
        if super().__getitem__(region) is None:
            from moto.utilities.utils import load_resource

            read = load_resource(f"{OFFERINGS}/{self._location}/{region}.json")
            self[region] = [offering | {"LocationType": self._location} for offering in read]
        return super().__getitem__(region)

    def get(self, region: str, default: Any = None) -> Any:
        """Return the offerings of `region`, or `default` when moto knows none."""
        return self[region] if region in self else default  # noqa: SIM401 - get itself


class _Offerings(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        from moto.utilities import utils

        read = utils.load_resource
        utils.load_resource = lambda path: [] if path.startswith(OFFERINGS) else read(path)
        try:
            super().exec_module(module)
        finally:
            utils.load_resource = read
        eager: dict[str, dict[str, Any]] = vars(module)["INSTANCE_TYPE_OFFERINGS"]
        for location, regions in eager.items():
            eager[location] = Offerings(location, list(regions))


class _Ec2Models(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        # Many services import EC2's model on their own: it must be ours before any of them makes a backend.
        from localaws import ec2

        ec2.install()


class _KmsModels(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        from localaws import kms

        kms.install()


class _IamModels(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        from localaws.iam import backend

        backend.install()


class _StsModels(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        from localaws.iam import sts

        sts.install()


_LOADERS = {
    "moto.iam.models": _IamModels,
    "moto.sts.models": _StsModels,
    "moto.ec2.models.instance_types": _Offerings,
    "moto.ec2.models": _Ec2Models,
    "moto.kms.models": _KmsModels,
}


class _Finder(MetaPathFinder):
    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in _LOADERS:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _LOADERS[name](name, spec.origin)
        return spec


def _untracked(kind: type, *_: Any, **__: Any) -> Any:
    from moto.core.common_models import BaseModel

    return super(BaseModel, kind).__new__(kind)  # type: ignore[arg-type, unused-ignore]


def _know_regions() -> None:
    """Tell moto a service's Regions without parsing the service's model for each partition."""
    from botocore.session import Session

    ask = Session.get_available_regions

    def regions(
        session: Any, service_name: str, partition_name: str = "aws", allow_non_regional: bool = False
    ) -> Any:
        if service_name not in ENDPOINT_NAMES:
            return ask(session, service_name, partition_name, allow_non_regional)
        resolver = session._get_internal_component("endpoint_resolver")
        return resolver.get_available_endpoints(service_name, partition_name, allow_non_regional)

    sessions: Any = Session
    sessions.get_available_regions = regions


def install() -> None:
    """Prepare moto's import, whoever imports it; before the first request."""
    _know_regions()
    from moto.core.common_models import BaseModel

    # moto keeps every object it ever made for its dashboard, deleted ones too.
    BaseModel.__new__ = _untracked
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
