"""Parameters: one test for each class of them; a bad value is refused before anything is started."""

import functools
import itertools
import math
import sys

import helpers
import pytest

from conc_lab.engine import experiment, find_task, kinds, machine, parameters, pythons, run, tasks
from conc_lab.engine.errors import LabError
from conc_lab.engine.parameters import Kinds, Number, OneOf, Several, TaskName

MIB = 1 << 20


def made_up(
    count: Number(1, 256, "how many") = 2,
    length_ms: Number(0.1, 60_000, "how long", whole=False) = 10,
    shape_of_it: OneOf(lambda: ["round", "square"], "the shape") = "round",
    task: TaskName("what a worker does") = "sleep",
    counts: Several(Number(1, 9, "how many"), "count") = (1, 2),
    kinds: Kinds("threads", "processes", *kinds.START_METHODS, "interpreters") = ("threads", "processes"),
):
    """Every class of parameter, once."""


def checked(**given):
    return parameters.checked(made_up, given)


def refused(**given):
    """The one sentence that refuses these parameters."""
    with pytest.raises(LabError) as caught:
        checked(**given)
    sentence = str(caught.value)
    assert "\n" not in sentence and not caught.value.detail
    return sentence


@pytest.fixture
def nothing_starts(monkeypatch):
    """A run that gets as far as a child fails the test."""
    monkeypatch.setattr(run, "Run", lambda *_, **__: pytest.fail("a child was started"))


def facts(free_mib):
    return machine.machine() | {"memory_free_bytes": free_mib * MIB}


def test_whole_number():
    """A whole number is kept; any other value is refused with the name, the range and the value."""
    assert checked(count=256)["count"] == 256
    for value in (0, 257, 1.5, "4", True, None, [2]):
        assert refused(count=value) == f"count must be a whole number between 1 and 256, got {value!r}"


def test_number():
    """A number that need not be whole becomes a float; any other value is refused with name, range and value."""
    assert repr(checked(length_ms=3)["length_ms"]) == "3.0"
    for value in (0, math.inf, math.nan, "10", False, None):
        assert refused(length_ms=value) == f"length_ms must be a number between 0.1 and 60000, got {value!r}"


def test_one_of():
    """One of the names is kept; another is refused with the list."""
    assert checked(shape_of_it="square")["shape_of_it"] == "square"
    for value in ("squares", "", None, 3, ["round"]):
        assert refused(shape_of_it=value) == f"unknown shape of it {value!r}; one of: round, square"


def test_task_name():
    """A task is given by its name; what is none is refused with the list of tasks."""
    assert checked(task="zlib")["task"] == "zlib"
    for value in ("prime", None, ["sleep"]):
        assert refused(task=value) == f"unknown task {value!r}; one of: {', '.join(tasks.TASKS)}"


def test_several():
    """One value or any different values are kept as a list; none, too many, endless ones and a bad one are refused."""
    for given, kept in ((2, [2]), ((1, 2, 1), [1, 2]), (range(1, 4), [1, 2, 3])):
        assert checked(counts=given)["counts"] == kept
    assert refused(counts=[]) == "choose at least one value for counts, and at most 256"
    for value, bad in ((0, 0), ([1, 10], 10), ("2", "2"), ([[2]], [2])):
        assert refused(counts=value) == f"count must be a whole number between 1 and 9, got {bad!r}"
    assert checked(counts=[2] * 256)["counts"] == [2]
    for value in ([2] * 257, itertools.repeat(2)):
        assert refused(counts=value) == "choose at least one value for counts, and at most 256"


def test_kinds(monkeypatch):
    """Kinds become a list in which "processes" is this Python's default start method, once; which it was is told."""
    monkeypatch.setattr(kinds, "start_methods", lambda: ["spawn", "fork"])
    for given, kept, processes in (
        (("threads", "processes"), ["threads", "spawn"], "spawn"),
        (["processes", "fork", "spawn"], ["spawn", "fork"], "spawn"),
        ("processes", ["spawn"], "spawn"),
        ("spawn", ["spawn"], None),
        (["threads", "fork"], ["threads", "fork"], None),
    ):
        assert checked(kinds=given)["kinds"] == kept, given
        assert parameters.processes(made_up, {"kinds": given}) == processes, given
    assert parameters.processes(made_up, {}) == "spawn" and parameters.processes(lambda: None, {}) is None
    there = "threads, processes, fork, forkserver, spawn, interpreters"
    assert refused(kinds=["thread"]) == f"unknown kind 'thread'; one of: {there}"
    with pytest.raises(LabError, match="this platform has no start method 'forkserver': choose one of spawn, fork"):
        kinds.check_kinds(["threads", "forkserver"], 1, facts(100) | {"start_methods": ["spawn", "fork"]})


