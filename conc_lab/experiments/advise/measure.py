"""Which kind of worker for this task and this many items? A few seconds of measuring, then a prediction.

Method: one item, which is one call of the task, is timed alone; then batches of items on every kind of worker, first
on two workers and on more where two gained; all variants in every round, in a shuffled order, each compared with the
serial batches of its own round. Two figures of each variant make its prediction: start-up and shut-down, paid once,
and the time for an item at its measured throughput (see `predicted_s`). Processes get their items in chunks.
"""

import asyncio
import contextlib
import itertools
import math
import os
import pickle
import random
import signal
import statistics
import time
from collections import namedtuple
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor
from functools import partial
from math import inf
from time import perf_counter

from ...engine import in_worker as _worker, pools as executors, tasks, machine as this_machine
from ...engine.errors import LabError
from ...engine.parameters import ByProfile, Number, TaskName
from ...engine.experiment import DEFAULT_START_METHOD, START_METHOD, Progress
from ..speedup.measure import character

KINDS = ("serial", "threads", "asyncio", "processes")  # the simplest first
SIMPLER = 1.1  # a kind that is predicted to take up to this many times the shortest time is preferred if simpler
ONE_CORE = 1.05  # cores that one can be measured to be, by the clock's and the counters' errors
GAIN = 1.1  # two workers must be this much faster than serial before more of them are measured
MOST = {"threads": 64, "asyncio": 64, "processes": 16}  # unless there are more usable CPUs than that
BATCH_S = 0.4 if os.name == "nt" else 0.1  # a timed batch; Windows counts CPU time in steps of 16 ms
CHUNK_S, CHUNK_BYTES = 0.01, 1 << 20  # work, and pickled arguments and results, in one message to a process
CHUNKS_PER_WORKER = 4
SLOW_S, SLOWEST_S = 0.25, 1.5  # items that are called as seldom as possible; items that are refused
ROUNDS = 15
FIGURES = ("tasks", "setup_s", "wall_s", "teardown_s", "cpu_s", "cores_busy", "voluntary_switches", "handover_s")

# seconds and cpu_s of a call alone; steady: whether two calls gave the same value; copies: as many sets of arguments
# as go into one message, because pickle would send an object that comes twice only once; why processes are refused.
Item = namedtuple("Item", "value steady seconds cpu_s copies argument_bytes result_bytes unpicklable")
# A variant's figures, medians over the rounds: start_s is setup and teardown, item_s the time for an item at full
# throughput, alone_s that of a serial item, busy the cores that its batches kept busy.
Fit = namedtuple("Fit", "kind workers chunk alone_s start_s item_s speedup busy cpu_cost handover_s")


def advise(
    task: TaskName("the task; one item is one call of it") = "count_primes",
    items: Number(1, 10**9, "how many items are to be done") = 10_000,
    start_method: START_METHOD = DEFAULT_START_METHOD,
    task_ms: Number(0.1, 1000, "milliseconds an item of a built-in task takes alone", whole=False) = 10,
    within_s: Number(1, 60, "seconds for measuring", whole=False) = ByProfile(2, 12, 12),
) -> Iterator[dict | Progress]:
    """Predict how long this many items take on each kind of worker, and say which to use; one row is one batch.

    Columns: round, kind, workers, tasks (calls in the batch), chunk (of them in one message to a process); setup_s
    (opening the workers up to their first answer, and what the task imports there), wall_s, teardown_s; cpu_s (the
    workers' own CPU seconds within wall_s), cores_busy (cpu_s / wall_s), voluntary_switches; handover_s (what a lone
    item takes longer through the executor than inside the worker, None for serial, asyncio and slow items);
    argument_bytes, result_bytes (pickled, None where that is impossible); refused (why this kind cannot do it; the
    figures are then None). Raises LabError when the task fails, or takes too long.
    """
    begun = perf_counter()
    yield Progress(0, f"one item of {task}")
    found = tasks.find(task)
    with found.prepare(task_ms / 1000) as args:
        item = _one(found, args)
        rows = []
        for kind in KINDS:
            if executors.unsuited(found, kind):
                continue
            for workers in _counts(kind, item):
                rows.append({"round": 0} | _observed(found, args, item, start_method, kind, workers))
                yield rows[-1]
                spent_s = perf_counter() - begun
                yield Progress(min(1, spent_s / within_s), f"{workers} {kind}")
                gained = not rows[-1]["refused"] and _item_s(rows[0]) / _item_s(rows[-1]) > GAIN
                if not gained or spent_s > 0.75 * within_s:
                    break
        yield Progress(min(1, spent_s / within_s), "round 1", round_done=True)
        counts = {(row["kind"], row["workers"]): row["tasks"] for row in rows if not row["refused"]}
        for number in range(1, ROUNDS):
            round_begun = perf_counter()
            if round_begun - begun + spent_s > within_s:
                break
            variants = [("serial", 1), *counts]  # serial twice: what all others are compared with
            for variant in random.sample(variants, len(variants)):
                row = _observed(found, args, item, start_method, *variant, counts[variant])
                yield {"round": number} | row
            spent_s = perf_counter() - round_begun
            share = (perf_counter() - begun) / within_s
            yield Progress(min(1, share), f"round {number + 1}", round_done=True)


