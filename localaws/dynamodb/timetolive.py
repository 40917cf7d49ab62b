"""Time to live of items: the setting, and which tables have expired items to look for."""

from __future__ import annotations

from typing import Any

from localaws.dynamodb.refusals import constraint, invalid
from localaws.dynamodb.tables import Table


def change(table: Table, given: dict[str, Any]) -> None:
    """UpdateTimeToLive: ENABLING or DISABLING until the controller has taken note."""
    attribute, enabled = given["AttributeName"], given["Enabled"]
    if not 1 <= len(attribute) <= 255:
        bound = "less than or equal to 255" if attribute else "greater than or equal to 1"
        place = "timeToLiveSpecification.attributeName"
        raise constraint(attribute, place, f"Member must have length {bound}")
    on = table.ttl["TimeToLiveStatus"] in ("ENABLING", "ENABLED")
    if on and attribute != table.ttl["AttributeName"]:
        raise invalid(
            "TimeToLive is active on a different AttributeName: current AttributeName is "
            f"{table.ttl['AttributeName']}"
        )
    if on == enabled:
        raise invalid(f"TimeToLive is already {'enabled' if on else 'disabled'}")
    table.ttl = {"TimeToLiveStatus": "ENABLING" if enabled else "DISABLING", "AttributeName": attribute}


def describe(table: Table) -> dict[str, Any]:
    """DescribeTimeToLive."""
    return dict(table.ttl)


def settle(table: Table) -> None:
    """The controller looks for expired items, or no longer does."""
    if table.ttl["TimeToLiveStatus"] == "ENABLING":
        table.ttl["TimeToLiveStatus"] = "ENABLED"
    elif table.ttl["TimeToLiveStatus"] == "DISABLING":
        table.ttl = {"TimeToLiveStatus": "DISABLED"}
