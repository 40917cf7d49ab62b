"""Where each line of the syllabus is taught: docs/syllabus-map.md, from the tags of the notebooks' cells."""

import json
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from autograder.errors import AutograderError

PAGE = Path("docs") / "syllabus-map.md"
TAG = "syllabus:"
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
_HEAD = """# Where the syllabus is taught

Made by `autograder syllabus` from the tags of the notebooks' cells; a test fails when a line has none.
"""


@dataclass(frozen=True)
class Section:
    """Lines (id and text) of the syllabus, and the folder of source/ that has to teach them, if any has."""

    title: str
    lines: Sequence[tuple[str, str]]
    folder: str = ""


@dataclass(frozen=True)
class Place:
    """A cell that teaches a line: its notebook and the heading above it."""

    notebook: str
    heading: str


def sections() -> list[Section]:
    """The syllabus."""
    text = resources.files("autograder").joinpath("syllabus.toml").read_text(encoding="utf-8")
    found = [
        Section(entry["title"], [(id, line) for id, line in entry["lines"]], entry.get("folder", ""))
        for entry in tomllib.loads(text)["section"]
    ]
    ids = [id for section in found for id, _ in section.lines]
    twice = sorted({id for id in ids if ids.count(id) > 1})
    if twice:
        raise AutograderError(
            f"autograder/syllabus.toml has two lines called {', '.join(twice)}: rename one."
        )
    return found


def write_map(root: Path, *, check: bool = False) -> int:
    """Write the page, or with `check` only say that it is stale; 1 then, and when a line is not taught."""
    known = sections()
    places = taught(root)
    lines = {id for section in known for id, _ in section.lines}
    problems = [f"no line of the syllabus is called {id}" for id in sorted(places.keys() - lines)]
    problems += [f"no cell teaches {id}: {line}" for id, line in missing(root, known, places)]
    page = render(known, places)
    file = root / PAGE
    if check and (not file.exists() or file.read_text(encoding="utf-8") != page):
        problems.append(f"{PAGE} is stale: run `autograder syllabus` and commit what it writes")
    elif not check:
        file.parent.mkdir(exist_ok=True)
        file.write_text(page, encoding="utf-8")
    for problem in problems:
        print(problem)
    return int(bool(problems))


def taught(root: Path) -> dict[str, list[Place]]:
    """For each line the places that teach it, in the notebooks' order."""
    found: dict[str, list[Place]] = defaultdict(list)
    for path in sorted((root / "source").glob("*/*.ipynb")):
        name = str(path.relative_to(root / "source"))
        for id, heading in _tags(path):
            place = Place(name, heading)
            if place not in found[id]:
                found[id].append(place)
    return dict(found)


def missing(
    root: Path, known: Sequence[Section], places: Mapping[str, Sequence[Place]]
) -> Iterator[tuple[str, str]]:
    """The lines that the folders which exist should teach, and do not."""
    for section in known:
        if (root / "source" / section.folder).is_dir():
            for id, line in section.lines:
                if not any(place.notebook.startswith(section.folder) for place in places.get(id, ())):
                    yield id, line


def render(known: Sequence[Section], places: Mapping[str, Sequence[Place]]) -> str:
    """The page."""
    parts = [_HEAD]
    for section in known:
        rows = [f"| {line} | {_cell(places.get(id, ()))} |" for id, line in section.lines]
        parts.append("\n".join([f"## {section.title}\n", "| line | where |", "|---|---|", *rows, ""]))
    return "\n".join(parts)


def _cell(places: Sequence[Place]) -> str:
    headings: dict[str, list[str]] = defaultdict(list)
    for place in places:
        headings[place.notebook].append(place.heading)
    links = {notebook: f"[{Path(notebook).stem}](../notebooks/{notebook})" for notebook in headings}
    return "; ".join(f"{links[notebook]}: {', '.join(names)}" for notebook, names in headings.items()) or "–"


def _tags(path: Path) -> Iterator[tuple[str, str]]:
    heading = ""
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            heading = (_HEADING.findall(source) or [heading])[0]
        for tag in cell["metadata"].get("tags", ()):
            if tag.startswith(TAG):
                yield tag.removeprefix(TAG), heading
