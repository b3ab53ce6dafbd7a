"""conc_lab.parameters: a bad value is refused in one sentence, before anything is started."""

import functools
import math
import re
import sys

import own_tasks
import pytest

from conc_lab.engine import pools as executors, experiment as experiments, parameters, run as runner, tasks, machine as this_machine
from conc_lab.engine.errors import LabError

SPEEDUP = experiments.function("speedup")
PARAMETERS = [
    (name, parameter)
    for name in experiments.NAMES
    for parameter in parameters.described(experiments.function(name)).values()
]
MIB = 1 << 20


def refused(**given):
    """The one sentence that refuses these parameters."""
    with pytest.raises(LabError) as caught:
        parameters.checked(SPEEDUP, given)
    sentence = str(caught.value)
    assert sentence and "\n" not in sentence and not caught.value.detail
    return sentence


@pytest.fixture
def nothing_starts(monkeypatch):
    """A run that gets as far as a child fails the test."""
    monkeypatch.setattr(runner, "Run", lambda *_: pytest.fail("a child was started"))


def machine(free_mib):
    return this_machine.machine() | {"memory_free_bytes": free_mib * MIB}


@pytest.mark.parametrize("value", [0, -1, 257, 10_000, 1.5, math.nan, "four", "4", True, None, [2, 0], [[2]], {}, ()])
def test_bad_workers(value):
    """Workers that are not whole numbers from 1 to 256 are refused with their name, the value and the range."""
    sentence = refused(workers=value)
    assert sentence.startswith("workers must ")
    if value in ({}, ()):
        assert sentence.endswith("must not be empty: give at least one")
    else:
        received = value[-1] if isinstance(value, list) else value
        assert "between 1 and 256" in sentence and sentence.endswith(f"got {received!r}")


@pytest.mark.parametrize(
    "value", [0, -1, math.inf, math.nan, "ten", "10", False, None, [10], pytest.param(10**400, id="huge")]
)
def test_bad_task_ms(value):
    """A duration that is no number, or out of its range, is refused with name, range and value."""
    sentence = refused(task_ms=value)
    assert sentence.startswith("task_ms must be a number between 0.1 and 60000, got ")


@pytest.mark.parametrize("value", ["processe", "", None, 3, ["threads", "fibers"], True])
def test_unknown_kind(value):
    """An unknown kind of worker is refused with the list of those that exist."""
    wrong = value[-1] if isinstance(value, list) else value
    assert re.fullmatch(f"unknown kind {wrong!r}; one of: {', '.join(executors.KINDS)}", refused(kinds=value))


@pytest.mark.parametrize("value", ["thread", "", None, 3, ["fork"]])
def test_unknown_start_method(value):
    """An unknown start method is refused with the list of those that this platform has."""
    assert (
        refused(start_method=value) == f"unknown start method {value!r}; one of: {', '.join(executors.start_methods())}"
    )


@pytest.mark.parametrize("value", ["prime", "", None, 3, ["count_primes"], {"a": 1}])
def test_unknown_task(value):
    """An unknown task is refused with the list of those that exist."""
    assert refused(task=value) == f"unknown task {value!r}; one of: {', '.join(tasks.TASKS)}"


class Unprintable:
    def __repr__(self):
        raise RuntimeError("no words")


@pytest.mark.parametrize("name", ["workers", "task_ms", "kinds", "start_method", "task"])
@pytest.mark.parametrize("value", [10**5000, "x" * 10_000, Unprintable()], ids=["huge", "long", "unprintable"])
def test_value_that_fits_no_sentence(name, value):
    """A value that cannot be written, or only at length, is refused in a short sentence all the same."""
    assert len(refused(**{name: value})) < 300


def test_unknown_parameter():
    """An unknown parameter is refused with the list of those that the experiment has."""
    assert refused(worker=2).startswith("speedup has no parameter 'worker'; its parameters are: task, workers, ")


def nested():
    def inner():
        return 1

    return inner


def from_a_cell():
    return 1


from_a_cell.__module__ = "__main__"


@pytest.mark.parametrize(
    "function",
    [lambda: 1, nested(), from_a_cell, functools.partial(own_tasks.fine)],
    ids=["lambda", "nested", "cell", "partial"],
)
def test_function_that_no_worker_can_import(function):
    """A function that cannot be imported by name is refused, with what to do instead."""
    sentence = refused(task=function)
    assert "no worker can import it" in sentence
    name = re.search(r"begins with %%task (\w+), and give task='(\w+)'$", sentence)
    assert name and name[1] == name[2] and name[1].isidentifier()


