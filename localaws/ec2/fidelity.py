"""How far EC2 and the VPC go."""

from localaws.fidelity import Feature

FEATURES = (
    Feature(
        "Who may reach a database or a host: public accessibility, routes, internet gateway, security groups",
        "real",
        "Decided for every new connection from the network as it is then. A refusal comes at once and "
        "says what AWS would have done (`timed out on AWS: …`) and why; AWS lets the client wait.",
    ),
    Feature(
        "Connections that are open when a rule is removed",
        "modelled",
        "They stay open, as AWS's connection tracking keeps tracked flows.",
    ),
    Feature(
        "VPCs, subnets, route tables, security groups, gateways",
        "modelled",
        "Kept as AWS keeps them; no packet passes through. What is judged is a connection to a database, "
        "a cache or a host.",
    ),
    Feature("Network ACLs", "API only", "Created and described; they refuse nobody."),
    Feature(
        "User data of an instance (a script that begins with `#!`)",
        "real",
        "Run as processes of this machine, with what is installed here (`python3` is the local AWS's own,"
        " with boto3 and psycopg); nothing can be installed by it. It runs at every start and reboot, as "
        "there is no systemd to bring a service back; what it left running is ended when the instance "
        "stops. Files in its working folder stay until the instance is terminated. Other user data are "
        "kept and not run.",
    ),
    Feature(
        "What contains those processes",
        "absent",
        "They are no virtual machine: they see this machine's files and processes with your own rights "
        "(where the local AWS is root, with the unprivileged account's of its databases if that can run "
        "its Python). They are not given the local AWS's keys; a program of yours could still read them "
        "in its state folder.",
    ),
    Feature(
        "Console output",
        "real",
        "What the user data and all that it started wrote: the last 64 KB.",
    ),
    Feature(
        "A service that an instance runs",
        "real",
        "Listen on the address in the variable `HOST` (AWS's habit, 0.0.0.0, would open it to other "
        "machines: such a process is ended, and the console says so). It is reached at the same port of "
        "`PublicIpAddress`, or through port forwarding, and security groups decide; over HTTP a refusal "
        "is status 504 with the reason. The address in `HOST` itself is not guarded on this machine. "
        "Private addresses and host names lead there only through port forwarding.",
    ),
    Feature(
        "Connections that an instance opens",
        "real",
        "To a database, a cache or another host they count as coming from its subnet and groups. AWS's "
        "APIs are reached without a route to them.",
    ),
    Feature(
        "Credentials of the instance profile's role",
        "modelled",
        "In the usual environment variables, valid while the process lives. A profile that is attached "
        "later counts from the next start. There is no metadata service.",
    ),
    Feature(
        "States of an instance",
        "real",
        "One with a script is `running` when the script was started, and `pending` again while the local "
        "AWS restarts or its zone is down (`localaws zone fail`). One without has nothing behind it.",
    ),
    Feature(
        "Instance types, images, volumes, key pairs, SSH",
        "API only",
        "Records: every type has this machine's processors, and nobody listens on port 22. Images for ECS's "
        "container instances are not listed.",
    ),
    Feature("Peering, transit gateways, VPNs, VPC endpoints", "API only", "Records; they lead nowhere."),
)
