"""Key design: the learner's tables answer six access patterns, request by request, within a budget."""

import contextlib
import secrets
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from autograder.adapter_run import copies, describe, every_item, named, run
from autograder.errors import Mistake
from autograder.examiner import Account
from autograder.outcome import Sheet, outcome
from autograder.recorder import Job, Report, Script

FILE = "black_friday.py"
USERS, EVENTS, SESSIONS = 6, 30, 6
REQUESTS = 2
SLACK = 2
"""Items that a request may read beyond the answer: a header, say."""
CROWDED, FEW = 0.5, 40
WRITE_UNITS = 4
BUDGET = {
    "session": 1.0,
    "sessions_of": 2.0,
    "cart": 1.0,
    "last_events": 2.0,
    "events_between": 2.0,
    "last_views": 2.0,
}
"""Capacity units for one answer: what a strongly consistent read of it takes, or a little more."""
AGENT = "Mozilla/5.0 (Linux; Android 16; Pixel 11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0 Mobile"
INDEX_DELAY_S = 3.0
WRITER = {"session": "put_session", "sessions_of": "put_session", "cart": "put_cart_line"}
"""Which function writes what a question asks for; the others ask for events."""
SESSION = ("session_id", "user_id", "started_at", "last_seen_at")
EVENT = ("event_id", "user_id", "occurred_at", "path")


@dataclass
class World:
    """Fresh rows that the examiner has the file write, with what is asked about them."""

    sessions: list[dict[str, Any]]
    lines: list[tuple[int, int, int]]
    events: list[dict[str, Any]]
    user: int
    product: int
    reports: dict[str, Report] = field(default_factory=dict)
    crowded: str = ""
    missing: list[str] = field(default_factory=list)
    """Sessions and events that are in no table after all were written."""
    ended: str = ""

    def of(self, user: int) -> list[dict[str, Any]]:
        """A user's events in the order of time."""
        return [event for event in self.events if event["user_id"] == user]

    def views(self) -> list[dict[str, Any]]:
        """The events of the product that is asked about."""
        return [event for event in self.events if event["product_id"] == self.product]

    @property
    def window(self) -> tuple[str, str]:
        """Begin and end (inclusive) of the range that is asked for."""
        mine = self.of(self.user)
        return mine[10]["occurred_at"], mine[17]["occurred_at"]


@outcome("key-design", title="Keys that answer six questions", points=10)
def key_design(sheet: Sheet, account: Account, *, tables: str, adapter: str) -> None:
    """Empty copies of the tables, filled and asked through the file; requests and units are counted."""
    world = new_world()
    problem: list[Mistake] = []
    try:
        asked(account, tables, adapter, world)
    except Mistake as mistake:
        problem.append(mistake)
    sheet.judge("Nothing is lost, and no key takes everything", 1, keeps_everything, world, problem)
    sheet.judge("session: one session by its token", 1, one_session, world, problem)
    sheet.judge("sessions_of: a user's sessions, newest first", 2, sessions_of, world, problem)
    sheet.judge("cart: a user's lines", 1, cart, world, problem)
    sheet.judge("last_events: a user's latest events", 2, last_events, world, problem)
    sheet.judge("events_between: a user's events of a range", 1, events_between, world, problem)
    sheet.judge("last_views: who looked at a product last", 2, last_views, world, problem)


