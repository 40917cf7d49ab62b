"""Lab 6.2: the application writes orders through the EC2 host, over TLS that it verifies."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg

from autograder import serverlog
from autograder.errors import Mistake
from autograder.examiner import Account, endpoint
from autograder.outcome import Sheet, outcome
from autograder.shop_run import Target, run_app
from labkit.impostor import Impostor

LOG_S = 10.0
QUANTITY = 3
ELSEWHERE = "database.another-company.example"


@dataclass(frozen=True)
class Shop:
    """The database, the host to it and the app's own credentials."""

    account: Account
    database: Mapping[str, Any]
    app_host: str
    secret_id: str
    credentials: Mapping[str, str]

    @property
    def name(self) -> str:
        """The database's name inside the server."""
        return str(self.database.get("DBName") or "postgres")

    @property
    def settings(self) -> dict[str, str]:
        """What the app is told about it, besides where it is."""
        return {"DB_NAME": self.name, "DB_SECRET": self.secret_id}

    @contextlib.contextmanager
    def connection(self) -> Iterator[psycopg.Connection[Any]]:
        """A session of the app's user through the app host."""
        with self.account.session_on(
            self.database,
            self.app_host,
            self.credentials["username"],
            self.credentials["password"],
            self.name,
        ) as connection:
            yield connection


@dataclass
class Evidence:
    """What came of running the app against its own server and three that it should refuse.

    `reports` are the app's claims, one a server (fewer when it ended early, for the reason `ended`); what the
    impostors heard, the log and the tables are evidence.
    """

    since: datetime
    user_id: int
    product_id: int
    last_order: int
    reports: list[dict[str, Any]]
    ended: str
    impostor: Impostor
    plain: Impostor

    def report(self, number: int) -> dict[str, Any]:
        """The app's report on one of the servers; Mistake when it did not come to it."""
        if number >= len(self.reports):
            raise Mistake(self.ended)
        return self.reports[number]


OWN, UNTRUSTED, MISNAMED, PLAIN = range(4)


@outcome("lab-6.2", title="The app connects securely from EC2", points=8)
def secure_app(sheet: Sheet, account: Account, *, db: str, app_host: str, secret: str, app: str) -> None:
    """The secret, an order through the host, TLS in the server's log, and servers that must be refused."""
    database = account.database(db)
    credentials: dict[str, str] = {}
    sheet.judge("A secret holds the app's own user", 1, own_user, account, database, secret, credentials)
    shop = Shop(account, database, app_host, secret, credentials)
    evidence: list[Evidence] = []
    sheet.judge("An order lands through the app host, whole", 3, order_lands, shop, app, evidence)
    sheet.judge("The session was TLS, from the app host", 1, session_was_tls, shop, evidence)
    sheet.judge("A server that is not yours is refused", 2, refuses_impostors, shop, evidence)
    sheet.judge("A server without TLS is refused", 1, refuses_plain_text, evidence)


def own_user(account: Account, database: Mapping[str, Any], secret: str, found: dict[str, str]) -> None:
    """The secret is JSON with a user name and password, and the user is not the master."""
    found.update(account.secret(secret))
    if found["username"] == database["MasterUsername"]:
        raise Mistake(
            f"secret {secret} holds the master user {found['username']!r}: create a user for the "
            "app with the rights "
            "it needs, and store that one"
        )


def order_lands(shop: Shop, app: str, evidence: list[Evidence]) -> None:
    """place_order() writes an order and its item in one transaction."""
    _require(shop.credentials)
    host, port = endpoint(shop.database)
    with shop.connection() as connection:
        user_id = _first(connection, "SELECT user_id FROM public.orders ORDER BY order_id LIMIT 1", "orders")
        product_id = _first(
            connection,
            "SELECT product_id FROM public.products WHERE stock > 9 ORDER BY 1 LIMIT 1",
            "products",
        )
        last = _first(connection, "SELECT max(order_id) FROM public.orders", "orders")
    # the log counts in whole seconds: the app's run begins in a later one than the session above
    time.sleep(1 - time.time() % 1)
    since = datetime.now(UTC)
    orders = [
        {"user_id": user_id, "product_id": product_id, "quantity": QUANTITY},
        {"user_id": user_id, "product_id": 2_000_000_000, "quantity": QUANTITY},
    ]
    with (
        shop.account.through(shop.app_host, host, port) as tunnel,
        Impostor(host, tls=True) as impostor,
        Impostor(host, tls=False) as plain,
    ):
        targets = [
            Target(host, tunnel.port, orders),
            Target(host, impostor.port),
            Target(ELSEWHERE, tunnel.port),
            Target(host, plain.port),
        ]
        reports, ended = run_app(shop.account, app, shop.settings, targets)
    evidence.append(Evidence(since, user_id, product_id, last, reports, ended, impostor, plain))
    report = evidence[0].report(OWN)
    if not report["connected"]:
        raise Mistake(f"connect() did not reach the database through {shop.app_host}: {report['error']}")
    _look_at_orders(shop, evidence[0])


