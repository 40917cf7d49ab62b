"""The command line: start, stop, status, reset, env, logs, zone, onprem, sampling and iam."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Sequence

from localaws import daemon, zones
from localaws.errors import LocalawsError, NotRunning
from localaws.state import PREMISES, REGION, StateDir


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(argv)
    try:
        code: int = options.run(options)
    except LocalawsError as error:
        print(f"localaws: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="localaws",
        description="A local AWS whose databases are real servers. No account, no Docker, no network.",
    )
    verbs = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    start = _verb(verbs, "start", _start, "start the local AWS, or find the one that runs")
    start.add_argument(
        "--port", type=_port, metavar="N", help="port on 127.0.0.1 (default: a free one, remembered)"
    )
    start.add_argument("--foreground", action="store_true", help="stay in this terminal and log to it")
    _verb(verbs, "stop", _stop, "stop it and all its database servers; data stays")
    status = _verb(verbs, "status", _status, "show whether it runs and where")
    status.add_argument("--json", action="store_true", help="print all facts as JSON")
    _verb(
        verbs,
        "reset",
        _reset,
        "delete all resources and data at once, without asking; access keys, certificate authority and port "
        "stay, and a server that was running runs again, empty",
    )
    env = _verb(verbs, "env", _env, "print the variables that point boto3 and the AWS CLI here")
    env.add_argument("--json", action="store_true", help="print them as JSON instead of as shell commands")
    _verb(verbs, "logs", _logs, "print the server's log")
    zone = _verb(verbs, "zone", _zone, "take an Availability Zone down, or let it be up again")
    zone.add_argument("what", choices=("fail", "restore"), help="fail: what stands there dies and stays down")
    zone.add_argument("name", metavar="ZONE", help="for example us-east-1a")
    onprem = _verb(verbs, "onprem", _onprem, "a PostgreSQL server outside AWS, to migrate from")
    onprem.add_argument("what", choices=("start", "stop", "status", "remove"), help="remove: its data go too")
    onprem.add_argument("--json", action="store_true", help="print how to reach it as JSON")
    sampling = _verb(verbs, "sampling", _sampling, "change how often CloudWatch looks at the servers")
    sampling.add_argument(
        "seconds", metavar="SECONDS", help="between two looks, also of the alarms; a divisor of 60"
    )
    iam = _verb(verbs, "iam", _iam, "let IAM's policies decide about users' and roles' calls, or not")
    iam.add_argument("what", choices=("enforce",), help="the owner's own key may always do everything")
    iam.add_argument("value", choices=("on", "off"), help="off: nobody is refused because of a policy")
    return parser


def _verb(verbs: argparse._SubParsersAction, name: str, run: object, text: str) -> argparse.ArgumentParser:  # type: ignore[type-arg]
    verb: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text)
    verb.add_argument(
        "--state", metavar="DIR", help="state folder (default: LOCALAWS_STATE, else one per user)"
    )
    verb.set_defaults(run=run)
    return verb


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 1 to 65535")
    return int(text)


def _start(options: argparse.Namespace) -> int:
    state = StateDir.open(options.state)
    if options.foreground:
        sys.stdout.flush()
        command = daemon.command(state, options.port)
        os.execve(command[0], command, daemon.environment())  # noqa: S606 - this very interpreter
    found, new = daemon.start(state, options.port)
    place = f" --state {shlex.quote(str(state.path))}" if options.state else ""
    print(f"Local AWS {'is up' if new else 'was already up'}: {found.endpoint_url} (state: {state.path})")
    print(f'Use it:  eval "$(localaws env{place})"  and then boto3, the AWS CLI or Terraform as usual')
    print(f"End it:  localaws stop{place}  (data stays; `localaws reset{place}` empties the account)")
    return 0


def _stop(options: argparse.Namespace) -> int:
    state = StateDir.open(options.state)
    stopped = daemon.stop(state)
    if state.read_json(PREMISES):
        from localaws import onprem

        onprem.stop(state)
    print("Stopped." if stopped else "It was not running.")
    return 0


def _reset(options: argparse.Namespace) -> int:
    state = StateDir.open(options.state)
    if state.read_json(PREMISES):
        from localaws import onprem

        onprem.remove(state)
    found = daemon.reset(state)
    print(f"Empty, and up again: {found.endpoint_url}" if found else "Empty.")
    return 0


def _status(options: argparse.Namespace) -> int:
    facts = daemon.status(StateDir.open(options.state))
    if options.json:
        print(json.dumps(facts, indent=1))
    elif facts["running"]:
        print(f"Running: {facts['endpoint_url']} (pid {facts['pid']}, state {facts['state']})")
        if facts["iam_enforcing"]:
            print("  IAM policies are enforced")
        for engine in facts["engines"]:
            print(f"  {engine['kind']} {engine['name']}: {engine['status']} (pid {engine['pid']})")
    else:
        print(f"Not running (state {facts['state']}). Start it with `localaws start`.")
    return 0


def _env(options: argparse.Namespace) -> int:
    state = StateDir.open(options.state)
    found = daemon.running(state)
    if found is None:
        raise NotRunning(f"The local AWS of {state.path} is not running. Run `localaws start` first.")
    owner = state.credentials()["owner"]
    variables = {
        "AWS_ENDPOINT_URL": found.endpoint_url,
        "AWS_ACCESS_KEY_ID": owner.access_key_id,
        "AWS_SECRET_ACCESS_KEY": owner.secret_access_key,
        "AWS_DEFAULT_REGION": REGION,
    }
    if options.json:
        print(json.dumps(variables, indent=1))
    else:
        print("\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items()))
    return 0


def _onprem(options: argparse.Namespace) -> int:
    from localaws import onprem

    state = StateDir.open(options.state)
    if options.what in ("stop", "remove"):
        (onprem.stop if options.what == "stop" else onprem.remove)(state)
    elif options.what == "start":
        onprem.start(state)
    facts = onprem.status(state)
    if options.json:
        print(json.dumps(facts, indent=1))
    elif "port" in facts:
        runs = "runs" if facts["running"] else "is stopped"
        print(f"It {runs}: {facts['host']}:{facts['port']}, user {facts['user']}, database {facts['dbname']}")
        print("Its password and the rest as JSON: localaws onprem status --json")
    else:
        print("There is none.")
    return 0


def _sampling(options: argparse.Namespace) -> int:
    from localaws.cloudwatch import interval

    state = StateDir.open(options.state)
    interval.change(state, options.seconds)
    print(f"CloudWatch looks every {interval.seconds_between(state)} s.")
    return 0


def _iam(options: argparse.Namespace) -> int:
    from localaws.iam import switch

    switch.enforce(StateDir.open(options.state), on=options.value == "on")
    print(f"IAM policies are {'enforced' if options.value == 'on' else 'not enforced'}.")
    return 0


def _logs(options: argparse.Namespace) -> int:
    state = StateDir.open(options.state)
    if not state.log_file.exists():
        raise NotRunning(f"There is no log in {state.path} yet. Run `localaws start` first.")
    sys.stdout.write(state.log_file.read_text(errors="replace"))
    return 0


def _zone(options: argparse.Namespace) -> int:
    state = StateDir.open(options.state)
    change = zones.fail if options.what == "fail" else zones.restore
    change(state, options.name)
    down = ", ".join(sorted(zones.failed(state)))
    print(f"Availability Zones that are down: {down}" if down else "All Availability Zones are up.")
    return 0
