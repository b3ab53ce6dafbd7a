"""The launcher: `conc-lab` opens the course, from a checkout and from a wheel."""

import contextlib
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from conc_lab import __main__, launcher

ROOT = Path(__file__).parent.parent
LIVENESS_S = 60  # the server answers after 2 s here, and has ended 1 s after Ctrl-C
CARRIED = ("conc_lab", "notebooks", "pyproject.toml", "setup.py", "README.md", "LICENSE")  # what a wheel is built from
COMMAND = (sys.executable, "-P", "-m", "conc_lab")
posix = pytest.mark.skipif(os.name == "nt", reason="an interrupt for one process")


class Course:
    """A started `conc-lab`: its folder, what it printed, and the answers of its server."""

    def __init__(self, process):
        self.process, self.printed = process, ""
        for line in process.stdout:
            self.printed += line
            if "Ctrl-C" in line:
                break
        found = re.search(r"(http://127\.0\.0\.1:(\d+)/)(\S+)\?token=(\w+)", self.printed)
        assert found, f"no address: {self.printed}"
        self.site, self.port, self.page, self.token = found.groups()

    def get(self, path, token=None):
        """What the server answers, with the printed token or another."""
        address = f"{self.site}{path}?token={self.token if token is None else token}"
        with urllib.request.urlopen(address, timeout=LIVENESS_S) as answer:
            return answer.read().decode()

    def end(self):
        """Press Ctrl-C: the exit status, and what was printed since the address."""
        self.process.send_signal(signal.SIGINT)
        rest, _ = self.process.communicate(timeout=LIVENESS_S)
        return self.process.returncode, rest


