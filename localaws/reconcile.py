"""Bringing what runs to what the model asks for: one thread that looks, and a few that do the slow work."""

from __future__ import annotations

import concurrent.futures
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypedDict

import psycopg

from localaws.errors import LocalawsError

log = logging.getLogger(__name__)

TICK = 0.5
BREATH = 0.01
WORKERS = 4
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 10.0
EXPECTED = (LocalawsError, psycopg.OperationalError)
"""What a job raises when a server dies meanwhile: nothing that a stack trace would explain."""


class Engine(TypedDict):
    """A server as `localaws status` tells of it."""

    name: str
    kind: str
    status: str
    pid: int | None


class Controller(Protocol):
    """The part of a service that keeps its servers as the model says."""

    def reconcile(self) -> None:
        """Compare model and servers, and submit what is to be done; quick when nothing is."""

    def shutdown(self) -> None:
        """Stop the servers; the model stays as it is."""

    def engines(self) -> list[Engine]:
        """Return its servers."""


@dataclass
class Setback:
    """A job that failed and waits before it is tried again."""

    pause: float
    until: float


class Reconciler:
    """Calls the controllers after each change and twice a second, and runs their jobs.

    Jobs with the same key never run at the same time; one that raises is logged and held back a little longer
    each time. `report` is called with all servers whenever something about them has changed.
    """

    def __init__(self, report: Callable[[list[Engine]], None] = lambda _: None) -> None:
        self._report = report
        self._reported: list[Engine] = []
        self._controllers: list[Controller] = []
        self._awake = threading.Event()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._running: set[str] = set()
        self._setbacks: dict[str, Setback] = {}
        self._thread = threading.Thread(target=self._loop, name="reconciler", daemon=True)
        self._pool = concurrent.futures.ThreadPoolExecutor(WORKERS, thread_name_prefix="reconciler")

    def add(self, controller: Controller) -> None:
        """Look after another controller from now on."""
        self._controllers.append(controller)
        self.wake()

    def wake(self) -> None:
        """Have the controllers look at once."""
        self._awake.set()

    def start(self) -> None:
        """Start looking."""
        self._thread.start()

    def stop(self) -> None:
        """Let the running jobs end, then have every controller stop its servers."""
        self._stopping.set()
        self.wake()
        if self._thread.is_alive():
            self._thread.join()
        self._pool.shutdown(cancel_futures=True)
        for controller in self._controllers:
            try:
                controller.shutdown()
            except Exception:
                log.exception("%s did not stop its servers in order", type(controller).__name__)

    def submit(self, key: str, job: Callable[[], None]) -> bool:
        """Run a job in the background; False while one of this key runs or is held back."""
        with self._lock:
            setback = self._setbacks.get(key)
            if self._stopping.is_set() or key in self._running:
                return False
            if setback is not None and time.monotonic() < setback.until:
                return False
            self._running.add(key)
        self._pool.submit(self._run, key, job)
        return True

    def _run(self, key: str, job: Callable[[], None]) -> None:
        failed = False
        try:
            job()
        except EXPECTED as error:
            failed = True
            log.warning("%s did not succeed and will be tried again: %s", key, error)
        except Exception:
            failed = True
            log.exception("%s failed and will be tried again", key)
        with self._lock:
            self._running.discard(key)
            self._note(key, failed=failed)
        # what changed while the job ran was not submitted
        self.wake()

    def _note(self, key: str, *, failed: bool) -> None:
        setback = self._setbacks.pop(key, None)
        if failed:
            pause = min(setback.pause * 2, LONGEST_PAUSE) if setback else FIRST_PAUSE
            self._setbacks[key] = Setback(pause, time.monotonic() + pause)

    def _loop(self) -> None:
        while not self._stopping.is_set():
            self._awake.wait(TICK)
            self._awake.clear()
            for controller in list(self._controllers):
                if self._stopping.is_set():
                    return
                self._guarded(controller.reconcile)
            self._guarded(self._tell)
            # many changes in a row are looked at together
            self._stopping.wait(BREATH)

    def _guarded(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception:
            log.exception("%s failed and will be tried again", step.__qualname__)

    def _tell(self) -> None:
        engines = [engine for controller in list(self._controllers) for engine in controller.engines()]
        if engines != self._reported:
            self._report(engines)
            self._reported = engines
