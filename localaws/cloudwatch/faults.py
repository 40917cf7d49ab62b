"""CloudWatch's errors."""

from moto.cloudwatch.exceptions import (
    CloudWatchException,
    InvalidFormat,
    InvalidParameterCombination,
    InvalidParameterValue,
    ResourceNotFound,
    ValidationError,
)

__all__ = [
    "CloudWatchException",
    "InvalidFormat",
    "InvalidParameterCombination",
    "InvalidParameterValue",
    "LimitExceeded",
    "ResourceNotFound",
    "ValidationError",
]


class LimitExceeded(CloudWatchException):
    """A request asks for more than there may be."""

    code = "LimitExceeded"
