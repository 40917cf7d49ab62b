"""A cluster over two zones whose orders survive the loss of the writer: a failover, and another one."""

import contextlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from botocore.exceptions import ClientError

from autograder import failover, throwaway
from autograder.errors import Mistake
from autograder.examiner import Account
from autograder.outcome import Sheet, outcome
from autograder.outcomes import lab_6_1

TAKEOVER_S, TAKEOVER_AWS_S = 30, 300
DAYS = 14
SLACK_S, SLACK = 0.5, 0.25
"""How far a recorded outage may be from the table's: seconds, or a share of it."""
WHO = "SELECT aurora_db_instance_identifier()"


@dataclass(frozen=True)
class Cluster:
    """The cluster as it is described, its members, the host to it and the master's credentials."""

    account: Account
    shown: Mapping[str, Any]
    members: tuple[Mapping[str, Any], ...]
    app_host: str
    credentials: Mapping[str, str]

    @property
    def name(self) -> str:
        """DBClusterIdentifier."""
        return str(self.shown["DBClusterIdentifier"])

    @contextlib.contextmanager
    def login(self, key: str = "Endpoint") -> Iterator[dict[str, Any]]:
        """How libpq gets to an endpoint of the cluster, through the app host, while the tunnel is open."""
        address, port = str(self.shown[key]), int(self.shown["Port"])
        self.account.instance(self.app_host)
        with failover.ended(self.account.through(self.app_host, address, port)) as place:
            yield {
                **place,
                "host": address,
                "dbname": str(self.shown.get("DatabaseName") or "postgres"),
                "user": self.credentials["username"],
                "password": self.credentials["password"],
                "sslmode": "verify-full",
                "sslrootcert": str(self.account.ca_bundle),
                "connect_timeout": 10,
            }

    @contextlib.contextmanager
    def session(self, key: str = "Endpoint") -> Iterator[psycopg.Connection[Any]]:
        """A session at an endpoint; Mistake when nobody is let in."""
        with self.login(key) as login:
            try:
                connection = psycopg.connect(**login, autocommit=True)
            except psycopg.OperationalError as error:
                said = str(error).strip().splitlines()[-1]
                raise Mistake(f"{login['user']!r} does not get in through {self.app_host}: {said}") from error
            with contextlib.closing(connection):
                yield connection


@outcome("aurora-cluster", title="A cluster that outlives its writer", points=12)
def aurora_cluster(
    sheet: Sheet, account: Account, *, cluster: str, app_host: str, secret: str, run: Any
) -> None:
    """Zones, encryption, exposure, the learner's failover with its outage, and one of the examiner's."""
    shown = find_cluster(account, cluster)
    seen = Cluster(account, shown, settled(account, shown), app_host, account.secret(secret))
    times: list[datetime] = []
    sheet.judge("Instances in two Availability Zones", 2, spans_zones, seen)
    sheet.judge("The volume is encrypted", 1, is_encrypted, seen)
    sheet.judge("No instance can be reached from outside", 1, is_private, seen)
    sheet.judge("Orders on both sides of your failover are all there", 3, keeps_orders, seen, run, times)
    sheet.judge("The outage that you recorded is the table's", 2, outage_is_true, run, times)
    sheet.judge("Another failover: the other instance, no row lost", 3, fails_over, seen)


def find_cluster(account: Account, name: str) -> dict[str, Any]:
    """The DB cluster; Mistake when there is none or it is not available."""
    try:
        found: dict[str, Any] = account.rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]
    except ClientError as error:
        if "NotFound" in error.response["Error"]["Code"]:
            raise Mistake(f"there is no DB cluster {name!r}: create it first") from error
        raise
    if not found["Engine"].startswith("aurora"):
        raise Mistake(f"{name} is {found['Engine']}: create it with Engine='aurora-postgresql'")
    return found


