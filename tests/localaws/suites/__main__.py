"""`python -m tests.localaws.suites rds` compares moto's tests of a service on moto and on the local AWS.

Both run in moto's server mode. A test that passes on moto and fails here must be in `<service>.toml`, with
the rule of AWS that explains it, or as a gap of this local AWS. The command fails on a loss that nothing
explains, and on an explanation of a test that passes.

At its first use it fetches moto's source distribution with pip, and runs the tests on moto; which of them
pass there is kept for the next time. On two processors rds takes six minutes on moto and two here, the others
one on either.
"""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import version
from pathlib import Path

from tests.localaws.suites.losses import GAP, SUITES, explanations
from tests.localaws.suites.runs import local_aws, plain_moto, run
from tests.localaws.suites.sources import cache, sources


def main(argv: list[str] | None = None) -> int:
    """Run the suites and say what differs; 1 when something is not explained."""
    parser = argparse.ArgumentParser(prog="tests.localaws.suites", description=__doc__)
    parser.add_argument("suites", nargs="+", choices=SUITES)
    parser.add_argument("-k", default="", help="only tests that match, as in pytest")
    options = parser.parse_args(argv)
    return max([_compare(suite, options.k) for suite in options.suites])


def _compare(suite: str, only: str) -> int:
    source = sources()
    wanted = _passing_on_moto(source, suite)
    with local_aws() as url:
        ours = run(source, suite, url, ["-k", only] if only else [])
    if only:
        wanted &= ours.keys()
    lost = {name for name in wanted if name not in ours or not ours[name].passed}
    explained = {name: rule for name, rule in explanations(suite).items() if not only or name in ours}
    gaps = sum(explained.get(name, "").startswith(GAP) for name in lost)
    unexplained = sorted(lost - explained.keys())
    print(
        f"{suite}: {len(wanted)} pass on moto; of them {len(wanted) - len(lost)} pass here, "
        f"{len(lost) - gaps - len(unexplained)} fail by a rule of AWS, {gaps} by a gap, "
        f"{len(unexplained)} without explanation"
    )
    for name in unexplained:
        print(f"unexplained: {name}\n    {ours[name].reason if name in ours else 'it did not run'}")
    stale = sorted(explained.keys() - lost)
    for name in stale:
        print(f"stale explanation: {name}")
    return int(bool(unexplained or stale))


def _passing_on_moto(source: Path, suite: str) -> set[str]:
    """Return the tests that pass on moto, from its own run of them or from the one before."""
    kept = cache() / f"{suite}-{version('moto')}.txt"
    if not kept.exists():
        with plain_moto() as url:
            outcomes = run(source, suite, url, [])
        kept.write_text("\n".join(name for name, each in outcomes.items() if each.passed))
    return set(kept.read_text().split("\n"))


if __name__ == "__main__":
    sys.exit(main())
