"""Rows of the faults experiment made by hand, for its tests and its chart's."""

from conc_lab.engine import experiment, parameters
from conc_lab.engine.result import Result
from conc_lab.experiments.faults.measure import IN_PROCESS
from made.results import MACHINE

LIVED = {"others_finished": True, "usable_again": True, "stoppable": None, "survived": True, "ended": "by itself"}
DIED = {"told": None, "others_finished": False, "usable_again": None, "stoppable": None, "survived": False}
BROKEN = LIVED | {"told": "BrokenProcessPool", "others_finished": False, "usable_again": False}
HUNG = LIVED | {"told": "nothing", "stoppable": True}
STUCK = HUNG | {"stoppable": False, "ended": "never"}
ABSENT = dict.fromkeys(LIVED) | {"told": None}
ENDS = {"exit": "exit code 3", "segfault": "SIGSEGV", "kill": "SIGKILL"}  # the faults that no code can catch


def expected(fault, api):
    """What must come of a case: the columns of its row that are neither its name nor a reason."""
    if fault == "hang":
        return STUCK if api in IN_PROCESS else HUNG
    if fault in ENDS:
        pools = {
            "Process": LIVED | {"told": ENDS[fault]},
            "ProcessPoolExecutor": BROKEN,
            "Pool": LIVED | {"told": "nothing"},
        }
        return DIED | {"ended": ENDS[fault]} if api in IN_PROCESS else pools[api]
    error = {"raise": "ValueError", "memory": "MemoryError"}[fault]
    return LIVED | {"told": {"Thread": "nothing", "Process": "exit code 1"}.get(api, error)}


def row(fault, api, reason=None, method="spawn", **changes):
    """A whole row, as expected unless `changes` say otherwise; with a reason, nothing else."""
    outcome = ABSENT if reason else expected(fault, api)
    case = {"fault": fault, "api": api, "kind": IN_PROCESS.get(api, method)}
    return case | outcome | {"reason": reason} | changes


def made(*rows, **params):
    """A result of these rows, or of the lesson's cases."""
    whole = parameters.checked(experiment.function("faults"), params)
    rows = rows or [row(fault, api) for fault in whole["faults"] for api in whole["apis"]]
    return Result("faults", whole, MACHINE, list(rows), "2026-01-31T12:00:00+00:00")
