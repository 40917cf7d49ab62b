"""How far CloudWatch Logs goes."""

from localaws.fidelity import Feature

FEATURES = (
    Feature(
        "PostgreSQL logs that instances export",
        "real",
        "The server's lines arrive with the next sample; the newest 20,000 events of a stream are kept. "
        "After a crash events of an instance deleted just before may be missing.",
    ),
    Feature("Log groups, streams, events, filters", "real", "Your own events stay until you delete them."),
    Feature("Logs Insights queries, retention", "API only", "What moto keeps of them; nothing expires."),
)
