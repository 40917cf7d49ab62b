"""How far ElastiCache goes."""

from localaws.fidelity import Feature

FEATURES = (
    Feature(
        "Clusters of one node, Valkey and Redis OSS",
        "real",
        "A Valkey server answers for both engines; the version shown is the one found on this machine.",
    ),
    Feature("Replication groups of one node", "real", "The group's endpoint is that of its primary."),
    Feature(
        "Encryption in transit, AUTH token",
        "real",
        "TLS ends in front of the server; the token is the server's.",
    ),
    Feature("Memory by node type, eviction", "real", "`maxmemory` is AWS's figure for the type."),
    Feature("Security groups and subnets", "real", "As for RDS: decided for every new connection."),
    Feature("Replicas, automatic failover, cluster mode", "absent", "Refused with the reason."),
    Feature("Parameter groups, snapshots, users and user groups", "API only", "Kept as moto keeps them."),
    Feature("Memcached, serverless caches", "absent", "No server for them is on this machine."),
)
