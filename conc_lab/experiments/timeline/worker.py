"""A worker that notes the clock and its own CPU time around every call of its task."""

import contextlib
import time

from ...engine import in_worker


def blocks(function, args, window_ns):
    """Call `function` again and again for a while: (start_ns, end_ns, cpu_ns, cpu) of every call.

    cpu_ns is read inside of the block's two time stamps, so it is never more than what lies between them (but on
    Windows, which counts in steps of 16 ms); cpu is the number of the CPU on which the block ended, or None.
    """
    recorded, cpu_number = [], _cpu_number()
    first = end = time.perf_counter_ns()
    while end - first < window_ns:
        start, cpu = end, time.thread_time_ns()
        in_worker.computed(function(*args))
        cpu = time.thread_time_ns() - cpu
        end = time.perf_counter_ns()
        recorded.append((start, end, cpu, cpu_number()))
    return recorded


def _cpu_number():
    """A function that says on which CPU it was called, in less than a microsecond; None where C has none (Linux has).

    PyDLL keeps the GIL: to release it would hand it over at every block.
    """
    with contextlib.suppress(ImportError, AttributeError, TypeError):
        import ctypes

        return ctypes.PyDLL(None).sched_getcpu
    return lambda: None
