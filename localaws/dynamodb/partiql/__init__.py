"""PartiQL for DynamoDB: statements are read into the nodes of expressions, and carried out as operations."""

from localaws.dynamodb.partiql.operations import (
    batch_execute_statement,
    execute_statement,
    execute_transaction,
)

__all__ = ["batch_execute_statement", "execute_statement", "execute_transaction"]
