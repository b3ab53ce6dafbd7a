"""conc_lab.tasks: pure functions with values that can be checked, calibrated to a duration."""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import helpers
import pytest

import conc_lab
from conc_lab.engine import pools as executors, tasks

ALL = sorted(tasks.TASKS)
AWAITED = [name for name in ALL if tasks.TASKS[name].coroutine]


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """The server's interpreter finds this conc_lab, installed or not, as a run's child does."""
    monkeypatch.setenv("PYTHONPATH", str(Path(conc_lab.__file__).parent.parent))


@pytest.fixture
def prepared():
    """A function that prepares a task for about a millisecond, and cleans up after the test."""
    with contextlib.ExitStack() as stack:
        yield lambda name: stack.enter_context(tasks.TASKS[name].prepare(0.001))


@pytest.mark.parametrize("name", ALL)
def test_equal_values(prepared, name):
    """A task called twice with the same arguments returns equal values."""
    args = prepared(name)
    assert tasks.TASKS[name].function(*args) == tasks.TASKS[name].function(*args)


@pytest.mark.parametrize("name", ALL)
def test_value_is_of_the_amount(prepared, name):
    """A task returns something that depends on how much it did, so that less work would be noticed."""
    args = prepared(name)
    place = 1 if name in ("http", "read_file") else 0
    more = [value * 4 if number == place else value for number, value in enumerate(args)]
    assert tasks.TASKS[name].function(*args) != tasks.TASKS[name].function(*more)


@pytest.mark.parametrize("name", AWAITED)
def test_coroutine_twin(prepared, name):
    """The coroutine returns what the plain function returns."""
    args = prepared(name)
    assert asyncio.run(tasks.TASKS[name].coroutine(*args)) == tasks.TASKS[name].function(*args)


@pytest.mark.parametrize("name", AWAITED)
def test_coroutine_twin_waits_without_blocking(prepared, name):
    """While the coroutine waits, the event loop runs something else."""
    args = prepared(name)
    order = []

    async def main():
        async def other():
            order.append("other")

        async def twin():
            await tasks.TASKS[name].coroutine(*args)
            order.append("twin")

        await asyncio.gather(twin(), other())

    asyncio.run(main())
    assert order == ["other", "twin"]


def test_known_values():
    """The computing tasks return what mathematics and the standard library say."""
    import hashlib

    assert tasks.count_primes(100) == 25
    assert tasks.sum_squares(4) == 0 + 1 + 4 + 9
    assert tasks.sha256(0) == hashlib.sha256().hexdigest()
    assert tasks.sleep(0.001) == 0.001


@pytest.mark.parametrize("name", ["sha256", "zlib", "matmul"])
def test_equal_values_in_another_process(name):
    """A fresh interpreter, with another hash seed, returns the same value for the same amount."""
    code = f"from conc_lab import tasks; print(tasks.TASKS[{name!r}].function(2))"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "7"}
    printed = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)
    assert printed.strip() == str(tasks.TASKS[name].function(2))


def test_every_task_is_described():
    """Every task has a known kind, a summary, and memory that is not negative."""
    for name, task in tasks.TASKS.items():
        assert task.name == name
        assert task.kind in tasks.KINDS and task.kind != tasks.OWN
        assert task.summary and task.worker_bytes >= 0


def test_find():
    """A task is found by its name, and a function of the student's own by module and name."""
    assert tasks.find("sleep") is tasks.TASKS["sleep"]
    own = tasks.find("own_tasks:fine")
    assert (own.name, own.kind, own.function()) == ("own_tasks:fine", tasks.OWN, 42)
    with own.prepare(0.001) as args:
        assert args == ()


def test_waiting_tasks_have_coroutines():
    """The sentence that refuses asyncio names every task that has a coroutine twin."""
    problem = executors.unsuited(tasks.TASKS["count_primes"], "asyncio")
    assert sorted(AWAITED) == sorted(name for name in ALL if f"{name}" in problem.partition("(")[2].partition(")")[0])


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


