"""How far Secrets Manager goes."""

from localaws.fidelity import Feature

FEATURES = (
    Feature("Secrets, versions, staging labels, tokens", "real", "AWS's rules, the refusals included."),
    Feature(
        "Rotation of RDS for PostgreSQL users, single and alternating",
        "real",
        "AWS's functions `SecretsManagerRDSPostgreSQLRotationSingleUser` and `…MultiUser` are in every "
        "account (on AWS you deploy them from the Serverless Application Repository): pass the name or the "
        "ARN to RotateSecret. The four steps log in over TLS and change the password of the real server.",
    ),
    Feature(
        "The rotation function's place in the VPC",
        "modelled",
        "With a VpcConfig (`update_function_configuration`) AWS's functions connect from those subnets and "
        "security groups. Without one they stand in the database's VPC where its groups admit something; a "
        "database that admits nothing of its VPC refuses them, as on AWS it times out.",
    ),
    Feature(
        "A failed rotation",
        "real",
        "The secret keeps working, AWSPENDING stays, the log group `/aws/lambda/<function>` says why. It is "
        "tried again after 1 s, 2 s, 4 s, … up to an hour (AWS: minutes and hours), and at once when "
        "RotateSecret is called, which answers as on AWS that the previous rotation is not complete.",
    ),
    Feature(
        "Schedules: days, `rate()`, `cron()`",
        "real",
        "The rotation starts at the beginning of its window; what fell due while the local AWS was stopped "
        "happens at its next start.",
    ),
    Feature(
        "Rotation with your own function",
        "real",
        "A Python function of Lambda; it needs AWS's permission for `secretsmanager.amazonaws.com`.",
    ),
    Feature(
        "Master passwords that RDS manages",
        "real",
        "Rotated every 7 days, by RotateSecret and by RotateMasterUserPassword; the new one becomes "
        "AWSCURRENT when the server has it. Only RDS can change or delete the secret.",
    ),
    Feature(
        "KMS keys",
        "modelled",
        "A key that is missing or disabled is refused; values are not encrypted with it.",
    ),
    Feature("Deletion with a recovery window", "real", "The secret goes when the window is over."),
    Feature("Rotation of MySQL, MariaDB, Redshift and other secrets", "absent", "Use your own function."),
    Feature("Resource policies, replicas in other Regions", "API only", "Kept, not enforced."),
    Feature("Rotation events in CloudTrail and EventBridge", "absent", "Read the function's log group."),
)
