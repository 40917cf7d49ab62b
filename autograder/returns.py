"""Fresh returns for lab 6.5: rows that nobody has seen, and what six questions about them have as answers."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import psycopg

from autograder.errors import Mistake
from labkit.shopstream import schema_sql

QUESTIONS = ("keepers", "one", "by_category", "waiting", "of_customer", "refunded")
CATEGORIES = ("audio", "books", "garden", "kitchen", "office", "outdoor")
QUIET = "garden"
"""The category that has no return in the month that is asked about."""
USERS, PRODUCTS, ORDERS = 24, 12, 72
EACH, RESELLER, NOTE = 5, 30, "x" * 40_000
"""Returns of an ordinary customer; those of one who returns a lot, with long notes: more than 1 MB."""
LATEST, WAITING = 10, 5
DAY = timedelta(days=1)
RETURN, TOO = ["return_id", "user_id", "product_id", "status", "refund"], ["reason", "opened_at"]
"""What is compared of a return, and what has to be there besides; the long note may be left out."""

Row = dict[str, Any]
Rows = Sequence[Mapping[str, Any]]


@dataclass
class World:
    """A shop with returns, of which some are put again with another status; and what is asked."""

    start: datetime
    first: int
    orders: list[Row]
    lines: list[Row]
    returns: list[Row]
    closed: list[Row]

    @property
    def asked(self) -> Mapping[str, Mapping[str, object]]:
        """The arguments of each question, in the order of its function's parameters."""
        end = self.start + 30 * DAY
        return {
            "keepers": {"product_id": self.product(0)},
            "one": {"return_id": self.closed[0]["return_id"]},
            "by_category": {"start": self.start.isoformat(), "end": end.isoformat()},
            "waiting": {"count": WAITING},
            "of_customer": {"user_id": self.first + 1, "count": LATEST},
            "refunded": {"user_id": self.first},
        }

    def product(self, number: int) -> int:
        """A product's id; its category is that of the same number, round and round."""
        return self.first + 500 + number

    def category(self, product: int) -> str:
        """The category of a product's id."""
        return CATEGORIES[(product - self.first - 500) % len(CATEGORIES)]

    def now(self) -> list[Row]:
        """The returns as they are after all."""
        return list({each["return_id"]: each for each in [*self.returns, *self.closed]}.values())

    def total(self, what: str) -> Any:
        """A figure of the customer who returns a lot."""
        return self.expected("refunded")[0][what]

    def expected(self, question: str) -> list[Row]:
        """The right rows."""
        rows = self.now()
        newest = sorted(rows, key=lambda each: each["opened_at"], reverse=True)
        asked = self.asked[question]
        if question == "one":
            return [each for each in rows if each["return_id"] == asked["return_id"]]
        if question == "waiting":
            return [each for each in reversed(newest) if each["status"] == "open"][:WAITING]
        if question == "of_customer":
            return [each for each in newest if each["user_id"] == asked["user_id"]][:LATEST]
        if question == "refunded":
            mine = [each["refund"] for each in rows if each["user_id"] == asked["user_id"]]
            return [{"returns": len(mine), "refund": sum(map(_money, mine))}]
        return self._keepers() if question == "keepers" else self._by_category()

    def buyers(self, *, cancelled: bool = False) -> set[int]:
        """Who bought the product that is asked about."""
        ordered = {line["order_id"] for line in self.lines if line["product_id"] == self.product(0)}
        return {
            each["user_id"]
            for each in self.orders
            if each["order_id"] in ordered and (each["status"] != "cancelled" or cancelled)
        }

    def _keepers(self) -> list[Row]:
        returned = {each["user_id"] for each in self.now()}
        return [{"user_id": user} for user in sorted(self.buyers() - returned)]

    def _by_category(self) -> list[Row]:
        end = self.start + 30 * DAY
        found: dict[str, list[Decimal]] = {category: [] for category in CATEGORIES}
        for each in self.now():
            if self.start <= datetime.fromisoformat(each["opened_at"]) < end:
                found[self.category(each["product_id"])].append(_money(each["refund"]))
        return [
            {"category": category, "returns": len(refunds), "refund": sum(refunds, Decimal(0))}
            for category, refunds in found.items()
        ]

    def compare(self, question: str, rows: Rows) -> None:
        """Mistake when the rows are not the right ones: says what is wrong with them."""
        compared = {
            "keepers": ["user_id"],
            "by_category": ["category", "returns", "refund"],
            "refunded": ["returns", "refund"],
        }.get(question, RETURN)
        needed = [*compared, *TOO] if compared is RETURN else compared
        for row in rows:
            absent = [name for name in needed if name not in row]
            if absent:
                whence = ": an index has only what it projects" if compared is RETURN else ""
                raise Mistake(f"a row has no {absent[0]!r}, only {', '.join(map(str, row))[:120]}{whence}")
        found = [[_plain(row[name]) for name in compared] for row in rows]
        wanted = [[_plain(row[name]) for name in compared] for row in self.expected(question)]
        if found != wanted:
            raise Mistake(self._difference(question, found, wanted))

    def _difference(self, question: str, found: list[list[object]], wanted: list[list[object]]) -> str:
        special = {
            "keepers": self._about_keepers,
            "by_category": self._about_categories,
            "waiting": self._about_waiting,
            "of_customer": self._about_latest,
            "refunded": self._about_refunded,
        }.get(question)
        said = special(found, wanted) if special else ""
        if said:
            return said
        if sorted(map(str, found)) == sorted(map(str, wanted)):
            return "the right rows in another order: read again which comes first"
        if len(found) != len(wanted):
            return f"{len(found)} rows, where {len(wanted)} are right"
        index = next(number for number, row in enumerate(found) if row != wanted[number])
        if question == "one" and found[0][:3] == wanted[0][:3]:
            return f"status {found[0][3]!r}, after it was put again as {wanted[0][3]!r}: put() has to replace"
        return f"row {index + 1} is {found[index]}, not {wanted[index]}"

    def _about_keepers(self, found: list[list[object]], wanted: list[list[object]]) -> str:
        users = [row[0] for row in found]
        if len(set(users)) < len(users):
            return "a customer who bought twice is listed twice: distinct, or exists instead of a join"
        unlike = set(users) - {row[0] for row in wanted}
        if unlike & (self.buyers(cancelled=True) - self.buyers()):
            return "lists customers whose only order with the product was cancelled: that is no purchase"
        if unlike & self.buyers():
            return (
                f"lists {len(unlike)} customers who have returned something: not this product perhaps, "
                "but the question is who has never returned anything"
            )
        return ""

    def _about_categories(self, found: list[list[object]], wanted: list[list[object]]) -> str:
        missing = sorted({str(row[0]) for row in wanted} - {str(row[0]) for row in found})
        if missing:
            return (
                f"{', '.join(missing)} is missing, a category without a return in these days: a left join "
                "keeps it only if the conditions on returns stand in ON, not in WHERE"
            )
        quiet = next((row for row in found if row[0] == QUIET), None)
        if quiet and quiet[1] == 2:
            return f"counts rows for {QUIET}, which has no return: count(return_id) counts what is not null"
        if quiet and quiet[2] is None:
            return f"the refund of {QUIET} is NULL, not 0: a sum over nothing; coalesce(…, 0)"
        return ""

    def _about_waiting(self, found: list[list[object]], _wanted: list[list[object]]) -> str:
        shut = {each["return_id"] for each in self.now() if each["status"] != "open"}
        still = next((row[0] for row in found if row[0] in shut), None)
        if still is not None:
            return (
                f"lists return {still}, which is no longer open: a return that is put again has to leave, "
                "so its key must not be made of what changes"
            )
        return ""

    def _about_latest(self, found: list[list[object]], wanted: list[list[object]]) -> str:
        mine = [each for each in self.now() if each["user_id"] == wanted[0][1]]
        oldest = sorted(mine, key=lambda each: each["opened_at"])[: len(wanted)]
        if [row[0] for row in found] == [each["return_id"] for each in oldest]:
            return "the oldest, not the latest: ORDER BY … DESC, or ScanIndexForward=False, begins at the end"
        return ""

    def _about_refunded(self, found: list[list[object]], wanted: list[list[object]]) -> str:
        if len(found) == 1 and isinstance(found[0][0], int) and found[0][0] > len(self._of_reseller()):
            return (
                f"counts {found[0][0]} for {wanted[0][0]} returns: one that is put again, with another "
                "status, counts once"
            )
        some = {each["status"] for each in self._of_reseller()}
        counts = {sum(each["status"] == status for each in self._of_reseller()): status for status in some}
        if len(found) == 1 and found[0][0] in counts:
            return f"counts only returns that are {counts[found[0][0]]}: those of any status are asked for"
        return ""

    def _of_reseller(self) -> list[Row]:
        return [each for each in self.now() if each["user_id"] == self.first]

    def fill(self, connection: psycopg.Connection[Any], returns: str) -> None:
        """The same rows in temporary tables of the session, which hide the learner's own."""
        connection.execute(schema_sql().replace("create table if not exists", "create temp table").encode())
        connection.execute(returns.encode())
        first, begun = self.first, self.start - 300 * DAY
        users = [(first + n, f"{first}.{n}@example.com", f"C. {n}", "NL", begun) for n in range(USERS)]
        products = [
            (self.product(n), f"S-{first}-{n}", f"Thing {n}", CATEGORIES[n % len(CATEGORIES)], 20, 9, begun)
            for n in range(PRODUCTS)
        ]
        orders = [(o["order_id"], o["user_id"], o["status"], 20, begun) for o in self.orders]
        lines = [(each["order_id"], 1, each["product_id"], 1, 20) for each in self.lines]
        final = [tuple(each.values()) for each in self.now()]
        for table, rows in (
            ("users", users),
            ("products", products),
            ("orders", orders),
            ("order_items", lines),
            ("returns", final),
        ):
            marks = ", ".join(["%s"] * len(rows[0]))
            with connection.cursor() as cursor:
                cursor.executemany(f"insert into {table} values ({marks})".encode(), rows)