def test_an_answer_that_is_no_answer():
    """A reply other than 200 is an error and no value."""
    with pytest.raises(ConnectionError, match=r"HTTP/1\.0 500"):
        tasks._body(b"HTTP/1.0 500 Oops\r\n\r\nwaited 1 ms")


class Clock:
    """A CPU clock that advances only by what `run` costs."""

    def __init__(self, monkeypatch, cost):
        self.now, self.cost, self.calls = 0.0, cost, []
        monkeypatch.setattr(time, "thread_time", lambda: self.now)
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)

    def run(self, amount):
        self.calls.append(amount)
        self.now += self.cost(amount)


@pytest.mark.parametrize("smallest", [1, 64])
@pytest.mark.parametrize("seconds", [0.0005, 0.01, 3.0])
@pytest.mark.parametrize(
    "cost",
    [lambda n: n * 1e-5, lambda n: n**1.5 * 1e-7, lambda n: n**0.7 * 1e-6, lambda n: n**2 * 1e-9],
    ids=["linear", "power 1.5", "power 0.7", "power 2"],
)
def test_calibrate(monkeypatch, cost, seconds, smallest):
    """The amount found costs what was asked for, as far as whole amounts from the smallest on allow."""
    amount = tasks.calibrate(Clock(monkeypatch, cost).run, seconds, smallest)
    assert isinstance(amount, int) and amount >= smallest
    assert cost(amount) == pytest.approx(seconds, rel=0.05) or cost(smallest) > 0.7 * seconds


def test_calibrate_ignores_one_slow_call(monkeypatch):
    """One disturbed call in three does not change the amount."""
    clock = Clock(monkeypatch, lambda n: n * 1e-5)
    clock.cost = lambda n: n * 1e-5 * (10 if len(clock.calls) % 3 == 0 else 1)
    assert tasks.calibrate(clock.run, 0.01) == pytest.approx(1000, rel=0.05)


def test_calibrate_does_not_count_the_first_call(monkeypatch):
    """What happens once, such as an import, is not part of the task."""
    clock = Clock(monkeypatch, None)
    clock.cost = lambda n: n * 1e-5 + (5 if len(clock.calls) == 1 else 0)
    assert tasks.calibrate(clock.run, 0.01) == pytest.approx(1000, rel=0.05)


def test_calibrate_a_task_that_costs_more_than_asked(monkeypatch):
    """Where the smallest amount takes longer than asked for, it is the smallest amount."""
    assert tasks.calibrate(Clock(monkeypatch, lambda n: float(n)).run, 0.01, 64) == 64


def test_calibrate_a_coarse_clock(monkeypatch):
    """A clock that ticks every 16 ms still leads to an amount of the right order."""
    clock = Clock(monkeypatch, lambda n: n * 1e-5)
    exact = time.thread_time
    for name in ("thread_time", "perf_counter"):
        monkeypatch.setattr(time, name, lambda: exact() // 0.016 * 0.016)
    assert 300 < tasks.calibrate(clock.run, 0.03) < 30_000


def test_alike():
    """Values are compared by `==`, and by their pickles where that does not decide, as for NumPy's arrays."""
    import numpy

    for one, same, other in (
        (42, 42, 43),
        (numpy.arange(3), numpy.arange(3), numpy.arange(4)),
        ([numpy.arange(3)], [numpy.arange(3)], [numpy.arange(3.0)]),
    ):
        assert tasks.alike(one, same) and not tasks.alike(one, other)


def test_an_own_task_gets_its_item(monkeypatch):
    """A student's function is called without arguments, or with what `function_item()` beside it makes."""
    monkeypatch.syspath_prepend(helpers.TESTS)
    for name, expected in (("own_tasks:fine", ()), ("advised_tasks:tiny", (41,))):
        with tasks.find(name).prepare(0.01) as args:
            assert args == expected