@pytest.mark.parametrize(
    "value", ["nosuchmodule:f", "no.such.module:f", ":f", ".relative:f", "own_tasks:", "own_tasks:not valid"]
)
def test_task_file_that_is_not_there(value):
    """The name of a task that cannot be imported is refused and quoted."""
    assert repr(value) in refused(task=value)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A student's folder with a package that cannot be imported, and folders that are none."""
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg/__init__.py").write_text("import sys\nsys.exit('this package is imported')\n")
    (tmp_path / "pkg/mod.py").write_text("async def f():\n    return 1\n")
    (tmp_path / "bare/below").mkdir(parents=True)
    (tmp_path / "bare/below/mod.py").write_text("def f():\n    return 1\n")
    (tmp_path / "latin.py").write_bytes(b"# \xe9\ndef f():\n    return 1\n")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize("name", ["bare", "bare.below", "pkg.none", "pkg.mod.none"])
def test_folder_that_is_no_module(package, name):
    """A folder, or what is not in a package, is no module that could hold a task."""
    assert f"there is no module '{name}'" in refused(task=f"{name}:f")


@pytest.mark.parametrize(
    "name, coroutine", [("pkg.mod", True), ("bare.below.mod", None), ("latin", None), ("pkg", None)]
)
def test_package_is_not_imported(package, name, coroutine):
    """A task in a package is found, and looked at, without importing the package in the kernel."""
    assert parameters.checked(SPEEDUP, {"task": f"{name}:f"})["task"] == f"{name}:f"
    assert tasks.outline(f"{name}:f").coroutine is coroutine
    assert not {"pkg", "bare", "latin"} & set(sys.modules)


def test_task_file_that_is_there():
    """A bad function name is not blamed on a module that exists."""
    assert "no module 'own_tasks'" not in refused(task="own_tasks:not valid")


@pytest.mark.parametrize(
    ("function", "name"),
    [(tasks.count_primes, "count_primes"), (tasks.compress, "zlib"), (own_tasks.fine, "own_tasks:fine")],
)
def test_function_that_can_be_imported(function, name):
    """A function object becomes the name by which a worker finds it."""
    assert parameters.checked(SPEEDUP, {"task": function})["task"] == name


@pytest.mark.parametrize(
    ("given", "kept"), [(2, [2]), ([2], [2]), ((1, 2, 1), [1, 2]), (range(1, 4), [1, 2, 3]), ({4}, [4])]
)
def test_one_or_several(given, kept):
    """One value and any collection are accepted, and equal values count once."""
    assert parameters.checked(SPEEDUP, {"workers": given})["workers"] == kept


@pytest.mark.parametrize("task", ["count_primes", "mixed", "own_tasks:fine"])
def test_asyncio_refuses_what_is_no_coroutine(nothing_starts, task):
    """A task without a coroutine twin does not go with asyncio, and the sentence says so before any start."""
    with pytest.raises(LabError, match=f"asyncio cannot run {task}"):
        runner.run("speedup", {"task": task, "kinds": ["asyncio"]})


@pytest.mark.parametrize("task", [name for name, task in tasks.TASKS.items() if task.coroutine])
def test_asyncio_accepts_coroutines(task):
    """A task with a coroutine twin goes with asyncio."""
    checked = parameters.checked(SPEEDUP, {"task": task, "kinds": "asyncio"})
    experiments.module("speedup").check(checked, this_machine.machine())


@pytest.mark.parametrize(("start_method", "fit"), [("fork", 20), ("spawn", 8)])
def test_memory_that_does_not_suffice(start_method, fit):
    """More worker processes than the free memory holds are refused with the number that would fit."""
    if start_method not in executors.start_methods():
        pytest.skip(f"no {start_method} here")
    with pytest.raises(LabError, match=rf"21 {start_method} processes .* at most {fit} would fit"):
        executors.check_room(21, start_method, 0, machine(100))
    executors.check_room(fit, start_method, 0, machine(100))


def test_memory_of_the_task_counts():
    """What the task itself needs in every worker counts too."""
    with pytest.raises(LabError, match="at most 5 would fit"):
        executors.check_room(6, "spawn", 8 * MIB, machine(100))


