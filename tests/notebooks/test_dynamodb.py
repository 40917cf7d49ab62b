"""The DynamoDB notebook, executed both ways: the source earns all, twice; the release nothing, and why."""

from . import fix_notebooks as fix


class TestDynamoDB(fix.NotebookTests):
    """Four exercises; two of them with a file of functions."""

    source = fix.WEEK6 / "04-dynamodb.ipynb"
    points = {"capacity": 5, "lab-6.4": 6, "key-design": 10, "ttl": 3}
    missing = {
        "capacity": "no answer yet: put a number under 'history'",
        "lab-6.4": "there is no table 'shop-carts'",
        "key-design": "there is no table 'black-friday'",
        "ttl": "there is no table 'black-friday'",
    }
    solved_with = ("IndexName", "not_exists()")
