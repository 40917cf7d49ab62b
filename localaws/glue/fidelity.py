"""How far Glue goes."""

from localaws.fidelity import Feature

FEATURES = (
    Feature("Databases, tables, versions, partitions", "real", "What Athena reads and writes."),
    Feature(
        "Crawlers", "absent", "Described; StartCrawler is refused. Use Athena's DDL and MSCK REPAIR TABLE."
    ),
    Feature("Jobs", "absent", "Described; StartJobRun is refused."),
    Feature("Schema registry, workflows, triggers, connections", "API only", "As moto has them."),
)
