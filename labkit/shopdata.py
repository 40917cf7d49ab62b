"""How ShopStream's rows come about: pure functions of scale and seed, in the order of their keys."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

SEED = 2026
Row = tuple[Any, ...]

COLUMNS: dict[str, tuple[str, ...]] = {
    "users": ("user_id", "email", "full_name", "country", "created_at"),
    "products": ("product_id", "sku", "name", "category", "price", "stock", "created_at"),
    "orders": ("order_id", "user_id", "status", "total", "created_at"),
    "order_items": ("order_id", "line_number", "product_id", "quantity", "unit_price"),
    "payments": ("payment_id", "order_id", "amount", "method", "created_at"),
}

_USERS, _PRODUCTS, _ORDERS = 500, 200, 2_000
_OPENING = datetime(2025, 1, 1, tzinfo=UTC)
_FIRST_ORDER = datetime(2026, 1, 1, tzinfo=UTC)
_SEASON_S = 180 * 86_400

_FIRST = (
    "Ada Amir Ana Chen Dara Elif Femi Grace Hana Ivan Jana Kofi Lena "
    "Luis Maya Nils Omar Priya Rosa Sami Tomo Uma Vera Yuki Zoe"
)
_LAST = (
    "Abebe Bauer Costa Diaz Evans Fischer Garcia Haddad Ito Jensen "
    "Khan Lopez Meyer Novak Okafor Park Rossi Sato Tran Weber"
)
_COUNTRIES = "US US US US DE DE GB GB FR ES IN IN BR JP CA NL KE"
_CATEGORIES = {
    "audio": ("Headphones", "Speaker", "Microphone", "Turntable"),
    "books": ("Atlas", "Cookbook", "Novel", "Field guide"),
    "garden": ("Planter", "Trowel", "Lantern", "Rain gauge"),
    "kitchen": ("Kettle", "Skillet", "Teapot", "Scale"),
    "office": ("Desk lamp", "Notebook", "Chair", "Keyboard"),
    "outdoor": ("Tent", "Backpack", "Stove", "Compass"),
}
_STYLES = "Amber Basalt Cedar Dune Ember Fjord Granite Harbor Indigo Juniper"
_STATUSES = (
    "delivered",
    "delivered",
    "delivered",
    "delivered",
    "shipped",
    "shipped",
    "paid",
    "new",
    "cancelled",
)
_METHODS = ("card", "card", "card", "wallet", "wallet", "transfer")
_PATHS = ("/", "/search", "/product", "/product", "/product", "/cart", "/checkout")


def rows(table: str, scale: int, seed: int) -> Iterator[Row]:
    """The table's rows, each in the order of COLUMNS."""
    return _SOURCES[table](scale, seed)


def sessions(scale: int = 1, seed: int = SEED) -> Iterator[dict[str, Any]]:
    """Web sessions: 1,000 a scale, each expiring (epoch seconds) half an hour after it was last seen."""
    random = _random("sessions", seed)
    for number in range(1, 1_000 * scale + 1):
        started = _moment(random, number / (1_000 * scale))
        seen = started + timedelta(seconds=20 + int(random.random() * 3_580))
        yield {
            "session_id": _token(random),
            "user_id": _popular(random, _USERS * scale),
            "country": _pick(random, _COUNTRIES.split()),
            "started_at": started.isoformat(),
            "last_seen_at": seen.isoformat(),
            "expires_at": int(seen.timestamp()) + 1_800,
        }


def carts(scale: int = 1, seed: int = SEED) -> Iterator[dict[str, Any]]:
    """Shopping carts: 300 a scale, with one to five lines and a version number."""
    random = _random("carts", seed)
    prices = _prices(scale, seed)
    for number in range(1, 300 * scale + 1):
        products = sorted({_popular(random, len(prices)) for _ in range(1 + int(random.random() * 5))})
        yield {
            "cart_id": f"cart-{number:06d}",
            "user_id": _popular(random, _USERS * scale),
            "version": 1,
            "updated_at": _moment(random, number / (300 * scale)).isoformat(),
            "items": [
                {
                    "product_id": product,
                    "quantity": 1 + int(random.random() ** 3 * 4),
                    "unit_price": _money(prices[product - 1]),
                }
                for product in products
            ],
        }


