"""`reset`: an empty account again, where nothing but the lab can be lost."""

import os

from labkit import local
from labkit.backends import backend, choose_backend
from labkit.errors import GuardError


def reset() -> None:
    """Delete everything in the local account; the keys and the endpoint in this kernel stay valid.

    Raises GuardError on any other back end: there labkit deletes nothing.
    """
    target = backend()
    if os.environ.get("LAB_EXAMINER"):
        raise GuardError("reset refused: this account is being graded.")
    if target.name == "aws":
        target.require_guards("reset")
    if target.name != "local":
        raise GuardError(f"labkit deletes nothing on {target.title}. {target.starting_over}")
    local.run_localaws("reset")
    choose_backend("local")
