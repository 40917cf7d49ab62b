"""How far S3 goes."""

from localaws.fidelity import Feature

FEATURES = (
    Feature(
        "Objects, versions, listings, tags, metadata",
        "real",
        "The bytes are files of the state folder; an object that was answered survives a crash. Deleted "
        "bytes leave the disk within seconds.",
    ),
    Feature(
        "Multipart uploads, ranges, parts of an object, conditional requests, presigned URLs",
        "real",
        "A large object passes through without being held in memory.",
    ),
    Feature(
        "Checksums",
        "real",
        "MD5, CRC32, SHA-1 and SHA-256 are compared and refused with `BadDigest`; CRC32C and CRC64NVME are "
        "kept as the client states them.",
    ),
    Feature(
        "Copies",
        "real",
        "Original and copy share the bytes on the disk: copying takes no time.",
    ),
    Feature("Event notifications", "modelled", "Reach SQS, SNS, EventBridge and functions at once."),
    Feature(
        "Bucket policies, ACLs, public access",
        "modelled",
        "Of bucket policies only a few denials count, and all of them while IAM is enforced.",
    ),
    Feature(
        "Encryption, storage classes, lifecycle, replication, inventory, logging, accelerate",
        "API only",
        "Described as configured; no byte is encrypted, moved, expired or copied because of them.",
    ),
    Feature(
        "Requests without a signature, browser uploads by POST policy",
        "absent",
        "Refused with `AccessDenied`, whatever the bucket allows. Presign a PUT instead.",
    ),
    Feature("S3 Select", "modelled", "Of SQL it understands little: use Athena."),
)
