"""DynamoDB's documented rules: what an item may be, what an expression may say, what a request may ask."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from .fix_dynamodb_rules import create, dynamodb, index, put_all, refused

KB = 1024
FLAWED = "1 validation error detected: "
INVALID = "One or more parameter values were invalid: "
EMPTY_KEY = "The AttributeValue for a key attribute cannot contain an empty string value."


@pytest.fixture(scope="module")
def client(aws: Any) -> Any:
    """A client, and the tables that the tests share."""
    made = dynamodb(aws)
    create(made, "plain", "id")
    create(made, "pages", "pk sk", types="sk:N")
    create(
        made,
        "shop",
        "pk sk",
        types="sk:N mail:S tier:N",
        GlobalSecondaryIndexes=[
            index("by-mail", "mail"),
            index("by-tier", "tier sk", "KEYS_ONLY"),
        ],
        LocalSecondaryIndexes=[index("local-tier", "pk tier", "INCLUDE", "kept")],
    )
    return made


def put(client: Any, item: dict[str, Any], table: str = "plain", **words: Any) -> Any:
    return client.put_item(TableName=table, Item=item, **words)


def update(client: Any, expression: str, identifier: str = "u", **words: Any) -> Any:
    return client.update_item(
        TableName="plain", Key={"id": {"S": identifier}}, UpdateExpression=expression, **words
    )


def query(client: Any, condition: str, values: dict[str, Any], table: str = "shop", **words: Any) -> Any:
    return client.query(
        TableName=table, KeyConditionExpression=condition, ExpressionAttributeValues=values, **words
    )


class TestItem:
    def test_400_kb_with_its_names_is_the_largest(self, client: Any) -> None:
        # "id" + "large" + "body" are 11 bytes
        most = 400 * KB - len("id" + "large" + "body")
        put(client, {"id": {"S": "large"}, "body": {"S": "x" * most}})
        with refused("Item size has exceeded the maximum allowed size"):
            put(client, {"id": {"S": "large"}, "body": {"S": "x" * (most + 1)}})

    def test_size_counts_utf_8_bytes(self, client: Any) -> None:
        most = 400 * KB - len("id" + "large" + "body")
        put(client, {"id": {"S": "large"}, "body": {"S": "é" * (most // 2)}})
        with refused("Item size has exceeded the maximum allowed size"):
            put(client, {"id": {"S": "large"}, "body": {"S": "é" * (most // 2 + 1)}})

    def test_an_update_that_makes_it_too_large_changes_nothing(self, client: Any) -> None:
        put(client, {"id": {"S": "growing"}, "a": {"S": "x" * 300 * KB}})
        with refused("Item size to update has exceeded the maximum allowed size"):
            update(client, "SET b = :b", "growing", ExpressionAttributeValues={":b": {"S": "x" * 100 * KB}})
        found = client.get_item(TableName="plain", Key={"id": {"S": "growing"}})["Item"]
        assert set(found) == {"id", "a"}

    def test_a_key_is_there_of_its_type_and_not_empty(self, client: Any) -> None:
        with refused(INVALID + "Missing the key id in the item"):
            put(client, {"other": {"S": "x"}})
        with refused(INVALID + "Type mismatch for key id expected: S actual: N"):
            put(client, {"id": {"N": "1"}})
        with refused(f"One or more parameter values are not valid. {EMPTY_KEY} Key: id"):
            put(client, {"id": {"S": ""}})
        for key in ({"id": {"N": "1"}}, {"id": {"S": "1"}, "sk": {"S": "2"}}, {"other": {"S": "1"}}):
            with refused("The provided key element does not match the schema"):
                client.get_item(TableName="plain", Key=key)
        # any other attribute may be empty
        put(client, {"id": {"S": "empty"}, "text": {"S": ""}, "bytes": {"B": b""}})

    def test_a_key_of_an_index_is_of_its_type_and_not_empty(self, client: Any) -> None:
        key = {"pk": {"S": "typed"}, "sk": {"N": "1"}}
        with refused(INVALID + "Type mismatch for Index Key mail Expected: S Actual: N IndexName: by-mail"):
            put(client, {**key, "mail": {"N": "1"}}, "shop")
        with refused("One or more parameter values are not valid. A value specified for a secondary index"):
            put(client, {**key, "mail": {"S": ""}}, "shop")
        with pytest.raises(client.exceptions.ClientError) as caught:
            client.update_item(
                TableName="shop",
                Key=key,
                UpdateExpression="SET mail = :one",
                ExpressionAttributeValues={":one": {"N": "1"}},
            )
        assert caught.value.response["Error"]["Code"] == "ValidationException"
        assert "Item" not in client.get_item(TableName="shop", Key=key)

    def test_keys_have_a_longest_value(self, client: Any) -> None:
        put(client, {"id": {"S": "k" * 2048}})
        with refused(INVALID + "Size of hashkey has exceeded the maximum size limit of2048 bytes"):
            put(client, {"id": {"S": "k" * 2049}})
        create(client, "ranges", "pk sk")
        put(client, {"pk": {"S": "k"}, "sk": {"S": "k" * 1024}}, "ranges")
        with refused(INVALID + "Aggregated size of all range keys has exceeded the size limit of 1024 bytes"):
            put(client, {"pk": {"S": "k"}, "sk": {"S": "k" * 1025}}, "ranges")

    @pytest.mark.parametrize(
        ("number", "message"),
        [
            ("1" * 39, "Attempting to store more than 38 significant digits in a Number"),
            ("1e126", "Number overflow. Attempting to store a number with magnitude larger than supported"),
            ("-1e126", "Number overflow. Attempting to store a number with magnitude larger than supported"),
            ("1e-131", "Number underflow. Attempting to store a number with magnitude smaller than supp"),
            ("ten", "The parameter cannot be converted to a numeric value: ten"),
            ("", "The parameter cannot be converted to a numeric value"),
        ],
    )
    def test_what_is_not_a_number(self, client: Any, number: str, message: str) -> None:
        with refused(message):
            put(client, {"id": {"S": "number"}, "n": {"N": number}})

    @pytest.mark.parametrize(
        ("given", "stored"),
        [
            ("0001.500", "1.5"),
            ("-0", "0"),
            ("1e3", "1000"),
            ("9" * 38, "9" * 38),
            ("0." + "1" * 38, "0." + "1" * 38),
            ("1e-5", "0.00001"),
        ],
    )
    def test_a_number_comes_back_plain_and_whole(self, client: Any, given: str, stored: str) -> None:
        put(client, {"id": {"S": "number"}, "n": {"N": given}})
        found = client.get_item(TableName="plain", Key={"id": {"S": "number"}})["Item"]["n"]["N"]
        assert found == stored

    def test_arithmetic_keeps_38_digits(self, client: Any) -> None:
        put(client, {"id": {"S": "sum"}, "n": {"N": "9" * 37 + "0"}})
        values = {":one": {"N": "1"}}
        answer = update(
            client, "ADD n :one", "sum", ExpressionAttributeValues=values, ReturnValues="UPDATED_NEW"
        )
        assert answer["Attributes"]["n"]["N"] == "9" * 37 + "1"

    def test_sets_hold_something_and_nothing_twice(self, client: Any) -> None:
        for kind, value in (("SS", "a"), ("NS", "1"), ("BS", b"a")):
            with refused(FLAWED + INVALID):
                put(client, {"id": {"S": "set"}, "s": {kind: []}})
            with refused("Input collection" if kind == "NS" else f"{INVALID}Input collection"):
                put(client, {"id": {"S": "set"}, "s": {kind: [value, value]}})
        with refused("Input collection contains duplicates"):
            put(client, {"id": {"S": "set"}, "s": {"NS": ["1", "1.0"]}})
        put(client, {"id": {"S": "set"}, "s": {"NS": ["3", "1.0", "20"]}})
        found = client.get_item(TableName="plain", Key={"id": {"S": "set"}})["Item"]["s"]["NS"]
        assert set(found) == {"1", "3", "20"}
        update(client, "DELETE s :all", "set", ExpressionAttributeValues={":all": {"NS": ["1", "3", "20"]}})
        assert set(client.get_item(TableName="plain", Key={"id": {"S": "set"}})["Item"]) == {"id"}

    def test_values_are_of_exactly_one_type(self, client: Any) -> None:
        with refused("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"):
            put(client, {"id": {"S": "x"}, "v": {}})
        with refused("Supplied AttributeValue has more than one datatypes set, must contain exactly one"):
            put(client, {"id": {"S": "x"}, "v": {"S": "1", "N": "1"}})

    def test_values_nest_32_deep(self, client: Any) -> None:
        def nested(depth: int) -> dict[str, Any]:
            return {"S": "x"} if depth == 0 else {"L": [nested(depth - 1)]}

        put(client, {"id": {"S": "deep"}, "v": nested(31)})
        with refused("Nesting Levels have exceeded supported limits"):
            put(client, {"id": {"S": "deep"}, "v": nested(33)})

    def test_a_table_that_is_not_there(self, client: Any) -> None:
        with refused("Requested resource not found", "ResourceNotFoundException"):
            client.get_item(TableName="nowhere", Key={"id": {"S": "1"}})

    def test_return_values(self, client: Any) -> None:
        with refused("ReturnValues can only be ALL_OLD or NONE"):
            put(client, {"id": {"S": "r"}}, ReturnValues="ALL_NEW")
        assert "Attributes" not in put(client, {"id": {"S": "r"}, "a": {"N": "1"}}, ReturnValues="ALL_OLD")
        old = put(client, {"id": {"S": "r"}, "a": {"N": "2"}, "b": {"N": "2"}}, ReturnValues="ALL_OLD")
        assert old["Attributes"] == {"id": {"S": "r"}, "a": {"N": "1"}}
        three: dict[str, Any] = {"ExpressionAttributeValues": {":three": {"N": "3"}}}
        changed = update(client, "SET a = :three, c = :three", "r", ReturnValues="UPDATED_OLD", **three)
        assert changed["Attributes"] == {"a": {"N": "2"}}
        changed = update(client, "SET a = :three, d = :three", "r", ReturnValues="UPDATED_NEW", **three)
        assert changed["Attributes"] == {"a": {"N": "3"}, "d": {"N": "3"}}
        gone = client.delete_item(TableName="plain", Key={"id": {"S": "r"}}, ReturnValues="ALL_OLD")
        assert set(gone["Attributes"]) == {"id", "a", "b", "c", "d"}
        again = client.delete_item(TableName="plain", Key={"id": {"S": "r"}}, ReturnValues="ALL_OLD")
        assert "Attributes" not in again


def reserved_words() -> list[str]:
    """AWS's list of 573, as moto has it."""
    spec = find_spec("moto")
    assert spec
    assert spec.origin
    file = Path(spec.origin).parent / "dynamodb" / "parsing" / "reserved_keywords.txt"
    return file.read_text().split()


