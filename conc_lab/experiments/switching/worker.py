"""The other end of a hand-over, the neighbours of an echo, and work whose context switches are counted.

Imported by workers and by the bare interpreters that the switching experiment starts, so it imports little.
"""

import json
import os
import sys
import threading
import time

from ...engine import in_worker as _worker
from ...engine.tasks import count_primes

WAIT_S = 0.0005  # long enough for every sleep to give its CPU up


def answer(read, write):
    """Send every byte that comes on the descriptor `read` back on `write`, until `read` ends."""
    while byte := os.read(read, 1):
        os.write(write, byte)


def answer_by_lock(ping, pong, ended):
    """Release `pong` whenever `ping` was released, until `ended` is set."""
    while True:
        ping.acquire()
        if ended.is_set():
            return
        pong.release()


def main():
    """A partner in a process of its own: answer stdin on stdout, beside threads that compute, as sys.argv[1] says.

    With `computes` it answers once, to say that it has started, and then computes until it is killed.
    """
    spec = json.loads(sys.argv[1])
    if spec["computes"]:
        os.write(1, os.read(0, 1))
        _compute()
    sys.setswitchinterval(spec["interval_us"] / 1e6)
    for _ in range(spec["threads"]):
        threading.Thread(target=_compute, daemon=True).start()
    answer(0, 1)
    os._exit(0)  # daemon threads that compute would be in the way of an orderly end


def _compute():
    while True:
        count_primes(1000)


def wait_often(times):
    """Sleep `times` times for half a millisecond; the number of times."""
    for _ in range(times):
        time.sleep(WAIT_S)
    return times


def counted(scope, function, args):
    """(value of the call, start and end in ns, `Usage` before, `Usage` after)."""
    before = _worker.usage(scope)
    start = time.perf_counter_ns()
    value = function(*args)
    end = time.perf_counter_ns()
    return value, start, end, before, _worker.usage(scope)
