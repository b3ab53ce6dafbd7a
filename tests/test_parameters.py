"""conc_lab.parameters: one test for each class of parameter; a bad value is refused before anything is started."""

import functools
import math
import sys

import own_tasks
import pytest

from conc_lab.engine import pools as executors, experiment as experiments, parameters, run as runner, tasks, machine as this_machine
from conc_lab.engine.errors import LabError
from conc_lab.engine.parameters import Number, OneOf, Several, TaskName

MIB = 1 << 20


def made_up(
    count: Number(1, 256, "how many") = 2,
    length_ms: Number(0.1, 60_000, "how long", whole=False) = 10,
    shape_of_it: OneOf(lambda: ["round", "square"], "the shape", ["oval"]) = "round",
    task: TaskName("what a worker does") = "sleep",
    counts: Several(Number(1, 9, "how many"), "count") = (1, 2),
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
    monkeypatch.setattr(runner, "Run", lambda *_, **__: pytest.fail("a child was started"))


def machine(free_mib):
    return this_machine.machine() | {"memory_free_bytes": free_mib * MIB}


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
    """One of the names is kept; another is refused with the list, and one of other platforms as such."""
    assert checked(shape_of_it="square")["shape_of_it"] == "square"
    for value in ("squares", "", None, 3, ["round"]):
        assert refused(shape_of_it=value) == f"unknown shape of it {value!r}; one of: round, square"
    assert refused(shape_of_it="oval") == "shape of it 'oval' does not exist on this platform; one of: round, square"


def test_task_name():
    """A task is given by its name or its function; what is neither is refused with the list of tasks."""
    for given, kept in (("zlib", "zlib"), (tasks.compress, "zlib"), (own_tasks.fine, "own_tasks:fine")):
        assert checked(task=given)["task"] == kept
    for value in ("prime", None, ["sleep"]):
        assert refused(task=value) == f"unknown task {value!r}; one of: {', '.join(tasks.TASKS)}"


def test_several():
    """One value or any collection of different values is kept as a list; an empty one and a bad item are refused."""
    for given, kept in ((2, [2]), ((1, 2, 1), [1, 2]), (range(1, 4), [1, 2, 3])):
        assert checked(counts=given)["counts"] == kept
    assert refused(counts=[]) == "counts must not be empty: give at least one"
    for value, bad in ((0, 0), ([1, 10], 10), ("2", "2"), ([[2]], [2])):
        assert refused(counts=value) == f"count must be a whole number between 1 and 9, got {bad!r}"


def test_unknown_parameter():
    """An unknown parameter is refused with the list of those that the experiment has."""
    wanted = "made_up has no parameter 'cuont'; its parameters are: count, length_ms, shape_of_it, task, counts"
    assert refused(cuont=2) == wanted


def test_long_value():
    """A value that is long to write is refused in a short sentence all the same."""
    assert len(refused(count="x" * 10_000)) < 300 and len(refused(task="x" * 10_000)) < 300


def from_a_cell():
    return 1


from_a_cell.__module__ = "__main__"


def test_function_that_no_worker_can_import():
    """A function that cannot be imported by name is refused, with the %%task cell that helps."""
    for function, name in ((from_a_cell, "from_a_cell"), (lambda: 1, "function"), (functools.partial(int), "function")):
        sentence = refused(task=function)
        assert "no worker can import it" in sentence
        assert sentence.endswith(f"begins with %%task {name}, and give task='{name}'")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A student's folder with a package that cannot be imported, and a folder that is none."""
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg/__init__.py").write_text("import sys\nsys.exit('this package is imported')\n")
    (tmp_path / "pkg/mod.py").write_text("async def f():\n    return 1\n")
    (tmp_path / "bare/below").mkdir(parents=True)
    (tmp_path / "bare/below/mod.py").write_text("def f():\n    return 1\n")
    (tmp_path / "latin.py").write_bytes(b"# \xe9\ndef f():\n    return 1\n")
    monkeypatch.syspath_prepend(tmp_path)


def test_module_of_a_task(package):
    """A task in a module is found, and looked at, without importing the module in the kernel."""
    for name, coroutine in (("pkg.mod", True), ("bare.below.mod", None), ("latin", None), ("pkg", None)):
        assert checked(task=f"{name}:f")["task"] == f"{name}:f"
        assert tasks.outline(f"{name}:f").coroutine is coroutine, name
    assert not {"pkg", "bare", "latin"} & set(sys.modules)


def test_module_that_is_not_there(package):
    """A task whose module is not there is refused with the module's name; a folder is no module."""
    for name in ("nosuchmodule", "no.such.module", "", ".relative", "bare", "pkg.none", "pkg.mod.none"):
        assert f"there is no module {name!r}" in refused(task=f"{name}:f")
    assert "must name a function of the module 'own_tasks'" in refused(task="own_tasks:not valid")


def test_own_defaults():
    """In every profile every parameter of every experiment has a help text and a default that passes its own check."""
    for profile in parameters.PROFILES:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CONC_LAB_PROFILE", profile)
            for name in experiments.NAMES:
                described = parameters.described(experiments.function(name))
                kept = parameters.checked(experiments.function(name), {})
                for parameter in described.values():
                    value = parameters.default(parameter)
                    wanted = list(value) if isinstance(value, tuple) else value
                    assert kept[parameter.name] == wanted and parameter.annotation.help, (profile, parameter)


def test_unknown_profile(monkeypatch):
    """A misspelt profile is refused with the list of those that exist."""
    monkeypatch.setenv("CONC_LAB_PROFILE", "fast")
    with pytest.raises(LabError, match=r"^CONC_LAB_PROFILE must be one of quick, class, careful, got 'fast'$"):
        parameters.checked(experiments.function("speedup"), {})


def test_refused_before_the_start(nothing_starts, monkeypatch):
    """A run is refused in the kernel for its experiment, a parameter, parameters that do not go together, or memory."""
    monkeypatch.setattr(runner, "machine", lambda: machine(100))
    for experiment, params, words in (
        ("speedups", {}, "unknown experiment 'speedups'; one of: speedup"),
        ("speedup", {"rounds": 0}, "rounds must be a whole number"),
        ("speedup", {"task": "count_primes", "kinds": ["asyncio"]}, "asyncio cannot run count_primes"),
        ("speedup", {"task": "own_tasks:fine", "kinds": ["asyncio"]}, "asyncio cannot run own_tasks:fine"),
        ("speedup", {"kinds": ["processes"], "workers": [200]}, "would fit"),
    ):
        with pytest.raises(LabError, match=words):
            runner.run(experiment, params)


def test_memory_that_does_not_suffice():
    """More worker processes than the free memory holds, the task's memory included, are refused with what would fit."""
    for method, task_bytes, fit in (("fork", 0, 20), ("spawn", 0, 8), ("spawn", 8 * MIB, 5)):
        executors.check_room(fit, method, task_bytes, machine(100))
        with pytest.raises(LabError, match=rf"21 {method} processes .* at most {fit} would fit"):
            executors.check_room(21, method, task_bytes, machine(100))
