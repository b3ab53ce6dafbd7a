"""The worker's end of an experiment: meet the others, run a task, report what it cost.

Imported by every spawned worker, so it imports nothing that a bare pool's worker lacks.
"""

import os
import sys
import threading
import time
import traceback
from collections import namedtuple

try:
    import resource
except ImportError:  # Windows has no resource module: switches are then None
    resource = None

Usage = namedtuple("Usage", "pid thread_id cpu_ns voluntary_switches involuntary_switches")
Failure = namedtuple("Failure", "type message traceback")

_gate = None  # (arrive, go): two semaphores that the workers of a crew share


def arm(arrive, go):
    """Pool initializer: a semaphore can be inherited by a worker, not submitted to it."""
    global _gate
    _gate = arrive, go


def disarm():
    """For a crew of one, which meets nobody."""
    global _gate
    _gate = None


def arm_interpreter(arrive, go, path):
    """`arm` for a subinterpreter: semaphores over two pipes, and the path, which starts without later additions."""
    sys.path[:] = path
    arm(PipeSemaphore(*arrive), PipeSemaphore(*go))


class PipeSemaphore:
    """A semaphore whose count is the bytes in a pipe: the descriptors mean the same in every interpreter."""

    def __init__(self, reading, writing):
        self.reading, self.writing = reading, writing

    def release(self):
        os.write(self.writing, b".")

    def acquire(self):
        os.read(self.reading, 1)


def together(function, args):
    """Say that this worker is here, wait until all are told to go, then function(*args).

    Each of N workers holds one of N calls until then, so no worker gets two of them.
    """
    if _gate is not None:
        arrive, go = _gate
        arrive.release()
        go.acquire()
    return function(*args)


def report(scope, function=None, args=()):
    """Run `function` once if given and return this worker's usage so far."""
    if function is not None:
        function(*args)
    return usage(scope)


def blocks(function, args, window_ns):
    """Call `function` again and again for a while: (start_ns, end_ns, cpu_ns) of every call, and the failure."""
    recorded, failure = [], None
    start = now = time.perf_counter_ns()
    while now - start < window_ns and failure is None:
        cpu = time.thread_time_ns()
        value = call(function, args)
        failure = value if isinstance(value, Failure) else None
        recorded.append((now, time.perf_counter_ns(), time.thread_time_ns() - cpu))
        now = recorded[-1][1]
    return recorded, failure


def usage(scope):
    """CPU time and context switches of this thread, or of this process (scope "thread" or "process")."""
    cpu_ns = time.thread_time_ns() if scope == "thread" else time.process_time_ns()
    who = getattr(resource, "RUSAGE_THREAD" if scope == "thread" else "RUSAGE_SELF", None)
    counts = resource.getrusage(who) if who is not None else None
    return Usage(
        os.getpid(),
        threading.get_native_id(),
        cpu_ns,
        counts and counts.ru_nvcsw,
        counts and counts.ru_nivcsw,
    )


def spent(before, after):
    """What the workers of these usages used between two meetings: columns of a row, None where it is not counted."""

    def total(field):
        values = [(getattr(old, field), getattr(new, field)) for old, new in zip(before, after, strict=True)]
        return None if None in values[0] else sum(new - old for old, new in values)

    return {
        "cpu_s": total("cpu_ns") / 1e9,
        "voluntary_switches": total("voluntary_switches"),
        "involuntary_switches": total("involuntary_switches"),
    }


def call(function, args):
    """The value of function(*args), or a Failure.

    Errors travel as text: an exception class with its own __init__ cannot be unpickled and would
    break the whole pool, and SystemExit would end a thread's loop.
    """
    try:
        return function(*args)
    except BaseException as error:
        return _failure(error)


def timed(function, args):
    """`call`, and the seconds it took inside the worker."""
    start = time.perf_counter_ns()
    value = call(function, args)
    return value, (time.perf_counter_ns() - start) / 1e9


async def call_async(coroutine, args):
    """`call` for a coroutine function."""
    try:
        return await coroutine(*args)
    except (Exception, SystemExit) as error:  # a cancellation must go on to the loop
        return _failure(error)


def _failure(error):
    try:
        message = str(error)
    except Exception:  # a student's __str__
        message = ""
    return Failure(type(error).__name__, message, traceback.format_exc())
