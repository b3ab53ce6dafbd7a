"""Do more workers finish the same work sooner, and why or why not?

Method: the same tasks; all variants in every round, in a shuffled order; each compared with the plain serial runs of
its own round, task by task. Every speedup is taken apart into what the workers do and what a task costs: speedup =
cores busy / CPU cost (see `decompose`).
"""

import math
import os
from operator import itemgetter
from time import perf_counter, perf_counter_ns

from ...engine import find_task, in_worker, kinds, machine, pools, tasks
from ...engine.errors import LabError
from ...engine.experiment import ROUNDS, Rows, in_rounds, progress
from ...engine.parameters import Kinds, Number, Several, TaskName, by_profile

# Workers take tasks as they get done: with 8 tasks on two unequal CPUs the one that ended first idled for up
# to a fifth of the time, with 16 for less than a tenth.
FEWEST_TASKS = 48 if os.name == "nt" else 16  # Windows counts CPU time in steps of 16 ms
TASKS_PER_WORKER = 4
# A limit on CPU time is a budget for each period, mostly 0.1 s: several workers may spend one together and be stopped
# for the rest of the period. So they win up to one period, which must be little in the whole.
LIMITED_S = 1
NOTED = 2000  # tasks of a run, of which a row keeps who ran when


def speedup(
    task: TaskName("what every worker does") = "count_primes",
    workers: Several(Number(1, 256, "how many workers"), "workers") = (1, 2),
    kinds: Kinds("threads", "processes", *kinds.KINDS[1:]) = ("threads", "processes"),
    task_ms: Number(0.1, 60_000, "how long one task takes alone, in ms", whole=False) = by_profile(2, 10, 30),
    rounds: ROUNDS = by_profile(2, 5, 9),
) -> Rows:
    """Time the same tasks with every kind and number of workers; one row is one variant in one round.

    Columns: round, order (its place in the shuffled round), kind, workers, repeat ("A" and "B" for the two
    serial runs of a round), cpu (the CPU a serial probe was pinned to, else None), tasks (more for more workers);
    setup_s (opening the workers up to their first answer), wall_s (first submit to last result), teardown_s; cpu_s
    (the workers' own CPU seconds within wall_s); voluntary_switches and involuntary_switches of the workers, None
    where the platform does not count them; results_equal; speedup, cores_busy, cpu_cost (see `decompose`); and ran, in
    the last round (see `who_ran`). To report costs a worker 20 to 60 µs of CPU time and 2 to 6 voluntary switches,
    which are counted in.
    Raises LabError when a task fails or a variant's results differ from the serial ones.
    """
    found = find_task.find(task, kinds)
    progress(0, f"calibrating {task} to {task_ms:g} ms")
    waits = found.nature == tasks.WAITING
    cpus = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") and not waits else []
    fewest = fewest_tasks(task_ms, waits)
    with found.prepare(task_ms / 1000) as args:
        expected = pools.value(in_worker.call(found.function, args), f"the task {task} raised")
        variants = [("serial", 1, "A"), ("serial", 1, "B"), *((kind, size, None) for kind in kinds for size in workers)]
        rows = []
        for number, place, (kind, size, repeat) in in_rounds(variants, rounds):
            count = fewest if repeat else max(fewest, TASKS_PER_WORKER * size)
            row = timed(found, args, expected, count, kind, size)
            row |= {} if number == rounds - 1 else {"ran": None}
            rows.append({"round": number, "order": place, "repeat": repeat, "cpu": None} | row)
            if place == len(variants) - 1:
                # Whether the CPUs are alike: a serial run tells the cost on one of them only.
                for cpu in [cpus[(number * 2 + step) % len(cpus)] for step in range(min(2, len(cpus)))]:
                    with pools.pinned(cpu):
                        row = timed(found, args, expected, max(2, fewest // 4), "serial", 1)
                    rows.append({"round": number, "order": None, "repeat": None, "cpu": cpu} | row | {"ran": None})
                yield from decompose(rows)
                rows = []


def fewest_tasks(task_ms: float, waits: bool) -> int:
    """The tasks that a run has at least, of work that waits or computes."""
    limited = (machine.cpu_quota() or math.inf) < machine.usable_cpus(None) and not waits
    return max(FEWEST_TASKS, math.ceil(1000 * LIMITED_S / task_ms) if limited else 0)


def timed(task, args, expected, count, kind, workers, alone=0):
    """The row of `count` tasks on a fresh pool, of which one worker does the first ones `alone`, before all others.

    Raises LabError where one returns something else than `expected`.
    """

    def work(pool):
        start_ns = perf_counter_ns()
        first = pool.ask(in_worker.in_turn, task.function, args, alone) if alone else []
        return start_ns, [*first, *pool.map(task, [args] * (count - alone), noted=True)]

    row, (start_ns, outcomes) = on_fresh_pool(kind, workers, task, args, work)
    values, notes = zip(*(pools.value(outcome, f"the task {task.name} raised") for outcome in outcomes), strict=True)
    if not all(tasks.alike(value, expected) for value in values):
        raise LabError(f"{task.name} gave another result in a worker ({kind}) than before: no time is shown")
    return row | {"tasks": count, "results_equal": True, "ran": who_ran(notes, start_ns)}


def who_ran(notes: list, start_ns: int) -> list:
    """[worker, start_ms, end_ms, cpu_ms, cpu] of each task, from the earliest start, of no more than `NOTED`.

    notes: of the tasks, by `in_worker.clocked`; worker: 0, 1, … by their first starts; the times count from start_ns;
    cpu_ms: the task's CPU time, None for asyncio. Tasks are noted in every round: all rounds have the same conditions.
    """
    ran, numbers = [], {}
    for who, start, end, cpu_ns, cpu in sorted(notes, key=itemgetter(1))[:NOTED]:
        times_ms = [ns and round(ns / 1e6, 3) for ns in (start - start_ns, end - start_ns, cpu_ns)]
        ran.append([numbers.setdefault(who, len(numbers)), *times_ms, cpu])
    return ran


def on_fresh_pool(kind, workers, task, args, work, warm_up=True, prepare=lambda pool: None):
    """What work(pool) takes on a fresh pool: (columns of a row, what it returned).

    The workers are started before the clock, each does the task once to warm up, since imports and first touches are
    not the task; then prepare(pool) is called, and the workers report at both ends of the work.
    """
    pools.wait_for_threads()  # before the clock
    opened = perf_counter()
    with pools.opened(kind, workers) as pool:
        ready = perf_counter()
        if warm_up and kind == "asyncio":
            list(pool.map(task, [args], noted=True))
        elif warm_up:
            # To note a time takes milliseconds, the first time.
            pool.usages(in_worker.call, (in_worker.clocked, (task.function, *args)))
        prepare(pool)
        before = pool.usages()
        start = perf_counter()
        value = work(pool)
        end = perf_counter()
        usage = in_worker.used(before, pool.usages())
        closing = perf_counter()
    row = {"setup_s": ready - opened, "wall_s": end - start, "teardown_s": perf_counter() - closing}
    return row | {"kind": kind, "workers": workers} | usage, value


def decompose(rows: list[dict]) -> list[dict]:
    """Add speedup, cores_busy and cpu_cost to the rows of one round.

    speedup: tasks a second, over the mean of the same in the round's two serial runs. cores_busy: the workers' CPU
    seconds / wall_s. cpu_cost: CPU seconds a task / the mean of the same in the two serial runs; None where the
    clock saw no CPU time. So speedup = cores_busy / cpu_cost / (cores busy in serial), and the last is
    near 1 for computing on a quiet machine. A pinned probe has no speedup: it does a part of the work, after the round.
    """
    alone = [row for row in rows if row["repeat"]]
    wall_s, cost_s = (sum(row[name] / row["tasks"] for row in alone) / len(alone) for name in ("wall_s", "cpu_s"))
    for row in rows:
        row["speedup"] = wall_s * row["tasks"] / row["wall_s"] if row.get("cpu") is None else None
        row["cores_busy"] = row["cpu_s"] / row["wall_s"]
        row["cpu_cost"] = row["cpu_s"] / row["tasks"] / cost_s if cost_s else None
    return rows