class TestExpressions:
    def test_reserved_words_need_a_placeholder(self, client: Any) -> None:
        words = reserved_words()
        assert len(words) == 573
        for number, word in enumerate(words):
            told = word.lower() if number % 2 else word
            with refused(
                f"Invalid ConditionExpression: Attribute name is a reserved keyword; reserved keyword: {told}"
            ):
                put(client, {"id": {"S": "w"}}, ConditionExpression=f"attribute_exists({told})")
        update(client, "SET #s = :v", ExpressionAttributeNames={"#s": "status"},
               ExpressionAttributeValues={":v": {"S": "ok"}})  # fmt: skip

    VALUE = {":v": {"S": "x"}}
    NAME = {"#n": "name"}

    @pytest.mark.parametrize(
        ("expression", "names", "values", "message"),
        [
            ("SET #x = :v", NAME, VALUE, "Invalid UpdateExpression: An expression attribute name used in the "
             "document path is not defined; attribute name: #x"),
            ("SET #n = :x", NAME, VALUE, "Invalid UpdateExpression: An expression attribute value used in "
             "expression is not defined; attribute value: :x"),
            ("SET a = :v", NAME, VALUE,
             FLAWED + "Value provided in ExpressionAttributeNames unused in expressions: keys: {#n}"),
            ("SET a = :v", None, {**VALUE, ":w": {"S": "y"}},
             FLAWED + "Value provided in ExpressionAttributeValues unused in expressions: keys: {:w}"),
            ("SET a = :v, a.b = :v", None, VALUE,
             FLAWED + "Invalid UpdateExpression: Two document paths overlap with each other; must remove or "
             "rewrite one of these paths; path one: [a], path two: [a, b]"),
            ("SET a = :v REMOVE a", None, VALUE,
             FLAWED + "Invalid UpdateExpression: Two document paths overlap"),
            ("SET a = :v SET b = :v", None, VALUE,
             f'{FLAWED}Invalid UpdateExpression: The "SET" section can only be used once '
             "in an update expression;"),
            ("SET a = = :v", None, VALUE, 'Invalid UpdateExpression: Syntax error; token: "=", near: "'),
            ("SET a + :v", None, VALUE, 'Invalid UpdateExpression: Syntax error; token: "+", near: "'),
            ("SET id = :v", None, VALUE,
             INVALID + "Cannot update attribute id. This attribute is part of the key"),
            ("REMOVE id", None, None,
             INVALID + "Cannot update attribute id. This attribute is part of the key"),
            ("ADD a :v", None, VALUE, "Invalid UpdateExpression: Incorrect operand type for operator or "
             "function; operator: ADD, operand type: STRING"),
            ("SET a = absent", None, None,
             "The provided expression refers to an attribute that does not exist in the item"),
            ("SET a.b = :v", None, VALUE, "The document path provided in the update expression is invalid"),
            ("", None, None, FLAWED + "Invalid UpdateExpression: The expression can not be empty;"),
        ],
    )  # fmt: skip
    def test_wrong_updates(self, client: Any, expression: str, names: Any, values: Any, message: str) -> None:
        words = {"ExpressionAttributeNames": names, "ExpressionAttributeValues": values}
        with refused(message):
            update(client, expression, "wrong", **{key: value for key, value in words.items() if value})

    @pytest.mark.parametrize(
        ("expression", "values", "message"),
        [
            ("begins_with(a)", None, "Invalid ConditionExpression: Incorrect number of operands for operator "
             "or function; operator or function: begins_with, number of operands: 1"),
            ("begins_with(a, :n)", {":n": {"N": "1"}}, "Invalid ConditionExpression: Incorrect operand type "
             "for operator or function; operator or function: begins_with, operand type: N"),
            ("starts_with(a, :n)", {":n": {"S": "1"}},
             "Invalid ConditionExpression: Invalid function name; function: starts_with"),
            ("size(a)", None, "Invalid ConditionExpression: The function is not allowed to be used this way "
             "in an expression; function: size"),
            ("a = a", None, "Invalid ConditionExpression: The first operand must be distinct from the "
             "remaining operands for this operator or function; operator: =, first operand: [a]"),
            ("((a = :n))", {":n": {"S": "1"}},
             "Invalid ConditionExpression: The expression has redundant parentheses;"),
            ("a = :n AND", {":n": {"S": "1"}}, 'Invalid ConditionExpression: Syntax error; token: "<EOF>"'),
            ("a BETWEEN :n AND :m", {":n": {"N": "2"}, ":m": {"N": "1"}}, "Invalid ConditionExpression: The "
             "BETWEEN operator requires upper bound to be greater than or equal to lower bound; "
             "lower bound operand: AttributeValue: {N:2}, upper bound operand: AttributeValue: {N:1}"),
            ("attribute_type(a, :n)", {":n": {"S": "text"}},
             "Invalid ConditionExpression: Invalid attribute type name found; type: text"),
        ],
    )  # fmt: skip
    def test_wrong_conditions(self, client: Any, expression: str, values: Any, message: str) -> None:
        words = {"ExpressionAttributeValues": values} if values else {}
        with refused(message):
            put(client, {"id": {"S": "wrong"}}, ConditionExpression=expression, **words)

    def test_placeholders_need_an_expression_and_a_form(self, client: Any) -> None:
        with refused("ExpressionAttributeNames can only be specified when using expressions"):
            put(client, {"id": {"S": "x"}}, ExpressionAttributeNames={"#a": "a"})
        with refused("ExpressionAttributeValues can only be specified when using expressions"):
            put(client, {"id": {"S": "x"}}, ExpressionAttributeValues={":a": {"S": "a"}})
        exists = "attribute_exists(#a)"
        with refused("ExpressionAttributeNames must not be empty"):
            put(client, {"id": {"S": "x"}}, ConditionExpression=exists, ExpressionAttributeNames={})
        with refused('ExpressionAttributeNames contains invalid key: Syntax error; key: "a"'):
            put(client, {"id": {"S": "x"}}, ConditionExpression=exists, ExpressionAttributeNames={"a": "a"})
        with refused('ExpressionAttributeValues contains invalid key: Syntax error; key: "a"'):
            put(client, {"id": {"S": "x"}}, ConditionExpression="a = :a",
                ExpressionAttributeValues={"a": {"S": "a"}})  # fmt: skip

    def test_expressions_and_their_predecessors_do_not_mix(self, client: Any) -> None:
        with refused(
            "Can not use both expression and non-expression parameters in the same request: "
            "Non-expression parameters: {AttributesToGet} Expression parameters: {ProjectionExpression}"
        ):
            client.get_item(
                TableName="plain", Key={"id": {"S": "x"}}, AttributesToGet=["a"], ProjectionExpression="a"
            )

    def test_a_refused_condition_shows_the_item_when_asked(self, client: Any) -> None:
        put(client, {"id": {"S": "c"}, "version": {"N": "2"}})
        words: dict[str, Any] = {
            "ConditionExpression": "version = :v",
            "ExpressionAttributeValues": {":v": {"N": "1"}},
        }
        message = "The conditional request failed"
        with refused(message, "ConditionalCheckFailedException") as caught:
            put(client, {"id": {"S": "c"}}, **words)
        assert "Item" not in caught.value.response
        with refused(message, "ConditionalCheckFailedException") as caught:
            put(client, {"id": {"S": "c"}}, ReturnValuesOnConditionCheckFailure="ALL_OLD", **words)
        assert caught.value.response["Item"] == {"id": {"S": "c"}, "version": {"N": "2"}}

    def test_comparisons_are_within_a_type(self, client: Any) -> None:
        put(client, {"id": {"S": "t"}, "n": {"N": "5"}})
        with refused("The conditional request failed", "ConditionalCheckFailedException"):
            put(client, {"id": {"S": "t"}}, ConditionExpression="n < :s",
                ExpressionAttributeValues={":s": {"S": "9"}})  # fmt: skip
        put(client, {"id": {"S": "t"}, "n": {"N": "5"}}, ConditionExpression="n <> :s",
            ExpressionAttributeValues={":s": {"S": "5"}})  # fmt: skip


