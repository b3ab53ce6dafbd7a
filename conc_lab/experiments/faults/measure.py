"""Who survives when a worker fails?

Method: fault injection. Each case is a program of its own (conc_lab/_faults_worker.py), started fresh and
given up if it does not end, so that whatever happens to it happens to nobody else. Its two workers hold a task
each; one fails in the set way, then the other is told to finish. The program writes down what it sees, step by
step, as long as it lives; how it ended is seen from here. No figure in a row is a time: rows are the same on every run.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from . import worker as _faults_worker
from ...engine import pools as executors, helper as programs
from ...engine.errors import LabError, cannot_start
from ...engine.parameters import ByProfile, Number, OneOf, Several
from ...engine.stats import grouped
from ...engine.experiment import DEFAULT_START_METHOD, START_METHOD, Progress

FAULTS = ("raise", "exit", "segfault", "memory", "hang", "kill")
WORKERS = ("Thread", "ThreadPoolExecutor", "InterpreterPoolExecutor", "Process", "ProcessPoolExecutor", "Pool")
IN_PROCESS = WORKERS[:3]
PROGRAM_BYTES = 25 << 20  # a bare interpreter with the standard library's pools, rounded up from its RSS
LIMIT_S = 2 * _faults_worker.START_S  # for a whole program, patience apart
FOUND = ("told", "others_finished", "usable_again", "stoppable")


def faults(
    faults: Several(OneOf(lambda: FAULTS, "how the worker fails"), "fault") = ("raise", "segfault", "hang"),
    workers: Several(OneOf(lambda: WORKERS, "kinds of worker, by their names in Python"), "worker") = (
        "Thread",
        "ThreadPoolExecutor",
        "ProcessPoolExecutor",
        "Pool",
    ),
    start_method: START_METHOD = DEFAULT_START_METHOD,
    patience_s: Number(0.5, 60, "seconds to wait for what may never come", whole=False) = ByProfile(1.5, 3, 10),
) -> Iterator[dict | Progress]:
    """Make a worker of each kind fail in each way, in a program of its own; one row is one case.

    Columns: fault; worker; start_method (None where no process is started); told (what the program gets that
    waits for the failed worker: an exception's name, "exit code 3" or a signal's name, "a result", or "nothing"
    within patience_s); others_finished (whether the other worker's unfinished task came to its end); usable_again
    (whether a new task was done afterwards); stoppable (whether a worker that hangs could be ended alone);
    survived (whether the program lived to see all this); ended (how it ended: "by itself", an exit code, a signal,
    or "never"); reason (why there is no figure, else None). What the program did not live to see is None.
    Raises LabError where a program could not be started or failed in a way that was not asked for.
    """
    for number, fault in enumerate(faults):
        yield Progress(number / len(faults), f"{fault} with {', '.join(workers)}")
        with tempfile.TemporaryDirectory(prefix="f-", ignore_cleanup_errors=True) as folder:
            cases = []
            try:
                for worker in workers:
                    cases.append(_Case(fault, worker, start_method, patience_s, Path(folder)))
                while not all([case.over() for case in cases]):  # a list: each is asked every time
                    time.sleep(0.02)
                yield from [case.row() for case in cases]
            finally:
                for case in cases:
                    case.end()
        yield Progress((number + 1) / len(faults), fault, round_done=True)


def check(params, machine):
    """Refuse kinds of worker that this Python or platform lacks."""
    if "InterpreterPoolExecutor" in params["workers"] and (problem := executors.unavailable("interpreters")):
        raise LabError(problem)
    programs_bytes = len(params["workers"]) * PROGRAM_BYTES  # which run at the same time
    executors.check_free(f"{len(params['workers'])} programs need", programs_bytes, "fewer kinds of worker", machine)
    left = machine | {"memory_free_bytes": machine["memory_free_bytes"] - programs_bytes}
    if processes := [worker for worker in params["workers"] if worker not in IN_PROCESS]:
        executors.check_room(2 * len(processes), params["start_method"], 0, left)


def unavailable(fault: str, platform: str = sys.platform) -> str | None:
    """Why this platform cannot show a fault, or None."""
    if platform == "win32" and fault == "segfault":
        return "ctypes turns this read into an exception on Windows"
    if platform == "win32" and fault == "kill":
        return "Windows ends a process without a signal"
    if platform == "win32" and fault == "memory":
        return "Windows has no RLIMIT_AS"
    if platform == "darwin" and fault == "memory":
        return "macOS does not enforce RLIMIT_AS"
    return None


def groups(rows: list[dict]) -> list[tuple[list[str], list[str]]]:
    """The rows as ([fault, ...], [worker, ...]): workers with the same faults go together."""
    by_faults = {}
    for (worker,), mine in grouped(rows, "worker").items():
        by_faults.setdefault(tuple(row["fault"] for row in mine), []).append(worker)
    return [(list(found), workers) for found, workers in by_faults.items()]


class _Case:
    """One program: started here, asked whether it is over, and ended in any case."""

    def __init__(self, fault, worker, start_method, patience_s, folder):
        method = None if worker in IN_PROCESS else start_method
        self._known = {"fault": fault, "worker": worker, "start_method": method}
        self._reason, self._process, self._done = unavailable(fault), None, False
        if self._reason:
            return
        self._patience_s, self._deadline = patience_s, time.monotonic() + LIMIT_S + patience_s
        self._folder = folder / worker
        try:
            self._folder.mkdir()
            printed = open(self._folder / "printed", "wb")  # noqa: SIM115
        except OSError as error:
            raise LabError(cannot_start("a Python process", error)) from error
        with printed:
            pipes = {"stdin": subprocess.DEVNULL, "stdout": printed, "stderr": printed}
            self._process = programs.start(
                "_faults_worker", fault, worker, start_method, patience_s, self._folder, **pipes
            )

    def over(self):
        """Whether the program has ended, or has had its time; once it is done, it has `patience_s` to end."""
        if self._process is None or self._process.poll() is not None:
            return True
        if not self._done and self._report().get("done"):
            self._done, self._deadline = True, time.monotonic() + self._patience_s
        return time.monotonic() > self._deadline

    def row(self):
        """The case's row, when it is over."""
        if self._reason:
            return self._known | dict.fromkeys((*FOUND, "survived", "ended")) | {"reason": self._reason}
        code, report = self._process.poll(), self._report()
        case = f"the program for {self._known['fault']} with {self._known['worker']}"
        if "error" in report:
            raise LabError(f"{case} could not go on: {report['error']}", report["traceback"])
        survived = report.get("done", False)
        if not survived and (code is None or 0 <= code != _faults_worker.EXIT_CODE):
            how = "did not get done" if code is None else f"ended unasked with {_faults_worker.fate(code)}"
            raise LabError(f"{case} {how}", (self._folder / "printed").read_text(errors="replace"))
        ended = "never" if code is None else _faults_worker.fate(code) if code else "by itself"
        found = {name: report.get(name) for name in FOUND}
        if not survived:
            found["others_finished"] = (self._folder / "other").exists()
        return self._known | found | {"survived": survived, "ended": ended, "reason": None}

    def end(self):
        """End the program if it is still there."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _report(self):
        try:
            lines = (self._folder / "report").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return {}
        return {name: value for line in lines for name, value in json.loads(line).items()}
