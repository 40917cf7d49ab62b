"""DynamoDB as a small model in memory, and a machine that does the same to both.

`python -m tests.localaws.dynamodb_model --seconds 300` looks for differences for that long, by other
histories each time. `test_dynamodb_model.py` makes a short run.
"""

from __future__ import annotations

import argparse
import string
import sys
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.localaws.conftest import LocalAws
from tests.localaws.fix_dynamodb_rules import create, dynamodb, index

Item = dict[str, dict[str, Any]]
Key = tuple[str, Decimal]

BY_KIND, BY_LEVEL, LOCAL = "by-kind", "by-level", "local"
INDEXES = {BY_KIND: ("kind", "n"), BY_LEVEL: ("level", None), LOCAL: ("pk", "level")}
SERIAL = count()

PARTITIONS = st.sampled_from(["a", "ünï"])
NUMBERS = st.sampled_from(
    [
        "-1e20",
        "-10",
        "-9.5",
        "-1",
        "-0.01",
        "0",
        "1e-20",
        "0.5",
        "1",
        "2",
        "9",
        "10",
        "12345678901234567890.5",
    ]
)
SMALL = st.integers(-5, 12).map(str)
SEVERAL = st.lists(NUMBERS, min_size=2, max_size=6, unique_by=Decimal)
KINDS = st.sampled_from(["x", "y"])
TEXT = st.text(string.ascii_letters + "é\U0001f600", max_size=3)
ATTRIBUTES = st.fixed_dictionaries(
    {},
    optional={
        "kind": KINDS.map(lambda text: {"S": text}),
        "n": NUMBERS.map(lambda number: {"N": number}),
        "level": SMALL.map(lambda number: {"N": number}),
        "text": TEXT.map(lambda text: {"S": text}),
        "count": SMALL.map(lambda number: {"N": number}),
        "tags": st.sets(st.sampled_from("abc"), min_size=1).map(lambda tags: {"SS": sorted(tags)}),
        "list": st.lists(SMALL.map(lambda number: {"N": number}), max_size=2).map(lambda each: {"L": each}),
    },
)


def number(value: dict[str, Any]) -> Decimal:
    """A number of DynamoDB's as one to compare."""
    return Decimal(value["N"])


def plain(value: dict[str, Any]) -> Any:
    """A value without the ways there are to write it."""
    kind, content = next(iter(value.items()))
    if kind == "N":
        return kind, Decimal(content)
    if kind == "SS":
        return kind, frozenset(content)
    if kind == "L":
        return kind, tuple(plain(each) for each in content)
    return kind, content


def normal(item: Item) -> dict[str, Any]:
    """An item without the ways there are to write it."""
    return {name: plain(value) for name, value in item.items()}


def sort_key(value: dict[str, Any]) -> Any:
    """What the values of one key attribute are ordered by."""
    return number(value) if "N" in value else value["S"].encode()


class Model:
    """What a table must hold."""

    def __init__(self) -> None:
        self.items: dict[Key, Item] = {}

    def get(self, key: Item) -> Item | None:
        """The item with that key."""
        return self.items.get(self._key(key))

    def put(self, item: Item) -> None:
        """Replace an item."""
        self.items[self._key(item)] = item

    def delete(self, key: Item) -> None:
        """Remove an item."""
        self.items.pop(self._key(key), None)

    def add(self, key: Item, amount: str, tags: list[str]) -> None:
        """`ADD count :amount, tags :tags`."""
        item = dict(self.get(key) or key)
        item["count"] = {"N": str(number(item.get("count", {"N": "0"})) + Decimal(amount))}
        item["tags"] = {"SS": sorted({*item.get("tags", {"SS": []})["SS"], *tags})}
        self.put(item)

    def query(self, name: str | None, partition: dict[str, Any]) -> list[Item]:
        """The items of a partition, in the order of its sort key."""
        hash_name, range_name = INDEXES[name] if name else ("pk", "sk")
        found = [
            item
            for item in self.items.values()
            if plain(item.get(hash_name, {"NULL": True})) == plain(partition)
            and (range_name is None or range_name in item)
        ]
        return sorted(found, key=lambda item: sort_key(item[range_name])) if range_name else found

    @staticmethod
    def _key(item: Item) -> Key:
        return item["pk"]["S"], number(item["sk"])


