"""Which Pythons there are: the one that runs here, and others that may be the child of a run.

A Python's name is that in the recordings' files, "3.14" or "3.13t". No path gets into a result.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from . import this_python
from .errors import LabError

NAMED = "CONC_LAB_PYTHONS"  # paths of more Pythons, in the environment
OLDEST = (3, 11)
ANSWER_S = 5
# What is in the environment for the Python that runs here and would mislead, or end, another.
OF_THIS = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHON_GIL", "__PYVENV_LAUNCHER__")
UV = ("python", "list", "--only-installed", "--output-format", "json")
FREE = "free-threaded"
TO_GET_ONE = f"install one with `uv python install 3.14t`, or set {NAMED}=/path/to/python3.14t before JupyterLab starts"


class NotFound(LabError):
    """No Python of this version, or without the GIL, was found."""


def name(facts: dict) -> str:
    """What a Python with these facts is called: "3.14", "3.13t"."""
    return ".".join(facts["python"].split(".")[:2]) + "t" * facts["free_threaded"]


def facts(path: str) -> dict:
    """What the Python at this path says of itself (see `this_python.facts`); it is asked once.

    Raises LabError for what is missing, is no Python, does not answer or is older than 3.11.
    """
    if path == sys.executable:
        return _own()
    answer = _answer(path)
    if isinstance(answer, str):
        raise LabError(answer)
    return answer


def found() -> dict[str, str]:
    """The path of each Python by its name: the one that runs here first, then the newest of each version.

    They are looked for in CONC_LAB_PYTHONS, on PATH (python3.N, python3.Nt) and by uv, once; what does not answer is
    left out.
    """
    return dict(_found(os.environ.get(NAMED, ""), os.environ.get("PATH", "")))


@cache
def _found(named, on_path):
    with ThreadPoolExecutor(8) as pool:
        paths = [*filter(None, named.split(os.pathsep)), *_on_path(on_path), *_of_uv()]
        paths = [path for path in dict.fromkeys(map(os.path.abspath, paths)) if path != sys.executable]
        answers = [answer for answer in pool.map(_answer, paths) if isinstance(answer, dict)]
    pythons = {name(_own()): sys.executable}
    for one in sorted(answers, key=_version, reverse=True):
        pythons.setdefault(name(one), one["path"])
    return pythons


def _on_path(folders):
    """python3.11 and newer on PATH, of each name the first as a shell finds it."""
    names = set()
    for folder in folders.split(os.pathsep):
        with contextlib.suppress(OSError):
            names |= {entry for entry in os.listdir(folder) if re.fullmatch(r"python3\.\d+t?(\.exe)?", entry)}
    return filter(None, map(shutil.which, sorted(names)))


def _of_uv():
    """The paths that uv, where it is installed, knows of."""
    if not (uv := shutil.which("uv")):
        return []
    with contextlib.suppress(ValueError, LookupError, TypeError):
        return [one["path"] for one in json.loads(_said(uv, *UV)) if one["implementation"] == "cpython"]
    return []


@cache
def _own():
    return this_python.facts()


@cache
def _answer(path):
    """The facts, or why there are none."""
    if not os.path.isfile(path):
        return f"there is no Python at {path}: give the path of its program, such as /usr/bin/python3.14"
    try:
        said = json.loads(_said(path, this_python.__file__).splitlines()[-1])
        if _version(said) < OLDEST:
            return f"{path} is Python {said['python']}: conc_lab needs 3.11 or newer"
        return said | {"path": path}
    except (ValueError, LookupError, TypeError):
        return f"{path} is no Python, or one that does not work: it did not answer within {ANSWER_S} s as Python does"


def _version(facts):
    return tuple(int(digits) for digits in re.findall(r"\d+", facts["python"])[:3])


def _said(*command):
    """What a program prints, "" where it cannot be started or takes too long."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    try:
        program = subprocess.Popen(command, text=True, env=environment(), start_new_session=True, **pipes)
    except OSError:
        return ""
    with program.stdout:
        try:
            return program.communicate(timeout=ANSWER_S)[0]
        except (subprocess.TimeoutExpired, UnicodeDecodeError):
            # What it has started holds the pipe.
            os.killpg(program.pid, 9) if hasattr(os, "killpg") else program.kill()
            program.wait()
            return ""


def environment(path: str | None = None) -> dict[str, str]:
    """The environment for another Python: without what is there for the one that runs here."""
    kept = {"PYTHON_GIL"} if path and facts(path)["free_threaded"] else ()  # other builds refuse to start with it
    return {key: value for key, value in os.environ.items() if key not in OF_THIS or key in kept}


def chosen(python: str | os.PathLike | None) -> dict:
    """The facts of the Python that is asked for: by a name, by "free-threaded" (the newest found), or by its path.

    `path` is among them where it is another than the one that runs here. Raises LabError where it is not there, and for
    what `facts` refuses.
    """
    python = python if python is None else os.fspath(python) if hasattr(python, "__fspath__") else str(python)
    if python is None or python == sys.executable:
        return _own()
    if python == FREE:
        known = [one for one in map(facts, found().values()) if one["free_threaded"]]
        if not known:
            raise NotFound(f"no free-threaded Python was found: {TO_GET_ONE}")
        return max(known, key=_version)
    if re.fullmatch(r"[\d.]+t?", python):
        if python not in (known := found()):
            there = f"only {', '.join(known)}; give its path as python, or in {NAMED} before JupyterLab starts"
            raise NotFound(f"no Python {python} was found, {there}")
        return facts(known[python])
    return facts(os.path.abspath(shutil.which(os.path.expanduser(python)) or python))


def need(package: str, facts: dict) -> None:
    """Raise LabError, with the cure, where another Python lacks a package that a run needs."""
    if package not in facts.get("packages", [package]):
        cure = f"{facts.get('path', 'python')} -m pip install {package}"
        raise LabError(f"Python {name(facts)} has no {package}, which this run needs: install it with `{cure}`")
