"""How far ElastiCache goes."""

from localaws.fidelity import Feature

FEATURES = (
    Feature(
        "Valkey and Redis OSS nodes",
        "real",
        "A Valkey server of its own for each; this machine's version answers for all that are offered. "
        "Commands that ElastiCache keeps for itself (CONFIG, SAVE, …) are refused to clients.",
    ),
    Feature(
        "Replication groups, replicas, primary and reader endpoints",
        "real",
        "Valkey's own asynchronous replication; replicas refuse writes with READONLY. New connections to the "
        "reader endpoint take turns over the replicas, where AWS changes a DNS record. All zones are this "
        "machine.",
    ),
    Feature(
        "Automatic failover, `test_failover`, a zone that is down",
        "real",
        "The replica that has most is promoted behind the same endpoint, within a second, where AWS takes "
        "longer. A killed primary takes with it what no replica had received, as on AWS; a tested failover "
        "waits for the replica first and loses nothing.",
    ),
    Feature("Creating and deleting replicas", "real", "Up to five, as on AWS."),
    Feature(
        "Reboot, crash",
        "real",
        "A node that stands alone loses its data when it is rebooted, as on AWS. One that crashes, or is "
        "stopped with the local AWS, comes back with them: every node keeps a log that AWS's does not.",
    ),
    Feature(
        "Encryption in transit, AUTH token and its rotation",
        "real",
        "TLS ends in front of the server; `preferred` takes both kinds of connections. The token is the "
        "server's; ROTATE admits the old one and the new one.",
    ),
    Feature(
        "Users, user groups, access strings",
        "real",
        "The server's own ACL. Users that authenticate with IAM can be made but cannot log in.",
    ),
    Feature(
        "Parameter groups",
        "real",
        "What AWS changes at once is in force at once, the rest after a reboot; `close-on-replica-write`, "
        "`verbosity` and `memcached_connections_overhead` have no effect. The families have fewer parameters "
        "than AWS's.",
    ),
    Feature(
        "Memory by node type, eviction",
        "real",
        "`maxmemory` is AWS's figure less `reserved-memory-percent`. The tag `localaws:mib-per-gib` makes a "
        "GiB of the node type so many MiB, so that a lab sees evictions; the metrics show it at AWS's scale.",
    ),
    Feature(
        "Snapshots: manual, automatic, final, copied, restored",
        "real",
        "A file that the primary writes, where AWS may ask a replica. No exports to S3 and no seeding from "
        "there: refused.",
    ),
    Feature(
        "Metrics",
        "real",
        "Of the servers, at AWS's names; counts are those between two samples. CPU is this machine's.",
    ),
    Feature("Events", "real", "Written when the thing happened."),
    Feature("Security groups and subnets", "real", "As for RDS: decided for every new connection."),
    Feature(
        "Memcached",
        "real",
        "Where this machine has `memcached` (or `LOCALAWS_MEMCACHED_BIN` names it): nodes, node endpoints, a "
        "configuration endpoint that answers auto discovery, parameters at the next reboot. Without the "
        "program the engine is refused.",
    ),
    Feature(
        "Node types, engine upgrades, maintenance windows",
        "modelled",
        "A type sets the server's memory only, an upgrade restarts the nodes one after the other, deferred "
        "changes wait for the window.",
    ),
    Feature("Encryption at rest", "API only", "Remembered; the files on this machine are not encrypted."),
    Feature("Notification topics", "API only", "Remembered; events are not published."),
    Feature(
        "Cluster mode, global datastores, serverless caches, data tiering, log delivery",
        "absent",
        "Refused with the reason.",
    ),
)
