"""DynamoDB's documented rules of batches and transactions, and its arithmetic of capacity."""

from __future__ import annotations

from typing import Any

import pytest

from .fix_dynamodb_rules import create, dynamodb, index, put_all, refused

KB = 1024


@pytest.fixture(scope="module")
def client(aws: Any) -> Any:
    """A client, and the tables that the tests share."""
    made = dynamodb(aws)
    create(made, "plain", "id")
    create(
        made,
        "indexed",
        "id",
        types="mail:S level:N",
        GlobalSecondaryIndexes=[index("all", "mail"), index("keys", "level", "KEYS_ONLY")],
    )
    return made


def item(identifier: str, size: int = 0, **attributes: Any) -> dict[str, Any]:
    """An item; with `size`, of exactly as many bytes."""
    made: dict[str, Any] = {"id": {"S": identifier}, **attributes}
    return made | {"fill": {"S": "x" * (size - len("id" + identifier + "fill"))}} if size else made


def units(answer: Any) -> float:
    return float(answer["ConsumedCapacity"]["CapacityUnits"])


class TestBatches:
    def test_at_most_25_writes_and_100_reads(self, client: Any) -> None:
        puts = [{"PutRequest": {"Item": item(str(n))}} for n in range(26)]
        client.batch_write_item(RequestItems={"plain": puts[:25]})
        with refused(""):
            client.batch_write_item(RequestItems={"plain": puts})
        keys = [item(str(n)) for n in range(101)]
        assert (
            len(client.batch_get_item(RequestItems={"plain": {"Keys": keys[:100]}})["Responses"]["plain"])
            == 25
        )
        with refused(""):
            client.batch_get_item(RequestItems={"plain": {"Keys": keys}})
        with refused(""):
            client.batch_write_item(RequestItems={})

    def test_no_item_twice(self, client: Any) -> None:
        twice = "Provided list of item keys contains duplicates"
        with refused(twice):
            client.batch_get_item(RequestItems={"plain": {"Keys": [item("a"), item("a")]}})
        with refused(twice):
            client.batch_write_item(
                RequestItems={
                    "plain": [{"PutRequest": {"Item": item("a")}}, {"DeleteRequest": {"Key": item("a")}}]
                }
            )

    def test_a_wrong_item_refuses_the_whole(self, client: Any) -> None:
        puts = [{"PutRequest": {"Item": item("whole")}}, {"PutRequest": {"Item": item("big", 401 * KB)}}]
        with refused("Item size has exceeded the maximum allowed size"):
            client.batch_write_item(RequestItems={"plain": puts})
        assert "Item" not in client.get_item(TableName="plain", Key=item("whole"))

    def test_a_read_ends_at_16_mb(self, client: Any) -> None:
        # 45 items of 390 KB are more than 16 MB
        for n in range(45):
            client.put_item(TableName="plain", Item=item(f"batch-{n:02}", 390 * KB))
        keys = [item(f"batch-{n:02}") for n in range(45)]
        answer = client.batch_get_item(RequestItems={"plain": {"Keys": keys}})
        found, left = answer["Responses"]["plain"], answer["UnprocessedKeys"]["plain"]["Keys"]
        assert len(found) + len(left) == 45
        assert len(found) in (42, 43)


