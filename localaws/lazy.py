"""Attributes that are computed when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

Owner = TypeVar("Owner")
Result = TypeVar("Result")


class lazy(Generic[Owner, Result]):
    """functools.cached_property without its lock, which before Python 3.12 costs more than most bodies."""

    def __init__(self, compute: Callable[[Owner], Result]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type[Owner], name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: Any = None) -> lazy[Owner, Result]: ...

    @overload
    def __get__(self, instance: Owner, owner: Any = None) -> Result: ...

    def __get__(self, instance: Owner | None, owner: Any = None) -> lazy[Owner, Result] | Result:
        if instance is None:
            return self
        found = instance.__dict__[self._name] = self._compute(instance)
        return found
