"""Readiness of file descriptors: epoll where the kernel has it, else what the standard library offers."""

from __future__ import annotations

import select
import selectors
import sys
from typing import Protocol

READ = 1
WRITE = 4
"""The same bits as EPOLLIN and EPOLLOUT, so that the fast path converts nothing."""


class Poller(Protocol):
    """Level-triggered readiness. Errors and hang-ups come as events with other bits set."""

    def set(self, fd: int, mask: int) -> None:
        """Watch a descriptor for READ, WRITE or both, or (0) not at all."""

    def poll(self, timeout: float) -> list[tuple[int, int]]:
        """Return the descriptors that can make progress within `timeout` seconds (-1: wait for ever)."""

    def close(self) -> None:
        """Give the kernel's object back."""


class SelectorPoller:
    """A poller over `selectors`, for macOS."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def set(self, fd: int, mask: int) -> None:
        """Watch a descriptor for READ, WRITE or both, or (0) not at all."""
        wanted = (selectors.EVENT_READ if mask & READ else 0) | (selectors.EVENT_WRITE if mask & WRITE else 0)
        known = fd in self._selector.get_map()
        if wanted and known:
            self._selector.modify(fd, wanted)
        elif wanted:
            self._selector.register(fd, wanted)
        elif known:
            self._selector.unregister(fd)

    def poll(self, timeout: float) -> list[tuple[int, int]]:
        """Return the descriptors that can make progress within `timeout` seconds (-1: wait for ever)."""
        ready = self._selector.select(None if timeout < 0 else timeout)
        return [
            (
                key.fd,
                (READ if mask & selectors.EVENT_READ else 0) | (WRITE if mask & selectors.EVENT_WRITE else 0),
            )
            for key, mask in ready
        ]

    def close(self) -> None:
        """Give the kernel's object back."""
        self._selector.close()


if sys.platform == "linux":

    class EpollPoller:
        """A poller over epoll."""

        def __init__(self) -> None:
            self._epoll = select.epoll()
            self._masks: dict[int, int] = {}

        def set(self, fd: int, mask: int) -> None:
            """Watch a descriptor for READ, WRITE or both, or (0) not at all."""
            known = self._masks.get(fd, 0)
            if mask == known:
                return
            if mask == 0:
                del self._masks[fd]
                self._epoll.unregister(fd)
            elif known:
                self._masks[fd] = mask
                self._epoll.modify(fd, mask)
            else:
                self._epoll.register(fd, mask)
                self._masks[fd] = mask

        def poll(self, timeout: float) -> list[tuple[int, int]]:
            """Return the descriptors that can make progress within `timeout` seconds (-1: wait for ever)."""
            return self._epoll.poll(timeout, 128)

        def close(self) -> None:
            """Give the kernel's object back."""
            self._epoll.close()


def make_poller() -> Poller:
    """Return the fastest poller of this platform."""
    if sys.platform == "linux":
        return EpollPoller()
    return SelectorPoller()
