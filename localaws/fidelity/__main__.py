"""`python -m localaws.fidelity` writes docs/local-vs-aws.md; with --check it only says if it is stale."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from localaws.fidelity.page import render, without_table

PAGE = Path(__file__).parents[2] / "docs" / "local-vs-aws.md"


def main(argv: list[str] | None = None) -> int:
    """Write the page, or say what is wrong with it; 1 when something is."""
    parser = argparse.ArgumentParser(prog="localaws.fidelity", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the page is stale")
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args(argv)
    silent = without_table()
    if silent:
        print(f"no table: {', '.join(silent)}. Give each a fidelity module with FEATURES.")
        return 1
    page = render()
    if options.page.exists() and options.page.read_text() == page:
        return 0
    if options.check:
        print(f"{options.page} is stale. Run `python -m localaws.fidelity` and commit what it writes.")
        return 1
    options.page.write_text(page)
    print(f"written: {options.page}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
