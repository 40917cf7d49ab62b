"""How far the services go that have no table of their own."""

from localaws.fidelity import Feature

FEATURES = (
    Feature(
        "Signatures",
        "real",
        "Requests must be signed with the key pair of this state folder (`localaws env`), or with STS "
        "credentials made with it; others are refused as on AWS.",
    ),
    Feature(
        "Answered calls survive a crash of the server",
        "real",
        "They are on disk before the answer is sent.",
    ),
    Feature(
        "SNS and SQS",
        "modelled",
        "Messages reach queues, and web addresses of this machine; no mail is sent.",
    ),
    Feature(
        "Every other service of moto",
        "API only",
        "Calls are answered and remembered, and nothing runs behind them. A call that moto does not know "
        "is refused with `InvalidAction` or `UnknownOperationException`.",
    ),
    Feature(
        "Prices, quotas of an account, service limits",
        "absent",
        "Nothing is billed; a few quotas count.",
    ),
)
