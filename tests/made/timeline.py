"""Timeline results made by hand: blocks in which two workers got a share of the CPU time, or waited."""

from conc_lab.engine import experiment, parameters
from conc_lab.engine.result import Result
from made.results import MACHINE, resolved


def block(worker, start_ms, end_ms, share=1, *, task="sleep", kind="threads", number=0):
    """A row of the experiment; share: the part of the block in which the worker ran."""
    made = {"round": number, "task": task, "kind": kind, "worker": worker}
    return made | {"start_ms": start_ms, "end_ms": end_ms, "cpu_ms": (end_ms - start_ms) * share, "cpu": worker}


def made(rows, usable=2):
    """A timeline result with these rows."""
    defaults = parameters.described(experiment.function("timeline"))
    params = {name: parameter.default for name, parameter in defaults.items()}
    params |= {"tasks": list(dict.fromkeys(row["task"] for row in rows))}
    params["kinds"] = [resolved(kind) for kind in params["kinds"]]
    rows = [row | {"kind": resolved(row["kind"])} for row in rows]
    machine = MACHINE | {"usable_cpus": usable}
    return Result("timeline", params, machine, rows, "2026-01-31T12:00:00+00:00", resolved("processes"))


TURNS = [block(0, 0, 10), block(0, 10, 20, 0), block(1, 0, 10, 0), block(1, 10, 20)]
SIDE_BY_SIDE = [block(0, 0, 10), block(1, 0, 5), block(1, 5, 10)]
