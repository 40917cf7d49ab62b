"""The outcomes against real servers: a right lab, the usual mistakes with their messages, other ways."""

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest

from autograder.grading import GradingAccount
from autograder.outcome import Verdict

pytestmark = [pytest.mark.engine, pytest.mark.slow]

DB, MASTER, PASSWORD = "shop", "shopmaster", "correct-horse-battery"
WAIT = {"Delay": 1, "MaxAttempts": 120}

APP = textwrap.dedent(
    """
    import json, os, boto3, psycopg

    def connect():
        found = boto3.client("secretsmanager").get_secret_value(SecretId=os.environ["DB_SECRET"])
        login = json.loads(found["SecretString"])
        return psycopg.connect(
            host=os.environ["DB_HOST"], hostaddr=os.environ.get("DB_HOSTADDR"), port=os.environ["DB_PORT"],
            dbname=os.environ["DB_NAME"], user=login["username"], password=login["password"],
            sslmode="verify-full", sslrootcert=os.environ["DB_CA"], connect_timeout=5,
        )

    def place_order(conn, user_id, product_id, quantity):
        with conn.transaction():
            order = conn.execute(
                "INSERT INTO orders (user_id, total) VALUES (%s, 0) RETURNING order_id", (user_id,)
            ).fetchone()[0]
            conn.execute(
                "INSERT INTO order_items (order_id, product_id, quantity, unit_price) VALUES (%s, %s, %s, 1)",
                (order, product_id, quantity),
            )
        return order
    """
)


class Lab:
    """A right lab week 6 in an account of its own."""

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
        self._host()
        self.create_database(DB)
        self._load()

    def _network(self) -> None:
        self.vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.ec2.modify_vpc_attribute(VpcId=self.vpc, EnableDnsHostnames={"Value": True})
        self.private = [self._subnet(f"10.0.{n}.0/24", zone) for n, zone in ((11, "a"), (12, "b"))]
        self.public = [self._subnet(f"10.0.{n}.0/24", zone) for n, zone in ((1, "a"), (2, "b"))]
        gateway = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=self.vpc)
        table = self.ec2.create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"]
        self.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        for subnet in self.public:
            self.ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
        self.app_group = self.group("app")
        self.db_group = self.group("db")
        self.admit(self.db_group, self.app_group)
        for name, subnets in (("private", self.private), ("public", self.public)):
            self.rds.create_db_subnet_group(
                DBSubnetGroupName=name, DBSubnetGroupDescription=name, SubnetIds=subnets
            )

    def _subnet(self, block: str, zone: str) -> str:
        made = self.ec2.create_subnet(VpcId=self.vpc, CidrBlock=block, AvailabilityZone=f"us-east-1{zone}")
        return str(made["Subnet"]["SubnetId"])

    def group(self, name: str) -> str:
        return str(
            self.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.vpc)["GroupId"]
        )

    def admit(self, group: str, source: str) -> None:
        rule: dict[str, Any] = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432}
        pairs, ranges = [{"GroupId": source}], [{"CidrIp": source}]
        rule |= {"UserIdGroupPairs": pairs} if source.startswith("sg-") else {"IpRanges": ranges}
        self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])

    def _host(self) -> None:
        self.iam.create_role(RoleName="app", AssumeRolePolicyDocument="{}")
        self.iam.create_instance_profile(InstanceProfileName="app")
        self.iam.add_role_to_instance_profile(InstanceProfileName="app", RoleName="app")
        image = self.ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        self.host = self.ec2.run_instances(
            ImageId=image,
            InstanceType="t3.micro",
            MinCount=1,
            MaxCount=1,
            SubnetId=self.public[0],
            SecurityGroupIds=[self.app_group],
            IamInstanceProfile={"Name": "app"},
        )["Instances"][0]["InstanceId"]
        self.ec2.get_waiter("instance_running").wait(InstanceIds=[self.host])

    def create_database(self, name: str, **settings: Any) -> None:
        self.rds.create_db_instance(
            **{
                "DBInstanceIdentifier": name,
                "DBInstanceClass": "db.t3.micro",
                "Engine": "postgres",
                "AllocatedStorage": 20,
                "MasterUsername": MASTER,
                "MasterUserPassword": PASSWORD,
                "DBName": "shop",
                "DBSubnetGroupName": "private",
                "VpcSecurityGroupIds": [self.db_group],
                "PubliclyAccessible": False,
                "StorageEncrypted": True,
                "BackupRetentionPeriod": 7,
                "PreferredBackupWindow": "03:00-03:30",
                "PreferredMaintenanceWindow": "sun:05:00-sun:05:30",
            }
            | settings
        )
        self.wait(name)

    def wait(self, name: str = DB) -> None:
        self.rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=name, WaiterConfig=WAIT)

    def connect(self, user: str = MASTER, password: str = PASSWORD) -> psycopg.Connection[Any]:
        address = self.rds.describe_db_instances(DBInstanceIdentifier=DB)["DBInstances"][0]["Endpoint"][
            "Address"
        ]
        stream = self.ssm.start_session(
            Target=self.host,
            DocumentName="AWS-StartPortForwardingSessionToRemoteHost",
            Parameters={"host": [address], "portNumber": ["5432"], "localPortNumber": ["0"]},
        )["StreamUrl"]
        return psycopg.connect(
            host=address,
            hostaddr="127.0.0.1",
            port=int(stream.rsplit(":", 1)[1]),
            user=user,
            password=password,
            dbname="shop",
            sslmode="verify-full",
            sslrootcert=self.ca,
            autocommit=True,
        )

    def _load(self) -> None:
        from labkit import shopstream

        with self.connect() as connection:
            shopstream.load(connection)
            connection.execute("CREATE ROLE app LOGIN PASSWORD 'the-app-its-own'")
            connection.execute("GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO app")
            connection.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO app")
        self.secrets.create_secret(
            Name="shop/app", SecretString='{"username": "app", "password": "the-app-its-own"}'
        )
        self.secrets.create_secret(
            Name="shop/master", SecretString=f'{{"username": "{MASTER}", "password": "{PASSWORD}"}}'
        )

    def judge(self, outcome: str, **values: str) -> Verdict:
        return self.account.judge(outcome, {"db": DB, "app_host": self.host} | values)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with GradingAccount() as account:
        yield Lab(account, tmp_path_factory.mktemp("learner"))


