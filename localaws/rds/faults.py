"""AWS's faults for RDS, with AWS's codes and wording; the codes are the shapes of the service's model."""

from __future__ import annotations

from moto.rds.exceptions import RDSClientError

IDENTIFIER_RULE = (
    "Identifiers must begin with a letter; must contain only ASCII letters, digits, and hyphens; "
    "and must not end with a hyphen or contain two consecutive hyphens."
)


def invalid(message: str) -> RDSClientError:
    """A value that AWS refuses on its own."""
    return RDSClientError("InvalidParameterValue", message)


def combination(message: str) -> RDSClientError:
    """Values that AWS refuses together."""
    return RDSClientError("InvalidParameterCombination", message)


def blank(parameter: str) -> RDSClientError:
    """A parameter that is required and missing."""
    return invalid(f"The parameter {parameter} must be provided and must not be blank.")


def identifier(parameter: str) -> RDSClientError:
    """An identifier that breaks AWS's rule."""
    return invalid(f"The parameter {parameter} is not a valid identifier. {IDENTIFIER_RULE}")


def wrong_state(message: str) -> RDSClientError:
    """An operation that the state of the DB instance forbids."""
    return RDSClientError("InvalidDBInstanceStateFault", message)


def not_available(instance: str) -> RDSClientError:
    """An operation that needs an available DB instance."""
    return wrong_state(f"Instance {instance} is not in available state.")


def wrong_group_state(message: str) -> RDSClientError:
    """An operation that the use of a parameter group forbids."""
    return RDSClientError("InvalidDBParameterGroupStateFault", message)


def unoffered(operation: str, remedy: str) -> RDSClientError:
    """An operation that this local AWS does not offer."""
    return RDSClientError("InvalidAction", f"{operation} is not offered by localaws. {remedy}")


def no_capacity(engine: str, binary: str | None) -> RDSClientError:
    """An engine without a server here, so that its databases could not be real; `binary` is missing."""
    why = f"{binary} was not found on this machine" if binary else "it has no server for that engine"
    return RDSClientError(
        "InsufficientDBInstanceCapacityFault",
        f"localaws cannot run a database of engine {engine}: {why}.",
    )


def certificate_not_found(name: str) -> RDSClientError:
    """A certificate authority that RDS does not have."""
    return RDSClientError("CertificateNotFoundFault", f"Certificate {name} not found.")
