"""How far IAM and STS go."""

from localaws.fidelity import Feature

FEATURES = (
    Feature(
        "Users, groups, roles, policies, access keys, instance profiles; AWS's managed policies",
        "modelled",
        "Kept as AWS keeps them. Access keys and AssumeRole's credentials sign requests.",
    ),
    Feature(
        "Enforcing (`localaws iam enforce on`; off at first)",
        "real",
        "Calls of users and roles need an identity policy: effects, wildcards, NotAction, resources, "
        "conditions, variables, groups, permissions boundaries, session policies. Policies of buckets, "
        "secrets, topics, queues and keys count too. `rds-db:connect` is asked of database tokens.",
    ),
    Feature(
        "Who is never refused",
        "modelled",
        "The owner's key (the account's root) and the examiner's, and calls between services. On AWS root "
        "cannot assume roles.",
    ),
    Feature(
        "Resources and condition keys",
        "modelled",
        "One resource for each call (AWS asks several of some), and the keys that every request has; of "
        "services' own keys, such as `dynamodb:LeadingKeys` and resource tags, none.",
    ),
    Feature("Trust policies", "real", "Asked at AssumeRole while IAM is enforced."),
    Feature("Policy simulator", "real", "By the same rules."),
    Feature("Service control policies, Access Analyzer, `iam:PassRole`", "absent", "Nobody asks them."),
    Feature("GetSessionToken, GetFederationToken, MFA", "API only", "Their credentials sign nothing."),
)
