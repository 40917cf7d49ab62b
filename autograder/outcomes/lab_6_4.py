"""Lab 6.4: a table, and a file that creates, reads, updates and deletes carts without losing a change."""

import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from autograder.adapter_run import copies, describe, every_item, holding, run
from autograder.errors import Mistake
from autograder.examiner import Account
from autograder.outcome import Sheet, outcome
from autograder.recorder import Job, Report, Script

FILE = "cart_store.py"
RIVAL = "another-device"
REMEDIES = {
    "does not match the schema": "the table has another key: compare the file's Key with its KeySchema",
    "Missing the key": "the table has another key: an item needs every attribute of its KeySchema",
    "KeyError: 'Item'": "get_item answers without 'Item' when nothing is there: .get('Item')",
    "reserved keyword": "write #name in the expression, and what it stands for in ExpressionAttributeNames",
}
Steps = dict[str, tuple[Report, dict[str, Any] | None]]
"""By name: what the file reported, and the cart's item in the table right after."""


@outcome("lab-6.4", title="Carts in DynamoDB that lose no change", points=6)
def cart_store(sheet: Sheet, account: Account, *, table: str, store: str) -> None:
    """Runs the file's functions on an empty copy of the table, with a second device that saves in between."""
    steps: Steps = {}
    failed: list[Mistake] = []
    sheet.judge("The table is there", 1, play, account, table, store, steps, failed)
    sheet.judge("create() adds a cart and never replaces one", 1, creates, steps, failed)
    sheet.judge("read() sees every confirmed write, delete() removes", 1, reads_and_deletes, steps, failed)
    sheet.judge("save() stores the change under the next version", 1, saves, steps, failed)
    sheet.judge("A stale version is refused", 1, refuses_stale, steps, failed)
    sheet.judge("Also when the other write lands in between", 1, refuses_race, steps, failed)


def play(account: Account, table: str, store: str, steps: Steps, failed: list[Mistake]) -> None:
    """The table exists; what goes wrong in the file costs the points of the functions."""
    described = describe(account, table)
    with copies(account, [described]) as tables:
        copy = tables[table]
        try:
            run(account, FILE, store, tables, story(account, copy, steps))
        except Mistake as mistake:
            failed.append(mistake)


def story(account: Account, copy: str, steps: Steps) -> Script:
    """A cart's life: made, made again, read, saved, saved from a stale copy, raced for, deleted.

    A second cart is made by another device while the file makes it.
    """
    mark = f"cart-{secrets.token_hex(6)}"
    cart: dict[str, Any] = {"cart_id": mark, "user_id": 42, "version": 1, "items": [_line(7, 1)]}

    def look(cart_id: str = mark) -> dict[str, Any] | None:
        return holding(every_item(account, copy), cart_id)

    twin = cart | {"cart_id": f"cart-{secrets.token_hex(6)}"}

    def overtake() -> None:
        item = look()
        if item is not None:
            # as the file stores a cart, whatever its keys are
            made = json.loads(json.dumps(item).replace(mark, str(twin["cart_id"])))
            account.dynamodb.put_item(TableName=copy, Item=made | {"saved_by": {"S": RIVAL}})

    def disturb() -> None:
        item = look()
        if item is not None and "version" in item:
            later = {"N": str(int(item["version"].get("N", 0)) + 1)}
            account.dynamodb.put_item(
                TableName=copy, Item=item | {"version": later, "saved_by": {"S": RIVAL}}
            )

    def step(
        name: str,
        function: str,
        argument: object,
        meanwhile: Callable[[], None] | None = None,
        cart_id: str = mark,
    ) -> Script:
        report = yield Job(function, [[argument]], meanwhile)
        steps[name] = (report, look(cart_id))

    changed = cart | {"items": [_line(7, 1), _line(9, 2)]}
    yield from step("nothing", "read", mark)
    yield from step("create", "create", cart)
    yield from step("read", "read", mark)
    yield from step("again", "create", cart | {"items": []})
    yield from step("twin", "create", twin, overtake, str(twin["cart_id"]))
    yield from step("save", "save", changed)
    yield from step("stale", "save", cart | {"items": [_line(1, 5)]})
    yield from step("race", "save", changed | {"version": 2, "items": []}, disturb)
    yield from step("delete", "delete", mark)


