"""What a back end is: the AWS in use, its guards and its certificates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import boto3

from labkit.errors import GuardError


@dataclass(frozen=True)
class Guard:
    """A precondition: what it is, whether it is met, and what to do when not."""

    title: str
    met: bool
    remedy: str = ""


@dataclass(frozen=True, kw_only=True)
class Backend:
    """The AWS in use: who and where it is, how to reach it, and what it refuses."""

    name: str
    title: str
    region: str
    account_id: str
    endpoint_url: str | None
    environment: Mapping[str, str | None] = field(repr=False)
    reality: str
    starting_over: str
    guards: tuple[Guard, ...] = ()
    find_ca_bundle: Callable[[], Path] = field(repr=False)

    def session(self) -> boto3.Session:
        """A new boto3 session on this back end."""
        return boto3.Session(region_name=self.region)

    @property
    def ca_bundle(self) -> Path:
        """The certificates (PEM) that database endpoints are verified with."""
        return self.find_ca_bundle()

    def require_guards(self, action: str) -> None:
        """Raise GuardError, naming what is missing, unless every guard is met."""
        missing = [f"{guard.title}: {guard.remedy}" for guard in self.guards if not guard.met]
        if missing:
            raise GuardError(f"{action} refused on {self.title}. " + "; ".join(missing))
