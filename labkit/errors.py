"""What labkit raises: each message is one line that names the remedy."""

from html import escape

import psycopg


class LabkitError(Exception):
    """Base of everything that labkit raises on purpose; a notebook shows it as one line."""

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]

    def html(self) -> str:
        """The message, safe to put into a page."""
        return escape(f"{type(self).__name__}: {self}")


class BackendError(LabkitError):
    """The back end cannot be used: not installed, not running, not reachable or not configured."""


class GuardError(LabkitError):
    """Refused, because it would create or delete something that is not ours to touch."""


class TunnelError(LabkitError):
    """No way through the EC2 host."""


class ConnectionFailed(LabkitError, psycopg.OperationalError):
    """The database could not be reached or did not let the caller in."""


class DataError(LabkitError):
    """ShopStream data was asked for that does not exist."""


class PictureError(LabkitError):
    """There is nothing of this name to draw."""


class CheckError(LabkitError):
    """The examiner could not look (which says nothing about your work)."""


class NotYet(LabkitError):
    """A check found points missing; the table above it says where."""
