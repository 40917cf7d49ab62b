"""The Aurora notebook, executed both ways: the source earns everything, the release nothing, and why."""

from . import fix_notebooks as fix


class TestAurora(fix.NotebookTests):
    """Two exercises: a cluster that is failed over, and six cases."""

    source = fix.WEEK6 / "03-aurora.ipynb"
    points = {"aurora-cluster": 12, "aurora-or-rds": 6}
    missing = {"aurora-cluster": "there is no DB cluster 'shop'", "aurora-or-rds": "'ledger' is not answered"}
    fails = frozenset({"NameError", "DBClusterNotFoundFault"})
    solved_with = ("RDS with a read replica", "psycopg.connect(**endpoint", "failover_db_cluster")
