"""How far Lambda goes."""

from localaws.fidelity import Feature

FEATURES = (
    Feature(
        "Python functions from a zip file",
        "real",
        "Run in a process of their own, without Docker, by the Python that runs the local AWS (whatever "
        "version the runtime names), with its packages (boto3, psycopg). The code has your own rights on "
        "this machine (where the local AWS is root, those of its databases' account, if that can run its "
        "Python): nothing contains it.",
    ),
    Feature("Invoke, its errors, stack traces and log tail", "real", "Every invocation is a cold start."),
    Feature(
        "Asynchronous invocation, events of other services",
        "real",
        "Run once, without retries or dead-letter queues; what waits is lost when the local AWS is killed.",
    ),
    Feature("Timeout and memory", "real", "A function that exceeds one of them is killed."),
    Feature(
        "Logs", "real", "In the log group `/aws/lambda/<function>`, written at the end of an invocation."
    ),
    Feature(
        "Credentials of the execution role",
        "real",
        "Temporary and valid while the function runs; the role's policies decide while IAM is enforced "
        "(`localaws iam enforce on`).",
    ),
    Feature(
        "VpcConfig",
        "real",
        "Connections of the function's process to a database count as coming from its subnets and security "
        "groups; without VpcConfig they come from outside. AWS's APIs are reached either way, where AWS "
        "needs a NAT gateway or an endpoint. PostgreSQL's clients find the CA bundle in `PGSSLROOTCERT`.",
    ),
    Feature(
        "Versions, aliases, layers, concurrency, URLs, event source mappings", "API only", "As moto has them."
    ),
    Feature("Other languages, container images", "absent", "Invoke refuses them."),
)
