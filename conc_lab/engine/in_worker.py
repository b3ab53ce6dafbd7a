"""What runs inside a worker: meet the others at a barrier, run a task, report the usage.

Imported by every spawned worker, so it imports nothing that a bare pool's worker lacks, but for the small `resource`.
"""

import os
import sys
import time
import traceback
from collections import namedtuple
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


def used(before, after):
    """What the workers used between two lists of usages: columns of a row, None where it is not counted."""

    def total(field):
        values = [(getattr(old, field), getattr(new, field)) for old, new in zip(before, after, strict=True)]
        return None if None in values[0] else sum(new - old for old, new in values)

    return {field: total(field) for field in ("cpu_s", "voluntary_switches", "involuntary_switches")}


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


def timed(function, args):
    """`call`, and the seconds it took inside the worker."""
    start = time.perf_counter_ns()
    value = call(function, args)
    return value, (time.perf_counter_ns() - start) / 1e9


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
    elif message == "EOF when reading a line":  # what input() says
        message += "; a task cannot ask for input"
    message = f"{message[:MESSAGE]}…" if len(message) > MESSAGE else message
    return Failure(type(error).__name__, message, traceback.format_exc()[-TRACEBACK:])
