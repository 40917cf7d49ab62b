"""DynamoDB's outcomes against an account: right files, usual mistakes with their messages, other ways."""

import textwrap
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from autograder.examiner import Account
from autograder.grading import GradingAccount
from autograder.outcome import Verdict, find_outcome

pytestmark = pytest.mark.slow

HEAD = "import boto3\nfrom boto3.dynamodb.conditions import Attr, Key\n"
STORE = HEAD + textwrap.dedent(
    """
    table = boto3.resource("dynamodb").Table("carts")

    def create(cart):
        table.put_item(Item=cart, ConditionExpression=Attr("cart_id").not_exists())

    def read(cart_id):
        return table.get_item(Key={"cart_id": cart_id}, ConsistentRead=True).get("Item")

    def save(cart):
        version = cart["version"]
        table.put_item(Item=cart | {"version": version + 1}, ConditionExpression=Attr("version").eq(version))

    def delete(cart_id):
        table.delete_item(Key={"cart_id": cart_id})
    """
)
OTHER_STORE = HEAD + textwrap.dedent(
    """
    class Stale(Exception):
        pass

    client = boto3.client("dynamodb")
    table = boto3.resource("dynamodb").Table("single")

    def key(cart_id):
        return {"pk": "CART#" + cart_id, "sk": "CART"}

    def create(cart):
        item = key(cart["cart_id"]) | {"version": 1, "owner": cart["user_id"], "lines": cart["items"]}
        try:
            table.put_item(Item=item, ConditionExpression="attribute_not_exists(pk)")
        except client.exceptions.ConditionalCheckFailedException:
            raise Stale("there is one") from None

    def read(cart_id):
        found = table.query(
            KeyConditionExpression=Key("pk").eq("CART#" + cart_id) & Key("sk").eq("CART"), ConsistentRead=True
        )["Items"]
        if not found:
            return None
        item = found[0]
        return {"cart_id": cart_id, "version": item["version"], "items": item["lines"]}

    def save(cart):
        try:
            table.update_item(
                Key=key(cart["cart_id"]),
                UpdateExpression="SET #l = :l ADD version :one",
                ConditionExpression="version = :v",
                ExpressionAttributeNames={"#l": "lines"},
                ExpressionAttributeValues={":l": cart["items"], ":one": 1, ":v": cart["version"]},
            )
        except client.exceptions.ConditionalCheckFailedException:
            raise Stale(cart["version"]) from None

    def delete(cart_id):
        table.delete_item(Key=key(cart_id))
    """
)
DESIGN = HEAD + textwrap.dedent(
    """
    from datetime import UTC, datetime, timedelta
    resource = boto3.resource("dynamodb")
    sessions, lines, events = (resource.Table(name) for name in ("my-sessions", "my-carts", "my-events"))

    def put_session(session):
        seen = datetime.fromisoformat(session["last_seen_at"])
        sessions.put_item(Item=session | {"ends": int((seen + timedelta(minutes=30)).timestamp())})

    def session(session_id):
        item = sessions.get_item(Key={"session_id": session_id}).get("Item")
        return item if item and item["ends"] > datetime.now(UTC).timestamp() else None

    def sessions_of(user_id):
        return sessions.query(
            IndexName="by-user", KeyConditionExpression=Key("user_id").eq(user_id), ScanIndexForward=False
        )["Items"]

    def put_cart_line(user_id, product_id, quantity):
        lines.put_item(Item={"user_id": user_id, "product_id": product_id, "quantity": quantity})

    def cart(user_id):
        return lines.query(KeyConditionExpression=Key("user_id").eq(user_id), ConsistentRead=True)["Items"]

    def put_event(event):
        item = {name: value for name, value in event.items() if value is not None}
        events.put_item(Item=item | {"moment": event["occurred_at"] + "#" + event["event_id"]})

    def last_events(user_id, count):
        return events.query(
            KeyConditionExpression=Key("user_id").eq(user_id), ScanIndexForward=False, Limit=count
        )["Items"]

    def events_between(user_id, start, end):
        then = Key("user_id").eq(user_id) & Key("moment").between(start, end + "~")
        return events.query(KeyConditionExpression=then)["Items"]

    def last_views(product_id, count):
        return events.query(
            IndexName="by-product", KeyConditionExpression=Key("product_id").eq(product_id),
            ScanIndexForward=False, Limit=count,
        )["Items"]
    """
)
TABLES = "my-sessions, my-carts, my-events"


