"""Threads at several switch intervals, made by hand: known figures, so that a sentence can be held to them."""

from made.pingpong import at, result

# interval: (wall_s, cpu_s, switches) of two threads, where serial takes 1 s of both
INTERVALS = {5000: (1.0, 1.0, 400), 10: (1.6, 2.0, 22_000)}


def made(values=INTERVALS, *, counted=True, serial_cpu_s=1.0, rounds=5, **how):
    """values: {interval_us: (wall_s, cpu_s, switches)}, each a number or a list the rounds go through."""
    rows = []
    for number in range(rounds):
        for us, (wall_s, cpu_s, switches) in {None: (1.0, serial_cpu_s, 10), **values}.items():
            row = {"round": number, "kind": "threads" if us else "serial", "workers": 2, "interval_us": us}
            row |= {"wall_s": at(wall_s, number), "cpu_s": at(cpu_s, number), "results_equal": True}
            row |= {"voluntary_switches": at(switches, number) if counted else None}
            row |= {"involuntary_switches": 0 if counted else None}
            rows.append(row | {"reason": None if counted else "Plan 9 does not tell"})
    return result("interval", rows, intervals_us=list(values), **how)
