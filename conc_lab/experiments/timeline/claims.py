"""What two recorded workers make of the claims on threads that run one at a time, and in parallel."""

from ...drawing.verdict import FEWEST, ONE_CPU, TOO_FEW, Verdict, decides, first, ranged
from ...engine.result import Result
from .chart import rounds

TURNS, TOGETHER = 0.1, 0.25  # shares of the time: up to the first two workers took turns, from the second on not
CASES = [("count_primes", "threads"), ("sha256", "threads"), ("count_primes", "processes")]
FIGURE = "share of the time in which both ran: two threads at pure Python {}, hashing {}, "
FIGURE += "two processes at pure Python {}"
HELD_UP = "even two processes seldom ran at the same time: other programs had the CPUs"  # so were two free at all?
BETWEEN = "they ran at the same time too often for taking turns, and too seldom for more"
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
    shares = [rounds(recorded).loc[case] for case in CASES]
    medians = [values.median() for values in shares]
    pure, hashing, control = (None if TURNS < share < TOGETHER else share >= TOGETHER for share in medians)
    why, *verdicts = OUTCOMES.get((pure, hashing), (BETWEEN, "cannot tell", "cannot tell"))
    return first(
        FIGURE.format(*(ranged(values, "{:.0%}".format) for values in shares)),
        (recorded.machine["usable_cpus"] == 1, "cannot tell", ONE_CPU),
        (min(map(len, shares)) < FEWEST, "cannot tell", TOO_FEW),
        (not (pure or hashing or control), "cannot tell", HELD_UP),
        (True, verdicts[place], why),
    )
