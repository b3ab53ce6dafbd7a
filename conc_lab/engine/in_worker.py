"""What runs inside a worker: meet the others at a barrier, run a task, report the usage.

Imported by every spawned worker, so it imports nothing that a bare pool's worker lacks, but for the small `resource`.
"""

import os
import sys
import time
import traceback
from _thread import get_native_id
from collections import namedtuple
from functools import cache
from types import AsyncGeneratorType, CoroutineType, FunctionType, GeneratorType

try:
    import resource
except ImportError:  # Windows has no resource module: switches are then None
    resource = None

Usage = namedtuple("Usage", "pid cpu_s voluntary_switches involuntary_switches")
Failure = namedtuple("Failure", "type message traceback")
MESSAGE, TRACEBACK = 500, 20_000  # characters of a failure's texts that are kept
NOT_COMPUTED = GeneratorType, AsyncGeneratorType, CoroutineType, FunctionType, map, filter, zip

_barrier = None  # (arrived, go): two semaphores that the workers of a pool share


def set_barrier(arrived, go, path=None):
    """Pool initializer: a semaphore can be inherited by a worker, not submitted to it.

    path: the module search path for a subinterpreter, which starts without later additions to it.
    """
    global _barrier
    _barrier = arrived, go
    if path:
        sys.path[:] = path


class PipeSemaphore(namedtuple("PipeSemaphore", "reading writing")):
    """A semaphore whose count is the bytes in a pipe: the descriptors mean the same in every interpreter."""

    def release(self):
        os.write(self.writing, b".")

    def acquire(self):
        os.read(self.reading, 1)


def at_barrier(function, args):
    """Say that this worker is here, wait until all are told to go, then function(*args).

    Each of N workers holds one of N calls until then, so no worker gets two of them.
    """
    arrived, go = _barrier
    arrived.release()
    go.acquire()
    return function(*args)


def usage(scope, function=None, args=()):
    """CPU time and context switches of this thread, or of this process (scope "thread" or "process").

    Where a function is given, it is called first.
    """
    if function is not None:
        function(*args)
    cpu_s = time.thread_time() if scope == "thread" else time.process_time()
    who = getattr(resource, "RUSAGE_THREAD" if scope == "thread" else "RUSAGE_SELF", None)
    counts = resource.getrusage(who) if who is not None else None
    switches = (counts.ru_nvcsw, counts.ru_nivcsw) if counts else (None, None)
    return Usage(os.getpid(), cpu_s, *switches)


def counted(scope, function, args):
    """(value of function(*args), start and end in ns, `Usage` before, `Usage` after)."""
    before = usage(scope)
    value, (_, start, end, *_) = clocked(function, *args)
    return value, start, end, before, usage(scope)


def used(before, after):
    """What the workers used between two lists of usages: columns of a row, None where it is not counted.

    A worker of Dask's that was lost meanwhile, and the one that took its place, are left out.
    """
    lasting = {use.pid for use in before} & {use.pid for use in after}
    before, after = ([use for use in uses if use.pid in lasting] for uses in (before, after))
    _, *totals = zip(Usage._fields, zip(*before, strict=True), zip(*after, strict=True), strict=True)  # but the pids
    return {name: None if None in old else sum(new) - sum(old) for name, old, new in totals}


def call(function, args):
    """The value of function(*args), or a Failure.

    Errors travel as text: an exception whose class has its own __init__ may refuse to be unpickled, which breaks
    the whole pool, and a SystemExit would be raised again by the caller's `result()` and end the child.
    """
    try:
        return computed(function(*args))
    except BaseException as error:
        return failure(error)


async def call_async(coroutine, args):
    """`call` for a coroutine function."""
    try:
        return computed(await coroutine(*args))
    except (Exception, SystemExit) as error:  # a cancellation must go on to the loop
        return failure(error)


def clocked(function, *args, start_ns=None):
    """The value of function(*args) and when it came about: (value, (worker, start_ns, end_ns, cpu_ns, cpu)).

    worker: tells this thread from all others; start_ns: now, unless the end of what came before is given; cpu_ns: the
    thread's CPU time, read inside of the two time stamps, so never more than what lies between them (but on Windows,
    which counts in steps of 16 ms); cpu: the number of the CPU at the end, None where the system does not tell. How
    time stamps of several processes compare is promised for Linux alone, which has one clock for all.
    """
    start_ns, cpu_ns = start_ns or time.perf_counter_ns(), time.thread_time_ns()
    value = computed(function(*args))
    cpu_ns = time.thread_time_ns() - cpu_ns
    return value, (get_native_id(), start_ns, time.perf_counter_ns(), cpu_ns, cpu_number()())


def in_turn(function, args, times):
    """What `clocked` returns for so many calls, one after the other."""
    return [clocked(function, *args) for _ in range(times)]


def blocks(function, args, window_ns):
    """Call `function` again and again for a while: (start_ns, end_ns, cpu_ns, cpu) of every call (see `clocked`)."""
    recorded = []
    first = end = time.perf_counter_ns()
    while end - first < window_ns:
        _, (_, start, end, cpu_ns, cpu) = clocked(function, *args, start_ns=end)
        recorded.append((start, end, cpu_ns, cpu))
    return recorded


async def clocked_async(coroutine, *args):
    """`clocked` for a coroutine function: its worker is the coroutine that awaits it, and its CPU time is not told.

    A thread's CPU time is that of all its coroutines; to read it at each of their steps took 5 µs a task.
    """
    import asyncio

    start_ns = time.perf_counter_ns()
    value = computed(await coroutine(*args))
    return value, (id(asyncio.current_task()), start_ns, time.perf_counter_ns(), None, cpu_number()())


@cache
def cpu_number():
    """A function that says on which CPU it was called, in less than a microsecond; None where C has none (Linux has).

    PyDLL keeps the GIL: to release it would hand it over at every call. The first call here takes milliseconds.
    """
    try:
        import ctypes  # which a bare worker lacks

        return ctypes.PyDLL(None).sched_getcpu
    except (ImportError, AttributeError, TypeError):
        return lambda: None


def computed(value):
    """The value, unless it is something that computes only when it is asked to."""
    if isinstance(value, NOT_COMPUTED):
        what = f"a {type(value).__name__}".replace("a async_", "an asynchronous ")
        raise TypeError(f"the task returned {what}, so nothing was computed: return the value itself")
    return value


def failure(error):
    """The error as text, with its cure where that is known; of a length that fits a sentence and an unfolded detail."""
    message, cause = str(error), str(error.__cause__)
    message = cause if "subinterpreter" in cause else message  # NumPy's own text on an import that failed is a page
    if isinstance(error, ModuleNotFoundError) and (error.name or "").isidentifier():  # not a part of a package
        message += f"; install it with %pip install {error.name}"
    elif type(error) is NameError:
        message += "; a worker only knows what the task's own cell or module defines and imports: put it there"
    message = f"{message[:MESSAGE]}…" if len(message) > MESSAGE else message
    return Failure(type(error).__name__, message, traceback.format_exc()[-TRACEBACK:])
