"""AWS's faults for DMS, with AWS's codes."""

from __future__ import annotations

from moto.core.exceptions import JsonRESTError


class DmsFault(JsonRESTError):
    """An error with a code of DMS's service model."""

    code = 400


def not_found(what: str) -> DmsFault:
    """A resource that does not exist; `what` is its noun, as "Endpoint"."""
    return DmsFault("ResourceNotFoundFault", f"{what} could not be found.")


def exists() -> DmsFault:
    """A resource that is there already."""
    return DmsFault("ResourceAlreadyExistsFault", "The resource you are attempting to create already exists.")


def wrong_state(message: str) -> DmsFault:
    """An operation that the state of the resource forbids."""
    return DmsFault("InvalidResourceStateFault", message)


def invalid(message: str) -> DmsFault:
    """A value that AWS refuses on its own."""
    return DmsFault("InvalidParameterValueException", message)


def combination(message: str) -> DmsFault:
    """Values that AWS refuses together."""
    return DmsFault("InvalidParameterCombinationException", message)


def subnet(message: str) -> DmsFault:
    """A subnet that cannot be used."""
    return DmsFault("InvalidSubnet", message)


def too_few_zones() -> DmsFault:
    """A subnet group in one Availability Zone only."""
    return DmsFault(
        "ReplicationSubnetGroupDoesNotCoverEnoughAZs",
        "The replication subnet group does not cover enough Availability Zones (AZs). Name subnets in two.",
    )


def unsupported(message: str) -> DmsFault:
    """What this local AWS does not do."""
    return DmsFault("UnsupportedOperation", message)