def test_unknown_parameter():
    """An unknown parameter is refused with the list of those that the experiment has."""
    names = "count, length_ms, shape_of_it, task, counts, kinds"
    assert refused(cuont=2) == f"made_up has no parameter 'cuont'; it has: {names}"


def test_long_value():
    """A value that is long to write is refused in a short sentence all the same."""
    assert len(refused(count="x" * 10_000)) < 300 and len(refused(task="x" * 10_000)) < 300


def test_a_function_in_place_of_a_name():
    """A function that no %%task cell defined is refused, and it is said how one becomes a task."""
    for function in (tasks.sleep, functools.partial(int), lambda: 1):
        assert refused(task=function) == (
            "workers can't find this function: begin its cell with %%task NAME and give task='NAME'"
        )


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A student's folder with a package that cannot be imported."""
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg/__init__.py").write_text("import sys\nsys.exit('this package is imported')\n")
    (tmp_path / "pkg/mod.py").write_text("async def f():\n    return 1\n")
    monkeypatch.syspath_prepend(tmp_path)


def test_module_of_a_task(package):
    """A task in a module is taken without importing the module in the kernel; only `find` imports it."""
    assert checked(task="pkg.mod:f")["task"] == "pkg.mod:f" and not {"pkg", "pkg.mod"} & set(sys.modules)
    with pytest.raises(SystemExit):
        find_task.find("pkg.mod:f")


def test_module_that_is_not_there(package):
    """A task whose module is not there, or cannot be imported, is refused by the child, with the module's name."""
    for name in ("nosuchmodule", "no.such.module", "pkg_none"):
        with pytest.raises(LabError, match=f"the task '{name}:f' cannot be imported: No module named"):
            find_task.find(f"{name}:f")
    for name in (":f", ".relative:f", "own_tasks:not valid", "own_tasks:"):
        assert "unknown task" in refused(task=name)


def test_own_defaults():
    """In every profile every parameter of every experiment has a help text and a default that passes its own check."""
    for profile in parameters.PROFILES:
        with helpers.profile(profile):
            for name in experiment.names():
                kept = parameters.checked(experiment.function(name), {})
                for parameter in parameters.described(experiment.function(name)).values():
                    value = parameter.default
                    wanted = list(value) if isinstance(value, tuple) else value
                    if parameter.name == "kinds":
                        default = kinds.start_methods()[0]
                        wanted = list(kinds.here(default if kind == "processes" else kind for kind in wanted))
                    assert kept[parameter.name] == wanted and parameter.annotation.help, (profile, parameter)


def test_unknown_profile():
    """A misspelt profile is refused with the list of those that exist."""
    why = r"^CONC_LAB_PROFILE must be one of quick, class, careful, got 'fast'$"
    with pytest.raises(LabError, match=why), helpers.profile("fast"):
        pass


def test_refused_before_the_start(nothing_starts, monkeypatch):
    """A run is refused in the kernel for its experiment, a parameter, parameters that do not go together, or memory."""
    monkeypatch.setattr(run, "machine", lambda: facts(100))
    monkeypatch.setattr(pythons, "facts", lambda: kinds.own() | {"python": "3.13.5"})
    for name, params, words in (
        ("speedups", {}, "unknown experiment 'speedups'; one of: advise, "),
        ("speedup", {"rounds": 0}, "rounds must be a whole number"),
        ("speedup", {"kinds": ["interpreters"]}, "interpreters need Python 3.14"),
        ("speedup", {"kinds": ["processes"], "workers": [2, 200]}, "at most"),
    ):
        with pytest.raises(LabError, match=words):
            run.run(name, params)


def test_memory_that_does_not_suffice():
    """More worker processes than the free memory holds, the task's memory included, are refused with what would fit."""
    for method, task_bytes, fit in (("fork", 0, 20), ("spawn", 0, 8), ("spawn", 8 * MIB, 5)):
        kinds.check_kinds(["threads", method], fit, facts(100), task_bytes)
        with pytest.raises(LabError, match=rf"21 processes .{method}. .* ask for {fit} at most"):
            kinds.check_kinds(["threads", method], 21, facts(100), task_bytes)
    kinds.check_kinds(["threads"], 256, facts(0), MIB)
