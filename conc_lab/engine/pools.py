"""Who does the work: a name -> a crew around a `concurrent.futures.Executor`, its workers started and known.

Only one crew may be open at a time: a second fork pool would fork beside the first one's threads.
"""

import contextlib
import multiprocessing
import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import resource_tracker

from . import in_worker as _worker
from .errors import LabError, cannot_start

START_METHODS = ("fork", "forkserver", "spawn")

# What one idle worker process adds to the machine, rounded up from its PSS (conc_lab's own memory
# measurements on Linux, CPython 3.11 and 3.13). Used to refuse what cannot fit, never shown as a result.
WORKER_BYTES = {"fork": 5 << 20, "forkserver": 12 << 20, "spawn": 12 << 20}
_staying = set()  # the system's ids of threads that `settle` has waited for once
WINDOWS_MOST_PROCESSES = 61  # WaitForMultipleObjects; ProcessPoolExecutor refuses more


@dataclass(frozen=True)
class Crew:
    """A started executor, the number of its workers, the scope of one worker's usage, and the gate where they meet.

    gate: (arrive, go), semaphores shared with the workers; None where there is one worker only.
    """

    executor: Executor
    workers: int
    scope: str
    gate: tuple | None = None

    def together(self, function, *args) -> list:
        """What function(*args) returns in each worker: one call a worker, all let go when all are there."""
        calls = []
        try:
            for _ in range(self.workers):
                calls.append(self.executor.submit(_worker.together, function, args))
            if self.gate:
                for call in calls:
                    call.add_done_callback(self._count_as_arrived)
                for _ in calls:
                    self.gate[0].acquire()
        finally:
            # Also when a worker could not be started: those that wait would keep the executor waiting for ever,
            # and its own call is in the queue by then, where another worker takes it.
            for _ in range(self.workers if self.gate else 0):
                self.gate[1].release()
        try:
            return [call.result() for call in calls]
        except TypeError as error:
            if type(error).__name__ == "NotShareableError":  # a class that came with 3.14
                raise _undelivered(error) from error
            raise

    def ask(self, function, *args):
        """What function(*args) returns in a worker; a LabError with the worker's traceback where it fails there."""
        return value(self.executor.submit(_worker.call, function, args).result())

    def meet(self, function=None, args=()) -> list[_worker.Usage]:
        """One `Usage` from each worker, after each has run `function` once if one is given."""
        return self.together(_worker.report, self.scope, function, args)

    def _count_as_arrived(self, call):
        if call.cancelled() or call.exception():  # it failed on its way, say while its task was imported
            self.gate[0].release()


def _undelivered(error):
    """For a call that never got into a subinterpreter: its module, or a library that this uses, cannot be imported."""
    detail = str(error.__cause__ or error)
    why = next((line for line in detail.splitlines() if line.partition(":")[0].endswith("Error")), str(error))
    return LabError(f"a subinterpreter cannot run this task ({why}); choose another kind of worker", detail)


def value(outcome, what: str = "a worker raised"):
    """The outcome of a `_worker.call`, or a LabError that says what failed, how, and where."""
    if isinstance(outcome, _worker.Failure):
        message = f": {outcome.message}" if outcome.message else ""
        raise LabError(f"{what} {outcome.type}{message}", outcome.traceback)
    return outcome


class SerialExecutor(Executor):
    """Runs each call in the submitting thread, before `submit` returns."""

    _shut_down = False

    def submit(self, function, /, *args, **kwargs) -> Future:
        if self._shut_down:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future

    def shutdown(self, wait=True, *, cancel_futures=False):
        self._shut_down = True


@contextlib.contextmanager
def open_crew(kind: str, workers: int, start_method: str | None = None) -> Iterator[Crew]:
    """Open a crew of `workers` workers of this kind, every one of them started; close it on leaving.

    `kind` is one of `EXECUTORS`; `start_method` is needed by "processes" and ignored by the others.
    Raises LabError where this machine lacks the kind or cannot start that many workers.
    """
    if problem := unavailable(kind, start_method):
        raise LabError(problem)
    settle()
    with EXECUTORS[kind](workers, start_method) as crew:
        yield crew


@contextlib.contextmanager
def _serial(workers, start_method):
    _worker.disarm()
    with SerialExecutor() as executor:
        yield Crew(executor, 1, "thread")


@contextlib.contextmanager
def _asyncio(workers, start_method):
    from .asyncio_executor import AsyncioExecutor

    _worker.disarm()
    with AsyncioExecutor(workers) as executor:
        crew = Crew(executor, 1, "thread")
        crew.meet()
        yield crew


@contextlib.contextmanager
def _threads(workers, start_method):
    gate = threading.Semaphore(0), threading.Semaphore(0)
    with ThreadPoolExecutor(workers, initializer=_worker.arm, initargs=gate) as executor:
        yield _started(Crew(executor, workers, "thread", gate), "threads")


@contextlib.contextmanager
def _processes(workers, start_method):
    context = multiprocessing.get_context(start_method)
    try:
        with uninterrupted(start_method):
            gate = context.Semaphore(0), context.Semaphore(0)
            executor = ProcessPoolExecutor(workers, context, _worker.arm, gate)
    except OSError as error:
        raise LabError(_cannot_start(workers, f"{start_method} processes", error)) from error
    with executor:
        yield _started(Crew(executor, workers, "process", gate), f"{start_method} processes")


