"""Rules that a program can check in the course's notebooks (source/).

Conventions, which the rules follow:

- Headings `## Objectives`, `## Time`, `## Cost on AWS`, `## Fidelity` before the first code cell.
- An exercise is a text cell with `**Exercise … (N points)**`, then its solution cell(s), then its test cell.
- Solution cell: nbgrader solution=true, locked=false, grade=false, grade_id `<outcome>-solution…`.
- Test cell: grade=true, locked=true, solution=false, points=N, grade_id = the outcome's id with `-` for `.`.
- Hints are `<details>` elements. Discussions of solutions have the tag `discussion`.
"""

import ast
import json
import re
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder.errors import UsageError
from autograder.outcome import canonical, outcomes

BLOCKS = ("## Objectives", "## Time", "## Cost on AWS", "## Fidelity")
EXERCISE = re.compile(r"\*\*Exercise\b[^*]*\((\d+(?:\.\d+)?) points?\)[^*]*\*\*")
HINT = re.compile(r"^\W*hint\b", re.IGNORECASE | re.MULTILINE)
DETAILS = re.compile(r"<details.*?</details>", re.DOTALL)
VERSION = re.compile(
    r"(?i)\b(?:postgres(?:ql)?|mysql|mariadb|valkey|redis|aurora)\s*(?:version\s*)?\d+(?:\.\d+)*\b"
)
ENGINE_VERSION = re.compile(r"EngineVersion\s*=\s*[\"']")
FAMILY = re.compile(r"[\"'](?:postgres|mysql|mariadb|aurora-postgresql|valkey|redis)\d[\d.]*[\"']")
WORD = re.compile(r"\w[\w'’-]*")
CODE_SPAN = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)
PROSE_WORDS = 80
CODE_LINES = 5


