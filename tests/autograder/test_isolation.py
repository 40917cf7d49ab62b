"""A learner's code is confined: time, memory, files, environment, and the processes it leaves behind."""

import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from autograder import isolation, landlock
from autograder.choices import KEYS
from autograder.isolation import Ended, Limits, Sandbox, run, sandbox


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with sandbox() as box:
        yield box


def python(box: Sandbox, code: str, *, seconds: float = 20, limits: Limits | None = None) -> Ended:
    command = [sys.executable, "-I", "-c", code]
    return run(command, box, {"GIVEN": "1"}, text="in", seconds=seconds, limits=limits or Limits())


def test_input_output_and_code(box: Sandbox) -> None:
    ended = python(box, "import sys; print(sys.stdin.read()); print('no', file=sys.stderr); sys.exit(3)")
    assert ended == Ended(3, "in\n", "no\n")


def test_nothing_of_the_grader_is_in_the_environment(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "grader")
    monkeypatch.setenv("LAB_KEY", "grader")
    ended = python(box, "import os; print(os.getcwd(), os.environ['HOME'], sorted(os.environ))")
    assert str(box.folder) in ended.output
    assert "GIVEN" in ended.output
    assert "AWS_" not in ended.output
    assert "LAB_KEY" not in ended.output


def test_an_endless_loop_is_ended(box: Sandbox) -> None:
    assert python(box, "while True: pass", seconds=1).code is None


def test_limits_hold(box: Sandbox) -> None:
    limits = Limits(memory=512, file=1)
    assert "MemoryError" in python(box, "x = bytearray(1 << 30)", limits=limits).errors
    ended = python(
        box, "import signal; f = open('big', 'wb'); f.write(b'x' * (2 << 20)); f.flush()", limits=limits
    )
    assert ended.code != 0
    assert (box.folder / "big").stat().st_size <= 1 << 20


def test_a_detached_process_does_not_outlive_it(box: Sandbox) -> None:
    code = (
        "import subprocess, sys\n"
        "command = [sys.executable, '-c', 'import time; time.sleep(99)']\n"
        "p = subprocess.Popen(command, start_new_session=True)\n"
        "print(p.pid)"
    )
    pid = int(python(box, code).output)
    if psutil.pid_exists(pid):
        assert psutil.Process(pid).wait(timeout=10) is None or not psutil.pid_exists(pid)


def test_the_folder_is_removed() -> None:
    with sandbox() as box:
        folder: Path = box.folder
        (folder / "file").write_text("x")
    assert not folder.exists()


ROOT = Path(__file__).parents[2]
needs_landlock = pytest.mark.skipif(
    landlock.version() < landlock.SCOPES_SINCE, reason="this kernel's Landlock has no scopes"
)

ATTEMPTS = """
import json, os, signal, socket, sys
given = json.load(sys.stdin)
course, other = given["course"], given["process"]
record = f"{course}/.examiner/record.jsonl"
attempts = {
    "list the course": lambda: os.listdir(course),
    "read the source": lambda: open(f"{course}/source/week6/key.py").read(),
    "read a submission": lambda: open(f"{course}/submitted/other/shop_app.py").read(),
    "link to the source": lambda: os.symlink(f"{course}/source/week6/key.py", "key") or open("key").read(),
    "hard link to the source": lambda: os.link(f"{course}/source/week6/key.py", "hard"),
    "read the credentials": lambda: open(f"{course}/state/credentials.json").read(),
    "append to the record": lambda: open(record, "a"),
    "truncate the record": lambda: os.truncate(record, 0),
    "remove the record": lambda: os.remove(record),
    "replace the record": lambda: os.rename("input", record),
    "make a file beside it": lambda: open(f"{course}/new", "w"),
    "write for the next one": lambda: open("/dev/shm/left", "w"),
    "write into Python": lambda: open(os.path.join(sys.prefix, "left"), "w"),
    "kill": lambda: os.kill(other, signal.SIGKILL),
    "kill the parent": lambda: os.kill(os.getppid(), 0),
    "read its environment": lambda: open(f"/proc/{other}/environ").read(),
    "read the parent's": lambda: open(f"/proc/{os.getppid()}/environ").read(),
    "read its memory": lambda: open(f"/proc/{other}/mem"),
    "go through its folder": lambda: os.listdir(f"/proc/{other}/cwd/"),
    "read passwords": lambda: open("/etc/shadow").read(),
    "abstract socket": lambda: socket.socket(socket.AF_UNIX).connect("\\0" + given["socket"]),
}
open("input", "w").close()
for name, attempt in attempts.items():
    try:
        attempt()
        print("SUCCEEDED:", name)
    except FileNotFoundError:
        print("MISSING:", name)
    except OSError:
        print("refused:", name)
"""


@pytest.fixture
def course(tmp_path: Path) -> Path:
    root = tmp_path / "course"
    names = ("source/week6/key.py", "submitted/other/shop_app.py", ".examiner/record.jsonl")
    for name in (*names, "state/credentials.json"):
        path = root / name
        path.parent.mkdir(parents=True)
        path.write_text("KEY")
    for path in (*tmp_path.parents, *tmp_path.rglob("*"), tmp_path):
        if tmp_path.parent in (path, *path.parents):
            # so that it is not the modes that refuse
            path.chmod(0o777)
    return root


