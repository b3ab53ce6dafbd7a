"""Results made by hand: known speeds and CPU times, so that a chart or a sentence can be held to them."""

import platform

from conc_lab.engine import experiment, parameters
from conc_lab.engine.result import Result
from conc_lab.experiments.speedup.measure import decompose

ALONE_S = 0.16  # the serial run of every round: 16 tasks of 10 ms

MACHINE = {
    "usable_cpus": 2,
    "cpu_quota": None,
    "logical_cpus": 8,
    "physical_cpus": 4,
    "memory_bytes": 8 << 30,
    "memory_limit_bytes": None,
    "memory_free_bytes": 4 << 30,
    "cpu": "a made CPU",
    "system": "Linux",
    "architecture": "x86_64",
    "python": platform.python_version(),
    "implementation": "CPython",
    "free_threaded": False,
    "gil": True,
    "start_methods": ["forkserver", "spawn", "fork"],
    "binder": False,
}


def made(speeds, *, busy=None, alone=1.0, waits=False, usable=2, rounds=9, control=1.0, **params):
    """A speedup result with the given speeds.

    speeds: {(kind, workers): speedup, or a list of them that the rounds go through}; busy: {(kind, workers):
    cores busy}, by default in proportion to the speedup; alone: the cores that the serial runs keep busy; waits:
    whether a task gives its CPU up of its own accord; control: how many times as long as the second serial run
    of a round the first takes; params: the experiment's.
    """
    busy = busy or {}
    rows = []
    for number in range(rounds):
        a, b = ALONE_S * 2 * control / (1 + control), ALONE_S * 2 / (1 + control)
        one_round = [row("serial", 1, a, a * alone, repeat="A"), row("serial", 1, b, b * alone, repeat="B")]
        for (kind, workers), speed in speeds.items():
            wall_s = ALONE_S / (speed[number % len(speed)] if isinstance(speed, list) else speed)
            cores = busy.get((kind, workers), ALONE_S / wall_s * alone)
            one_round.append(row(resolved(kind), workers, wall_s, wall_s * cores))
        one_round += [row("serial", 1, ALONE_S / 4, ALONE_S / 4 * alone, tasks=4, cpu=cpu) for cpu in range(usable)]
        for item in one_round:
            item["voluntary_switches"] = item["tasks"] if waits else 0
        rows += [{"round": number, "order": place} | item for place, item in enumerate(decompose(one_round))]
    given = {
        "kinds": list(dict.fromkeys(resolved(kind) for kind, _ in speeds)),
        "workers": sorted({workers for _, workers in speeds}),
        "rounds": rounds,
    }
    defaults = parameters.described(experiment.function("speedup"))
    whole = {name: parameter.default for name, parameter in defaults.items()} | given | params
    machine = MACHINE | {"usable_cpus": usable}
    return Result("speedup", whole, machine, rows, "2026-01-31T12:00:00+00:00", resolved("processes"))


def resolved(kind):
    """The kind that a row has where "processes" was asked for on this machine."""
    return MACHINE["start_methods"][0] if kind == "processes" else kind


def row(kind, workers, wall_s, cpu_s, *, repeat=None, tasks=16, cpu=None):
    """One row as the speedup experiment yields it, before `decompose`."""
    return {
        "repeat": repeat,
        "cpu": cpu,
        "kind": kind,
        "workers": workers,
        "tasks": tasks,
        "setup_s": 0.001 if kind == "threads" else 0.02,
        "wall_s": wall_s,
        "teardown_s": 0.0005 if kind == "threads" else 0.01,
        "cpu_s": cpu_s,
        "voluntary_switches": None,
        "involuntary_switches": None,
        "results_equal": True,
        "ran": None,
    }


TYPICAL = {("threads", 1): 1.0, ("threads", 2): 1.0, ("processes", 1): 1.0, ("processes", 2): 1.9}
TWO = {("threads", 2): 1.0, ("processes", 2): 1.9}


class MadeBet:
    """A bet with these points (kind, workers, value), and an answer in words."""

    def __init__(self, *points, words=""):
        self.points, self.words = list(points), words
