"""How far DMS goes."""

from localaws.fidelity import Feature

FEATURES = (
    Feature(
        "Replication instances and subnet groups",
        "modelled",
        "States, classes and places follow AWS's; tasks run in the server's process, whatever the class. The "
        "role `dms-vpc-role` is not asked for.",
    ),
    Feature(
        "Network of a replication instance",
        "real",
        "Connections carry its subnet, address and security groups: a missing rule is a time-out. Servers "
        "outside AWS are reached when its own groups let it out; routes and NAT are not asked.",
    ),
    Feature(
        "Endpoints, `test_connection`, `refresh_schemas`", "real", "PostgreSQL, MySQL and MariaDB log in."
    ),
    Feature("Endpoint credentials in Secrets Manager", "real", "Read at each start of a task."),
    Feature(
        "Full load, PostgreSQL to PostgreSQL",
        "real",
        "All tables from one snapshot; each in one transaction, so its rows appear together. Tables and "
        "primary keys are made; indexes, foreign keys, defaults, sequences and generated columns are not. "
        "Enumerations and other types of one's own become text.",
    ),
    Feature(
        "Full load, MySQL and MariaDB to PostgreSQL",
        "real",
        "Types as DMS maps them, but `bigint unsigned` becomes `numeric(20,0)`; dates of zeros become NULL.",
    ),
    Feature(
        "Change data capture, PostgreSQL to PostgreSQL",
        "real",
        "A replication slot with the plugin pgoutput (AWS: test_decoding or pglogical) and two publications; "
        "the user must own the tables or be a superuser. Position and rows are committed together "
        "(`awsdms_txn_state`): nothing is lost or repeated when a task is stopped or killed. After a "
        "failover of the source the slot is gone and the task wants `reload-target`.",
    ),
    Feature(
        "Changes of tables",
        "real",
        "New columns and new tables follow, TRUNCATE too; a dropped, renamed or altered column suspends its "
        "table, with the reason in `describe_table_statistics`. Dropped tables stay at the target.",
    ),
    Feature(
        "Table mappings",
        "real",
        "Selection with filters; transformations of names, `remove-column`. Rules that add columns, change "
        "types or define keys are refused.",
    ),
    Feature(
        "Task settings",
        "modelled",
        "Preparation of tables, sub-tasks, stops around cached changes, DDL handling, control schema, "
        "validation and logging count; the others are kept. Large objects always move whole.",
    ),
    Feature("Data validation", "real", "Every row of both sides is compared by digest, again after changes."),
    Feature("Statistics, events, task logs, metrics", "real", "Counted by the task itself."),
    Feature("Change data capture from MySQL", "absent", "Refused: full load only."),
    Feature(
        "Other sources and targets",
        "absent",
        "Oracle, SQL Server, S3, DynamoDB, Kinesis, MySQL as a target and so on are refused.",
    ),
    Feature(
        "Premigration assessments, moving tasks, serverless replications, schema conversion",
        "absent",
        "Refused. For schema conversion compare with what the full load makes.",
    ),
)