def lost(verdict: Verdict) -> dict[str, str]:
    return {finding.title: finding.message for finding in verdict.findings if finding.message}


def test_a_right_deployment(lab: Lab) -> None:
    verdict = lab.judge("lab-6.1")
    assert lost(verdict) == {}
    assert verdict.earned == verdict.points == 10


def test_a_right_app(lab: Lab) -> None:
    verdict = lab.judge("lab-6.2", secret="shop/app", app=APP)
    assert lost(verdict) == {}
    assert verdict.earned == verdict.points == 8


def command(lab: Lab, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "autograder", "check", *arguments],
        env=lab.account.own_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_command_line_finds_the_values(lab: Lab, tmp_path: Path) -> None:
    code, said = command(lab, "6.1")
    assert code == 0, said
    assert said.startswith("lab-6.1  Private deployment: 10 of 10 points\n  ok     1/1")
    code, said = command(lab, "6.3")
    assert (code, "There is no manual snapshot in this account" in said) == (2, True)
    code, said = command(lab, "rds-parameters")
    assert code == 2
    assert "There are several: shop/app, shop/master. Name the secret with --secret." in said
    code, said = command(lab, "rds-parameters", "--secret", "shop/app")
    assert (code, "FAIL   0/1   The instance has a parameter group of its own" in said) == (1, True)


