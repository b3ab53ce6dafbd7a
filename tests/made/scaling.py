"""Jobs with a serial part, made by hand: known speedups, so that a sentence can be held to them."""

from conc_lab.experiments.speedup.measure import decompose
from made.pingpong import result
from made.results import ALONE_S, row


def made(speeds, *, workers=2, cost=1.0, rounds=9, **how):
    """speeds: {percent: speedup, or a list of them that the rounds go through}; cost: CPU time of a task."""
    rows = []
    for number in range(rounds):
        one_round = [row("serial", 1, ALONE_S, ALONE_S, repeat=repeat) | {"serial_percent": None} for repeat in "AB"]
        for percent, speed in speeds.items():
            wall_s = ALONE_S / (speed[number % len(speed)] if isinstance(speed, list) else speed)
            one_round.append(row("spawn", workers, wall_s, ALONE_S * cost) | {"serial_percent": percent})
        for item in one_round:
            item |= {"voluntary_switches": 0, "alone": round(item["tasks"] * (item["serial_percent"] or 0) / 100)}
        rows += [{"round": number, "order": place} | item for place, item in enumerate(decompose(one_round))]
    given = {"kinds": ["spawn"], "workers": [workers], "serial_percent": [*speeds], "task": "count_primes"}
    return result("scaling", rows, "spawn", **given, **how)
