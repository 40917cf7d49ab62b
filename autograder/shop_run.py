"""Runs a learner's shop_app.py against one server after another, in one sandbox."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder import isolation
from autograder.examiner import Account

DRIVER = Path(__file__).with_name("shop_driver.py").read_text(encoding="utf-8")
LIMITS = isolation.Limits()
RUN_S = 45.0


@dataclass(frozen=True)
class Target:
    """A server for the app: the name it is given, the port where it is, and the orders to place."""

    host: str
    port: int
    orders: Sequence[Mapping[str, int]] = ()

    def job(self) -> dict[str, object]:
        """What the driver is told."""
        env = {"DB_HOST": self.host, "DB_HOSTADDR": "127.0.0.1", "DB_PORT": str(self.port)}
        return {"env": env, "orders": list(self.orders)}


def run_app(
    account: Account, app: str, settings: Mapping[str, str], targets: Sequence[Target]
) -> tuple[list[dict[str, Any]], str]:
    """Run shop_app.py in a sandbox against the targets; its reports, and why there are no more of them.

    `settings` are the DB_… variables that all targets share.
    """
    with isolation.sandbox() as box:
        bundle, file = box.folder / "ca.pem", box.folder / "shop_app.py"
        bundle.write_bytes(account.ca_bundle.read_bytes())
        file.write_text(app, encoding="utf-8")
        box.own(bundle)
        box.own(file)
        env = {name: value for name, value in account.learner.items() if name.startswith("AWS_")}
        env |= {**settings, "DB_CA": str(bundle)}
        jobs = json.dumps([target.job() for target in targets])
        # its source, because the sandbox does not let it read files of the autograder
        command = [sys.executable, "-I", "-c", DRIVER]
        ended = isolation.run(command, box, env, text=jobs, seconds=RUN_S, limits=LIMITS)
    if ended.code is None:
        reason = f"shop_app.py did not end within {RUN_S:.0f} s: look for a loop, or pass connect_timeout"
    else:
        last = (ended.errors.strip().splitlines() or ["no message"])[-1]
        reason = f"shop_app.py ended its own process (code {ended.code}): {last[:300]}"
    return list(_reports(ended.output)), reason


def _reports(output: str) -> Iterator[dict[str, Any]]:
    for line in output.splitlines():
        try:
            report = json.loads(line)
            yield {
                "connected": bool(report["connected"]),
                "orders": [{"id": order["id"], "error": str(order["error"])} for order in report["orders"]],
                "error": str(report["error"]),
            }
        except (KeyError, TypeError, ValueError):
            return
