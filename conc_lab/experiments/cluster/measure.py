"""What does a scheduler of many machines cost, and what does it give?

Method: the same calls to Dask's workers and to other kinds, on pools of two workers that are opened anew in every
round, in a shuffled order. What a task costs: tasks that do nothing, many of them. How many cores Dask's workers keep
busy with pure Python: two threads in one worker against two workers with one thread. What is lost with a worker: one
of eight tasks ends its worker when four are done and while the other worker holds a fifth. Nothing of that is left to
chance: each waits for the one before.
"""

import os
import tempfile
import time
from concurrent.futures import BrokenExecutor
from time import perf_counter

from ...engine import in_worker, pools, tasks
from ...engine.errors import Lacking
from ...engine.experiment import ROUNDS, Rows, columns, in_rounds
from ...engine.kinds import PROCESSES, START_METHODS, unavailable
from ...engine.parameters import Kinds, Number, OneOf, Several, by_profile
from ..faults.worker import mark
from . import worker

SOON_S = 60  # for what is sure to happen, however busy the machine
BUSY_MS, BUSY_TASKS = 100, 12  # long ones: the scheduler's part is no question here
WORKERS, MANY, VICTIM = 2, 8, 4
NOTHING = tasks.Task("nothing", tasks.OWN, "", worker.nothing, None)


def cluster(
    parts: Several(OneOf(lambda: [*PARTS], "what is measured"), "part") = ("cost", "threads", "loss"),
    kinds: Kinds("threads", "processes", *START_METHODS, help="what Dask is compared with") = ("threads", "processes"),
    calls: Number(10, 100_000, "how many tasks that do nothing are timed") = by_profile(200, 1000, 2000),
    rounds: ROUNDS = by_profile(1, 3, 5),
) -> Rows:
    """Measure a Dask cluster on this machine next to other pools of two workers; one row is one part of one pool.

    Columns: round; part ("cost": tasks that do nothing; "threads": tasks that compute in Python, for Dask alone;
    "loss": one of the tasks ends its worker, for processes alone, in the first round); kind, workers, threads (in each
    worker), tasks; wall_s (of all tasks); cores_busy (the workers' CPU seconds / wall_s); results (that came back),
    repeated (tasks that began more than once), usable_again (whether the pool did another task). What a part does not
    tell is None.
    """
    variants = [*((kind, WORKERS, 1) for kind in (*kinds, "dask")), *[("dask", 1, WORKERS)] * ("threads" in parts)]
    for number, _, (kind, workers, threads) in in_rounds(variants, rounds):
        about = {"round": number, "kind": kind, "workers": workers, "threads": threads}
        applies = {"cost": threads == 1, "threads": kind == "dask"}
        applies["loss"] = threads == 1 and kind in PROCESSES and number == 0
        with pools.opened(kind, workers, threads=threads) as pool:
            for part, measured in PARTS.items():
                if part in parts and applies[part]:
                    yield dict.fromkeys(columns("cluster")) | about | {"part": part} | measured(pool, calls)


def check(params, machine):
    """Refuse a Python without `distributed`."""
    if problem := unavailable("dask", machine):
        raise Lacking(problem)


def _cost(pool, count):
    calls = [(number,) for number in range(count)]
    list(pool.map(NOTHING, calls[: count // 10]))  # what is made on first use
    start = perf_counter()
    list(pool.map(NOTHING, calls))
    return {"tasks": count, "wall_s": perf_counter() - start}


def _busy(pool, _):
    task = tasks.TASKS["count_primes"]
    with task.prepare(BUSY_MS / 1000) as args:
        list(pool.map(task, [args] * 2 * WORKERS))
        before, start = pool.usages(), perf_counter()
        list(pool.map(task, [args] * BUSY_TASKS))
        wall_s = perf_counter() - start
    cpu_s = in_worker.used(before, pool.usages())["cpu_s"]
    return {"tasks": BUSY_TASKS, "wall_s": wall_s, "cores_busy": cpu_s / wall_s}


def _loss(pool, _):
    with tempfile.TemporaryDirectory(prefix="c-") as folder:
        calls = [pool.executor.submit(worker.one_of_many, folder, number, VICTIM) for number in range(MANY)]
        for call in calls[:VICTIM]:
            call.result(SOON_S)
        there = getattr(pool.executor, "here", list)()
        mark(folder, "fire")
        if pool.kind == "dask":
            while set(pool.executor.here()) == set(there):
                time.sleep(0.02)
        else:
            calls[VICTIM].exception(SOON_S)
        mark(folder, "noticed")
        results = sum(call.exception(SOON_S) is None for call in calls)
        began = [name.rpartition("-")[0] for name in os.listdir(folder)]
    repeated = sum(began.count(f"began-{number}") > 1 for number in range(MANY))
    try:
        again = pool.executor.submit(worker.nothing, 1).result(SOON_S) == 1
    except BrokenExecutor:
        again = False
    return {"tasks": MANY, "results": results, "repeated": repeated, "usable_again": again}


PARTS = {"cost": _cost, "threads": _busy, "loss": _loss}  # the loss comes last
