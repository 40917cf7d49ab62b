"""How far DynamoDB Streams go."""

from localaws.fidelity import Feature

FEATURES = (
    Feature(
        "ListStreams, DescribeStream, GetShardIterator, GetRecords",
        "real",
        "Read from the change log that is written with the items. One shard a stream; iterators are good for "
        "15 minutes; AT_TIMESTAMP too.",
    ),
)
