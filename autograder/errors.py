"""What the grading harness raises: each message names the remedy."""


class AutograderError(Exception):
    """Base of the harness's own errors; a command ends with 2 then, since 1 means missing points."""

    exit_code = 2


class UsageError(AutograderError):
    """The command was called wrongly: an unknown outcome, a missing value."""


class Mistake(AutograderError):
    """What a criterion found wrong; `earned` points are given all the same."""

    def __init__(self, message: str, *, earned: float = 0) -> None:
        super().__init__(message)
        self.earned = earned
