"""Long polling of SQS: moto would wait inside a call, while the lock is held and the clock stands still."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

if TYPE_CHECKING:
    from localaws.bridge.dispatch import Call
    from localaws.faults import Answer

POLL_SECONDS = 0.05
LONGEST_SECONDS = 20.0


def polls(call: Call) -> bool:
    """Whether the call asks for messages that may still have to come."""
    return call.service == "sqs" and call.action == "ReceiveMessage"


def found_nothing(call: Call, answer: Answer) -> bool:
    """Whether a poll left the queue as it was."""
    return polls(call) and b"<Message>" not in answer.body and b'"Messages"' not in answer.body


def poll(call: Call, perform: Callable[[Call], Answer]) -> Answer:
    """Ask again and again, holding no lock in between, until something came or the time is over."""
    once, patience = _without_wait(call)
    deadline = time.monotonic() + min(patience, LONGEST_SECONDS)
    while True:
        answer = perform(once)
        if answer.status >= 400 or not found_nothing(once, answer) or time.monotonic() >= deadline:
            return answer
        time.sleep(POLL_SECONDS)


def _without_wait(call: Call) -> tuple[Call, float]:
    body = call.request.body
    if call.protocol == "json":
        document = json.loads(body or b"{}")
        patience = document.get("WaitTimeSeconds") or 0
        body = json.dumps(document | {"WaitTimeSeconds": 0}).encode()
    else:
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        patience = form.get("WaitTimeSeconds") or 0
        body = urlencode(form | {"WaitTimeSeconds": "0"}).encode()
    return replace(call, request=replace(call.request, body=body)), float(patience)
