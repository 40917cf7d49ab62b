"""How far KMS goes."""

from localaws.fidelity import Feature

FEATURES = (
    Feature(
        "Encrypt, decrypt, data keys, signatures, MACs",
        "modelled",
        "The arithmetic is real; the key material lies in the state folder, not in a hardware module.",
    ),
    Feature(
        "Key states: enable, disable, schedule and cancel deletion",
        "real",
        "What a state forbids is refused with AWS's errors. RDS stops databases whose key is disabled, "
        "Secrets Manager reads no secret under it. At its date a key stays `PendingDeletion`.",
    ),
    Feature(
        "S3 objects, DynamoDB tables and caches under a key that is disabled",
        "API only",
        "They keep the key's name and stay readable.",
    ),
    Feature("Rotation", "modelled", "Status and history; the material stays the same, old data readable."),
    Feature(
        "Keys of AWS (`alias/aws/rds`, …)",
        "modelled",
        "Made when they are first named; KeyManager is AWS, and you can change nothing about them.",
    ),
    Feature(
        "Key policies",
        "real",
        "While IAM is enforced (`localaws iam enforce on`): the key's policy has to allow, alone or through "
        "the account.",
    ),
    Feature("Grants", "API only", "Kept and listed; they give nobody a right."),
    Feature("Imported material, custom key stores", "API only", "Parameters are kept."),
)
