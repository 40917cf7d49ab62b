"""Lab 6.5: six questions about returns, asked in SQL and, where keys can answer, in DynamoDB."""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import dict_row

from autograder import choices
from autograder.adapter_run import copies, describe, named, run
from autograder.errors import Mistake
from autograder.examiner import Account
from autograder.outcome import Sheet, outcome
from autograder.recorder import Job, Report, Script
from autograder.returns import QUESTIONS, World, new_world

FILE = "both_ways.py"
KEYS = "stays-in-sql"
REQUESTS, PAGES = 2, 4
SLACK = 2
"""Items that a request may read beyond the answer."""
MOST_ROWS = 2_000
TIMEOUT_MS = 5_000
INDEX_DELAY_S = 3.0
RETURNS = """
create temp table returns (
    return_id  bigint primary key,
    user_id    bigint not null references users,
    product_id bigint not null references products,
    status     text not null,
    reason     text not null,
    refund     numeric(10, 2) not null,
    opened_at  timestamptz not null,
    note       text not null
)"""

Rows = Sequence[Mapping[str, Any]]


@dataclass
class Evidence:
    """The answers that came, by question; what went wrong instead is a Mistake."""

    rows: dict[str, Rows | Mistake] = field(default_factory=dict)
    reports: dict[str, Report] = field(default_factory=dict)
    ended: str = ""


@outcome("lab-6.5", title="Six questions, asked both ways", points=8)
def both_ways(
    sheet: Sheet,
    account: Account,
    *,
    db: str,
    app_host: str,
    secret: str,
    queries: Any,
    stay: Any,
    table: str,
    adapter: str,
) -> None:
    """Fresh returns in temporary tables of the database and in copies of the table; both are asked."""
    world, evidence = new_world(), Evidence()
    problem: list[Mistake] = []
    with _noted(problem):
        ask_sql(account, db, app_host, secret, queries, world, evidence)
    for three in (QUESTIONS[:3], QUESTIONS[3:]):
        sheet.judge(f"SQL: {', '.join(three)}", 1, sql_agrees, three, world, evidence, problem)
    for number in range(2):
        sheet.judge(f"Stays in SQL: name {number + 1} of 2", 1, stays, stay, number)
    rest = by_key(stay)
    if not rest:
        sheet.judge("DynamoDB answers the other four", 4, _name_them_first)
        return
    failed: list[Mistake] = []
    with _noted(failed):
        ask_dynamodb(account, table, adapter, rest, world, evidence)
    for question in rest:
        sheet.judge(f"DynamoDB: {question}", 1, key_answers, question, world, evidence, failed)


def ask_sql(
    account: Account, db: str, app_host: str, secret: str, queries: Any, world: World, evidence: Evidence
) -> None:
    """Every query on the same rows, in temporary tables that end with the session."""
    if not isinstance(queries, Mapping):
        raise Mistake("the queries are no dict: send {question: query, …}")
    database, login = account.database(db), account.secret(secret)
    dbname = str(database.get("DBName") or "postgres")
    with account.session_on(database, app_host, login["username"], login["password"], dbname) as connection:
        world.fill(connection, RETURNS)
        connection.execute(f"set statement_timeout = {TIMEOUT_MS}")
        connection.commit()
        for question in QUESTIONS:
            try:
                evidence.rows[question] = _asked(connection, queries.get(question), world.asked[question])
            except Mistake as mistake:
                evidence.rows[question] = mistake


def _asked(connection: psycopg.Connection[Any], query: object, arguments: Mapping[str, object]) -> Rows:
    if not isinstance(query, str) or not query.strip() or query == str(...):
        raise Mistake("no query yet")
    try:
        with connection.transaction(force_rollback=True), connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute(query.encode(), arguments)
            if cursor.description is None:
                raise Mistake("returns no rows: begin with select")
            return cursor.fetchmany(MOST_ROWS)
    except psycopg.Error as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise Mistake(f"PostgreSQL says: {said}") from error


def ask_dynamodb(
    account: Account, table: str, adapter: str, rest: Sequence[str], world: World, evidence: Evidence
) -> None:
    """Run the file on empty copies of the tables: a process puts, a second one answers."""
    described = [describe(account, name) for name in named(table)]

    def puts() -> Script:
        for step, returns in (("put", world.returns), ("put again", world.closed)):
            evidence.reports[step] = yield Job("put", [[each] for each in returns])

    def questions() -> Script:
        for question in rest:
            arguments = list(world.asked[question].values())
            evidence.reports[question] = yield Job(question, [arguments])

    with copies(account, described) as made:
        try:
            run(account, FILE, adapter, made, puts())
            if account.endpoint_url is None:
                # on AWS an index follows its table within a moment
                time.sleep(INDEX_DELAY_S)
            run(account, FILE, adapter, made, questions())
        except Mistake as mistake:
            evidence.ended = str(mistake)


