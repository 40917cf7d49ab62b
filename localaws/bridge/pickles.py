"""Pickling of moto's models: objects that pickle refuses are written by what recreates them."""

from __future__ import annotations

import importlib
import io
import pickle
import threading
import types
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from localaws.bridge import backends

LOCK, RLOCK = type(threading.Lock()), type(threading.RLock())


class _Pickler(pickle.Pickler):
    """References to registered backends become addresses, so that the model has one of each after loading."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream, protocol=pickle.HIGHEST_PROTOCOL)
        self._addresses = {
            id(backend): (service, account_id, region)
            for service in backends.services_in_use()
            for account_id, region, backend in backends.existing(service)
        }

    def reducer_override(self, thing: Any) -> Any:
        address = self._addresses.get(id(thing))
        if address is not None:
            return _backend_at, address
        if isinstance(thing, LOCK):
            return threading.Lock, ()
        if isinstance(thing, RLOCK):
            return threading.RLock, ()
        if isinstance(thing, weakref.WeakValueDictionary):
            return weakref.WeakValueDictionary, (dict(thing),)
        if isinstance(thing, types.FunctionType) and "<" in thing.__qualname__:
            return _reduce_function(thing)
        if isinstance(thing, defaultdict) and type(thing) is not defaultdict:
            return _default_dict, (type(thing), thing.default_factory), vars(thing), None, iter(thing.items())
        if hasattr(type(thing), "private_bytes"):
            return _private_key, (_private_pem(thing),)
        return NotImplemented


def dump(services: Iterable[str]) -> bytes:
    """Return the models of `services` as one pickle, so that objects which they share stay shared."""
    stream = io.BytesIO()
    _Pickler(stream).dump(
        [
            (service, account_id, region, vars(backend))
            for service in services
            for account_id, region, backend in backends.existing(service)
        ]
    )
    return stream.getvalue()


def check(blob: bytes) -> None:
    """Raise whatever `load` would raise, and change nothing."""
    pickle.loads(blob)  # noqa: S301 - made a moment ago


def load(blob: bytes, install: Callable[[str], None]) -> None:
    """Put the models of a dump in place of those that exist; `install` prepares a service's classes first."""
    _Loading.install = install
    for service, account_id, region, attributes in pickle.loads(blob):  # noqa: S301 - the owner's own 0600 file
        vars(_backend_at(service, account_id, region)).clear()
        vars(_backend_at(service, account_id, region)).update(attributes)


def _nothing(_: str) -> None:
    return


class _Loading:
    install: Callable[[str], None] = staticmethod(_nothing)


def _backend_at(service: str, account_id: str, region: str) -> Any:
    _Loading.install(service)
    regions = backends.load(service)[account_id]
    if not dict.__contains__(regions, region):
        dict.__setitem__(regions, region, regions.backend.__new__(regions.backend))
    return dict.__getitem__(regions, region)


def _default_dict(kind: Any, factory: Any) -> Any:
    made = kind.__new__(kind)
    defaultdict.__init__(made, factory)
    return made


def _private_pem(key: Any) -> bytes:
    from cryptography.hazmat.primitives import serialization

    pem: bytes = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem


def _private_key(pem: bytes) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return load_pem_private_key(pem, password=None)


def _reduce_function(function: types.FunctionType) -> Any:
    """Name a function inside a function (moto's default factories) by its place in the module's code."""
    cells = tuple(cell.cell_contents for cell in function.__closure__ or ())
    home = importlib.import_module(function.__module__)
    twins = _codes_named(home, function.__qualname__)
    return _function_at, (
        function.__module__,
        function.__qualname__,
        twins.index(function.__code__),
        function.__defaults__,
        cells,
    )


def _function_at(module: str, qualname: str, index: int, defaults: Any, cells: tuple[Any, ...]) -> Any:
    home = importlib.import_module(module)
    code = _codes_named(home, qualname)[index]
    closure = tuple(types.CellType(value) for value in cells)
    return types.FunctionType(code, vars(home), code.co_name, defaults, closure)


def _codes_named(module: types.ModuleType, qualname: str) -> list[types.CodeType]:
    loader = getattr(module, "__loader__", None)
    root = loader.get_code(module.__name__) if loader else None
    found: list[types.CodeType] = []
    queue = [root] if root else []
    while queue:
        code = queue.pop(0)
        found += [code] if code.co_qualname == qualname else []
        queue += [const for const in code.co_consts if isinstance(const, types.CodeType)]
    return found
