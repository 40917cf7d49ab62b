"""The reconciler: wakes, repeats, never runs two jobs of one key at a time, and stops everything."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from localaws.errors import LocalawsError
from localaws.reconcile import Engine, Reconciler

DEADLINE = 10.0


class Counter:
    """A controller that calls a function at each look."""

    def __init__(self, look: Callable[[], None]) -> None:
        self.look = look
        self.stopped = False

    def reconcile(self) -> None:
        self.look()

    def shutdown(self) -> None:
        self.stopped = True

    def engines(self) -> list[Engine]:
        return []


@pytest.fixture
def reconciler() -> Iterator[Reconciler]:
    made = Reconciler()
    made.start()
    yield made
    made.stop()


def test_looks_when_woken_and_again_by_itself(reconciler: Reconciler) -> None:
    looks = threading.Semaphore(0)
    reconciler.add(Counter(lambda: looks.release()))
    for _ in range(3):
        assert looks.acquire(timeout=DEADLINE)


def test_a_controller_that_fails_does_not_stop_the_others(reconciler: Reconciler) -> None:
    looks = threading.Semaphore(0)

    def fail() -> None:
        raise RuntimeError("broken")

    reconciler.add(Counter(fail))
    reconciler.add(Counter(lambda: looks.release()))
    for _ in range(2):
        assert looks.acquire(timeout=DEADLINE)


def test_one_job_of_a_key_at_a_time(reconciler: Reconciler) -> None:
    started, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def slow() -> None:
        started.set()
        go_on.wait(DEADLINE)

    assert reconciler.submit("db", slow)
    assert started.wait(DEADLINE)
    assert not reconciler.submit("db", done.set)
    assert reconciler.submit("other", done.set)
    assert done.wait(DEADLINE)
    go_on.set()


def test_a_failed_job_is_held_back_and_then_tried_again(reconciler: Reconciler) -> None:
    tries = threading.Semaphore(0)

    def fail() -> None:
        tries.release()
        raise RuntimeError("not yet")

    def look() -> None:
        reconciler.submit("db", fail)

    reconciler.add(Counter(look))
    assert tries.acquire(timeout=DEADLINE)
    assert tries.acquire(timeout=DEADLINE)


def test_stop_waits_for_jobs_and_stops_the_controllers() -> None:
    reconciler = Reconciler()
    reconciler.start()
    controller = Counter(lambda: None)
    reconciler.add(controller)
    finished = threading.Event()
    started = threading.Event()

    def job() -> None:
        started.set()
        finished.set()

    reconciler.submit("db", job)
    assert started.wait(DEADLINE)
    reconciler.stop()
    assert finished.is_set()
    assert controller.stopped
    assert not reconciler.submit("db", job)


def test_an_accident_is_told_in_a_line_and_a_defect_with_its_stack(
    reconciler: Reconciler, caplog: pytest.LogCaptureFixture
) -> None:
    done = threading.Semaphore(0)

    def raising(error: Exception) -> Callable[[], None]:
        def job() -> None:
            done.release()
            raise error

        return job

    assert reconciler.submit("accident", raising(LocalawsError("the server died")))
    assert reconciler.submit("defect", raising(KeyError("oops")))
    assert done.acquire(timeout=DEADLINE)
    assert done.acquire(timeout=DEADLINE)
    end = time.monotonic() + DEADLINE
    while len(caplog.records) < 2 and time.monotonic() < end:
        time.sleep(0.01)
    told = {record.getMessage().split()[0]: record.exc_info is not None for record in caplog.records}
    assert told == {"accident": False, "defect": True}
