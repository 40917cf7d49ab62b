"""Which DB instance follows which: read replicas, their sources and the chains that they form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from moto.rds.models import rds_backends

if TYPE_CHECKING:
    from localaws.rds.models import DBInstance
    from localaws.rds.work import Source


def place(instance: DBInstance) -> Source:
    """Where an instance is found, whatever its name becomes."""
    return {"account": instance.account_id, "region": instance.region, "id": instance.dbi_resource_id}


def backend_of(account: str, region: str) -> Any | None:
    """The RDS model of an account and Region, if anything was ever made there."""
    return dict.get(rds_backends.get(account, {}), region)


def find(source: Source) -> DBInstance | None:
    """The instance of a place."""
    backend = backend_of(source["account"], source["region"])
    instances = backend.databases.values() if backend is not None else ()
    return next((each for each in instances if each.dbi_resource_id == source["id"]), None)


def source_of(instance: DBInstance) -> DBInstance | None:
    """The instance that a replica follows, while that exists."""
    return find(instance.source) if instance.source else None


def replicas_of(instance: DBInstance) -> list[DBInstance]:
    """The read replicas of an instance, in all Regions."""
    wanted = place(instance)
    return [each for each in _instances(instance.account_id) if each.source == wanted]


def depth(instance: DBInstance) -> int:
    """How many sources stand above an instance."""
    above = source_of(instance)
    return 0 if above is None else 1 + depth(above)


def name_seen_from(instance: DBInstance, region: str) -> str:
    """What an instance is called in answers: its identifier, in another Region its ARN."""
    return str(instance.db_instance_identifier if instance.region == region else instance.arn)


def _instances(account_id: str) -> Iterator[Any]:
    for backend in list(dict.values(rds_backends.get(account_id, {}))):
        yield from list(backend.databases.values())