class TestTransactions:
    def put(self, *identifiers: str, **words: Any) -> list[dict[str, Any]]:
        return [{"Put": {"TableName": "plain", "Item": item(each), **words}} for each in identifiers]

    def test_at_most_100_and_no_item_twice(self, client: Any) -> None:
        names = [f"t{n}" for n in range(101)]
        client.transact_write_items(TransactItems=self.put(*names[:100]))
        with refused(""):
            client.transact_write_items(TransactItems=self.put(*names))
        with refused("Transaction request cannot include multiple operations on one item"):
            client.transact_write_items(TransactItems=self.put("t1", "t1"))
        gets = [{"Get": {"TableName": "plain", "Key": item(each)}} for each in names]
        assert len(client.transact_get_items(TransactItems=gets[:100])["Responses"]) == 100
        with refused(""):
            client.transact_get_items(TransactItems=gets)

    def test_a_refused_condition_cancels_all_and_says_which(self, client: Any) -> None:
        client.put_item(TableName="plain", Item=item("there", a={"N": "1"}))
        absent: dict[str, Any] = {
            "ConditionExpression": "attribute_not_exists(id)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        with refused(
            "Transaction cancelled, please refer cancellation reasons for specific reasons "
            "[None, ConditionalCheckFailed]",
            "TransactionCanceledException",
        ) as caught:
            client.transact_write_items(TransactItems=[*self.put("other"), *self.put("there", **absent)])
        reasons = caught.value.response["CancellationReasons"]
        assert [each["Code"] for each in reasons] == ["None", "ConditionalCheckFailed"]
        assert reasons[1]["Message"] == "The conditional request failed"
        assert reasons[1]["Item"] == item("there", a={"N": "1"})
        assert "Item" not in client.get_item(TableName="plain", Key=item("other"))

    def test_what_only_the_item_shows_to_be_wrong_cancels_too(self, client: Any) -> None:
        client.put_item(TableName="plain", Item=item("text", a={"S": "x"}))
        add = {
            "Update": {
                "TableName": "plain",
                "Key": item("text"),
                "UpdateExpression": "SET a = a + :one",
                "ExpressionAttributeValues": {":one": {"N": "1"}},
            }
        }
        with refused("Transaction cancelled", "TransactionCanceledException") as caught:
            client.transact_write_items(TransactItems=[add, *self.put("other")])
        assert [each["Code"] for each in caught.value.response["CancellationReasons"]] == [
            "ValidationError",
            "None",
        ]

    def test_a_condition_check_writes_nothing(self, client: Any) -> None:
        client.put_item(TableName="plain", Item=item("checked", a={"N": "1"}))
        check = {
            "ConditionCheck": {
                "TableName": "plain",
                "Key": item("checked"),
                "ConditionExpression": "a = :one",
                "ExpressionAttributeValues": {":one": {"N": "1"}},
            }
        }
        client.transact_write_items(TransactItems=[check, *self.put("by-check")])
        found = client.get_item(TableName="plain", Key=item("checked"))["Item"]
        assert found == item("checked", a={"N": "1"})
        assert "Item" in client.get_item(TableName="plain", Key=item("by-check"))

    def test_a_token_repeats_and_refuses_another_request(self, client: Any) -> None:
        client.put_item(TableName="plain", Item=item("counted", n={"N": "0"}))
        add = {
            "Update": {
                "TableName": "plain",
                "Key": item("counted"),
                "UpdateExpression": "ADD n :one",
                "ExpressionAttributeValues": {":one": {"N": "1"}},
            }
        }
        for _ in range(2):
            client.transact_write_items(TransactItems=[add], ClientRequestToken="token-1")
        assert client.get_item(TableName="plain", Key=item("counted"))["Item"]["n"] == {"N": "1"}
        with refused("", "IdempotentParameterMismatchException"):
            client.transact_write_items(TransactItems=self.put("counted"), ClientRequestToken="token-1")

    def test_reads_of_what_is_not_there_keep_their_place(self, client: Any) -> None:
        client.put_item(TableName="plain", Item=item("second"))
        gets = [{"Get": {"TableName": "plain", "Key": item(each)}} for each in ("first", "second")]
        answer = client.transact_get_items(TransactItems=gets)
        assert answer["Responses"] == [{}, {"Item": item("second")}]


