"""How long does a thread take to answer, next to threads or processes that compute?

Round trips to a thread in another process. Each run is summarised by its median; all variants are in every round,
in a shuffled order.
"""

import contextlib

from ...engine.experiment import ROUNDS, Rows, in_rounds
from ...engine.parameters import Number, Several, by_profile
from ..interval.measure import DEFAULT_US, INTERVALS_US
from ..pingpong.measure import RUN_MS, process, round_trips


def echo(
    workers: Several(Number(1, 64, "threads or processes that compute next to the echo"), "workers") = (1, 2),
    intervals_us: INTERVALS_US = DEFAULT_US,
    run_ms: RUN_MS = by_profile(20, 100, 300),
    rounds: ROUNDS = by_profile(2, 5, 9),
) -> Rows:
    """Time round trips to a thread that answers, alone and next to others that compute; one row is one run.

    Columns: round; kind of those others (threads of its process, processes: bare interpreters, or none), workers (how
    many they are), interval_us (None unless they are threads); trips, round_trip_us (the run's median; there and
    back), p10_us and p90_us. Raises LabError when a worker cannot be started.
    """
    for number, _, (kind, size, us) in in_rounds(variants(workers, intervals_us), rounds):
        row = {"round": number, "kind": kind, "workers": size, "interval_us": us}
        with contextlib.ExitStack() as stack:
            spec = {"threads": size, "interval_us": us} if kind == "threads" else {}
            exchange, _ = stack.enter_context(process(**spec))
            exchange()  # it has started before the others take its CPUs
            others = [stack.enter_context(process(threads=1)) for _ in range(size if kind == "processes" else 0)]
            for computes, _ in others:
                computes()  # and so have they
            # Without a pause the next byte may come before a thread that computes has got the GIL back (its wake-up
            # takes longer than a trip), and most trips then meet nobody: the median of the same run read 7 µs or 5 ms.
            row |= round_trips(exchange, run_ms, pause_s=0.001)
        yield row


def variants(workers: list[int], intervals_us: list[float]) -> list[tuple]:
    """(kind, workers, interval_us) of every run of a round."""
    threads = [("threads", size, us) for size in workers for us in intervals_us]
    return [("none", 0, None), *threads, *(("processes", size, None) for size in workers)]
