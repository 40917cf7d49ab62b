"""The command line: `autograder check`, `outcomes`, `lint`, `release` and `syllabus`."""

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from autograder.errors import AutograderError, UsageError
from autograder.outcome import find_outcome, outcomes

FULL, MISSING = 0, 1
FILES = ("adapter", "app", "store")
"""Values that are the text of a learner's file."""
DEFAULTS = dict.fromkeys(("db", "app_host", "secret", "snapshot"), "default: the only one in the account") | {
    "app": "default: ./shop_app.py"
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code: 0 all well, 1 points or rules missing, 2 not done."""
    options = _parser().parse_args(arguments)
    # an ended check still deletes what it made
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = int(options.run(options))
    except AutograderError as error:
        print(f"autograder: {error}", file=sys.stderr)
        code = error.exit_code
    sys.exit(code)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="autograder", description="The course's grading harness.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    check = commands.add_parser("check", help="look at the live account and show what an outcome finds")
    check.add_argument("outcome", help="an outcome's id, such as lab-6.1 or 6.1")
    # a notebook's cell sends structured values, such as answers, as JSON
    for name in sorted({name for each in outcomes().values() for name in each.texts}):
        asking = ", ".join(each.id for each in outcomes().values() if name in each.texts)
        check.add_argument(
            "--" + name.replace("_", "-"),
            dest=name,
            metavar="FILE" if name in FILES else None,
            help=f"{DEFAULTS.get(name, 'no default')} ({asking})",
        )
    check.add_argument(
        "--json", action="store_true", help="read all values from stdin as JSON, print the verdict so"
    )
    check.set_defaults(run=_check)
    listing = commands.add_parser("outcomes", help="list the outcomes")
    listing.set_defaults(run=_outcomes)
    lint = commands.add_parser("lint", help="check the notebooks' form")
    lint.add_argument("paths", nargs="*", type=Path, help="notebooks or folders, default source/")
    lint.add_argument("--quiet", action="store_true", help="only what breaks a rule, no lengths")
    lint.set_defaults(run=_lint)
    release = commands.add_parser("release", help="make the learners' notebooks from source/")
    release.add_argument("--check", action="store_true", help="write nothing; fail when a notebook is stale")
    release.add_argument(
        "--root", type=Path, default=Path.cwd(), help="the course's folder, default this one"
    )
    release.set_defaults(run=_release)
    syllabus = commands.add_parser("syllabus", help="write docs/syllabus-map.md from the cells' tags")
    syllabus.add_argument("--check", action="store_true", help="write nothing; fail when it is stale")
    syllabus.add_argument(
        "--root", type=Path, default=Path.cwd(), help="the course's folder, default this one"
    )
    syllabus.set_defaults(run=_syllabus)
    return parser


def _check(options: argparse.Namespace) -> int:
    from autograder.discovery import complete
    from autograder.examiner import open_account
    from autograder.report import text_table

    outcome = find_outcome(options.outcome)
    if options.json:
        verdict = outcome.verdict(open_account(), _values_from_stdin())
        print(json.dumps(verdict.document()))
    else:
        texts = {name for each in outcomes().values() for name in each.texts}
        given = {name: value for name in sorted(texts) if (value := getattr(options, name))}
        given |= {name: _text(Path(given[name])) for name in FILES if name in given}
        unknown = sorted(set(given) - set(outcome.values))
        if unknown:
            raise UsageError(f"{outcome.id} does not ask for {', '.join(unknown)}: leave it out.")
        account = open_account()
        verdict = outcome.verdict(account, complete(outcome, account, given))
        print(text_table(verdict))
    return FULL if verdict.earned >= verdict.points else MISSING


def _values_from_stdin() -> dict[str, object]:
    try:
        values = json.load(sys.stdin)
    except ValueError as error:
        raise UsageError(f"The values on stdin are not JSON: {error}.") from error
    if not isinstance(values, dict):
        raise UsageError('The values on stdin are not a JSON object: send {"name": "value"}.')
    return values


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}.") from error


def _outcomes(_: argparse.Namespace) -> int:
    for outcome in outcomes().values():
        values = ", ".join(outcome.values)
        print(f"{outcome.id:<16} {outcome.points:>3g} points  {outcome.title}  ({values})")
    return FULL


def _lint(options: argparse.Namespace) -> int:
    from autograder.lint import lint_paths

    return lint_paths(options.paths or [Path("source")], quiet=options.quiet)


def _release(options: argparse.Namespace) -> int:
    from autograder.release import check_release, release

    return check_release(options.root) if options.check else release(options.root)


def _syllabus(options: argparse.Namespace) -> int:
    from autograder.syllabus import write_map

    return write_map(options.root, check=options.check)
