"""How far DynamoDB goes."""

from localaws.fidelity import Feature

FEATURES = (
    Feature(
        "Items",
        "real",
        "Each table is a SQLite database; a write is on disk with its indexes before the answer. Strongly "
        "and eventually consistent reads see the same; only the capacity differs.",
    ),
    Feature(
        "Tables and indexes",
        "real",
        "`ACTIVE` when the store is there; a new global index really takes up the items that exist. "
        "DescribeTable waits a quarter of a second for a change to end. ItemCount and sizes are those of now "
        "(AWS: up to six hours old). Keys of an index have one partition and one sort attribute.",
    ),
    Feature(
        "Consumed capacity",
        "real",
        "Computed from the sizes of the items by AWS's rules, for the table and for each index.",
    ),
    Feature(
        "Throttling, provisioned",
        "modelled",
        "A bucket of 300 s of unused units (full for a new table and after a start), then the provisioned "
        "rate; at most 1,000 write and 3,000 read units a second for each partition (hash of the key); an "
        "index with too few write units throttles the table's writes. A partition uses all that the table "
        "has left at once (AWS: adaptive capacity after a while); a hot key is never isolated, partitions of "
        "an index's writes and splits at 10 GB are left out. UpdateTable helps at once; decreases a day are "
        "counted, not limited.",
    ),
    Feature(
        "Throttling, on demand",
        "modelled",
        "Begins with four partitions (4,000 write, 12,000 read units a second); doubles with the highest "
        "minute (AWS: half hour), up to the quota of 40,000. MaxReadRequestUnits and MaxWriteRequestUnits "
        "count. What was learnt of the peak is forgotten at a restart.",
    ),
    Feature(
        "Time to live",
        "real",
        "Expired items are deleted within seconds (AWS: within a few days), without consuming capacity. "
        "Turning it on takes effect at once (AWS: up to an hour) and may be repeated.",
    ),
    Feature(
        "Streams",
        "real",
        "One shard a stream (AWS: one for each partition, renewed every few hours), 24 hours, also of a "
        "deleted table. Kinesis destinations are refused.",
    ),
    Feature(
        "Event source mappings (Lambda)",
        "real",
        "Batches in order, repeated until they succeed; BatchSize, StartingPosition and MaximumRetryAttempts "
        "count. Filters, windows, destinations and partial batch responses do not.",
    ),
    Feature(
        "Point-in-time recovery",
        "real",
        "To any second since it was turned on, until now (AWS: until five minutes ago). The new table has "
        "its own settings, as on AWS.",
    ),
    Feature(
        "Backups on demand",
        "real",
        "CreateBackup answers when the copy is made. A deleted table with point-in-time recovery leaves one "
        "for 35 days.",
    ),
    Feature("Metrics", "real", "Counted by the operations; the sampler's interval is the finest period."),
    Feature("Encryption at rest", "API only", "The KMS key has to exist and be enabled when it is named."),
    Feature(
        "Tags, resource policies, table class, warm throughput, insights", "API only", "Kept and described."
    ),
    Feature(
        "Auto scaling",
        "real",
        "Target tracking from the metrics: up after a minute above the target (AWS: two), down after fifteen "
        "below. Cooldowns and scheduled actions do not count; the alarms that are listed with a policy are "
        "only for show.",
    ),
    Feature(
        "Exports to S3",
        "real",
        "Full exports in DynamoDB's JSON, one data file with its manifests. Incremental ones and Ion are "
        "refused.",
    ),
    Feature("Global tables, DAX, imports from S3, Kinesis", "absent", "Refused with the reason."),
)
