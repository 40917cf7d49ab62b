"""Runs inside a function's process: loads the handler, calls it once, leaves the result in a file.

Standard input brings one line of JSON that says what to run; when it closes, the server has gone: so do we.
AWS: "Define Lambda function handler in Python" in the Lambda developer guide.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO


class Context:
    """What a handler is told of its invocation."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self.aws_request_id: str = facts["request_id"]
        self.function_name: str = facts["function_name"]
        self.function_version: str = facts["version"]
        self.invoked_function_arn: str = facts["arn"]
        self.memory_limit_in_mb: str = str(facts["memory"])
        self.log_group_name: str = facts["log_group"]
        self.log_stream_name: str = facts["log_stream"]
        self.identity = None
        self.client_context = None
        self._deadline: float = time.monotonic() + facts["timeout"]

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function is stopped."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))


class Unusable(Exception):
    """The handler cannot be loaded; the first argument is Lambda's name of the error."""


def main() -> None:
    """Run one invocation."""
    reading = os.fdopen(os.dup(0))
    task = json.loads(reading.readline())
    threading.Thread(target=_leave_with, args=(reading,), daemon=True).start()
    sys.path.insert(0, task["root"])
    os.chdir(task["root"])
    context = Context(task["context"])
    _log_as_lambda(context.aws_request_id)
    result = run(task["handler"], task["event"], context)
    sys.stdout.flush()
    sys.stderr.flush()
    part = Path(task["result"] + ".new")
    part.write_text(json.dumps(result))
    part.replace(task["result"])


def run(handler: str, event: Any, context: Context) -> dict[str, Any]:
    """Return {"payload": …} of a handler that returned, or {"error": …} of one that raised."""
    try:
        answer = _load(handler)(event, context)
    except Unusable as error:
        kind, message = error.args
        return _failed(context, kind, message, [])
    except Exception as error:
        return _failed(context, type(error).__name__, str(error), _frames(error))
    try:
        return {"payload": json.dumps(answer)}
    except (TypeError, ValueError) as error:
        message = f"Unable to marshal response: {error}"
        return _failed(context, "Runtime.MarshalError", message, [])


def _leave_with(stream: TextIO) -> None:
    stream.read()
    os._exit(1)


def _log_as_lambda(request_id: str) -> None:
    class Format(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            moment = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
            return f"[{record.levelname}]\t{moment}Z\t{request_id}\t{super().format(record)}"

    output = logging.StreamHandler(sys.stdout)
    output.setFormatter(Format("%(message)s"))
    logging.getLogger().addHandler(output)


def _load(handler: str) -> Callable[[Any, Context], Any]:
    module, _, name = handler.rpartition(".")
    if not module:
        raise Unusable(
            "Runtime.MalformedHandlerName", f"Bad handler '{handler}': not enough values to unpack"
        )
    try:
        loaded = importlib.import_module(module.replace("/", "."))
    except ImportError as error:
        message = f"Unable to import module '{module}': {error}"
        raise Unusable("Runtime.ImportModuleError", message) from error
    except SyntaxError as error:
        message = f"Syntax error in module '{module}': {error}"
        raise Unusable("Runtime.UserCodeSyntaxError", message) from error
    found: Callable[[Any, Context], Any] | None = getattr(loaded, name, None)
    if found is None:
        raise Unusable("Runtime.HandlerNotFound", f"Handler '{name}' missing on module '{module}'")
    return found


def _frames(error: Exception) -> list[str]:
    """The stack from the handler inwards."""
    frames = traceback.extract_tb(error.__traceback__)[1:]
    return [
        f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}\n    {frame.line}\n'
        for frame in frames
    ]


def _failed(context: Context, kind: str, message: str, frames: list[str]) -> dict[str, Any]:
    print(f"[ERROR] {kind}: {message}" + ("\nTraceback (most recent call last):\n" if frames else ""), end="")
    print("".join(frames))
    error = {"errorMessage": message, "errorType": kind, "requestId": context.aws_request_id}
    return {"error": error | {"stackTrace": frames}}


if __name__ == "__main__":
    main()
