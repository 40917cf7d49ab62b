"""What a statement or a call of Redshift can meet."""

from __future__ import annotations

import re

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


_MESSAGES = (
    (r"Table with name (\S+) does not exist", 'relation "{0}" does not exist'),
    (r'Referenced column "([^"]+)" (?:was )?not found', 'column "{0}" does not exist'),
    (r"(?:Scalar|Aggregate|Table) Function with name (\S+) does not exist", "function {0} does not exist"),
)


def translated(error: Exception) -> SqlError:
    """Return what Redshift would have said about the error of DuckDB's."""
    text = str(error).splitlines()[0]
    for pattern, template in _MESSAGES:
        found = re.search(pattern, text)
        if found:
            return SqlError(f"ERROR: {template.format(found.group(1))}")
    return SqlError(f"ERROR: {text}")
