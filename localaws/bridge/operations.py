"""What a call asks for: its operation in the SDK's model with its parameters; and what the answer says."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from localaws.bridge import dispatch
from localaws.faults import Answer

if TYPE_CHECKING:
    from localaws.bridge.dispatch import Call

log = logging.getLogger("localaws")

# moto's module names that are not the SDK's without its hyphens
_OTHER_NAMES = {"awslambda": "lambda"}


@dataclass(frozen=True)
class Operation:
    """One operation of a service, as the SDK's model describes it, with the parameters of a call."""

    service: str
    name: str
    protocol: str
    parameters: dict[str, Any]
    model: Any

    @property
    def endpoint_prefix(self) -> str:
        """The first part of the service's host name."""
        return str(self.model.service_model.endpoint_prefix)


@cache
def _names() -> dict[str, str]:
    from botocore.loaders import create_loader

    known = create_loader().list_available_services("service-2")
    return {name.replace("-", ""): name for name in known} | _OTHER_NAMES


def sdk_name(service: str) -> str | None:
    """Return the SDK's name of moto's module `service`."""
    return _names().get(service)


def of(call: Call) -> Operation | None:
    """Return the operation of a call; None when the service or the operation is unknown to the SDK."""
    from botocore.exceptions import BotoCoreError
    from moto.core.request import determine_request_protocol
    from werkzeug.exceptions import HTTPException

    service = sdk_name(call.service)
    if service is None:
        return None
    request = dispatch.moto_request(call.request)
    try:
        model, in_path = _model(service, call.action, request)
        protocol = determine_request_protocol(model.service_model, request.content_type)
    except (BotoCoreError, HTTPException, NotImplementedError, KeyError):
        return None
    return Operation(service, model.name, protocol, _parameters(model, request, in_path, protocol), model)


def _model(service: str, action: str, request: Any) -> tuple[Any, dict[str, Any]]:
    from moto.core.routing import get_service_router
    from moto.core.utils import get_service_model

    if " " not in action:
        return get_service_model(service).operation_model(action), {}
    found: tuple[Any, dict[str, Any]] = get_service_router(service).match(request)
    return found


def _parameters(model: Any, request: Any, in_path: dict[str, Any], protocol: str) -> dict[str, Any]:
    from moto.core.parse import PROTOCOL_PARSERS

    try:
        parsed: dict[str, Any] = PROTOCOL_PARSERS[protocol](model).parse(
            {
                "method": request.method,
                "values": request.values,
                "headers": request.headers,
                "body": request.data,
                "url_path": request.path,
                "url_params": in_path,
            }
        )
    except Exception as error:
        # a malformed request is its sender's affair, and the service has answered so
        log.debug("the parameters of %s cannot be read: %s", model.name, error)
        return {}
    return parsed or {}


def result(operation: Operation, answer: Answer) -> dict[str, Any]:
    """Return what an answer holds by the operation's model, or its error under `Error`."""
    from botocore.parsers import ResponseParserError, create_parser

    headers = {name.lower(): value for name, value in answer.headers}
    raw = {"status_code": answer.status, "headers": _Headers(headers), "body": answer.body}
    try:
        parsed: dict[str, Any] = create_parser(operation.protocol).parse(raw, operation.model.output_shape)
    except (ResponseParserError, ValueError, KeyError, AttributeError, TypeError) as error:
        log.debug("the answer to %s cannot be read: %s", operation.name, error)
        return {}
    parsed.pop("ResponseMetadata", None)
    return parsed


class _Headers(dict[str, str]):
    """Headers by their names in any case."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return super().__contains__(str(name).lower())

    def get(self, name: str, default: Any = None) -> Any:
        """Return a header's value."""
        return super().get(name.lower(), default)
