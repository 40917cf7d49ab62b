"""RDS's API over the model alone: no server runs, and the test settles the work that calls leave."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
import time_machine
from botocore.config import Config
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.rds.models import rds_backends

import localaws.rds
import localaws.secretsmanager
from localaws.rds import chores
from localaws.rds.settle import SETTLEMENTS

REGION = "us-east-1"
START = datetime.datetime(2026, 3, 4, 12, 0, tzinfo=datetime.UTC)
PASSWORD = "correct-horse"
IN_PROCESS = Config(ignore_configured_endpoint_urls=True)  # type: ignore[call-arg, unused-ignore]
"""Clients of moto's mock, also where the environment names an endpoint."""


@functools.cache
def _client(service: str, region: str) -> Any:
    return boto3.client(  # type: ignore[call-overload]
        service,
        region_name=region,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=IN_PROCESS,
    )


class ModelOnly:
    """Clients of the API, a clock that the test moves, and a controller to whom everything succeeds."""

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self.rds = self.client("rds")

    def client(self, service: str, region: str = REGION) -> Any:
        return _client(service, region)

    def client_of(self, account: str, service: str) -> Any:
        """A client that acts for another account."""
        assumed = self.client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{account}:role/other", RoleSessionName="other"
        )["Credentials"]
        return boto3.client(  # type: ignore[call-overload]
            service,
            region_name=REGION,
            aws_access_key_id=assumed["AccessKeyId"],
            aws_secret_access_key=assumed["SecretAccessKey"],
            aws_session_token=assumed["SessionToken"],
            config=IN_PROCESS,
        )

    def pass_time(self, **delta: float) -> None:
        self._clock.shift(datetime.timedelta(**delta))

    def now(self) -> datetime.datetime:
        return datetime.datetime.now(datetime.UTC)

    def settle(self, region: str, name: str, **facts: Any) -> None:
        SETTLEMENTS[name](self.backend(region), **facts)

    def backend(self, region: str = REGION) -> Any:
        return rds_backends[DEFAULT_ACCOUNT_ID][region]

    def item(self, name: str, region: str = REGION) -> dict[str, Any] | None:
        """What the controller would be asked to do next with an instance."""
        work = self.backend(region).databases[name].work
        return dict(work[0]) if work else None

    def carry_out(self, name: str, region: str = REGION) -> list[str]:
        """Settle all the work of an instance; what it was."""
        done: list[str] = []
        while name in self.backend(region).databases and (item := self.item(name, region)):
            self.settle_item(self.backend(region).databases[name], item)
            done.append(item["do"])
        return done

    def settle_item(self, instance: Any, item: dict[str, Any]) -> None:
        facts: dict[str, Any] = {"resource_id": instance.dbi_resource_id}
        reached = {"address": "127.0.0.9", "port": instance.port}
        match item["do"]:
            case "create" | "restore" | "replicate" | "recover":
                facts |= reached | {"engine_version": instance.engine_version}
                self.settle(instance.region, "created", **facts)
            case "modify" | "start":
                self.settle(
                    instance.region,
                    {"modify": "modified", "start": "started"}[item["do"]],
                    **facts,
                    **reached,
                )
            case "snapshot":
                self.settle(instance.region, "snapshot_taken", **facts, snapshot=item["snapshot"])
            case "reboot" if item["failover"]:
                zone = instance.secondary_availability_zone
                self.settle(instance.region, "failed_over", **facts, zone=zone, reason="")
            case kind:
                settled = {"configure": "configured", "reboot": "rebooted", "stop": "stopped"}
                settled |= {"delete": "deleted", "promote": "promoted"}
                self.settle(instance.region, settled[kind], **facts)

    def create(self, name: str, **changed: Any) -> dict[str, Any]:
        request = {
            "DBInstanceIdentifier": name,
            "Engine": "postgres",
            "DBInstanceClass": "db.t3.micro",
            "AllocatedStorage": 20,
            "MasterUsername": "shop",
            "MasterUserPassword": PASSWORD,
            "BackupRetentionPeriod": 7,
        }
        self.rds.create_db_instance(**request | changed)
        self.carry_out(name)
        return self.shown(name)

    def replicate(self, source: str, name: str, region: str = REGION, **changed: Any) -> dict[str, Any]:
        self.client("rds", region).create_db_instance_read_replica(
            DBInstanceIdentifier=name, SourceDBInstanceIdentifier=source, **changed
        )
        self.carry_out(name, region)
        return self.shown(name, region)

    def shown(self, name: str, region: str = REGION) -> dict[str, Any]:
        found = self.client("rds", region).describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        return dict(found)

    def told(self, name: str, kind: str = "db-instance", region: str = REGION) -> list[str]:
        """Messages of a resource's events."""
        answer = self.client("rds", region).describe_events(SourceIdentifier=name, SourceType=kind)
        return [each["Message"] for each in answer["Events"]]


@contextmanager
def running_model() -> Iterator[ModelOnly]:
    """A model of its own, whose clock stands still unless it is moved."""
    localaws.rds.install(None)
    localaws.secretsmanager.install(None)
    with time_machine.travel(START, tick=False) as clock, mock_aws():
        yield ModelOnly(clock)


def refused(call: Any, **request: Any) -> tuple[str, str]:
    """Code and message of the error that a call is refused with."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def do_chores(model: ModelOnly) -> list[str]:
    """Settle what has become due, as the controller does; the names of what it was."""
    now = model.now().replace(tzinfo=None)
    found = list(chores.due(model.backend(), now))
    for name, resource_id in found:
        model.settle(REGION, name, resource_id=resource_id)
    for name in list(model.backend().databases):
        model.carry_out(name)
    return [name for name, _ in found]


def automated(model: ModelOnly, name: str = "shop") -> list[str]:
    found = model.rds.describe_db_snapshots(DBInstanceIdentifier=name, SnapshotType="automated")
    return [each["DBSnapshotIdentifier"] for each in found["DBSnapshots"]]


def snapshot(model: ModelOnly, source: str, name: str, **request: Any) -> dict[str, Any]:
    model.rds.create_db_snapshot(DBInstanceIdentifier=source, DBSnapshotIdentifier=name, **request)
    model.carry_out(source)
    return dict(model.rds.describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"][0])