def check(params, machine):
    """Refuse a start method that this platform lacks, and a memory that cannot hold a process for each CPU."""
    found = tasks.TASKS.get(params["task"])
    room = found.worker_bytes if found else 0
    executors.check_room(_most("processes", machine["usable_cpus"]), params["start_method"], room, machine)


def _one(found, args):
    """What one item is, from its first call and, unless that was slow, from calls for the length of a batch."""

    def calls(seconds):
        begun, cpu, number = perf_counter(), time.thread_time(), 0
        while not number or perf_counter() - begun < seconds:
            value = executors.value(_worker.call(found.function, args), f"the task {found.name} raised")
            number += 1
        return value, (perf_counter() - begun) / number, (time.thread_time() - cpu) / number

    with _limited(2 * SLOWEST_S) as ended:
        try:
            value, seconds, cpu_s = calls(0)
        except LabError:
            if not ended:
                raise
            seconds = inf
    if seconds > SLOWEST_S:
        took = f"more than {2 * SLOWEST_S:g} s" if ended else f"{seconds:.1f} s"
        raise LabError(
            f"one item of {found.name} took {took}, and comparing the kinds of worker is to take 15 s: "
            f"make an item smaller, {SLOWEST_S} s at most"
        )
    steady = False
    if seconds < SLOW_S:
        again, seconds, cpu_s = calls(BATCH_S)
        steady = tasks.alike(value, again)
    pickled, problem = _pickled(args, "its argument")
    result, result_problem = _pickled(value, "its result")
    copies = [args]
    if pickled and result:
        chunk = min(CHUNK_S / seconds, CHUNK_BYTES / (len(pickled) + len(result)))
        copies = [pickle.loads(pickled) for _ in range(max(1, int(chunk)))]
    sizes = [None if data is None else len(data) for data in (pickled, result)]
    return Item(value, steady, seconds, cpu_s, copies, *sizes, problem or result_problem)


@contextlib.contextmanager
def _limited(seconds):
    """End what runs within this by a TimeoutError, and add to the list that this yields; not on Windows."""
    ended = []
    if not hasattr(signal, "setitimer"):
        yield ended
        return

    def end(*_):
        ended.append(True)
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield ended
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _pickled(value, what):
    try:
        return pickle.dumps(value), None
    except Exception as error:  # whatever a student's class raises
        return None, f"{what} cannot be pickled ({type(error).__name__}: {error})"


def _counts(kind, item):
    """Numbers of workers to try: 2, as many as keep every usable CPU busy if waits overlap, and one between."""
    if kind == "serial":
        return [1]
    cpus = this_machine.usable_cpus(this_machine.cpu_quota())
    busy = min(1, max(item.cpu_s / item.seconds, 1 / MOST[kind]))
    most = max(2, min(_most(kind, cpus), max(cpus, round(cpus / busy))))
    return sorted({2, round(math.sqrt(2 * most)), most})


