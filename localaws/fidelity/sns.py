"""How far SNS goes."""

from localaws.fidelity import Feature

FEATURES = (
    Feature("Messages to SQS queues", "real", "They are in the queue when the call is answered."),
    Feature(
        "Messages to HTTP endpoints",
        "real",
        "They leave after the call and are tried three times; those on their way are lost with a crash. "
        "Subscriptions need no confirmation.",
    ),
    Feature("E-mail, SMS, mobile push", "API only", "Taken, and sent nowhere."),
)
