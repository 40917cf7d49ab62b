"""moto's tests: they are in its source distribution, which pip fetches once."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

import platformdirs

# What moto's tests import and moto itself does not need.
EXTRAS = ("freezegun>=1.5,<2",)


def cache() -> Path:
    """Return the folder for what is fetched and for the server's log."""
    folder: Path = platformdirs.user_cache_path("localaws", appauthor=False, ensure_exists=True) / "suites"
    folder.mkdir(exist_ok=True)
    return folder


def sources() -> Path:
    """Return the folder of moto's source distribution, of the release that is installed."""
    release = version("moto")
    folder = cache() / f"moto-{release}"
    if not (folder / "extras").is_dir():
        source = ("--no-binary", ":all:", "--no-deps", "--dest", str(cache()), f"moto=={release}")
        _pip("download", *source)
        with tarfile.open(cache() / f"moto-{release}.tar.gz") as archive:
            archive.extractall(cache(), filter="data")
        _pip("install", "--no-deps", "--target", str(folder / "extras"), *EXTRAS)
    return folder


def _pip(*words: str) -> None:
    command = [sys.executable, "-m", "pip", words[0], "--quiet", "--disable-pip-version-check", *words[1:]]
    subprocess.run(command, check=True)
