"""Which kind of worker for this task and this many items? A few seconds of measuring, then a prediction.

Method: one item, which is one call of the task, is timed alone; then batches of items on every kind of worker, first
on two workers and on more where two gained; all variants in every round, in a shuffled order, each compared with the
serial batches of its own round. Two figures of each variant make its prediction: start-up and shut-down, paid once,
and the time for an item at its measured throughput (see summary.py). Processes get their items in chunks.
"""

import math
import os
import pickle
import random
import signal
from collections import namedtuple
from collections.abc import Iterator
from time import perf_counter, thread_time

from ...engine import find_task, in_worker, machine, pools, tasks
from ...engine.errors import LabError
from ...engine.experiment import Progress
from ...engine.kinds import KINDS, START_METHODS, WINDOWS_MOST_PROCESSES, unsuited
from ...engine.parameters import ByProfile, Kinds, Number, TaskName

SKIPS_KINDS = True
WORKERS = 16  # at most, unless there are more usable CPUs than that
MORE = {"threads": 64, "asyncio": 64}  # as many where workers cost little
GAIN = 1.1  # two workers must be this much faster than serial before more of them are measured
BATCH_S = 0.4 if os.name == "nt" else 0.1  # a timed batch; Windows counts CPU time in steps of 16 ms
CHUNK_S, CHUNK_BYTES = 0.01, 1 << 20  # work, and pickled arguments and results, in one message to a process
SLOW_S, SLOWEST_S = 0.25, 1.5  # items that are called as seldom as possible; items that are refused
ROUNDS, HANDED = 15, 5  # rounds at most; items that are handed over one by one

COLUMNS = {"round": "int", "kind": "str", "workers": "int", "tasks": "int?", "chunk": "int", "refused": "str?"}
COLUMNS |= dict.fromkeys(("setup_s", "wall_s", "teardown_s", "cpu_s", "cores_busy", "handover_s"), "float?")
COLUMNS |= {"voluntary_switches": "int?", "argument_bytes": "int?", "result_bytes": "int?"}
SMALL = {"task_ms": 0.2, "within_s": 1}
RECORDED = {"count_primes": {"task": "count_primes", "items": 10_000}}

# seconds and cpu_s of a call alone; steady: whether two calls gave the same value; copies: as many sets of arguments
# as go into one message, because pickle would send an object that comes twice only once; sizes: columns of a row;
# unpicklable: why it cannot be sent to a worker that shares no objects, or None.
Item = namedtuple("Item", "task args value steady seconds cpu_s copies sizes unpicklable")


def advise(
    task: TaskName("the task; one item is one call of it") = "count_primes",
    items: Number(1, 10**9, "how many items are to be done") = 10_000,
    kinds: Kinds("threads", "processes", *KINDS[1:]) = ("threads", "asyncio", "processes"),
    task_ms: Number(0.1, 1000, "milliseconds an item of a built-in task takes alone", whole=False) = 10,
    within_s: Number(1, 60, "seconds for measuring", whole=False) = ByProfile(2, 12, 12),
) -> Iterator[dict | Progress]:
    """Predict how long this many items take on each kind of worker, and say which to use; one row is one batch.

    A plain loop is always measured, and of the kinds those that suit the task.
    Columns: round, kind, workers, tasks (calls in the batch), chunk (of them in one message to a process); setup_s
    (opening the workers up to their first answer, and what the task imports there), wall_s, teardown_s; cpu_s (the
    workers' own CPU seconds within wall_s), cores_busy (cpu_s / wall_s), voluntary_switches; handover_s (what a lone
    item takes longer through the executor than inside the worker, None for serial, asyncio and slow items);
    argument_bytes, result_bytes (pickled, None where that is impossible); refused (why this kind cannot do it; the
    figures are then None). Raises LabError when the task fails, or takes too long.
    """
    begun = perf_counter()

    def progress(doing, round_done=False):
        return Progress(min(1, (perf_counter() - begun) / within_s), doing, round_done)

    yield progress(f"one item of {task}")
    found = find_task.find(task)
    with found.prepare(task_ms / 1000) as args:
        item, first = _one(found, args), {}  # first: what the first round found, by variant
        for kind in ["serial", *(kind for kind in kinds if not unsuited(found, kind))]:
            for workers in _numbers(kind, item):
                first[kind, workers] = row = _observed(item, kind, workers)
                yield row | {"round": 0}
                yield progress(f"{workers} {kind}")
                gained = not row["refused"] and _item_s(first["serial", 1]) / _item_s(row) > GAIN
                if not gained or perf_counter() - begun > 0.75 * within_s:
                    break
        round_s = perf_counter() - begun
        yield progress("round 1", round_done=True)
        variants = [variant for variant, row in first.items() if not row["refused"]]
        for number in range(1, ROUNDS):
            if (round_begun := perf_counter()) - begun + round_s > within_s:
                break
            # Serial twice: all others are compared with it.
            for variant in random.sample([("serial", 1), *variants], 1 + len(variants)):
                yield _observed(item, *variant, first[variant]["tasks"]) | {"round": number}
            round_s = perf_counter() - round_begun
            yield progress(f"round {number + 1}", round_done=True)


