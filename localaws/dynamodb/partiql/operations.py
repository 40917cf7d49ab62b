"""ExecuteStatement, BatchExecuteStatement and ExecuteTransaction."""

from __future__ import annotations

import base64
import json
from typing import Any

from localaws.dynamodb import capacity, keys, queries, ranges, requests, transactions, values
from localaws.dynamodb.errors import ItemFault, bad_value, invalid
from localaws.dynamodb.expressions import KeyCondition, Predicate, Projection, Update
from localaws.dynamodb.expressions.conditions import compiled
from localaws.dynamodb.expressions.keyconditions import KeyTest
from localaws.dynamodb.expressions.nodes import Comparison, Condition, Function, Given, Junction, Path
from localaws.dynamodb.expressions.updating import updating
from localaws.dynamodb.partiql.statements import Statement, read
from localaws.dynamodb.queries import Search
from localaws.dynamodb.reads import Read
from localaws.dynamodb.records import Edit, encode
from localaws.dynamodb.requests import Document, Parameters, Tables, Usage
from localaws.dynamodb.schema import IndexSchema, TableSchema
from localaws.dynamodb.store import Range
from localaws.dynamodb.values import Item
from localaws.dynamodb.writes import Write, attributes_of, perform, record_of, updated
from localaws.faults import Fault

MOST_STATEMENTS = 25
LABEL = "WHERE clause"
KEY_OPERATORS = frozenset({"=", "<", "<=", ">", ">=", "BETWEEN", "begins_with"})
BATCH_CODES = {
    "ConditionalCheckFailedException": "ConditionalCheckFailed",
    "ValidationException": "ValidationError",
    "ResourceNotFoundException": "ResourceNotFound",
    "ProvisionedThroughputExceededException": "ProvisionedThroughputExceeded",
    "ThrottlingException": "ThrottlingError",
    "DuplicateItemException": "DuplicateItem",
    "TransactionConflictException": "TransactionConflict",
}


def execute_statement(tables: Tables, given: Parameters, usage: Usage) -> Document:
    """Answer ExecuteStatement."""
    requests.check_enums(given)
    requests.integer(given, "Limit", 1)
    statement = read(requests.member(given, "Statement"), given.get("Parameters"))
    schema = _schema(tables, statement, usage)
    if statement.verb == "SELECT":
        return _select(tables, given, statement, schema, usage)
    write = _write(statement, schema, given)
    edit, units = _performed(tables, statement, write, usage)
    returned = attributes_of(statement.returning, write, edit)
    return Document(
        Items=[] if returned is None else [_decoded(returned)],
        ConsumedCapacity=capacity.consumed(schema, given.get("ReturnConsumedCapacity"), units),
    )


def _decoded(found: Any) -> Any:
    return json.loads(found) if isinstance(found, bytes) else found


def _schema(tables: Tables, statement: Statement, usage: Usage) -> TableSchema:
    schema = tables.schema(statement.table)
    usage.tables[schema.id] = schema
    return schema


def _performed(
    tables: Tables, statement: Statement, write: Write, usage: Usage
) -> tuple[Edit, capacity.Units]:
    try:
        return perform(tables, write, usage)
    except ItemFault as fault:
        if statement.verb == "INSERT" and fault.code == "ConditionalCheckFailedException":
            raise _duplicate() from None
        raise


def _duplicate() -> Fault:
    return Fault("DuplicateItemException", "Duplicate primary key exists in table")


# -- SELECT


def _select(
    tables: Tables, given: Parameters, statement: Statement, schema: TableSchema, usage: Usage
) -> Document:
    search = _search(statement, schema, given)
    page, units = queries.search_page(tables, search, usage)
    usage.returned = len(page.records)
    last = queries.last_key(search, page)
    token = None if last is None else base64.b64encode(encode(last).encode()).decode()
    return Document(
        Items=b"[%s]" % b",".join(queries.bodies(page, search.projection)),
        NextToken=token,
        LastEvaluatedKey=last,
        ConsumedCapacity=capacity.consumed(schema, given.get("ReturnConsumedCapacity"), units),
    )


def _search(statement: Statement, schema: TableSchema, given: Parameters) -> Search:
    index = _index(statement, schema)
    asked, rest = _key_condition(statement, schema, index)
    columns = statement.columns
    wanted = None if columns is None else Projection([path.parts for path in columns])
    search = Search(
        schema=schema,
        index=index,
        range=Range(),
        limit=given.get("Limit"),
        consistent=requests.boolean(given, "ConsistentRead"),
        predicate=_predicate(statement, rest),
        projection=wanted,
        fetches=queries.fetches(schema, index, None, wanted),
        counts_only=False,
    )
    name = index.name if index else None
    backwards = _backwards(statement, schema, index, asked)
    found = (
        ranges.of_segment(0, 1, name)
        if asked is None
        else ranges.of_condition(asked, name, backwards=backwards)
    )
    search.range = ranges.after(found, schema, index, _start(given), asked)
    if index is not None and index.is_global and search.consistent:
        raise invalid("Consistent reads are not supported on global secondary indexes")
    return search


