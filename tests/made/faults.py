"""Rows of the faults experiment made by hand, for its tests and its chart's."""

from conc_lab.engine import experiment as experiments, parameters
from conc_lab.experiments.faults.measure import IN_PROCESS
from conc_lab.engine.result import Result
from made.results import MACHINE

LIVED = {"others_finished": True, "usable_again": True, "stoppable": None, "survived": True, "ended": "by itself"}
DIED = {"told": None, "others_finished": False, "usable_again": None, "stoppable": None, "survived": False}
BROKEN = LIVED | {"told": "BrokenProcessPool", "others_finished": False, "usable_again": False}
HUNG = LIVED | {"told": "nothing", "stoppable": True}
STUCK = HUNG | {"stoppable": False, "ended": "never"}
ABSENT = dict.fromkeys(LIVED) | {"told": None}
ENDS = {"exit": "exit code 3", "segfault": "SIGSEGV", "kill": "SIGKILL"}  # the faults that no code can catch


def expected(fault, worker):
    """What must come of a case: the columns of its row that are neither its name nor a reason."""
    if fault == "hang":
        return STUCK if worker in IN_PROCESS else HUNG
    if fault in ENDS:
        pools = {
            "Process": LIVED | {"told": ENDS[fault]},
            "ProcessPoolExecutor": BROKEN,
            "Pool": LIVED | {"told": "nothing"},
        }
        return DIED | {"ended": ENDS[fault]} if worker in IN_PROCESS else pools[worker]
    error = {"raise": "ValueError", "memory": "MemoryError"}[fault]
    return LIVED | {"told": {"Thread": "nothing", "Process": "exit code 1"}.get(worker, error)}


def row(fault, worker, reason=None, start_method="spawn", **changes):
    """A whole row, as expected unless `changes` say otherwise; with a reason, nothing else."""
    method = None if worker in IN_PROCESS else start_method
    found = ABSENT if reason else expected(fault, worker)
    return {"fault": fault, "worker": worker, "start_method": method} | found | {"reason": reason} | changes


def made(*rows, **params):
    """A result of these rows, or of the lesson's cases."""
    described = parameters.described(experiments.function("faults"))
    whole = {name: parameters.default(parameter) for name, parameter in described.items()} | params
    rows = rows or [row(fault, worker) for fault in whole["faults"] for worker in whole["workers"]]
    return Result("faults", whole, MACHINE, list(rows), "2026-01-31T12:00:00+00:00")