def test_another_right_deployment(lab: Lab) -> None:
    """Every protocol from the app's group, and a second group that admits nobody."""
    wide, idle = lab.group("wide"), lab.group("idle")
    lab.ec2.authorize_security_group_ingress(
        GroupId=wide, IpPermissions=[{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": lab.app_group}]}]
    )
    lab.rds.modify_db_instance(
        DBInstanceIdentifier=DB, VpcSecurityGroupIds=[wide, idle], ApplyImmediately=True
    )
    lab.wait()
    assert lost(lab.judge("lab-6.1")) == {}
    lab.rds.modify_db_instance(
        DBInstanceIdentifier=DB, VpcSecurityGroupIds=[lab.db_group], ApplyImmediately=True
    )
    lab.wait()


def test_a_database_for_everybody(lab: Lab) -> None:
    everybody = lab.group("everybody")
    lab.admit(everybody, "0.0.0.0/0")
    lab.create_database(
        "open",
        DBSubnetGroupName="public",
        PubliclyAccessible=True,
        StorageEncrypted=False,
        VpcSecurityGroupIds=[everybody],
    )
    verdict = lab.judge("lab-6.1", db="open")
    messages = list(lost(verdict).values())
    assert verdict.earned == 3
    assert "sends 0.0.0.0/0 to igw-" in messages[0]
    assert "PubliclyAccessible=False" in messages[1]
    assert "not encrypted" in messages[2]
    remedy = f"let in only the app tier's group ({lab.app_group})"
    assert messages[3] == f"{everybody} admits 0.0.0.0/0 (the whole internet) on 5432: {remedy}"
    assert "answered a caller outside the VPC" in messages[4]


def test_a_group_that_admits_nobody(lab: Lab) -> None:
    closed = lab.group("closed")
    lab.rds.modify_db_instance(DBInstanceIdentifier=DB, VpcSecurityGroupIds=[closed], ApplyImmediately=True)
    lab.wait()
    verdict = lab.judge("lab-6.1")
    lab.rds.modify_db_instance(
        DBInstanceIdentifier=DB, VpcSecurityGroupIds=[lab.db_group], ApplyImmediately=True
    )
    lab.wait()
    admits, reaches = lost(verdict).values()
    assert admits.startswith(f"{closed} admits nobody on 5432")
    assert "nothing answers" in reaches
    assert verdict.earned == 6


def test_names_that_do_not_exist(lab: Lab) -> None:
    assert "there is no DB instance 'nowhere'" in lost(lab.judge("lab-6.1", db="nowhere")).popitem()[1]
    verdict = lab.judge("lab-6.1", app_host="i-0123456789abcdef0")
    assert all("there is no EC2 instance" in message for message in lost(verdict).values())
    assert verdict.earned == 6


ONE_STATEMENT = APP[: APP.index("def place_order")] + textwrap.dedent(
    """
    def place_order(conn, user_id, product_id, quantity):
        conn.autocommit = True
        return conn.execute(
            "WITH o AS (INSERT INTO orders (user_id) VALUES (%s) RETURNING order_id),"
            " i AS (INSERT INTO order_items"
            " (order_id, product_id, quantity, unit_price) SELECT o.order_id, p.product_id, %s, p.price"
            " FROM o, products p WHERE p.product_id = %s RETURNING order_id) SELECT order_id FROM i",
            (user_id, quantity, product_id),
        ).fetchone()[0]
    """
)
CHECKED_FIRST = ONE_STATEMENT.replace(
    "    conn.autocommit = True\n",
    "    assert conn.execute('SELECT 1 FROM products WHERE product_id = %s', (product_id,)).fetchone()\n"
    "    conn.commit()\n    conn.autocommit = True\n",
)


def test_another_right_app(lab: Lab) -> None:
    """One statement instead of a transaction block, after a look at the product."""
    assert lost(lab.judge("lab-6.2", secret="shop/app", app=CHECKED_FIRST)) == {}


def test_the_master_without_verification(lab: Lab) -> None:
    app = APP.replace("verify-full", "prefer").replace('sslrootcert=os.environ["DB_CA"], ', "")
    verdict = lab.judge("lab-6.2", secret="shop/master", app=app)
    user, impostor, plain = lost(verdict).values()
    assert "holds the master user 'shopmaster'" in user
    assert impostor.startswith(
        "connect() sent its password over TLS, to a certificate of an unknown authority"
    )
    assert plain.startswith("connect() sent its password without TLS, after the server had refused it")
    assert verdict.earned == 4


def test_two_transactions_and_any_server_of_the_authority(lab: Lab) -> None:
    halves = APP.replace("verify-full", "verify-ca").replace("with conn.transaction():", "if True:")
    halves = halves.replace(".fetchone()[0]\n", ".fetchone()[0]\n        conn.commit()\n")
    halves = halves.replace("    return order", "    conn.commit()\n    return order")
    verdict = lab.judge("lab-6.2", secret="shop/app", app=halves)
    order, impostor = lost(verdict).values()
    assert "left order" in order, order
    assert "sslmode=verify-full instead of verify-ca" in impostor
    assert verdict.earned == 5


def test_an_app_that_does_not_commit(lab: Lab) -> None:
    verdict = lab.judge("lab-6.2", secret="shop/app", app=APP.replace("with conn.transaction():", "if True:"))
    assert "commit before returning" in lost(verdict).popitem()[1]
    assert verdict.earned == 5


@pytest.mark.parametrize(
    ("app", "message"),
    [
        ("import os\nos._exit(3)", "ended its own process (code 3)"),
    ],
)
def test_a_file_that_is_no_app(lab: Lab, app: str, message: str) -> None:
    verdict = lab.judge("lab-6.2", secret="shop/app", app=app)
    assert message in next(iter(lost(verdict).values()))
    assert verdict.earned == 1


def test_backups(lab: Lab) -> None:
    """A right one, also when orders are made, paid and deleted after the snapshot."""
    lab.rds.create_db_snapshot(DBSnapshotIdentifier="kept", DBInstanceIdentifier=DB)
    lab.rds.get_waiter("db_snapshot_available").wait(DBSnapshotIdentifier="kept", WaiterConfig=WAIT)
    with lab.connect() as connection:
        connection.execute("UPDATE orders SET status = 'paid' WHERE order_id < 50")
        connection.execute("DELETE FROM orders WHERE order_id = 77")
        connection.execute("INSERT INTO orders (user_id) VALUES (1)")
    verdict = lab.judge("lab-6.3", snapshot="kept")
    assert lost(verdict) == {}
    assert verdict.earned == 8
    left = lab.rds.describe_db_instances()["DBInstances"]
    assert {
        item["DBInstanceStatus"] for item in left if item["DBInstanceIdentifier"].startswith("examiner-")
    } <= {"deleting"}


def test_a_snapshot_of_too_little(lab: Lab) -> None:
    """Taken before the data came, and backups kept for a day."""
    lab.rds.create_db_snapshot(DBSnapshotIdentifier="early", DBInstanceIdentifier=DB)
    lab.rds.get_waiter("db_snapshot_available").wait(DBSnapshotIdentifier="early", WaiterConfig=WAIT)
    with lab.connect() as connection:
        connection.execute(
            "INSERT INTO orders (user_id, created_at)"
            " SELECT 1, now() - interval '1 day' FROM generate_series(1, 9)"
        )
    lab.rds.modify_db_instance(DBInstanceIdentifier=DB, BackupRetentionPeriod=1, ApplyImmediately=True)
    lab.wait()
    verdict = lab.judge("lab-6.3", snapshot="early")
    days, rows = lost(verdict).values()
    assert days.startswith("automated backups are kept for 1 day(s)")
    assert "take a snapshot after the data is loaded" in rows
    assert verdict.earned == 3
    assert "there is no snapshot 'none'" in list(lost(lab.judge("lab-6.3", snapshot="none")).values())[-1]


def set_parameters(lab: Lab) -> None:
    lab.rds.modify_db_parameter_group(
        DBParameterGroupName="tuned",
        Parameters=[
            {
                "ParameterName": "log_min_duration_statement",
                "ParameterValue": "250",
                "ApplyMethod": "immediate",
            },
            {"ParameterName": "max_connections", "ParameterValue": "60", "ApplyMethod": "pending-reboot"},
        ],
    )


def test_parameters_from_a_role(lab: Lab) -> None:
    with lab.connect() as connection:
        connection.execute("ALTER ROLE CURRENT_USER SET log_min_duration_statement = 250")
    verdict = lab.judge("rds-parameters", secret="shop/master")
    with lab.connect() as connection:
        connection.execute("ALTER ROLE CURRENT_USER RESET log_min_duration_statement")
    group, dynamic, static = lost(verdict).values()
    assert "which cannot be changed" in group
    assert "is 250 only from ALTER ROLE" in dynamic
    assert "modify_db_parameter_group" in static
    assert verdict.earned == 0


def test_parameters_before_and_after_the_reboot(lab: Lab) -> None:
    version = lab.rds.describe_db_instances(DBInstanceIdentifier=DB)["DBInstances"][0]["EngineVersion"]
    family = lab.rds.describe_db_engine_versions(Engine="postgres", EngineVersion=version)[
        "DBEngineVersions"
    ][0]
    lab.rds.create_db_parameter_group(
        DBParameterGroupName="tuned", DBParameterGroupFamily=family["DBParameterGroupFamily"], Description="t"
    )
    set_parameters(lab)
    lab.rds.modify_db_instance(DBInstanceIdentifier=DB, DBParameterGroupName="tuned", ApplyImmediately=True)
    lab.wait()
    before = lab.judge("rds-parameters", secret="shop/app")
    assert "a static parameter waits for reboot_db_instance" in lost(before)["The static value is in force"]
    lab.rds.reboot_db_instance(DBInstanceIdentifier=DB)
    lab.wait()
    after = lab.judge("rds-parameters", secret="shop/app")
    assert lost(after) == {}
    assert after.earned == 4


def test_parameters_in_another_order(lab: Lab) -> None:
    """Attached first, changed afterwards, both waiting for the one reboot."""
    before = lab.rds.describe_db_instances(DBInstanceIdentifier=DB)["DBInstances"][0]
    found = lab.rds.describe_db_engine_versions(Engine="postgres", EngineVersion=before["EngineVersion"])
    lab.rds.create_db_parameter_group(
        DBParameterGroupName="late",
        DBParameterGroupFamily=found["DBEngineVersions"][0]["DBParameterGroupFamily"],
        Description="t",
    )
    lab.rds.modify_db_instance(DBInstanceIdentifier=DB, DBParameterGroupName="late", ApplyImmediately=True)
    lab.wait()
    values = {"log_min_duration_statement": "250", "max_connections": "60"}
    lab.rds.modify_db_parameter_group(
        DBParameterGroupName="late",
        Parameters=[
            {"ParameterName": name, "ParameterValue": value, "ApplyMethod": "pending-reboot"}
            for name, value in values.items()
        ],
    )
    lab.rds.reboot_db_instance(DBInstanceIdentifier=DB)
    lab.wait()
    assert lost(lab.judge("rds-parameters", secret="shop/app")) == {}