@dataclass(frozen=True)
class Cell:
    """A cell with its number (from 1) and nbgrader's metadata."""

    number: int
    kind: str
    source: str
    outputs: list[Any] = field(default_factory=list)
    executed: bool = False
    nbgrader: dict[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()

    @property
    def graded(self) -> bool:
        """A cell with points."""
        return bool(self.nbgrader.get("grade"))

    @property
    def solution(self) -> bool:
        """A cell for the learner's answer."""
        return bool(self.nbgrader.get("solution"))

    @property
    def grade_id(self) -> str:
        """Nbgrader's name of the cell."""
        return str(self.nbgrader.get("grade_id", ""))


@dataclass(frozen=True)
class Problem:
    """A broken rule."""

    path: Path
    cell: int
    message: str

    def __str__(self) -> str:
        where = f"{self.path}:{self.cell}" if self.cell else str(self.path)
        return f"{where}: {self.message}"


Found = Iterator[tuple[int, str]]


def lint_paths(paths: Sequence[Path], *, quiet: bool = False) -> int:
    """Lint notebooks and folders of them; prints broken rules and lengths; 1 when a rule is broken."""
    notebooks = [notebook for path in paths for notebook in _notebooks(path)]
    if not notebooks:
        raise UsageError(
            f"No notebooks in {', '.join(map(str, paths))}: give a notebook or a folder of notebooks."
        )
    problems = 0
    for path in notebooks:
        cells = read_cells(path)
        found = lint_cells(path, cells)
        problems += len(found)
        for problem in found:
            print(problem)
        if not quiet:
            print(f"{path}: {lengths(cells)}")
    return int(problems > 0)


def lint_cells(path: Path, cells: Sequence[Cell]) -> list[Problem]:
    """Every broken rule, in the order of the cells."""
    found = [Problem(path, number, message) for rule in RULES for number, message in rule(cells)]
    return sorted(found, key=lambda problem: problem.cell)


def read_cells(path: Path) -> list[Cell]:
    """The notebook's cells; raises UsageError when the file is no notebook."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return [_cell(number, cell) for number, cell in enumerate(document["cells"], 1)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is not a notebook ({type(error).__name__}: {error}).") from error


def lengths(cells: Sequence[Cell]) -> str:
    """Cell and prose lengths in one line."""
    code = [_code_lines(cell.source) for cell in cells if cell.kind == "code"] or [0]
    prose = [_words(cell.source) for cell in cells if cell.kind == "markdown"] or [0]
    return (
        f"{len(cells)} cells; code lines median {statistics.median(code):g}, longest {max(code)}; "
        f"words a text cell median {statistics.median(prose):g}, longest {max(prose)}"
    )


def opening(cells: Sequence[Cell]) -> Found:
    """The notebook opens with its four blocks."""
    head: list[str] = []
    for cell in cells:
        if cell.kind == "code":
            break
        head += (line.strip() for line in cell.source.splitlines())
    for block in BLOCKS:
        if block not in head:
            yield 0, f"'{block}' is missing before the first code cell"


def cleared(cells: Sequence[Cell]) -> Found:
    """Nothing is stored that a run produced."""
    for cell in cells:
        if cell.outputs or cell.executed:
            yield cell.number, "has outputs: clear them"


def named_once(cells: Sequence[Cell]) -> Found:
    """Grade ids exist and are unique."""
    seen: dict[str, int] = {}
    for cell in cells:
        if not (cell.graded or cell.solution):
            continue
        if not cell.grade_id:
            yield cell.number, "has no grade_id"
        elif cell.grade_id in seen:
            yield cell.number, f"grade_id {cell.grade_id!r} is cell {seen[cell.grade_id]}'s"
        seen.setdefault(cell.grade_id, cell.number)


def exercises(cells: Sequence[Cell]) -> Found:
    """Exercise, solution, test: in this order, with the same points."""
    printed: float | None = None
    solutions: list[Cell] = []
    known = {canonical(name): outcome for name, outcome in outcomes().items()}
    for cell in cells:
        match = EXERCISE.search(cell.source) if cell.kind == "markdown" else None
        if match:
            if printed is not None:
                yield cell.number, "the exercise before this one has no test cell"
            printed, solutions = float(match[1]), []
        elif cell.solution and not cell.graded:
            solutions.append(cell)
        elif cell.graded and not cell.solution:
            points = float(cell.nbgrader.get("points", 0))
            yield from _judged(cell, points, printed, solutions)
            named = known.get(canonical(cell.grade_id))
            if named is None:
                yield cell.number, f"grade_id {cell.grade_id!r} is no outcome: see `autograder outcomes`"
            elif named.points != points:
                yield (
                    cell.number,
                    f"{points:g} points, but the outcome is worth {named.points:g}",
                )
            printed, solutions = None, []
    if printed is not None:
        yield 0, "the last exercise has no test cell"


def _judged(cell: Cell, points: float, printed: float | None, solutions: Sequence[Cell]) -> Found:
    if points <= 0:
        yield cell.number, "is graded with no points"
    if not cell.nbgrader.get("locked"):
        yield cell.number, "is a test cell that is not locked"
    if printed is None:
        yield cell.number, "has no '**Exercise … (N points)**' before it"
    elif printed != points:
        yield cell.number, f"{printed:g} points are printed, the metadata has {points:g}"
    if not solutions:
        yield cell.number, "has no solution cell between its exercise and itself"
    for solution in solutions:
        if not solution.grade_id.startswith(f"{cell.grade_id}-solution"):
            yield (
                solution.number,
                f"grade_id {solution.grade_id!r} should begin with '{cell.grade_id}-solution'",
            )
        if solution.nbgrader.get("locked"):
            yield solution.number, "is a solution cell that is locked"


def hints(cells: Sequence[Cell]) -> Found:
    """Hints are collapsed."""
    for cell in cells:
        if cell.kind == "markdown" and HINT.search(DETAILS.sub("", cell.source)):
            yield cell.number, "shows a hint: put it into <details>"


def short_prose(cells: Sequence[Cell]) -> Found:
    """At most 80 words a text cell; collapsed parts, tables and solutions' discussions are counted apart."""
    for cell in cells:
        if cell.kind == "markdown" and _words(cell.source) > PROSE_WORDS:
            yield cell.number, f"has {_words(cell.source)} words: split it at {PROSE_WORDS}"


def short_code(cells: Sequence[Cell]) -> Found:
    """The median code cell has 5 lines or fewer."""
    code = [_code_lines(cell.source) for cell in cells if cell.kind == "code"]
    if code and statistics.median(code) > CODE_LINES:
        yield 0, f"the median code cell has {statistics.median(code):g} lines: {CODE_LINES} at most"


def waits(cells: Sequence[Cell]) -> Found:
    """No bare sleep."""
    for cell in cells:
        if cell.kind == "code" and any(_calls(cell.source, "sleep")):
            yield cell.number, "sleeps: use a waiter, or poll until a deadline"


def versions(cells: Sequence[Cell]) -> Found:
    """No pinned engine version."""
    for cell in cells:
        patterns = (ENGINE_VERSION, FAMILY) if cell.kind == "code" else (VERSION,)
        for pattern in patterns:
            match = pattern.search(cell.source)
            if match:
                yield cell.number, f"pins a version ({match[0]}): discover it at run time"


def dollars(cells: Sequence[Cell]) -> Found:
    """No text between two dollar signs, which JupyterLab sets as a formula, escaped or not."""
    for cell in cells:
        if cell.kind == "markdown":
            text = CODE_SPAN.sub("", cell.source)
            # a cell of a table is a paragraph of its own
            parts = re.split(r"\n\s*\n|\||\n(?=\|)", text)
            if any(part.count("$") > 1 for part in parts):
                yield cell.number, "has two dollar signs in a paragraph, a formula: write one in words"


RULES: tuple[Callable[[Sequence[Cell]], Iterable[tuple[int, str]]], ...] = (
    opening,
    cleared,
    named_once,
    exercises,
    hints,
    short_prose,
    short_code,
    waits,
    versions,
    dollars,
)


def _notebooks(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(p for p in path.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)
    return [path]


def _cell(number: int, cell: dict[str, Any]) -> Cell:
    source = cell["source"]
    return Cell(
        number,
        cell["cell_type"],
        source if isinstance(source, str) else "".join(source),
        cell.get("outputs", []),
        cell.get("execution_count") is not None,
        cell["metadata"].get("nbgrader", {}),
        tuple(cell["metadata"].get("tags", ())),
    )


def _words(text: str) -> int:
    visible = re.sub(r"```.*?```", "", DETAILS.sub("", text), flags=re.DOTALL)
    lines = [line for line in visible.splitlines() if not line.lstrip().startswith("|")]
    return len(WORD.findall(re.sub(r"<[^>]+>|\]\([^)]*\)", "", "\n".join(lines))))


def _code_lines(source: str) -> int:
    return sum(1 for line in source.splitlines() if line.strip() and not line.lstrip().startswith("#"))


def _calls(source: str, name: str) -> Iterator[ast.Call]:
    # IPython's own syntax is no Python
    lines = ["" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines()]
    try:
        tree = ast.parse("\n".join(lines))
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func
            if (isinstance(called, ast.Attribute) and called.attr == name) or (
                isinstance(called, ast.Name) and called.id == name
            ):
                yield node