def settled(account: Account, shown: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """The members, once all are available: a former writer needs a while to come back as a reader."""
    names = [str(each["DBInstanceIdentifier"]) for each in shown["DBClusterMembers"]]
    members: list[Mapping[str, Any]] = []

    def looked() -> bool:
        members[:] = map(account.database, names)
        return all(each["DBInstanceStatus"] == "available" for each in members)

    failover.until(looked, _patience(account))
    return tuple(members)


def _patience(account: Account) -> float:
    return TAKEOVER_S if account.endpoint_url else TAKEOVER_AWS_S


def spans_zones(cluster: Cluster) -> None:
    """Two available instances or more, not all of them in one zone."""
    ready = [each for each in cluster.members if each["DBInstanceStatus"] == "available"]
    if len(ready) < 2:
        raise Mistake(
            f"{cluster.name} has {len(ready)} available instance(s): with one there is nobody to fail over "
            "to; create_db_instance with the same DBClusterIdentifier, in another zone"
        )
    zones = {each["AvailabilityZone"] for each in ready}
    if len(zones) < 2:
        raise Mistake(
            f"all instances of {cluster.name} are in {zones.pop()}: when it fails, all do; create one with "
            "another AvailabilityZone",
            earned=1,
        )


def is_encrypted(cluster: Cluster) -> None:
    """StorageEncrypted is on."""
    if not cluster.shown["StorageEncrypted"]:
        raise Mistake(
            f"the volume of {cluster.name} is not encrypted, which cannot be changed later: delete the "
            "cluster (or take another name) and create it with StorageEncrypted=True"
        )


def is_private(cluster: Cluster) -> None:
    """No instance is publicly accessible or lies in a subnet with a route to an internet gateway."""
    if not cluster.members:
        raise Mistake(f"{cluster.name} has no instance: create_db_instance with its DBClusterIdentifier")
    for member in cluster.members:
        lab_6_1.is_not_public(member)
        lab_6_1.has_no_way_out(cluster.account, member)


def keeps_orders(cluster: Cluster, run: Any, times: list[datetime]) -> None:
    """Each promised order is in the table, and they span a failover of the cluster."""
    orders = promised(run)
    with cluster.session() as session:
        query = "SELECT order_id, created_at FROM public.orders WHERE order_id = ANY(%s)"
        try:
            found = dict(session.execute(query, [orders]).fetchall())
        except psycopg.errors.UndefinedTable:
            raise Mistake(
                "there is no table 'orders': load ShopStream's data through the writer endpoint"
            ) from None
    missing = set(orders) - found.keys()
    if missing:
        raise Mistake(
            f"{len(missing)} of {len(orders)} promised orders are not in the table (order {min(missing)}): "
            "an order counts when its commit has returned, not when it is sent"
        )
    span = sorted(found.values())
    _require_failover(cluster, span)
    times += span


def promised(run: Any) -> list[int]:
    """The orders that the learner's client was promised."""
    orders = run.get("orders") if isinstance(run, Mapping) else None
    if not isinstance(orders, list) or not all(type(each) is int for each in orders):
        raise Mistake(
            "run['orders'] is no list of order ids: send [order_id for order_id, _ in ACKNOWLEDGED]"
        )
    if len(set(orders)) < 2:
        raise Mistake("no order was promised: run place_orders in a thread while the cluster fails over")
    return orders


def _require_failover(cluster: Cluster, times: list[datetime]) -> None:
    completed = [
        event["Date"]
        for event in cluster.account.rds.describe_events(
            SourceType="db-cluster", SourceIdentifier=cluster.name, Duration=DAYS * 24 * 60
        )["Events"]
        if event["Message"].startswith("Completed failover")
    ]
    if not completed:
        raise Mistake(
            f"{cluster.name} has not failed over in {DAYS} days: failover_db_cluster (a reboot brings the "
            "same instance back)"
        )
    if any(times[0] < each < times[-1] for each in completed):
        return
    if all(each < times[0] for each in completed):
        raise Mistake("the promised orders all came after the last failover: start the client before it")
    raise Mistake(
        "the promised orders end before the failover was complete: let the client go on until another "
        "instance is the writer, and for a second more"
    )


def outage_is_true(run: Any, times: list[datetime]) -> None:
    """The recorded outage is the longest pause between the promised orders in the table."""
    if not times:
        raise Mistake("it is compared with the promised orders: see above")
    outage = run.get("outage")
    if isinstance(outage, bool) or not isinstance(outage, int | float):
        raise Mistake("run['outage'] is no number: measure the longest pause between two promised orders")
    pause = max((b - a).total_seconds() for a, b in itertools.pairwise(times))
    if _is_near(outage, pause):
        return
    said = f"you recorded {outage:.4g} s, but between two of your orders in the table lie {pause:.2f} s"
    if _is_near(outage / 1000, pause):
        raise Mistake(f"{said}: yours are milliseconds", earned=1)
    raise Mistake(f"{said}: measure from one promised order to the next, with time.monotonic()")


def _is_near(outage: float, pause: float) -> bool:
    return abs(outage - pause) <= max(SLACK_S, SLACK * pause)


def fails_over(cluster: Cluster) -> None:
    """The cluster is failed over under a writer: the endpoint reaches another instance, and has every row."""
    if len(cluster.members) < 2:
        raise Mistake(f"{cluster.name} has nobody to fail over to: add an instance")
    patience, rds = _patience(cluster.account), cluster.account.rds
    with cluster.login() as login, failover.Writer(login, throwaway.new_name()) as writer:
        writer.go_on(patience)
        before = _leader(login)
        rds.failover_db_cluster(DBClusterIdentifier=cluster.name)
        if not failover.until(lambda: _writer(cluster) != before, patience):
            raise Mistake(f"{before} is still the writer {patience:.0f} s after failover_db_cluster")
        writer.go_on(patience)
        after, lost = _leader(login), writer.lost()
    if after == before:
        raise Mistake(f"after the failover the writer endpoint still reaches {before}")
    if lost:
        raise Mistake(f"{len(lost)} of {len(writer.acknowledged)} commits are gone after the failover")


def _leader(login: Mapping[str, Any]) -> str:
    with psycopg.connect(**login) as connection:
        row = connection.execute(WHO).fetchone()
    return str(row[0]) if row else ""


def _writer(cluster: Cluster) -> str:
    members = find_cluster(cluster.account, cluster.name)["DBClusterMembers"]
    return next((str(each["DBInstanceIdentifier"]) for each in members if each["IsClusterWriter"]), "")