def new_world() -> World:
    """A few users on one Friday; two events of a user fall into the same second."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=20)
    first, mark = 1_000_000 + secrets.randbelow(1_000_000), secrets.token_hex(4)
    sessions, lines, events = [], [], []
    for number in range(USERS):
        user = first + number
        for visit in range(SESSIONS):
            begun = start - timedelta(minutes=visit * 61 + number)
            sessions.append(
                {
                    "session_id": f"s-{mark}-{secrets.token_hex(6)}",
                    "user_id": user,
                    "started_at": begun.isoformat(),
                    "last_seen_at": (start + timedelta(minutes=12, seconds=-visit)).isoformat(),
                }
            )
        lines += [(user, 100 + 7 * line, line + 1) for line in range(number % 3 + 2)]
    for number in range(EVENTS):
        for user in range(USERS):
            # the 21st event happens in the same second as the 20th
            moment = start + timedelta(seconds=10 * (number - (number == 20)))
            viewed = 900 + (number + user) % 5 if number % 2 else None
            events.append(
                {
                    "event_id": f"e-{mark}-{number:03d}-{user}",
                    "user_id": first + user,
                    "occurred_at": moment.isoformat(),
                    "path": "/product" if viewed else "/search",
                    "product_id": viewed,
                    "user_agent": AGENT,
                }
            )
    return World(sessions, lines, events, first + 3, 902)


def asked(account: Account, tables: str, adapter: str, world: World) -> None:
    """Run the file on copies of the tables: what it reports and how it spreads its keys go into the world."""
    described = [describe(account, name) for name in named(tables)]
    with copies(account, described) as made:
        try:
            run(account, FILE, adapter, made, script(account, world))
        except Mistake as mistake:
            world.ended = str(mistake)
        stored = str([every_item(account, copy) for copy in made.values()])
        written = [each["session_id"] for each in world.sessions] + [
            each["event_id"] for each in world.events
        ]
        world.missing = [each for each in written if each not in stored]
        with contextlib.suppress(KeyError):
            world.crowded = crowded(account, described, made)


def script(account: Account, world: World) -> Script:
    """First all writes, then one question after the other."""
    for function, calls in (
        ("put_session", [[session] for session in world.sessions]),
        ("put_cart_line", [list(line) for line in world.lines]),
        ("put_event", [[event] for event in world.events]),
    ):
        world.reports[function] = yield Job(function, calls)
    if account.endpoint_url is None:
        # on AWS an index follows its table within a moment
        time.sleep(INDEX_DELAY_S)
    questions: dict[str, list[object]] = {
        "session": [world.sessions[4]["session_id"]],
        "sessions_of": [world.user],
        "cart": [world.user],
        "last_events": [world.user, 20],
        "events_between": [world.user, *world.window],
        "last_views": [world.product, 10],
    }
    for function, arguments in questions.items():
        world.reports[function] = yield Job(function, [arguments])


def crowded(account: Account, described: Sequence[Mapping[str, Any]], made: Mapping[str, str]) -> str:
    """A key of a table or index that has more than half of its items; nothing when they are spread."""
    for table in described:
        items = every_item(account, made[table["TableName"]])
        for place in [table, *table.get("GlobalSecondaryIndexes", [])]:
            key = next(part["AttributeName"] for part in place["KeySchema"] if part["KeyType"] == "HASH")
            held = Counter(str(next(iter(item[key].values()))) for item in items if key in item)
            total = sum(held.values())
            if total >= FEW and held.most_common(1)[0][1] > CROWDED * total:
                value, most = held.most_common(1)[0]
                name = place.get("IndexName", table["TableName"])
                return (
                    f"{most} of the {total} items of {name} have {key}={value!r}: one partition takes them "
                    "all, at 1,000 write units a second at most; begin the key with what differs, a user say"
                )
    return ""


def keeps_everything(world: World, problem: list[Mistake]) -> None:
    """The three put functions worked, at a price, and what they wrote is spread."""
    for function in ("put_session", "put_cart_line", "put_event"):
        report = _report(world, function, problem)
        if report.error:
            hint = (
                ": an index's key attribute cannot be NULL; leave it out of items that have none"
                if "NULL" in report.error or "Type mismatch for Index Key" in report.error
                else ""
            )
            raise Mistake(f"{function}() failed: {report.error}{hint}")
    written = world.reports["put_event"]
    each = written.units / len(world.events)
    if each > WRITE_UNITS:
        raise Mistake(f"an event takes {each:.1f} write units, {WRITE_UNITS} at most: each index costs again")
    if world.missing:
        raise Mistake(
            f"{len(world.missing)} of {len(world.sessions) + len(world.events)} sessions and events are in "
            "no table: what has the same key replaces what was there, two events of a second for instance; "
            "make the sort key unique (time and id)"
        )
    if world.crowded:
        raise Mistake(world.crowded)


def one_session(world: World, problem: list[Mistake]) -> None:
    """By its token."""
    wanted = world.sessions[4]
    report = _report(world, "session", problem)
    _no_error("session", report)
    if report.value is None:
        raise Mistake("session() returned None for a token that was stored: find the session by its token")
    found = report.value if isinstance(report.value, Mapping) else {}
    if str(found.get("session_id")) != wanted["session_id"] or found.get("user_id") != wanted["user_id"]:
        raise Mistake(
            f"session() returned {_short(report.value)}: return the session with session_id and user_id"
        )
    _thrifty("session", report, 1)


def sessions_of(world: World, problem: list[Mistake]) -> None:
    """All of a user's, by started_at, newest first."""
    mine = [session for session in world.sessions if session["user_id"] == world.user]
    wanted = [each["session_id"] for each in sorted(mine, key=lambda each: each["started_at"], reverse=True)]
    _answers("sessions_of", world, problem, SESSION, wanted)


