"""Expressions: what they find, what they change, and what AWS says about their mistakes."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from .conftest import LocalAws, code_of
from .fix_dynamodb_items import index, make_table

ITEM: dict[str, Any] = {
    "p": {"S": "a"},
    "n": {"N": "10"},
    "t": {"S": "hello"},
    "b": {"B": b"\x01\x02\x03"},
    "l": {"L": [{"N": "1"}, {"S": "two"}, {"M": {"x": {"S": "deep"}}}]},
    "m": {"M": {"k": {"N": "5"}, "dotted.name": {"S": "d"}}},
    "ss": {"SS": ["red", "green"]},
    "ns": {"NS": ["1", "2.5"]},
    "yes": {"BOOL": True},
    "nil": {"NULL": True},
}
VALUES: dict[str, Any] = {
    ":one": {"N": "1"},
    ":five": {"N": "5"},
    ":nine": {"N": "9"},
    ":ten": {"N": "1e1"},
    ":eleven": {"N": "11"},
    ":hell": {"S": "hell"},
    ":hello": {"S": "hello"},
    ":two": {"S": "two"},
    ":red": {"S": "red"},
    ":blue": {"S": "blue"},
    ":deep": {"S": "deep"},
    ":S": {"S": "S"},
    ":NULL": {"S": "NULL"},
    ":set": {"SS": ["green", "red"]},
    ":bytes": {"B": b"\x01\x02"},
    ":half": {"N": "2.50"},
    ":yes": {"BOOL": True},
}


@pytest.fixture(scope="module")
def client(aws: LocalAws) -> Any:
    make_table(
        aws,
        "expressions",
        {"p": "S"},
        attributes={"g": "S"},
        GlobalSecondaryIndexes=[index("by-g", "g")],
    )
    return aws.client("dynamodb")


def used(text: str, known: dict[str, Any]) -> dict[str, Any]:
    words = text.replace("(", " ").replace(")", " ").replace(",", " ").replace("[", " ").split()
    return {name: value for name, value in known.items() if name in words}


def holds(client: Any, text: str) -> bool:
    client.put_item(TableName="expressions", Item=ITEM)
    request: dict[str, Any] = {"TableName": "expressions", "FilterExpression": text}
    if found := used(text, VALUES):
        request["ExpressionAttributeValues"] = found
    return bool(client.scan(**request)["Count"])


@pytest.mark.parametrize(
    "text",
    [
        "n = :ten",
        "n <> :nine",
        "gone <> :nine",
        "n > :nine AND n < :eleven",
        "n BETWEEN :nine AND :ten",
        "n IN (:one, :ten)",
        "NOT n = :nine",
        "n = :nine OR t = :hello AND p <> :two",
        "(n = :nine OR t = :hello) AND NOT (n < :one)",
        "attribute_exists(m.k) AND attribute_not_exists(m.z)",
        "attribute_exists(l[2].x) and attribute_not_exists(l[3])",
        "attribute_type(t, :S) AND attribute_type(nil, :NULL)",
        "begins_with(t, :hell)",
        "begins_with(b, :bytes)",
        "contains(t, :hell) AND contains(ss, :red) AND contains(ns, :half) AND contains(l, :two)",
        "NOT contains(ss, :blue)",
        "ss = :set",
        "size(t) = :five AND size(l) > :one AND size(m) > :one AND size(ss) > :one",
        "l[2].x = :deep",
        "m.k = :five",
        "yes = :yes",
        "t > :hell",
        ":hello = t",
        "(n) = (:ten)",
    ],
)
def test_a_condition_that_holds(client: Any, text: str) -> None:
    assert holds(client, text)
    assert not holds(client, f"NOT ({text})")


@pytest.mark.parametrize(
    "text", ["gone = :one", "n > :hello", "t < :five", "size(n) > :one", "gone BETWEEN :one AND :five"]
)
def test_what_is_missing_or_of_another_type_compares_with_nothing(client: Any, text: str) -> None:
    assert not holds(client, text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "The expression can not be empty;"),
        ("n =", 'Syntax error; token: "<EOF>", near: "="'),
        ("n = = :one", 'Syntax error; token: "=", near: "= = :one"'),
        ("n ~ :one", 'Syntax error; token: "~", near: "n ~ :one"'),
        ("status = :one", "Attribute name is a reserved keyword; reserved keyword: status"),
        ("n = :nope", "used in expression is not defined; attribute value: :nope"),
        ("#n = :one", "used in the document path is not defined; attribute name: #n"),
        ("((n = :one))", "The expression has redundant parentheses;"),
        ("near_by(n, :one)", "Invalid function name; function: near_by"),
        ("begins_with(t)", "operator or function: begins_with, number of operands: 1"),
        ("begins_with(t, :one)", "operator or function: begins_with, operand type: N"),
        ("size(t)", "is not allowed to be used this way in an expression; function: size"),
        ("n < :yes", "operator or function: <, operand type: BOOL"),
        ("attribute_exists(:one)", "Operator or function requires a document path"),
        ("attribute_type(t, :red)", "Invalid attribute type name found; type: red"),
        ("n = n", "The first operand must be distinct from the remaining operands"),
        ("n BETWEEN :five AND :one", "requires upper bound to be greater than or equal to lower bound"),
        ("n BETWEEN :one AND :two", "requires same data type for lower and upper bounds"),
    ],
)
def test_mistakes_in_a_condition(client: Any, text: str, reason: str) -> None:
    request: dict[str, Any] = {"TableName": "expressions", "FilterExpression": text}
    if found := used(text, VALUES):
        request["ExpressionAttributeValues"] = found
    with pytest.raises(ClientError) as caught:
        client.scan(**request)
    assert code_of(caught) == "ValidationException"
    message = caught.value.response["Error"]["Message"]
    assert message.startswith("Invalid FilterExpression: ")
    assert reason in message


def test_placeholders_that_nothing_uses_are_refused(client: Any) -> None:
    for given in (
        {"ExpressionAttributeNames": {"#n": "n", "#idle": "x"}},
        {"ExpressionAttributeValues": {":one": {"N": "1"}, ":idle": {"N": "1"}}},
    ):
        request: dict[str, Any] = {
            "ExpressionAttributeNames": {"#n": "n"},
            "ExpressionAttributeValues": {":one": {"N": "1"}},
            **given,
        }
        with pytest.raises(ClientError, match=r"unused in expressions: keys: \{[#:]idle\}"):
            client.scan(TableName="expressions", FilterExpression="#n = :one", **request)


def updated(client: Any, text: str, names: dict[str, str] | None = None, **given: Any) -> dict[str, Any]:
    client.put_item(TableName="expressions", Item=ITEM)
    request: dict[str, Any] = {"UpdateExpression": text}
    if given:
        request["ExpressionAttributeValues"] = {f":{name}": value for name, value in given.items()}
    if names:
        request["ExpressionAttributeNames"] = names
    answer = client.update_item(
        TableName="expressions", Key={"p": {"S": "a"}}, ReturnValues="ALL_NEW", **request
    )
    found: dict[str, Any] = answer["Attributes"]
    return found


def test_set(client: Any) -> None:
    found = updated(
        client, "SET n = n + :v, t = m.k, fresh = if_not_exists(fresh, :w)", v={"N": "0.1"}, w={"S": "w"}
    )
    assert (found["n"], found["t"], found["fresh"]) == ({"N": "10.1"}, {"N": "5"}, {"S": "w"})
    assert updated(client, "SET n = if_not_exists(n, :v) - :v", v={"N": "3"})["n"] == {"N": "7"}
    found = updated(client, "SET l = list_append(:v, l), m.fresh = l[0]", v={"L": [{"N": "0"}]})
    assert found["l"]["L"][:2] == [{"N": "0"}, {"N": "1"}]
    assert found["m"]["M"]["fresh"] == {"N": "1"}
    assert updated(client, "SET l[50] = :v", v={"S": "last"})["l"]["L"][3:] == [{"S": "last"}]
    assert updated(client, "SET m.#d = :v", {"#d": "dotted.name"}, v={"S": "e"})["m"]["M"]["dotted.name"] == {
        "S": "e"
    }


def test_remove_add_and_delete(client: Any) -> None:
    assert "n" not in updated(client, "REMOVE n, absent")
    assert updated(client, "REMOVE l[0], l[1]")["l"]["L"] == ITEM["l"]["L"][2:]
    assert updated(client, "ADD n :v, times :v", v={"N": "-4"})["n"] == {"N": "6"}
    assert updated(client, "ADD times :v", v={"N": "4"})["times"] == {"N": "4"}
    assert set(updated(client, "ADD ss :v", v={"SS": ["red", "blue"]})["ss"]["SS"]) == {
        "red",
        "green",
        "blue",
    }
    assert updated(client, "DELETE ss :v", v={"SS": ["red", "x"]})["ss"] == {"SS": ["green"]}
    assert "ss" not in updated(client, "DELETE ss :v", v={"SS": ["red", "green"]})
    found = updated(
        client, "SET t = :v REMOVE n ADD m.k :w DELETE ss :x", v={"S": "z"}, w={"N": "1"}, x={"SS": ["red"]}
    )
    assert found["m"]["M"]["k"] == {"N": "6"}


@pytest.mark.parametrize(
    ("text", "given", "reason"),
    [
        ("SET n = :v SET t = :v", {"v": {"N": "1"}}, 'The "SET" section can only be used once'),
        ("SET m.k = :v, m = :v", {"v": {"N": "1"}}, "Two document paths overlap with each other"),
        ("SET l[0] = :v, l.x = :v", {"v": {"N": "1"}}, "Two document paths conflict with each other"),
        ("SET p = :v", {"v": {"S": "1"}}, "Cannot update attribute p. This attribute is part of the key"),
        ("SET x.y = :v", {"v": {"S": "1"}}, "The document path provided in the update expression is invalid"),
        ("SET x = y", {}, "refers to an attribute that does not exist in the item"),
        ("SET n = n + :v", {"v": {"S": "1"}}, "operator or function: +, operand type: S"),
        (
            "SET n = t + :v",
            {"v": {"N": "1"}},
            "An operand in the update expression has an incorrect data type",
        ),
        ("ADD t :v", {"v": {"S": "x"}}, "operator: ADD, operand type: STRING"),
        ("ADD t :v", {"v": {"N": "1"}}, "An operand in the update expression has an incorrect data type"),
        (
            "DELETE n :v",
            {"v": {"SS": ["1"]}},
            "An operand in the update expression has an incorrect data type",
        ),
        (
            "SET g = :v",
            {"v": {"N": "1"}},
            "Type mismatch for Index Key g Expected: S Actual: N IndexName: by-g",
        ),
        ("SET n = n + :v", {"v": {"N": "1e-37"}}, "more than 38 significant digits"),
        ("PUT n = :v", {"v": {"N": "1"}}, 'Syntax error; token: "PUT", near: "PUT n"'),
    ],
)
def test_mistakes_in_an_update(client: Any, text: str, given: dict[str, Any], reason: str) -> None:
    with pytest.raises(ClientError) as caught:
        updated(client, text, **given)
    assert code_of(caught) == "ValidationException"
    assert reason in caught.value.response["Error"]["Message"]


def test_a_refused_update_leaves_the_item_alone(client: Any) -> None:
    with pytest.raises(ClientError):
        updated(client, "SET n = :v, x.y = :v", v={"N": "99"})
    assert client.get_item(TableName="expressions", Key={"p": {"S": "a"}})["Item"]["n"] == {"N": "10"}


def test_projections(client: Any) -> None:
    client.put_item(TableName="expressions", Item=ITEM)

    def project(text: str, **more: Any) -> Any:
        return client.get_item(
            TableName="expressions", Key={"p": {"S": "a"}}, ProjectionExpression=text, **more
        )["Item"]

    assert project("t, n, absent") == {"t": ITEM["t"], "n": ITEM["n"]}
    assert project("l[2].x, l[0], m.k") == {
        "l": {"L": [{"N": "1"}, {"M": {"x": {"S": "deep"}}}]},
        "m": {"M": {"k": {"N": "5"}}},
    }
    named = project("#m.#d", ExpressionAttributeNames={"#m": "m", "#d": "dotted.name"})
    assert named == {"m": {"M": {"dotted.name": {"S": "d"}}}}
    with pytest.raises(ClientError, match="Two document paths overlap"):
        project("l, l[0]")


def test_the_parameters_of_old(client: Any) -> None:
    client.put_item(TableName="expressions", Item=ITEM)
    key = {"p": {"S": "a"}}
    kept = {"n": {"AttributeValueList": [{"N": "5"}], "ComparisonOperator": "GT"}}
    changes = {
        "n": {"Action": "ADD", "Value": {"N": "1"}},
        "t": {"Action": "DELETE"},
        "z": {"Value": {"S": "put"}},
    }
    answer = client.update_item(
        TableName="expressions", Key=key, AttributeUpdates=changes, Expected=kept, ReturnValues="ALL_NEW"
    )
    assert answer["Attributes"]["n"] == {"N": "11"}
    assert answer["Attributes"]["z"] == {"S": "put"}
    assert "t" not in answer["Attributes"]
    with pytest.raises(ClientError) as caught:
        client.delete_item(TableName="expressions", Key=key, Expected={"z": {"Exists": False}})
    assert code_of(caught) == "ConditionalCheckFailedException"
    either = {
        "z": {"ComparisonOperator": "NULL"},
        "n": {"ComparisonOperator": "IN", "AttributeValueList": [{"N": "11"}]},
    }
    request: dict[str, Any] = {"TableName": "expressions", "ScanFilter": either}
    assert client.scan(**request)["Count"] == 0
    assert client.scan(**request, ConditionalOperator="OR")["Count"] == 1
    assert client.scan(**request, ConditionalOperator="OR", AttributesToGet=["z"])["Items"] == [
        {"z": {"S": "put"}}
    ]
    with pytest.raises(ClientError, match="Can not use both expression and non-expression parameters"):
        client.scan(**request, FilterExpression="attribute_exists(n)")
