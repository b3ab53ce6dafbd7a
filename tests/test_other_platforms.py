"""Experiments on a system that starts processes with spawn only, and memory where there is no PSS."""

import os
import subprocess
import sys

import helpers
import pytest
from made.results import MACHINE

from conc_lab.drawing.picture import show
from conc_lab.engine.result import Result
from conc_lab.experiments.memory import measure

# What Python finds at its start on such a system; every Python process of the run imports it.
SPAWN_ONLY = """
import multiprocessing
from multiprocessing import context
for name in ("fork", "forkserver"):
    context._concrete_contexts.pop(name, None)
multiprocessing.get_all_start_methods = lambda: ["spawn"]
context._default_context._default_context = context._concrete_contexts["spawn"]
"""
CASES = [["speedup"], pytest.param(["startup", "memory", "sharing", "faults"], marks=pytest.mark.slow)]


@pytest.fixture
def spawn_only(tmp_path):
    """`python -m conc_lab` with these words, where spawn is the only start method: (exit status, stdout, stderr)."""
    (tmp_path / "sitecustomize.py").write_text(SPAWN_ONLY)
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.path.dirname(helpers.TESTS)])}

    def command(*words):
        line = [sys.executable, "-m", "conc_lab", *map(str, words)]
        done = subprocess.run(
            line, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=2 * helpers.LIVENESS_S
        )
        return done.returncode, done.stdout, done.stderr

    return command


@pytest.mark.parametrize("cases", CASES)
def test_spawn_only(spawn_only, tmp_path, cases):
    """Where there is neither fork nor forkserver an experiment runs and is drawn."""
    for case in cases:
        status, out, err = spawn_only(*helpers.as_options(case), "--chart", tmp_path / "out.png")
        assert (status, err) == (0, "") and out.splitlines()[0].endswith("."), (case, err)


def test_a_start_method_that_is_not_here(spawn_only):
    """A start method of other systems is refused as such, with those that there are here."""
    status, out, err = spawn_only("speedup", "--kinds", "threads", "fork")
    assert (status, out) == (1, "")
    assert err == "this platform has no start method 'fork': choose one of spawn\n"


def test_memory_without_pss(monkeypatch):
    """Where the system has no PSS a run measures by USS, says why, and so does its chart."""
    reading = measure.reading
    monkeypatch.setattr(measure, "reading", lambda pid: reading(pid) | {"pss": None})
    rows = list(measure.memory([1, 2], ["threads", "spawn"], "none", 1, ["untouched"], 1))
    assert {row["pss_bytes"] for row in rows} == {None} and all(row["uss_bytes"] > 0 for row in rows)
    assert all("no PSS" in row["missing"] for row in rows)
    params = {"workers": [1, 2], "kinds": ["threads", "spawn"], "parent_data": "none", "touch": ["untouched"]}
    picture = show(Result("memory", params | {"data_mb": 1}, MACHINE, rows, ""))
    assert "USS" in picture.sentence and "no PSS" in picture.sentence