@needs_landlock
def test_the_course_and_other_processes_are_out_of_reach(box: Sandbox, course: Path) -> None:
    with (
        socket.socket(socket.AF_UNIX) as listener,
        subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env={"KEY": "KEY"}, cwd=course
        ) as other,
    ):
        name = f"lab-test-{os.getpid()}"
        listener.bind(f"\0{name}")
        listener.listen()
        given = json.dumps({"course": str(course), "process": other.pid, "socket": name})
        command = [sys.executable, "-I", "-c", ATTEMPTS]
        ended = run(command, box, {}, text=given, seconds=20, limits=Limits())
        assert other.poll() is None
        other.communicate(b"\n")
    assert (ended.code, ended.errors) == (0, "")
    assert [line for line in ended.output.splitlines() if not line.startswith("refused:")] == []
    assert ended.output.count("refused:") == ATTEMPTS.count("lambda:")
    assert (course / ".examiner/record.jsonl").read_text() == "KEY"


WORK = """
import pathlib, socket, ssl, subprocess, tempfile
import boto3, labkit, pandas, psycopg
pathlib.Path("shop_app.py").write_text("x = 1")
import sys; sys.path.insert(0, ""); import shop_app
assert shop_app.x == 1
with tempfile.NamedTemporaryFile() as file:
    file.write(b"x")
ssl.create_default_context()
assert socket.getaddrinfo("localhost", 80)
boto3.client("rds", region_name="us-east-1")
labkit.shopstream.schema_sql()
print(subprocess.run("echo shell", shell=True, capture_output=True, text=True).stdout)
print(psycopg.pq.version(), pandas.DataFrame({"a": [1]}).a.sum())
child = subprocess.Popen(["sleep", "60"])
child.kill()
assert child.wait() == -9
print("done")
"""


def test_ordinary_work_goes_on(box: Sandbox) -> None:
    ended = python(box, WORK, seconds=60)
    assert (ended.code, ended.errors) == (0, "")
    assert ended.output.endswith("done\n")


INSIDE = """
import sys
from autograder.isolation import Limits, run, sandbox
code = "import own, sys; print(own.__file__); open(sys.argv[1])"
with sandbox() as box:
    ended = run([sys.executable, "-c", code, sys.argv[1]], box, {}, text="", seconds=20, limits=Limits())
print(ended.output, ended.errors)
"""


@needs_landlock
def test_an_environment_in_the_course_opens_only_itself(course: Path) -> None:
    venv.create(course / ".venv", symlinks=True)
    paths = {"base": str(course / ".venv"), "platbase": str(course / ".venv")}
    packages = Path(sysconfig.get_path("purelib", "venv", paths))
    (packages / "own.py").write_text("")
    ended = subprocess.run(
        [course / ".venv/bin/python", "-c", INSIDE, course / "source/week6/key.py"],
        env={"PYTHONPATH": os.pathsep.join([sysconfig.get_path("purelib"), str(ROOT)])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(packages / "own.py") in ended.stdout
    assert "PermissionError" in ended.stdout


READ_KEY = """
import sys
try:
    print(open(sys.argv[1]).read())
except PermissionError:
    print("refused")
"""


@needs_landlock
def test_keys_are_out_of_reach(box: Sandbox) -> None:
    key = next(KEYS.glob("*.toml"))
    command = [sys.executable, "-I", "-c", READ_KEY, str(key)]
    ended = run(command, box, {}, text="", seconds=20, limits=Limits())
    assert (ended.output, ended.errors) == ("refused\n", "")


@needs_landlock
def test_keys_in_the_systems_own_folders_are_out_of_reach(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    # /usr, where a container's image or the system has its Python
    public = (
        file for file in Path("/usr/share").resolve().glob("*/*") if file.is_file() and not file.is_symlink()
    )
    key, *others = [file for file in public if file.stat().st_mode & 0o004]
    beside = next(file for file in others if file.parent != key.parent)
    command = [sys.executable, "-I", "-c", READ_KEY.replace(".read()", "")]
    monkeypatch.setattr(isolation, "HIDDEN", key.parent)
    isolation.readable_folders.cache_clear()
    isolation.listable_folders.cache_clear()
    try:
        said = [
            run([*command, str(file)], box, {}, text="", seconds=20, limits=Limits())
            for file in (key, beside)
        ]
    finally:
        isolation.readable_folders.cache_clear()
        isolation.listable_folders.cache_clear()
    assert [each.errors for each in said] == ["", ""]
    assert said[0].output == "refused\n"
    assert str(beside) in said[1].output


BESIDE = READ_KEY.replace("import sys", "import sys, own")
INSTALLED = """
import sys
from autograder.choices import KEYS
from autograder.isolation import Limits, run, sandbox
key = str(next(KEYS.glob("*.toml")))
with sandbox() as box:
    command = [sys.executable, "-c", sys.argv[1], key]
    ended = run(command, box, {}, text="", seconds=20, limits=Limits())
print(key, ended.output, ended.errors)
"""


@needs_landlock
def test_keys_that_are_installed_beside_the_packages_are_out_of_reach_too(tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", symlinks=True)
    paths = {"base": str(tmp_path / "venv"), "platbase": str(tmp_path / "venv")}
    packages = Path(sysconfig.get_path("purelib", "venv", paths))
    (packages / "own.py").write_text("")
    shutil.copytree(ROOT / "autograder", packages / "autograder")
    for path in (tmp_path, *tmp_path.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755)
    ended = subprocess.run(
        [tmp_path / "venv/bin/python", "-c", INSTALLED, BESIDE],
        env={"PYTHONPATH": sysconfig.get_path("purelib")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(packages) in ended.stdout
    assert ended.stdout.split()[1:] == ["refused"], ended.stdout


@pytest.mark.parametrize(
    ("version", "told"), [(0, "other submissions"), (2, "truncate"), (5, "signal"), (6, "")]
)
def test_what_the_kernel_lacks_is_named(version: int, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "version", lambda: version)
    assert told in landlock.missing()
    assert bool(told) == bool(landlock.missing())
