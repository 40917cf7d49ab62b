"""The outcomes against real servers: a right lab, the usual mistakes with their messages, and other right ways."""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest

from autograder.grading import GradingAccount
from autograder.outcome import Verdict

pytestmark = pytest.mark.engine

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
        session = boto3.Session(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], region_name="us-east-1")
        self.ec2, self.rds, self.iam, self.ssm, self.secrets = (
            session.client(name, endpoint_url=env["AWS_ENDPOINT_URL"])
            for name in ("ec2", "rds", "iam", "ssm", "secretsmanager")
        )
        self._network()
        self._host()
        self.create_database(DB)
        self._load()

    def _network(self) -> None:
        self.vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
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
        return str(self.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.vpc)["GroupId"])

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
        address = self.rds.describe_db_instances(DBInstanceIdentifier=DB)["DBInstances"][0]["Endpoint"]["Address"]
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
