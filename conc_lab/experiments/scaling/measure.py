"""How far do more workers help a job of which one worker has to do a part alone?

Method: the job is a number of equal tasks. One worker does the first ones, as many as make up the serial part; then the
rest is dealt out to all. Every variant is in every round, in a shuffled order, and compared with the whole job in
serial.
"""

from itertools import product

from ...engine import find_task, in_worker, kinds, pools, tasks
from ...engine.experiment import ROUNDS, Rows, in_rounds, progress
from ...engine.parameters import Kinds, Number, Several, TaskName, by_profile
from ..speedup.measure import TASKS_PER_WORKER, decompose, fewest_tasks, timed

TASKS = 40  # so that a twentieth of the job is a whole number of them


def scaling(
    task: TaskName("what the job's tasks do") = "count_primes",
    serial_percent: Several(Number(0, 100, "percent of the job that is serial"), "serial percent") = (0, 20, 50),
    workers: Several(Number(1, 64, "how many workers"), "workers") = (2,),
    kinds: Kinds("threads", "processes", *kinds.START_METHODS, "interpreters") = ("threads", "processes"),
    task_ms: Number(0.1, 60_000, "milliseconds a task takes alone", whole=False) = by_profile(2, 5, 30),
    rounds: ROUNDS = by_profile(2, 5, 9),
) -> Rows:
    """Time one job with different serial parts on every kind and number of workers; a row is a variant in one round.

    Columns: round, order (its place in the shuffled round), kind, workers, serial_percent (asked for; None for serial),
    alone (tasks of the serial part), repeat ("A" and "B" for the two serial runs of a round), tasks (of the whole job);
    setup_s, wall_s, teardown_s, cpu_s, voluntary_switches, involuntary_switches, results_equal, speedup, cores_busy and
    cpu_cost as `speedup` has them.
    Raises LabError when a task fails or a worker returns something else than serial does.
    """
    found = find_task.find(task, kinds)
    progress(0, f"calibrating {task} to {task_ms:g} ms")
    count = max(TASKS, TASKS_PER_WORKER * max(workers), fewest_tasks(task_ms, found.nature == tasks.WAITING))
    with found.prepare(task_ms / 1000) as args:
        expected = pools.value(in_worker.call(found.function, args), f"the task {task} raised")
        variants = [*product(["serial"], [1], [None], "AB"), *product(kinds, workers, serial_percent, [None])]
        rows = []
        for number, place, (kind, size, percent, repeat) in in_rounds(variants, rounds):
            alone = round(count * (percent or 0) / 100)
            row = timed(found, args, expected, count, kind, size, alone) | {"serial_percent": percent, "alone": alone}
            del row["ran"]
            rows.append({"round": number, "order": place, "repeat": repeat} | row)
            if place == len(variants) - 1:
                yield from decompose(rows)
                rows = []
