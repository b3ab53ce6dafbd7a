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
from .errors import LabError, Lacking

THIS = os.path.abspath(sys.executable)  # the one that runs here
NAMED = "CONC_LAB_PYTHONS"  # paths of more Pythons, in the environment
FREE_THREADED = "free-threaded"  # the newest one that is
OLDEST, ANSWER_S = (3, 11), 5
# What is in the environment for the Python that runs here and would mislead, or end, another.
OF_THIS = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHON_GIL", "__PYVENV_LAUNCHER__")
ODD = (ValueError, LookupError, TypeError)  # what comes of an answer that is none


def name(facts: dict) -> str:
    """What a Python with these facts is called: "3.14", "3.13t"."""
    return ".".join(facts["python"].split(".")[:2]) + "t" * facts.get("free_threaded", False)


@cache
def facts(path: str = THIS) -> dict:
    """What the Python at this path says of itself (see `this_python`), with `path` where it is not the one that runs.

    Raises LabError for what is missing, is no Python, does not answer or is older than 3.11.
    """
    if path == THIS:
        return this_python.facts() | {"packages": this_python.packages()}
    if not os.path.isfile(path):
        raise LabError(f"there is no Python at {path}: give the path of its program, such as /usr/bin/python3.14")
    try:
        said = json.loads(_printed(path, this_python.__file__).splitlines()[-1]) | {"path": path}
        if _version(said["python"]) < OLDEST:
            raise LabError(f"{path} is Python {said['python']}, but conc_lab needs 3.11 or newer: give another")
    except ODD:
        raise LabError(f"{path} is not a Python that works here: it gave no answer within {ANSWER_S} s") from None
    return said


def found() -> dict[str, str]:
    """The path of each Python by its name: the one that runs here first, then the newest of each version.

    They are looked for in CONC_LAB_PYTHONS, on PATH (python3.N, python3.Nt) and by uv; what does not answer is left
    out. Each is asked once.
    """
    return _found(os.environ.get(NAMED, ""), os.environ.get("PATH", ""))


@cache
def _found(named, folders):
    entries = [entry for folder in folders.split(os.pathsep) if os.path.isdir(folder) for entry in os.listdir(folder)]
    commands = sorted({entry for entry in entries if re.fullmatch(r"python3\.\d\d+t?(\.exe)?", entry)})

    def asked(path):
        with contextlib.suppress(LabError):
            return facts(os.path.abspath(path)) if path and os.path.realpath(path) != os.path.realpath(THIS) else None

    with ThreadPoolExecutor() as pool:  # each takes 50 ms
        answers = [*pool.map(asked, [*named.split(os.pathsep), *map(shutil.which, commands), *_known_to_uv()])]
    pythons = {name(facts()): THIS}
    for one in sorted(filter(None, answers), key=lambda one: _version(one["python"]), reverse=True):
        pythons.setdefault(name(one), one["path"])
    return pythons


def _known_to_uv():
    with contextlib.suppress(*ODD):
        listed = json.loads(_printed("uv", "python", "list", "--only-installed", "--output-format", "json"))
        return [one["path"] for one in listed if one["implementation"] == "cpython"]
    return []


def _version(python):
    return tuple(map(int, re.findall(r"\d+", python)[:3]))


def _printed(*command):
    """What a program prints, "" where it cannot be started or takes too long."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    pipes |= {"text": True, "env": environment(), "start_new_session": True}
    odd = OSError, ValueError, subprocess.TimeoutExpired  # not started, no text, too late
    with contextlib.suppress(*odd), subprocess.Popen(command, **pipes) as program:
        try:
            return program.communicate(timeout=ANSWER_S)[0]
        except odd:  # end it with what it has started, which holds the pipe
            os.killpg(program.pid, 9) if hasattr(os, "killpg") else program.kill()
            raise
    return ""


def environment(free_threaded: bool = False) -> dict[str, str]:
    """The environment for another Python: without what is there for the one that runs here."""
    kept = ["PYTHON_GIL"] * free_threaded  # other builds refuse to start with it
    return {key: value for key, value in os.environ.items() if key not in OF_THIS or key in kept}


def chosen(python: str | os.PathLike | None = None) -> dict:
    """The facts of the Python that is asked for: by its name, by its path, or as FREE_THREADED.

    Raises LabError for a name that none has, Lacking where none is FREE_THREADED, and what `facts` raises.
    """
    if not python:
        return facts()
    known, python, error = found(), str(python), LabError
    if python == FREE_THREADED:
        error, python = Lacking, max((each for each in known if each.endswith("t")), key=_version, default="3.14t")
    if re.fullmatch(r"[\d.]{1,9}t?", python) and python not in known:
        if _version(python) < OLDEST:
            raise LabError(f"conc_lab needs Python 3.11 or newer, got {python}")
        cure = f"install it with `uv python install {python}`, or set {NAMED}=/path/to/python{python}"
        raise error(f"no Python {python} was found, only {', '.join(known)}: {cure}")
    path = known.get(python) or shutil.which(os.path.expanduser(python)) or python
    return facts(os.path.abspath(path))


def need(package: str, facts: dict) -> None:
    """Raise LabError, with the cure, where another Python lacks a package that a run needs."""
    if package not in facts.get("packages", [package]):
        cure = f"{facts.get('path', THIS)} -m pip install {package}"
        raise LabError(f"Python {name(facts)} has no {package}, which this run needs: install it with `{cure}`")