def new_world() -> World:
    """Customers who buy; some return, one a lot, and some never; a few returns are closed afterwards."""
    now = datetime.now(UTC).replace(microsecond=0)
    start, first = now - 40 * DAY, 1_000_000 + 1_000 * secrets.randbelow(1_000)
    bought = [(n % USERS, 1 + n % (PRODUCTS - 1), "paid") for n in range(ORDERS)]
    bought += [(user, 0, "delivered") for user in (0, 1, 5, 20, 21, 21, 22, 23)]
    bought += [(user, 0, "cancelled") for user in (18, 23)]
    orders: list[Row] = [
        {"order_id": first + n, "user_id": first + user, "status": status}
        for n, (user, _, status) in enumerate(bought)
    ]
    lines: list[Row] = [
        {"order_id": first + n, "product_id": first + 500 + product}
        for n, (_, product, _) in enumerate(bought)
    ]
    counts = {0: RESELLER, 1: LATEST + 4} | dict.fromkeys(range(2, 10), EACH)
    returns = [
        _return(user, number, start + DAY * (40 * number / count - 5))
        for user, count in counts.items()
        for number in range(count)
    ]
    secrets.SystemRandom().shuffle(returns)
    for number, each in enumerate(returns):
        each["return_id"] = first + number
        each["user_id"] += first
        each["product_id"] += first + 500
        quiet = CATEGORIES[(each["product_id"] - first - 500) % len(CATEGORIES)] == QUIET
        if quiet and start <= datetime.fromisoformat(each["opened_at"]) < start + 30 * DAY:
            each["product_id"] += 1
    waiting = sorted((e for e in returns if e["status"] == "open"), key=lambda e: str(e["opened_at"]))
    reseller = next(each for each in returns if each["user_id"] == first and each["status"] == "decided")
    changed = (waiting[1], waiting[3], waiting[8], reseller)
    closed = [each | {"status": "refunded"} for each in changed]
    return World(start, first, orders, lines, returns, closed)


def _return(user: int, number: int, about: datetime) -> Row:
    # no two are opened in the same second
    opened = about.replace(second=user, microsecond=0)
    return {
        "return_id": 0,
        "user_id": user,
        "product_id": (user + 5 * number) % PRODUCTS,
        "status": "open" if user and (user + number) % 4 == 0 else "refunded" if number % 2 else "decided",
        "reason": ("broken", "too small", "late", "not as shown")[number % 4],
        "refund": 5 + 7 * (number % 9) + 0.5 * (user % 3),
        "opened_at": opened.isoformat(),
        "note": "the box was open" if user else NOTE,
    }


def _money(value: object) -> Decimal:
    return Decimal(str(value)).quantize(Decimal("0.01"))


def _plain(value: object) -> object:
    """Numbers as they compare, however they came."""
    if value is None or isinstance(value, bool):
        return value
    try:
        number = _money(value)
    except (InvalidOperation, ValueError):
        return str(value)
    return int(number) if number == int(number) else number
