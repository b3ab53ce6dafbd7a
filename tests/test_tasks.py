"""Tasks: pure functions with values that can be checked, calibrated to a duration."""

import asyncio
import contextlib
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import helpers
import pytest

import conc_lab
from conc_lab.engine import find_task, tasks
from conc_lab.engine.errors import LabError


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """The server's interpreter finds this conc_lab, installed or not, as a run's child does."""
    monkeypatch.setenv("PYTHONPATH", str(Path(conc_lab.__file__).parent.parent))


@pytest.fixture
def prepared():
    """A function that prepares a task for about a millisecond, and cleans up after the test."""
    with contextlib.ExitStack() as stack:
        yield lambda name: stack.enter_context(tasks.TASKS[name].prepare(0.001))


def test_value(prepared):
    """A task returns equal values for the same amount and others for another, and so does its coroutine."""
    for name, task in tasks.TASKS.items():
        args = prepared(name)
        place = 1 if name in ("http", "read_file") else 0
        more = [value * 4 if number == place else value for number, value in enumerate(args)]
        value = task.function(*args)
        assert task.function(*args) == value != task.function(*more), name
        assert not task.coroutine or asyncio.run(task.coroutine(*args)) == value, name
        assert task.name == name and task.nature in tasks.NATURES and task.what


def test_coroutine_waits_without_blocking(prepared):
    """While the coroutine waits, the event loop runs something else."""
    for name in ("sleep", "http"):
        args, order = prepared(name), []

        async def other(order=order):
            order.append("other")

        async def twin(name=name, args=args, order=order):
            await tasks.TASKS[name].coroutine(*args)
            order.append("twin")

        async def both(twin=twin, other=other):
            await asyncio.gather(twin(), other())

        asyncio.run(both())
        assert order == ["other", "twin"], name


def test_known_values():
    """The computing tasks return what mathematics and the standard library say."""
    assert tasks.count_primes(100) == 25
    assert tasks.sha256(0) == hashlib.sha256().hexdigest()
    assert tasks.sleep(0.001) == 0.001


def test_equal_values_in_another_process():
    """A fresh interpreter, with another hash seed, returns the same value for the same amount."""
    names = ["sha256", "zlib", "matmul"]
    code = f"from conc_lab.engine import tasks; print(*[tasks.TASKS[name].function(2) for name in {names}])"
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    printed = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)
    assert printed.split() == [str(tasks.TASKS[name].function(2)) for name in names]


def test_find(monkeypatch):
    """A task is found by its name; an own function by module and name, with what its `_item` function makes."""
    assert find_task.find("sleep", ["asyncio"]) is tasks.TASKS["sleep"]
    monkeypatch.syspath_prepend(helpers.TESTS)
    for name, expected in (("own_tasks:fine", ()), ("advised_tasks:tiny", (41,))):
        own = find_task.find(name)
        assert (own.name, own.nature) == (name, tasks.OWN)
        with own.prepare(0.01) as args:
            assert args == expected
    for name, kind, why in (
        ("own_tasks:fine", "asyncio", "asyncio cannot run own_tasks:fine, which is not a coroutine"),
        ("matmul", "interpreters", "interpreters cannot run matmul, because they cannot import NumPy"),
    ):
        with pytest.raises(LabError, match=why):
            find_task.find(name, ["threads", kind])
    with pytest.raises(LabError, match=r"^the task 'own_tasks:none' cannot be imported: .* has no attribute 'none'$"):
        find_task.find("own_tasks:none")


