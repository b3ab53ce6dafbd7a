"""Who does the work: a kind of worker -> a pool around a `concurrent.futures.Executor`, its workers started and known.

Only one pool may be open at a time: a second fork pool would fork while the first one's threads run.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import resource_tracker

from . import in_worker, kinds
from .errors import LabError, cannot_start, died, limit_reached
from .kinds import PROCESSES, START_METHODS, unavailable

# Dask's errors by their names: without the kind nothing of it is imported.
LOST = "KilledWorker", "NoValidWorkerError", "NoWorkerError", "FutureCancelledError", "FuturesCancelledError"


@dataclass(frozen=True)
class WorkerPool:
    """A started executor, the kind and number of its workers, and the barrier where they meet.

    barrier: (arrived, go), semaphores shared with the workers; None where there is no worker but the caller.
    """

    executor: Executor
    kind: str
    workers: int
    barrier: tuple | None = None

    @property
    def scope(self) -> str:
        return "process" if self.kind in PROCESSES else "thread"

    def together(self, function, *args) -> list:
        """What function(*args) returns in each worker: one call a worker, all released when all are there."""
        with self._failures_told():
            return [call.result() for call in self.meet(function, args)]

    def meet(self, function, args) -> list[Future]:
        """The futures of `together`; every call has begun, or failed on its way."""
        if self.kind == "dask":
            return self.executor.on_each(function, args)
        if not self.barrier:
            return [self.executor.submit(function, *args)]
        calls, (arrived, go) = [], self.barrier
        try:
            for _ in range(self.workers):
                calls.append(self.executor.submit(in_worker.at_barrier, function, args))
                calls[-1].add_done_callback(self._count_as_arrived)
            for _ in calls:
                arrived.acquire()
        finally:
            # Also when a worker could not be started: those that wait would keep the executor waiting forever,
            # and its own call is in the queue by then, where another worker takes it.
            for _ in range(self.workers):
                go.release()
        return calls

    def usages(self, function=None, args=()) -> list[in_worker.Usage]:
        """One `Usage` from each worker, after each has run `function` once if one is given."""
        found = self.together(in_worker.usage, self.scope, function, args)
        # Who answered in the place of a lost worker of Dask's answers once.
        return list({use.pid: use for use in found}.values()) if self.kind == "dask" else found

    def ask(self, function, *args):
        """What function(*args) returns in a worker; a LabError with the worker's traceback where it fails there."""
        with self._failures_told():
            return value(self.executor.submit(in_worker.call, function, args).result())

    def map(self, task, calls, chunksize: int = 1, noted: bool = False) -> Iterator:
        """The outcome of the task for each of the calls (tuples of arguments): a value or a `Failure`.

        noted: whether a value comes with its time and worker (see `in_worker.clocked`).
        """
        function, call, clocked = task.function, in_worker.call, in_worker.clocked
        if self.kind == "asyncio":
            function, call, clocked = task.coroutine, in_worker.call_async, in_worker.clocked_async
        work = partial(call, partial(clocked, function) if noted else function)
        with self._failures_told():
            yield from self.executor.map(work, calls, chunksize=chunksize)

    @contextlib.contextmanager
    def _failures_told(self):
        """A LabError for a worker that died, or for a task that no subinterpreter can import."""
        try:
            yield
        except BrokenExecutor as error:
            raise LabError(died(f"a worker ({self.kind})", self._exit_code())) from error
        except Exception as error:
            if type(error).__name__ in LOST:
                raise LabError("Dask lost its scheduler, or one task ended worker after worker: no result") from error
            if type(error).__name__ != "NotShareableError":  # a class that came with 3.14
                raise
            detail = str(error.__cause__ or error)
            why = next((line for line in detail.splitlines() if line.partition(":")[0].endswith("Error")), error)
            raise LabError(f"a subinterpreter cannot run this task ({why}): choose another kind", detail) from error

    def _exit_code(self):
        """That of the process that died by itself: the executor ends the others by SIGTERM."""
        processes = getattr(self.executor, "_processes", None) or {}  # which it forgets at its shutdown
        self.executor.shutdown()  # it joins them; a second join of forkserver's would take the code away
        codes = [process.exitcode for process in processes.values() if process.exitcode is not None]
        return min(codes, key=lambda code: (code == -signal.SIGTERM, code == 0), default=None)

    def _count_as_arrived(self, call):
        if call.cancelled() or call.exception():  # it failed on its way, say while its task was imported
            self.barrier[0].release()


def value(outcome, what: str = "a worker raised"):
    """The outcome of an `in_worker.call`, or a LabError that says what failed, how, and where."""
    if isinstance(outcome, in_worker.Failure):
        raise LabError(f"{what} {outcome.type}: {outcome.message}".removesuffix(": "), outcome.traceback)
    return outcome


