"""Worker pools: one contract for every kind of worker, and what happens where workers cannot start."""

import asyncio
import importlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import types
from concurrent.futures import Executor
from multiprocessing import forkserver
from pathlib import Path

import helpers
import own_tasks
import psutil
import pytest

import conc_lab
from conc_lab.engine import in_worker, kinds, pools
from conc_lab.engine.errors import LabError
from conc_lab.engine.tasks import OWN, Task

HERE = ("serial", *kinds.here())
every_kind = pytest.mark.parametrize("kind", HERE)
PATH = [helpers.TESTS, str(Path(conc_lab.__file__).parent.parent)]


@pytest.fixture(autouse=True)
def as_in_the_child(monkeypatch):
    """Like the child, without a main file for spawned workers to import; forkserver's server goes afterwards."""
    monkeypatch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))
    yield
    if hasattr(forkserver, "_forkserver"):
        forkserver._forkserver._stop()


@pytest.fixture
def trace(tmp_path):
    """A file to which calls append."""
    return tmp_path / "trace"


def task(function, coroutine=None):
    """A task that does this."""
    return Task("a task", OWN, "", function, None, coroutine)


async def square(number):
    return number**2


def test_workers_that_start_when_they_get_work():
    """All workers are there from the start, or, where that is asked for, none before there is work."""
    for started, there in ((True, 3), (False, 0)):
        before = threading.active_count()
        with pools.opened("threads", 3, started) as pool:
            assert threading.active_count() - before == there
            assert list(pool.map(task(abs), [(-1,)])) == [1]


@every_kind
def test_contract(kind, trace):
    """A pool has the workers asked for, always the same ones, gives values in order, and leaves nothing when closed."""
    before = threading.enumerate()
    with pools.opened(kind, 3) as pool:
        assert isinstance(pool.executor, Executor)
        for size in (1, 7):
            numbers = range(20)
            assert list(pool.map(task(abs, square), [(-n,) for n in numbers], size)) == [
                number**2 if kind == "asyncio" else number for number in numbers
            ]
        identities = [set(pool.together(own_tasks.identity)) for _ in range(3)]
        others = {pool.executor.submit(own_tasks.identity).result(60) for _ in range(30)}
        assert pool.together(own_tasks.append, str(trace), ".") == [None] * pool.workers
        usages = pool.usages(own_tasks.append, (str(trace), "-"))
        assert len(usages) == pool.workers and {usage.pid for usage in usages} == {pid for pid, _ in identities[0]}
        assert pool.ask(pow, 2, 5) == 32
    assert pool.workers == (1 if kind in ("serial", "asyncio") else 3)
    assert len(identities[0]) == pool.workers and identities == [identities[0]] * 3 and others <= identities[0]
    assert trace.read_text() == "." * pool.workers + "-" * pool.workers
    pids = {pid for pid, _ in identities[0]}
    assert (pids == {os.getpid()}) == (kind not in kinds.PROCESSES)
    if pool.workers > 1:
        with pytest.raises(RuntimeError, match="after"):
            pool.executor.submit(own_tasks.fine)
    assert set(threading.enumerate()) <= set(before)
    assert not [pid for pid in pids - {os.getpid()} if psutil.pid_exists(pid)]
    with pools.opened(kind, 1) as pool:  # another one, and of another size
        assert pool.executor.submit(abs, -1).result(helpers.LIVENESS_S) == 1


@every_kind
def test_contract_when_something_fails(kind):
    """What a task raises arrives as a Failure and the workers go on; a pool left by an exception is closed as well."""
    before = threading.enumerate()

    async def broken():
        raise own_tasks.TwoArguments("one", "two")

    with pytest.raises(KeyError), pools.opened(kind, 2) as pool:
        for function, coroutine, what, message in (
            (own_tasks.raises_two_arguments, broken, "TwoArguments", "one and two"),
            (own_tasks.exits, own_tasks.exits_async, "SystemExit", "7"),  # which would end a thread's or asyncio's loop
        ):
            failures = [*pool.map(task(function, coroutine), [()] * 2)]
            failures += pool.map(task(function, coroutine), [()] * 2, noted=True)
            assert [(type(each), *each[:2]) for each in failures] == [(in_worker.Failure, what, message)] * 4
            name = coroutine.__name__ if kind == "asyncio" else function.__name__
            assert all(f"in {name}" in each.traceback for each in failures)
        with pytest.raises(LabError, match=r"^a worker raised ValueError: broken on purpose$") as caught:
            pool.ask(own_tasks.raises)
        assert "in raises" in caught.value.detail
        pids = {usage.pid for usage in pool.usages()} - {os.getpid()}
        raise KeyError
    assert set(threading.enumerate()) <= set(before) and not [pid for pid in pids if psutil.pid_exists(pid)]


