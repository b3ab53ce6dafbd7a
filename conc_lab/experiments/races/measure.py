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
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

from . import worker as _races_worker
from ...engine import in_worker as _worker, pools as executors
from ...engine.errors import LabError, cannot_start
from ...engine.parameters import ByProfile, Number, OneOf, Several
from ...engine.stats import grouped
from ...engine.experiment import DEFAULT_START_METHOD, ROUNDS, START_METHOD, Progress, in_rounds

# threads: two threads, one count; processes: each has a count of its own; shared: two processes, one count in
# shared memory; queue: two threads, one of which owns the count and is asked for updates through a queue.Queue.
WAYS = ("threads", "processes", "shared", "queue")
METHODS = ("handshake", "call", "plain", "deadlock")
LOCKS = ("none", "lock")
LOCKABLE = ("threads", "shared")  # elsewhere only one worker touches a count
ORDERS = ("opposite order", "same order")
SWITCH_INTERVAL_S = 1e-5  # 500 times as often as usual: an update that can be lost shall have its chance


def races(
    ways: Several(OneOf(lambda: WAYS, "who updates which count"), "way") = WAYS,
    methods: Several(OneOf(lambda: METHODS, "what happens between read and write"), "method") = METHODS,
    start_method: START_METHOD = DEFAULT_START_METHOD,
    turns: Number(1, 100_000, "updates by each worker, handshake and call") = ByProfile(50, 500, 2000),
    increments: Number(1, 10_000_000, "updates by each worker, plain") = ByProfile(20_000, 200_000, 1_000_000),
    patience_ms: Number(1, 10_000, "milliseconds until a deadlock counts as one") = ByProfile(200, 500, 500),
    rounds: ROUNDS = ByProfile(1, 3, 5),
) -> Iterator[dict | Progress]:
    """Count what two workers add to one count, with and without a lock; one row is one variant in one round.

    Columns: round; method; way; lock ("none" or "lock"; for "deadlock" the order in which the two threads take the
    locks); what is counted ("updates", or "threads" that got both locks); expected, counted, and lost, their
    difference; seen_by_parent: the count as the program that started the workers sees it. Raises LabError when a
    worker fails or does not answer.
    """
    variants = [
        (method, way, lock)
        for method in METHODS
        for way in WAYS
        for lock in LOCKS
        if method in methods and way in ways and method != "deadlock" and (lock == "none" or way in LOCKABLE)
    ]
    variants += [("deadlock", "threads", order) for order in ORDERS if "deadlock" in methods]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        for number, _, (method, way, lock), progress in in_rounds(variants, rounds):
            if method == "deadlock":
                counts = {"what": "threads"} | _deadlock(lock, patience_ms / 1000)
            else:
                each = increments if method == "plain" else turns
                counts = {"what": "updates"} | _race(method, way, lock, each, start_method)
            row = {"round": number, "method": method, "way": way, "lock": lock} | counts
            yield row | {"lost": row["expected"] - row["counted"]}
            yield progress
    finally:
        sys.setswitchinterval(interval)


def check(params, machine):
    """Refuse worker processes that do not fit into the memory."""
    if {"processes", "shared"} & set(params["ways"]):
        executors.check_room(2, params["start_method"], 0, machine)


def _race(method, way, lock, turns, start_method):
    """Two workers, `turns` updates each."""
    executors.settle()
    if way in ("processes", "shared"):
        context = multiprocessing.get_context(start_method)
        with executors.uninterrupted(start_method):
            cell = context.RawValue("q", 0) if way == "shared" else _races_worker.Cell()
            shared = _shared(context, cell, context.Lock() if lock == "lock" else None, None)
            pool = ProcessPoolExecutor(2, context, _races_worker.arm, (shared,))
    else:
        requests = queue.Queue() if way == "queue" else None
        shared = _shared(threading, _races_worker.Cell(), threading.Lock() if lock == "lock" else None, requests)
        pool = ThreadPoolExecutor(2, initializer=_races_worker.arm, initargs=(shared,))
    with pool:
        calls = [(_races_worker.work, (role, method, turns)) for role in ("first", "second")]
        seen = _together(pool, calls, shared.barrier)
    return {
        "expected": 2 * turns,
        "counted": sum(seen) if way == "processes" else shared.cell.value,
        "seen_by_parent": shared.cell.value,
    }


def _shared(source, cell, lock, requests):
    """What the workers need, from `source`: threading, or a context of multiprocessing."""
    semaphores = [source.Semaphore(0) for _ in range(3)]
    return _races_worker.Shared(cell, lock or _races_worker.NoLock(), source.Barrier(2), *semaphores, requests)


def _deadlock(order, patience_s):
    """Two threads that take two locks each, in this order."""
    a, b, tried, gave_up = threading.Lock(), threading.Lock(), threading.Barrier(2), threading.Barrier(2)
    pairs = [(a, b), (b, a) if order == "opposite order" else (a, b)]
    with ThreadPoolExecutor(2) as pool:
        calls = [(_races_worker.take_both, (*pair, tried, gave_up, patience_s)) for pair in pairs]
        finished = sum(_together(pool, calls, tried))
    return {"expected": 2, "counted": finished, "seen_by_parent": finished}


def _together(pool, calls, barrier):
    """The values of two calls that need each other; a LabError if one fails."""
    try:
        futures = [pool.submit(_worker.call, *call) for call in calls]
        outcomes = [future.result() for future in futures]
    except (OSError, RuntimeError) as error:
        barrier.abort()  # a worker that waits for the other would keep the pool's shutdown waiting
        raise LabError(cannot_start("two workers, or lost one", error)) from error
    for outcome in sorted(outcomes, key=lambda outcome: getattr(outcome, "type", None) in ("TimeoutError", "Empty")):
        executors.value(outcome)  # the cause first
    return outcomes


def totals(rows: list[dict]) -> list[dict]:
    """One dict for each method, way and lock, in the order of the constants above: the sums over all rounds.

    method, way, lock, what; rounds; expected, counted, lost; lossy_rounds: the rounds in which something was lost.
    """
    found = []
    for (method, way, lock), mine in grouped(rows, "method", "way", "lock").items():
        found.append(
            {
                "method": method,
                "way": way,
                "lock": lock,
                "what": mine[0]["what"],
                "rounds": len(mine),
                **{name: sum(row[name] for row in mine) for name in ("expected", "counted", "lost")},
                "lossy_rounds": sum(row["lost"] > 0 for row in mine),
            }
        )
    places = (*LOCKS, *ORDERS)
    return sorted(
        found, key=lambda item: (METHODS.index(item["method"]), WAYS.index(item["way"]), places.index(item["lock"]))
    )
