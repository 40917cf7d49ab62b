"""How far CloudWatch goes."""

from localaws.fidelity import Feature

FEATURES = (
    Feature(
        "Metrics of RDS",
        "real",
        "Read from the servers, their processes and the endpoints every 5 s (`LOCALAWS_SAMPLE_SECONDS`, "
        "`localaws sampling`), where AWS has one value a minute. CPU and memory are shares of the class's.",
    ),
    Feature(
        "`FreeStorageSpace`, `TransactionLogsDiskUsage`",
        "real",
        "From AllocatedStorage and the data's real size; with the tag `localaws:mib-per-gib` scaled back.",
    ),
    Feature(
        "`ReadIOPS`, `WriteIOPS`, latencies, `DiskQueueDepth`",
        "modelled",
        "From PostgreSQL's own counters of blocks: a read that the machine's cache answers counts too.",
    ),
    Feature("`BurstBalance`, `CPUCreditBalance`, `EBSIOBalance%`", "absent", "Nothing is throttled."),
    Feature("`PutMetricData`, `ListMetrics`", "real", "Values with counts, statistic sets, high resolution."),
    Feature(
        "`GetMetricStatistics`, `GetMetricData`",
        "real",
        "The statistics and percentiles (`p90`); trimmed means and percentile ranks are absent. "
        "Points are kept by the second for 3 hours and by the minute for 15 days.",
    ),
    Feature(
        "Metric math",
        "real",
        "Operators and the functions for labs (`SUM`, `AVG`, `FILL`, `IF`, `RATE`, `DIFF`, `METRICS`, …). "
        "`SEARCH`, `SORT`, `SLICE` and `ANOMALY_DETECTION_BAND` are refused.",
    ),
    Feature("Metrics Insights", "modelled", "One function of one metric with `WHERE … AND` and `GROUP BY`."),
    Feature(
        "Metric alarms: M out of N, missing data, metric math, percentiles",
        "real",
        "Evaluated at every sample over periods that end at it, where AWS evaluates once a minute (every "
        "10 s for short periods). The evaluation range is EvaluationPeriods and two more.",
    ),
    Feature("Anomaly detection", "absent", "Such alarms are refused."),
    Feature(
        "Composite alarms",
        "real",
        "The whole AlarmRule but `AT_LEAST`. A suppressor holds actions back while it is in ALARM; its wait "
        "and extension periods are not waited for.",
    ),
    Feature("Alarm history", "real", "The newest 5,000 entries."),
    Feature(
        "Alarm actions",
        "real",
        "Messages to SNS topics. Actions of other services are noted as failed in the history.",
    ),
    Feature("Dashboards", "real", "The body is checked as AWS checks it; `labkit.dashboard()` draws it."),
    Feature("Contributor Insights, metric streams", "API only", "What moto keeps of them."),
)
