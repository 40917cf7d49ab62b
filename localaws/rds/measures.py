"""CloudWatch metrics of DB instances, read from their servers (Amazon CloudWatch metrics for Amazon RDS)."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localaws.cloudwatch.measure import Dimensions, Measure
from localaws.rds.classes import CLASSES, memory_of
from localaws.rds.vitals import Patient, Vitals

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.runtime import Runtime

NAMESPACE = "AWS/RDS"
WORKERS, PATIENCE = 4, 3.0
SERVED = frozenset({"postgres", "aurora-postgresql"})
SCALE_TAG = "localaws:mib-per-gib"
GIB, MIB = 1 << 30, 1 << 20
STANDBY = "standby.signal"

Value = tuple[str, str, float]
"""Name, unit and value of a metric."""


@dataclass(frozen=True)
class Subject:
    """A DB instance as its metrics need it."""

    account_id: str
    region: str
    resource_id: str
    identifier: str
    size: str
    engine: str
    storage: int
    """Bytes that the instance may store here."""
    scale: float
    """Bytes that it shows for each that is stored."""
    replica: bool
    cluster: str | None
    homes: tuple[Path, ...]


class Meter:
    """The probe of RDS: looks at all servers at the same time, and turns counters into rates."""

    def __init__(self, control: ControlPlane, runtime: Runtime) -> None:
        self._control = control
        self._front = runtime.front
        self._patients: dict[Path, Patient] = {}
        self._before: dict[str, Vitals] = {}
        self._traffic: dict[str, tuple[float, int, int]] = {}
        self._pending: dict[Path, concurrent.futures.Future[Vitals | None]] = {}
        self._pool = concurrent.futures.ThreadPoolExecutor(WORKERS, thread_name_prefix="meter")

    def close(self) -> None:
        """Give up the connections."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for patient in self._patients.values():
            patient.close()

    def measures(self) -> Iterator[Measure]:
        """Yield the metrics of all instances whose server runs."""
        subjects = self._subjects()
        looks = {subject.resource_id: self._begin(home) for subject in subjects if (home := _home(subject))}
        concurrent.futures.wait(looks.values(), timeout=PATIENCE)
        for subject in subjects:
            look = looks.get(subject.resource_id)
            vitals = look.result() if look is not None and look.done() else None
            if vitals is None:
                self._before.pop(subject.resource_id, None)
                self._traffic.pop(subject.resource_id, None)
                continue
            yield from self._of(subject, vitals)
        self._forget({home for subject in subjects for home in subject.homes})

    def _begin(self, home: Path) -> concurrent.futures.Future[Vitals | None]:
        """Look at a server; one that has not answered the last look is not asked again."""
        pending = self._pending.get(home)
        if pending is None or pending.done():
            patient = self._patients.setdefault(home, Patient(home))
            self._pending[home] = pending = self._pool.submit(patient.look)
        return pending

    def _forget(self, homes: set[Path]) -> None:
        for home in self._patients.keys() - homes:
            self._patients.pop(home).close()
            self._pending.pop(home, None)

    def _subjects(self) -> list[Subject]:
        with self._control.lock:
            return [
                _subject(account, region, instance, self._control.state.engines_root)
                for account, region, backend in self._control.backends("rds")
                for instance in backend.databases.values()
                if instance.engine in SERVED
            ]

    def _of(self, subject: Subject, vitals: Vitals) -> Iterator[Measure]:
        values = [*_levels(subject, vitals), *self._network(subject, vitals.moment)]
        before = self._before.get(subject.resource_id)
        if before is not None and before.pid == vitals.pid and vitals.moment > before.moment:
            values += _rates(subject, before, vitals)
        self._before[subject.resource_id] = vitals
        for dimensions in _dimensions(subject, vitals):
            for name, unit, value in values:
                yield Measure(subject.account_id, subject.region, NAMESPACE, name, dimensions, unit, value)

    def _network(self, subject: Subject, moment: float) -> list[Value]:
        try:
            received, sent = self._front.traffic(subject.resource_id)
        except LookupError:
            return []
        before = self._traffic.get(subject.resource_id)
        self._traffic[subject.resource_id] = (moment, received, sent)
        if before is None or moment <= before[0]:
            return []
        seconds = moment - before[0]
        return [
            ("NetworkReceiveThroughput", "Bytes/Second", max(received - before[1], 0) / seconds),
            ("NetworkTransmitThroughput", "Bytes/Second", max(sent - before[2], 0) / seconds),
        ]


