"""AWS's errors of DynamoDB's control plane, for moto's handlers."""

from __future__ import annotations

from moto.dynamodb.exceptions import ERROR_TYPE_PREFIX, DynamodbException

INVALID = "One or more parameter values were invalid: "


class TableRefusal(DynamodbException):
    """An error with a code of DynamoDB's service model."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(ERROR_TYPE_PREFIX + code, message)
        self.message_text = message


def invalid(message: str) -> TableRefusal:
    """A request that AWS refuses on its own."""
    return TableRefusal("ValidationException", message)


def wrong(reason: str) -> TableRefusal:
    """Values that AWS refuses."""
    return invalid(INVALID + reason)


def constraint(value: object, place: str, rule: str) -> TableRefusal:
    """A value that the service model forbids."""
    return invalid(
        f"1 validation error detected: Value '{value}' at '{place}' failed to satisfy constraint: {rule}"
    )


def no_table(name: str) -> TableRefusal:
    """A table that does not exist."""
    return TableRefusal("ResourceNotFoundException", f"Requested resource not found: Table: {name} not found")


def not_found(what: str = "") -> TableRefusal:
    """Something else that does not exist."""
    return TableRefusal("ResourceNotFoundException", f"Requested resource not found{what}")


def in_use(name: str, status: str) -> TableRefusal:
    """A table that something else is being done with."""
    doing = {"CREATING": "created", "DELETING": "deleted"}.get(status, "updated")
    return TableRefusal(
        "ResourceInUseException",
        f"Attempt to change a resource which is still in use: Table is being {doing}: {name}",
    )


def limit_exceeded(message: str) -> TableRefusal:
    """More than AWS allows."""
    return TableRefusal("LimitExceededException", message)
