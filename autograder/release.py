"""Makes the learners' notebooks: nbgrader's own generate_assignment, the same bytes each time."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from autograder.course import course_config
from autograder.errors import AutograderError


def release(root: Path) -> int:
    """Bring `notebooks/` up to date with `source/`; files that are the same are left alone."""
    for name, target, content in _stale(root):
        if content is None:
            target.unlink()
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        print(f"{'removed' if content is None else 'written'}: {name}")
    return 0


def check_release(root: Path) -> int:
    """Say which notebooks are stale; 1 when there are any."""
    stale = [name for name, _, _ in _stale(root)]
    for name in stale:
        print(f"stale: {name}")
    if stale:
        print("Run `autograder release` and commit what it writes.")
    return int(bool(stale))


def _stale(root: Path) -> list[tuple[str, Path, bytes | None]]:
    config = course_config(root)
    settings = config.CourseDirectory
    source, released = root / settings.source_directory, root / settings.release_directory
    assignments = (
        sorted(path.name for path in source.iterdir() if any(path.glob("*.ipynb"))) if source.is_dir() else []
    )
    if not assignments:
        raise AutograderError(
            f"{source} holds no assignments: run this in the course's folder, or give --root."
        )
    with tempfile.TemporaryDirectory(prefix="release-") as made:
        for assignment in assignments:
            _generate(root, Path(made), assignment, config)
        fresh = {str(path.relative_to(made)): path.read_bytes() for path in _files(Path(made))}
    # other files there may be what somebody made while working through a notebook
    kept = {
        str(path.relative_to(released)): path.read_bytes()
        for path in _files(released)
        if path.suffix == ".ipynb" or str(path.relative_to(released)) in fresh
    }
    names = sorted(name for name in fresh.keys() | kept.keys() if fresh.get(name) != kept.get(name))
    return [(f"{released.name}/{name}", released / name, fresh.get(name)) for name in names]


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and ".ipynb_checkpoints" not in path.parts:
            yield path


def _generate(root: Path, made: Path, assignment: str, config: Config) -> None:
    workplace = made.parent / f"{made.name}-course"
    try:
        shutil.copytree(root / config.CourseDirectory.source_directory, workplace / "source")
        settings = config.copy()
        settings.merge(
            Config(
                CourseDirectory={
                    "root": str(workplace),
                    "source_directory": "source",
                    "release_directory": "release",
                    "assignment_id": assignment,
                },
                GenerateAssignment={"no_database": True},
                SaveCells={"enabled": False},
            )
        )
        coursedir = CourseDirectory(config=settings)
        GenerateAssignment(coursedir=coursedir, config=settings).start()
        shutil.copytree(workplace / "release" / assignment, made / assignment)
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
