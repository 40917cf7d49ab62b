"""Lambda's API: moto's, whose invocations really run."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.responses import LambdaResponse as Base

from localaws.awslambda.backend import UnsupportedRuntime
from localaws.awslambda.functions import Functions, View, encoded, running

LARGEST = 6 * 1024 * 1024
TOO_LARGE = {
    "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
    "errorType": "Function.ResponseSizeTooLarge",
}

Response = tuple[int, dict[str, Any], Any]


class LambdaResponse(Base):
    """Lambda's operations."""

    def invoke(self) -> Response:
        name = unquote(self.path.rsplit("/", 2)[-2])
        functions, view = self._find(name, self._get_param("Qualifier") or self._get_param("qualifier"))
        event = self._event()
        kind = self.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        if kind == "DryRun":
            return 204, {"status": 204}, ""
        if kind == "Event":
            functions.later(view, event)
            return 202, {"status": 202}, ""
        outcome = functions.invoke(view, event)
        headers: dict[str, Any] = {
            "content-type": "application/json",
            "X-Amz-Executed-Version": outcome.version,
        }
        if self.headers.get("X-Amz-Log-Type") == "Tail":
            headers["X-Amz-Log-Result"] = encoded(outcome.log)
        if outcome.error:
            headers["X-Amz-Function-Error"] = outcome.error
        if len(outcome.payload) > LARGEST:
            return 200, headers | {"X-Amz-Function-Error": "Unhandled"}, json.dumps(TOO_LARGE)
        return 200, headers, outcome.payload

    def invoke_async(self) -> Response:
        parts = [part for part in self.path.split("/") if part]
        functions, view = self._find(unquote(parts[-2]), None)
        functions.later(view, self._event())
        return 202, {"status": 202}, "{}"

    def _find(self, name: str, qualifier: str | None) -> tuple[Functions, View]:
        functions = running()
        if functions is None:
            raise LambdaClientError("ServiceException", "Functions are not run yet. Try again.")
        view = functions.view(self.current_account, self.region, name, qualifier)
        if not view.provided and not view.runtime.startswith("python"):
            raise UnsupportedRuntime(view.runtime)
        return functions, view

    def _event(self) -> Any:
        try:
            return json.loads(self.body) if self.body else {}
        except ValueError as error:
            message = f"Could not parse request body into json: {error}"
            raise LambdaClientError("InvalidRequestContentException", message) from error
