"""Lab 6.5 against a database and tables: right both ways, usual mistakes, another design."""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from autograder.grading import GradingAccount
from autograder.outcome import Verdict

pytestmark = [pytest.mark.engine, pytest.mark.slow]

USER, PASSWORD, SECRET = "clerk", "correct-horse-battery", "desk/clerk"
WAIT = {"Delay": 1, "MaxAttempts": 120}
STAY = ["by_category", "keepers"]
QUERIES = {
    "keepers": """
        select distinct user_id from orders o join order_items i using (order_id)
        where i.product_id = %(product_id)s and o.status <> 'cancelled'
          and not exists (select from returns r where r.user_id = o.user_id)
        order by 1""",
    "one": "select * from returns where return_id = %(return_id)s",
    "by_category": """
        select category, count(return_id) as returns, coalesce(sum(refund), 0) as refund
        from products p left join returns r
          on r.product_id = p.product_id and opened_at >= %(start)s and opened_at < %(end)s
        group by category order by category""",
    "waiting": "select * from returns where status = 'open' order by opened_at limit %(count)s",
    "of_customer": """
        select * from returns where user_id = %(user_id)s order by opened_at desc limit %(count)s""",
    "refunded": """
        select count(*) as returns, sum(refund) as refund from returns where user_id = %(user_id)s""",
}
HEAD = "import boto3\nfrom boto3.dynamodb.conditions import Attr, Key\n"
ADAPTER = HEAD + textwrap.dedent(
    """
    table = boto3.resource("dynamodb").Table("desk")

    def put(each):
        item = dict(each)
        if each["status"] == "open":
            item["open_since"] = each["opened_at"]
            item["queue"] = "open"
        table.put_item(Item=item)

    def one(return_id):
        return table.get_item(Key={"return_id": return_id}).get("Item")

    def waiting(count):
        return table.query(
            IndexName="queue", KeyConditionExpression=Key("queue").eq("open"), Limit=count
        )["Items"]

    def of_customer(user_id, count):
        return table.query(
            IndexName="by-user", KeyConditionExpression=Key("user_id").eq(user_id),
            ScanIndexForward=False, Limit=count,
        )["Items"]

    def refunded(user_id):
        found, more = [], {}
        while more is not None:
            page = table.query(
                IndexName="by-user", KeyConditionExpression=Key("user_id").eq(user_id), **more
            )
            found += page["Items"]
            more = {"ExclusiveStartKey": page["LastEvaluatedKey"]} if "LastEvaluatedKey" in page else None
        return {"returns": len(found), "refund": sum(each["refund"] for each in found)}
    """
)
SINGLE = HEAD + textwrap.dedent(
    """
    client = boto3.client("dynamodb")
    resource = boto3.resource("dynamodb")
    table, sums = resource.Table("single"), resource.Table("sums")

    def put(each):
        old = table.put_item(
            Item={"pk": "R#%d" % each["return_id"], "sk": "R", "gpk": "U#%d" % each["user_id"],
                  "gsk": each["opened_at"], "body": each}
            | ({"open": "yes", "since": each["opened_at"]} if each["status"] == "open" else {}),
            ReturnValues="ALL_OLD",
        ).get("Attributes")
        if old is None:
            sums.update_item(
                Key={"user": str(each["user_id"])},
                UpdateExpression="ADD #n :one, refund :money",
                ExpressionAttributeNames={"#n": "returns"},
                ExpressionAttributeValues={":one": 1, ":money": each["refund"]},
            )

    def one(return_id):
        found = table.query(KeyConditionExpression=Key("pk").eq("R#%d" % return_id))["Items"]
        return found[0]["body"]

    def waiting(count):
        found = table.query(IndexName="open", KeyConditionExpression=Key("open").eq("yes"), Limit=count)
        return [each["body"] for each in found["Items"]]

    def of_customer(user_id, count):
        mine = Key("gpk").eq("U#%d" % user_id)
        found = table.query(
            IndexName="second", KeyConditionExpression=mine, ScanIndexForward=False, Limit=count
        )
        return [each["body"] for each in found["Items"]]

    def refunded(user_id):
        item = sums.get_item(Key={"user": str(user_id)})["Item"]
        return [{"returns": item["returns"], "refund": item["refund"]}]
    """
)
OTHER_QUERIES = QUERIES | {
    "keepers": """
        select user_id from users u
        where user_id in (select user_id from orders join order_items using (order_id)
                          where product_id = %(product_id)s and status <> 'cancelled')
        except select user_id from returns
        order by user_id""",
    "by_category": """
        select category, coalesce(sum(n), 0) as returns, coalesce(sum(money), 0) as refund
        from products left join (
            select product_id, count(*) as n, sum(refund) as money from returns
            where opened_at between %(start)s and %(end)s::timestamptz - interval '1 microsecond'
            group by product_id) as r using (product_id)
        group by 1 order by 1""",
}


