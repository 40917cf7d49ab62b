"""How far ECS goes."""

from localaws.fidelity import Feature

FEATURES = (
    Feature(
        "Tasks on Fargate (`run_task`, `stop_task`)",
        "real",
        "Each container is a process of this machine that runs its `entryPoint` and `command`, with what "
        "is installed here and with your own rights. State, exit codes and `stoppedReason` are those of "
        "the processes. Stopping asks them to end (SIGTERM) and kills them after `stopTimeout`. When the "
        "local AWS is restarted, what ran is `STOPPED`.",
    ),
    Feature(
        "Images",
        "absent",
        "The name is required and nothing is pulled: the command must exist on this machine "
        "(`CannotStartContainerError` otherwise), and a container without a command is refused when its "
        "task starts.",
    ),
    Feature(
        "Services",
        "real",
        "A task that ends is replaced, more slowly when tasks do not live for ten seconds; a new task "
        "definition is rolled out before the former tasks are stopped.",
    ),
    Feature(
        "Place in the network",
        "real",
        "Connections of a task to a database or a cache come from its subnet and groups. What listens on "
        "the address in the variable `HOST` is reached at the public address of the task's interface "
        "(`describe_network_interfaces`), where its security groups decide; listening on 0.0.0.0 ends the"
        " process.",
    ),
    Feature(
        "Credentials of the task role, secrets by the execution role",
        "real",
        "Secrets Manager's secrets (whole, or a JSON key) and parameters are read when the task starts. "
        "The task role's keys are in the usual environment variables.",
    ),
    Feature(
        "Logs (`awslogs`)",
        "real",
        "Written to CloudWatch Logs every second and when the task ends.",
    ),
    Feature(
        "CPU and memory, health checks, `dependsOn`, volumes, port mappings",
        "API only",
        "Kept and described. All containers start at once.",
    ),
    Feature(
        "Load balancers, EC2 launch type, ECS Exec, scheduled tasks",
        "absent",
        "Refused: `InvalidParameterException` or an unknown operation.",
    ),
)
