"""What two recorded workers make of the claims on threads that run one at a time, and in parallel."""

from ...drawing.verdict import FEWEST, ONE_CPU, TOO_FEW, Verdict, decides, ranged
from ...engine.result import Result
from .chart import rounds

SAME_TIME = (0.1, 0.25)  # shares of the time: up to the first two workers took turns, from the second on they did not
OUTCOMES = {  # whether threads ran at the same time at pure Python, and at hashing: why, and the verdicts on C5 and C11
    (False, False): ("they took turns at both kinds of work", "holds", "does not hold"),
    (False, True): ("on whether the code that runs has released the GIL", "depends", "depends"),
    (True, True): ("they ran at the same time at both kinds of work", "does not hold", "holds"),
    (True, False): ("they ran at the same time at pure Python", "does not hold", "depends"),
}


@decides("C5")
def one_thread_at_a_time(recorded: Result) -> Verdict:
    """Whether two threads ever ran at the same time: holds where they never did."""
    return _same_time(recorded, 0)


@decides("C11")
def parallel_threads(recorded: Result) -> Verdict:
    """Whether two threads ran at the same time: holds where they always did."""
    return _same_time(recorded, 1)


def _same_time(recorded, place):
    cases = [("count_primes", "threads"), ("sha256", "threads"), ("count_primes", "processes")]
    shares = [rounds(recorded).loc[case] for case in cases]
    pure, hashing, control = (ranged(values, "{:.0%}".format) for values in shares)
    figure = (
        f"share of the time in which both ran: two threads at pure Python {pure}, hashing {hashing}, "
        f"two processes at pure Python {control}"
    )
    pure, hashing, control = (_ran(values.median()) for values in shares)
    if recorded.machine["usable_cpus"] == 1:
        return Verdict("cannot tell", ONE_CPU, figure)
    if min(map(len, shares)) < FEWEST:
        return Verdict("cannot tell", TOO_FEW, figure)
    if not (pure or hashing or control):  # two processes show whether two CPUs were free at all
        why = "even two processes seldom ran at the same time: other programs had the CPUs"
        return Verdict("cannot tell", why, figure)
    if pure is None or hashing is None:
        why = "they ran at the same time too often for taking turns, and too seldom for more"
        return Verdict("cannot tell", why, figure)
    why, *verdicts = OUTCOMES[pure, hashing]
    return Verdict(verdicts[place], why, figure)


def _ran(share):
    """Whether workers that both ran for this share of the time ran at the same time; None in between."""
    return False if share <= SAME_TIME[0] else True if share >= SAME_TIME[1] else None