def cart(world: World, problem: list[Mistake]) -> None:
    """Product and quantity, in any order."""
    wanted = {product: quantity for user, product, quantity in world.lines if user == world.user}
    report = _report(world, "cart", problem)
    rows = _rows("cart", report, ["product_id"])
    found = {row["product_id"]: row.get("quantity") for row in rows}
    if found != wanted:
        raise Mistake(
            f"cart() returned {_short(found)} for {len(wanted)} lines: a line is product_id and quantity, "
            "and each product of a cart needs an item (or an entry) of its own"
        )
    _thrifty("cart", report, len(wanted))


def last_events(world: World, problem: list[Mistake]) -> None:
    """Twenty, newest first."""
    wanted = [each["event_id"] for each in reversed(world.of(world.user))][:20]
    _answers("last_events", world, problem, EVENT, wanted)


def events_between(world: World, problem: list[Mistake]) -> None:
    """Both ends included, in the order of time."""
    start, end = world.window
    inside = [each for each in world.of(world.user) if start <= each["occurred_at"] <= end]
    wanted = [each["event_id"] for each in inside]
    found = [
        row.get("event_id")
        for row in _rows("events_between", _report(world, "events_between", problem), EVENT)
    ]
    left_out = [each for each in wanted if each not in found]
    if left_out == wanted[-1:] and left_out[0] not in world.missing:
        raise Mistake(
            "events_between() leaves out the event at the end itself: a sort key that goes on after the "
            "moment (with an id) sorts behind the bare moment; bound it by the moment and a character that "
            "sorts behind what follows, such as '~'"
        )
    _answers("events_between", world, problem, EVENT, wanted)


def last_views(world: World, problem: list[Mistake]) -> None:
    """Ten of one product, newest first; events of the same second in any order."""
    report = _report(world, "last_views", problem)
    rows = _rows("last_views", report, EVENT)
    times = {event["event_id"]: event["occurred_at"] for event in world.views()}
    wanted = sorted(times.values(), reverse=True)[:10]
    found = [times.get(str(row["event_id"]), "of another product") for row in rows]
    if len({row["event_id"] for row in rows}) < len(rows) or found != wanted:
        raise Mistake(_differs("last_views", found, wanted, bool(world.missing)))
    _thrifty("last_views", report, 10)


