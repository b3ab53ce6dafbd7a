"""What does it cost to hand over to another worker and back?

A byte goes to a partner and back, through a pipe between two threads and between two processes, and by a pair of
locks between threads; both workers on one CPU, on two, and where the system puts them.

Each run is summarised by its median, and the runs are compared: pooled round trips would hide the slower of two
modes, which yields fewer of them. All variants are in every round, in a shuffled order.
"""

import contextlib
import os
import statistics
import threading
import time
from functools import partial
from subprocess import PIPE

from ...engine import helper, machine, pools
from ...engine.errors import LabError
from ...engine.experiment import ROUNDS, Rows, columns, in_rounds
from ...engine.parameters import Number, by_profile
from . import worker

PLACES = ("same CPU", "other CPU", "not pinned")
RUN_MS = Number(1, 10_000, "milliseconds of round trips", whole=False)


def pingpong(run_ms: RUN_MS = by_profile(20, 100, 300), rounds: ROUNDS = by_profile(2, 5, 9)) -> Rows:
    """Time round trips between two workers; one row is one run.

    Columns: round; kind (threads, or processes: bare interpreters), primitive (pipe or lock), place; trips,
    round_trip_us (the run's median; there and back), p10_us and p90_us; reason: why these are None here, else None.
    Raises LabError when a worker cannot be started.
    """
    variants, missing = [(*partner, place) for partner in PARTNERS for place in PLACES], _missing_places()
    for number, _, (kind, primitive, place) in in_rounds(variants, rounds):
        row = {"round": number, "kind": kind, "primitive": primitive, "place": place, "reason": missing.get(place)}
        if place not in missing:
            with PARTNERS[kind, primitive]() as (exchange, partner_id), _placed(partner_id, place):
                row |= round_trips(exchange, run_ms)
        yield dict.fromkeys(columns("pingpong")) | row


def round_trips(exchange, run_ms: float, pause_s: float = 0) -> dict:
    """Columns of a run: round trips for so long, and ten at least, after one that is not counted."""
    exchange()
    taken, end = [], time.perf_counter_ns() + run_ms * 1e6
    while len(taken) < 10 or time.perf_counter_ns() < end:
        if pause_s:
            time.sleep(pause_s)
        taken.append(exchange() / 1000)
    p10, *_, p90 = statistics.quantiles(taken, n=10, method="inclusive")
    return {"trips": len(taken), "round_trip_us": statistics.median(taken), "p10_us": p10, "p90_us": p90}


@contextlib.contextmanager
def process(**spec):
    """(a function that makes and times a round trip, the process id) of a `worker.partner` in a bare interpreter.

    On leaving its pipes are closed, which is what ends it.
    """
    with helper.start("experiments.pingpong.worker", spec, stdin=PIPE, bufsize=0) as program:
        yield partial(_exchange, partial(program.stdin.write, b"."), partial(program.stdout.read, 1)), program.pid


@contextlib.contextmanager
def _thread(channel):
    """(a function that makes and times a round trip, the thread's id) of a thread, through two such channels."""
    with channel() as (its_take, give), channel() as (take, its_give):
        thread = threading.Thread(target=worker.answer, args=(its_take, its_give, ended := []))
        thread.start()
        yield partial(_exchange, give, take), thread.native_id
        ended.append(True)
        give()
        thread.join()


def _exchange(give, take):
    """The nanoseconds of a round trip. The clock is in here because this call would be 2 % of the shortest trips."""
    try:
        start = time.perf_counter_ns()
        give()
        answered = take()
        end = time.perf_counter_ns()
    except BrokenPipeError:
        answered = b""
    if not answered:  # the end of the file
        raise LabError("a worker ended before it answered; ask for fewer workers, or close other programs")
    return end - start


@contextlib.contextmanager
def _pipe():
    reading, writing = os.pipe()
    with open(reading, "rb", 0) as end, open(writing, "wb", 0) as start:
        yield partial(end.read, 1), partial(start.write, b".")


def _lock():
    lock = threading.Lock()
    lock.acquire()
    return contextlib.nullcontext((lock.acquire, lock.release))


PARTNERS = {("threads", "pipe"): partial(_thread, _pipe), ("processes", "pipe"): process}
PARTNERS |= {("threads", "lock"): partial(_thread, _lock)}


def _missing_places():
    """Where two workers cannot be put on this machine, and why."""
    if not hasattr(os, "sched_setaffinity"):
        return dict.fromkeys(PLACES[:2], f"the standard library cannot choose a worker's CPU on {machine.system()}")
    return {"other CPU": "only one CPU may be used"} if len(os.sched_getaffinity(0)) == 1 else {}


def _placed(partner_id, place):
    """A context with this thread on the first CPU that it may use, and its partner on the same or on the last one."""
    if place == "not pinned":
        return contextlib.nullcontext()
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(partner_id, {min(allowed) if place == "same CPU" else max(allowed)})
    return pools.pinned(min(allowed))
