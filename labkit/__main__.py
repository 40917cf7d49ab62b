"""`python -m labkit` (what `make lab` runs): the embedded AWS and JupyterLab, opened on the course."""

import json
import os
import signal
import subprocess
import sys
import webbrowser
from pathlib import Path

FIRST_NOTEBOOK = "notebooks/week6/01-choosing-a-database.ipynb"


def _localaws(verb: str, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "localaws", verb, *options], stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode not in (0, 3):
        sys.exit(done.returncode)
    return done.stdout


def _running() -> bool:
    status = json.loads(_localaws("status", "--json"))
    return bool(status["running"])


def _has_browser() -> bool:
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


def jupyter_command(root: Path, arguments: list[str]) -> list[str]:
    """The JupyterLab command line for the course at `root`; `arguments` are passed on to Jupyter."""
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={root}"]
    if (root / FIRST_NOTEBOOK).exists():
        command.append(f"--LabApp.default_url=/lab/tree/{FIRST_NOTEBOOK}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    if not _has_browser():
        command.append("--no-browser")
    return command + arguments


def main() -> None:
    """Start both, wait for JupyterLab to end, and stop the embedded AWS if it was started here."""
    was_running = _running()
    print(_localaws("start"), end="")
    print("JupyterLab prints its address below; open it in a browser. Ctrl-C twice ends it.", flush=True)
    jupyter = subprocess.Popen(jupyter_command(Path.cwd(), sys.argv[1:]))
    # Ctrl-C reaches Jupyter too, which asks before it ends: wait for its answer instead of dying first.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: jupyter.terminate())
    try:
        jupyter.wait()
    finally:
        if not was_running:
            _localaws("stop")
            print("Stopped. Your databases and their rows are kept for the next `make lab`.")


if __name__ == "__main__":
    main()
