"""conc_lab.executors: one contract for every kind of worker, and what happens where workers cannot start."""

import asyncio
import importlib
import json
import os
import re
import subprocess
import sys
import threading
import time
import types
from concurrent.futures import CancelledError, Executor, wait
from multiprocessing import forkserver
from pathlib import Path

import helpers
import own_tasks
import psutil
import pytest

import conc_lab
from conc_lab.engine import in_worker as _worker, pools as executors
from conc_lab.engine.asyncio_executor import AsyncioExecutor
from conc_lab.engine.errors import LabError

CREWS = [("serial", None), ("threads", None), ("asyncio", None)]
CREWS += [("processes", method) for method in executors.start_methods()]
if not executors.unavailable("interpreters"):
    CREWS.append(("interpreters", None))
every_crew = pytest.mark.parametrize(("kind", "method"), CREWS, ids=[method or kind for kind, method in CREWS])


@pytest.fixture(autouse=True)
def as_in_the_child(monkeypatch):
    """Like the child, without a main file for spawned workers to import; forkserver's server goes afterwards."""
    monkeypatch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))
    yield
    if hasattr(forkserver, "_forkserver"):
        forkserver._forkserver._stop()


@pytest.fixture(autouse=True)
def importable(request):
    """A subinterpreter does not see what was added to sys.path at run time, as pytest does with this folder."""
    if "interpreters" in request.node.name:
        missing = {helpers.TESTS, str(Path(conc_lab.__file__).parent.parent)} - set(
            os.environ.get("PYTHONPATH", "").split(os.pathsep)
        )
        if missing:
            pytest.skip(f"subinterpreters need PYTHONPATH to hold also {' and '.join(sorted(missing))}")


@pytest.fixture
def trace(tmp_path):
    """A file to which calls append."""
    return tmp_path / "trace"


def identity(usage):
    return usage.pid, usage.thread_id


def opened(kind, workers, method=None):
    """A crew, opened as an experiment does: when the threads of the one before are gone."""
    executors.settle()
    return executors.open_crew(kind, workers, method)


@every_crew
def test_contract(kind, method, trace):
    """A crew is a standard executor of the workers asked for, always the same ones, and leaves nothing when closed."""
    before = threading.enumerate()
    with opened(kind, 3, method) as crew:
        assert isinstance(crew.executor, Executor)
        futures = [crew.executor.submit(pow, number, 2) for number in range(20)]
        assert [future.result(helpers.LIVENESS_S) for future in futures] == [number**2 for number in range(20)]
        assert list(crew.executor.map(divmod, range(9), [4] * 9, timeout=helpers.LIVENESS_S)) == [
            divmod(n, 4) for n in range(9)
        ]
        assert crew.executor.submit(int, "20", base=3).result(helpers.LIVENESS_S) == 6
        meetings = [crew.meet() for _ in range(3)]
        others = {
            identity(usage) for usage in crew.executor.map(_worker.usage, ["thread"] * 50, timeout=helpers.LIVENESS_S)
        }
        crew.meet(own_tasks.append, (str(trace), "."))  # each worker once
        wait(
            [crew.executor.submit(_worker.call, own_tasks.append, (str(trace), "-")) for _ in range(25)],
            helpers.LIVENESS_S,
        )
        assert crew.ask(pow, 2, 5) == 32
    assert crew.workers == (1 if kind in ("serial", "asyncio") else 3)
    identities = [{identity(usage) for usage in usages} for usages in meetings]
    assert [len(usages) for usages in meetings] == [crew.workers] * 3
    assert len(identities[0]) == crew.workers and identities == [identities[0]] * 3 and others <= identities[0]
    assert trace.read_text() == "." * crew.workers + "-" * 25
    pids = {pid for pid, _ in identities[0]}
    assert (pids == {os.getpid()}) == (kind != "processes")
    with pytest.raises(RuntimeError, match="after"):
        crew.executor.submit(own_tasks.fine)
    assert threading.enumerate() == before and not [pid for pid in pids - {os.getpid()} if psutil.pid_exists(pid)]
    with opened(kind, 1, method) as crew:  # another one, and of another size
        assert crew.executor.submit(abs, -1).result(helpers.LIVENESS_S) == 1


