"""What a course notebook imports: the back end, connections, data, predictions, pictures and checks."""

from labkit import errors, plot, shopstream
from labkit.backends import backend
from labkit.capacity import calculator
from labkit.cards import trainer
from labkit.connection import ca_bundle, connect
from labkit.dashboard import dashboard
from labkit.extension import choose, load_ipython_extension
from labkit.keydesign import key_playground
from labkit.measurements import measured, record
from labkit.picture import topology
from labkit.prediction import predict, reveal
from labkit.prices import monthly, price, prices
from labkit.quorum import quorum
from labkit.teardown import reset
from labkit.tunnel import through
from labkit.verdict import check

__all__ = [
    "backend",
    "ca_bundle",
    "calculator",
    "check",
    "choose",
    "connect",
    "dashboard",
    "errors",
    "key_playground",
    "load_ipython_extension",
    "measured",
    "monthly",
    "plot",
    "predict",
    "price",
    "prices",
    "quorum",
    "record",
    "reset",
    "reveal",
    "shopstream",
    "through",
    "topology",
    "trainer",
]