class Desk:
    """An account with a database that is reached through a host, and tables of several designs."""

    def __init__(self, account: GradingAccount, folder: Path) -> None:
        self.account = account
        env = account.environment(folder)
        session = boto3.Session(
            env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], region_name="us-east-1"
        )
        client: Any = session.client
        self.ec2, self.rds, self.iam, self.dynamodb, secrets = (
            client(name, endpoint_url=env["AWS_ENDPOINT_URL"])
            for name in ("ec2", "rds", "iam", "dynamodb", "secretsmanager")
        )
        secrets.create_secret(Name=SECRET, SecretString=f'{{"username": "{USER}", "password": "{PASSWORD}"}}')
        self.host = self._host_and_database()
        by_user = {"by-user": {"user_id": "N", "opened_at": "S"}}
        self.table("desk", {"return_id": "N"}, by_user | {"queue": {"queue": "S", "open_since": "S"}})
        self.table("by-status", {"status": "S", "opened_at": "S"}, by_user | {"one": {"return_id": "N"}})
        self.table(
            "single",
            {"pk": "S", "sk": "S"},
            {"second": {"gpk": "S", "gsk": "S"}, "open": {"open": "S", "since": "S"}},
        )
        self.table("sums", {"user": "S"}, {})
        self.rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier="desk", WaiterConfig=WAIT)

    def _host_and_database(self) -> str:
        vpc = self.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        group = self.ec2.create_security_group(GroupName="desk", Description="desk", VpcId=vpc)["GroupId"]
        rule = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432}
        pairs = [{"GroupId": group}]
        self.ec2.authorize_security_group_ingress(
            GroupId=group, IpPermissions=[rule | {"UserIdGroupPairs": pairs}]
        )
        self.rds.create_db_instance(
            DBInstanceIdentifier="desk",
            Engine="postgres",
            DBInstanceClass="db.t3.micro",
            AllocatedStorage=20,
            DBName="returns",
            MasterUsername=USER,
            MasterUserPassword=PASSWORD,
            VpcSecurityGroupIds=[group],
            PubliclyAccessible=False,
            BackupRetentionPeriod=0,
        )
        self.iam.create_role(RoleName="app", AssumeRolePolicyDocument="{}")
        self.iam.create_instance_profile(InstanceProfileName="app")
        self.iam.add_role_to_instance_profile(InstanceProfileName="app", RoleName="app")
        made = self.ec2.run_instances(
            ImageId=self.ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"],
            InstanceType="t3.micro",
            MinCount=1,
            MaxCount=1,
            SecurityGroupIds=[group],
            IamInstanceProfile={"Name": "app"},
        )["Instances"][0]["InstanceId"]
        self.ec2.get_waiter("instance_running").wait(InstanceIds=[made])
        return str(made)

    def table(self, name: str, keys: dict[str, str], indexes: dict[str, dict[str, str]]) -> None:
        kinds = {key: kind for each in (keys, *indexes.values()) for key, kind in each.items()}
        more = {}
        if indexes:
            more["GlobalSecondaryIndexes"] = [
                {"IndexName": index, "KeySchema": schema(each), "Projection": {"ProjectionType": "ALL"}}
                for index, each in indexes.items()
            ]
        self.dynamodb.create_table(
            TableName=name,
            KeySchema=schema(keys),
            AttributeDefinitions=[
                {"AttributeName": key, "AttributeType": kind} for key, kind in kinds.items()
            ],
            BillingMode="PAY_PER_REQUEST",
            **more,
        )

    def judge(self, **values: object) -> Verdict:
        usual = {"db": "desk", "app_host": self.host, "secret": SECRET, "table": "desk"}
        work = {"queries": QUERIES, "stay": STAY, "adapter": ADAPTER}
        return self.account.judge("lab-6.5", usual | work | values)