class Shop:
    """Tables of a learner in an account of its own."""

    def __init__(self, env: dict[str, str]) -> None:
        session = boto3.Session(
            env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], region_name="us-east-1"
        )
        # not through a process of its own for each verdict: the notebook's test does that
        self.account = Account(session, env["AWS_ENDPOINT_URL"], env)
        self.client: Any = self.account.dynamodb
        self.table("carts", {"cart_id": "S"})
        self.table("single", {"pk": "S", "sk": "S"})
        self.table("my-sessions", {"session_id": "S"}, {"by-user": {"user_id": "N", "started_at": "S"}})
        self.table("my-carts", {"user_id": "N", "product_id": "N"})
        self.table(
            "my-events", {"user_id": "N", "moment": "S"}, {"by-product": {"product_id": "N", "moment": "S"}}
        )
        self.table(
            "by-second",
            {"user_id": "N", "occurred_at": "S"},
            {"by-product": {"product_id": "N", "moment": "S"}},
        )
        self.table("by-day", {"day": "S", "moment": "S"}, {"by-product": {"product_id": "N", "moment": "S"}})
        self.expire("my-sessions", "ends")

    def table(
        self,
        name: str,
        keys: dict[str, str],
        indexes: dict[str, dict[str, str]] | None = None,
        projection: str = "ALL",
    ) -> None:
        wanted = {
            attribute: kind for each in (keys, *(indexes or {}).values()) for attribute, kind in each.items()
        }
        more = {}
        if indexes:
            more["GlobalSecondaryIndexes"] = [
                {"IndexName": index, "KeySchema": schema(each), "Projection": {"ProjectionType": projection}}
                for index, each in indexes.items()
            ]
        self.client.create_table(
            TableName=name,
            KeySchema=schema(keys),
            AttributeDefinitions=[{"AttributeName": a, "AttributeType": kind} for a, kind in wanted.items()],
            BillingMode="PAY_PER_REQUEST",
            **more,
        )
        self.client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})

    def expire(self, name: str, attribute: str) -> None:
        self.client.update_time_to_live(
            TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": attribute}
        )

    def judge(self, outcome: str, **values: object) -> Verdict:
        return find_outcome(outcome).verdict(self.account, values)


def schema(keys: dict[str, str]) -> list[dict[str, str]]:
    return [
        {"AttributeName": name, "KeyType": kind} for name, kind in zip(keys, ("HASH", "RANGE"), strict=False)
    ]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with GradingAccount() as account:
        yield Shop(account.environment(tmp_path_factory.mktemp("learner")))


def lost(verdict: Verdict) -> dict[str, str]:
    return {finding.title: finding.message for finding in verdict.findings if finding.message}


def changed(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1
    return text.replace(old, new)


def leaves_nothing(shop: Shop) -> None:
    """The examiner's copies are deleted, which takes them a moment."""
    for name in shop.client.list_tables()["TableNames"]:
        if name.startswith("examiner-"):
            shop.client.get_waiter("table_not_exists").wait(TableName=name, WaiterConfig={"Delay": 1})


@pytest.mark.parametrize(("table", "store"), [("carts", STORE), ("single", OTHER_STORE)])
def test_a_store_that_loses_no_change(shop: Shop, table: str, store: str) -> None:
    verdict = shop.judge("lab-6.4", table=table, store=store)
    assert lost(verdict) == {}
    assert verdict.earned == verdict.points == 6
    # the learner's own table was not touched, and the copy is gone
    assert shop.client.scan(TableName=table)["Count"] == 0
    leaves_nothing(shop)


CHECK_THEN_PUT = """current = read(cart["cart_id"])
    if current["version"] != version:
        raise ValueError("stale")
    table.put_item(Item=cart | {"version": version + 1})"""
PUT = 'table.put_item(Item=cart | {"version": version + 1}, ConditionExpression=Attr("version").eq(version))'
SWALLOW = f"""try:
        {PUT}
    except Exception:
        pass"""


Edits = dict[str, str]
READ = 'table.get_item(Key={"cart_id": cart_id}, ConsistentRead=True).get("Item")'
SCAN = 'next((i for i in table.scan(ConsistentRead=True)["Items"] if i["cart_id"] == cart_id), None)'
NOT_THERE = ', ConditionExpression=Attr("cart_id").not_exists()'
CREATE = f"table.put_item(Item=cart{NOT_THERE})"
SAME_VERSION = ', ConditionExpression=Attr("version").eq(version)'


def edited(text: str, edits: Edits) -> str:
    for old, new in edits.items():
        text = changed(text, old, new)
    return text


def assert_named(verdict: Verdict, expected: dict[str, str]) -> None:
    """Each criterion that is expected to fail says why; the titles are given by their beginnings."""
    messages = lost(verdict)
    for title, message in expected.items():
        found = next((text for name, text in messages.items() if name.startswith(title)), "nothing")
        assert message in found
    assert verdict.earned < verdict.points


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        (
            {SAME_VERSION: "", NOT_THERE: "", READ: READ.replace(", ConsistentRead=True", "")},
            {
                "A stale version": "read at version 1 replaced version 2",
                "Also when": "another device saved just before your write",
                "create() adds": "replaced a cart that was there",
                "read() sees": "ConsistentRead=True",
            },
        ),
        (
            {PUT: CHECK_THEN_PUT, 'table.delete_item(Key={"cart_id": cart_id})': "pass"},
            {"Also when": "a comparison in Python leaves a gap", "read() sees": "still in the table"},
        ),
        (
            {PUT: SWALLOW, READ: SCAN},
            {
                "A stale version": "save() kept the newer cart but said nothing",
                "read() sees": "scans the whole table",
            },
        ),
        ({'"version": version + 1': '"version": version'}, {"save() stores": "the version is still 1"}),
        (
            {'Table("carts")': 'Table("baskets")'},
            {"create() adds": "'baskets' is not among the tables handed in"},
        ),
        ({"def create(cart):": "def create(cart)"}, {"create() adds": "cannot be loaded: SyntaxError"}),
        (
            {CREATE: f"assert read(cart['cart_id']) is None\n    {CREATE.replace(NOT_THERE, '')}"},
            {"create() adds": "another device created the same cart just before your write"},
        ),
        ({READ: READ.replace('.get("Item")', '["Item"]')}, {"read() sees": "answers without 'Item'"}),
        (
            {READ: READ.replace('{"cart_id"', '{"id"')},
            {"read() sees": "compare the file's Key with its KeySchema"},
        ),
    ],
)
def test_mistakes_of_a_store(shop: Shop, edits: Edits, expected: dict[str, str]) -> None:
    assert_named(shop.judge("lab-6.4", table="carts", store=edited(STORE, edits)), expected)