@contextlib.contextmanager
def uninterrupted(start_method=None):
    """Hold SIGTERM back while a semaphore or a block of shared memory gets its name, or loses it.

    One that is made, but not yet known to the resource tracker, stays in /dev/shm for ever: on a busy machine
    1 of 100 cancels left one. The tracker of semaphores for this start method is started first, because its start
    lets the signal through. A thread inherits the mask that it is started under.
    """
    if os.name == "nt":
        yield
        return
    if start_method not in (None, "fork"):  # fork's semaphores lose their names at once
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


@contextlib.contextmanager
def _interpreters(workers, start_method):
    from concurrent.futures import InterpreterPoolExecutor

    pipes = os.pipe(), os.pipe()
    gate = tuple(_worker.PipeSemaphore(*pipe) for pipe in pipes)
    try:
        with InterpreterPoolExecutor(
            workers, initializer=_worker.arm_interpreter, initargs=(*pipes, tuple(sys.path))
        ) as executor:
            yield _started(Crew(executor, workers, "thread", gate), "interpreters")
    finally:
        for descriptor in (*pipes[0], *pipes[1]):
            os.close(descriptor)


EXECUTORS = {
    "serial": _serial,
    "threads": _threads,
    "processes": _processes,
    "asyncio": _asyncio,
    "interpreters": _interpreters,
}
KINDS = ("threads", "processes", "asyncio", "interpreters")


def _started(crew, what):
    try:
        usages = crew.meet()
    except (OSError, RuntimeError) as error:
        raise LabError(_cannot_start(crew.workers, what, error)) from error
    identities = {usage.pid if crew.scope == "process" else usage.thread_id for usage in usages}
    if len(identities) != crew.workers:
        raise LabError(f"{crew.workers} {what} were asked for and {len(identities)} answered")
    return crew


def _cannot_start(workers, what, error):
    return cannot_start(f"{workers} {what}", error)


def settle():
    """Wait until the threads of the crew before are gone, so that a fork copies none of their locks.

    Before 3.13 join() may return while the OS thread is still leaving. A thread that stays for a second, say one
    that a student's task has left running, is waited for once and not again.
    """
    global _staying
    deadline = time.monotonic() + 1
    while (now := _other_threads()) - _staying and time.monotonic() < deadline:
        time.sleep(0.0005)
    _staying = now


def _other_threads():
    """The system's ids of this process's threads, less the main one and this one."""
    listed = os.listdir("/proc/self/task") if os.path.isdir("/proc/self/task") else ()
    return set(listed) - {str(os.getpid()), str(threading.get_native_id())}


def start_methods() -> list[str]:
    """The start methods of this platform, this Python's default first."""
    return multiprocessing.get_all_start_methods()


def unavailable(kind: str, start_method: str | None = None) -> str | None:
    """Why this machine or Python lacks this kind of worker, in one sentence, or None."""
    if kind == "interpreters" and sys.version_info < (3, 14):
        return f"interpreters need Python 3.14; this is {platform.python_version()}"
    if kind == "processes" and start_method not in start_methods():
        return f"start method {start_method!r} does not exist on this platform; one of: {', '.join(start_methods())}"
    return None


def unsuited(task, kind: str) -> str | None:
    """Why this kind of worker cannot run the task, in one sentence, or None."""
    if kind == "asyncio" and task.coroutine is None:
        return (
            f"asyncio cannot run {task.name}: it overlaps only waits that are written as coroutines "
            f"(sleep, http, an async def of your own); choose threads or processes, or another task"
        )
    if kind == "interpreters" and task.extension:
        return f"interpreters cannot run {task.name}: {task.extension} cannot be imported in a subinterpreter"
    return None


def check_room(workers: int, start_method: str, task_bytes: int, machine: dict) -> None:
    """Raise LabError, with the number that would fit, where so many worker processes exceed the free memory."""
    check_number(workers, f"{start_method} processes", WORKER_BYTES[start_method] + task_bytes, machine)
    if os.name == "nt" and workers > WINDOWS_MOST_PROCESSES:
        raise LabError(f"Windows allows a process pool {WINDOWS_MOST_PROCESSES} workers, got {workers}")


def check_number(count: int, what: str, each_bytes: int, machine: dict) -> None:
    """Raise LabError where so many of something, which take so many bytes each, exceed the free memory."""
    most = max(0, machine["memory_free_bytes"]) // each_bytes
    check_free(f"{count} {what} need", count * each_bytes, f"at most {most}", machine)


def check_free(what: str, needed_bytes: int, would_fit: str, machine: dict) -> None:
    """Raise LabError, saying what would fit, where something needs more than the free memory."""
    free = max(0, machine["memory_free_bytes"])
    if needed_bytes > free:
        raise LabError(f"{what} about {_size(needed_bytes)} and {_size(free)} are free: {would_fit} would fit")


def _size(count):
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 1e6:.0f} MB"