def session_was_tls(shop: Shop, evidence: list[Evidence]) -> None:
    """The server's log has the app's sessions, all encrypted, from the app host's address."""
    since = _connected(evidence).since
    host = shop.account.instance(shop.app_host)["PrivateIpAddress"]
    user = shop.credentials["username"]
    identifier = shop.database["DBInstanceIdentifier"]
    deadline = time.monotonic() + LOG_S
    while True:
        sessions = [
            s for s in serverlog.sessions_since(shop.account.rds, identifier, since) if s.user == user
        ]
        if sessions or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    if not sessions:
        raise Mistake(
            f"the server's log shows no session of {user!r} while shop_app.py ran: let it use "
            "the secret's user "
            "(on AWS the log tells of sessions when log_connections is on)"
        )
    for session in sessions:
        if not session.tls:
            raise Mistake(
                f"{user!r} connected from {session.host} without TLS: connect with sslmode=verify-full"
            )
        if session.host != host:
            raise Mistake(
                f"{user!r} connected from {session.host}, not from the app host {shop.app_host} ({host})"
            )


def refuses_impostors(shop: Shop, evidence: list[Evidence]) -> None:
    """Another authority's certificate gets nothing, and neither does another server of the same authority."""
    seen = _connected(evidence)
    remedy = "connect with sslmode=verify-full and sslrootcert=$DB_CA"
    _judge_impostor(seen.impostor, seen.report(UNTRUSTED), remedy)
    if seen.report(MISNAMED)["connected"]:
        host, _ = endpoint(shop.database)
        raise Mistake(
            f"connect() took a certificate for {host} as that of {ELSEWHERE}: every RDS database of the "
            "Region has a certificate of the same authority, so the name counts; sslmode=verify-full "
            "instead of verify-ca",
            earned=1,
        )


def refuses_plain_text(evidence: list[Evidence]) -> None:
    """A server that declines TLS gets nothing."""
    seen = _connected(evidence)
    remedy = "sslmode=prefer falls back to plain text; verify-full does not"
    _judge_impostor(seen.plain, seen.report(PLAIN), remedy)


def _look_at_orders(shop: Shop, evidence: Evidence) -> None:
    orders = evidence.report(OWN)["orders"]
    if not orders:
        raise Mistake(f"place_order() was not reached: {evidence.report(OWN)['error']}")
    placed = orders[0]
    if placed["error"]:
        raise Mistake(f"place_order() failed: {placed['error']}")
    with shop.connection() as connection:
        rows = connection.execute(
            "SELECT o.order_id, i.order_id IS NOT NULL, i.xmin = o.xmin, i.product_id, i.quantity"
            " FROM public.orders o LEFT JOIN public.order_items i USING (order_id)"
            " WHERE o.order_id > %s AND o.user_id = %s ORDER BY 1",
            (evidence.last_order, evidence.user_id),
        ).fetchall()
    whole = [row for row in rows if row[1]]
    if not rows:
        raise Mistake(
            f"place_order() returned {placed['id']!r}, but no new order of user "
            f"{evidence.user_id} is in the table: "
            "commit before returning"
        )
    if not whole:
        raise Mistake(f"order {rows[0][0]} has no row in order_items: insert the item too", earned=1)
    order_id, _, together, product_id, quantity = whole[0]
    if (product_id, quantity) != (evidence.product_id, QUANTITY):
        raise Mistake(
            f"order {order_id} holds {quantity} of product {product_id}, asked for were "
            f"{QUANTITY} of product "
            f"{evidence.product_id}: use the arguments",
            earned=1,
        )
    if len(rows) > len(whole):
        raise Mistake(
            f"an order that failed (its product does not exist) left order {rows[-1][0]} behind "
            "without items: write "
            "the order and its items in one transaction",
            earned=1,
        )
    if not together:
        raise Mistake(
            f"order {order_id} and its item were written by two transactions: a crash between "
            "them leaves half an "
            "order; commit once",
            earned=1,
        )
    if str(placed["id"]) != str(order_id):
        raise Mistake(
            f"place_order() returned {placed['id']!r}, the new order is {order_id}: return its id", earned=2
        )


def _judge_impostor(impostor: Impostor, report: Mapping[str, Any], remedy: str) -> None:
    if impostor.leaks:
        raise Mistake(f"connect() sent {impostor.leaks[0]}: {remedy}")
    if not impostor.callers:
        said = report["error"] or "no attempt was seen"
        raise Mistake(f"connect() did not try the address it was given (DB_HOSTADDR and DB_PORT): {said}")


def _require(credentials: Mapping[str, str]) -> None:
    if not credentials:
        raise Mistake("without the app's secret there is nobody to connect as")


def _connected(evidence: list[Evidence]) -> Evidence:
    if not evidence or not evidence[0].report(OWN)["connected"]:
        raise Mistake("the app does not connect to its own database yet, so refusing others proves nothing")
    return evidence[0]


def _first(connection: psycopg.Connection[Any], query: str, table: str) -> int:
    try:
        row = connection.execute(query).fetchone()
    except psycopg.Error as error:
        said = str(error).splitlines()[0]
        raise Mistake(f"the app's user cannot read {table}: {said}. Load ShopStream and grant it") from error
    if row is None or row[0] is None:
        raise Mistake(f"{table} is empty: load ShopStream's data first")
    return int(row[0])
