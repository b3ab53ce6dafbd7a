"""The worker's end of the races: update a count that another worker updates too, or take two locks.

Imported by every spawned worker, so it imports nothing that a bare pool's worker lacks.
"""

import contextlib
import time

from ...engine import in_worker

_shared = None


def keep(shared, arrived, go):
    """Pool initializer: locks and shared memory can be inherited by a worker process, not submitted to it.

    shared.cell: where the count is, read and written as cell.value; lock: None where nothing guards it; first: a lock
    that makes the worker that gets it the first; go, on, done: semaphores of the handshake; requests: a queue.Queue,
    None where both workers update the count themselves.
    """
    global _shared
    _shared = shared
    in_worker.set_barrier(arrived, go)


def work(method, turns):
    """Make `turns` updates by this method, as the first or as the second of the two; return the count seen here."""
    cell, lock, requests = _shared.cell, _shared.lock, _shared.requests
    first = _shared.first.acquire(False)
    if method == "plain" and not lock and not requests:
        for _ in range(turns):  # no call inside the loop: that is what "plain" means
            cell.value += 1
        return cell.value
    for _ in range(turns):
        if requests and not first:
            requests.put(1)
            _shared.on.release()
        elif method == "handshake" and not first:
            _interrupt(cell, lock)
        else:
            with lock or contextlib.nullcontext():
                _update(cell, method)
            if requests:
                cell.value += requests.get()
            elif method == "handshake":
                _shared.done.acquire()
    return cell.value


def _update(cell, method):
    """One update; by handshake the other worker has its turn between the read and the write."""
    value = cell.value
    if method == "handshake":
        _shared.go.release()
        _shared.on.acquire()
    elif method == "call":
        time.sleep(0)
    cell.value = value + 1


def _interrupt(cell, lock):
    """Make an update while the other worker stands between its read and its write, unless a lock keeps this one out."""
    _shared.go.acquire()
    if lock and not lock.acquire(False):
        _shared.on.release()
        with lock:
            cell.value += 1
    else:
        cell.value += 1
        _shared.on.release()
    _shared.done.release()


def take_both(first, second, tried, patience_s):
    """Whether this thread got both locks; it gives up after waiting `patience_s` for one.

    Both threads have tried their first lock before either goes on. One that gives up keeps what it holds, or else the
    first to give up would let the other through.
    """
    held = first.acquire(False)
    tried.wait()
    got = (held or first.acquire(True, patience_s)) and second.acquire(True, patience_s)
    if got:
        second.release()
        first.release()
    return got