def sql_agrees(three: Sequence[str], world: World, evidence: Evidence, problem: list[Mistake]) -> None:
    """Three queries give what the rows say."""
    for question in three:
        rows = evidence.rows.get(question)
        if rows is None:
            raise Mistake(str(problem[0]) if problem else "the query was not reached")
        try:
            if isinstance(rows, Mistake):
                raise rows
            world.compare(question, rows)
        except Mistake as mistake:
            raise Mistake(f"{question}: {mistake}") from mistake


def stays(stay: Any, number: int) -> None:
    """The name given in this place is one of the two; feedback says what the choice overlooks."""
    given = stay[number] if isinstance(stay, list) and len(stay) > number else None
    keys = choices.keys(KEYS)
    if given in choices.UNANSWERED:
        raise Mistake(f"name {number + 1} is missing: STAY holds two of {', '.join(QUESTIONS)}")
    if not isinstance(given, str) or given not in keys:
        raise Mistake(f"{str(given)[:60]!r} is no question: choose two of {', '.join(QUESTIONS)}")
    if given in stay[:number]:
        raise Mistake(f"{given} is named twice: choose two of the six")
    key = keys[given]
    if key.answer != "SQL":
        raise Mistake(f"{given}: {key.overlooks['SQL']}")


def by_key(stay: Any) -> list[str]:
    """The four questions that are left for DynamoDB; none when no two are named."""
    named_both = isinstance(stay, list) and len(stay) == 2 and all(isinstance(each, str) for each in stay)
    if not named_both or len(set(stay) & set(QUESTIONS)) != 2:
        return []
    return [question for question in QUESTIONS if question not in stay]


def key_answers(question: str, world: World, evidence: Evidence, failed: list[Mistake]) -> None:
    """The same answer from the learner's table, found by key."""
    for step in ("put", "put again", question):
        report = evidence.reports.get(step)
        if report is None:
            raise Mistake(str(failed[0]) if failed else evidence.ended or f"{step} was not reached")
        if report.error:
            raise Mistake(f"{step.split()[0]}() failed: {report.error}{_hint(report)}")
    report = evidence.reports[question]
    operations = [call.operation for call in report.calls]
    if not operations:
        raise Mistake(f"{question}() answered without asking a table: get it from there")
    if "Scan" in operations:
        raise Mistake(
            f"{question}() scans: it reads every return, and pays for it, however little it keeps; "
            "give the question a key (of the table or of an index) and Query it"
        )
    value = report.value
    rows = value if isinstance(value, list) else [value]
    if not all(isinstance(row, Mapping) for row in rows):
        raise Mistake(f"{question}() returned {repr(value)[:120]}: return a dict, or a list of dicts")
    cut = question == "refunded" and len(operations) == 1 and _sum_of(rows) < world.total("returns")
    if cut and report.calls[0].items > _sum_of(rows) - SLACK:
        raise Mistake(
            f"refunded() counts {_sum_of(rows)} of {world.total('returns')}: a Query ends after 1 MB and "
            "says so only in LastEvaluatedKey; ask on from there, or read an index without the notes"
        )
    filtered = next((call for call in report.calls if call.looked_at > call.items), None)
    if filtered and len(rows) < len(world.expected(question)):
        raise Mistake(
            f"{question}() returned {len(rows)} of {len(world.expected(question))}: Limit counts what is "
            "read, and the filter throws away afterwards; let the key condition choose"
        )
    try:
        world.compare(question, rows)
    except Mistake as mistake:
        raise Mistake(f"{question}(): {mistake}") from mistake
    _thrifty(question, report, world)


def _thrifty(question: str, report: Report, world: World) -> None:
    most = PAGES if question == "refunded" else REQUESTS
    if len(report.calls) > most:
        raise Mistake(
            f"{question}() makes {len(report.calls)} requests, {most} at most: keep what is asked for "
            "together under one partition key"
        )
    allowed = world.total("returns") if question == "refunded" else len(world.expected(question))
    for call in report.calls:
        if call.looked_at > allowed + SLACK:
            raise Mistake(
                f"{question}() reads {call.looked_at} items to answer with {allowed}: you pay for what is "
                "read; let the key condition, ScanIndexForward and Limit choose"
            )


def _sum_of(rows: Rows) -> int:
    found = rows[0].get("returns") if rows else None
    return int(found) if isinstance(found, int | float | Decimal) else 0


def _hint(report: Report) -> str:
    if "NULL" in report.error or "Type mismatch" in report.error:
        return ": a key attribute has the type that the table declares, and is left out where there is none"
    if "Float types" in report.error:
        return ": DynamoDB takes Decimal, not float"
    if report.calls and report.error.startswith("KeyError"):
        return ": no such attribute in an item; an index has only what it projects"
    kept = not report.calls and "defines no function" not in report.error
    return " (no table was asked: what put() keeps in memory is gone when a question comes)" if kept else ""


def _name_them_first() -> None:
    raise Mistake("name two different questions in STAY first: the other four are then asked of your file")


@contextlib.contextmanager
def _noted(problem: list[Mistake]) -> Iterator[None]:
    try:
        yield
    except Mistake as mistake:
        problem.append(mistake)
