"""How far EC2 and the VPC go."""

from localaws.fidelity import Feature

FEATURES = (
    Feature(
        "Who may reach a database: public accessibility, routes, internet gateway, security groups",
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
        "Kept as AWS keeps them; no packet passes through. What is judged is the connection to a database.",
    ),
    Feature("Network ACLs", "API only", "Created and described; they refuse nobody."),
    Feature(
        "EC2 instances",
        "modelled",
        "An identity in the network (address, groups, state) through which a tunnel leads; no machine "
        "runs, and nothing can be installed on it.",
    ),
    Feature("Peering, transit gateways, VPNs, VPC endpoints", "API only", "Records; they lead nowhere."),
)