def events(scale: int = 1, seed: int = SEED) -> Iterator[dict[str, Any]]:
    """Click-stream events in the order of time: 10,000 a scale."""
    random = _random("events", seed)
    users, products, count = _USERS * scale, _PRODUCTS * scale, 10_000 * scale
    for number in range(1, count + 1):
        path = _pick(random, _PATHS)
        yield {
            "event_id": f"event-{number:09d}",
            "user_id": _popular(random, users),
            "occurred_at": (_FIRST_ORDER + timedelta(seconds=_SEASON_S * number // count)).isoformat(),
            "path": path,
            "product_id": _popular(random, products) if path == "/product" else None,
            "milliseconds": 8 + int(400 * random.random() ** 4),
        }


def _users(scale: int, seed: int) -> Iterator[Row]:
    random = _random("users", seed)
    first, last, countries = _FIRST.split(), _LAST.split(), _COUNTRIES.split()
    for number in range(1, _USERS * scale + 1):
        name = f"{_pick(random, first)} {_pick(random, last)}"
        email = f"{name.lower().replace(' ', '.')}.{number}@example.com"
        joined = _OPENING + timedelta(seconds=365 * 86_400 * number // (_USERS * scale + 1))
        yield number, email, name, _pick(random, countries), joined


def _products(scale: int, seed: int) -> Iterator[Row]:
    random = _random("products", seed)
    categories, styles = sorted(_CATEGORIES), _STYLES.split()
    for number, cents in enumerate(_prices(scale, seed), start=1):
        category = _pick(random, categories)
        name = f"{_pick(random, styles)} {_pick(random, _CATEGORIES[category])}"
        added = _OPENING + timedelta(hours=number % 8_000)
        yield (
            number,
            f"SKU-{number:06d}",
            name,
            category,
            _money(cents),
            20 + int(random.random() * 480),
            added,
        )


def _baskets(scale: int, seed: int) -> Iterator[tuple[int, int, str, datetime, list[tuple[int, int, int]]]]:
    """Each order as id, user, status, time and lines of (product, quantity, cents)."""
    random = _random("orders", seed)
    prices, users, count = _prices(scale, seed), _USERS * scale, _ORDERS * scale
    for number in range(1, count + 1):
        user = _popular(random, users)
        status = _pick(random, _STATUSES)
        created = _moment(random, number / count)
        lines = []
        for _ in range(1 + int(4 * random.random())):
            product = _popular(random, len(prices))
            lines.append((product, 1 + int(random.random() ** 3 * 4), prices[product - 1]))
        yield number, user, status, created, lines


def _orders(scale: int, seed: int) -> Iterator[Row]:
    for number, user, status, created, lines in _baskets(scale, seed):
        yield number, user, status, _money(sum(quantity * cents for _, quantity, cents in lines)), created


def _order_items(scale: int, seed: int) -> Iterator[Row]:
    for number, _, _, _, lines in _baskets(scale, seed):
        for line, (product, quantity, cents) in enumerate(lines, start=1):
            yield number, line, product, quantity, _money(cents)


def _payments(scale: int, seed: int) -> Iterator[Row]:
    random = _random("payments", seed)
    payment = 0
    for number, _, status, created, lines in _baskets(scale, seed):
        if status in ("new", "cancelled"):
            continue
        payment += 1
        paid = created + timedelta(seconds=5 + int(random.random() * 600))
        amount = _money(sum(quantity * cents for _, quantity, cents in lines))
        yield payment, number, amount, _pick(random, _METHODS), paid


def _prices(scale: int, seed: int) -> list[int]:
    random = _random("prices", seed)
    return [399 + 100 * int(random.random() ** 2 * 250) for _ in range(_PRODUCTS * scale)]


def _random(purpose: str, seed: int) -> Random:
    return Random(f"shopstream {purpose} {seed}")


# Only Random.random() is promised to give the same numbers in every Python, so everything is made of it
def _pick(random: Random, options: tuple[str, ...] | list[str]) -> str:
    return options[int(random.random() * len(options))]


def _popular(random: Random, count: int) -> int:
    """A key from 1 to count; low ones far more often, as in a real shop."""
    return 1 + int(count * random.random() ** 2)


def _moment(random: Random, progress: float) -> datetime:
    return _FIRST_ORDER + timedelta(seconds=int(_SEASON_S * progress) - int(random.random() * 60))


def _token(random: Random) -> str:
    return "".join(f"{int(random.random() * 16**8):08x}" for _ in range(4))


def _money(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)


_SOURCES: dict[str, Callable[[int, int], Iterator[Row]]] = {
    "users": _users,
    "products": _products,
    "orders": _orders,
    "order_items": _order_items,
    "payments": _payments,
}
