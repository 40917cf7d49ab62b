"""What a statement or a call of Redshift can meet."""

from __future__ import annotations

from moto.core.exceptions import JsonRESTError, ServiceException

from localaws.errors import LocalawsError


class SqlError(LocalawsError):
    """A statement that fails; the text is what DescribeStatement shows."""


class RedshiftFault(ServiceException):
    """An error of the clusters' API."""


class DataFault(JsonRESTError):
    """An error of the Data API."""


def invalid(message: str) -> DataFault:
    """A call that cannot be."""
    return DataFault("ValidationException", message)


def missing(message: str) -> DataFault:
    """A statement or result that does not exist."""
    return DataFault("ResourceNotFoundException", message)


def value(message: str) -> RedshiftFault:
    """A parameter that AWS does not take."""
    return RedshiftFault("InvalidParameterValue", message)


def state(message: str) -> RedshiftFault:
    """A cluster that is not in the right state."""
    return RedshiftFault("InvalidClusterState", message)


def absent(message: str) -> RedshiftFault:
    """An operation that is not available here."""
    return RedshiftFault("UnsupportedOperation", message)