@every_crew
def test_contract_when_something_fails(kind, method):
    """What a task raises arrives as a Failure and the workers go on; a crew left by an exception is closed as well."""
    before = threading.enumerate()
    with pytest.raises(KeyError), opened(kind, 2, method) as crew:
        for function, what, message in (
            (own_tasks.raises_two_arguments, "TwoArguments", "one and two"),
            (own_tasks.exits, "SystemExit", "7"),
        ):
            for failure in crew.executor.map(_worker.call, [function] * 4, [()] * 4, timeout=helpers.LIVENESS_S):
                assert (type(failure), failure.type, failure.message) == (_worker.Failure, what, message)
                assert f"in {function.__name__}" in failure.traceback
        with pytest.raises(LabError, match=r"^a worker raised ValueError: broken on purpose$") as caught:
            crew.ask(own_tasks.raises)
        assert "in raises" in caught.value.detail
        pids = {usage.pid for usage in crew.meet()} - {os.getpid()}
        raise KeyError
    assert threading.enumerate() == before and not [pid for pid in pids if psutil.pid_exists(pid)]


def test_an_error_without_words():
    """An exception whose message cannot be made is a Failure too."""
    assert _worker.call(own_tasks.raises_unprintable, ()).type == "Unprintable"


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_usage_is_the_workers_own(kind):
    """What a worker reports to have used is its own: it grows with what it computes, and no other's does."""
    with opened(kind, 1, executors.start_methods()[0]) as crew:
        before = crew.meet()[0]
        sum(range(3_000_000))  # the CPU time of this thread, not of the worker
        idle = crew.meet()[0].cpu_ns - before.cpu_ns
        crew.meet(sum, (range(3_000_000),))
        busy = crew.meet()[0].cpu_ns - before.cpu_ns - idle
    assert 0 <= idle < busy