def test_a_store_without_a_table(shop: Shop) -> None:
    verdict = shop.judge("lab-6.4", table="nothing", store=STORE)
    assert verdict.earned == 0
    assert "there is no table 'nothing'" in lost(verdict)["The table is there"]


def test_three_tables_answer_as_well_as_one(shop: Shop) -> None:
    verdict = shop.judge("key-design", tables=TABLES, adapter=DESIGN)
    assert lost(verdict) == {}
    assert verdict.earned == verdict.points == 10
    leaves_nothing(shop)


CART = 'lines.query(KeyConditionExpression=Key("user_id").eq(user_id), ConsistentRead=True)["Items"]'
BETWEEN = """then = Key("user_id").eq(user_id) & Key("moment").between(start, end + "~")
    return events.query(KeyConditionExpression=then)["Items"]"""
FILTERED_HERE = """found = events.query(KeyConditionExpression=Key("user_id").eq(user_id))["Items"]
    return [event for event in found if start <= event["occurred_at"] <= end]"""
FILTERED_THERE = """return events.query(
        KeyConditionExpression=Key("user_id").eq(user_id),
        FilterExpression=Attr("occurred_at").between(start, end),
    )["Items"]"""
LAST = """Key("user_id").eq(user_id), ScanIndexForward=False, Limit=count
    )["Items"]"""
SESSIONS = """return sessions.query(
        IndexName="by-user", KeyConditionExpression=Key("user_id").eq(user_id), ScanIndexForward=False
    )["Items"]"""
ONE_BY_ONE = (
    SESSIONS.replace("return", "found =")
    + """
    return [sessions.get_item(Key={"session_id": each["session_id"]})["Item"] for each in found]"""
)


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        (
            {
                CART: 'lines.scan(FilterExpression=Attr("user_id").eq(user_id))["Items"]',
                BETWEEN: FILTERED_HERE,
                LAST: LAST.replace(", Limit=count", "") + "[:count]",
                SESSIONS: SESSIONS.replace(", ScanIndexForward=False", ""),
            },
            {
                "cart:": "cart() scans",
                "events_between:": "reads 30 items to answer with 8, and filters in Python",
                "last_events:": "reads 30 items to answer with 20",
                "sessions_of:": "in another order",
            },
        ),
        (
            {
                CART: '[line for line in kept if line["user_id"] == user_id]',
                "lines.put_item(Item=": "kept.append(dict(",
                '"quantity": quantity})': '"quantity": quantity}))',
                BETWEEN: FILTERED_THERE,
                SESSIONS: ONE_BY_ONE,
                "resource = ": "kept = []\nresource = ",
            },
            {
                "cart:": "cart() answered without asking a table",
                "events_between:": "filters by FilterExpression",
                "sessions_of:": "makes 7 requests",
            },
        ),
        (
            {"{name: value for name, value in event.items() if value is not None}": "event"},
            {
                "Nothing is lost": "cannot be NULL; leave it out",
                "last_events:": "put_event() failed: see the first line",
            },
        ),
        (
            {BETWEEN: BETWEEN.replace(' + "~"', ""), LAST: LAST.replace("Limit=count", "Limit=3")},
            {
                "events_between:": "leaves out the event at the end itself",
                "last_events:": "returned 3 of 20, though all are in the tables",
            },
        ),
    ],
)
def test_mistakes_of_a_design(shop: Shop, edits: Edits, expected: dict[str, str]) -> None:
    assert_named(shop.judge("key-design", tables=TABLES, adapter=edited(DESIGN, edits)), expected)


