"""Do more workers finish the same work sooner, and why or why not?

Method: a fixed amount of work; all variants in every round, in a shuffled order; each compared with the
plain serial runs of its own round. Every speedup is taken apart into what the workers do and what the
hardware does: speedup = cores busy / CPU cost (see `decompose`).
"""

import math
import os
import statistics
from collections.abc import Iterator
from time import perf_counter_ns

from ...engine import in_worker as _worker, pools as executors, tasks, machine as this_machine
from ...engine.errors import LabError
from ...engine.parameters import ByProfile, Number, OneOf, Several, TaskName
from ...engine.stats import grouped, interval
from ...engine.experiment import DEFAULT_START_METHOD, ROUNDS, START_METHOD, Progress, in_rounds

# Workers take tasks as they get done: with 8 tasks on two unequal CPUs the one that ended first idled for up
# to a fifth of the time, with 16 for less than a tenth.
FEWEST_TASKS = 48 if os.name == "nt" else 16  # Windows counts CPU time in steps of 16 ms
TASKS_PER_WORKER = 4
# A limit on CPU time is a budget for each period, mostly 0.1 s: several workers may spend one at once and be stopped
# for the rest of the period. So they win up to one period, which must be little in the whole.
LIMITED_S = 1
NO_GAIN = (0.9, 1.1)
MOSTLY_WAITING = 0.3  # cores busy in serial, below which a task is said to wait
BUSY = 1.2  # cores busy, above which more than one is
COST_LIMIT = 1.15  # above this CPU cost the hardware, not the kind of worker, sets the speedup
CONTROL_LIMIT = 0.05  # serial against serial may differ by this much