def _index(statement: Statement, schema: TableSchema) -> IndexSchema | None:
    if statement.index is None:
        return None
    index = schema.indexes.get(statement.index)
    if index is None or index.status in ("CREATING", "DELETING"):
        raise invalid("The table does not have the specified index")
    return index


def _start(given: Parameters) -> Any:
    token = given.get("NextToken")
    if token is None:
        return None
    try:
        return json.loads(base64.b64decode(token, validate=True))
    except ValueError:
        raise invalid("The NextToken is not one that this statement's earlier page answered.") from None


def _backwards(
    statement: Statement, schema: TableSchema, index: IndexSchema | None, asked: KeyCondition | None
) -> bool:
    if statement.order is None:
        return False
    path, descending = statement.order
    names = [attribute.name for attribute in (index or schema).attributes]
    if asked is None:
        raise invalid("Must have WHERE clause in the statement when using ORDER BY clause.")
    if path.parts[0] not in names:
        raise invalid(
            f"Variable reference {path.parts[0]} in ORDER BY clause must be part of the primary key"
        )
    return descending


def _members(node: Condition | None) -> list[Condition]:
    if isinstance(node, Junction) and node.operator == "AND":
        return [inner for member in node.members for inner in _members(member)]
    return [] if node is None else [node]


def _predicate(statement: Statement, members: list[Condition]) -> Predicate | None:
    return compiled(Junction("AND", tuple(members)), statement.known(), LABEL) if members else None


def _key_condition(
    statement: Statement, schema: TableSchema, index: IndexSchema | None
) -> tuple[KeyCondition | None, list[Condition]]:
    """Return what can be looked up by the key, and the rest, which filters."""
    key = (index or schema).attributes
    members = _members(statement.where)
    first = next((node for node in members if _tests(node, key[0].name, "=")), None)
    if first is None:
        return None, members
    found = _key_test(statement, first)
    if key[0].type not in found.values[0]:
        return None, members
    rest = [node for node in members if node is not first]
    second = next((node for node in rest if len(key) > 1 and _tests(node, key[1].name)), None)
    if second is None:
        return KeyCondition(found.values[0], None), rest
    test = _key_test(statement, second)
    if any(key[1].type not in value for value in test.values):
        return KeyCondition(found.values[0], None), rest
    return KeyCondition(found.values[0], test), [node for node in rest if node is not second]


def _tests(node: Condition, name: str, operator: str | None = None) -> bool:
    if isinstance(node, Junction):
        return False
    used = node.name if isinstance(node, Function) else node.operator
    return (
        used in KEY_OPERATORS
        and operator in (None, used)
        and node.operands[0] == Path((name,))
        and all(isinstance(operand, Given) for operand in node.operands[1:])
    )


def _key_test(statement: Statement, node: Condition) -> KeyTest:
    assert isinstance(node, Comparison | Function)
    operator = node.name if isinstance(node, Function) else node.operator
    path = node.operands[0]
    assert isinstance(path, Path)
    operands = tuple(
        statement.values[operand.name] for operand in node.operands[1:] if isinstance(operand, Given)
    )
    return KeyTest(str(path.parts[0]), operator, operands)


# -- INSERT, UPDATE, DELETE


def _write(statement: Statement, schema: TableSchema, given: Parameters) -> Write:
    shows = given.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    if statement.verb == "INSERT":
        record = record_of(statement.item)
        place = keys.of_item(schema, record.item)
        return Write(schema, place, record.item, lambda item: not item, lambda old: record)  # noqa: ARG005
    key, rest = _whole_key(statement, schema)
    place = keys.of_checked_key(schema, key)
    condition = _predicate(statement, rest)
    if statement.verb == "DELETE":
        return Write(schema, place, key, condition, lambda old: None, shows)  # noqa: ARG005
    change = updating(statement.actions, statement.known())
    _check_keys(schema, change)
    return Write(schema, place, key, _existing(condition), updated(schema, key, change), shows, change)


def _existing(condition: Predicate | None) -> Predicate:
    return lambda item: bool(item) and (condition is None or condition(item))


def _check_keys(schema: TableSchema, change: Update) -> None:
    names = {attribute.name for attribute in schema.attributes}
    for steps in change.paths:
        if steps[0] in names:
            raise bad_value(f"Cannot update attribute {steps[0]}. This attribute is part of the key")


