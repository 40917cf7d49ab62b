"""How far Systems Manager goes."""

from localaws.fidelity import Feature

FEATURES = (
    Feature(
        "Port forwarding through an EC2 instance (`start_session`)",
        "real",
        "A tunnel to the database, or to a port on which the instance itself listens, with the instance's"
        " place in the network. Its `StreamUrl` is plain TCP on this machine; AWS's is a web socket that "
        "the session-manager-plugin speaks.",
    ),
    Feature(
        "Run Command with `AWS-RunShellScript`",
        "real",
        "Bash runs the commands as a process of this machine, in the instance's working folder, with its "
        "role's credentials and its place in the network, and with your own rights (on AWS: root of the "
        "instance). Status, exit code, output, timeouts, cancelling and the copy in S3 are those of the "
        "process; what it leaves in the background lives until the instance stops. A command during which"
        " the local AWS is killed has `Failed` and is not tried again.",
    ),
    Feature("Other documents", "absent", "`InvalidDocument`."),
    Feature("MaxConcurrency, MaxErrors, notifications", "API only", "All instances run at once."),
    Feature(
        "Parameter Store",
        "modelled",
        "Kept by version and type; a SecureString is not encrypted at rest.",
    ),
    Feature("Shell sessions", "absent", "`start_session` with a shell's document answers `InvalidDocument`."),
)
