"""What a course notebook imports: the back end, connections, data, predictions, pictures and checks."""

from labkit import errors, shopstream
from labkit.backends import backend
from labkit.connection import ca_bundle, connect
from labkit.dashboard import dashboard
from labkit.extension import choose, load_ipython_extension
from labkit.picture import topology
from labkit.prediction import predict, reveal
from labkit.teardown import reset
from labkit.tunnel import through
from labkit.verdict import check

__all__ = [
    "backend",
    "ca_bundle",
    "check",
    "choose",
    "connect",
    "dashboard",
    "errors",
    "load_ipython_extension",
    "predict",
    "reset",
    "reveal",
    "shopstream",
    "through",
    "topology",
]
