"""Outcomes: what a graded cell is judged by, one function each, and the verdict that comes out."""

import importlib
import inspect
import json
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Concatenate, ParamSpec, TypeVar

from autograder.errors import AutograderError, Mistake, UsageError

P = ParamSpec("P")
A = TypeVar("A")

LONGEST_VALUE = 200_000
"""Characters that a value sent by a notebook may have."""

LONGEST_ANSWER = 20_000
"""Characters that a structured value (a dict, a list, a number) may have as JSON."""


@dataclass(frozen=True)
class Finding:
    """One criterion's result; `message` names the mistake and is empty when there is none."""

    title: str
    points: float
    earned: float
    message: str = ""


@dataclass(frozen=True)
class Verdict:
    """An outcome's findings."""

    outcome: str
    title: str
    findings: tuple[Finding, ...]

    @property
    def points(self) -> float:
        """What the outcome is worth."""
        return sum(finding.points for finding in self.findings)

    @property
    def earned(self) -> float:
        """What was reached."""
        return sum(finding.earned for finding in self.findings)

    def document(self) -> dict[str, object]:
        """The verdict as JSON values."""
        return {
            "outcome": self.outcome,
            "title": self.title,
            "points": self.points,
            "earned": self.earned,
            "findings": [asdict(finding) for finding in self.findings],
        }

    @classmethod
    def parse(cls, document: Mapping[str, object]) -> "Verdict":
        """The verdict that `document()` wrote."""
        findings = document["findings"]
        if not isinstance(findings, list):
            raise AutograderError("This record is not one of the examiner's: 'findings' is not a list.")
        return cls(
            str(document["outcome"]), str(document["title"]), tuple(Finding(**item) for item in findings)
        )


class Sheet:
    """Collects an outcome's findings; a criterion that breaks costs its own points and no others."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def judge(
        self, title: str, points: float, criterion: Callable[P, object], *args: P.args, **kwargs: P.kwargs
    ) -> bool:
        """Record what the criterion finds; it raises Mistake or returns. True when nothing is missing."""
        finding = _examined(title, points, lambda: criterion(*args, **kwargs))
        self.findings.append(finding)
        return not finding.message


def _examined(title: str, points: float, look: Callable[[], object]) -> Finding:
    try:
        look()
    except Mistake as mistake:
        return Finding(title, points, min(points, mistake.earned), str(mistake))
    except Exception as error:
        detail = " ".join(str(error).split())[:300]
        return Finding(title, points, 0, f"could not be examined: {type(error).__name__}: {detail}")
    return Finding(title, points, points)


@dataclass(frozen=True)
class Outcome:
    """A registered outcome; `values` are the names that the graded cell sends.

    A value is text, unless its name is among `structured`: then it is any JSON value.
    """

    id: str
    title: str
    points: float
    examine: Callable[..., None]
    values: tuple[str, ...]
    structured: frozenset[str] = frozenset()

    @property
    def texts(self) -> tuple[str, ...]:
        """The values that are text."""
        return tuple(name for name in self.values if name not in self.structured)

    def verdict(self, account: object, values: Mapping[str, object]) -> Verdict:
        """Judge the account. Never raises: what cannot be examined earns nothing, and says why."""
        sheet = Sheet()
        problem = _problem(self, values)
        if not problem:
            rest = _examined(self.title, 0, lambda: self.examine(sheet, account, **values))
            problem = rest.message
        missing = self.points - sum(finding.points for finding in sheet.findings)
        if problem or missing:
            message = problem or "could not be examined: the examiner stopped early"
            sheet.findings.append(Finding(self.title, missing, 0, message))
        return Verdict(self.id, self.title, tuple(sheet.findings))


def _problem(outcome: Outcome, values: Mapping[str, object]) -> str:
    unknown = sorted(set(values) - set(outcome.values))
    if unknown:
        return f"{', '.join(unknown)}: not asked for; this check takes {', '.join(outcome.values)}"
    for name in outcome.values:
        value = values.get(name)
        if name in outcome.structured:
            if value in (None, "", {}, []):
                return f"{name} is missing: pass it to check({outcome.id!r}, …)"
            length, longest = _json_length(value), LONGEST_ANSWER
        elif not isinstance(value, str) or not value:
            return f"{name} is missing: pass it to check({outcome.id!r}, …) as text"
        else:
            length, longest = len(value), LONGEST_VALUE
        if length > longest:
            return f"{name} is longer than {longest:,} characters: send less"
    return ""


def _json_length(value: object) -> int:
    try:
        return len(json.dumps(value, ensure_ascii=False))
    except (TypeError, ValueError, RecursionError):
        return LONGEST_ANSWER + 1


@dataclass
class Registry:
    """The outcomes by id."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Register; an id can be used once."""
        if outcome.id in self.outcomes:
            raise AutograderError(f"Two outcomes are called {outcome.id!r}: rename one.")
        self.outcomes[outcome.id] = outcome


_registry = Registry()


def outcome(
    id: str, *, title: str, points: float
) -> Callable[[Callable[Concatenate[Sheet, A, ...], None]], Outcome]:
    """Register the decorated function; its keyword-only arguments are the values that it asks for.

    An argument that is annotated with anything but `str` takes a structured value.
    """

    def register(function: Callable[Concatenate[Sheet, A, ...], None]) -> Outcome:
        parameters = inspect.signature(function).parameters.values()
        asked = [p for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY]
        structured = frozenset(p.name for p in asked if p.annotation not in (str, "str"))
        made = Outcome(id, title, points, function, tuple(p.name for p in asked), structured)
        _registry.add(made)
        return made

    return register


def outcomes() -> dict[str, Outcome]:
    """Every outcome by id; the modules of `autograder.outcomes` are loaded on the first call."""
    from autograder import outcomes as package

    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return dict(sorted(_registry.outcomes.items()))


def find_outcome(id: str) -> Outcome:
    """The outcome called `lab-6.1`, `6.1`, `LAB 6.1` or, as in a grade id, `lab-6-1`; raises UsageError."""
    known = outcomes()
    wanted = canonical(id)
    for name, found in known.items():
        if canonical(name) in (wanted, f"lab-{wanted}"):
            return found
    raise UsageError(f"There is no outcome {id!r}. Known: {', '.join(known)}.")


def canonical(id: str) -> str:
    """An id as grade ids are written: nbgrader's editor takes no dots in them."""
    return id.strip().lower().replace(" ", "-").replace(".", "-")
