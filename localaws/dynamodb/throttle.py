"""How much a table lets through, by a stated model of DynamoDB's capacity.

Provisioned tables and indexes have a bucket that fills at the provisioned units a second and holds 300
seconds of them (DynamoDB burst and adaptive capacity); it is full when the table is new and after a start of
the server. A request larger than a second's units needs a second's, and borrows the rest.

Keys are hashed to partitions. A provisioned table has one for each 1,000 write and 3,000 read units; on
demand there are four, and as many as twice the highest minute asks for. A partition gives no more than 1,000
write and 3,000 read units a second, to whatever keys it has; below that, every partition may use all that the
table has (adaptive capacity without its delays, and without isolating a single key). Partitions never become
fewer, and size alone does not split them (AWS: at 10 GB).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["Read", "Write"]

BURST_SECONDS = 300.0
PARTITION: dict[Kind, float] = {"Read": 3000.0, "Write": 1000.0}
"""Units a second that a partition gives."""
ON_DEMAND_PARTITIONS = 4
QUOTA = 40_000.0
"""Units a second of a table or index on demand, unless AWS raises the account's quota."""
GROWTH = 2.0
MINUTE = 60.0


@dataclass(frozen=True)
class Limits:
    """What a table or index is given: units a second; on demand `highest` may bound them."""

    provisioned: Mapping[Kind, float] | None
    highest: Mapping[Kind, float]
    warm: Mapping[Kind, float]

    def partitions(self) -> int:
        """How many partitions they make at least."""
        wanted = self.provisioned if self.provisioned is not None else self.warm
        by_units = sum(wanted.get(kind, 0.0) / PARTITION[kind] for kind in PARTITION)
        if self.provisioned is None:
            by_units = max(wanted.get(kind, 0.0) / PARTITION[kind] for kind in PARTITION)
            by_units = max(by_units, ON_DEMAND_PARTITIONS)
        return max(1, math.ceil(by_units))


class Bucket:
    """Units that come at a rate and are kept for a while."""

    __slots__ = ("_at", "_rate", "_seconds", "_units")

    def __init__(self, rate: float, seconds: float, now: float) -> None:
        self._rate, self._seconds, self._at = rate, seconds, now
        self._units = rate * seconds

    def holds(self, units: float, now: float) -> bool:
        """Whether a request of so many units may pass."""
        self._units = min(self._rate * self._seconds, self._units + self._rate * max(0.0, now - self._at))
        self._at = now
        return self._units >= min(units, self._rate)

    def take(self, units: float) -> None:
        """Let a request of so many units pass."""
        self._units -= units

    def change(self, rate: float) -> None:
        """Fill at another rate; more helps at once."""
        if rate > self._rate:
            self._units = max(self._units, 0.0) + rate - self._rate
        self._rate = rate


class Flow:
    """Reads or writes of one table or index."""

    def __init__(self, kind: Kind, limits: Limits, now: float) -> None:
        self._kind = kind
        self._partitions: dict[int, Bucket] = {}
        self._count = 0
        self._minute, self._used, self._peak = now, 0.0, 0.0
        self._whole = Bucket(self._rate(limits), self._seconds(limits), now)
        self._limits = limits
        self.follow(limits, now)

    def follow(self, limits: Limits, now: float) -> None:
        """Give what UpdateTable has changed."""
        if (limits.provisioned is None) != (self._limits.provisioned is None):
            self._whole = Bucket(self._rate(limits), self._seconds(limits), now)
        else:
            self._whole.change(self._rate(limits))
        self._limits = limits
        self._split(limits.partitions())

    def _rate(self, limits: Limits) -> float:
        if limits.provisioned is not None:
            return limits.provisioned[self._kind]
        return min(limits.highest.get(self._kind, QUOTA), QUOTA)

    def _seconds(self, limits: Limits) -> float:
        return BURST_SECONDS if limits.provisioned is not None else 1.0

    def _split(self, count: int) -> None:
        if count > self._count:
            self._count = count
            self._partitions.clear()

    def refusal(self, units: float, place: int | None, now: float) -> str | None:
        """Why a request may not pass, as a reason's ending; None when it may."""
        if not self._whole.holds(units, now):
            if self._limits.provisioned is not None:
                return "ProvisionedThroughputExceeded"
            bounded = self._limits.highest.get(self._kind, QUOTA) < QUOTA
            return "MaxOnDemandThroughputExceeded" if bounded else "AccountLimitExceeded"
        if place is None or self._bucket(place, now).holds(units, now):
            return None
        return "KeyRangeThroughputExceeded"

    def take(self, units: float, place: int | None, now: float) -> None:
        """Let a request pass."""
        self._whole.take(units)
        if place is not None:
            self._bucket(place, now).take(units)
        if now - self._minute >= MINUTE:
            self._peak = max(self._peak, self._used / (now - self._minute))
            self._minute, self._used = now, 0.0
            if self._limits.provisioned is None:
                wanted = min(GROWTH * self._peak, QUOTA)
                self._split(math.ceil(wanted / PARTITION[self._kind]))
        self._used += units

    def _bucket(self, place: int, now: float) -> Bucket:
        partition = place * self._count >> 32
        found = self._partitions.get(partition)
        if found is None:
            found = self._partitions[partition] = Bucket(PARTITION[self._kind], 1.0, now)
        return found


@dataclass(frozen=True)
class Demand:
    """Units that a request takes from a table (`index` None) or an index.

    `place` is the hash of its partition key (32 bits); None when it takes them everywhere.
    """

    kind: Kind
    index: str | None
    units: float
    place: int | None


@dataclass(frozen=True)
class Refusal:
    """What did not let a request pass."""

    demand: Demand
    ending: str

    @property
    def reason(self) -> str:
        """As ThrottlingReasons names it."""
        return f"{'Index' if self.demand.index else 'Table'}{self.demand.kind}{self.ending}"


class Throttle:
    """Flows of one table and its indexes; a request passes all of them or none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flows: dict[tuple[Kind, str | None], Flow] = {}
        self._limits: dict[str | None, Limits] = {}

    def follow(self, limits: Mapping[str | None, Limits], now: float) -> None:
        """Take the limits of the table (None) and of its indexes that hold from now on."""
        with self._lock:
            self._limits = dict(limits)
            for kind, index in list(self._flows):
                if index in limits:
                    self._flows[kind, index].follow(limits[index], now)
                else:
                    del self._flows[kind, index]

    def admit(self, demands: list[Demand], now: float) -> list[Refusal]:
        """Let a request pass, or tell what forbids it."""
        with self._lock:
            known = [(demand, self._flow(demand, now)) for demand in demands if demand.index in self._limits]
            refusals = [
                Refusal(demand, ending)
                for demand, flow in known
                if (ending := flow.refusal(demand.units, demand.place, now)) is not None
            ]
            if not refusals:
                for demand, flow in known:
                    flow.take(demand.units, demand.place, now)
            return refusals

    def _flow(self, demand: Demand, now: float) -> Flow:
        name = (demand.kind, demand.index)
        if name not in self._flows:
            self._flows[name] = Flow(demand.kind, self._limits[demand.index], now)
        return self._flows[name]
