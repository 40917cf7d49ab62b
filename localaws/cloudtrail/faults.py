"""CloudTrail's errors that moto does not have."""

from __future__ import annotations

from moto.core.exceptions import JsonRESTError


class CloudTrailFault(JsonRESTError):
    """An error with AWS's code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}Exception", message)


def several_attributes() -> CloudTrailFault:
    """More than one attribute in a look-up."""
    return CloudTrailFault(
        "InvalidLookupAttributes",
        "The number of lookup attributes exceeds the limit. You can specify only one lookup attribute.",
    )


def attribute(key: str) -> CloudTrailFault:
    """An attribute that does not exist."""
    return CloudTrailFault("InvalidLookupAttributes", f"The lookup attribute {key} is not valid.")


def time_range() -> CloudTrailFault:
    """A look-up that ends before it begins."""
    return CloudTrailFault("InvalidTimeRange", "The start time must be before the end time.")


def max_results() -> CloudTrailFault:
    """A page that is too large or too small."""
    return CloudTrailFault("InvalidMaxResults", "MaxResults must be a number from 1 to 50.")


def token() -> CloudTrailFault:
    """A token of another look-up."""
    return CloudTrailFault("InvalidNextToken", "The token is invalid, or belongs to another look-up.")


def exists(name: str, account_id: str) -> CloudTrailFault:
    """A trail of this name is there."""
    return CloudTrailFault("TrailAlreadyExists", f"Trail {name} already exists for customer: {account_id}")


def bucket_policy(bucket: str) -> CloudTrailFault:
    """The bucket does not let CloudTrail write."""
    return CloudTrailFault(
        "InsufficientS3BucketPolicy", f"Incorrect S3 bucket policy is detected for bucket: {bucket}"
    )


def selectors(reason: str) -> CloudTrailFault:
    """Event selectors that select nothing that exists."""
    return CloudTrailFault("InvalidEventSelectors", reason)


def combination(reason: str) -> CloudTrailFault:
    """Parameters that do not go together."""
    return CloudTrailFault("InvalidParameterCombination", reason)


def home(name: str) -> CloudTrailFault:
    """A change of a trail from another Region than its own."""
    return CloudTrailFault(
        "InvalidHomeRegion", f"Trail {name} can be changed only from the Region in which it was created."
    )