def schema(keys: dict[str, str]) -> list[dict[str, str]]:
    return [
        {"AttributeName": name, "KeyType": kind} for name, kind in zip(keys, ("HASH", "RANGE"), strict=False)
    ]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with GradingAccount() as account:
        yield Desk(account, tmp_path_factory.mktemp("learner"))


def lost(verdict: Verdict) -> dict[str, str]:
    return {finding.title: finding.message for finding in verdict.findings if finding.message}


def edited(text: str, edits: dict[str, str]) -> str:
    for old, new in edits.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


def assert_named(verdict: Verdict, expected: dict[str, str]) -> None:
    """Exactly these criteria fail, by the ends of their titles, and each says why."""
    messages = {title.rpartition(": ")[2]: message for title, message in lost(verdict).items()}
    assert messages.keys() == expected.keys(), messages
    for title, message in expected.items():
        assert message in messages[title]
    assert verdict.earned == verdict.points - len(expected)


def test_both_ways_right(desk: Desk) -> None:
    verdict = desk.judge()
    assert lost(verdict) == {}
    assert verdict.earned == verdict.points == 8


def test_another_design_and_other_queries(desk: Desk) -> None:
    """One table for everything, a counter beside it, and SQL that is written in another way."""
    verdict = desk.judge(
        table="single, sums", adapter=SINGLE, queries=OTHER_QUERIES, stay=["keepers", "by_category"]
    )
    assert lost(verdict) == {}
    assert verdict.earned == verdict.points == 8
    # nothing of the examiner's is left in the learner's tables
    assert desk.dynamodb.scan(TableName="single")["Count"] == 0


FIRST, SECOND = "keepers, one, by_category", "waiting, of_customer, refunded"
INNER = {
    "by_category": QUERIES["by_category"].replace("and opened_at >=", "where opened_at >="),
    "of_customer": QUERIES["of_customer"].replace("desc", ""),
}
DUPLICATES = {
    "keepers": QUERIES["keepers"].replace("distinct", ""),
    "waiting": "select * from returns where status = 'open' order by opened_at",
}
NEVER_THIS = {
    "keepers": QUERIES["keepers"].replace(
        "r.user_id = o.user_id", "r.user_id = o.user_id and r.product_id = 0"
    ),
    "refunded": "select count(*) as returns from returns where user_id = %(user_id)s",
}
CANCELLED = {
    "keepers": QUERIES["keepers"].replace("and o.status <> 'cancelled'", ""),
    "of_customer": "select return_id from return where user_id = %(user_id)s",
}
COUNTED = {
    "by_category": QUERIES["by_category"].replace("count(return_id)", "count(*)"),
    "refunded": "",
}
ONE_STATUS = {
    "one": "select return_id from returns where return_id = %(return_id)s",
    "refunded": QUERIES["refunded"] + " and status = 'refunded'",
}


@pytest.mark.parametrize(
    ("queries", "first", "second"),
    [
        (INNER, "by_category: garden is missing", "of_customer: the oldest, not the latest"),
        (DUPLICATES, "keepers: a customer who bought twice is listed twice", "rows, where 5 are right"),
        (NEVER_THIS, "keepers: lists 3 customers who have returned something", "a row has no 'refund'"),
        (CANCELLED, "whose only order with the product was cancelled", 'relation "return" does not exist'),
        (COUNTED, "by_category: counts rows for garden", "refunded: no query yet"),
        (ONE_STATUS, "one: a row has no 'user_id', only return_id", "counts only returns that are refunded"),
    ],
)
def test_queries_that_are_wrong(desk: Desk, queries: dict[str, str], first: str, second: str) -> None:
    # without STAY the tables are not asked, which is tested apart
    messages = lost(desk.judge(queries=QUERIES | queries, stay=["one"]))
    assert first in messages[f"SQL: {FIRST}"]
    assert second in messages[f"SQL: {SECOND}"]


def test_queries_cannot_change_anything(desk: Desk) -> None:
    """What one query does to the rows is undone before the next."""
    queries = QUERIES | {"keepers": "delete from returns returning user_id"}
    messages = lost(desk.judge(queries=queries, stay=["one"]))
    assert messages[f"SQL: {FIRST}"].startswith("keepers: a customer who bought twice")
    assert f"SQL: {SECOND}" not in messages
    assert messages["DynamoDB answers the other four"].startswith("name two different questions")