@contextlib.contextmanager
def started(folder, command=COMMAND, **variables):
    """`conc-lab`, as started in this folder by somebody who has no browser and no settings of Jupyter."""
    homes = (
        "HOME",
        "JUPYTER_CONFIG_DIR",
        "JUPYTERLAB_SETTINGS_DIR",
        "JUPYTERLAB_WORKSPACES_DIR",
        "JUPYTER_RUNTIME_DIR",
    )
    env = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")}
    env |= dict.fromkeys(homes, str(folder.parent / "home")) | variables
    process = subprocess.Popen(
        command, cwd=folder, env=env, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    stuck = threading.Timer(LIVENESS_S, process.kill)
    stuck.start()
    try:
        yield Course(process)
    finally:
        stuck.cancel()
        process.kill()
        process.communicate()


@pytest.fixture
def folder(tmp_path):
    """An empty folder to start in."""
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


@posix
def test_the_course_opens_from_a_checkout(folder):
    """`conc-lab` prints an address with a token, and lesson 00 of the checkout is behind it though port 8888 is taken.

    Ctrl-C ends it with 0 and without a traceback; nothing is written where it was started.
    """
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # somebody has it already
            other.bind(("127.0.0.1", 8888))
            other.listen()
        with started(folder) as course:
            assert course.port != "8888" and course.page == "lab/tree/00_your_lab.ipynb"
            assert ("You are root" in course.printed) == (os.geteuid() == 0)
            lesson = json.loads(course.get("api/contents/00_your_lab.ipynb"))
            checkout = json.loads((ROOT / "notebooks/00_your_lab.ipynb").read_text(encoding="utf-8"))
            assert [cell["source"] for cell in lesson["content"]["cells"]] == [
                "".join(cell["source"]) for cell in checkout["cells"]
            ]
            page = course.get(course.page)
            assert "<title>JupyterLab</title>" in page
            assert re.search(r'"disabledExtensions": \[[^]]*apputils-extension:announcements"', page)  # no question
            documents = json.loads(course.get("lab/api/settings/@jupyterlab/docmanager-extension:plugin"))
            viewers = documents["schema"]["properties"]["defaultViewers"]["default"]
            assert viewers == {"markdown": "Markdown Preview"}  # the glossary is no page of raw text
            with pytest.raises(urllib.error.HTTPError, match="403"):
                course.get("api/contents", token="")
            status, rest = course.end()
    assert (status, rest.splitlines()[-1]) == (0, "The course has ended.") and "Traceback" not in rest
    assert not list(folder.iterdir())


@pytest.fixture
def installed(tmp_path):
    """Where the wheel of this checkout is installed, its dependencies left out."""
    if not importlib.util.find_spec("pip"):
        pytest.skip("this environment has no pip")
    source = tmp_path / "source"
    for name in CARRIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        source.mkdir(exist_ok=True)
        copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "-q"]
    try:
        new = int(importlib.metadata.version("setuptools").partition(".")[0]) >= 77
    except importlib.metadata.PackageNotFoundError:
        new = False
    build = ["wheel", "--no-deps", *(["--no-build-isolation"] if new else []), "-w", str(tmp_path), str(source)]
    subprocess.run([*pip, *build], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", str(tmp_path / "target"), str(wheel)], check=True)
    return tmp_path / "target"


@posix
@pytest.mark.slow
def test_the_course_opens_from_a_wheel(folder, installed):
    """An installed `conc-lab` copies the lessons into an empty folder and opens lesson 00 there.

    A second start keeps a lesson that was changed; what the student made in the checkout is not in the wheel, and the
    recordings are.
    """
    recordings = [{path.name for path in (top / "conc_lab/recordings").glob("*.gz")} for top in (ROOT, installed)]
    assert recordings[0] == recordings[1]
    command = [str(installed / "bin/conc-lab")]
    copy = folder / "conc_lab_course"
    for kept in (False, True):
        with started(folder, command, PYTHONPATH=str(installed)) as course:
            lesson = json.loads(course.get("api/contents/00_your_lab.ipynb"))["content"]
            assert (lesson["cells"] == []) == kept
            assert course.end()[0] == 0
        text = copy / "00_your_lab.ipynb"
        text.write_text(json.dumps(json.loads(text.read_text(encoding="utf-8")) | {"cells": []}), encoding="utf-8")
    lessons = {path.name for path in (ROOT / "notebooks").iterdir() if path.suffix in (".ipynb", ".md")}
    assert {path.name for path in copy.iterdir()} - {".ipynb_checkpoints"} == lessons


@pytest.fixture
def wheel(tmp_path, monkeypatch, folder):
    """A package, as a wheel installs it, with two lessons, and an empty folder to start in."""
    course = tmp_path / "site-packages/conc_lab/course"
    course.mkdir(parents=True)
    for name in ("00_your_lab.ipynb", "01_more.ipynb"):
        (course / name).write_text(name)
    monkeypatch.setattr(launcher, "PACKAGE", course.parent)
    monkeypatch.chdir(folder)
    return course


def test_a_copied_lesson_is_never_overwritten(wheel, folder, capsys, monkeypatch):
    """A second start adds what is missing, keeps what was changed, and makes no copy inside the copy."""
    copy = launcher.lessons()
    assert copy == folder / "conc_lab_course" and f"The lessons are in {copy}." in capsys.readouterr().out
    (copy / "00_your_lab.ipynb").write_text("changed")
    (copy / "01_more.ipynb").unlink()
    monkeypatch.chdir(copy)
    assert launcher.lessons() == copy
    assert {path.name: path.read_text() for path in copy.iterdir()} == {
        "00_your_lab.ipynb": "changed",
        "01_more.ipynb": "01_more.ipynb",
    }


def test_lessons_that_cannot_be_copied(wheel, folder, capsys):
    """Where the lessons cannot be copied, one sentence says what to do."""
    (folder / "conc_lab_course").write_text("a file")
    assert __main__.main([]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("the lessons could not be written") and err.count("\n") == 1


def test_a_browser_opens_where_there_is_a_display(monkeypatch):
    """JupyterLab opens a browser itself on a screen, and none that would take the terminal."""
    from jupyterlab.labapp import LabApp

    for name in ("WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(LabApp, "initialize_server", lambda argv: argv)
    for display, opens in (("", False), (":0", True)):
        monkeypatch.setenv("DISPLAY", display)
        assert ("--ServerApp.open_browser=False" not in launcher._server(Path(), "t")) == opens, display
