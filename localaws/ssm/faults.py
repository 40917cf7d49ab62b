"""Errors of Systems Manager's sessions and commands."""

from __future__ import annotations

from moto.core.exceptions import ServiceException


class SsmFault(ServiceException):
    """An error with AWS's code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