def test_errors_are_texts_that_fit():
    """The message and the traceback of a failure are bounded."""

    def raises(depth=500):
        if depth:
            raises(depth - 1)
        raise ValueError("x" * 10_000)

    failure = in_worker.call(raises, ())
    assert failure.message == "x" * 500 + "…" and len(failure.traceback) <= 20_000
    with pytest.raises(LabError) as caught:
        pools.value(failure, "the task f raised")
    assert str(caught.value) == f"the task f raised ValueError: {failure.message}"


def test_errors_with_a_cure():
    """A module that is missing, or a name that only the notebook knows, comes with what to do about it."""

    def imports(name):
        importlib.import_module(name)

    def hides():
        raise ImportError("a page") from ImportError("module numpy does not support loading in subinterpreters")

    def unknown():
        return of_the_notebook  # noqa: F821

    missing = "ModuleNotFoundError: No module named"
    for function, args, words in (
        (imports, ("no_such",), f"{missing} 'no_such'; install it with %pip install no_such"),
        (imports, ("no_such.part",), "No module named 'no_such'; install it with %pip install no_such"),
        (imports, ("json.part",), f"{missing} 'json.part'"),
        (imports, ("os.part",), f"{missing} 'os.part'; 'os' is not a package"),
        (hides, (), "ImportError: module numpy does not support loading in subinterpreters"),
        (unknown, (), "; a worker only knows what the task's own cell or module defines and imports: put it there"),
    ):
        with pytest.raises(LabError) as caught:
            pools.value(in_worker.call(function, args))
        assert str(caught.value).endswith(words), words


def test_values_that_nobody_computed():
    """A task that returns what computes only when it is asked to is told so, by each way to call it."""

    def generator():
        yield 1

    async def coroutine():
        return made

    async def async_generator():
        yield 1

    made = square(1)
    for failure, what in (
        (in_worker.call(generator, ()), "a generator"),
        (in_worker.call(lambda: made, ()), "a coroutine"),
        (in_worker.call(lambda: generator, ()), "a function"),
        (in_worker.call(async_generator, ()), "an asynchronous generator"),
        (in_worker.call(map, (str, [1])), "a map"),
        (in_worker.call(filter, (str, [1])), "a filter"),
        (in_worker.call(zip, ([1], [2])), "a zip"),
        (asyncio.run(in_worker.call_async(coroutine, ())), "a coroutine"),
    ):
        message = f"the task returned {what}, so nothing was computed: return the value itself"
        assert failure[:2] == ("TypeError", message)
    assert in_worker.call(lambda: [generator], ()) == [generator]
    made.close()


def test_usage_is_the_workers_own():
    """What a worker reports to have used is its own: it grows with what it computes, and no other's does."""
    for kind in ("threads", kinds.start_methods()[0]):
        with pools.opened(kind, 1) as pool:
            before = pool.usages()
            sum(range(3_000_000))  # the CPU time of this thread, not of the worker
            idle = pool.usages()
            busy = pool.usages(sum, (range(3_000_000),))
        assert 0 <= in_worker.used(before, idle)["cpu_s"] < in_worker.used(idle, busy)["cpu_s"], kind


@pytest.mark.skipif("interpreters" not in HERE, reason="no interpreters here")
def test_a_task_that_no_subinterpreter_can_import(tmp_path, monkeypatch):
    """A task whose module refuses subinterpreters, as NumPy does, is one sentence with that refusal."""
    (tmp_path / "refuses_subinterpreters.py").write_text(
        "import _interpreters\nif _interpreters.get_current()[0]:\n    raise ImportError('does not support this')\n"
        "VALUE = 1\ndef work():\n    return VALUE\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    work = importlib.import_module("refuses_subinterpreters").work
    with pools.opened("interpreters", 2) as pool, pytest.raises(LabError) as caught:
        pool.together(in_worker.call, work, ())
    words = r"a subinterpreter cannot run this task \(ImportError: does not support this\): choose another kind"
    assert re.match(words, str(caught.value)) and "Traceback" in caught.value.detail


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads are counted in /proc")
def test_waiting_for_threads(monkeypatch):
    """Before a fork, as long as the system knows more threads than Python, whose join came back too early, it waits."""
    listings = iter(["x" * 1000, "x" * 1000, "x" * threading.active_count()])
    with monkeypatch.context() as patch:
        patch.setattr(os, "listdir", lambda folder: next(listings))
        pools.wait_for_threads()
    assert not list(listings)


def test_serial_runs_before_submit_returns():
    """The serial executor has run the call, in this thread, when submit returns, which raises what the call raises."""
    with pools.opened("serial", 1) as pool:
        future = pool.executor.submit(threading.get_ident)
        assert future.done() and future.result() == threading.get_ident()
        with pytest.raises(ValueError, match="broken on purpose"):
            pool.executor.submit(own_tasks.raises)


def test_asyncio_overlaps_as_many_as_asked_for():
    """As many coroutines wait at the same time as there are workers, and no more; values come in the calls' order."""
    now, most, barrier = 0, 0, asyncio.Barrier(3)

    async def visit(number):
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.wait_for(barrier.wait(), helpers.LIVENESS_S)
        now -= 1
        return number

    with pools.opened("asyncio", 3) as pool:
        assert list(pool.map(task(None, visit), [(number,) for number in range(9)])) == list(range(9))
    assert most == 3


def test_threads_that_cannot_start(monkeypatch):
    """Where a thread cannot be started, the sentence says so, and those already waiting are let go."""
    before = threading.enumerate()
    start, starts = threading.Thread.start, []

    def refuse_the_third(thread):
        starts.append(thread)
        if len(starts) == 3:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse_the_third)
    with pytest.raises(LabError, match=r"could not start 4 threads \(can't start new thread\): ask for fewer"):
        pools.opened("threads", 4).__enter__()
    assert set(threading.enumerate()) <= set(before)


