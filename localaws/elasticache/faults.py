"""AWS's faults for ElastiCache, with AWS's codes."""

from __future__ import annotations

from moto.elasticache.exceptions import ElastiCacheException


class CacheFault(ElastiCacheException):
    """An error with a code of ElastiCache's service model."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def invalid(message: str) -> CacheFault:
    """A value that AWS refuses on its own."""
    return CacheFault("InvalidParameterValue", message)


def combination(message: str) -> CacheFault:
    """Values that AWS refuses together."""
    return CacheFault("InvalidParameterCombination", message)


def wrong_state(message: str) -> CacheFault:
    """An operation that the state of the cluster forbids."""
    return CacheFault("InvalidCacheClusterState", message)


def no_capacity(message: str) -> CacheFault:
    """A cache for which this machine has no server."""
    return CacheFault("InsufficientCacheClusterCapacity", message)