def creates(steps: Steps, failed: list[Mistake]) -> None:
    """The item appears; the second time the function raises and the item stays as it was."""
    report, item = _step(steps, "create", failed)
    _no_error("create", report)
    if item is None:
        raise Mistake("create() returned, but the table holds no item of that cart: put_item it")
    if "N" not in item.get("version", {}):
        raise Mistake("the cart's item has no number 'version': save() has nothing to compare with")
    again, after = _step(steps, "again", failed)
    if after != item:
        raise Mistake(
            "create() replaced a cart that was there: put_item overwrites without asking; "
            "ConditionExpression='attribute_not_exists(…)' on the key refuses"
        )
    if not again.error:
        raise Mistake("create() of a cart that exists said nothing: let the refusal through to the caller")
    _, twin = _step(steps, "twin", failed)
    if twin is None or twin.get("saved_by", {}).get("S") != RIVAL:
        raise Mistake(
            "another device created the same cart just before your write, and its cart is gone: looking "
            "first leaves a gap; ConditionExpression='attribute_not_exists(…)' on the key refuses there"
        )


def reads_and_deletes(steps: Steps, failed: list[Mistake]) -> None:
    """Strongly consistent, by key, None for nothing; and gone after delete()."""
    nothing, _ = _step(steps, "nothing", failed)
    _no_error("read", nothing)
    if nothing.value is not None:
        raise Mistake(f"read() of a cart that is not there returned {nothing.value!r}: return None")
    report, item = _step(steps, "read", failed)
    _no_error("read", report)
    if item is None:
        raise Mistake("there is no cart to read: create() first")
    seen = report.value if isinstance(report.value, dict) else {}
    if (seen.get("version"), _products(seen.get("items"))) != (1, {7: 1}):
        raise Mistake(f"read() returned {_short(report.value)}: return the cart with 'version' and 'items'")
    operations = {call.operation for call in report.calls}
    if "Scan" in operations:
        raise Mistake("read() scans the whole table for one cart: get_item by its key")
    if not all(call.consistent for call in report.calls):
        raise Mistake(
            "read() is eventually consistent: it may miss a write that was confirmed a moment ago; "
            "ConsistentRead=True"
        )
    gone, left = _step(steps, "delete", failed)
    _no_error("delete", gone)
    if left is not None:
        raise Mistake("delete() returned, but the cart is still in the table: delete_item by its key")


def saves(steps: Steps, failed: list[Mistake]) -> None:
    """Version 2 with both lines."""
    report, item = _step(steps, "save", failed)
    _no_error("save", report)
    if item is None:
        raise Mistake("after save() the table has no such cart: write it under its own key")
    version = item.get("version", {}).get("N")
    if version == "1":
        raise Mistake("after save() the version is still 1: count it up in the same write")
    if version != "2":
        raise Mistake(f"after save() of version 1 the version is {version or 'gone'}, not 2: count by one")
    if "9" not in str(item):
        raise Mistake(
            "save() counted the version up, but the new line is not in the item: write the items too"
        )


def refuses_stale(steps: Steps, failed: list[Mistake]) -> None:
    """A cart read at version 1 is not written over version 2."""
    _, before = _step(steps, "save", failed)
    report, after = _step(steps, "stale", failed)
    saves(steps, failed)
    if after != before:
        raise Mistake(
            "a cart that was read at version 1 replaced version 2: whoever saved in between lost a change; "
            "ConditionExpression='version = :read'"
        )
    if not report.error:
        raise Mistake(
            "save() kept the newer cart but said nothing: the caller believes that it saved; let "
            "ConditionalCheckFailedException through, or raise your own"
        )


def refuses_race(steps: Steps, failed: list[Mistake]) -> None:
    """A write that lands between the file's reading and its writing survives."""
    report, after = _step(steps, "race", failed)
    saves(steps, failed)
    if after is None or after.get("saved_by", {}).get("S") != RIVAL:
        raise Mistake(
            "another device saved just before your write, and its change is gone: a comparison in Python "
            "leaves a gap before the write; let DynamoDB compare in the write itself (ConditionExpression)"
        )
    if not report.error:
        raise Mistake("the other device's cart survived, but save() said nothing: let the refusal through")


def _step(steps: Steps, name: str, failed: list[Mistake]) -> tuple[Report, dict[str, Any] | None]:
    if name in steps:
        return steps[name]
    if failed:
        raise Mistake(str(failed[0]))
    raise Mistake("without the table there is nothing to run the file on")


def _no_error(function: str, report: Report) -> None:
    if report.error:
        remedy = next((f"; {text}" for sign, text in REMEDIES.items() if sign in report.error), "")
        raise Mistake(f"{function}() failed: {report.error}{remedy}")


def _line(product_id: int, quantity: int) -> dict[str, int]:
    return {"product_id": product_id, "quantity": quantity}


def _products(lines: object) -> dict[object, object]:
    found = lines if isinstance(lines, list) else []
    return {line.get("product_id"): line.get("quantity") for line in found if isinstance(line, Mapping)}


def _short(value: object) -> str:
    return repr(value)[:150]
