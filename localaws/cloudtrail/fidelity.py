"""How far CloudTrail goes."""

from localaws.fidelity import Feature

FEATURES = (
    Feature(
        "Management events: every call with its identity, parameters, results and errors",
        "real",
        "Recorded before the call is answered, refused ones too; secrets are blanked. Callers come from "
        "203.0.113.10, the address that this local AWS sees as the outside. A call refused for its "
        "signature is recorded when its key is known; AWS leaves those out.",
    ),
    Feature(
        "Event history (`lookup_events`)",
        "real",
        "All eight attributes, one at a time, 90 days. Events are there at once; on AWS after up to 15 "
        "minutes, and two look-ups a second are the limit there.",
    ),
    Feature(
        "Calls that services make on your behalf (`invokedBy`)",
        "modelled",
        "The secret that RDS makes for a managed master password; no other calls between services.",
    ),
    Feature(
        "Trails that deliver to S3",
        "real",
        "Gzip files under `AWSLogs/…` within seconds (AWS: about five minutes), to a bucket whose policy "
        "lets CloudTrail write. No digest files, no SNS message.",
    ),
    Feature("Trails that deliver to CloudWatch Logs", "real", "Into the stream of account and Region."),
    Feature(
        "Event selectors, basic and advanced",
        "real",
        "Data events of S3, DynamoDB and Lambda are recorded while a logging trail selects them, as on AWS.",
    ),
    Feature("Insights, CloudTrail Lake, organization trails", "absent", "Insight selectors are only kept."),
)
