"""The account a submission is graded in: a localaws of its own, and an examiner process for each check."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from autograder.examiner import environment, localaws
from autograder.outcome import Finding, Verdict, find_outcome

CHECK_S = 110
"""Seconds that one examination may take; labkit's check waits 120."""


class GradingAccount:
    """An empty localaws in a temporary folder, stopped and removed at the end."""

    def __init__(self) -> None:
        self._state = Path(tempfile.mkdtemp(prefix="examined-"))
        self._status: dict[str, Any] = {}

    def __enter__(self) -> "GradingAccount":
        try:
            localaws("start", "--state", str(self._state), env=self.own_environment())
            self._status = localaws(
                "status", "--json", "--state", str(self._state), env=self.own_environment()
            )
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    def environment(self, folder: Path) -> dict[str, str]:
        """What the learner's code gets to reach the account; the certificates are copied into its folder."""
        bundle = folder / "localaws-ca.pem"
        shutil.copyfile(self._status["ca_bundle"], bundle)
        bundle.chmod(0o644)
        return environment(self._status | {"ca_bundle": bundle}, self._keys()) | {"LAB_BACKEND": "local"}

    def judge(self, outcome: str, values: Mapping[str, object]) -> Verdict:
        """The verdict of an `autograder check` process; one that takes too long earns nothing."""
        process = subprocess.Popen(
            [sys.executable, "-m", "autograder", "check", outcome, "--json"],
            env=self.own_environment(),
            cwd=self._state,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            out, err = process.communicate(json.dumps(values), timeout=CHECK_S)
            return Verdict.parse(json.loads(out))
        except subprocess.TimeoutExpired:
            return _nothing(outcome, f"the examination took longer than {CHECK_S} s")
        except ValueError:
            last = (err.strip().splitlines() or ["the examiner printed nothing"])[-1]
            return _nothing(outcome, last)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    def _keys(self) -> dict[str, str]:
        keys: dict[str, str] = json.loads(Path(self._status["credentials"]).read_text(encoding="utf-8"))[
            "owner"
        ]
        return keys

    def own_environment(self) -> dict[str, str]:
        """The environment in which localaws and the examiner run here."""
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LAB_"))
        }
        return inherited | {"LOCALAWS_STATE": str(self._state), "LOCALAWS_DURABILITY": "off"}

    def _remove(self) -> None:
        try:
            # reset also removes engine folders that lie outside the state folder
            localaws("stop", "--state", str(self._state), env=self.own_environment())
            localaws("reset", "--state", str(self._state), env=self.own_environment())
        finally:
            shutil.rmtree(self._state, ignore_errors=True)


def _nothing(outcome: str, reason: str) -> Verdict:
    known = find_outcome(outcome)
    finding = Finding(known.title, known.points, 0, f"could not be examined: {reason}")
    return Verdict(known.id, known.title, (finding,))
