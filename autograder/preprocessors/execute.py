"""Runs a rebuilt submission: confined, in its own account, the window open while graded cells run."""

import functools
import secrets
import time
from collections.abc import Callable
from typing import Any

from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.preprocessors import Execute
from nbgrader.preprocessors.execute import UnresponsiveKernelError
from traitlets import Integer, Type

from autograder import landlock
from autograder.grading import GradingAccount
from autograder.isolation import Limits, Sandbox, sandbox
from autograder.outcome import Verdict
from autograder.preprocessors.course import Place, place_of
from autograder.preprocessors.kernel import ConfinedKernelManager
from autograder.preprocessors.scores import RUN, is_examined
from autograder.record import Entry, Record
from autograder.submissions import stage
from autograder.window import Window

KERNEL_LIMITS = Limits(cpu_s=600, memory=8192, file=256, files=1024, processes=512)
OUTPUT_KINDS = ("stream", "display_data", "execute_result", "update_display_data", "error")
TRUNCATED = "Further output was dropped: the notebook printed more than {:,} characters.\n"


class ExecuteIsolated(Execute):
    """nbgrader's Execute, without trust: a kernel that dies, hangs or floods ends its own notebook only."""

    account_class = Type(
        GradingAccount, klass=object, help="Context manager that provides the account to grade in."
    ).tag(config=True)
    wall_clock = Integer(900, help="Seconds that a whole notebook may take.").tag(config=True)
    output_limit = Integer(2_000_000, help="Characters of output that a whole notebook may keep.").tag(
        config=True
    )

    def __init__(self, *args: Any, **settings: Any) -> None:
        settings["kernel_manager_class"] = ConfinedKernelManager
        super().__init__(*args, **settings)

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any], km: Any = None
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Execute every cell; the verdicts are in the record under `resources["autograder_run"]`."""
        place, run = place_of(self, resources), secrets.token_hex(8)
        self._begin()
        if missing := landlock.missing():
            _warn_once(self.log, f"learners' code is confined less than it could be: {missing}")
        with sandbox() as box, self.account_class() as account:
            coursedir = place.coursedir
            sources = [place.submitted, place.folder(coursedir.source_directory)]
            made = stage(sources, box.folder, coursedir.ignore)
            env = account.environment(box.folder)
            for path in made:
                box.own(path)
            with Window(account.judge, _keeper(place, run)) as window:
                self._window, self._box = window, box
                self._launch = {
                    "cwd": str(box.folder),
                    "env": box.environment(env | {"LAB_EXAMINER": window.url}),
                }
                nb, resources = super().preprocess(nb, resources, km)
                window.close()
        resources[RUN] = run
        return nb, resources

    def _begin(self) -> None:
        self._over = ""
        self._written = 0
        self._deadline = time.monotonic() + self.wall_clock
        self.timeout_func = self._seconds_left
        self.store_widget_state = False
        self.shutdown_kernel = "immediate"

    def create_kernel_manager(self) -> ConfinedKernelManager:
        """A manager that starts the kernel in the sandbox."""
        box: Sandbox = self._box
        self.kernel_name = self.nb.metadata.get("kernelspec", {}).get("name") or "python3"
        self.km = ConfinedKernelManager(
            kernel_name=self.kernel_name,
            config=self.config,
            prefix=box.command(KERNEL_LIMITS),
            account=box.account,
            connection_file=str(box.folder / "kernel.json"),
            # sockets in the sandbox's folder: no port that another kernel may take first
            transport="ipc",
        )
        return self.km

    def start_new_kernel(self, **settings: Any) -> None:
        """Start it with the sandbox's folder and environment."""
        super().start_new_kernel(**(settings | self._launch))

    def preprocess_cell(
        self, cell: NotebookNode, resources: dict[str, Any], cell_index: int
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Execute one cell; the window is open while a graded one runs."""
        if self._over or time.monotonic() > self._deadline:
            self._over = self._over or f"the notebook took longer than {self.wall_clock} s"
            return self._skipped(cell), resources
        if is_examined(cell):
            self._window.open(cell.metadata.nbgrader["grade_id"])
        try:
            cell, resources = super().preprocess_cell(cell, resources, cell_index)
        except DeadKernelError:
            self._end(cell, "the kernel died in this cell (exit, a signal, or out of memory)")
        except (CellTimeoutError, UnresponsiveKernelError, TimeoutError):
            self._end(cell, "this cell did not end, even when interrupted")
        finally:
            self._window.close()
        return cell, resources

    def process_message(
        self, msg: dict[str, Any], cell: NotebookNode, cell_index: int
    ) -> NotebookNode | None:
        """nbclient's, up to the limit of output."""
        if msg["msg_type"] in OUTPUT_KINDS:
            before = self._written
            self._written += len(str(msg["content"]))
            if self._written > self.output_limit:
                if before <= self.output_limit:
                    cell.outputs.append(
                        new_output("stream", name="stderr", text=TRUNCATED.format(self.output_limit))
                    )
                return None
        return super().process_message(msg, cell, cell_index)

    def _seconds_left(self, _: NotebookNode) -> int:
        return max(1, min(self.timeout or self.wall_clock, int(self._deadline - time.monotonic())))

    def _end(self, cell: NotebookNode, reason: str) -> None:
        self.log.warning("%s; the cells after it are not run", reason)
        self._over = reason
        cell.outputs.append(new_output("error", ename="Stopped", evalue=reason, traceback=[reason]))

    def _skipped(self, cell: NotebookNode) -> NotebookNode:
        if cell.cell_type == "code":
            reason = f"not run, because before it {self._over}"
            cell.outputs = [new_output("error", ename="NotRun", evalue=reason, traceback=[reason])]
        return cell


@functools.cache
def _warn_once(log: Any, message: str) -> None:
    log.warning(message)


def _keeper(place: Place, run: str) -> Callable[[Verdict], None]:
    record = Record(place.record)

    def keep(verdict: Verdict) -> None:
        record.append(Entry(run, place.assignment, place.notebook, place.student, verdict))

    return keep
