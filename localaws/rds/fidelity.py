"""How far RDS goes."""

from localaws.fidelity import Feature

FEATURES = (
    Feature(
        "PostgreSQL instances",
        "real",
        "A PostgreSQL server of its own for each. The versions offered are those found on this machine, "
        "and a class sets the server's memory parameters, not the machine's.",
    ),
    Feature(
        "Create, modify, reboot, stop, start, delete; states and waiters",
        "real",
        "As long as the server takes: seconds, where AWS takes minutes.",
    ),
    Feature(
        "Parameter groups, dynamic and static, `pending-reboot`",
        "real",
        "In force in the server; a value is checked as AWS checks it.",
    ),
    Feature(
        "`rds.force_ssl`, TLS with AWS-like certificates",
        "real",
        "The authority is this state folder's own. TLS ends at the endpoint, in front of the server: ask the "
        "client whether it is used (psycopg: `connection.pgconn.ssl_in_use`), not `pg_stat_ssl`.",
    ),
    Feature(
        "Manual snapshots and restore",
        "real",
        "A copy of the server's data files; a restore is a new server.",
    ),
    Feature(
        "Snapshots shared with accounts and copied across Regions",
        "real",
        "Who may use one, which KMS key a copy needs and what cannot be shared are AWS's rules; all Regions' "
        "data lie on this machine.",
    ),
    Feature(
        "Read replicas, cascading and in other Regions, `promote_read_replica`",
        "real",
        "Streaming standbys that refuse writes. 15 of one source and three in a chain, as on AWS. A Multi-AZ "
        "replica gets its own standby when it is promoted.",
    ),
    Feature(
        "Multi-AZ DB instances, forced and unforced failover",
        "real",
        "A synchronous standby behind the same endpoint. Both zones are this machine.",
    ),
    Feature(
        "Automated backups, retention, `LatestRestorableTime`, point-in-time recovery",
        "real",
        "Base copies and archived WAL, replayed to any moment. `LatestRestorableTime` is seconds behind, "
        "where AWS is up to five minutes.",
    ),
    Feature(
        "Retained automated backups",
        "real",
        "Kept, restorable and expiring after the instance is deleted; not replicated to other Regions.",
    ),
    Feature("Log files through the API", "real", "The server's own log."),
    Feature(
        "IAM database authentication for PostgreSQL",
        "real",
        "A token of `generate_db_auth_token` logs in a member of `rds_iam`, over TLS only, for 15 minutes, "
        "at the endpoint and for the user it was made for; its key must be the account's. IAM policies "
        "(`rds-db:connect`) are not looked at. The master user keeps its password even as a member.",
    ),
    Feature(
        "MariaDB instances",
        "real",
        "Where this machine has `mariadbd` (or `LOCALAWS_MARIADB_BIN` names its folder), in its version only,"
        " with parameters, snapshots and logs. No Multi-AZ, replicas, point-in-time recovery, IAM "
        "authentication or metrics: the first four are refused. Without the program the engine is refused.",
    ),
    Feature("Events", "real", "Written when the thing happened, in AWS's words and categories."),
    Feature("Deletion protection, final snapshots, quotas", "modelled", "AWS's rules and error codes."),
    Feature(
        "Instance classes, storage types, IOPS",
        "modelled",
        "Which go together is checked as on AWS; all run on this machine, at its speed.",
    ),
    Feature("Maintenance and backup windows", "modelled", "What was deferred is applied in the window."),
    Feature(
        "Encryption at rest",
        "modelled",
        "The key must exist and be enabled; a database whose key is disabled stops until it is enabled and "
        "the instance started. The files on this machine are not encrypted.",
    ),
    Feature(
        "Option groups",
        "API only",
        "PostgreSQL has no options on AWS either; other engines' options are records.",
    ),
    Feature(
        "Aurora PostgreSQL: writer, readers, failover",
        "real",
        "A writer and up to 15 readers, each a PostgreSQL server. The writer endpoint moves with a failover "
        "(`failover_db_cluster`, a killed writer, a deleted one, a zone that is down), by promotion tier and "
        "class; every commit waits for all readers, so that none that was acknowledged is lost.",
    ),
    Feature(
        "Aurora endpoints: cluster, reader, custom",
        "real",
        "Each has an address and a host name of its own; connections take turns over the readers.",
    ),
    Feature(
        "Aurora snapshots, point-in-time recovery, parameter groups",
        "real",
        "As for instances; the cluster's parameters, then the instance's. Clones are full copies.",
    ),
    Feature(
        "Aurora storage",
        "modelled",
        "Each member has a copy of its own, kept equal by synchronous replication; there are no six copies "
        "and no quorum. What the last member leaves is kept, and taken over by the next one.",
    ),
    Feature(
        "Aurora's SQL functions",
        "modelled",
        "`aurora_db_instance_identifier()` and `aurora_version()` (PostgreSQL's own); others are absent.",
    ),
    Feature("Aurora Serverless v2 capacity", "API only", "A record; the server does not scale."),
    Feature(
        "Aurora Global Database, Limitless, Multi-AZ DB clusters, kept backups of deleted clusters",
        "absent",
        "Creating them is refused.",
    ),
    Feature("RDS Proxy", "API only", "A record; its endpoint does not answer."),
    Feature("Blue/green deployments", "absent", "Refused with `InvalidAction`."),
    Feature("MySQL, Aurora MySQL", "absent", "Refused: there is no server for them; versions are listed."),
    Feature("Oracle, SQL Server", "absent", "Refused: there is no server for them; two versions are listed."),
    Feature("Db2", "absent", "Refused: there is no server for it; no version is listed."),
)
