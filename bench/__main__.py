"""`make bench`: run the measurements (all, or the ones named) and print the README's table."""

import argparse
import datetime
import os
import platform
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import (
    accounting,
    api,
    availability,
    cache,
    classroom,
    grading,
    items,
    lake,
    load,
    migration,
    rds,
    relay,
)
from bench.figure import HEADER, Figure

MEASUREMENTS: dict[str, Callable[[], Iterator[Figure]]] = {
    "start": api.cold_start,
    "latency": api.latency,
    "memory": api.memory,
    "create": rds.create_to_sql,
    "restore": rds.snapshot_and_restore,
    "second": availability.second_instance,
    "replica": availability.replica_and_restore,
    "failover": availability.failover,
    "alarm": availability.alarm,
    "rotation": availability.rotation,
    "load": load.load,
    "relay": relay.relay,
    "items": items.items,
    "accounting": accounting.accounting,
    "cache": cache.cache,
    "classroom": classroom.classroom,
    "dms": migration.dms,
    "athena": lake.athena,
    "autograde": grading.autograde,
}
README = Path(__file__).resolve().parents[1] / "README.md"
OPENS, CLOSES = "<!-- bench -->", "<!-- /bench -->"


def write(table: str) -> None:
    """Put the table between the README's markers."""
    text = README.read_text()
    before, rest = text.split(OPENS)
    README.write_text(f"{before}{OPENS}\n{table}\n{CLOSES}{rest.split(CLOSES)[1]}")


def main() -> None:
    """Measure and print; `--write` puts the whole table into the README."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(MEASUREMENTS)}")
    parser.add_argument("--write", action="store_true", help="replace the table in README.md")
    options = parser.parse_args()
    if unknown := set(options.names) - set(MEASUREMENTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; choose from {', '.join(MEASUREMENTS)}")
    print(HEADER)
    rows = []
    for name in options.names or MEASUREMENTS:
        for figure in MEASUREMENTS[name]():
            rows.append(figure.row())
            print(rows[-1], flush=True)
    if options.write:
        machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
        note = f"Measured by `make bench` on {datetime.date.today()} ({machine}); peers in the same run."
        write("\n".join([note, "", HEADER, *rows]))


if __name__ == "__main__":
    main()
