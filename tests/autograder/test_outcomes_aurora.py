"""The Aurora outcome against real clusters: the usual mistakes with their messages, and another right way."""

import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest

from autograder.grading import GradingAccount
from autograder.outcome import Verdict

pytestmark = [pytest.mark.engine, pytest.mark.slow]

USER, PASSWORD, SECRET = "owner", "correct-horse-battery", "books/owner"
WAIT = {"Delay": 1, "MaxAttempts": 120}
ZONES, FAILOVER, OUTAGE = (
    "Instances in two Availability Zones",
    "Orders on both sides of your failover are all there",
    "The outage that you recorded is the table's",
)


class Lab:
    """An account with a network, a host and clusters whose names are not the notebook's."""

    def __init__(self, account: GradingAccount, folder: Path) -> None:
        self.account = account
        env = account.environment(folder)
        self.ca = env["LAB_CA_BUNDLE"]
        session = boto3.Session(
            env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], region_name="us-east-1"
        )
        client: Any = session.client
        self.ec2, self.rds, self.iam, self.ssm, self.secrets = (
            client(name, endpoint_url=env["AWS_ENDPOINT_URL"])
            for name in ("ec2", "rds", "iam", "ssm", "secretsmanager")
        )
        self._network()
        self.host = self._host()
        text = f'{{"username": "{USER}", "password": "{PASSWORD}"}}'
        self.secrets.create_secret(Name=SECRET, SecretString=text)

    def _network(self) -> None:
        vpc = self.ec2.create_vpc(CidrBlock="172.20.0.0/16")["Vpc"]["VpcId"]
        self.ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
        # the VPC has a gateway, but no route leads to it
        gateway = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        self.subnets = [
            self.ec2.create_subnet(
                VpcId=vpc, CidrBlock=f"172.20.{number}.0/24", AvailabilityZone=f"us-east-1{zone}"
            )["Subnet"]["SubnetId"]
            for number, zone in ((31, "b"), (32, "c"))
        ]
        self.rds.create_db_subnet_group(
            DBSubnetGroupName="books", DBSubnetGroupDescription="books", SubnetIds=self.subnets
        )
        self.app, self.group = (
            self.ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
            for name in ("app", "books")
        )
        rule = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432}
        pairs = [{"GroupId": self.app}]
        self.ec2.authorize_security_group_ingress(
            GroupId=self.group, IpPermissions=[rule | {"UserIdGroupPairs": pairs}]
        )

    def _host(self) -> str:
        self.iam.create_role(RoleName="app", AssumeRolePolicyDocument="{}")
        self.iam.create_instance_profile(InstanceProfileName="app")
        self.iam.add_role_to_instance_profile(InstanceProfileName="app", RoleName="app")
        image = self.ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        made = self.ec2.run_instances(
            ImageId=image,
            InstanceType="t3.micro",
            MinCount=1,
            MaxCount=1,
            SubnetId=self.subnets[0],
            SecurityGroupIds=[self.app],
            IamInstanceProfile={"Name": "app"},
        )["Instances"][0]["InstanceId"]
        self.ec2.get_waiter("instance_running").wait(InstanceIds=[made])
        return str(made)

    def create(self, name: str, **settings: Any) -> None:
        self.rds.create_db_cluster(
            DBClusterIdentifier=name,
            Engine="aurora-postgresql",
            MasterUsername=USER,
            MasterUserPassword=PASSWORD,
            DatabaseName="sales",
            DBSubnetGroupName="books",
            VpcSecurityGroupIds=[self.group],
            **settings,
        )

    def add(self, cluster: str, name: str, zone: str, **settings: Any) -> None:
        self.rds.create_db_instance(
            DBInstanceIdentifier=name,
            DBClusterIdentifier=cluster,
            Engine="aurora-postgresql",
            DBInstanceClass="db.r6g.large",
            AvailabilityZone=f"us-east-1{zone}",
            **({"PubliclyAccessible": False} | settings),
        )

    def wait(self, *names: str) -> None:
        for name in names:
            self.rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=name, WaiterConfig=WAIT)

    def login(self, cluster: str) -> dict[str, Any]:
        address = self.rds.describe_db_clusters(DBClusterIdentifier=cluster)["DBClusters"][0]["Endpoint"]
        stream = self.ssm.start_session(
            Target=self.host,
            DocumentName="AWS-StartPortForwardingSessionToRemoteHost",
            Parameters={"host": [address], "portNumber": ["5432"], "localPortNumber": ["0"]},
        )["StreamUrl"]
        return {
            "host": address,
            "hostaddr": "127.0.0.1",
            "port": int(stream.rsplit(":", 1)[1]),
            "user": USER,
            "password": PASSWORD,
            "dbname": "sales",
            "sslmode": "verify-full",
            "sslrootcert": self.ca,
        }

    def writer(self, cluster: str) -> str:
        members = self.rds.describe_db_clusters(DBClusterIdentifier=cluster)["DBClusters"][0]
        return next(
            str(each["DBInstanceIdentifier"])
            for each in members["DBClusterMembers"]
            if each["IsClusterWriter"]
        )

    def judge(self, cluster: str, run: object) -> Verdict:
        values = {"cluster": cluster, "app_host": self.host, "secret": SECRET, "run": run}
        return self.account.judge("aurora-cluster", values)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with GradingAccount() as account:
        made = Lab(account, tmp_path_factory.mktemp("learner"))
        made.create("books", StorageEncrypted=True)
        made.add("books", "odd", "b")
        made.add("books", "even", "c")
        made.wait("odd", "even")
        with psycopg.connect(**made.login("books")) as connection:
            connection.execute(
                "CREATE TABLE orders (order_id bigint GENERATED ALWAYS AS IDENTITY,"
                " created_at timestamptz DEFAULT clock_timestamp())"
            )
        yield made


