"""The RDS notebook, executed both ways: the source earns everything, twice; the release nothing, and why."""

import re

import nbformat

import labkit

from . import fix_notebooks as fix


class TestRds(fix.NotebookTests):
    """Four exercises on one database."""

    source = fix.WEEK6 / "02-rds.ipynb"
    points = {"lab-6.1": 10, "lab-6.2": 8, "rds-parameters": 4, "lab-6.3": 8}
    missing = dict.fromkeys(points, "there is no DB instance 'shop'")
    # the last is the secret of Exercise 6.2
    fails = frozenset({"NameError", "DBInstanceNotFoundFault", "ResourceNotFoundException"})
    solved_with = ("verify-full", "PubliclyAccessible=False", "log_min_duration_statement", "01:30-02:30")

    def test_the_prose_and_the_price_list_name_the_same_prices(self) -> None:
        instance, month = labkit.monthly("rds db.t3.micro"), labkit.monthly
        storage, secret = 20 * labkit.price("rds gp3"), labkit.price("secret")
        forgotten = 2 * (instance + storage + month("public ipv4") + 2 * secret) + month("ec2 t3.micro")
        assert 1 / 7.5 < storage / (instance + storage) < 1 / 6.5
        said = {
            "cost": (f"about ${forgotten / 730:.3f} an hour", f"{forgotten:.0f} dollars for a month"),
            "secret-read": (f"${secret:.2f} a month each",),
            "ex-61-price": (f"about ${month('nat gateway'):.0f} a month and zone",),
            "ex-62-price": (f"${labkit.price('secret calls'):.2f} per 10,000",),
            "ex-parameters-why": (f"${labkit.price('logs'):.2f} a GB",),
            "ex-63-wrong": (f"${labkit.price('rds backup'):.3f} per GB-month",),
            "stopped-read": ("a seventh",),
            "bill-read": (f"some ${instance + storage:.0f} a month",),
        }
        document = nbformat.read(self.source, as_version=4)
        cells = {cell.id: cell.source for cell in document.cells}
        for name, figures in said.items():
            for figure in figures:
                assert figure in cells[name]
        # every other figure in dollars is computed in the notebook
        assert {name for name, text in cells.items() if re.search(r"\$\d", text)} == set(said) - {
            "stopped-read"
        }
