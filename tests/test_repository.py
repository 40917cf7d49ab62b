"""The house itself: who imports whom, what the README promises, and the conda route."""

import ast
import re
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
FORBIDDEN = {
    "localaws": {"labkit", "autograder", "IPython", "nbgrader"},
    "labkit": {"localaws", "autograder", "moto", "nbgrader"},
    "autograder": {"localaws", "moto"},
}
# conda-forge's own names, as its documentation lists them
CONDA_PACKAGES = {"python", "pip", "make"}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("package", sorted(FORBIDDEN))
def test_imports_run_one_way(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    wrong = {str(file): found for file in files if (found := set(imports(file)) & FORBIDDEN[package])}
    assert files
    assert wrong == {}


def test_modules_keep_their_size() -> None:
    packages = [ROOT / name for name in FORBIDDEN]
    sizes = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for package in packages
        for path in package.rglob("*.py")
    }
    assert {path: size for path, size in sizes.items() if size > 500} == {}


def test_a_wheel_holds_the_packages_data() -> None:
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    files = {path for name in FORBIDDEN for path in (ROOT / name).rglob("*") if path.is_file()}
    packages = {path.parent for path in files if path.name == "__init__.py"}
    held = {
        file
        for package in packages
        for pattern in (*patterns["*"], *patterns.get(".".join(package.relative_to(ROOT).parts), ()))
        for file in package.glob(pattern)
    }
    assert held
    assert {path for path in files - held if path.suffix not in (".py", ".pyc")} == set()


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_the_makefile_has_every_target_that_the_readme_names() -> None:
    named = set(re.findall(r"`make ([a-z]+)`|^make ([a-z]+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert {"install", "lab", "test", "check", "release", "bench"} <= targets()
    assert {name for pair in named for name in pair if name} <= targets()


def test_the_readme_links_to_what_exists() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text())
    assert links
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


def test_the_conda_route_is_the_same_list() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    packages = [item for item in environment["dependencies"] if isinstance(item, str)]
    (pip,) = [item["pip"] for item in environment["dependencies"] if isinstance(item, dict)]
    assert environment["channels"] == ["conda-forge"]
    assert {re.split(r"[=<>]", package)[0] for package in packages} <= CONDA_PACKAGES
    # make install runs the same requirement, so installing it is what every run of this test began with
    (requirement,) = pip
    assert requirement.removeprefix("-e ") in (ROOT / "Makefile").read_text()


def test_what_the_pip_part_asks_for_is_installed_here() -> None:
    asked = [Requirement(text) for text in metadata.requires("aws-databases-course") or []]
    wanted = [item for item in asked if not item.marker or item.marker.evaluate({"extra": "dev"})]
    found = {item.name: metadata.version(item.name) for item in wanted}
    assert len(wanted) > 15
    assert [
        f"{item} is {found[item.name]}" for item in wanted if found[item.name] not in item.specifier
    ] == []


def test_the_users_packages_are_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[\[<>=]", item)[0] for item in project["dependencies"]}
    assert {"jupyterlab", "nbgrader", "boto3", "psycopg", "redis", "pandas", "ipywidgets"} <= names