def _answers(
    function: str, world: World, problem: list[Mistake], names: Sequence[str], wanted: Sequence[str]
) -> None:
    report = _report(world, function, problem)
    found = [str(row[names[0]]) for row in _rows(function, report, names)]
    moments = {event["event_id"]: event["occurred_at"] for event in world.events}
    # those of the same second may come in either order
    if sorted(found) != sorted(wanted) or [moments.get(each, each) for each in found] != [
        moments.get(each, each) for each in wanted
    ]:
        raise Mistake(_differs(function, found, wanted, not set(wanted).isdisjoint(world.missing)))
    _thrifty(function, report, len(wanted))


def _differs(function: str, found: Sequence[str], wanted: Sequence[str], replaced: bool) -> str:
    if replaced:
        return (
            f"{function}() cannot be right: what has the same key replaces what was there, two events of a "
            "second for instance; make the sort key unique (time and id)"
        )
    if len(found) < len(wanted) and set(found) <= set(wanted):
        return (
            f"{function}() returned {len(found)} of {len(wanted)}, though all are in the tables: the key "
            "condition or Limit leaves some out"
        )
    if sorted(found) == sorted(wanted):
        return f"{function}() returned the right ones in another order: let the sort key order them"
    if len(found) > len(wanted):
        return f"{function}() returned {len(found)}, {len(wanted)} were asked for: bound it by key or Limit"
    instead = [each for each in found if each not in wanted] or found
    left_out = [each for each in wanted if each not in found] or wanted
    return f"{function}() returned others than asked for: {_short(instead[:2])}, not {_short(left_out[:2])}"


def _thrifty(function: str, report: Report, answer: int) -> None:
    """No Scan, few requests, no more items read than the answer has, within the budget."""
    operations = [call.operation for call in report.calls]
    if not operations:
        raise Mistake(f"{function}() answered without asking a table: nothing may be kept in the process")
    if "Scan" in operations:
        raise Mistake(
            f"{function}() scans: it reads the whole table, and pays for it, however little it keeps; "
            "give the question a key (of the table or of an index) and Query it"
        )
    if len(operations) > REQUESTS:
        raise Mistake(
            f"{function}() makes {len(operations)} requests, {REQUESTS} at most: keep what is asked for "
            "together under one partition key, or project it into the index"
        )
    for call in report.calls:
        if call.looked_at > answer + SLACK:
            where = "by FilterExpression" if call.looked_at > call.items else "in Python"
            raise Mistake(
                f"{function}() reads {call.looked_at} items to answer with {answer}, and filters {where}: "
                "you pay for what is read; let the key condition, ScanIndexForward and Limit choose"
            )
    if report.units > BUDGET[function]:
        raise Mistake(
            f"{function}() takes {report.units:g} units, the budget is {BUDGET[function]:g}: read less, or "
            "eventually consistently"
        )


def _report(world: World, function: str, problem: list[Mistake]) -> Report:
    writer = WRITER.get(function, "put_event")
    wrote = world.reports.get(writer)
    if function in BUDGET and function in world.reports and wrote and wrote.error:
        raise Mistake(f"there is nothing to find, since {writer}() failed: see the first line")
    if function in world.reports:
        return world.reports[function]
    raise Mistake(str(problem[0]) if problem else world.ended or f"{function}() was not reached")


def _rows(function: str, report: Report, names: Sequence[str]) -> list[Mapping[str, Any]]:
    _no_error(function, report)
    value = report.value
    if not isinstance(value, list) or not all(isinstance(row, Mapping) for row in value):
        raise Mistake(f"{function}() returned {_short(value)}: return a list of dicts with {names[0]}")
    lacking = [name for name in names if any(name not in row for row in value)]
    if lacking:
        raise Mistake(
            f"{function}() returned rows without {', '.join(lacking)}: an index hands out what is projected "
            "into it (ProjectionType ALL, or INCLUDE), and the file what it stored"
        )
    return value


def _no_error(function: str, report: Report) -> None:
    if report.error:
        raise Mistake(f"{function}() failed: {report.error}")


def _short(value: object) -> str:
    return repr(value)[:150]
