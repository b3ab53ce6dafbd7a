"""conc_lab.engine.pythons: which Pythons there are, what a run does under another, and what is refused."""

import json
import os
import time

import pytest
from helpers import LIVENESS_S, SMALL, instead_of_our_programs
from made.results import TWO, made

import conc_lab as lab
from conc_lab.drawing import picture
from conc_lab.engine import kinds, pythons, run
from conc_lab.engine.errors import LabError
from conc_lab.engine.result import KEPT
from conc_lab.student.shown import provenance

HERE = pythons.name(pythons.facts())
LATER = {"python": "3.14.1", "free_threaded": False, "gil": True, "start_methods": ["spawn", "fork"], "packages": []}


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Write a program of this name that runs these lines of a shell, and return its path; no other Python is there."""
    if os.name == "nt":
        pytest.skip("the programs are shell scripts")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CONC_LAB_PYTHONS", raising=False)

    def write(name, lines):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{lines}\n")
        path.chmod(0o755)
        return str(path)

    return write


def says(**facts):
    """A program's lines that answer as a Python with these facts."""
    return f"echo '{json.dumps(LATER | facts)}'"


def test_found(program, monkeypatch):
    """The running Python comes first, then the newest of each version; what is too old or is no Python is left out."""
    program("python3.92", says(python="3.92.1")), program("python3.93", says(python="3.10.9"))
    free = program("python3.94t", says(free_threaded=True))
    program("python3.91", "echo hello"), program("python3.9", says(python="3.9.1"))
    named = program("another", says(python="3.92.10"))
    uv = json.dumps([{"path": program("third", says(python="3.96.0")), "implementation": "cpython"}])
    program("uv", f"[ \"$*\" = 'python list --only-installed --output-format json' ] && echo '{uv}'")
    monkeypatch.setenv("CONC_LAB_PYTHONS", named)
    third = pythons.found()["3.96"]
    assert [*pythons.found().items()] == [(HERE, pythons.THIS), ("3.96", third), ("3.92", named), ("3.14t", free)]
    assert pythons.chosen("free-threaded")["path"] == free and pythons.chosen(named)["python"] == "3.92.10"
    assert pythons.chosen() == pythons.chosen(HERE) == pythons.facts() and "path" not in pythons.facts()
    assert lab.machine().in_words()["pythons"] == f"{HERE}, 3.96, 3.92, 3.14t"


def test_refused(program, tmp_path, monkeypatch):
    """What is missing, no Python, too late, too old or without a package is one sentence that says how to mend it."""
    bare, old = program("bare", says()), program("old", says(python="3.10.9"))
    lacks = f"Python 3.14 has no numpy, which this run needs: install it with `{bare} -m pip install numpy`"
    for python, params, why in (
        (tmp_path / "none", {}, f"there is no Python at {tmp_path}/none: give the path of its program"),
        (tmp_path, {}, f"there is no Python at {tmp_path}"),
        (program("text", "echo hello"), {}, "is not a Python that works here"),
        (program("other", "echo '[1]'"), {}, "is not a Python that works here"),
        (old, {}, f"{old} is Python 3.10.9, but conc_lab needs 3.11 or newer"),
        (bare, {"task": "matmul"}, lacks),
        (
            bare,
            {"kinds": ["forkserver"]},
            "this platform has no start method 'forkserver': choose one of spawn, fork",
        ),
        ("3.97", {}, f"no Python 3.97 was found, only {HERE}: install it with `uv python install 3.97`, or set CONC"),
        ("3.10", {}, "conc_lab needs Python 3.11 or newer, got 3.10"),
        ("free-threaded", {}, "no Python 3.14t was found"),
    ):
        if HERE.endswith("t") and python == "free-threaded":
            continue
        with pytest.raises(LabError) as error:
            run.run("speedup", SMALL | params, python=python)
        assert why in str(error.value) and "\n" not in str(error.value), python
    monkeypatch.setattr(pythons, "ANSWER_S", 0.1)
    start = time.monotonic()
    with pytest.raises(LabError, match=r"gave no answer within 0\.1 s"):
        pythons.chosen(program("hangs", "/bin/sleep 40 & /bin/sleep 40"))
    assert time.monotonic() - start < 20  # what it has started holds its pipe
    for name, params in (("memory", {}), ("startup", {"main_imports": "numpy", "kinds": ["threads"]})):
        with pytest.raises(LabError, match=r"-m pip install (psutil|numpy)`$"):
            run.run(name, params, python=bare)


def test_resolved_for_the_python_that_runs_it(program):
    """ "processes", and by default the kinds that there are, are those of the Python that will run the experiment."""
    path = program("another", says(packages=["psutil"]))
    given, facts = run.checked("speedup", {"kinds": ["processes"]}, pythons.chosen(path))
    assert given["kinds"] == ["spawn"] and facts["python"] == "3.14.1" and not {"path", "packages"} & facts.keys()
    assert run.checked("memory", {}, pythons.chosen(path))[0]["kinds"] == ["threads", "fork", "spawn", "interpreters"]
    assert "fork" not in kinds.here(facts=LATER | {"start_methods": ["spawn"]})


def other():
    """The name of another Python that is here, one without the GIL if there is one."""
    names = sorted(pythons.found().keys() - {HERE}, key=lambda name: name.endswith("t"))
    return names[-1] if names else pytest.skip("this machine has no other Python from 3.11 on")


def test_a_run_under_another_python(tmp_path, monkeypatch):
    """Another Python runs it, with its own facts in the result, ours out of its way, and kept apart from what claims
    read."""
    name = other()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    monkeypatch.setenv("PYTHON_GIL", "0")  # which a build with the GIL does not start with
    result = run.run("speedup", SMALL | {"kinds": ["threads", "processes"]}, LIVENESS_S, python=name)
    assert pythons.name(result.machine) == name and result.machine["gil"] == (not name.endswith("t"))
    assert result.processes == result.machine["start_methods"][0] and set(result.frame.kind) >= {result.processes}
    with pytest.raises(LabError, match="cannot be imported: No module named 'tests'"):  # which lies beside conc_lab
        run.run("speedup", SMALL | {"task": "tests.own_tasks:fine"}, LIVENESS_S, python=name)
    assert result.keep().parent == result.home == KEPT / f"python {name}" and not [*lab.claims().results]


def test_a_gil_that_was_switched_on(monkeypatch):
    """The GIL is looked at after the imports: where it was switched on, the chart's sentence says so, and the cure."""
    rows = [{"event": "row", "row": row} for row in made(TWO).rows]
    for at_the_end, told in ((False, False), (True, True)):
        events = [{"event": "started", "gil": False}, *rows, {"event": "done", "gil": at_the_end}]
        with monkeypatch.context() as patch:
            patch.setattr(pythons, "facts", lambda: LATER | {"free_threaded": True})
            instead_of_our_programs(patch, f"import json\nfor event in {events}: print(json.dumps(event))")
            result = run.run("speedup", SMALL)
        assert ("PYTHON_GIL=0" in picture.show(result).sentence) == told
        assert provenance(result).endswith("but with its GIL on" if told else "without the GIL")
