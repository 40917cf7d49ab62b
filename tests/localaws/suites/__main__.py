"""`python -m tests.localaws.suites rds` compares moto's tests of a service on moto and on the local AWS.

Both run in moto's server mode. Tests that ask for what AWS refuses (retired classes, too little storage) run
again with such requests corrected: see corrections.py. A test that passes on moto and fails here must be in
`<service>.toml` with the rule of AWS that explains it. The command fails on a loss that nothing explains, and
on an explanation of a test that passes. It fetches moto's source distribution with pip at its first use, and
takes some minutes.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from pathlib import Path

from tests.localaws.suites.runs import Outcome, local_aws, plain_moto, run
from tests.localaws.suites.sources import sources

SUITES = {"rds": "rds", "cloudwatch": "cloudwatch", "secretsmanager": "secretsmanager"}


def main(argv: list[str] | None = None) -> int:
    """Run the suites and say what differs; 1 when something is not explained."""
    parser = argparse.ArgumentParser(prog="tests.localaws.suites", description=__doc__)
    parser.add_argument("suites", nargs="+", choices=SUITES)
    parser.add_argument("-k", default="", help="only tests that match, as in pytest")
    options = parser.parse_args(argv)
    return max([_compare(suite, options.k) for suite in options.suites])


def _compare(suite: str, only: str) -> int:
    source, words = sources(), ["-k", only] if only else []
    mended: list[str] = []
    with plain_moto() as url:
        theirs = run(source, suite, url, words)
    lost = [name for name, each in theirs.items() if each.passed]
    passed = len(lost)
    with local_aws() as url:
        ours = run(source, suite, url, words)
        lost = [name for name in lost if not ours[name].passed]
        if lost:
            corrected = run(source, suite, url, words, lost)
            mended = [name for name in lost if corrected[name].passed]
            ours |= corrected
    lost = [name for name in lost if not ours[name].passed]
    explained = _explanations(suite)
    unexplained = {name: ours[name] for name in lost if name not in explained}
    stale = [name for name in explained if name not in lost and (name in ours or not only)]
    print(
        f"{suite}: {passed} pass on moto; of them {passed - len(lost) - len(mended)} pass here, {len(mended)}"
        f" do when their requests are corrected, {len(lost)} do not, {len(unexplained)} of these unexplained"
    )
    _report(unexplained, stale)
    return int(bool(unexplained or stale))


def _explanations(suite: str) -> dict[str, str]:
    """Return the rule that explains each loss."""
    text = (Path(__file__).parent / f"{suite}.toml").read_text()
    return {test: rule["rule"] for rule in tomllib.loads(text).get("loss", []) for test in rule["tests"]}


def _report(unexplained: dict[str, Outcome], stale: list[str]) -> None:
    for name, outcome in unexplained.items():
        print(f"unexplained: {name}\n    {outcome.reason}")
    for name in stale:
        print(f"stale explanation: {name}")


if __name__ == "__main__":
    sys.exit(main())
