"""How far the Redshift Data API goes."""

from localaws.fidelity import Feature

FEATURES = (
    Feature(
        "`execute_statement`, `batch_execute_statement`, results, cancel, listings",
        "real",
        "SQL really runs, translated to DuckDB's, one statement of a cluster after the other; a batch is one "
        "transaction. Acknowledged statements run exactly once, also when the server is killed meanwhile.",
    ),
    Feature(
        "DISTKEY, SORTKEY, ENCODE",
        "modelled",
        "Accepted and shown in `svv_table_info` and `pg_table_def`; nothing is spread or sorted by them, so "
        "no query gets faster or slower. Lengths of VARCHAR columns are not enforced.",
    ),
    Feature(
        "COPY from S3 and UNLOAD to S3: text, CSV, JSON, Parquet",
        "real",
        "The objects of the emulated S3. The role is not checked; UNLOAD writes one file. What COPY "
        "cannot read is in the statement's error, not in `stl_load_errors`.",
    ),
    Feature("VACUUM, ANALYZE, GRANT", "API only", "They succeed and do nothing."),
    Feature("Users and groups, procedures, Spectrum, ML, streaming", "absent", "Refused with the reason."),
)
