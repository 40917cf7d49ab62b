"""Time to live: a session dies half an hour after it was last seen, and not before."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from autograder.adapter_run import copies, describe, every_item, holding, named, run
from autograder.errors import Mistake
from autograder.examiner import Account
from autograder.outcome import Sheet, outcome
from autograder.outcomes.key_design import FILE
from autograder.recorder import Job, Report, Script

LIFE = timedelta(minutes=30)
TOLERANCE_S = 60
PATIENCE_S = 40.0
POLL_S = 0.3
MILLISECONDS = 100_000_000_000
"""A number of seconds beyond this is the year 5138."""


@dataclass
class Scene:
    """Two sessions, one seen two hours ago and one just now, and what became of them."""

    old: str
    new: str
    seen_old: datetime
    seen_new: datetime
    reports: dict[str, Report]
    attribute: str = ""
    old_item: dict[str, Any] | None = None
    new_item: dict[str, Any] | None = None
    old_left: bool = True
    new_left: bool = False
    waited: bool = False
    problem: str = ""


@outcome("ttl", title="Sessions that end by themselves", points=3)
def time_to_live(sheet: Sheet, account: Account, *, tables: str, adapter: str) -> None:
    """Acts on copies of the tables: the file writes two sessions, then the copy gets the time to live."""
    now = datetime.now(UTC).replace(microsecond=0)
    old, new = (f"s-{secrets.token_hex(10)}" for _ in range(2))
    scene = Scene(old, new, now - timedelta(hours=2), now - timedelta(minutes=1), {})
    try:
        observe(account, tables, adapter, scene)
    except Mistake as mistake:
        scene.problem = str(mistake)
    sheet.judge("A session that has expired is deleted", 1, expired_goes, scene)
    sheet.judge("A session that lives stays its half hour", 1, living_stays, scene)
    sheet.judge("An expired one is not handed out before it is deleted", 1, not_handed_out, scene)


def observe(account: Account, tables: str, adapter: str, scene: Scene) -> None:
    """Write and read both sessions through the file, turn the time to live on, wait for the deletion."""
    described = [describe(account, name) for name in named(tables)]
    with copies(account, described) as made:
        run(account, FILE, adapter, made, script(scene))
        home = next(
            (name for name, copy in made.items() if holding(every_item(account, copy), scene.new)), ""
        )
        if not home:
            report = scene.reports["put_session"]
            raise Mistake(
                f"put_session() failed: {report.error}" if report.error else "put_session() wrote no session"
            )
        items = every_item(account, made[home])
        scene.old_item, scene.new_item = holding(items, scene.old), holding(items, scene.new)
        scene.attribute = attribute_of(account, home)
        if _problem(scene.old_item, scene.attribute, scene.seen_old):
            return
        _wait(account, made[home], scene)


def attribute_of(account: Account, table: str) -> str:
    """The attribute that the learner's own table expires by; Mistake when there is none."""
    found = account.dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    if found["TimeToLiveStatus"] not in ("ENABLED", "ENABLING"):
        raise Mistake(
            f"time to live is off for {table}, where the sessions are: update_time_to_live with the "
            "attribute that holds the moment"
        )
    return str(found["AttributeName"])


def script(scene: Scene) -> Script:
    """Both sessions are written and asked for at once, before anything can be deleted."""
    for function, arguments in (
        ("put_session", [_session(scene.old, scene.seen_old)]),
        ("put_session", [_session(scene.new, scene.seen_new)]),
        ("session", [scene.old]),
        ("session", [scene.new]),
    ):
        name = function if function == "put_session" else f"session {arguments[0]}"
        scene.reports[name] = yield Job(function, [arguments])


def _wait(account: Account, copy: str, scene: Scene) -> None:
    if account.endpoint_url is None:
        # AWS takes up to a few days to delete: there the attribute's value has to do
        scene.old_left, scene.new_left = False, True
        return
    client = account.dynamodb
    try:
        client.update_time_to_live(
            TableName=copy, TimeToLiveSpecification={"Enabled": True, "AttributeName": scene.attribute}
        )
    except ClientError as error:
        raise Mistake(f"time to live by {scene.attribute!r}: {error.response['Error']['Message']}") from error
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        items = every_item(account, copy)
        scene.old_left = holding(items, scene.old) is not None
        scene.new_left = holding(items, scene.new) is not None
        if not scene.old_left:
            break
        time.sleep(POLL_S)
    scene.waited = True


def expired_goes(scene: Scene) -> None:
    """Last seen two hours ago: gone."""
    if scene.problem:
        raise Mistake(scene.problem)
    problem = _problem(scene.old_item, scene.attribute, scene.seen_old)
    if problem:
        raise Mistake(problem)
    if scene.old_left:
        raise Mistake(f"the expired session was still there after {PATIENCE_S:.0f} s")


def living_stays(scene: Scene) -> None:
    """Last seen a minute ago: there, for another 29."""
    if scene.problem:
        raise Mistake("nothing is deleted yet, so that staying proves nothing")
    problem = _problem(scene.new_item, scene.attribute, scene.seen_new)
    if problem:
        raise Mistake(problem)
    if not scene.new_left:
        raise Mistake("a session that was seen a minute ago was deleted too")


def not_handed_out(scene: Scene) -> None:
    """On AWS hours or days lie between the two."""
    if scene.problem:
        raise Mistake(scene.problem)
    live, dead = scene.reports[f"session {scene.new}"], scene.reports[f"session {scene.old}"]
    for report in (live, dead):
        if report.error:
            raise Mistake(f"session() failed: {report.error}")
    if not isinstance(live.value, Mapping):
        raise Mistake("session() does not return a session that was seen a minute ago")
    if dead.value is not None:
        raise Mistake(
            "session() returned one that was last seen two hours ago: DynamoDB deletes when it can (AWS: "
            "within a few days), so compare the moment yourself and return None"
        )


def _problem(item: Mapping[str, Any] | None, attribute: str, seen: datetime) -> str:
    """What is wrong with the moment in an item; nothing when it is half an hour after it was seen."""
    value = (item or {}).get(attribute)
    if value is None:
        return f"put_session() writes no {attribute!r}, by which the table expires: such items stay forever"
    ((kind, content),) = value.items()
    if kind != "N":
        return (
            f"{attribute} is stored as {'text' if kind == 'S' else kind}: time to live takes numbers only "
            "and ignores the rest; store int(moment.timestamp())"
        )
    moment = float(content)
    if moment > MILLISECONDS:
        return f"{attribute} is in milliseconds, so that the session dies in some 50,000 years: store seconds"
    wanted = (seen + LIFE).timestamp()
    if abs(moment - wanted) > TOLERANCE_S:
        late = (moment - wanted) / 60
        return (
            f"{attribute} lies {abs(late):.0f} minutes {'after' if late > 0 else 'before'} the half hour "
            "since last_seen_at: count from last_seen_at, in UTC"
        )
    return ""


def _session(token: str, seen: datetime) -> dict[str, object]:
    begun = seen - timedelta(minutes=5)
    return {
        "session_id": token,
        "user_id": 77,
        "started_at": begun.isoformat(),
        "last_seen_at": seen.isoformat(),
    }
