"""A worker that notes the clock and its own CPU time around every call of its task."""

import time

from ...engine import in_worker


def blocks(function, args, window_ns):
    """Call `function` again and again for a while: (start_ns, end_ns, cpu_ns) of every call."""
    recorded = []
    start = now = time.perf_counter_ns()
    while now - start < window_ns:
        cpu = time.thread_time_ns()
        in_worker.computed(function(*args))
        recorded.append((now, time.perf_counter_ns(), time.thread_time_ns() - cpu))
        now = recorded[-1][1]
    return recorded