def _subject(account: str, region: str, instance: Any, root: Path) -> Subject:
    tags = {tag["Key"]: tag["Value"] for tag in instance.tags}
    given = tags.get(SCALE_TAG, "")
    room = int(given) * MIB if given.isdigit() and int(given) else GIB
    home = f"postgres-{instance.dbi_resource_id}"
    return Subject(
        account_id=account,
        region=region,
        resource_id=instance.dbi_resource_id,
        identifier=instance.db_instance_identifier,
        size=instance.db_instance_class,
        engine=instance.engine,
        storage=int(instance.allocated_storage or 0) * room,
        scale=GIB / room,
        replica=bool(instance.is_replica),
        cluster=instance.db_cluster_identifier,
        homes=(root / home, root / f"{home}-b"),
    )


def _home(subject: Subject) -> Path | None:
    """The home of the node that serves the instance, when its server runs."""
    homes = leading(subject.homes, follows=subject.replica or subject.cluster is not None)
    running = [home for home in homes if (home / "data" / "postmaster.pid").exists()]
    return running[0] if running else None


def leading(homes: Iterable[Path], *, follows: bool) -> list[Path]:
    """The homes of primaries; of an instance that follows another one, else its only home."""
    made = [home for home in homes if (home / "data").is_dir()]
    primaries = [home for home in made if not (home / "data" / STANDBY).exists()]
    return primaries or (made[:1] if follows else [])


def _dimensions(subject: Subject, vitals: Vitals) -> list[Dimensions]:
    found: list[Dimensions] = [(("DBInstanceIdentifier", subject.identifier),)]
    if subject.cluster:
        role = "READER" if vitals.standby else "WRITER"
        found.append((("DBClusterIdentifier", subject.cluster), ("Role", role)))
        found.append((("DBClusterIdentifier", subject.cluster),))
    found.append((("DatabaseClass", subject.size),))
    found.append((("EngineName", subject.engine),))
    return found


def _levels(subject: Subject, vitals: Vitals) -> Iterator[Value]:
    yield "DatabaseConnections", "Count", vitals.connections
    yield "DiskQueueDepth", "Count", vitals.queue
    yield "FreeableMemory", "Bytes", max(memory_of(subject.size) - vitals.memory, 0)
    yield "SwapUsage", "Bytes", vitals.swap
    yield "MaximumUsedTransactionIDs", "Count", vitals.age
    if subject.cluster:
        yield "VolumeBytesUsed", "Bytes", vitals.data
        if vitals.standby:
            yield "AuroraReplicaLag", "Milliseconds", max(vitals.lag, 0.0) * 1000
        return
    yield "FreeStorageSpace", "Bytes", max(subject.storage - vitals.data, 0) * subject.scale
    yield "TransactionLogsDiskUsage", "Bytes", vitals.log * subject.scale
    if vitals.slot_lag >= 0:
        yield "OldestReplicationSlotLag", "Bytes", vitals.slot_lag
    if vitals.standby:
        yield "ReplicaLag", "Seconds", vitals.lag


def _rates(subject: Subject, before: Vitals, now: Vitals) -> list[Value]:
    seconds = now.moment - before.moment
    known = CLASSES.get(subject.size)
    share = (now.processor - before.processor) / seconds / (known.vcpus if known else 1)
    reads, writes = max(now.reads - before.reads, 0.0), max(now.writes - before.writes, 0.0)
    reading, writing = (now.read_time - before.read_time) / 1000, (now.write_time - before.write_time) / 1000
    return [
        ("CPUUtilization", "Percent", min(max(share, 0.0), 1.0) * 100),
        ("ReadIOPS", "Count/Second", reads / seconds),
        ("WriteIOPS", "Count/Second", writes / seconds),
        ("ReadThroughput", "Bytes/Second", max(now.read_bytes - before.read_bytes, 0.0) / seconds),
        ("WriteThroughput", "Bytes/Second", max(now.written_bytes - before.written_bytes, 0.0) / seconds),
        ("ReadLatency", "Seconds", max(reading, 0.0) / reads if reads else 0.0),
        ("WriteLatency", "Seconds", max(writing, 0.0) / writes if writes else 0.0),
    ]
