"""Round trips made by hand: known figures, so that a sentence can be held to them."""

from conc_lab.engine import experiment, parameters
from conc_lab.engine.result import Result
from conc_lab.experiments.pingpong.measure import PARTNERS, PLACES
from made.results import MACHINE

TRIPS = {
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


def result(name, rows, processes=None, *, usable=2, gil=True, **params):
    """A result of this experiment with these rows; what is not among the params has its default."""
    whole = parameters.checked(experiment.function(name), params)
    machine = MACHINE | {"usable_cpus": usable, "gil": gil}
    return Result(name, whole, machine, rows, "2026-01-31T12:00:00+00:00", processes)


def at(value, number):
    """A round's value: the only one, or the one of a list's that is its turn."""
    return value[number % len(value)] if isinstance(value, list) else value


def trip(value):
    """The figures of a run."""
    return {"trips": value and 10, "round_trip_us": value, "p10_us": value, "p90_us": value}


def made(values=TRIPS, *, missing=None, rounds=5, **how):
    """values: {(place, kind, primitive): round trip, or a list the rounds go through}; missing: {place: reason}."""
    rows, missing = [], missing or {}
    for number in range(rounds):
        for place in PLACES:
            for kind, primitive in PARTNERS:
                value = None if place in missing else at(values[place, kind, primitive], number)
                row = {"round": number, "kind": kind, "primitive": primitive, "place": place}
                rows.append(row | {"reason": missing.get(place)} | trip(value))
    return result("pingpong", rows, **how)