@pytest.mark.skipif(bool(executors.unavailable("interpreters")), reason="no interpreters here")
def test_a_task_that_no_subinterpreter_can_import(tmp_path, monkeypatch):
    """A task whose module refuses subinterpreters, as NumPy does, is one sentence with that refusal."""
    (tmp_path / "refuses_subinterpreters.py").write_text(
        "import _interpreters\nif _interpreters.get_current()[0]:\n    raise ImportError('does not support this')\n"
        "VALUE = 1\ndef work():\n    return VALUE\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    work = importlib.import_module("refuses_subinterpreters").work
    with opened("interpreters", 2) as crew, pytest.raises(LabError) as caught:
        crew.meet(_worker.call, (work, ()))
    words = r"a subinterpreter cannot run this task \(ImportError: does not support this\); choose another kind"
    assert re.match(words, str(caught.value)) and "Traceback" in caught.value.detail


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads are counted in /proc")
def test_settling():
    """Before a fork, the threads of the crew before are waited for; one that stays is waited for once."""
    stay, ended = threading.Event(), []
    stays = threading.Thread(target=stay.wait)
    stays.start()
    try:
        executors.settle()
        threading.Thread(target=lambda: (time.sleep(0.1), ended.append(True))).start()
        executors.settle()
        assert ended
    finally:
        stay.set()
        stays.join()


def test_serial_runs_before_submit_returns():
    """The serial executor has run the call, in this thread, when submit returns."""
    with opened("serial", 1) as crew:
        future = crew.executor.submit(threading.get_ident)
        assert future.done() and future.result() == threading.get_ident()
        assert isinstance(crew.executor.submit(own_tasks.raises).exception(), ValueError)


def test_asyncio_overlaps_as_many_as_asked_for():
    """As many coroutines wait at once as there are workers, and no more."""
    now, most = 0, 0

    async def visit(barrier):
        nonlocal now, most
        now += 1
        most = max(most, now)
        await barrier.wait()
        now -= 1

    async def make():
        return asyncio.Barrier(3)

    with opened("asyncio", 3) as crew:
        barrier = crew.executor.submit(make).result(helpers.LIVENESS_S)
        futures = [crew.executor.submit(visit, barrier) for _ in range(9)]
        assert len(wait(futures, helpers.LIVENESS_S).done) == 9
    assert most == 3


def test_asyncio_errors_arrive_as_text():
    """What a coroutine raises arrives as a Failure; SystemExit, too, which would end the loop and hang its waiters."""

    async def broken():
        raise own_tasks.TwoArguments("one", "two")

    with opened("asyncio", 2) as crew:
        failures = [
            crew.executor.submit(_worker.call_async, function, ()).result(helpers.LIVENESS_S)
            for function in (broken, own_tasks.exits_async)
        ]
    assert [failure.type for failure in failures] == ["TwoArguments", "SystemExit"]
    assert failures[0].message == "one and two"


def test_asyncio_can_be_cancelled():
    """Shutting down with cancel_futures ends coroutines that would wait for ever."""
    executor = AsyncioExecutor(2)
    futures = [executor.submit(asyncio.sleep, 3600) for _ in range(4)]
    executor.shutdown(cancel_futures=True)
    for future in futures:
        with pytest.raises(CancelledError):
            future.result(helpers.LIVENESS_S)
    executor.shutdown()  # once more is harmless


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
    with pytest.raises(LabError, match=r"could not start 4 threads \(can't start new thread\); ask for fewer"):
        opened("threads", 4).__enter__()
    assert threading.enumerate() == before


@pytest.mark.skipif("spawn" not in executors.start_methods(), reason="no spawn here")
def test_processes_that_cannot_start(monkeypatch):
    """Where a process cannot be started, the sentence says so, and those already waiting are let go."""
    from multiprocessing import util

    spawn, spawns = util.spawnv_passfds, []

    def refuse_the_second(path, args, passfds):
        spawns.append(args)
        if len(spawns) == 2:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return spawn(path, args, passfds)

    with opened("processes", 1, "spawn"):
        pass  # the resource tracker is started the same way and stays
    monkeypatch.setattr(util, "spawnv_passfds", refuse_the_second)
    with pytest.raises(LabError, match="could not start 3 spawn processes"):
        opened("processes", 3, "spawn").__enter__()
    assert len(spawns) == 2


def test_semaphores_that_cannot_be_made(monkeypatch):
    """Where the semaphores of a pool's workers cannot be made, the sentence says so."""
    from multiprocessing import context

    def refuse(self, *args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(context.BaseContext, "Semaphore", refuse)
    with pytest.raises(LabError, match=f"could not start 2 {executors.start_methods()[0]} processes .*No space left"):
        opened("processes", 2, executors.start_methods()[0]).__enter__()


MODULES_OF_A_BARE_WORKER = """
import concurrent.futures, json, multiprocessing
look = "(__import__('resource').getrusage(0), sorted(__import__('sys').modules))[1]"
with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
    print(json.dumps(executor.submit(eval, look).result()))
"""
MODULES_OF_A_CREW = """
import json
from conc_lab import _worker, executors, tasks
with executors.open_crew("processes", 1, "spawn") as crew:
    crew.meet(_worker.call, (tasks.count_primes, (100,)))
    print(json.dumps(crew.executor.submit(eval, "sorted(__import__('sys').modules)").result()))
"""


@pytest.mark.skipif(os.name == "nt", reason="the bare worker's look needs the resource module")
def test_a_spawned_worker_imports_no_more_than_a_bare_one():
    """A spawned worker imports what a bare pool's does, and conc_lab's worker and tasks."""
    environment = os.environ | {"PYTHONPATH": str(Path(conc_lab.__file__).parent.parent)}

    def modules(code):
        return set(json.loads(subprocess.check_output([sys.executable, "-P", "-c", code], env=environment)))

    extra = modules(MODULES_OF_A_CREW) - modules(MODULES_OF_A_BARE_WORKER)
    assert extra == {"conc_lab", "conc_lab._worker", "conc_lab.tasks"}


def test_a_worker_that_dies_breaks_no_more_than_the_pool():
    """A killed worker gives an error at once, and the crew closes."""
    method = executors.start_methods()[0]
    with opened("processes", 2, method) as crew:
        future = crew.executor.submit(os._exit, 9)
        assert "terminated" in str(future.exception(helpers.LIVENESS_S))


def test_descriptors_after_close():
    """Crews of every kind give back the files they opened."""
    for kind, method in CREWS:
        with opened(kind, 2, method):
            pass  # what is opened once and kept: the resource tracker's pipe, forkserver's
        before = helpers.descriptors()
        for _ in range(3):
            with opened(kind, 2, method):
                pass
        assert helpers.descriptors().keys() == before.keys(), (kind, method)
