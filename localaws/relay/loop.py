"""The front's own event loop: one thread, readiness handlers, timers, and scripts as generators."""

from __future__ import annotations

import collections
import heapq
import itertools
import logging
import socket
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from localaws.relay.poller import READ, make_poller

log = logging.getLogger(__name__)

T = TypeVar("T")
Handler = Callable[[int], None]


@dataclass(frozen=True)
class Ready:
    """What a script yields to wait until a descriptor can be read or written."""

    fd: int
    mask: int


@dataclass(frozen=True)
class Pause:
    """What a script yields to wait some seconds."""

    seconds: float


@dataclass(frozen=True)
class Offload:
    """What a script yields to have something that may block done by a worker; it gets the result."""

    work: Callable[[], Any]


Steps = Generator[Ready | Pause | Offload, Any, T]


@dataclass(order=True)
class Timer:
    """A callback in the future; `cancel` makes it harmless."""

    at: float
    number: int
    action: Callable[[], None] | None = field(compare=False)

    def cancel(self) -> None:
        """Forget the callback."""
        self.action = None


class Loop:
    """Runs handlers in one thread; everything but `call`, `start` and `stop` belongs to that thread."""

    def __init__(self, *, workers: int = 4) -> None:
        self._poller = make_poller()
        self._handlers: dict[int, Handler] = {}
        self._timers: list[Timer] = []
        self._numbers = itertools.count()
        self._calls: collections.deque[Callable[[], None]] = collections.deque()
        self._inbox, self._bell = socket.socketpair()
        self._inbox.setblocking(False)
        self._bell.setblocking(False)
        self._workers = ThreadPoolExecutor(workers, thread_name_prefix="relay-worker")
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._running = False

    def start(self) -> None:
        """Start the thread."""
        self._running = True
        self.watch(self._inbox.fileno(), READ, self._ring)
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and wait for it."""
        if self._running:
            self.call(self._halt)
            self._thread.join()
        self._workers.shutdown(wait=False, cancel_futures=True)
        self._poller.close()
        self._inbox.close()
        self._bell.close()

    def call(self, action: Callable[[], T]) -> T:
        """Run something in the loop's thread and return what it returns."""
        if threading.current_thread() is self._thread or not self._running:
            return action()
        result: Future[T] = Future()

        def settle() -> None:
            try:
                result.set_result(action())
            except BaseException as error:
                result.set_exception(error)

        self._post(settle)
        return result.result()

    def watch(self, fd: int, mask: int, handler: Handler) -> None:
        """Call the handler with the events of a descriptor from now on."""
        self._handlers[fd] = handler
        self._poller.set(fd, mask)

    def forget(self, fd: int) -> None:
        """Watch a descriptor no more; needed before it is closed."""
        if fd in self._handlers:
            self._poller.set(fd, 0)
            # last: a script that nobody holds any more ends here, and closes its socket
            del self._handlers[fd]

    def later(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Run something once, after some seconds."""
        timer = Timer(time.monotonic() + seconds, next(self._numbers), action)
        heapq.heappush(self._timers, timer)
        return timer

    def run(self, steps: Steps[None]) -> None:
        """Run a script until it ends or waits; what it raises is its own matter and only logged here."""
        self._resume(steps, None, None)

    def _resume(self, steps: Steps[None], value: Any, error: BaseException | None) -> None:
        try:
            wish = steps.throw(error) if error else steps.send(value)
        except StopIteration:
            return
        except Exception:
            log.exception("a session of the relay ended unexpectedly")
            return
        if isinstance(wish, Ready):
            self.watch(wish.fd, wish.mask, lambda _: self._wake(steps, wish.fd))
        elif isinstance(wish, Pause):
            self.later(wish.seconds, lambda: self._resume(steps, None, None))
        else:
            done = self._workers.submit(wish.work)
            done.add_done_callback(lambda future: self._post(lambda: self._deliver(steps, future)))

    def _wake(self, steps: Steps[None], fd: int) -> None:
        self.forget(fd)
        self._resume(steps, None, None)

    def _deliver(self, steps: Steps[None], future: Future[Any]) -> None:
        if future.cancelled():
            steps.close()
            return
        error = future.exception()
        self._resume(steps, None if error else future.result(), error)

    def _post(self, action: Callable[[], None]) -> None:
        self._calls.append(action)
        try:
            self._bell.send(b"\0")
        except (BlockingIOError, OSError):
            return  # the bell is ringing already, or the loop is gone

    def _ring(self, _events: int) -> None:
        self._inbox.recv(4096)
        while self._calls:
            self._calls.popleft()()

    def _halt(self) -> None:
        self._running = False

    def _run(self) -> None:
        poll = self._poller.poll
        find = self._handlers.get
        while self._running:
            for fd, events in poll(self._wait()):
                handler = find(fd)
                if handler is None:
                    continue
                try:
                    handler(events)
                except Exception:
                    log.exception("a handler of the relay failed; its connection is dropped")
                    self.forget(fd)
            if self._timers:
                self._expire()
        while self._calls:
            self._calls.popleft()()

    def _wait(self) -> float:
        return max(0.0, self._timers[0].at - time.monotonic()) if self._timers else -1

    def _expire(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0].at <= now:
            action = heapq.heappop(self._timers).action
            try:
                if action:
                    action()
            except Exception:
                log.exception("a timer of the relay failed")
