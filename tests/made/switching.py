"""Results of the switching experiment made by hand: known figures, so that a sentence can be held to them."""

from conc_lab.engine import experiment as experiments, parameters
from conc_lab.experiments.switching.measure import PARTNERS, PLACES, WORKS
from conc_lab.engine.result import Result
from made.results import MACHINE

HAND_OVER = {
    ("same CPU", "threads", "pipe"): 5.0,
    ("same CPU", "processes", "pipe"): 6.0,
    ("same CPU", "threads", "lock"): 14.0,
    ("other CPU", "threads", "pipe"): 50.0,
    ("other CPU", "processes", "pipe"): 60.0,
    ("other CPU", "threads", "lock"): 70.0,
    ("not pinned", "threads", "pipe"): 7.0,
    ("not pinned", "processes", "pipe"): 8.0,
    ("not pinned", "threads", "lock"): 9.0,
}
ECHO = {
    ("none", 0, None): 40.0,
    ("threads", 1, 5000): 5100.0,
    ("threads", 1, 10): 120.0,
    ("threads", 2, 5000): 8000.0,
    ("threads", 2, 10): 130.0,
    ("processes", 1, None): 41.0,
    ("processes", 2, None): 42.0,
}
COUNTS = {
    ("computing", "threads"): (38, 7),
    ("computing", "processes"): (0, 9),
    ("hashing", "threads"): (2, 8),
    ("hashing", "processes"): (1, 6),
    ("waiting", "threads"): (1001, 3),
    ("waiting", "processes"): (1000, 4),
}
# interval: (wall_s, cpu_s, switches) of two threads, where serial takes 1 s of both
INTERVALS = {5000: (1.0, 1.0, 400), 10: (1.6, 2.0, 22_000)}


def result(question, rows, *, usable=2, gil=True, **params):
    """A result of this question with these rows."""
    described = parameters.described(experiments.function("switching"))
    whole = {name: parameters.default(parameter) for name, parameter in described.items()}
    whole |= {"question": question, "intervals_us": [5000, 10], "waits": 1000} | params
    machine = MACHINE | {"usable_cpus": usable, "gil": gil}
    return Result("switching", whole, machine, rows, "2026-01-31T12:00:00+00:00")


def at(value, number):
    """A round's value: the only one, or the one of a list's that is its turn."""
    return value[number % len(value)] if isinstance(value, list) else value


def trip(value, reason=None):
    return {"trips": 10, "round_trip_us": value, "p10_us": value, "p90_us": value, "reason": reason}


def handover(values=HAND_OVER, *, missing=(), rounds=5, **how):
    """values: {(place, kind, primitive): round trip, or a list the rounds go through}; missing: {place: reason}."""
    rows = []
    for number in range(rounds):
        for place in PLACES:
            for kind, primitive in PARTNERS:
                if place in missing:
                    found = trip(None, missing[place])
                else:
                    found = trip(at(values[place, kind, primitive], number))
                rows.append({"round": number, "kind": kind, "primitive": primitive, "place": place} | found)
    return result("hand-over", rows, **how)


def echo(values=ECHO, *, rounds=5, **how):
    """values: {(neighbours, count, interval_us): round trip}."""
    names = ("neighbours", "count", "interval_us")
    rows = [
        {"round": number} | dict(zip(names, key, strict=True)) | trip(at(value, number))
        for number in range(rounds)
        for key, value in values.items()
    ]
    return result("echo", rows, **how)


def counts(values=COUNTS, *, uncounted=None, rounds=3, **how):
    """values: {(work, kind): (voluntary, involuntary)} of each worker; uncounted: {kind: reason}."""
    rows, uncounted = [], uncounted or {}
    for number in range(rounds):
        for work in WORKS:
            for kind in ("threads", "processes"):
                voluntary, involuntary = (None, None) if kind in uncounted else values[work, kind]
                for worker in range(2):
                    rows.append(
                        {
                            "round": number,
                            "work": work,
                            "kind": kind,
                            "worker": worker,
                            "wall_s": 0.2,
                            "cpu_s": 0.1,
                            "voluntary_switches": voluntary,
                            "involuntary_switches": involuntary,
                            "results_equal": True,
                            "reason": uncounted.get(kind),
                        }
                    )
    return result("switches", rows, **how)


def interval(values=INTERVALS, *, counted=True, serial_cpu_s=1.0, rounds=5, **how):
    """values: {interval_us: (wall_s, cpu_s, switches)}, each a number or a list the rounds go through."""
    rows = []
    for number in range(rounds):
        for us, (wall_s, cpu_s, switches) in {None: (1.0, serial_cpu_s, 10), **values}.items():
            rows.append(
                {
                    "round": number,
                    "kind": "threads" if us else "serial",
                    "interval_us": us,
                    "wall_s": at(wall_s, number),
                    "cpu_s": at(cpu_s, number),
                    "voluntary_switches": at(switches, number) if counted else None,
                    "involuntary_switches": 0 if counted else None,
                    "results_equal": True,
                    "reason": None if counted else "Plan 9 does not tell",
                }
            )
    return result("interval", rows, intervals_us=list(values), **how)