class TestQueries:
    def test_the_key_condition(self, client: Any) -> None:
        with refused("Query condition missed key schema element: pk"):
            query(client, "sk = :n", {":n": {"N": "1"}})
        with refused("Query key condition not supported"):
            query(client, "pk > :p", {":p": {"S": "1"}})
        with refused("Either the KeyConditions or KeyConditionExpression parameter must be specified"):
            client.query(TableName="shop")
        with refused("One or more parameter values were invalid: Condition parameter type does not match"):
            query(client, "pk = :n", {":n": {"N": "1"}})
        with refused("Invalid KeyConditionExpression: The BETWEEN operator requires upper bound"):
            query(client, "pk = :p AND sk BETWEEN :a AND :b",
                  {":p": {"S": "1"}, ":a": {"N": "2"}, ":b": {"N": "1"}})  # fmt: skip

    def test_a_filter_is_on_other_attributes_than_the_keys(self, client: Any) -> None:
        with refused(
            "Filter Expression can only contain non-primary key attributes: Primary key attribute: sk"
        ):
            query(client, "pk = :p", {":p": {"S": "1"}, ":n": {"N": "1"}}, FilterExpression="sk = :n")

    def test_what_an_index_can_not(self, client: Any) -> None:
        values: dict[str, Any] = {":m": {"S": "a@b"}}
        with refused("Consistent reads are not supported on global secondary indexes"):
            query(client, "mail = :m", values, IndexName="by-mail", ConsistentRead=True)
        with refused("Consistent reads are not supported on global secondary indexes"):
            client.scan(TableName="shop", IndexName="by-mail", ConsistentRead=True)
        query(
            client, "pk = :m AND tier = :l", {**values, ":l": {"N": "1"}}, IndexName="local-tier",
            ConsistentRead=True,
        )  # fmt: skip
        with refused("The table does not have the specified index: nowhere"):
            query(client, "mail = :m", values, IndexName="nowhere")
        with refused(INVALID + "Select type ALL_ATTRIBUTES is not supported for global secondary index"):
            query(client, "tier = :l", {":l": {"N": "1"}}, IndexName="by-tier", Select="ALL_ATTRIBUTES")

    def test_projections_of_indexes(self, client: Any) -> None:
        item = {"pk": {"S": "proj"}, "sk": {"N": "1"}, "mail": {"S": "p@b"}, "tier": {"N": "77"},
                "kept": {"S": "k"}, "other": {"S": "o"}}  # fmt: skip
        put(client, item, "shop")
        whole = query(client, "mail = :m", {":m": {"S": "p@b"}}, IndexName="by-mail")
        keys = query(client, "tier = :l", {":l": {"N": "77"}}, IndexName="by-tier")
        local = query(client, "pk = :p", {":p": {"S": "proj"}}, IndexName="local-tier")
        fetched = query(
            client, "pk = :p", {":p": {"S": "proj"}}, IndexName="local-tier", Select="ALL_ATTRIBUTES"
        )
        assert whole["Items"] == [item]
        assert set(keys["Items"][0]) == {"pk", "sk", "tier"}
        assert set(local["Items"][0]) == {"pk", "sk", "tier", "kept"}
        assert fetched["Items"] == [item]

    def test_limits_and_starting_keys(self, client: Any) -> None:
        put_all(client, "shop", [{"pk": {"S": "many"}, "sk": {"N": str(n)}} for n in range(10)])
        many = {":p": {"S": "many"}}
        with refused(""):
            query(client, "pk = :p", many, Limit=0)
        # a limit that is just reached says how to go on, although nothing follows
        page = query(client, "pk = :p", many, Limit=10)
        assert (page["Count"], page["LastEvaluatedKey"]) == (10, {"pk": {"S": "many"}, "sk": {"N": "9"}})
        last = query(client, "pk = :p", many, ExclusiveStartKey=page["LastEvaluatedKey"])
        assert (last["Count"], "LastEvaluatedKey" in last) == (0, False)
        assert "LastEvaluatedKey" not in query(client, "pk = :p", many, Limit=11)
        back = query(client, "pk = :p", many, Limit=3, ScanIndexForward=False)
        assert [item["sk"]["N"] for item in back["Items"]] == ["9", "8", "7"]
        for key in ({"pk": {"S": "many"}}, {"pk": {"S": "many"}, "sk": {"S": "x"}}):
            with refused("The provided starting key is invalid"):
                query(client, "pk = :p", many, ExclusiveStartKey=key)
        with refused("The provided starting key is outside query boundaries based on provided conditions"):
            query(client, "pk = :p", many, ExclusiveStartKey={"pk": {"S": "few"}, "sk": {"N": "1"}})

    def test_a_starting_key_need_not_exist(self, client: Any) -> None:
        put_all(client, "shop", [{"pk": {"S": "gap"}, "sk": {"N": str(n)}} for n in (1, 2, 5, 6)])
        start = {"pk": {"S": "gap"}, "sk": {"N": "3"}}
        page = query(client, "pk = :p", {":p": {"S": "gap"}}, ExclusiveStartKey=start)
        assert [item["sk"]["N"] for item in page["Items"]] == ["5", "6"]

    def test_the_last_key_of_an_index_has_its_keys_and_the_tables(self, client: Any) -> None:
        items = [{"pk": {"S": "lek"}, "sk": {"N": str(n)}, "mail": {"S": "same"}} for n in range(4)]
        put_all(client, "shop", items)
        seen: list[str] = []
        start: dict[str, Any] = {}
        while True:
            page = query(client, "mail = :m", {":m": {"S": "same"}}, IndexName="by-mail", Limit=1, **start)
            seen += [item["sk"]["N"] for item in page["Items"]]
            if "LastEvaluatedKey" not in page:
                break
            assert set(page["LastEvaluatedKey"]) == {"mail", "pk", "sk"}
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
        assert sorted(seen) == ["0", "1", "2", "3"]

    def test_limit_counts_before_the_filter(self, client: Any) -> None:
        items = [{"pk": {"S": "filter"}, "sk": {"N": str(n)}, "odd": {"BOOL": bool(n % 2)}} for n in range(6)]
        put_all(client, "shop", items)
        page = query(client, "pk = :p", {":p": {"S": "filter"}, ":t": {"BOOL": True}}, Limit=3,
                     FilterExpression="odd = :t")  # fmt: skip
        assert (page["Count"], page["ScannedCount"]) == (1, 3)
        count = query(client, "pk = :p", {":p": {"S": "filter"}}, Select="COUNT")
        assert (count["Count"], "Items" in count) == (6, False)

    def test_order_of_numbers_strings_and_bytes(self, client: Any) -> None:
        numbers = ["-1e100", "-1000", "-2.5", "-2", "-1e-100", "0", "1e-130", "0.1", "1", "9", "10", "1e20"]
        strings = ["", "A", "Z", "a", "é", "\uffff", "\U0001f600"]
        binary = [b"\x00", b"\x01", b"\x7f", b"\x80", b"\xff", b"\xff\x00"]
        for kind, values in (("N", numbers), ("S", strings[1:]), ("B", binary)):
            create(client, f"order-{kind}", "pk sk", types=f"sk:{kind}")
            items = [{"pk": {"S": "o"}, "sk": {kind: value}, "i": {"N": str(i)}}
                     for i, value in enumerate(values)]  # fmt: skip
            put_all(client, f"order-{kind}", items[::-1])
            found = query(client, "pk = :p", {":p": {"S": "o"}}, f"order-{kind}")["Items"]
            assert [int(item["i"]["N"]) for item in found] == list(range(len(values))), kind

    @pytest.mark.parametrize("verb", ["query", "scan"])
    def test_a_page_ends_at_1_mb(self, client: Any, verb: str) -> None:
        items = [{"pk": {"S": "page"}, "sk": {"N": str(n)}, "b": {"S": "x" * 100 * KB}} for n in range(25)]
        for item in items:
            # more than a partition takes in a second: the client tries again
            put(client, item, "pages")
        words: dict[str, Any] = {"TableName": "pages"}
        if verb == "query":
            words["KeyConditionExpression"] = "pk = :p"
            words["ExpressionAttributeValues"] = {":p": {"S": "page"}}
        counts: list[int] = []
        start: dict[str, Any] = {}
        while not counts or start:
            page = getattr(client, verb)(**words, **start)
            counts.append(page["Count"])
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]} if "LastEvaluatedKey" in page else {}
        # the item that passes 1 MB is the page's last
        assert counts == [11, 11, 3]
        assert getattr(client, verb)(**words, Select="COUNT")["Count"] == counts[0]

    def test_parallel_scans(self, client: Any) -> None:
        with refused("The TotalSegments parameter is required but was not present in the request when"):
            client.scan(TableName="shop", Segment=0)
        with refused("The Segment parameter is required but was not present in the request when parameter"):
            client.scan(TableName="shop", TotalSegments=2)
        with refused("The Segment parameter is zero-based and must be less than parameter TotalSegments"):
            client.scan(TableName="shop", Segment=2, TotalSegments=2)
        create(client, "segments", "id")
        put_all(client, "segments", [{"id": {"S": str(n)}} for n in range(50)])
        found = [client.scan(TableName="segments", Segment=n, TotalSegments=4)["Items"] for n in range(4)]
        assert sorted(int(item["id"]["S"]) for items in found for item in items) == list(range(50))
        assert sum(bool(items) for items in found) > 1