class TableMachine(RuleBasedStateMachine):
    """Does the same to a table and to the model, and compares what they say."""

    client: Any
    """Set by who runs the machine."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.table = f"model-{next(SERIAL)}"
        create(
            self.client,
            self.table,
            "pk sk",
            types="sk:N kind:S n:N level:N",
            GlobalSecondaryIndexes=[index(BY_KIND, "kind n"), index(BY_LEVEL, "level", "KEYS_ONLY")],
            LocalSecondaryIndexes=[index(LOCAL, "pk level")],
        )

    def teardown(self) -> None:
        """Delete the table."""
        self.client.delete_table(TableName=self.table)

    def _both(self, theirs: Callable[[], Any], wanted: str = "") -> Any:
        """Call, and compare whether it was refused; None when it was."""
        answer, code = None, ""
        try:
            answer = theirs()
        except ClientError as error:
            code = error.response["Error"]["Code"]
        assert code == wanted
        return answer

    # -- single items

    @rule(pk=PARTITIONS, sk=NUMBERS, attributes=ATTRIBUTES)
    def put(self, pk: str, sk: str, attributes: Item) -> None:
        """Put an item, and look at the one before."""
        item = {"pk": {"S": pk}, "sk": {"N": sk}, **attributes}
        before = self.model.get(item)
        answer = self._both(
            lambda: self.client.put_item(TableName=self.table, Item=item, ReturnValues="ALL_OLD")
        )
        assert normal(answer.get("Attributes", {})) == normal(before or {})
        self.model.put(item)

    @rule(pk=PARTITIONS, sk=NUMBERS, attributes=ATTRIBUTES, limit=SMALL)
    def put_if(self, pk: str, sk: str, attributes: Item, limit: str) -> None:
        """Put an item on a condition."""
        item = {"pk": {"S": pk}, "sk": {"N": sk}, **attributes}
        before = self.model.get(item)
        met = before is None or ("count" in before and number(before["count"]) < Decimal(limit))
        self._both(
            lambda: self.client.put_item(
                TableName=self.table,
                Item=item,
                ConditionExpression="attribute_not_exists(pk) OR #c < :limit",
                ExpressionAttributeNames={"#c": "count"},
                ExpressionAttributeValues={":limit": {"N": limit}},
            ),
            "" if met else "ConditionalCheckFailedException",
        )
        if met:
            self.model.put(item)

    @rule(pk=PARTITIONS, sk=NUMBERS, amount=SMALL, tags=st.sets(st.sampled_from("abcd"), min_size=1))
    def add(self, pk: str, sk: str, amount: str, tags: set[str]) -> None:
        """Count, and add to a set."""
        key = {"pk": {"S": pk}, "sk": {"N": sk}}
        self.model.add(key, amount, sorted(tags))
        answer = self._both(
            lambda: self.client.update_item(
                TableName=self.table,
                Key=key,
                UpdateExpression="ADD #c :amount, tags :tags",
                ExpressionAttributeNames={"#c": "count"},
                ExpressionAttributeValues={":amount": {"N": amount}, ":tags": {"SS": sorted(tags)}},
                ReturnValues="ALL_NEW",
            )
        )
        assert normal(answer["Attributes"]) == normal(self.model.get(key) or {})

    @rule(pk=PARTITIONS, sk=NUMBERS, attributes=ATTRIBUTES)
    def set_and_remove(self, pk: str, sk: str, attributes: Item) -> None:
        """Set some attributes, and remove the others that there may be."""
        key = {"pk": {"S": pk}, "sk": {"N": sk}}
        others = [name for name in ("kind", "level", "text", "list") if name not in attributes]
        parts = []
        if attributes:
            parts.append("SET " + ", ".join(f"#{name} = :{name}" for name in attributes))
        if others:
            parts.append("REMOVE " + ", ".join(f"#{name}" for name in others))
        values = {f":{name}": value for name, value in attributes.items()}
        self._both(
            lambda: self.client.update_item(
                TableName=self.table,
                Key=key,
                UpdateExpression=" ".join(parts),
                ExpressionAttributeNames={f"#{name}": name for name in (*attributes, *others)},
                **({"ExpressionAttributeValues": values} if values else {}),
            )
        )
        before = self.model.get(key) or key
        kept = {name: value for name, value in before.items() if name not in others}
        self.model.put(kept | attributes)

    @rule(pk=PARTITIONS, sk=NUMBERS)
    def delete(self, pk: str, sk: str) -> None:
        """Delete an item that may be there."""
        key = {"pk": {"S": pk}, "sk": {"N": sk}}
        before = self.model.get(key)
        answer = self.client.delete_item(TableName=self.table, Key=key, ReturnValues="ALL_OLD")
        assert normal(answer.get("Attributes", {})) == normal(before or {})
        self.model.delete(key)

    @rule(pk=PARTITIONS, sk=NUMBERS)
    def get(self, pk: str, sk: str) -> None:
        """Read an item that may be there."""
        key = {"pk": {"S": pk}, "sk": {"N": sk}}
        answer = self.client.get_item(TableName=self.table, Key=key)
        assert normal(answer.get("Item", {})) == normal(self.model.get(key) or {})

    # -- several items

    @rule(
        pk=PARTITIONS,
        sks=SEVERAL,
        attributes=ATTRIBUTES,
        kind=KINDS,
    )
    def transact(self, pk: str, sks: list[str], attributes: Item, kind: str) -> None:
        """Put all but one item, if that one is not of a kind."""
        checked, *others = [{"pk": {"S": pk}, "sk": {"N": sk}} for sk in sks]
        before = self.model.get(checked) or {}
        met = before.get("kind") != {"S": kind}
        check = {
            "TableName": self.table,
            "Key": checked,
            "ConditionExpression": "kind <> :kind",
            "ExpressionAttributeValues": {":kind": {"S": kind}},
        }
        puts = [{"Put": {"TableName": self.table, "Item": key | attributes}} for key in others]
        self._both(
            lambda: self.client.transact_write_items(TransactItems=[{"ConditionCheck": check}, *puts]),
            "" if met else "TransactionCanceledException",
        )
        if met:
            for key in others:
                self.model.put(key | attributes)

    @rule(pk=PARTITIONS, sks=SEVERAL, attributes=ATTRIBUTES)
    def batch(self, pk: str, sks: list[str], attributes: Item) -> None:
        """Put half of some items and delete the other half, then read them all."""
        keys = [{"pk": {"S": pk}, "sk": {"N": sk}} for sk in sks]
        requests: list[dict[str, Any]] = []
        for place, key in enumerate(keys):
            if place % 2:
                self.model.delete(key)
                requests.append({"DeleteRequest": {"Key": key}})
            else:
                self.model.put(key | attributes)
                requests.append({"PutRequest": {"Item": key | attributes}})
        self.client.batch_write_item(RequestItems={self.table: requests})
        answer = self.client.batch_get_item(RequestItems={self.table: {"Keys": keys}})
        wanted = [item for key in keys if (item := self.model.get(key))]
        self._same(answer["Responses"][self.table], wanted)

    @rule(
        pk=PARTITIONS,
        low=NUMBERS,
        high=NUMBERS,
        limit=st.integers(1, 4),
        forward=st.booleans(),
    )
    def query(self, pk: str, low: str, high: str, limit: int, forward: bool) -> None:
        """Read a range of a partition, page by page."""
        low, high = sorted((low, high), key=Decimal)
        found = self._pages(
            limit,
            KeyConditionExpression="pk = :p AND sk BETWEEN :low AND :high",
            ExpressionAttributeValues={":p": {"S": pk}, ":low": {"N": low}, ":high": {"N": high}},
            ScanIndexForward=forward,
        )
        partition = self.model.query(None, {"S": pk})
        wanted = [item for item in partition if Decimal(low) <= number(item["sk"]) <= Decimal(high)]
        assert [normal(item) for item in found] == [normal(item) for item in wanted[:: 1 if forward else -1]]

    @rule(kind=KINDS, limit=st.integers(1, 4), forward=st.booleans())
    def query_by_kind(self, kind: str, limit: int, forward: bool) -> None:
        """Read a global index, whose sort key several items may share, page by page."""
        found = self._pages(
            limit,
            IndexName=BY_KIND,
            KeyConditionExpression="kind = :k",
            ExpressionAttributeValues={":k": {"S": kind}},
            ScanIndexForward=forward,
        )
        wanted = self.model.query(BY_KIND, {"S": kind})
        self._same(found, wanted)
        order = [number(item["n"]) for item in found]
        assert order == sorted(order, reverse=not forward)

    @rule(level=SMALL)
    def query_by_level(self, level: str) -> None:
        """Read a global index of the keys alone."""
        found = self._pages(
            3,
            IndexName=BY_LEVEL,
            KeyConditionExpression="#l = :l",
            ExpressionAttributeNames={"#l": "level"},
            ExpressionAttributeValues={":l": {"N": level}},
        )
        wanted = self.model.query(BY_LEVEL, {"N": level})
        self._same(found, [{name: item[name] for name in ("pk", "sk", "level")} for item in wanted])

    @rule(pk=PARTITIONS, level=SMALL)
    def query_local(self, pk: str, level: str) -> None:
        """Read a range of the local index."""
        found = self._pages(
            2,
            IndexName=LOCAL,
            KeyConditionExpression="pk = :p AND #l >= :l",
            ExpressionAttributeNames={"#l": "level"},
            ExpressionAttributeValues={":p": {"S": pk}, ":l": {"N": level}},
            ConsistentRead=True,
        )
        wanted = self.model.query(LOCAL, {"S": pk})
        self._same(found, [item for item in wanted if number(item["level"]) >= Decimal(level)])

    @rule(limit=st.integers(1, 5), low=SMALL)
    def scan(self, limit: int, low: str) -> None:
        """Read what a filter leaves of the table, page by page."""
        found: list[Item] = []
        start: dict[str, Any] = {}
        while True:
            page = self.client.scan(
                TableName=self.table,
                Limit=limit,
                FilterExpression="attribute_exists(#c) AND NOT #c < :low",
                ExpressionAttributeNames={"#c": "count"},
                ExpressionAttributeValues={":low": {"N": low}},
                **start,
            )
            found += page["Items"]
            if "LastEvaluatedKey" not in page:
                break
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
        counted = [item for item in self.model.items.values() if "count" in item]
        self._same(found, [item for item in counted if number(item["count"]) >= Decimal(low)])

    @invariant()
    def all_is_there(self) -> None:
        """The table holds what the model holds."""
        self._same(self.client.scan(TableName=self.table)["Items"], list(self.model.items.values()))

    def _pages(self, limit: int, **words: Any) -> list[Item]:
        found: list[Item] = []
        start: dict[str, Any] = {}
        while True:
            page = self.client.query(TableName=self.table, Limit=limit, **words, **start)
            assert page["Count"] == page["ScannedCount"] == len(page["Items"]) <= limit
            found += page["Items"]
            if "LastEvaluatedKey" not in page:
                return found
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    @staticmethod
    def _same(found: list[Item], wanted: list[Item]) -> None:
        def ordered(items: list[Item]) -> list[dict[str, Any]]:
            return sorted(map(normal, items), key=lambda item: (item["pk"], item["sk"]))

        assert ordered(found) == ordered(wanted)


def compare(client: Any, **words: Any) -> None:
    """Run the machine against a client; `words` are settings of hypothesis."""
    machine: type[TableMachine] = type("Machine", (TableMachine,), {"client": client})
    profile = settings(
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
        **words,
    )
    run_state_machine_as_test(machine, settings=profile)


def main() -> None:
    """Compare until the time is over."""
    parser = argparse.ArgumentParser(prog="python -m tests.localaws.dynamodb_model", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    end = time.monotonic() + options.seconds
    with tempfile.TemporaryDirectory() as folder:
        aws = LocalAws(Path(folder) / "state")
        aws.start()
        try:
            runs = 0
            while time.monotonic() < end:
                compare(dynamodb(aws), max_examples=10, stateful_step_count=60)
                runs += 1
                print(f"{runs * 10} histories without a difference", flush=True)
        except AssertionError as error:
            sys.exit(f"{error}\n{aws.log()[-3000:]}")
        finally:
            aws.remove()


if __name__ == "__main__":
    main()