def _most(kind, cpus):
    """The most workers of this kind that are tried on a machine with so many usable CPUs."""
    most = max(MOST[kind], cpus)
    return min(most, executors.WINDOWS_MOST_PROCESSES) if kind == "processes" and os.name == "nt" else most


def _observed(found, args, item, start_method, kind, workers, count=None):
    """A row: a batch on a fresh crew of `count` items, or of as many as take about `BATCH_S`."""
    sizes = {"argument_bytes": item.argument_bytes, "result_bytes": item.result_bytes}
    row = {"kind": kind, "workers": workers, "chunk": len(item.copies) if kind == "processes" else 1} | sizes
    try:
        if kind == "processes" and item.unpicklable:
            raise LabError(item.unpicklable)
        return row | _batch(found, args, item, start_method, kind, workers, row["chunk"], count) | {"refused": None}
    except BrokenExecutor:
        refused = "a worker process ended while it worked"
    except LabError as error:
        if kind == "serial":
            raise
        refused = str(error)
    return row | dict.fromkeys(FIGURES) | {"refused": refused}


def _batch(found, args, item, start_method, kind, workers, chunk, count):
    quick, step = item.seconds < SLOW_S, workers * chunk
    opened = perf_counter()
    with executors.open_crew(kind, workers, start_method) as crew:
        work = partial(_work, found, args, item, kind, workers, chunk, crew)
        if quick:  # what the task imports or makes at its first call belongs to the setup
            work(1) if kind == "asyncio" else crew.meet(_worker.call, (found.function, args))
        ready = perf_counter()
        handover_s = None
        if quick and kind in ("threads", "processes"):
            handover_s = statistics.median(_handed_over(crew, found, args) for _ in range(5))
        if count is None:
            count = step
            if quick:
                count *= max(1, min(200, int(BATCH_S / item.seconds)) // step)
                begun = perf_counter()
                work(count)
                count = math.ceil(count / step * max(1, BATCH_S / (perf_counter() - begun))) * step
        before = crew.meet()
        start = perf_counter()
        value = work(count)
        wall_s = perf_counter() - start
        after = crew.meet()
        closing = perf_counter()
    closed = perf_counter()
    if item.steady and not tasks.alike(value, item.value):
        raise LabError(f"{found.name} returned something else with {workers} {kind} than in the serial run")
    used = _worker.spent(before, after)
    return {
        "tasks": count,
        "setup_s": max(0, ready - opened - (workers * wall_s / count if quick else 0)),
        "wall_s": wall_s,
        "teardown_s": closed - closing,
        "cpu_s": used["cpu_s"],
        "cores_busy": used["cpu_s"] / wall_s,
        "voluntary_switches": used["voluntary_switches"],
        "handover_s": handover_s,
    }


def _work(found, args, item, kind, workers, chunk, crew, count):
    """Do `count` items as a program would, and return the last one's value."""
    if kind == "serial":
        values = (_worker.call(found.function, args) for _ in range(count))
    elif kind == "asyncio":
        values = [crew.executor.submit(_overlapped, found.coroutine, args, count, workers).result()]
    else:
        copies = itertools.islice(itertools.cycle(item.copies if kind == "processes" else [args]), count)
        values = crew.executor.map(partial(_worker.call, found.function), copies, chunksize=chunk)
    for value in values:
        executors.value(value, f"the task {found.name} raised")
    return value


async def _overlapped(coroutine, args, count, limit):
    """`count` calls of a coroutine, `limit` of them under way: the last one's value, or a Failure."""
    left, failures, value = iter(range(count)), [], None

    async def worker():
        nonlocal value
        for _ in left:
            value = await _worker.call_async(coroutine, args)
            if isinstance(value, _worker.Failure):
                failures.append(value)

    await asyncio.gather(*(worker() for _ in range(min(limit, count))))
    return failures[0] if failures else value


def _handed_over(crew, found, args):
    start = perf_counter()
    _, inside_s = crew.executor.submit(_worker.timed, found.function, args).result()
    return perf_counter() - start - inside_s


def _item_s(row):
    return row["wall_s"] / row["tasks"]


def fits(rows: list[dict]) -> list[Fit]:
    """What the rows tell of each variant, the simplest first; kinds that were refused are left out.

    Speedups are paired: each against the serial batches of its own round, so that a host that is busy in one
    round and idle in the next does not decide. Nor does one that is busy all the time: workers that compute, and
    keep no more than one core busy together, were faster than serial by luck only, and count as equal.
    """
    computes = character(rows) in ("computes", "starved")
    refused = refusals(rows)
    rounds = {}
    for row in rows:
        if row["kind"] == "serial":
            rounds.setdefault(row["round"], []).append(row)
    alone = {number: statistics.fmean(map(_item_s, serial)) for number, serial in rounds.items()}
    cost = {n: statistics.fmean(row["cpu_s"] / row["tasks"] for row in serial) for n, serial in rounds.items()}
    alone_s = statistics.median(alone.values())
    found = []
    for kind, workers in dict.fromkeys((row["kind"], row["workers"]) for row in rows if row["kind"] not in refused):
        mine = [row for row in rows if (row["kind"], row["workers"]) == (kind, workers)]
        speedup = statistics.median(alone[row["round"]] / _item_s(row) for row in mine) if kind != "serial" else 1
        busy = statistics.median(row["cores_busy"] for row in mine)
        if computes and busy <= ONE_CORE:
            speedup = min(speedup, 1)
        costs = [row["cpu_s"] / row["tasks"] / cost[row["round"]] for row in mine if cost[row["round"]]]
        handed = [row["handover_s"] for row in mine if row["handover_s"] is not None]
        found.append(
            Fit(
                kind,
                workers,
                mine[0]["chunk"],
                alone_s,
                statistics.median(row["setup_s"] + row["teardown_s"] for row in mine) if kind != "serial" else 0,
                alone_s / speedup,
                speedup,
                busy,
                statistics.median(costs) if costs else None,
                statistics.median(handed) if handed else None,
            )
        )
    return sorted(found, key=lambda fit: (KINDS.index(fit.kind), fit.workers))


def refusals(rows: list[dict]) -> dict[str, str]:
    """The kinds that cannot do the task, each with the reason."""
    return {row["kind"]: row["refused"] for row in rows if row["refused"]}


def predicted_s(fit: Fit, items: int) -> float:
    """Seconds for `items` items: start-up, and then no less than the throughput or the turns of a worker need."""
    return fit.start_s + max(math.ceil(items / fit.workers) * fit.alone_s, items * fit.item_s)


def chunksize(fit: Fit, items: int) -> int:
    """What to give `Executor.map`: the measured chunk, or less, so that each worker gets several."""
    return min(fit.chunk, max(1, items // (CHUNKS_PER_WORKER * fit.workers)))


def choice(found: list[Fit], items: int) -> Fit:
    """The simplest variant that is predicted to take at most `SIMPLER` times the shortest time."""
    limit_s = SIMPLER * min(predicted_s(fit, items) for fit in found)
    return next(fit for fit in found if predicted_s(fit, items) <= limit_s)


def crossings(found: list[Fit], most: int) -> list[tuple[int, str]]:
    """From how many items on which kind is the choice, to within 2 %, up to `most` items."""
    changes, items = [(1, choice(found, 1).kind)], 1
    while items < most:
        items = min(most, max(items + 1, round(items * 1.02)))
        if (kind := choice(found, items).kind) != changes[-1][1]:
            changes.append((items, kind))
    return changes


def agreement(rows: list[dict], items: int) -> tuple[int, int]:
    """In how many of how many rounds, each taken alone, the choice takes at most 1.2 times the shortest time."""
    chosen, agreed = choice(fits(rows), items), []
    for number in {row["round"] for row in rows}:
        found = fits([row for row in rows if row["round"] == number])
        times = {(fit.kind, fit.workers): predicted_s(fit, items) for fit in found}
        agreed.append(times[chosen.kind, chosen.workers] <= 1.2 * min(times.values()))
    return sum(agreed), len(agreed)
