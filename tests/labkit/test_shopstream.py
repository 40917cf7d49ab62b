"""ShopStream's data: the same everywhere, loaded at one go into a real server."""

from decimal import Decimal
from itertools import islice
from typing import Any

import psycopg
import pytest

import labkit
from labkit import shopstream
from labkit.errors import DataError

from .conftest import Lab

LOGIN = {"user": "boss", "password": "correct-horse-1", "dbname": "shop"}
CHECKSUMS = {
    "users": "b2e5ef12e0f4845bdc57026556c12257",
    "products": "58123502f36ea8ee40b12639dc00ab6a",
    "orders": "e3f6775d9adaaca1fdb7b51709421315",
    "order_items": "a7780ad9e7b98d500dc61afa60f479d2",
    "payments": "6ce9262134065918f827deb29025be30",
}


def test_loading_gives_the_same_rows_on_every_machine_and_every_time(local: Lab) -> None:
    with labkit.connect(local.database, through=local.app_host, **LOGIN) as conn:
        for _ in range(2):
            counts = shopstream.load(conn)
            assert counts["orders"] == 2_000
            assert {table: shopstream.checksum(conn, table) for table in shopstream.TABLES} == CHECKSUMS
        new = conn.execute(
            "insert into orders (user_id) values (1) returning order_id, status, total"
        ).fetchone()
        assert new == (2_001, "new", 0)
        assert shopstream.checksum(conn, "orders") != CHECKSUMS["orders"]


def test_a_checksum_does_not_depend_on_the_session(local: Lab) -> None:
    with labkit.connect(local.database, through=local.app_host, autocommit=True, **LOGIN) as conn:
        shopstream.load(conn)
        conn.execute("set timezone to 'Asia/Tokyo'")
        conn.execute("set datestyle to 'SQL, DMY'")
        assert shopstream.checksum(conn, "public.orders") == CHECKSUMS["orders"]
        assert conn.execute("show timezone").fetchone() == ("Asia/Tokyo",)


def test_the_tables_refuse_what_a_shop_cannot_have(local: Lab) -> None:
    with labkit.connect(local.database, through=local.app_host, autocommit=True, **LOGIN) as conn:
        shopstream.load(conn)
        for statement in (
            "insert into orders (user_id) values (999999)",
            "insert into orders (user_id, status) values (1, 'lost')",
            "insert into order_items values (1, 99, 1, 0, 5)",
            "update products set stock = -1 where product_id = 1",
            "insert into users (email, full_name, country) select email, 'Twin', 'US' from users limit 1",
        ):
            with pytest.raises(psycopg.IntegrityError):
                conn.execute(statement)
        bad = (
            "select count(*) from orders as o where total <>"
            " (select sum(quantity * unit_price) from order_items as i where i.order_id = o.order_id)"
        )
        assert conn.execute(bad).fetchone() == (0,)


def test_rows_come_as_dicts_with_exact_money() -> None:
    data = shopstream.generate()
    order = next(data["orders"])
    items = [item for item in islice(data["order_items"], 10) if item["order_id"] == order["order_id"]]
    assert order["total"] == sum(item["quantity"] * item["unit_price"] for item in items)
    assert isinstance(order["total"], Decimal)
    assert order["created_at"].tzinfo is not None


def test_scale_multiplies_the_shop_and_seed_changes_it() -> None:
    assert sum(1 for _ in shopstream.generate(3)["users"]) == 1_500
    assert next(shopstream.generate(1)["orders"]) != next(shopstream.generate(1, seed=7)["orders"])


@pytest.mark.parametrize("scale", [0, 101, 1.5, "1", True])
def test_a_scale_out_of_range_says_what_is_in_it(scale: Any) -> None:
    with pytest.raises(DataError, match=r"from 1 .* to 100"):
        shopstream.generate(scale)


def test_streams_for_the_other_stores() -> None:
    cart, session, event = next(shopstream.carts()), next(shopstream.sessions()), next(shopstream.events())
    assert cart["cart_id"] == "cart-000001"
    assert all(isinstance(item["unit_price"], Decimal) for item in cart["items"])
    assert session["expires_at"] > 0
    assert event["event_id"] == "event-000000001"
    assert [len(list(stream(1))) for stream in (shopstream.carts, shopstream.sessions)] == [300, 1_000]