def _one(task, args):
    """What one item is, from its first call and, unless that was slow, from calls for the length of a batch."""
    if hasattr(signal, "setitimer"):  # not on Windows
        signal.signal(signal.SIGALRM, signal.default_int_handler)  # no task's "except Exception" keeps it
        signal.setitimer(signal.ITIMER_REAL, SLOWEST_S)
    outcome, seconds, cpu_s = _called(task, args)
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0)
    if seconds > SLOWEST_S:
        too_long = f"one item of {task.name} takes more than {SLOWEST_S} s, too long to compare the kinds of worker"
        raise LabError(f"{too_long}: make an item smaller")
    value, steady = pools.value(outcome, f"the task {task.name} raised"), False
    if seconds < SLOW_S:
        again, seconds, cpu_s = _called(task, args, BATCH_S)
        steady = tasks.alike(value, again)
    sizes, unpicklable = {}, None
    for what, thing in (("argument", args), ("result", value)):
        try:
            sizes[f"{what}_bytes"] = len(pickle.dumps(thing))
        except Exception as error:  # whatever a student's class raises
            sizes[f"{what}_bytes"] = None
            unpicklable = unpicklable or f"its {what} cannot be pickled ({type(error).__name__}: {error})"
    copies = [args]
    if not unpicklable:
        chunk = min(CHUNK_S / seconds, CHUNK_BYTES / sum(sizes.values()))
        copies = [pickle.loads(pickle.dumps(args)) for _ in range(max(1, int(chunk)))]
    return Item(task, args, value, steady, seconds, cpu_s, copies, sizes, unpicklable)


def _called(task, args, seconds=0):
    """The outcome of the task, called for so long and at least once; wall and CPU seconds of a call."""
    begun, cpu, number = perf_counter(), thread_time(), 0
    while not number or perf_counter() - begun < seconds:
        outcome = in_worker.call(task.function, args)
        number += 1
    return outcome, (perf_counter() - begun) / number, (thread_time() - cpu) / number


def _numbers(kind, item):
    """Numbers of workers to try: 2, as many as keep every usable CPU busy if waits overlap, and one between."""
    if kind == "serial":
        return [1]
    cpus = machine.usable_cpus(machine.cpu_quota())
    cpus = min(cpus, WINDOWS_MOST_PROCESSES) if os.name == "nt" else cpus
    computing = max(item.cpu_s / item.seconds, 0.001)
    most = max(2, cpus, min(MORE.get(kind, WORKERS), round(cpus / computing)))
    return sorted({2, round(math.sqrt(2 * most)), most})


def _observed(item, kind, workers, count=None):
    """A row, less its round: a batch of `count` items, or of as many as take about `BATCH_S`, on a fresh pool."""
    chunk = len(item.copies) if kind in START_METHODS else 1
    row = dict.fromkeys(COLUMNS) | {"kind": kind, "workers": workers, "chunk": chunk} | item.sizes
    try:
        if item.unpicklable and kind not in ("serial", "threads", "asyncio"):
            raise LabError(item.unpicklable)
        return row | _batch(item, kind, workers, chunk, count)
    except LabError as error:
        if kind == "serial":
            raise
        return row | {"refused": str(error)}


def _batch(item, kind, workers, chunk, count):
    task, least, quick, handover_s = item.task, workers * chunk, item.seconds < SLOW_S, None

    def work(number):
        """Do so many items, whole chunks of them, as a program would, and return the last one's value."""
        for outcome in pool.map(task, item.copies[:chunk] * (number // chunk), chunk):
            value = pools.value(outcome, f"the task {task.name} raised")
        return value

    pools.wait_for_threads()  # before the clock
    opened = perf_counter()
    with pools.opened(kind, workers) as pool:
        if quick:  # what the task imports or makes at its first call belongs to the setup
            work(1) if kind == "asyncio" else pool.usages(in_worker.call, (task.function, item.args))
        ready = perf_counter()
        if quick and kind not in ("serial", "asyncio"):
            inside_s = sum(pool.ask(in_worker.timed, task.function, item.args)[1] for _ in range(HANDED))
            handover_s = (perf_counter() - ready - inside_s) / HANDED
        if quick and not count:
            trial = least * max(1, min(200, int(BATCH_S / item.seconds)) // least)
            begun = perf_counter()
            work(trial)
            count = math.ceil(trial / least * max(1, BATCH_S / (perf_counter() - begun))) * least
        count = count or least
        before = pool.usages()
        start = perf_counter()
        value = work(count)
        wall_s = perf_counter() - start
        used = in_worker.used(before, pool.usages())
        closing = perf_counter()
    teardown_s = perf_counter() - closing
    if item.steady and not tasks.alike(value, item.value):
        raise LabError(f"{task.name} returned something else in a worker than when it was called before")
    del used["involuntary_switches"]
    row = {"tasks": count, "wall_s": wall_s, "teardown_s": teardown_s, "handover_s": handover_s} | used
    setup_s = max(0, ready - opened - (workers * wall_s / count if quick else 0))
    return row | {"setup_s": setup_s, "cores_busy": used["cpu_s"] / wall_s}


def _item_s(row):
    return row["wall_s"] / row["tasks"]