def _whole_key(statement: Statement, schema: TableSchema) -> tuple[Item, list[Condition]]:
    members = _members(statement.where)
    key: Item = {}
    rest: list[Condition] = []
    names = {attribute.name for attribute in schema.attributes}
    for node in members:
        name = next((name for name in names - key.keys() if _tests(node, name, "=")), None)
        if name is None:
            rest.append(node)
        else:
            key[name] = _key_test(statement, node).values[0]
    if key.keys() != names:
        raise invalid("Where clause does not contain a mandatory equality on all key attributes")
    return key, rest


# -- several statements


def batch_execute_statement(tables: Tables, given: Parameters, usage: Usage) -> Document:
    """Answer BatchExecuteStatement: statements that read or write one item each, each by itself."""
    requests.check_enums(given)
    asked = _listed(given, "Statements", MOST_STATEMENTS)
    units: dict[TableSchema, capacity.Units] = {}
    answers = [_one_of_batch(tables, each, usage, units) for each in asked]
    wanted = given.get("ReturnConsumedCapacity")
    consumed = [capacity.consumed(schema, wanted, used) for schema, used in units.items()]
    return Document(Responses=answers, ConsumedCapacity=consumed if wanted in ("TOTAL", "INDEXES") else None)


def _listed(given: Parameters, name: str, most: int) -> list[Any]:
    listed = requests.member(given, name)
    place = name[0].lower() + name[1:]
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise invalid(f"{name} must be a list of statements")
    if not 1 <= len(listed) <= most:
        rule = f"Member must have length less than or equal to {most}"
        raise requests.constraint(place, f"[{len(listed)} statements]", rule)
    return listed


def _one_of_batch(
    tables: Tables, given: Parameters, usage: Usage, units: dict[TableSchema, capacity.Units]
) -> dict[str, Any]:
    name = None
    try:
        statement = read(requests.member(given, "Statement"), given.get("Parameters"))
        name = statement.table
        schema = _schema(tables, statement, usage)
        if statement.verb == "SELECT":
            found, used = _selected_one(tables, statement, schema, given, usage)
        else:
            write = _write(statement, schema, given)
            edit, used = _performed(tables, statement, write, usage)
            found = attributes_of(statement.returning, write, edit)
        requests.note(units, schema, used)
        answer = {"TableName": schema.name}
        return answer if found is None else answer | {"Item": _decoded(found)}
    except Fault as fault:
        error: dict[str, Any] = {"Code": BATCH_CODES.get(fault.code, fault.code), "Message": fault.message}
        if isinstance(fault, ItemFault) and "Item" in fault.details:
            error["Item"] = fault.details["Item"]
        shown = {"TableName": name} if name and fault.code != "ResourceNotFoundException" else {}
        return {"Error": error, **shown}


def _selected_one(
    tables: Tables, statement: Statement, schema: TableSchema, given: Parameters, usage: Usage
) -> tuple[bytes | None, capacity.Units]:
    read_one, predicate = _read(statement, schema, "BatchExecuteStatement")
    consistent = requests.boolean(given, "ConsistentRead")
    record = tables.store(schema).fetch(read_one.place)
    units: capacity.Units = {None: capacity.read_units(record.size if record else 0, consistent=consistent)}
    tables.admit(schema, reads=units, partition=read_one.place[0])
    requests.note(usage.reads, schema, units)
    if record is None or (predicate is not None and not predicate(record.item)):
        return None, units
    return read_one.body(record), units


def _read(statement: Statement, schema: TableSchema, operation: str) -> tuple[Read, Predicate | None]:
    try:
        key, rest = _whole_key(statement, schema)
    except Fault:
        raise invalid(
            f"Select statements within {operation} must specify the primary key in the where clause."
        ) from None
    columns = statement.columns
    wanted = None if columns is None else Projection([path.parts for path in columns])
    canonical, _ = values.item(key)
    return Read(schema, keys.of_checked_key(schema, canonical), wanted), _predicate(statement, rest)


def execute_transaction(tables: Tables, given: Parameters, usage: Usage) -> Document:
    """Answer ExecuteTransaction: statements that all read, or all write, together."""
    requests.check_enums(given)
    asked = _listed(given, "TransactStatements", transactions.MOST_ACTIONS)
    statements = [read(requests.member(each, "Statement"), each.get("Parameters")) for each in asked]
    schemas = [_schema(tables, statement, usage) for statement in statements]
    reading = [statement.verb == "SELECT" for statement in statements]
    if all(reading):
        reads = [
            _read(statement, schema, "ExecuteTransaction")[0]
            for statement, schema in zip(statements, schemas, strict=True)
        ]
        return transactions.read_together(tables, given, reads, usage)
    if any(reading):
        raise invalid("Either reads or writes can be in a transaction, not both")
    writes = [
        ("Put", _write(statement, schema, each))
        for statement, schema, each in zip(statements, schemas, asked, strict=True)
    ]
    return transactions.perform(tables, given, writes, usage, given.get("ClientRequestToken"))
