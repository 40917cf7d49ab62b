"""Which events a trail wants.

AWS: "Logging data events", "AdvancedFieldSelector" in the CloudTrail API reference.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

from localaws.cloudtrail import faults

DEFAULT: list[dict[str, Any]] = [
    {
        "ReadWriteType": "All",
        "IncludeManagementEvents": True,
        "DataResources": [],
        "ExcludeManagementEventSources": [],
    }
]
# resource type → the services that sign such calls
DATA = {
    "AWS::S3::Object": ("s3",),
    "AWS::DynamoDB::Table": ("dynamodb",),
    "AWS::DynamoDB::Stream": ("dynamodb",),
    "AWS::Lambda::Function": ("lambda",),
}
_KINDS = ("All", "ReadOnly", "WriteOnly")
_MOST = 5
_FIELDS = {
    "eventCategory": "eventCategory",
    "eventName": "eventName",
    "eventSource": "eventSource",
    "eventType": "eventType",
    "readOnly": "readOnly",
}


def check(basic: list[dict[str, Any]] | None, advanced: list[dict[str, Any]] | None) -> None:
    """Raise AWS's error for selectors that cannot be."""
    if bool(basic) == bool(advanced):
        raise faults.selectors("Give either EventSelectors or AdvancedEventSelectors.")
    if len(basic or []) > _MOST:
        raise faults.selectors(f"A trail has at most {_MOST} event selectors.")
    for selector in basic or []:
        if selector.get("ReadWriteType", "All") not in _KINDS:
            raise faults.selectors(f"ReadWriteType must be one of {', '.join(_KINDS)}.")
        for resource in selector.get("DataResources") or []:
            if resource.get("Type") not in DATA:
                raise faults.selectors(f"The data resource type {resource.get('Type')} is not valid.")
    for selector in advanced or []:
        named = {field.get("Field") for field in selector.get("FieldSelectors") or []}
        if "eventCategory" not in named:
            raise faults.selectors("Each advanced event selector must have the field eventCategory.")


def complete(basic: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return selectors with the values that AWS gives to what is not said."""
    return [DEFAULT[0] | selector for selector in basic]


def services(basic: list[dict[str, Any]], advanced: list[dict[str, Any]]) -> frozenset[str]:
    """Return the services, by their signing names, whose data events may be wanted."""
    types = {resource["Type"] for selector in basic for resource in selector.get("DataResources") or []}
    for selector in advanced:
        fields = {field["Field"]: field for field in selector.get("FieldSelectors") or []}
        if "Data" in fields.get("eventCategory", {}).get("Equals", []):
            types |= set(fields.get("resources.type", {}).get("Equals", DATA))
    return frozenset(name for kind in types for name in DATA.get(kind, ()))


def wants(basic: list[dict[str, Any]], advanced: list[dict[str, Any]], event: dict[str, Any]) -> bool:
    """Whether any selector of a trail covers the event."""
    if advanced:
        return any(_covers(selector, event) for selector in advanced)
    return any(_wants(selector, event) for selector in basic or DEFAULT)


def _wants(selector: dict[str, Any], event: dict[str, Any]) -> bool:
    kind = selector.get("ReadWriteType", "All")
    if kind != "All" and (kind == "ReadOnly") != event["readOnly"]:
        return False
    if event["managementEvent"]:
        excluded = selector.get("ExcludeManagementEventSources") or []
        return bool(selector.get("IncludeManagementEvents", True)) and event["eventSource"] not in excluded
    return any(
        resource["Type"] == given["type"] and _begins(given["ARN"], resource.get("Values") or [])
        for resource in selector.get("DataResources") or []
        for given in event.get("resources", [])
    )


def _begins(arn: str, values: list[str]) -> bool:
    # `arn:aws:s3` and `arn:aws:dynamodb` are all of them
    return any(
        arn.startswith(value) if ":::" in value or value.count(":") < 5 else arn == value for value in values
    )


def _covers(selector: dict[str, Any], event: dict[str, Any]) -> bool:
    return all(
        any(_fits(field, value) for value in _values(event, field["Field"]))
        for field in selector.get("FieldSelectors") or []
    )


def _values(event: dict[str, Any], field: str) -> Iterator[str]:
    if field == "resources.type":
        yield from (each["type"] for each in event.get("resources", []))
    elif field == "resources.ARN":
        yield from (each["ARN"] for each in event.get("resources", []))
    elif field == "userIdentity.arn":
        yield str(event["userIdentity"].get("arn", ""))
    elif field in _FIELDS:
        value = event.get(_FIELDS[field])
        yield str(value).lower() if isinstance(value, bool) else str(value)


def _fits(field: dict[str, Any], value: str) -> bool:
    for name, holds in _CHECKS.items():
        if name in field and not any(holds(value, wanted) for wanted in field[name]):
            return False
        if f"Not{name}" in field and any(holds(value, wanted) for wanted in field[f"Not{name}"]):
            return False
    return True


_CHECKS: dict[str, Callable[[str, str], bool]] = {
    "Equals": operator.eq,
    "StartsWith": str.startswith,
    "EndsWith": str.endswith,
}
