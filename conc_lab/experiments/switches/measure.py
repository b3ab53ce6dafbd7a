"""What makes workers switch? Each counts its own context switches (getrusage), on equal work of three sorts.

All variants are in every round, in a shuffled order.
"""

from itertools import product

from ...engine import in_worker, kinds, machine, pools, tasks
from ...engine.errors import LabError
from ...engine.experiment import ROUNDS, Rows, in_rounds
from ...engine.parameters import Kinds, Number, Several, by_profile

WORKS = ("computing", "hashing", "waiting")


def switches(
    kinds: Kinds("threads", "processes", *kinds.START_METHODS, "interpreters") = ("threads", "processes"),
    workers: Several(Number(1, 64, "workers that do the same work at the same time"), "workers") = (2,),
    waits: Number(10, 100_000, "how often each worker waits") = by_profile(100, 500, 1000),
    run_ms: Number(1, 10_000, "milliseconds of computing for each worker", whole=False) = by_profile(20, 100, 300),
    rounds: ROUNDS = by_profile(2, 5, 9),
) -> Rows:
    """Count what workers switch while they compute, hash or wait; one row is one worker of a run.

    Columns: round, work, kind, workers, worker (its number); wall_s (of the run), cpu_s, voluntary_switches and
    involuntary_switches (of the worker); results_equal; reason: why the switches are None here, else None.
    Raises LabError when a worker cannot be started, or when workers return different results.
    """
    computing = tasks.count_primes, tasks.calibrate(tasks.count_primes, run_ms / 1000, 64)
    hashing = tasks.sha256, tasks.calibrate(tasks.sha256, run_ms / 1000)
    works = dict(zip(WORKS, (computing, hashing, (tasks.sleep_often, waits)), strict=True))
    for number, _, (work, kind, size) in in_rounds(list(product(WORKS, kinds, workers)), rounds):
        whole, before, after = run_together(kind, size, *works[work])
        row = {"round": number, "work": work, "kind": kind, "workers": size}
        for one, (first, last) in enumerate(zip(before, after, strict=True)):
            yield row | {"worker": one} | whole | in_worker.used([first], [last])


def run_together(kind: str, workers: int, function, amount: int):
    """So many workers of a fresh pool do the same work at the same time: (columns of the run, `Usage` of each worker
    before, and after). "serial" does the work of all, one part after the other.
    """
    with pools.opened(kind, workers) as pool:
        pool.usages(in_worker.clocked, (function, 1))  # imports and first touches are not the work
        turns = range(workers // pool.workers)  # serial is a pool of one
        outcomes = [one for _ in turns for one in pool.together(in_worker.counted, pool.scope, function, (amount,))]
    values, starts, ends, before, after = zip(*outcomes, strict=True)
    if len(set(values)) > 1:
        raise LabError(f"the {kind} returned different results for the same work, so no figures are shown")
    counted = after[0].voluntary_switches is not None
    reason = None if counted else f"the standard library cannot count a {pool.scope}'s switches on {machine.system()}"
    return {"wall_s": (max(ends) - min(starts)) / 1e9, "results_equal": True, "reason": reason}, before, after
