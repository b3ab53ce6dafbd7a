"""The true table of the sharing experiment, and results made from it."""

import itertools

from conc_lab.engine.result import Result
from conc_lab.experiments.sharing.measure import (
    FILE,
    INTERPRETER,
    LOCAL,
    LOCALS,
    OBJECT,
    PID,
    THINGS,
    THREAD,
    VALUE,
    WRITE,
)
from made.results import MACHINE

NEW_INTERPRETER = {VALUE: "re-imported", WRITE: "own", OBJECT: "copied", LOCALS: "own", LOCAL: "own"}
NEW_PROCESS = {PID: "own", THREAD: "own", INTERPRETER: "own"}
TRUTH = {
    "threads": dict.fromkeys(THINGS, "shared") | {THREAD: "own", LOCALS: "own", LOCAL: "own"},
    "spawn": NEW_PROCESS | NEW_INTERPRETER | {FILE: "absent"},
    "forkserver": NEW_PROCESS | NEW_INTERPRETER | {FILE: "absent"},
    "fork": NEW_PROCESS
    | {VALUE: "copied", WRITE: "own", OBJECT: "copied", FILE: "shared", LOCALS: "own", LOCAL: "copied"},
    "interpreters": {PID: "shared", THREAD: "own", INTERPRETER: "own"} | NEW_INTERPRETER | {FILE: "shared"},
}


def made(*kinds, lacking=()):
    """The result that the true table would give, where the kinds in `lacking` do not exist."""
    rows = []
    for kind, thing in itertools.product(kinds, THINGS):
        row = {"thing": thing, "kind": kind, "cell": TRUTH[kind][thing], "evidence": "seen", "different_ids": None}
        row["reason"] = None
        if kind in lacking:
            row |= {"cell": "absent", "evidence": None, "reason": f"{kind} does not exist here"}
        rows.append(row)
    return Result("sharing", {"kinds": list(kinds)}, MACHINE, rows, "2026-01-31T12:00:00+00:00")


RESULT = made("threads", "spawn", "fork")
