"""How far Athena goes."""

from localaws.fidelity import Feature

FEATURES = (
    Feature(
        "SELECT over CSV, JSON and Parquet in S3",
        "real",
        "DuckDB runs it; Trino's functions are translated, and one that has no counterpart fails with "
        "`FUNCTION_NOT_FOUND`. Where Trino refuses to compare text with numbers, or to divide by zero, "
        "DuckDB may answer; so it does for a name of the SELECT list in GROUP BY. `$path` is absent.",
    ),
    Feature(
        "DDL, MSCK REPAIR TABLE, partition projection (enum, integer, date), views",
        "real",
        "In the Glue catalog, which both services show.",
    ),
    Feature("CREATE TABLE AS, INSERT INTO, UNLOAD", "real", "Parquet, JSON and text; all or nothing."),
    Feature(
        "DataScannedInBytes",
        "real",
        "Partitions that a query does not need are not opened. Text counts whole and compressed, Parquet by "
        "the chunks of the columns that are read; a LIMIT does not lower it. "
        "What the files' statistics answer costs nothing.",
    ),
    Feature(
        "BytesScannedCutoffPerQuery",
        "real",
        "Compared before the query begins: it is cancelled and reports the limit.",
    ),
    Feature(
        "Results in the output location, GetQueryResults, workgroups, prepared statements, saved queries",
        "real",
        "The `.metadata` object is JSON here. Doubles are written as DuckDB does.",
    ),
    Feature(
        "StopQueryExecution, failed queries",
        "real",
        "At most four queries run at the same time; a query that a crash interrupts begins again.",
    ),
    Feature("ORC, Avro, Iceberg, Regex and Grok SerDes, bzip2", "absent", "`HIVE_UNSUPPORTED_FORMAT`."),
    Feature("Encryption of results, result reuse, capacity reservations", "API only", "Described as given."),
    Feature("Federated catalogs, Spark, notebooks", "absent", "Only `AwsDataCatalog` is there."),
)
