"""What runs inside a worker: meet the others at a barrier, run a task, report the usage.

Imported by every spawned worker, so it imports nothing that a bare pool's worker lacks.
"""

import os
import sys
import threading
import time
import traceback
from collections import namedtuple
from types import CoroutineType, FunctionType, GeneratorType

try:
    import resource
except ImportError:  # Windows has no resource module: switches are then None
    resource = None

Usage = namedtuple("Usage", "pid thread_id cpu_ns voluntary_switches involuntary_switches")
Failure = namedtuple("Failure", "type message traceback")
MESSAGE, TRACEBACK = 500, 20_000  # characters of a failure's texts that are kept
NOT_COMPUTED = {GeneratorType: "a generator", CoroutineType: "a coroutine", FunctionType: "a function"}

_barrier = None  # (arrived, go): two semaphores that the workers of a pool share


def set_barrier(arrived=None, go=None):
    """Pool initializer: a semaphore can be inherited by a worker, not submitted to it. Without them: a lone worker."""
    global _barrier
    _barrier = None if arrived is None else (arrived, go)


def set_barrier_in_interpreter(arrived, go, path):
    """`set_barrier` by two pipes, and the path, which a subinterpreter starts without later additions."""
    sys.path[:] = path
    set_barrier(PipeSemaphore(*arrived), PipeSemaphore(*go))


class PipeSemaphore:
    """A semaphore whose count is the bytes in a pipe: the descriptors mean the same in every interpreter."""

    def __init__(self, reading, writing):
        self.reading, self.writing = reading, writing

    def release(self):
        os.write(self.writing, b".")

    def acquire(self):
        os.read(self.reading, 1)


def at_barrier(function, args):
    """Say that this worker is here, wait until all are told to go, then function(*args).

    Each of N workers holds one of N calls until then, so no worker gets two of them.
    """
    if _barrier is not None:
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
    cpu_ns = time.thread_time_ns() if scope == "thread" else time.process_time_ns()
    who = getattr(resource, "RUSAGE_THREAD" if scope == "thread" else "RUSAGE_SELF", None)
    counts = resource.getrusage(who) if who is not None else None
    switches = (counts.ru_nvcsw, counts.ru_nivcsw) if counts else (None, None)
    return Usage(os.getpid(), threading.get_native_id(), cpu_ns, *switches)


def used(before, after):
    """What the workers used between two lists of usages: columns of a row, None where it is not counted."""

    def total(field):
        values = [(getattr(old, field), getattr(new, field)) for old, new in zip(before, after, strict=True)]
        return None if None in values[0] else sum(new - old for old, new in values)

    switches = {name: total(name) for name in ("voluntary_switches", "involuntary_switches")}
    return {"cpu_s": total("cpu_ns") / 1e9} | switches


def call(function, args):
    """The value of function(*args), or a Failure.

    Errors travel as text: an exception class with its own __init__ cannot be unpickled and would
    break the whole pool, and SystemExit would end a thread's loop.
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
    if what := NOT_COMPUTED.get(type(value)):
        raise TypeError(f"the task returned {what}, so nothing was computed: return the value itself")
    return value


def failure(error):
    """The error as text, of a length that fits a sentence and an unfolded detail."""
    message = str(error)
    message = f"{message[:MESSAGE]}…" if len(message) > MESSAGE else message
    return Failure(type(error).__name__, message, traceback.format_exc()[-TRACEBACK:])
