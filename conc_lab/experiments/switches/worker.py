"""Work whose context switches the worker counts for itself."""

import time

from ...engine import in_worker


def wait_often(times):
    """Sleep `times` times for half a millisecond; the number of times."""
    for _ in range(times):
        time.sleep(0.0005)  # long enough for every sleep to give its CPU up
    return times


def counted(scope, function, args):
    """(value of the call, start and end in ns, `Usage` before, `Usage` after)."""
    before = in_worker.usage(scope)
    start = time.perf_counter_ns()
    value = function(*args)
    end = time.perf_counter_ns()
    return value, start, end, before, in_worker.usage(scope)
