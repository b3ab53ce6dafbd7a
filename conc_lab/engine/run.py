"""Runs an experiment in a clean child interpreter and hands on its events.

A kernel has threads of its own, a big heap and, on Binder, little memory: measuring inside it would block it,
measure the wrong thing and let a crash take the notebook along.
"""

import os
import re
import threading
import time
from contextlib import closing

from . import experiment as experiments
from . import kinds, parameters, pythons
from .errors import Busy, LabError, RunStopped
from .machine import machine
from .result import Result, now
from .session import STOPPED, Run
from .tasks import EXTENSION_BYTES, TASKS

TIMEOUT_S = 300
TIMEOUT = parameters.Number(0, 86_400, "how long a run may take, in seconds", whole=False)
PAUSE_S = 0.4  # after each round, for the chart: drawing it (0.2 s) would take a CPU from the next variant

_ONE_AT_A_TIME = threading.Lock()
_current: Run | None = None


def run(
    experiment: str, params: dict, timeout_s=TIMEOUT_S, *, python=None, scheduler=None, on_start=None, on_progress=None,
    on_round=None,
) -> Result:  # fmt: skip
    """Check the parameters, run the experiment in a child and return its rows as a `Result`.

    python: which Python the child is, by default the one that runs here (see `pythons.chosen`). scheduler: the address
    of a Dask cluster, which then is one more kind of worker. Neither is kept in the result.
    Functions are called meanwhile: on_start gets the `Run`, so that it can be stopped; on_progress the fraction done,
    what is being done and the seconds left (None while unknown); on_round the result so far, whenever a round is
    complete.
    Raises what `checked` raises, LabError while another experiment runs in this kernel, what `Run.wait` raises, and
    RunStopped after an interrupt at any moment of the run.
    """
    global _current
    child = pythons.chosen(python)
    given, facts = checked(experiment, params, child, scheduler)
    processes = parameters.processes(experiments.function(experiment), params, facts)
    timeout_s, pause_s = TIMEOUT.check("timeout_s", timeout_s), PAUSE_S if on_round else 0
    rows, started, begun = [], now(), time.monotonic()

    def handle(event):
        if event["event"] == "row":
            rows.append(event["row"])
        elif event["event"] == "started":
            facts["gil"] = event["gil"]
        elif event["event"] == "round" and on_round:
            on_round(Result(experiment, given, facts, list(rows), started, processes))
        elif event["event"] == "progress" and on_progress:
            done, spent = event["fraction"], time.monotonic() - begun
            on_progress(done, event["doing"], spent * (1 - done) / done if done else None)

    if not _ONE_AT_A_TIME.acquire(blocking=False):
        raise Busy("another experiment is running, and two slow each other down: wait, press Stop, or call lab.stop()")
    try:
        with closing(Run(experiment, given, timeout_s, pause_s, child.get("path"), scheduler)) as _current:
            if on_start:
                on_start(_current)
            gil = _current.wait(handle)["gil"]
    except KeyboardInterrupt:
        raise RunStopped(STOPPED) from None
    finally:
        _current = None
        _ONE_AT_A_TIME.release()
    # An extension that was imported may have switched the GIL back on.
    return Result(experiment, given, facts | {"gil": gil}, rows, started, processes)


def stop() -> None:
    """End the experiment that runs in this notebook, in a panel or a cell; does nothing where none runs."""
    if running := _current:
        running.stop()
        if _ONE_AT_A_TIME.acquire(timeout=10):  # it has ended, and the next can begin
            _ONE_AT_A_TIME.release()


def checked(experiment: str, params: dict, child: dict | None = None, scheduler=None) -> tuple[dict, dict]:
    """All parameters, given or default, and the facts about this machine and the child's Python (see `pythons`).

    With the address of a scheduler "dask" is among the kinds.

    Raises LabError for a parameter that is not allowed, or for some that do not go together or exceed this machine.
    """
    here, function = machine(), experiments.function(experiment)
    facts = here | (child or {})  # with its packages, and its path
    given = parameters.checked(function, params, facts)
    measure, wanted = experiments.part(experiment, "measure"), given.get("kinds", ())
    # The student's own tasks are looked at by the child.
    needed = [TASKS[name] for name in [given.get("task"), *given.get("tasks", ())] if name in TASKS]
    if getattr(measure, "SKIPS_KINDS", False):  # the experiment says itself what it cannot show
        wanted = kinds.here(wanted, facts)
    if scheduler is not None:
        if "kinds" not in given or "dask" not in function.__annotations__["kinds"].of.options():
            raise LabError(f"{experiment} cannot use a cluster: leave scheduler out")
        if not re.fullmatch(r"\w+://[^/\s]+:\d+", str(scheduler)):
            raise LabError(f"scheduler must be an address such as tcp://127.0.0.1:8786, got {scheduler!r:.100}")
        kinds.check_kinds(["dask"], 0, facts)
        wanted = [kind for kind in wanted if kind != "dask"]  # which need no memory here
        given["kinds"] = list(dict.fromkeys([*given["kinds"], "dask"]))
    workers = max(given.get("workers", [getattr(measure, "WORKERS", 1)]))
    worker_bytes = max((task.worker_bytes for task in needed), default=0)
    kinds.check_kinds(wanted, workers, facts, EXTENSION_BYTES * any(task.extension for task in needed), worker_bytes)
    # On Windows the child's watchdog needs psutil, too.
    for package in [task.extension.lower() for task in needed if task.extension] + ["psutil"] * (os.name == "nt"):
        pythons.need(package, facts)
    if check := getattr(measure, "check", None):
        check(given, facts)
    return given, {name: facts[name] for name in here}