def order(connection: psycopg.Connection[Any]) -> int:
    """One order in a transaction of its own."""
    with connection.transaction():
        row = connection.execute("INSERT INTO orders DEFAULT VALUES RETURNING order_id").fetchone()
    assert row is not None
    return int(row[0])


def orders_in_peace(lab: Lab, count: int) -> list[int]:
    with psycopg.connect(**lab.login("books")) as connection:
        return [order(connection) for _ in range(count)]


def lost(verdict: Verdict) -> dict[str, str]:
    return {finding.title: finding.message for finding in verdict.findings if finding.message}


def test_orders_on_one_side_of_a_failover(lab: Lab) -> None:
    """First there was none; then the examiner's own comes after these orders, and before the later ones."""
    early = orders_in_peace(lab, 3)
    verdict = lab.judge("books", {"orders": early, "outage": 0.1})
    said = lost(verdict)
    assert "books has not failed over in 14 days: failover_db_cluster (a reboot" in said[FAILOVER]
    assert said[OUTAGE] == "it is compared with the promised orders: see above"
    assert verdict.earned == 7
    verdict = lab.judge("books", {"orders": early, "outage": 0.1})
    assert "the promised orders end before the failover was complete" in lost(verdict)[FAILOVER]
    verdict = lab.judge("books", {"orders": orders_in_peace(lab, 3), "outage": 0.1})
    assert "all came after the last failover: start the client before it" in lost(verdict)[FAILOVER]


class Client:
    """Another client than the notebook's: a connection for each order, commits of its own, retries."""

    def __init__(self, login: dict[str, Any]) -> None:
        self.promised: list[tuple[int, float]] = []
        self._login, self._ending = login, threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def _work(self) -> None:
        while not self._ending.wait(0.02):
            try:
                with psycopg.connect(**self._login, connect_timeout=5) as connection:
                    number = order(connection)
                self.promised.append((number, time.monotonic()))
            except psycopg.Error:
                continue

    def fail_over(self, lab: Lab, cluster: str) -> dict[str, Any]:
        """Order through a failover; what a notebook would send."""
        before = lab.writer(cluster)
        self._thread.start()
        self._go_on()
        lab.rds.failover_db_cluster(DBClusterIdentifier=cluster)
        deadline = time.monotonic() + 30
        while lab.writer(cluster) == before and time.monotonic() < deadline:
            time.sleep(0.1)
        self._go_on()
        self._ending.set()
        self._thread.join(timeout=20)
        pause = max(b - a for (_, a), (_, b) in pairwise(self.promised))
        return {"orders": [number for number, _ in self.promised], "outage": pause}

    def _go_on(self) -> None:
        wanted, deadline = len(self.promised) + 10, time.monotonic() + 30
        while len(self.promised) < wanted:
            assert time.monotonic() < deadline, "no orders"
            time.sleep(0.05)


def test_another_right_cluster_and_what_is_wrong_with_what_was_recorded(lab: Lab) -> None:
    """Three instances, other names, another client; then the same run with a wrong number or a lost order."""
    lab.add("books", "third", "b", PromotionTier=0)
    lab.wait("odd", "even", "third")
    run = Client(lab.login("books")).fail_over(lab, "books")
    verdict = lab.judge("books", run)
    assert lost(verdict) == {}
    assert verdict.earned == verdict.points == 12
    milliseconds = run | {"outage": 1000 * run["outage"]}
    verdict = lab.judge("books", milliseconds)
    assert lost(verdict)[OUTAGE].endswith("s: yours are milliseconds")
    assert verdict.earned == 11
    too_many = run | {"orders": [*run["orders"], 10**9]}
    verdict = lab.judge("books", too_many)
    assert f"1 of {len(run['orders']) + 1} promised orders are not in the table" in lost(verdict)[FAILOVER]
    assert verdict.earned == 7


def test_a_cluster_of_one_that_everybody_can_see(lab: Lab) -> None:
    lab.create("alone", StorageEncrypted=False)
    lab.add("alone", "only", "b", PubliclyAccessible=True)
    lab.wait("only")
    verdict = lab.judge("alone", {"orders": [1, 2], "outage": 1})
    zones, encrypted, public, orders, outage, failover = lost(verdict).values()
    assert zones.startswith("alone has 1 available instance(s): with one there is nobody to fail over to")
    assert "StorageEncrypted=True" in encrypted
    assert "only is publicly accessible" in public
    assert orders == "there is no table 'orders': load ShopStream's data through the writer endpoint"
    assert outage.startswith("it is compared")
    assert failover == "alone has nobody to fail over to: add an instance"
    assert verdict.earned == 0
    lab.add("alone", "neighbour", "b")
    lab.wait("neighbour")
    verdict = lab.judge("alone", {"orders": "all", "outage": None})
    said = lost(verdict)
    assert said[ZONES].startswith("all instances of alone are in us-east-1b")
    assert said[FAILOVER].startswith("run['orders'] is no list of order ids")
    assert verdict.earned == 1 + 3


def test_names_that_do_not_exist(lab: Lab) -> None:
    verdict = lab.judge("nothing", {"orders": []})
    assert lost(verdict).popitem()[1] == "there is no DB cluster 'nothing': create it first"
    assert verdict.points == 12
