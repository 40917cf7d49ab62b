"""The exceptions that a user of localaws can meet; each message names the remedy."""

from __future__ import annotations


class LocalawsError(Exception):
    """Base of every error that localaws reports to its user."""

    exit_code = 1


class StateError(LocalawsError):
    """The state folder cannot be used."""

    exit_code = 2


class PortTaken(LocalawsError):
    """The port that was asked for belongs to another program."""

    exit_code = 3


class StartFailed(LocalawsError):
    """The server did not come up."""

    exit_code = 4


class NotRunning(LocalawsError):
    """There is no server for this state folder."""

    exit_code = 5


class AlreadyServed(LocalawsError):
    """Another server holds the state folder."""

    exit_code = 6


class RestoreFailed(LocalawsError):
    """The journal or the snapshot cannot be read back."""

    exit_code = 7
