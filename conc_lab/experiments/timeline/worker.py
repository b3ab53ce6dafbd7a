"""A worker that notes the clock and its own CPU time around every call of its task."""

import time

from ...engine import in_worker


def blocks(function, args, window_ns):
    """Call `function` again and again for a while: (start_ns, end_ns, cpu_ns, cpu) of every call (see `clocked`)."""
    recorded = []
    first = end = time.perf_counter_ns()
    while end - first < window_ns:
        _, (_, start, end, cpu_ns, cpu) = in_worker.clocked(function, *args, start_ns=end)
        recorded.append((start, end, cpu_ns, cpu))
    return recorded
