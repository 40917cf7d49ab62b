"""DynamoDB's expressions: read, checked against their names and values, and evaluated on items."""

from localaws.dynamodb.expressions.bind import Placeholders, Predicate
from localaws.dynamodb.expressions.conditions import condition
from localaws.dynamodb.expressions.keyconditions import KeyCondition, key_condition
from localaws.dynamodb.expressions.projections import Projection, projection
from localaws.dynamodb.expressions.updating import Update, update

__all__ = [
    "KeyCondition",
    "Placeholders",
    "Predicate",
    "Projection",
    "Update",
    "condition",
    "key_condition",
    "projection",
    "update",
]
