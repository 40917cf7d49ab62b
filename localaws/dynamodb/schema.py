"""What the data plane must know of a table: its keys, its indexes and what its writes leave behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from localaws.dynamodb.limits import limits_of
from localaws.dynamodb.throttle import Limits

KeyType = Literal["S", "N", "B"]


@dataclass(frozen=True)
class KeyAttribute:
    """An attribute that is part of a key, and its type."""

    name: str
    type: KeyType


@dataclass(frozen=True)
class IndexSchema:
    """A secondary index: its key, and what it holds of an item."""

    name: str
    hash: KeyAttribute
    range: KeyAttribute | None
    projection: str
    included: frozenset[str]
    is_global: bool
    status: str = "ACTIVE"

    @property
    def attributes(self) -> tuple[KeyAttribute, ...]:
        """The key's attributes, partition key first."""
        return (self.hash,) if self.range is None else (self.hash, self.range)


@dataclass(frozen=True, eq=False)
class TableSchema:
    """A table as the data plane sees it; made anew whenever the model has changed.

    `status` is CREATING, ACTIVE, UPDATING or DELETING. `logged` tells whether writes are noted in the change
    log: while its stream or its point-in-time recovery is on.
    """

    account: str
    region: str
    name: str
    id: str
    arn: str
    status: str
    hash: KeyAttribute
    range: KeyAttribute | None
    indexes: dict[str, IndexSchema]
    billing_mode: str
    limits: Mapping[str | None, Limits]
    logged: bool
    stream_view: str | None
    ttl_attribute: str | None

    @property
    def attributes(self) -> tuple[KeyAttribute, ...]:
        """The key's attributes, partition key first."""
        return (self.hash,) if self.range is None else (self.hash, self.range)

    @classmethod
    def of(cls, table: Any) -> TableSchema:
        """Return the schema of moto's Table; ours has `table_id` and `status` besides moto's attributes."""
        types = {entry["AttributeName"]: entry["AttributeType"] for entry in table.attr}
        hash_key, range_key = _key(table.schema, types)
        indexes = [_index(index, types, is_global=False) for index in table.indexes]
        indexes += [_index(index, types, is_global=True) for index in table.global_indexes]
        stream = table.stream_specification or {}
        recovery = table.continuous_backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
        streams = bool(stream.get("StreamEnabled"))
        return cls(
            account=table.account_id,
            region=table.region_name,
            name=table.name,
            id=table.table_id,
            arn=table.table_arn,
            status=table.status,
            hash=hash_key,
            range=range_key,
            indexes={index.name: index for index in indexes},
            billing_mode=table.billing_mode or "PROVISIONED",
            limits=limits_of(table),
            logged=streams or recovery == "ENABLED",
            stream_view=stream.get("StreamViewType") if streams else None,
            ttl_attribute=_ttl(table.ttl),
        )


def _key(schema: list[dict[str, str]], types: dict[str, KeyType]) -> tuple[KeyAttribute, KeyAttribute | None]:
    roles = {entry["KeyType"]: entry["AttributeName"] for entry in schema}
    hash_key = KeyAttribute(roles["HASH"], types[roles["HASH"]])
    return hash_key, KeyAttribute(roles["RANGE"], types[roles["RANGE"]]) if "RANGE" in roles else None


def _index(index: Any, types: dict[str, KeyType], *, is_global: bool) -> IndexSchema:
    hash_key, range_key = _key(index.schema, types)
    return IndexSchema(
        name=index.name,
        hash=hash_key,
        range=range_key,
        projection=index.projection.get("ProjectionType", "ALL"),
        included=frozenset(index.projection.get("NonKeyAttributes", ())),
        is_global=is_global,
        status=getattr(index, "status", "ACTIVE"),
    )


def _ttl(settings: dict[str, Any]) -> str | None:
    on = settings.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
    return settings.get("AttributeName") if on else None
