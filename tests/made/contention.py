"""Threads with one list and with a list each, made by hand: known figures, so that a sentence can be held to them."""

from made.pingpong import at, result

DONE = {("own", 1): 1.0, ("shared", 1): 0.75, ("own", 2): 2.0, ("shared", 2): [0.5, 0.25, 0.75]}


def made(done=DONE, *, works=("append", "read"), rounds=3, gil=False, **how):
    """done: {(sharing, workers): work done in the time of one thread with its own list, or a list of it by round}."""
    rows = []
    for number in range(rounds):
        for work in works:
            for (sharing, workers), value in done.items():
                row = {"round": number, "work": work, "sharing": sharing, "workers": workers}
                wall_s = 0.01 * (number + 1) * workers / at(value, number)
                row |= {"operations": 1000 * workers, "wall_s": wall_s, "cpu_s": wall_s, "results_equal": True}
                rows.append(row)
    return result("contention", rows, works=list(works), workers=[1, 2], rounds=rounds, gil=gil, **how)
