"""Which kind of worker for this task and this many items? A few seconds of measuring, then a prediction.

Method: one item, which is one call of the task, is timed alone; then batches of items on every kind of worker, first
on two workers and on more where two gained; all variants in every round, in a shuffled order, each compared with the
serial batches of its own round. Two figures of each variant make its prediction: start-up and shut-down, paid once,
and the time for an item at its measured throughput (see chart.py). Processes get their items in chunks. Start-up is
measured as a program has it (student/export.py writes one): by an executor that starts its workers when it gets work.
"""

import contextlib
import math
import os
import pickle
import random
from collections import namedtuple
from multiprocessing import resource_tracker
from time import perf_counter, thread_time

from ...engine import find_task, in_worker, kinds, machine, pools, tasks
from ...engine.errors import LabError
from ...engine.experiment import Rows, columns, progress
from ...engine.kinds import KINDS, START_METHODS, WINDOWS_MOST_PROCESSES
from ...engine.parameters import Kinds, Number, TaskName, by_profile
from ..speedup.measure import on_fresh_pool

SKIPS_KINDS = True
WORKERS = 16  # at most, unless there are more usable CPUs than that
MORE = {"threads": 64, "asyncio": 64}  # as many where workers cost little
GAIN = 1.1  # two workers must be this much faster than serial before more of them are measured
BATCH_S = 0.4 if os.name == "nt" else 0.1  # a timed batch; Windows counts CPU time in steps of 16 ms
CHUNK_S, CHUNK_BYTES = 0.01, 1 << 20  # work, and pickled arguments and results, in one message to a process
SLOW_S, SLOWEST_S = 0.25, 1.5  # items that are called as seldom as possible; items that are refused
ROUNDS, HANDED = 15, 5  # rounds at most; items that are handed over one by one


# seconds and cpu_s of a call alone; quick: it may be called often; steady: whether two calls gave the same value;
# sizes: columns of a row, where it can be pickled; copies: as many sets of arguments as go into one message to a
# process, because pickle would send an object that comes twice only once.
Item = namedtuple("Item", "task args value quick steady seconds cpu_s sizes copies")


def advise(
    task: TaskName("the task; one item is one call of it") = "count_primes",
    items: Number(1, 10**9, "how many items are to be done") = 10_000,
    kinds: Kinds("threads", "processes", *KINDS[1:]) = ("threads", "asyncio", "processes", "interpreters"),
    task_ms: Number(0.1, 1000, "how long one item takes alone, in ms (built-in tasks)", whole=False) = 10,
    within_s: Number(1, 60, "how long to measure, in seconds", whole=False) = by_profile(2, 8, 12),
) -> Rows:
    """Predict how long this many items take on each kind of worker, and say which to use; one row is one batch.

    A plain loop is always measured, and asyncio only for a task that is a coroutine.
    Columns: round, kind, workers, tasks (calls in the batch), chunk (of them in one message to a process); setup_s
    (what the first calls on a fresh executor take longer than later ones, which have workers that are started and have
    imported what the task needs), wall_s (of the batch), teardown_s (of the fresh executor); cpu_s (the
    workers' own CPU seconds within wall_s), cores_busy (cpu_s / wall_s), voluntary_switches; handover_s (what a lone
    item takes longer through the executor than inside the worker, None for serial, asyncio and slow items);
    argument_bytes, result_bytes (pickled, None where that is impossible); refused (why this kind cannot do it; the
    figures are then None). Raises LabError when the task fails, or an item takes too long.
    """
    begun = perf_counter()

    def say(doing, round_done=False):
        progress(min(1, (perf_counter() - begun) / within_s), doing, round_done)

    say(f"one item of {task}")
    found = find_task.find(task)
    with found.prepare(task_ms / 1000) as args:
        item, first = _one(found, args), {}  # first: the rows of the first round, by variant
        for kind in ["serial", *(kind for kind in kinds if kind != "asyncio" or found.coroutine)]:
            for workers in [1] if kind == "serial" else _numbers(kind, item):
                first[kind, workers] = row = _observed(item, kind, workers)
                yield row | {"round": 0}
                say(f"{workers} {kind}")
                gained = not row["refused"] and item.seconds * row["tasks"] > GAIN * row["wall_s"]
                if not gained or perf_counter() - begun > 0.75 * within_s:
                    break
        # Serial twice a round: all others are compared with it.
        variants = [("serial", 1), *(variant for variant, row in first.items() if not row["refused"])]
        for number in range(1, ROUNDS + 1):
            say(f"round {number}", round_done=True)
            if number == ROUNDS or (perf_counter() - begun) * (number + 1) / number > within_s:
                break
            for variant in random.sample(variants, len(variants)):
                yield _observed(item, *variant, first[variant]["tasks"]) | {"round": number}


