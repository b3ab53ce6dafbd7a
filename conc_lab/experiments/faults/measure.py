"""Who survives when a worker fails?

Method: fault injection. Each case is a program of its own (program.py), started fresh and ended in any case, so that
whatever happens to it happens to nobody else. Its two workers hold a task each; one fails in the set way, then the
other is told to finish. The program says what it saw if it lives to do so; how it ended is seen from here. No figure
in a row is a time: rows are the same on every run.
"""

import contextlib
import json
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from subprocess import TimeoutExpired

from ...engine import helper
from ...engine.errors import LabError, fate
from ...engine.experiment import Rows, columns, progress
from ...engine.kinds import START_METHODS
from ...engine.parameters import Kinds, Number, OneOf, Several, by_profile
from . import worker

FAULTS = {"raise": "an uncaught exception", "exit": "os._exit ends the process", "segfault": "a crash in C code"}
FAULTS |= {"memory": "asks for too much memory", "hang": "waits forever", "kill": "SIGKILL from outside"}
MISSING = {("darwin", "memory"): "macOS does not enforce RLIMIT_AS", ("win32", "memory"): "Windows has no RLIMIT_AS"}
MISSING |= {("win32", "segfault"): "ctypes catches it on Windows", ("win32", "kill"): "Windows has no SIGKILL"}
IN_PROCESS = {"Thread": "threads", "ThreadPoolExecutor": "threads", "InterpreterPoolExecutor": "interpreters"}
APIS = (*IN_PROCESS, "Process", "ProcessPoolExecutor", "Pool")
COMMON = ("Thread", "ThreadPoolExecutor", "ProcessPoolExecutor", "Pool")
WORKERS = 8  # so many at the same time, in programs of two


def faults(
    faults: Several(OneOf(lambda: [*FAULTS], "how the worker fails"), "fault") = ("raise", "segfault", "hang"),
    apis: Several(OneOf(lambda: APIS, "the class of the standard library that runs the workers"), "api") = COMMON,
    kinds: Kinds("processes", *START_METHODS, help="how processes are started") = ("processes",),
    patience_s: Number(0.5, 60, "how long to wait for a result, in seconds", whole=False) = by_profile(1.5, 3, 10),
) -> Rows:
    """Make a worker fail in each way, under each API, in a program of its own; one row is one case.

    Columns: fault; api; kind ("threads", "interpreters", or how the processes were started); told (what the program
    gets that waits for the failed worker: an exception's name, "exit code 3" or a signal's name, "a result", or
    "nothing" within patience_s); others_finished (whether the other worker's unfinished task came to its end);
    usable_again (whether a new task was done afterwards); stoppable (whether a worker that hangs could be ended
    alone); survived (whether the program lived to see all this); ended (how it ended: "by itself", an exit code, a
    signal, or "never"); reason (why there is no figure, else None). What the program did not live to see is None.
    Raises LabError where a program could not be started, lacked its API or failed in a way that was not asked for.
    """
    cases = [(api, kind) for api in apis for kind in ([IN_PROCESS[api]] if api in IN_PROCESS else kinds)]
    for number, fault in enumerate(faults):
        progress(number / len(faults), f"{fault} with {', '.join(apis)}", round_done=number > 0)
        with ThreadPoolExecutor(WORKERS // 2) as watchers:
            yield from watchers.map(lambda case, fault=fault: _row(fault, *case, patience_s), cases)


def _row(fault, api, kind, patience_s):
    """The row of one case: its program says what it saw, or nothing, and then has `patience_s` to end by itself."""
    case = {"fault": fault, "api": api, "kind": kind}
    row = dict.fromkeys(columns("faults")) | case | {"reason": MISSING.get((sys.platform, fault))}
    if row["reason"]:
        return row
    with tempfile.TemporaryDirectory(prefix="f-", ignore_cleanup_errors=True) as folder:
        spec, code = case | {"patience_s": patience_s, "folder": folder}, None
        with helper.start("experiments.faults.program", spec) as started:
            seen = json.loads(started.stdout.readline() or "{}")
            with contextlib.suppress(TimeoutExpired):
                code = started.wait(patience_s)
            started.kill()
        finished = os.path.exists(os.path.join(folder, "other"))
    ended = "never" if code is None else fate(code) if code else "by itself"
    if "error" in seen or not (seen or code < 0 or code == worker.EXIT_CODE):
        raise LabError(f"the program for {fault} with {api} failed: {seen.get('error', f'it ended: {ended}')}")
    return row | {"others_finished": finished, "survived": bool(seen), "ended": ended} | seen