@pytest.mark.skipif("spawn" not in HERE, reason="no spawn here")
def test_processes_that_cannot_start(monkeypatch):
    """Where a process cannot be started, the sentence says so, and those already waiting are let go."""
    from multiprocessing import util

    spawn, spawns = util.spawnv_passfds, []

    def refuse_the_second(path, args, passfds):
        spawns.append(args)
        if len(spawns) == 2:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return spawn(path, args, passfds)

    with pools.opened("spawn", 1):
        pass  # the resource tracker is started the same way and stays
    monkeypatch.setattr(util, "spawnv_passfds", refuse_the_second)
    with pytest.raises(LabError, match=r"could not start 3 processes .spawn."):
        pools.opened("spawn", 3).__enter__()
    assert len(spawns) == 2


def test_semaphores_that_cannot_be_made(monkeypatch):
    """Where the semaphores of a pool's workers cannot be made, the sentence says so, and what to do."""
    from multiprocessing import context

    def refuse(self, *args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(context.BaseContext, "Semaphore", refuse)
    with pytest.raises(LabError, match=r"^there is no room left for a file or for shared memory: make room"):
        pools.opened(kinds.start_methods()[0], 2).__enter__()


def terminates_itself():
    signal.raise_signal(signal.SIGTERM)


MODULES_OF_A_BARE_WORKER = """
import concurrent.futures, json, multiprocessing
look = "(__import__('resource').getrusage(0), sorted(__import__('sys').modules))[1]"
with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
    print(json.dumps(executor.submit(eval, look).result()))
"""
MODULES_OF_A_WORKER = """
import json
from conc_lab.engine import in_worker, pools, tasks
with pools.opened("spawn", 1) as pool:
    pool.together(in_worker.call, tasks.count_primes, (100,))
    print(json.dumps(pool.executor.submit(eval, "sorted(__import__('sys').modules)").result()))
"""


@pytest.mark.skipif(os.name == "nt", reason="the bare worker's look needs the resource module")
def test_a_spawned_worker_imports_no_more_than_a_bare_one():
    """A spawned worker imports what a bare pool's does, and conc_lab's worker and tasks."""
    environment = os.environ | {"PYTHONPATH": PATH[1]}

    def modules(code):
        return set(json.loads(subprocess.check_output([sys.executable, "-P", "-c", code], env=environment)))

    extra = modules(MODULES_OF_A_WORKER) - modules(MODULES_OF_A_BARE_WORKER)
    assert extra == {"conc_lab", "conc_lab.engine", "conc_lab.engine.in_worker", "conc_lab.engine.tasks"}


@pytest.mark.skipif(os.name == "nt", reason="signals as POSIX has them")
def test_a_worker_that_dies():
    """A worker process that dies gives a sentence with its exit code or signal, and the pool closes."""
    for kind in kinds.start_methods():
        for use, fate in (
            (lambda pool: pool.ask(os._exit, 3), "exit code 3"),
            (lambda pool: pool.ask(os._exit, 0), "exit code 0"),
            (lambda pool: pool.together(own_tasks.kills_itself), "killed by SIGKILL"),
            (lambda pool: list(pool.map(task(terminates_itself), [()])), "killed by SIGTERM"),
        ):
            with pools.opened(kind, 2) as pool, pytest.raises(LabError) as caught:
                use(pool)
            assert str(caught.value) == f"a worker ({kind}) ended before it was done ({fate})"


def test_descriptors_after_close():
    """Pools of every kind give back the files they opened."""
    for kind in [kind for kind in HERE if kind != "dask"]:  # which takes seconds; its real run is watched as well
        with pools.opened(kind, 2):
            pass  # what is opened once and kept: the resource tracker's pipe, forkserver's
        before = helpers.descriptors()
        for _ in range(3):
            with pools.opened(kind, 2):
                pass
        assert helpers.descriptors().keys() == before.keys(), kind
