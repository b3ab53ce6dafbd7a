"""Whatever becomes of a run, nothing of it stays: every experiment, done, stopped in the middle, and killed."""

import contextlib
import os
import signal
import sys
import threading

import helpers
import pytest
from helpers import RUNS as SMALL

from conc_lab.engine import experiment as experiments, parameters, run as runner
from conc_lab.engine.errors import LabError, RunStopped
from conc_lab.experiments.switching import measure as switching

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc and at sessions")

# The same without an end in sight.
LONG = {name: params | {"rounds": 99} for name, params in SMALL.items() if "rounds" in params} | {
    "sharing": {},
    "faults": SMALL["faults"] | {"faults": ["hang"], "patience_s": 60},
    "advise": SMALL["advise"] | {"within_s": 60},
}
WAYS = {"startup": "ways", "memory": "kinds", "sharing": "kinds"}  # where the start method is one of several
# The switching questions whose workers are no processes of multiprocessing's, and how many processes such a run has.
BARE = {"switching hand-over": 3, "switching echo": 3, "switching interval": 2}
CASES = pytest.mark.parametrize(
    ("case", "method"),
    [
        pytest.param(
            case, method.values[0] if hasattr(method, "values") else method, marks=getattr(method, "marks", ())
        )
        for case in SMALL
        if case not in BARE
        for method in helpers.METHODS
    ]
    + [(case, None) for case in BARE],
)


def params_of(params, case, method):
    if case in BARE:
        return params[case]
    return params[case] | ({WAYS[case]: [method]} if case in WAYS else {"start_method": method})


def test_every_experiment_is_here():
    """Every experiment is run here, and so is every question of the one that has several."""
    assert {case.split()[0] for case in SMALL} == set(experiments.NAMES)
    assert {params["question"] for params in SMALL.values() if "question" in params} == set(switching.QUESTIONS)


@CASES
def test_a_run_that_is_done(nothing_left, case, method):
    """A run that is done leaves nothing behind."""
    assert runner.run(case.split()[0], params_of(SMALL, case, method), timeout_s=helpers.LIVENESS_S).rows


@CASES
@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_a_run_that_is_ended(nothing_left, case, how, method):
    """A run that is stopped, or whose process is killed, once it has workers leaves nothing behind."""
    for _ in range(20):  # of which the shortest runs may be over before their workers are seen
        if error := end(case, method, how):
            break
    assert isinstance(error, RunStopped) == (how == "stopped")
    assert how == "stopped" or "(killed by SIGKILL)" in str(error)


def end(case, method, how):
    """The error of a run that is ended once it has workers, or None where it was over first."""
    given, experiment = params_of(LONG, case, method), case.split()[0]
    one = runner.Run(experiment, parameters.checked(experiments.function(experiment), given), helpers.LIVENESS_S)
    over = threading.Event()

    def has_workers():
        # Beside the child and its watchdog, the resource tracker alone is not enough: a child that is killed while it
        # makes semaphores may leave the one that the tracker has not been told of yet.
        return len(runner.alive(one.pid)) >= BARE.get(case, 4)

    def ending():
        helpers.becomes_true(lambda: over.is_set() or has_workers(), helpers.LIVENESS_S)
        if not over.is_set():
            with contextlib.suppress(ProcessLookupError):  # it was over just now
                one.stop() if how == "stopped" else os.kill(one.pid, signal.SIGKILL)

    ender = threading.Thread(target=ending)
    ender.start()
    try:
        one.wait(lambda event: None)
    except LabError as error:
        return error
    finally:
        over.set()
        ender.join()