def test_memory_is_checked_before_the_start(monkeypatch, nothing_starts):
    """A run whose workers do not fit is refused in the kernel."""
    monkeypatch.setattr(runner, "machine", lambda: machine(100))
    with pytest.raises(LabError, match="would fit"):
        runner.run("speedup", {"workers": [200], "kinds": "processes"})


BAD = (0, -1, 1.5, 10_000, 10**400, math.nan, math.inf, "four", "", None, True, [], {}, [[1]], ["four"], [1, "four"])


def offender(kind, value):
    """What of a value this kind must refuse, as a list of none or one: the value itself, or its first bad item."""
    if isinstance(kind, parameters.Several):
        single = isinstance(value, (str, float)) or not hasattr(value, "__iter__")
        return [bad for item in ([value] if single else value) for bad in offender(kind.of, item)][:1]
    if isinstance(kind, parameters.Number):
        types = int if kind.whole else (int, float)
        fine = isinstance(value, types) and not isinstance(value, bool) and kind.low <= value <= kind.high
    elif isinstance(kind, parameters.OneOf):
        fine = value in list(kind.options())
    else:
        fine = value in list(tasks.TASKS)
    return [] if fine else [value]


def allowed(name, kind):
    """The two parts of the sentence that refuses a value of this kind: the parameter, and what it may be."""
    if isinstance(kind, parameters.Several):
        return allowed(kind.singular, kind.of)
    if isinstance(kind, parameters.Number):
        number = "a whole number" if kind.whole else "a number"
        return f"{name} must be {number} between {kind.low} and {kind.high}, got ", ""
    options = tasks.TASKS if isinstance(kind, parameters.TaskName) else kind.options()
    return f"unknown {name.replace('_', ' ')} ", f"; one of: {', '.join(options)}"


@pytest.mark.parametrize(("experiment", "parameter"), PARAMETERS, ids=lambda item: getattr(item, "name", item))
def test_every_parameter_refuses_what_it_cannot_be(nothing_starts, experiment, parameter):
    """Every parameter of every experiment refuses each bad value with one sentence: its name and what is allowed."""
    kind, refused = parameter.annotation, 0
    for value in BAD:
        empty = isinstance(kind, parameters.Several) and value in ([], {})
        bad = offender(kind, value)
        if not bad and not empty:
            continue
        with pytest.raises(LabError) as caught:
            runner.run(experiment, {parameter.name: value})
        begin, end = allowed(parameter.name, kind)
        received = "" if empty else repr(bad[0]) if len(repr(bad[0])) < 100 else f"{bad[0]!r:.100}…"
        wanted = f"{parameter.name} must not be empty: give at least one" if empty else f"{begin}{received}{end}"
        assert str(caught.value) == wanted and not caught.value.detail
        refused += 1
    assert refused >= 10


@pytest.mark.parametrize("experiment", experiments.NAMES)
def test_every_experiment_refuses_what_it_does_not_have(nothing_starts, experiment):
    """A parameter that an experiment does not have is refused with the list of those that it has."""
    with pytest.raises(LabError) as caught:
        runner.run(experiment, {"wrokers": 2})
    names = ", ".join(parameters.described(experiments.function(experiment)))
    assert str(caught.value) == f"{experiment} has no parameter 'wrokers'; its parameters are: {names}"


@pytest.mark.parametrize("profile", parameters.PROFILES)
@pytest.mark.parametrize(("experiment", "parameter"), PARAMETERS, ids=lambda item: getattr(item, "name", item))
def test_every_parameter_checks_its_own_default(monkeypatch, experiment, parameter, profile):
    """Every parameter of every experiment has a kind, a help text and a default that passes its own check."""
    monkeypatch.setenv("CONC_LAB_PROFILE", profile)
    value = parameters.default(parameter)
    kept = parameter.annotation.check(parameter.name, value)
    assert kept == (list(value) if isinstance(value, tuple) else value)
    assert parameter.annotation.help


def test_defaults_alone_are_accepted():
    """An experiment runs without any parameter given."""
    for name in experiments.NAMES:
        assert parameters.checked(experiments.function(name), {})


def test_unknown_profile(monkeypatch):
    """A misspelt profile is refused with the list of those that exist."""
    monkeypatch.setenv("CONC_LAB_PROFILE", "fast")
    assert refused() == "CONC_LAB_PROFILE must be one of quick, class, careful, got 'fast'"


def test_unknown_experiment():
    """An unknown experiment is refused with the list of those that exist."""
    with pytest.raises(LabError, match="unknown experiment 'speedups'; one of: speedup"):
        runner.run("speedups", {})