class Serial(Executor):
    """Runs each call in the submitting thread: `map` is Python's own, and `submit` raises what the call raises."""

    def map(self, function, calls, chunksize=1):
        return map(function, calls)

    def submit(self, function, /, *args) -> Future:
        future = Future()
        future.set_result(function(*args))
        return future


class Coroutines(Serial):
    """One event loop: `map` runs a coroutine function in `workers` coroutines that take from one iterator."""

    def __init__(self, workers):
        import asyncio  # brings 60 modules along: a fork would take longer

        self.workers, self._runner, self._gather = workers, asyncio.Runner(), asyncio.gather

    def map(self, coroutine, calls, chunksize=1):
        return self._runner.run(self._all(coroutine, calls))

    async def _all(self, coroutine, calls):
        results, numbered = [None] * len(calls), iter(enumerate(calls))

        async def worker():
            for number, args in numbered:
                results[number] = await coroutine(args)

        await self._gather(*(worker() for _ in range(self.workers)))
        return results

    def shutdown(self, wait=True, *, cancel_futures=False):
        self._runner.close()


@contextlib.contextmanager
def opened(kind: str, workers: int, started: bool = True, threads: int = 1) -> Iterator[WorkerPool]:
    """Open a pool of `workers` workers of this kind, every one of them started; close it on leaving.

    threads: of each worker, for "dask", where no scheduler is named.
    started: if it is false, the executor starts its workers by itself, when it gets work, as in any other program.
    `kind` is "serial" or one of `KINDS`. Raises LabError where this machine lacks the kind or cannot start so many.
    """
    if problem := unavailable(kind):
        raise LabError(problem)
    wait_for_threads()
    with contextlib.ExitStack() as closing:
        try:
            executor, barrier = _made(kind, workers, threads, closing)
            alone = kind in ("serial", "asyncio")
            pool = WorkerPool(closing.enter_context(executor), kind, 1 if alone else workers, barrier)
            for call in pool.meet(in_worker.usage, (pool.scope,)) if started else ():
                call.result()
        except (OSError, RuntimeError) as error:
            what = (
                f"{workers} processes ({kind})"
                if kind in START_METHODS
                else f"{workers} {kind}{' workers' * (kind == 'dask')}"
            )
            raise LabError(limit_reached(error, what) or cannot_start(what, error)) from error
        yield pool


def _made(kind, workers, threads, closing):
    """(executor, barrier) for so many workers of this kind; `closing` closes what the executor does not."""
    if kind in ("serial", "asyncio"):
        return Serial() if kind == "serial" else Coroutines(workers), None
    if kind == "threads":
        barrier = threading.Semaphore(0), threading.Semaphore(0)
        return ThreadPoolExecutor(workers, initializer=in_worker.set_barrier, initargs=barrier), barrier
    if kind == "interpreters":
        from concurrent.futures import InterpreterPoolExecutor

        barrier = in_worker.PipeSemaphore(*os.pipe()), in_worker.PipeSemaphore(*os.pipe())
        for descriptor in (*barrier[0], *barrier[1]):
            closing.callback(os.close, descriptor)
        given = *barrier, sys.path
        return InterpreterPoolExecutor(workers, initializer=in_worker.set_barrier, initargs=given), barrier
    if kind == "dask":
        from . import dask_pool

        return dask_pool.executor(workers, threads, kinds.scheduler, closing), None
    context = multiprocessing.get_context(kind)
    with uninterrupted(kind):
        barrier = context.Semaphore(0), context.Semaphore(0)
        return ProcessPoolExecutor(workers, context, in_worker.set_barrier, barrier), barrier


@contextlib.contextmanager
def uninterrupted(start_method=None):
    """Hold SIGTERM back while a semaphore or a block of shared memory gets its name, or loses it.

    One that is made, but not yet known to the resource tracker, stays in /dev/shm forever: on a busy machine
    1 of 100 cancels left one. The tracker of semaphores for this start method is started first, because its start
    lets the signal through. A thread inherits the mask that it is started under.
    """
    if os.name == "nt":
        yield
        return
    if start_method not in (None, "fork"):  # fork's semaphores lose their names immediately
        resource_tracker.ensure_running()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@contextlib.contextmanager
def pinned(cpu: int):
    """Keep this thread on one CPU, and then let it use those that it might use before."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def wait_for_threads():
    """Wait until threads that have ended are gone from the system, too, so that a fork copies none of their locks.

    Before 3.13 join() may return while the OS thread is still leaving. Threads that Python knows may stay, and those of
    a C library are waited for in vain.
    """
    here, deadline = "/proc/self/task", time.monotonic() + 0.2  # Linux lists them there
    while os.path.isdir(here) and len(os.listdir(here)) > threading.active_count() and time.monotonic() < deadline:
        time.sleep(0.0005)