def _one(task, args):
    """What one item is, from its first call and, unless that was slow, from calls for the length of a batch."""
    outcome, seconds, cpu_s = _called(task, args)
    if seconds > SLOWEST_S:
        raise LabError(f"one item of {task.name} takes {seconds:.1f} s, too long to compare workers: make it smaller")
    value, quick, steady = pools.value(outcome, f"the task {task.name} raised"), seconds < SLOW_S, False
    if quick:
        again, seconds, cpu_s = _called(task, args, BATCH_S)
        with contextlib.suppress(Exception):  # values that neither `==` nor pickle can compare
            steady = tasks.alike(value, again)
    sizes, copies = {}, [args]
    with contextlib.suppress(Exception):  # whatever a student's class raises
        sizes = {"argument_bytes": len(pickle.dumps(args)), "result_bytes": len(pickle.dumps(value))}
        chunk = int(min(CHUNK_S / seconds, CHUNK_BYTES / sum(sizes.values())))
        copies += [pickle.loads(pickle.dumps(args)) for _ in range(chunk - 1)]
    return Item(task, args, value, quick, steady, seconds, cpu_s, sizes, copies)


def _called(task, args, seconds=0):
    """The outcome of the task, called for so long and at least once; wall and CPU seconds of a call."""
    begun, cpu, number = perf_counter(), thread_time(), 0
    while not number or perf_counter() - begun < seconds:
        outcome = in_worker.call(task.function, args)
        number += 1
    return outcome, (perf_counter() - begun) / number, (thread_time() - cpu) / number


def _numbers(kind, item):
    """Numbers of workers to try: 2, as many as keep every usable CPU busy if waits overlap, and one between."""
    cpus = machine.usable_cpus(machine.cpu_quota())
    cpus = min(cpus, WINDOWS_MOST_PROCESSES) if os.name == "nt" else cpus
    if kind == "dask":  # its workers take long to start
        return [kinds.on_cluster or max(2, cpus)]
    computing = max(item.cpu_s / item.seconds, 0.001)
    most = max(2, cpus, min(MORE.get(kind, WORKERS), round(cpus / computing)))
    return sorted({2, round(math.sqrt(2 * most)), most})


def _observed(item, kind, workers, count=None):
    """A row, less its round: a batch of `count` items, or of as many as take about `BATCH_S`, on a fresh pool."""
    chunk, trial, handover_s = len(item.copies) if kind in START_METHODS else 1, item.quick and not count, None
    row = dict.fromkeys(columns("advise")) | {"kind": kind, "workers": workers, "chunk": chunk} | item.sizes
    least = workers * chunk  # whole chunks for every worker
    count = count or least

    def work(pool, number=None):
        """Do `count` items as a program would, which keeps the results, and return the last one's value."""
        outcomes = list(pool.map(item.task, item.copies[:chunk] * ((number or count) // chunk), chunk))
        return [pools.value(outcome, f"the task {item.task.name} raised") for outcome in outcomes][-1]

    def prepare(pool):
        nonlocal count, handover_s
        begun = perf_counter()
        if item.quick and kind not in ("serial", "asyncio"):
            notes = [pool.ask(in_worker.clocked, item.task.function, *item.args)[1] for _ in range(HANDED)]
            handover_s = (perf_counter() - begun - sum(end - start for _, start, end, *_ in notes) / 1e9) / HANDED
        if trial:
            count = least * max(1, min(200, int(BATCH_S / item.seconds)) // least)
            begun = perf_counter()
            work(pool)
            count = math.ceil(count / least * max(1, BATCH_S / (perf_counter() - begun))) * least

    try:
        first = _first_use(kind, workers, lambda pool: work(pool, least)) if item.quick else {}
        timed, value = on_fresh_pool(kind, workers, item.task, item.args, work, item.quick, prepare)
        if item.steady and not tasks.alike(value, item.value):
            raise LabError(f"{item.task.name} gave another result in a worker than when it was called before")
    except Exception as error:  # a LabError, or whatever a student's class raises when it is pickled
        if kind == "serial":
            raise
        return row | {"refused": str(error) or type(error).__name__}
    row |= {name: (timed | first)[name] for name in timed.keys() & row.keys()}
    row |= {"tasks": count, "handover_s": handover_s, "cores_busy": row["cpu_s"] / row["wall_s"]}
    # The calls themselves are not the setup.
    return row | {"setup_s": max(0, row["setup_s"] - (least * row["wall_s"] / count if first else 0))}


def _first_use(kind, workers, work):
    """The seconds of a fresh executor that starts its workers as work(pool) gives it calls: up to the last answer,
    those calls included, and its end.
    """
    if kind == "forkserver":  # a program has to start its server, too, which would stay until this one's end
        from multiprocessing import forkserver

        forkserver._forkserver._stop()
    # So has it the resource tracker. This process's own runs already, and knows of names.
    tracker = resource_tracker.ResourceTracker() if kind in ("forkserver", "spawn") and os.name != "nt" else None
    pools.wait_for_threads()  # before the clock
    opened = perf_counter()
    if tracker:
        tracker.ensure_running()
    with pools.opened(kind, workers, started=False) as pool:
        work(pool)
        done = perf_counter()
    row = {"setup_s": done - opened, "teardown_s": perf_counter() - done}
    if tracker:
        tracker._stop()
    return row