def speedup(
    task: TaskName("what every worker does") = "count_primes",
    workers: Several(Number(1, 256, "how many workers"), "workers") = (1, 2),
    kinds: Several(OneOf(lambda: executors.KINDS, "kinds of worker"), "kind") = ("threads", "processes"),
    start_method: START_METHOD = DEFAULT_START_METHOD,
    task_ms: Number(0.1, 60_000, "milliseconds a task takes alone", whole=False) = ByProfile(2, 10, 30),
    rounds: ROUNDS = ByProfile(2, 5, 9),
) -> Iterator[dict | Progress]:
    """Time the same tasks with every kind and number of workers; one row is one variant in one round.

    Columns: round, order (its place in the shuffled round), kind, workers, repeat ("A" and "B" for the two
    serial runs of a round), cpu (the CPU a serial probe was pinned to, else None), tasks; setup_s (opening
    the workers up to their first answer), wall_s (first submit to last result), teardown_s; cpu_s (the
    workers' own CPU seconds within wall_s); voluntary_switches and involuntary_switches of the workers, None
    where the platform does not count them; results_equal; and what `decompose` adds. Raises LabError when a
    task fails or a variant's results differ from the serial ones.
    """
    yield Progress(0, f"calibrating {task} to {task_ms:g} ms")
    found = tasks.find(task)
    cpus = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    limited = (this_machine.cpu_quota() or math.inf) < (len(cpus) or os.cpu_count() or 1)
    with found.prepare(task_ms / 1000) as args:
        expected = executors.value(_worker.call(found.function, args), f"the task {task} raised")
        count = max(FEWEST_TASKS, TASKS_PER_WORKER * max(workers))
        if limited and found.kind != tasks.WAITING:
            count = max(count, math.ceil(1000 * LIMITED_S / task_ms))
        variants = [("serial", 1, "A"), ("serial", 1, "B")]
        variants += [(kind, number, None) for kind in kinds for number in workers]
        rows = []
        for number, place, (kind, size, repeat), progress in in_rounds(variants, rounds):
            row = _timed(found, args, expected, count, kind, size, start_method)
            rows.append({"round": number, "order": place, "repeat": repeat, "cpu": None} | row)
            if progress.round_done:
                # Whether the CPUs are alike: a serial run tells the cost on one of them only.
                probed = [cpus[(number * 2 + step) % len(cpus)] for step in range(min(2, len(cpus)))]
                for cpu in probed if found.kind != tasks.WAITING else []:
                    with executors.pinned(cpu):
                        row = _timed(found, args, expected, max(2, count // 4), "serial", 1, None)
                    rows.append({"round": number, "order": None, "repeat": None, "cpu": cpu} | row)
                yield from decompose(rows)
                rows = []
            yield progress


def check(params, machine):
    """Refuse kinds that do not suit the task, and more worker processes than the memory holds."""
    found = tasks.outline(params["task"])
    for kind in params["kinds"]:
        if problem := executors.unavailable(kind, params["start_method"]) or executors.unsuited(found, kind):
            raise LabError(problem)
    if "processes" in params["kinds"]:
        executors.check_room(max(params["workers"]), params["start_method"], found.worker_bytes, machine)


def _timed(task, args, expected, count, kind, workers, start_method):
    """Run `count` tasks on a fresh crew; its workers are started before the clock, and report at both ends."""
    executors.settle()  # before the clock
    opened = perf_counter_ns()
    with executors.open_crew(kind, workers, start_method) as crew:
        ready = perf_counter_ns()
        work = (_worker.call_async, task.coroutine) if kind == "asyncio" else (_worker.call, task.function)
        if kind == "asyncio":
            crew.executor.submit(*work, args).result()
        else:
            crew.meet(_worker.call, (task.function, args))  # imports and first touches are not the task
        before = crew.meet()
        start = perf_counter_ns()
        futures = [crew.executor.submit(*work, args) for _ in range(count)]
        outcomes = [future.result() for future in futures]
        end = perf_counter_ns()
        after = crew.meet()
        closing = perf_counter_ns()
    closed = perf_counter_ns()
    values = [executors.value(outcome, f"the task {task.name} raised") for outcome in outcomes]
    if not all(tasks.alike(value, expected) for value in values):
        raise LabError(
            f"{task.name} returned something else with {workers} {kind} than in the serial run: "
            f"times would compare different work, so none is shown"
        )
    return {
        "kind": kind,
        "workers": workers,
        "tasks": count,
        "setup_s": (ready - opened) / 1e9,
        "wall_s": (end - start) / 1e9,
        "teardown_s": (closed - closing) / 1e9,
        **_worker.spent(before, after),
        "results_equal": True,
    }


def decompose(rows: list[dict]) -> list[dict]:
    """Add speedup, cores_busy and cpu_cost to the rows of one round.

    speedup: mean wall_s of the round's two serial runs / wall_s. cores_busy: the workers' CPU seconds / wall_s.
    cpu_cost: CPU seconds a task / the mean of the same in the two serial runs; None where the clock saw no
    CPU time. So speedup = cores_busy / cpu_cost / (cores busy in serial), and the last is 1 for computing.
    A pinned probe has no speedup: it does a part of the work, after the round.
    """
    serial = [row for row in rows if row["kind"] == "serial" and row["cpu"] is None]
    serial_wall_s = statistics.fmean(row["wall_s"] for row in serial)
    serial_cost = statistics.fmean(row["cpu_s"] / row["tasks"] for row in serial)
    for row in rows:
        row["speedup"] = serial_wall_s / row["wall_s"] if row["cpu"] is None else None
        row["cores_busy"] = row["cpu_s"] / row["wall_s"]
        row["cpu_cost"] = row["cpu_s"] / row["tasks"] / serial_cost if serial_cost else None
    return rows


def serial_busy(rows: list[dict]) -> float:
    """Cores that the serial runs kept busy (median): near 1 for computing, near 0 for waiting."""
    return statistics.median(row["cores_busy"] for row in rows if row["kind"] == "serial")


def character(rows: list[dict]) -> str:
    """What the serial runs did with their time: "computes", "waits", "mixed", or "starved".

    A task that waits gives its CPU up of its own accord, once a task or more; one that computes and yet kept
    its core busy for less than 0.9 of the time had it taken away by other programs: it was starved.
    """
    busy = serial_busy(rows)
    serial = [row for row in rows if row["kind"] == "serial"]
    gave_up = [row["voluntary_switches"] / row["tasks"] for row in serial if row["voluntary_switches"] is not None]
    if busy >= NO_GAIN[0]:
        return "computes"
    if gave_up and statistics.median(gave_up) < 0.5:
        return "starved"
    return "waits" if busy < MOSTLY_WAITING else "mixed"


def conclusions(rows: list[dict]) -> list[dict]:
    """What the rows allow to be said, one dict for each kind and number of workers.

    kind, workers, rounds; speedup (median of the paired ratios: what was experienced), low, high, coverage
    (see `interval`); capability (best wall of the serial runs A / best wall); cores_busy and cpu_cost (medians);
    direction: "faster", "slower" or "no gain" (the interval lies within 10 % of 1) by the clock;
    "as busy" where the clock is unclear but the workers together kept no more cores busy than serial did;
    "too few" rounds for either; else "unclear". doubt: why the magnitude should not be believed, or None.
    Work that waits most of the time has no cpu_cost: what little CPU it uses decides nothing.
    """
    alone, nature = serial_busy(rows), character(rows)
    timed = [row for row in rows if row["cpu"] is None]
    serial = [row for row in timed if row["kind"] == "serial"]
    unlike = _unlikeness([row for row in rows if row["cpu"] is not None and nature == "computes"])
    pairs = [{row["repeat"]: row["wall_s"] for row in mine} for mine in grouped(serial, "round").values()]
    control = statistics.median(pair["A"] / pair["B"] for pair in pairs)
    found = []
    for (kind, workers), mine in grouped([row for row in timed if row["kind"] != "serial"], "kind", "workers").items():
        low, high, coverage = interval([row["speedup"] for row in mine])
        busy = statistics.median(row["cores_busy"] for row in mine)
        costs = [row["cpu_cost"] for row in mine if row["cpu_cost"] is not None]
        cost = statistics.median(costs) if costs and nature != "waits" else None
        doubt = None
        direction = _direction(low, high, coverage, busy / alone if nature in ("computes", "mixed") else None)
        if nature == "starved":
            doubt = f"other programs, or a CPU limit, left even the serial runs only {alone:.2f} of a core"
        elif cost is not None and not 1 / COST_LIMIT < cost < COST_LIMIT and direction != "slower":
            doubt = f"each task cost {cost:.2f} times the CPU time it costs alone"
        elif unlike > COST_LIMIT:
            doubt = f"the CPUs are not alike: one needed {unlike:.2f} times the CPU time of another for a task"
        elif abs(control - 1) > CONTROL_LIMIT:
            doubt = f"serial against serial differed by {abs(control - 1):.0%}"
        found.append(
            {
                "kind": kind,
                "workers": workers,
                "rounds": len(mine),
                "speedup": statistics.median(row["speedup"] for row in mine),
                "low": low,
                "high": high,
                "coverage": coverage,
                "capability": min(row["wall_s"] for row in serial if row["repeat"] == "A")
                / min(row["wall_s"] for row in mine),
                "cores_busy": busy,
                "cpu_cost": cost,
                "direction": direction,
                "doubt": doubt,
            }
        )
    return sorted(found, key=lambda item: (executors.KINDS.index(item["kind"]), item["workers"]))


def _unlikeness(probes):
    """How many times the CPU time of the cheapest CPU the dearest one needed for a task (medians)."""
    by_cpu = grouped(probes, "cpu").values()
    medians = [statistics.median(row["cpu_s"] / row["tasks"] for row in mine) for mine in by_cpu]
    return max(medians) / min(medians) if medians and min(medians) else 1.0


def _direction(low, high, coverage, busier):
    if coverage < 0.9:
        return "too few"
    if NO_GAIN[0] <= low and high <= NO_GAIN[1]:
        return "no gain"
    if low > 1 or high < 1:
        return "faster" if low > 1 else "slower"
    return "as busy" if busier is not None and busier <= NO_GAIN[1] else "unclear"