class TestCapacity:
    TOTAL = {"ReturnConsumedCapacity": "TOTAL"}
    INDEXES = {"ReturnConsumedCapacity": "INDEXES"}

    @pytest.mark.parametrize(("size", "wanted"), [(100, 1), (KB, 1), (KB + 1, 2), (10 * KB, 10)])
    def test_a_write_is_a_unit_for_each_kb(self, client: Any, size: int, wanted: int) -> None:
        key = {"id": {"S": f"w{size}"}}
        assert units(client.put_item(TableName="plain", Item=item(f"w{size}", size), **self.TOTAL)) == wanted
        # the larger of before and after counts
        small = item(f"w{size}")
        assert units(client.put_item(TableName="plain", Item=small, **self.TOTAL)) == wanted
        client.put_item(TableName="plain", Item=item(f"w{size}", size))
        changed = client.update_item(TableName="plain", Key=key, UpdateExpression="REMOVE fill", **self.TOTAL)
        assert units(changed) == wanted
        client.put_item(TableName="plain", Item=item(f"w{size}", size))
        assert units(client.delete_item(TableName="plain", Key=key, **self.TOTAL)) == wanted
        assert units(client.delete_item(TableName="plain", Key=key, **self.TOTAL)) == 1

    def test_a_refused_condition_costs_too(self, client: Any) -> None:
        client.put_item(TableName="plain", Item=item("cost", 2 * KB))
        before = client.get_item(TableName="plain", Key=item("cost"), ConsistentRead=True, **self.TOTAL)
        assert units(before) == 1
        with refused("The conditional request failed", "ConditionalCheckFailedException"):
            client.put_item(
                TableName="plain", Item=item("cost"), ConditionExpression="attribute_not_exists(id)"
            )

    @pytest.mark.parametrize(("size", "wanted"), [(100, 1), (4 * KB, 1), (4 * KB + 1, 2), (40 * KB, 10)])
    def test_a_read_is_a_unit_for_each_4_kb_and_half_of_it(self, client: Any, size: int, wanted: int) -> None:
        client.put_item(TableName="plain", Item=item("r", size))
        words = {"TableName": "plain", "Key": item("r"), **self.TOTAL}
        assert units(client.get_item(**words, ConsistentRead=True)) == wanted
        assert units(client.get_item(**words)) == wanted / 2
        get = {"Get": {"TableName": "plain", "Key": item("r")}}
        answer = client.transact_get_items(TransactItems=[get], **self.TOTAL)
        assert answer["ConsumedCapacity"][0]["CapacityUnits"] == 2 * wanted

    def test_a_projection_reads_the_whole_item(self, client: Any) -> None:
        client.put_item(TableName="plain", Item=item("p", 9 * KB))
        words = {"TableName": "plain", "Key": item("p"), **self.TOTAL}
        assert units(client.get_item(**words, ProjectionExpression="id", ConsistentRead=True)) == 3

    def test_what_is_not_there_costs_the_least(self, client: Any) -> None:
        words = {"TableName": "plain", "Key": item("absent"), **self.TOTAL}
        assert units(client.get_item(**words)) == 0.5
        assert units(client.get_item(**words, ConsistentRead=True)) == 1

    def test_attributes_count_by_their_types(self, client: Any) -> None:
        # of 1,024 bytes with everything: one more makes two units
        attributes: dict[str, Any] = {
            "t": {"BOOL": True},  # 1 + 1
            "z": {"NULL": True},  # 1 + 1
            "l": {"L": [{"S": "ab"}, {"BOOL": False}]},  # 1 + 3 + (1 + 2) + (1 + 1)
            "m": {"M": {"k": {"S": "v"}}},  # 1 + 3 + (1 + 1 + 1)
            "s": {"SS": ["a", "bc"]},  # 1 + 3
            "b": {"B": b"123"},  # 1 + 3
        }
        rest = KB - len("id" + "types" + "fill") - (2 + 2 + 9 + 7 + 4 + 4)
        whole = {"id": {"S": "types"}, **attributes, "fill": {"S": "x" * rest}}
        assert units(client.put_item(TableName="plain", Item=whole, **self.TOTAL)) == 1
        whole["fill"]["S"] += "x"
        assert units(client.put_item(TableName="plain", Item=whole, **self.TOTAL)) == 2

    def test_a_query_rounds_its_sum_and_a_batch_each_item(self, client: Any) -> None:
        create(client, "sums", "pk sk", types="sk:N")
        rows = [{"pk": {"S": "q"}, "sk": {"N": str(n)}, "b": {"S": "x" * KB}} for n in range(1, 8)]
        put_all(client, "sums", rows)
        # 7 items of a little more than 1 KB are 7.05 KB: two units of 4 KB
        words: dict[str, Any] = {
            "TableName": "sums",
            "KeyConditionExpression": "pk = :p",
            "ExpressionAttributeValues": {":p": {"S": "q"}},
            **self.TOTAL,
        }
        assert units(client.query(**words, ConsistentRead=True)) == 2
        assert units(client.query(**words)) == 1
        assert units(client.scan(TableName="sums", **self.TOTAL)) == 1
        none = words | {"ExpressionAttributeValues": {":p": {"S": "none"}}}
        assert units(client.query(**none)) == 0.5
        # what a filter drops was read
        hidden = client.query(**words, FilterExpression="attribute_exists(nothing)")
        assert (hidden["Count"], units(hidden)) == (0, 1)
        keys = [{name: row[name] for name in ("pk", "sk")} for row in rows]
        answer = client.batch_get_item(RequestItems={"sums": {"Keys": keys}}, **self.TOTAL)
        assert answer["ConsumedCapacity"][0]["CapacityUnits"] == 3.5

    def test_transactions_cost_twice(self, client: Any) -> None:
        put = {"Put": {"TableName": "plain", "Item": item("two", 3 * KB)}}
        answer = client.transact_write_items(TransactItems=[put], **self.TOTAL)
        assert answer["ConsumedCapacity"][0]["CapacityUnits"] == 6

    def test_index_writes(self, client: Any) -> None:
        def cost(expression: str, **values: Any) -> tuple[float, float, float, float]:
            given = {f":{name}": value for name, value in values.items()}
            shown = client.update_item(
                TableName="indexed",
                Key=item("i"),
                UpdateExpression=expression,
                **({"ExpressionAttributeValues": given} if given else {}),
                **self.INDEXES,
            )["ConsumedCapacity"]
            indexes = shown.get("GlobalSecondaryIndexes", {})
            each = [indexes.get(name, {}).get("CapacityUnits", 0) for name in ("all", "keys")]
            return (shown["CapacityUnits"], shown["Table"]["CapacityUnits"], *each)

        text = {"S": "x"}
        assert cost("SET a = :x", x=text) == (1, 1, 0, 0)  # in no index
        assert cost("SET mail = :x, a = :x", x=text) == (2, 1, 1, 0)  # into one
        assert cost("SET a = :y", y={"S": "y"}) == (2, 1, 1, 0)  # projected into it
        assert cost("SET a = :y", y={"S": "y"}) == (1, 1, 0, 0)  # nothing changed there
        assert cost("SET mail = :y", y={"S": "y"}) == (3, 1, 2, 0)  # the old one out, the new one in
        assert cost("SET mail = :x", x=text) == (3, 1, 2, 0)
        assert cost("REMOVE mail") == (2, 1, 1, 0)  # out of it

    def test_keys_only_does_not_see_other_attributes(self, client: Any) -> None:
        def cost(**attributes: Any) -> float:
            answer = client.put_item(TableName="indexed", Item=item("k", **attributes), **self.INDEXES)
            indexes = answer["ConsumedCapacity"].get("GlobalSecondaryIndexes", {})
            return float(indexes.get("keys", {}).get("CapacityUnits", 0))

        assert cost(level={"N": "1"}) == 1
        assert cost(level={"N": "1"}, a={"S": "x" * 3 * KB}) == 0
        assert cost(level={"N": "2"}) == 2
        assert cost() == 1
        assert cost() == 0

    def test_an_index_is_read_by_what_is_projected(self, client: Any) -> None:
        large = item("large", 8 * KB, level={"N": "99"}, mail={"S": "large"})
        client.put_item(TableName="indexed", Item=large)
        by_level = client.query(
            TableName="indexed",
            IndexName="keys",
            KeyConditionExpression="#l = :n",
            ExpressionAttributeNames={"#l": "level"},
            ExpressionAttributeValues={":n": {"N": "99"}},
            **self.INDEXES,
        )["ConsumedCapacity"]
        assert by_level["CapacityUnits"] == 0.5
        assert by_level["GlobalSecondaryIndexes"]["keys"]["CapacityUnits"] == 0.5
