"""What becomes of updates that two workers make to one count, with and without a lock; and of two locks.

Method: an update is lost when another worker makes one between its read and its write. By "handshake" the first
worker reads and then waits until the second has made a whole update, or has found the lock taken: without a lock
one of every two updates is lost, whatever the scheduler does, and no clock decides anything. By "call" both
workers read, call time.sleep(0) and write; by "plain" both run `+= 1`; whether those lose depends on when the
interpreter and the operating system change workers. By "deadlock" two threads take two locks, in opposite
orders or in the same order; each has tried its first lock before either asks for its second.
"""

import multiprocessing
import queue
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from itertools import product
from types import SimpleNamespace

from ...engine import pools
from ...engine.experiment import ROUNDS, Rows, in_rounds
from ...engine.kinds import START_METHODS
from ...engine.parameters import Kinds, Number, OneOf, Several, by_profile
from . import worker

METHODS = ("handshake", "call", "plain", "deadlock")
COUNTS = ("shared", "own", "queue")
ORDERS = ("opposite order", "same order")


def races(
    kinds: Kinds("threads", "processes", *START_METHODS) = ("threads", "processes"),
    counts: Several(OneOf(lambda: COUNTS, "what the workers update"), "count") = COUNTS,
    methods: Several(OneOf(lambda: METHODS, "what happens between read and write"), "method") = METHODS,
    turns: Number(1, 100_000, "updates by each worker, by handshake or call") = by_profile(50, 500, 2000),
    increments: Number(1, 10_000_000, "updates by each worker, by +=") = by_profile(20_000, 200_000, 1_000_000),
    patience_ms: Number(1, 10_000, "milliseconds before a wait counts as a deadlock") = by_profile(200, 500, 500),
    rounds: ROUNDS = by_profile(1, 3, 5),
) -> Rows:
    """Count what two workers add to one count, with and without a lock; one row is one variant in one round.

    counts: "shared" is one variable of both threads, or one count in memory that both processes share; "own" is one
    for each process; "queue" belongs to one of two threads, which the other asks for updates through a queue.Queue.

    Columns: round; method; kind; count; lock ("none" or "lock", which a shared count alone has; for "deadlock" the
    order in which the two threads take the locks); what is counted ("updates", or "threads" that got both locks);
    expected, counted, and lost, their difference; seen_by_parent: the count as the program that started the workers
    sees it. Raises LabError when a worker ends before it is done, or where nothing asked for goes together.
    """
    # 500 times as often as usual, for good: an update that can be lost has its chance, and this interpreter then ends.
    sys.setswitchinterval(1e-5)
    for number, _, variant in in_rounds(list(_variants(methods, kinds, counts)), rounds):
        method, kind, count, lock = variant
        if method == "deadlock":
            row = _deadlock(lock, patience_ms / 1000)
        else:
            row = _race(*variant, increments if method == "plain" else turns)
        row |= {"round": number, "method": method, "kind": kind, "count": count, "lock": lock}
        yield row | {"lost": row["expected"] - row["counted"]}


def _variants(methods, kinds, counts):
    """All (method, kind, count, lock) that go together."""
    for method, kind in product(methods, kinds):
        ways = [("shared", "none"), ("shared", "lock"), ("queue" if kind == "threads" else "own", "none")]
        if method == "deadlock":
            ways = [("shared", order) for order in ORDERS if kind == "threads"]
        yield from ((method, kind, count, lock) for count, lock in ways if count in counts)


def _race(method, kind, count, lock, turns):
    """Two workers, `turns` updates each."""
    pools.wait_for_threads()
    threads = kind == "threads"
    source = threading if threads else multiprocessing.get_context(kind)
    with pools.uninterrupted(None if threads else kind):
        cell = SimpleNamespace(value=0) if threads or count == "own" else source.RawValue("q", 0)
        shared = SimpleNamespace(cell=cell, lock=source.Lock() if lock == "lock" else None, first=source.Lock())
        shared.requests = queue.Queue() if count == "queue" else None
        shared.go, shared.on, shared.done, *barrier = (source.Semaphore(0) for _ in range(5))
        given = worker.keep, (shared, *barrier)
        executor = ThreadPoolExecutor(2, "", *given) if threads else ProcessPoolExecutor(2, source, *given)
    with executor:
        seen = pools.WorkerPool(executor, kind, 2, barrier).together(worker.work, method, turns)
    counted = sum(seen) if count == "own" else cell.value
    return {"what": "updates", "expected": 2 * turns, "counted": counted, "seen_by_parent": cell.value}


def _deadlock(order, patience_s):
    """Two threads that take two locks each, in this order."""
    a, b, tried = threading.Lock(), threading.Lock(), threading.Barrier(2)
    pairs = [(a, b), (b, a) if order == "opposite order" else (a, b)]
    with ThreadPoolExecutor(2) as pool:
        got_both = sum(pool.map(lambda pair: worker.take_both(*pair, tried, patience_s), pairs))
    return {"what": "threads", "expected": 2, "counted": got_both, "seen_by_parent": got_both}
