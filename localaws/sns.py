"""Amazon SNS: moto's, whose messages to HTTP endpoints leave after the call, not while the model is held."""

from __future__ import annotations

import json
import logging
import queue
import threading
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.control import ControlPlane
    from localaws.reconcile import Controller, Engine
    from localaws.runtime import Runtime

log = logging.getLogger(__name__)

SETTLEMENTS: dict[str, Any] = {}
ATTEMPTS = 3
PAUSE, PATIENCE = 1.0, 10.0


@dataclass(frozen=True)
class Post:
    """A message on its way to an HTTP endpoint."""

    url: str
    document: dict[str, Any]
    subscription: str


class Mail:
    """Posts messages one after the other in a thread of its own, started at the first of them."""

    def __init__(self) -> None:
        self.control: ControlPlane | None = None
        self._posts: queue.SimpleQueue[Post | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def send(self, post: Post) -> None:
        """Send a message soon; one that is only replayed was sent long ago."""
        if self.control is not None and self.control.replaying:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="sns", daemon=True)
            self._thread.start()
        self._posts.put(post)

    def _run(self) -> None:
        while (post := self._posts.get()) is not None:
            for attempt in range(1, ATTEMPTS + 1):
                if _delivered(post):
                    break
                if attempt < ATTEMPTS:
                    threading.Event().wait(PAUSE)


MAIL = Mail()


def _delivered(post: Post) -> bool:
    import requests

    headers = {
        "Content-Type": "text/plain; charset=UTF-8",
        "x-amz-sns-message-type": post.document["Type"],
        "x-amz-sns-message-id": post.document["MessageId"],
        "x-amz-sns-topic-arn": post.document["TopicArn"],
        "x-amz-sns-subscription-arn": post.subscription,
    }
    body = json.dumps(post.document).encode()
    try:
        return requests.post(post.url, data=body, headers=headers, timeout=PATIENCE).status_code < 500
    except requests.RequestException as error:
        log.warning("SNS cannot reach %s: %s", post.url, error)
        return False


@cache
def _signing_key() -> Any:
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def install(control: ControlPlane | None) -> None:
    """Register our subscriptions with moto."""
    import moto.sns.models

    from localaws.subscription import Subscription

    MAIL.control = control
    moto.sns.models.Subscription = Subscription


def start(_: ControlPlane, __: Runtime) -> Controller:
    """Return a controller that has nothing to look after."""
    return NoServers()


class NoServers:
    """The controller of a service without servers."""

    def reconcile(self) -> None:
        """Nothing to bring anywhere."""

    def shutdown(self) -> None:
        """Nothing to stop."""

    def engines(self) -> list[Engine]:
        """No servers."""
        return []
