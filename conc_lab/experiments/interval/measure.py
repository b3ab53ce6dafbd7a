"""What does a shorter switch interval cost threads that compute, against the same work done serially?

All variants are in every round, in a shuffled order.
"""

import sys
from itertools import product

from ...engine import in_worker, tasks
from ...engine.experiment import ROUNDS, Rows, in_rounds
from ...engine.parameters import Number, Several, by_profile
from ..switches.measure import run_together

INTERVALS_US = Several(Number(5, 100_000, "microseconds between two switches of threads", whole=False), "interval")
DEFAULT_US = (5000, 500, 50, 10)


def interval(
    workers: Several(Number(1, 64, "threads that compute"), "workers") = (2,),
    intervals_us: INTERVALS_US = DEFAULT_US,
    run_ms: Number(1, 10_000, "milliseconds of computing for each thread", whole=False) = by_profile(20, 50, 300),
    rounds: ROUNDS = by_profile(2, 5, 9),
) -> Rows:
    """Let threads compute at several switch intervals of the interpreter; one row is one run.

    Columns: round, kind (threads, or serial: the same work, one part after the other), workers (whose work it is),
    interval_us (None for serial); wall_s, cpu_s, voluntary_switches and involuntary_switches of all together;
    results_equal; reason: why the switches are None here, else None. Raises LabError when a thread cannot be started.
    """
    amount, usual_s = tasks.calibrate(tasks.count_primes, run_ms / 1000, 64), sys.getswitchinterval()
    for number, _, (size, us) in in_rounds(list(product(workers, (None, *intervals_us))), rounds):
        kind = "threads" if us else "serial"
        sys.setswitchinterval(us / 1e6 if us else usual_s)
        run, before, after = run_together(kind, size, tasks.count_primes, amount)
        yield {"round": number, "kind": kind, "workers": size, "interval_us": us} | run | in_worker.used(before, after)
