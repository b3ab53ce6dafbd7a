"""Counted switches made by hand: known figures, so that a sentence can be held to them."""

from conc_lab.experiments.switches.measure import WORKS
from made.pingpong import result

COUNTS = {
    ("computing", "threads"): (38, 7),
    ("computing", "processes"): (0, 9),
    ("hashing", "threads"): (2, 8),
    ("hashing", "processes"): (1, 6),
    ("waiting", "threads"): (1001, 3),
    ("waiting", "processes"): (1000, 4),
}


def made(values=COUNTS, *, uncounted=None, rounds=3, **how):
    """values: {(work, kind): (voluntary, involuntary)} of each worker; uncounted: {kind: reason}."""
    rows, uncounted = [], uncounted or {}
    for number in range(rounds):
        for work in WORKS:
            for kind in ("threads", "processes"):
                voluntary, involuntary = (None, None) if kind in uncounted else values[work, kind]
                row = {"round": number, "work": work, "kind": "spawn" if kind == "processes" else kind, "workers": 2}
                row |= {"wall_s": 0.2, "cpu_s": 0.1, "results_equal": True, "reason": uncounted.get(kind)}
                row |= {"voluntary_switches": voluntary, "involuntary_switches": involuntary}
                rows += [row | {"worker": worker} for worker in range(2)]
    return result("switches", rows, "spawn", kinds=["threads", "spawn"], waits=1000, **how)
