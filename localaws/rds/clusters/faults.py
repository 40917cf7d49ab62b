"""AWS's faults for DB clusters."""

from __future__ import annotations

from moto.rds.exceptions import RDSClientError


def wrong_state(message: str) -> RDSClientError:
    """An operation that the state of the cluster forbids."""
    return RDSClientError("InvalidDBClusterStateFault", message)


def wrong_snapshot_state(message: str) -> RDSClientError:
    """An operation that the state of the cluster snapshot forbids."""
    return RDSClientError("InvalidDBClusterSnapshotStateFault", message)


def exists(name: str) -> RDSClientError:
    """A cluster of that name is there already."""
    return RDSClientError("DBClusterAlreadyExistsFault", f"DB Cluster {name} already exists.")


def not_available(name: str, status: str) -> RDSClientError:
    """An operation that needs an available cluster."""
    return wrong_state(
        f"DbCluster {name} is in {status} state but expected it to be one of available. "
        "Wait until it is available, then try again."
    )


def endpoint_not_found(name: str) -> RDSClientError:
    """A custom endpoint that does not exist."""
    return RDSClientError("DBClusterEndpointNotFoundFault", f"DBClusterEndpoint {name} not found.")


def restore(message: str) -> RDSClientError:
    """A point in time that cannot be restored."""
    return RDSClientError("InvalidRestoreFault", message)