def test_a_sort_key_of_seconds_loses_an_event(shop: Shop) -> None:
    adapter = changed(DESIGN, '"my-events"', '"by-second"').replace('Key("moment")', 'Key("occurred_at")')
    verdict = shop.judge("key-design", tables="my-sessions,my-carts,by-second", adapter=adapter)
    assert_named(
        verdict,
        {
            "Nothing is lost": "6 of 216 sessions and events are in no table",
            "last_events": "what has the same key replaces what was there",
        },
    )


def test_an_index_that_holds_keys_only(shop: Shop) -> None:
    indexes = {"by-user": {"user_id": "N", "started_at": "S"}}
    shop.table("narrow", {"session_id": "S"}, indexes, projection="KEYS_ONLY")
    adapter = changed(DESIGN, '"my-sessions"', '"narrow"')
    verdict = shop.judge("key-design", tables="narrow,my-carts,my-events", adapter=adapter)
    assert_named(verdict, {"sessions_of:": "rows without last_seen_at: an index hands out what is projected"})
    assert verdict.earned == 8


def test_a_day_as_partition_key_takes_everything(shop: Shop) -> None:
    adapter = changed(DESIGN, '"my-events"', '"by-day"').replace(
        'Item=item | {"moment"', 'Item=item | {"day": "black-friday", "moment"'
    )
    verdict = shop.judge("key-design", tables="my-sessions,my-carts,by-day", adapter=adapter)
    message = next(text for name, text in lost(verdict).items() if name.startswith("Nothing is lost"))
    assert "180 of the 180 items of by-day have day='black-friday'" in message


def test_a_design_without_tables(shop: Shop) -> None:
    verdict = shop.judge("key-design", tables="nothing", adapter=DESIGN)
    assert verdict.earned == 0
    assert set(lost(verdict).values()) == {"there is no table 'nothing' in us-east-1: create it first"}


def test_sessions_that_end(shop: Shop) -> None:
    verdict = shop.judge("ttl", tables=TABLES, adapter=DESIGN)
    assert lost(verdict) == {}
    assert verdict.earned == verdict.points == 3
    leaves_nothing(shop)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "timedelta(minutes=30)).timestamp())",
            "timedelta(minutes=30)).timestamp() * 1000)",
            "is in milliseconds",
        ),
        (
            "int((seen + timedelta(minutes=30)).timestamp())",
            "(seen + timedelta(minutes=30)).isoformat()",
            "is stored as text",
        ),
        ('"ends": int', '"end": int', "writes no 'ends'"),
        (
            "(seen + timedelta(minutes=30)).timestamp()",
            "(datetime.now(UTC) + timedelta(minutes=30)).timestamp()",
            "after the half hour",
        ),
    ],
)
def test_moments_that_never_come(shop: Shop, old: str, new: str, message: str) -> None:
    verdict = shop.judge("ttl", tables=TABLES, adapter=changed(DESIGN, old, new))
    assert message in lost(verdict)["A session that has expired is deleted"]
    assert verdict.earned <= 1


def test_an_expired_session_that_is_still_handed_out(shop: Shop) -> None:
    adapter = changed(
        DESIGN, 'item if item and item["ends"] > datetime.now(UTC).timestamp() else None', "item"
    )
    verdict = shop.judge("ttl", tables=TABLES, adapter=adapter)
    assert (
        "compare the moment yourself"
        in lost(verdict)["An expired one is not handed out before it is deleted"]
    )
    assert verdict.earned == 2


def test_time_to_live_that_is_off(shop: Shop) -> None:
    adapter = DESIGN.replace('"my-sessions"', '"off"')
    shop.table("off", {"session_id": "S"}, {"by-user": {"user_id": "N", "started_at": "S"}})
    verdict = shop.judge("ttl", tables=TABLES.replace("my-sessions", "off"), adapter=adapter)
    assert verdict.earned == 0
    assert "time to live is off for off" in lost(verdict)["A session that has expired is deleted"]
