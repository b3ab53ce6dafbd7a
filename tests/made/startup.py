"""Startup results made by hand, with known times."""

from conc_lab.engine import experiment, parameters
from conc_lab.engine.result import Result
from made.results import MACHINE

# milliseconds to one worker's first answer, by (kind, cold)
QUIET = {
    ("threads", False): 0.1,
    ("interpreters", False): 8,
    ("fork", False): 2,
    ("forkserver", True): 50,
    ("forkserver", False): 10,
    ("spawn", False): 40,
}


def made_startup(costs=QUIET, *, workers=(1, 2), imports=None, ran=("spawn",), rounds=3, starts=2, **facts):
    """A startup result in which n workers answer after n times `costs`, and are gone another millisecond later.

    costs: milliseconds, or a list that the rounds go through; imports: {module: milliseconds that its import in the
    main file adds where the file is run}; ran: the kinds whose workers run it; facts: about the machine.
    """
    mains = {"nothing": 0} | (imports or {})
    rows = []
    for number in range(rounds):
        for main, added in mains.items():
            for (kind, cold), cost in costs.items():
                for size in workers:
                    each = cost[number % len(cost)] if isinstance(cost, list) else cost
                    each += added if kind in ran else 0
                    rows += [
                        {
                            "round": number,
                            "order": 0,
                            "start": start,
                            "main_imports": main,
                            "kind": kind,
                            "workers": size,
                            "start_s": each * size / 4000,
                            "answer_s": each * size / 1000,
                            "end_s": 0.001,
                            "new_process": kind not in ("threads", "interpreters"),
                            "ran_main": kind in ran,
                            "cold": cold,
                        }
                        for start in range(1 if cold else starts)
                    ]
    given = {
        "kinds": list(dict.fromkeys(kind for kind, _ in costs)),
        "workers": list(workers),
        "main_imports": list(mains)[-1],
        "rounds": rounds,
    }
    defaults = parameters.described(experiment.function("startup"))
    whole = {name: parameter.default for name, parameter in defaults.items()} | given
    return Result("startup", whole, MACHINE | facts, rows, "2026-01-31T12:00:00+00:00")