def test_find_what_a_student_wrote(tmp_path, monkeypatch):
    """A task in my_work/tasks is found by its name, in the version written last, a coroutine by both its sides."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    find_task.FOLDER.mkdir(parents=True)
    for number, (name, text) in enumerate(
        {
            "later_00000001": "async def later():\n    return 1\n",
            "later_00000000": "async def later():\n    return 2\n",
            "plain_00000002": "def plain():\n    return 3\n",
            "notes": "",
        }.items()
    ):
        path = find_task.FOLDER / f"{name}.py"
        path.write_text(f"# %%task\n{text}")
        os.utime(path, (number, number))
    assert find_task.names() == [*tasks.TASKS, "later", "plain"]
    assert find_task.source("later") == "async def later():\n    return 2\n"
    later, plain = find_task.find("later"), find_task.find("plain")
    assert (later.function(), asyncio.run(later.coroutine()), plain.function(), plain.coroutine) == (2, 2, 3, None)


def test_the_file_is_removed():
    """`read_file` leaves no file behind, also when the experiment fails."""
    with pytest.raises(KeyError), tasks.TASKS["read_file"].prepare(0.0001) as (path, _):
        assert os.path.getsize(path) == 1 << 20
        raise KeyError
    assert not os.path.exists(os.path.dirname(path))


def test_the_server_is_ended():
    """`http` leaves no server behind (the fixture looks), also when the experiment fails."""
    with pytest.raises(KeyError), tasks.TASKS["http"].prepare(0.001) as (port, seconds):
        assert tasks.http(port, seconds) == "waited 1 ms"
        raise KeyError


class Clock:
    """A CPU clock that advances only by what `run` costs."""

    def __init__(self, monkeypatch, cost):
        self.now, self.cost, self.calls = 0.0, cost, []
        monkeypatch.setattr(time, "thread_time", lambda: self.now)
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)

    def run(self, amount):
        self.calls.append(amount)
        self.now += self.cost(amount)


COSTS = (lambda n: n * 1e-5, lambda n: n**1.5 * 1e-7, lambda n: n**0.7 * 1e-6, lambda n: n**2 * 1e-9)


def test_calibrate(monkeypatch):
    """The amount found costs what was asked for, as far as whole amounts from the smallest on allow."""
    for number, cost in enumerate(COSTS):
        for seconds in (0.01, 3.0):
            amount = tasks.calibrate(Clock(monkeypatch, cost).run, seconds, 64)
            assert isinstance(amount, int) and cost(amount) == pytest.approx(seconds, rel=0.05), (number, seconds)
    assert tasks.calibrate(Clock(monkeypatch, lambda n: float(n)).run, 0.01, 64) == 64


def test_calibrate_when_disturbed(monkeypatch):
    """Neither a first call that imports something nor one disturbed call in three changes the amount."""
    clock = Clock(monkeypatch, None)
    for cost in (
        lambda n: n * 1e-5 + (5 if len(clock.calls) == 1 else 0),
        lambda n: n * 1e-5 * (10 if len(clock.calls) % 3 == 0 else 1),
    ):
        clock.calls, clock.cost = [], cost
        assert tasks.calibrate(clock.run, 0.01) == pytest.approx(1000, rel=0.05)


def test_calibrate_a_coarse_clock(monkeypatch):
    """A clock that ticks every 16 ms still leads to an amount of the right order."""
    clock = Clock(monkeypatch, lambda n: n * 1e-5)
    exact = time.thread_time
    for name in ("thread_time", "perf_counter"):
        monkeypatch.setattr(time, name, lambda: exact() // 0.016 * 0.016)
    assert 300 < tasks.calibrate(clock.run, 0.03) < 30_000


def test_alike():
    """Values are compared by `==`, and by their pickles where that does not decide, as for NumPy's arrays and NaN."""
    import numpy

    for one, same, other in (
        (42, 42, 43),
        (1, 1.0, 1.5),
        (float("nan"), float("nan"), 0.0),
        ([1, float("nan")], [1, float("nan")], [2, float("nan")]),
        (numpy.arange(3), numpy.arange(3), numpy.arange(4)),
        ([numpy.arange(3)], [numpy.arange(3)], [numpy.arange(3.0)]),
    ):
        assert tasks.alike(one, same) and not tasks.alike(one, other), one
