"""How far Systems Manager goes."""

from localaws.fidelity import Feature

FEATURES = (
    Feature(
        "Port forwarding through an EC2 instance (`start_session`)",
        "real",
        "A tunnel to the database with the instance's place in the network. Its `StreamUrl` is plain TCP "
        "on this machine; AWS's is a web socket that the session-manager-plugin speaks.",
    ),
    Feature(
        "Parameter Store",
        "modelled",
        "Kept by version and type; a SecureString is not encrypted at rest.",
    ),
    Feature("Shell sessions and Run Command", "absent", "There is no machine behind an EC2 instance."),
)
