"""What does it cost to change from one worker to another, and what causes the changes?

Four questions. hand-over: a byte goes to a partner and back, through a pipe between two threads and between two
processes, and by a pair of locks between threads; both workers on one CPU, on two, and where the system puts
them. switches: context switches that the workers count for themselves (getrusage), on equal work. interval:
threads that compute, at several switch intervals of the interpreter, against the same work done serially.
echo: a round trip to a thread in another process, beside threads or processes that compute.

Each run is summarised by its median, and the runs are compared: pooled round trips would hide the slower of two
modes, which yields fewer of them. All variants are in every round, in a shuffled order.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial

from . import worker as _switching_worker
from ...engine import in_worker as _worker, pools as executors, helper as programs, tasks, machine as this_machine
from ...engine.errors import LabError
from ...engine.parameters import ByProfile, Number, OneOf, Several
from ...engine.experiment import DEFAULT_START_METHOD, ROUNDS, Progress, in_rounds

QUESTIONS = ("hand-over", "switches", "interval", "echo")
PLACES = ("same CPU", "other CPU", "not pinned")
PARTNERS = (("threads", "pipe"), ("processes", "pipe"), ("threads", "lock"))
WORKS = ("computing", "hashing", "waiting")
DEFAULT_INTERVAL_US = 5000
FEWEST_TRIPS = 10
# Without a pause the next byte may come before a thread that computes has got the GIL back (its wake-up takes
# longer than a trip), and most trips then meet nobody: the median of the same run read 7 µs or 5 ms.
ECHO_PAUSE_S = 0.001


def switching(
    question: OneOf(lambda: QUESTIONS, "what to measure") = "hand-over",
    workers: Number(1, 64, "workers that compute or wait (switches, interval), or compute beside the echo") = 2,
    intervals_us: Several(
        Number(5, 100_000, "microseconds between two switches of threads that compute (interval, echo)", whole=False),
        "interval",
    ) = (DEFAULT_INTERVAL_US, 500, 50, 10),
    waits: Number(10, 100_000, "how often each worker waits (switches)") = ByProfile(100, 1000, 1000),
    run_ms: Number(1, 10_000, "milliseconds of round trips, or of computing for each worker", whole=False) = ByProfile(
        20, 100, 300
    ),
    start_method: OneOf(
        executors.start_methods, "how worker processes start (switches)", executors.START_METHODS
    ) = DEFAULT_START_METHOD,
    rounds: ROUNDS = ByProfile(2, 5, 9),
) -> Iterator[dict | Progress]:
    """Measure what changing workers costs; one row is one run, or one worker of a run.

    Columns of hand-over: kind, primitive, place; of echo: neighbours ("threads", "processes", or "none"), count,
    interval_us; of both: trips, and round_trip_us (the run's median; there and back), p10_us and p90_us.
    Columns of switches: work, kind, worker; of interval: kind (serial or threads), interval_us; of both: wall_s,
    cpu_s, voluntary_switches, involuntary_switches, results_equal. All have round, and reason: why figures are
    None here, else None. Raises LabError when a worker cannot be started.
    """
    yield Progress(0, "getting ready")
    variants, measure = _plan(question, workers, intervals_us, waits, run_ms / 1000, start_method)
    for number, _, variant, progress in in_rounds(variants, rounds):
        for found in measure(**variant):
            yield {"round": number} | variant | {"reason": None} | found
        yield progress


def check(params, machine):
    """Refuse more worker processes than the memory holds."""
    if params["question"] in ("switches", "echo"):
        method = params["start_method"] if params["question"] == "switches" else "spawn"
        executors.check_room(params["workers"], method, 1 << 20, machine)


def _plan(question, workers, intervals_us, waits, seconds, start_method):
    """The variants of one round, and the function that measures one of them and returns its rows."""
    if question == "hand-over":
        variants = [{"kind": kind, "primitive": how, "place": place} for kind, how in PARTNERS for place in PLACES]
        return variants, partial(_hand_over, seconds)
    if question == "echo":
        beside = sorted({1, workers})
        variants = [{"neighbours": "none", "count": 0, "interval_us": None}]
        variants += [
            {"neighbours": "threads", "count": count, "interval_us": us} for count in beside for us in intervals_us
        ]
        variants += [{"neighbours": "processes", "count": count, "interval_us": None} for count in beside]
        return variants, partial(_echo, seconds)
    computing = tasks.count_primes, (tasks.calibrate(tasks.count_primes, seconds, 64),)
    if question == "interval":
        variants = [{"kind": "serial", "interval_us": None}]
        variants += [{"kind": "threads", "interval_us": us} for us in intervals_us]
        return variants, partial(_at_interval, workers, computing)
    hashing = tasks.sha256, (tasks.calibrate(tasks.sha256, seconds),)
    works = dict(zip(WORKS, (computing, hashing, (_switching_worker.wait_often, (waits,))), strict=True))
    variants = [{"work": work, "kind": kind} for work in works for kind in ("threads", "processes")]
    return variants, lambda work, kind: _workers(kind, workers, start_method, *works[work])


def _hand_over(seconds, kind, primitive, place):
    if reason := _unplaceable(place):
        return [dict.fromkeys(("trips", "round_trip_us", "p10_us", "p90_us")) | {"reason": reason}]
    partners = {
        ("threads", "pipe"): _thread_by_pipe,
        ("processes", "pipe"): _process,
        ("threads", "lock"): _thread_by_lock,
    }
    with partners[kind, primitive]() as (exchange, partner_id), _placed(partner_id, place):
        return [_round_trips(exchange, seconds)]


def _echo(seconds, neighbours, count, interval_us):
    threads = count if neighbours == "threads" else 0
    with contextlib.ExitStack() as stack:
        computing = [stack.enter_context(_process(computes=True)) for _ in range(count - threads)]
        exchange, _ = stack.enter_context(_process(threads=threads, interval_us=interval_us or DEFAULT_INTERVAL_US))
        exchange()  # it has started before the others take its CPUs
        for start_computing, _ in computing:
            start_computing()
        return [_round_trips(exchange, seconds, ECHO_PAUSE_S)]


def _round_trips(exchange, seconds, pause_s=0):
    """Round trips for so long, and at least `FEWEST_TRIPS`, after one that is not counted."""
    exchange()
    taken, now = [], time.perf_counter_ns()
    end = now + seconds * 1e9
    while len(taken) < FEWEST_TRIPS or now < end:
        if pause_s:
            time.sleep(pause_s)
        start = time.perf_counter_ns()
        exchange()
        now = time.perf_counter_ns()
        taken.append((now - start) / 1000)
    p10, *_, p90 = statistics.quantiles(taken, n=10, method="inclusive")
    return {"trips": len(taken), "round_trip_us": statistics.median(taken), "p10_us": p10, "p90_us": p90}


def _unplaceable(place):
    """Why two workers cannot be put there on this machine, or None."""
    if place == "not pinned":
        return None
    if not hasattr(os, "sched_setaffinity"):
        return f"{this_machine.system()} does not let Python choose a worker's CPU"
    return "only one CPU may be used" if place == "other CPU" and len(os.sched_getaffinity(0)) == 1 else None


@contextlib.contextmanager
def _placed(partner_id, place):
    """This thread on the first CPU it may use, and its partner on the same or on the last one."""
    if place == "not pinned":
        yield
        return
    allowed = os.sched_getaffinity(0)
    with executors.pinned(min(allowed)):
        os.sched_setaffinity(partner_id, {min(allowed) if place == "same CPU" else max(allowed)})
        yield


@contextlib.contextmanager
def _process(threads=0, interval_us=DEFAULT_INTERVAL_US, computes=False):
    """(a function that makes one round trip, the process id) of a partner in a bare interpreter of its own."""
    spec = json.dumps({"threads": threads, "interval_us": interval_us, "computes": computes})
    process = programs.start("_switching_worker", spec, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    with process:
        try:
            yield partial(_exchange, process.stdin.fileno(), process.stdout.fileno()), process.pid
        finally:
            process.kill()


@contextlib.contextmanager
def _thread_by_pipe():
    (its_read, write), (read, its_write) = os.pipe(), os.pipe()
    try:
        thread = threading.Thread(target=_switching_worker.answer, args=(its_read, its_write))
        thread.start()
        try:
            yield partial(_exchange, write, read), thread.native_id
        finally:
            os.close(write)  # the partner's end of file
            write = None
            thread.join()
    finally:
        for descriptor in (its_read, its_write, read, write):
            if descriptor is not None:
                os.close(descriptor)


@contextlib.contextmanager
def _thread_by_lock():
    ping, pong, ended = threading.Lock(), threading.Lock(), threading.Event()
    ping.acquire()
    pong.acquire()
    thread = threading.Thread(target=_switching_worker.answer_by_lock, args=(ping, pong, ended))
    thread.start()

    def exchange():
        ping.release()
        pong.acquire()

    try:
        yield exchange, thread.native_id
    finally:
        ended.set()
        ping.release()
        thread.join()


def _exchange(write, read):
    try:
        os.write(write, b".")
        answered = os.read(read, 1)
    except BrokenPipeError:
        answered = b""
    if not answered:
        raise LabError(
            "a worker ended before it answered: if this machine limits threads or memory, ask for fewer workers"
        )


def _workers(kind, workers, start_method, function, args, apart=True):
    """A row for each worker of a fresh crew, or one for all: they do the same work at the same time."""
    with executors.open_crew(kind, workers, start_method) as crew:
        crew.meet(function, (1,))  # imports and first touches are not the work
        turns = range(workers // crew.workers)  # serial is a crew of one, which does the work of all
        counted = _switching_worker.counted, crew.scope, function, args
        outcomes = [outcome for _ in turns for outcome in crew.together(*counted)]
    values, starts, ends, before, after = zip(*outcomes, strict=True)
    if len(set(values)) > 1:
        raise LabError(f"the {kind} returned different results for the same work, so no figures are shown")
    wall_s = (max(ends) - min(starts)) / 1e9
    uncounted = f"{this_machine.system()} does not tell Python the context switches of a {crew.scope}"
    reason = uncounted if after[0].voluntary_switches is None else None
    shared = {"wall_s": wall_s, "results_equal": True, "reason": reason}
    if not apart:
        return [shared | _worker.spent(before, after)]
    pairs = enumerate(zip(before, after, strict=True))
    return [{"worker": number} | shared | _worker.spent([old], [new]) for number, (old, new) in pairs]


def _at_interval(workers, computing, kind, interval_us):
    """One row: the workers' work together, at this switch interval or, serially, one part after the other."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(interval_us / 1e6 if interval_us else before)
    try:
        return _workers(kind, workers, None, *computing, apart=False)
    finally:
        sys.setswitchinterval(before)


def against_serial(rows: list[dict]) -> list[dict]:
    """The interval question's threads against the serial run of the same round.

    round, interval_us, throughput (serial wall_s / wall_s), cpu_cost (cpu_s / serial cpu_s), cores_busy (cpu_s /
    wall_s), switches_per_s (of all threads together, voluntary and involuntary; None where not counted).
    """
    serial = {row["round"]: row for row in rows if row["kind"] == "serial"}
    found = []
    for row in rows:
        base = serial.get(row["round"])
        if row["kind"] == "threads" and base:
            counts = row["voluntary_switches"], row["involuntary_switches"]
            found.append(
                {
                    "round": row["round"],
                    "interval_us": row["interval_us"],
                    "throughput": base["wall_s"] / row["wall_s"],
                    "cpu_cost": row["cpu_s"] / base["cpu_s"] if base["cpu_s"] else None,
                    "cores_busy": row["cpu_s"] / row["wall_s"],
                    "switches_per_s": None if None in counts else sum(counts) / row["wall_s"],
                }
            )
    return found
