"""Runs a learner's shop_app.py in the sandbox: reads its orders from stdin and reports on stdout."""

import json
import os
import runpy
import sys
from typing import Any


def main() -> None:
    """For each target on stdin: load ./shop_app.py anew, connect, place orders, report as a JSON line."""
    report_to = os.dup(1)
    os.dup2(2, 1)
    for job in json.load(sys.stdin):
        os.environ.update(job["env"])
        report: dict[str, Any] = {"connected": False, "orders": [], "error": ""}
        try:
            _work(job, report)
        except BaseException as error:
            report["error"] = f"{type(error).__name__}: {error}"[:1000]
        os.write(report_to, json.dumps(report, default=str).encode() + b"\n")


def _work(job: dict[str, Any], report: dict[str, Any]) -> None:
    sys.path.insert(0, str(os.getcwd()))  # noqa: PTH109 - no import more than needed
    app = runpy.run_path("shop_app.py", run_name="shop_app")
    for name in ("connect", "place_order"):
        if not callable(app.get(name)):
            raise TypeError(f"shop_app.py defines no function {name}()")
    connection = app["connect"]()
    connection.execute("SELECT 1")
    connection.rollback()
    report["connected"] = True
    for order in job["orders"]:
        report["orders"].append(_place(app, connection, order))
    connection.close()


def _place(app: dict[str, Any], connection: Any, order: dict[str, Any]) -> dict[str, Any]:
    try:
        made = app["place_order"](connection, order["user_id"], order["product_id"], order["quantity"])
    except Exception as error:
        connection.rollback()
        return {"id": None, "error": f"{type(error).__name__}: {error}"[:500]}
    return {"id": made, "error": ""}


if __name__ == "__main__":
    main()
