"""The worker's end of the races: update a count that another worker updates too, or take two locks.

Imported by every spawned worker, so it imports nothing that a bare pool's worker lacks.
"""

import contextlib
import threading
import time
from collections import namedtuple

LIVENESS_S = 20  # every wait here ends; one of this length means that the other worker is gone

# cell: where the count is, read and written as cell.value; go, on, done: semaphores of the handshake;
# requests: a queue.Queue, None where both workers update the count themselves.
Shared = namedtuple("Shared", "cell lock barrier go on done requests")

_shared = None


class Cell:
    """A count in this process's own memory."""

    value = 0


class NoLock:
    """What stands in for a lock where there is none: everybody gets it at once."""

    def acquire(self, blocking=True, timeout=-1):
        return True

    def release(self):
        pass


def arm(shared):
    """Pool initializer: locks and shared memory can be inherited by a worker process, not submitted to it."""
    global _shared
    _shared = shared


def work(role, method, turns):
    """Meet the other worker, do `turns` updates by this method as "first" or "second", return the count seen here."""
    _shared.barrier.wait(LIVENESS_S)
    if _shared.requests is not None:
        (_own if role == "first" else _ask)(method, turns)
    elif method == "handshake":
        (_interrupted if role == "first" else _interrupting)(turns)
    elif method == "call":
        for _ in range(turns):
            _acquire(_shared.lock)
            _read_call_write(_shared.cell)
            _shared.lock.release()
    else:
        _plain(_shared.cell, _shared.lock, turns)
    return _shared.cell.value


def _interrupted(turns):
    """Read; let the other go on until it has made its update, or has found the lock taken; write."""
    shared = _shared
    for _ in range(turns):
        _acquire(shared.lock)
        _read_switch_write(shared)
        shared.lock.release()
        _acquire(shared.done)


def _interrupting(turns):
    """Make each update while the other worker stands between its read and its write, unless a lock keeps it out."""
    shared = _shared
    for _ in range(turns):
        _acquire(shared.go)
        kept_out = not shared.lock.acquire(False)
        if kept_out:
            shared.on.release()
            _acquire(shared.lock)
        shared.cell.value = shared.cell.value + 1
        shared.lock.release()
        if not kept_out:
            shared.on.release()
        shared.done.release()


def _plain(cell, lock, turns):
    if isinstance(lock, NoLock):  # no call inside the loop: that is what "plain" means
        for _ in range(turns):
            cell.value += 1
    else:
        for _ in range(turns):
            with lock:
                cell.value += 1


def _own(method, turns):
    """The only worker that touches the count: its own updates, and those that the other asks for."""
    shared = _shared
    for _ in range(turns):
        if method == "handshake":
            _read_switch_write(shared)
        elif method == "call":
            _read_call_write(shared.cell)
        else:
            shared.cell.value += 1
        shared.cell.value += shared.requests.get(timeout=LIVENESS_S)


def _ask(method, turns):
    """Ask the owner for each update instead of making it."""
    for _ in range(turns):
        if method == "handshake":
            _acquire(_shared.go)
        _shared.requests.put(1)
        if method == "handshake":
            _shared.on.release()


def _read_switch_write(shared):
    value = shared.cell.value
    shared.go.release()
    _acquire(shared.on)
    shared.cell.value = value + 1


def _read_call_write(cell):
    value = cell.value
    time.sleep(0)
    cell.value = value + 1


def _acquire(lock):
    if not lock.acquire(True, LIVENESS_S):
        raise TimeoutError(f"the other worker did not answer within {LIVENESS_S} s")


def take_both(first, second, tried, gave_up, patience_s):
    """Whether this thread got both locks; it gives up after waiting `patience_s` for one.

    Both threads have tried their first lock before either goes on. One that gives up keeps what it holds until
    the other has given up too, or else the first to give up would let the other through.
    """
    held = first.acquire(False)
    tried.wait(LIVENESS_S)
    held = held or first.acquire(True, patience_s)
    got = held and second.acquire(True, patience_s)
    if got:
        second.release()
    else:
        with contextlib.suppress(threading.BrokenBarrierError):  # the other one did not give up
            gave_up.wait(LIVENESS_S)
    if held:
        first.release()
    return got