GET = 'table.get_item(Key={"return_id": return_id}).get("Item")'
WAITING = """table.query(
        IndexName="queue", KeyConditionExpression=Key("queue").eq("open"), Limit=count
    )["Items"]"""
FILTERED = """table.scan(FilterExpression=Attr("status").eq("open"))["Items"][:count]"""
LATEST = """ScanIndexForward=False, Limit=count,
    )["Items"]"""
MORE = """more = {"ExclusiveStartKey": page["LastEvaluatedKey"]} if "LastEvaluatedKey" in page else None"""
LIMITED = """table.query(
        IndexName="by-user", KeyConditionExpression=Key("user_id").eq(user_id),
        FilterExpression=Attr("status").eq("open"), Limit=count,"""


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        (
            {
                WAITING: FILTERED,
                MORE: "more = None",
                LATEST: LATEST.replace(", Limit=count", "") + "[:count]",
            },
            {
                "waiting": "waiting() scans: it reads every return",
                "refunded": "a Query ends after 1 MB",
                "of_customer": "reads 14 items to answer with 10",
            },
        ),
        (
            {
                GET: "kept[return_id]",
                "item = dict(each)": 'kept.setdefault(each["return_id"], each)\n    item = dict(each)',
                "table = ": "kept = {}\ntable = ",
                LATEST: """FilterExpression=Attr("status").eq("decided"),
        """
                + LATEST,
            },
            {
                "one": "what put() keeps in memory is gone",
                "of_customer": "Limit counts what is read",
            },
        ),
        (
            {LATEST: f'ProjectionExpression="return_id", {LATEST}'},
            {"of_customer": "a row has no 'user_id', only return_id: an index has only what it projects"},
        ),
        (
            {"table.put_item(Item=item)": 'table.put_item(Item=item | {"open_since": None})'},
            dict.fromkeys(("one", "waiting", "of_customer", "refunded"), "put() failed: "),
        ),
    ],
)
def test_files_that_are_wrong(desk: Desk, edits: dict[str, str], expected: dict[str, str]) -> None:
    assert_named(desk.judge(adapter=edited(ADAPTER, edits)), expected)


def test_a_key_that_is_made_of_what_changes(desk: Desk) -> None:
    adapter = edited(
        ADAPTER,
        {
            '"desk"': '"by-status"',
            GET: """table.query(
        IndexName="one", KeyConditionExpression=Key("return_id").eq(return_id))["Items"][0]""",
            'IndexName="queue", KeyConditionExpression=Key("queue")': 'KeyConditionExpression=Key("status")',
        },
    )
    messages = lost(desk.judge(table="by-status", adapter=adapter))
    assert "which is no longer open" in messages["DynamoDB: waiting"]
    assert "one that is put again, with another status, counts once" in messages["DynamoDB: refunded"]


def test_names_that_do_not_belong_into_sql(desk: Desk) -> None:
    verdict = desk.judge(stay=["refunded", "keepers"])
    expected = {
        "name 1 of 2": "refunded: it is a sum, but over one customer's returns",
        "by_category": "the file defines no function by_category()",
    }
    assert_named(verdict, expected)


def test_nothing_yet(desk: Desk) -> None:
    verdict = desk.judge(
        stay=["Ellipsis", "Ellipsis"], queries=dict.fromkeys(QUERIES, "Ellipsis"), table="none"
    )
    assert verdict.earned == 0
    assert list(lost(verdict).values()) == [
        "keepers: no query yet",
        "waiting: no query yet",
        "name 1 is missing: STAY holds two of keepers, one, by_category, waiting, of_customer, refunded",
        "name 2 is missing: STAY holds two of keepers, one, by_category, waiting, of_customer, refunded",
        "name two different questions in STAY first: the other four are then asked of your file",
    ]


def test_a_database_and_a_table_that_are_not_there(desk: Desk) -> None:
    verdict = desk.judge(db="nowhere", table="none", stay=["keepers", "keepers"])
    messages = lost(verdict)
    assert messages[f"SQL: {FIRST}"].startswith("there is no DB instance 'nowhere'")
    assert messages["Stays in SQL: name 2 of 2"] == "keepers is named twice: choose two of the six"
    verdict = desk.judge(table="none")
    assert lost(verdict)["DynamoDB: one"].startswith("there is no table 'none'")
    assert verdict.earned == 4
