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
        "The authority is this state folder's own.",
    ),
    Feature(
        "Manual snapshots and restore",
        "real",
        "A copy of the server's data files; a restore is a new server.",
    ),
    Feature("Log files through the API", "real", "The server's own log."),
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
        "API only",
        "The key must exist; the files on this machine are not encrypted.",
    ),
    Feature(
        "Option groups",
        "API only",
        "PostgreSQL has no options on AWS either; other engines' options are records.",
    ),
    Feature("RDS Proxy", "API only", "A record; its endpoint does not answer."),
    Feature("Blue/green deployments", "absent", "Refused with `InvalidAction`."),
    Feature("Oracle, SQL Server, Db2", "absent", "Refused: there is no server for them on this machine."),
)
