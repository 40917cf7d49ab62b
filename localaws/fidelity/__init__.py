"""How far each service goes: its features, each real, modelled, API only or absent.

A service that is a package keeps its FEATURES in its own `fidelity` module; the others, and the network, have
theirs here. `python -m localaws.fidelity` writes docs/local-vs-aws.md from all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["real", "modelled", "API only", "absent"]

KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Feature:
    """One feature of a service, how far it goes here, and what a learner should know of the difference."""

    name: str
    kind: Kind
    note: str
