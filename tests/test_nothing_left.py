"""However a run ends, nothing of it stays: stopped, killed in the middle, and done under the other start methods.

That a run which is done leaves nothing under the default start method is part of test_real_runs.py.
"""

import contextlib
import itertools
import os
import signal
import sys
import threading

import helpers
import pytest
from helpers import RUNS

from conc_lab.engine import experiment, kinds, parameters, run, session
from conc_lab.engine.errors import LabError, RunStopped

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc and at sessions")

# The same without an end in sight.
LONG = {name: params | {"rounds": 9999} for name, params in RUNS.items() if "rounds" in params} | {
    "sharing": {},
    "faults": RUNS["faults"] | {"faults": ["hang"], "patience_s": helpers.LIVENESS_S},
    "advise": RUNS["advise"] | {"within_s": helpers.LIVENESS_S},
}
# Experiments whose workers are no processes of multiprocessing's, and how many processes such a run has.
BARE = {"pingpong": 3, "echo": 3, "interval": 2, "contention": 2}


def by_method(params, name, method):
    """The parameters with processes of this start method alone."""
    return params if name in BARE else params | {"kinds": [method]}


@pytest.mark.slow
def test_done(nothing_left):
    """A run that is done leaves nothing behind, whatever the start method."""
    for name, method in itertools.product(RUNS.keys() - BARE.keys(), kinds.start_methods()[1:]):
        before = helpers.traces()
        assert run.run(name, by_method(RUNS[name], name, method), timeout_s=helpers.LIVENESS_S).rows, (name, method)
        assert helpers.left_since(before) == {}, (name, method)


@pytest.mark.parametrize("cases", [["speedup"], pytest.param(RUNS.keys() - {"speedup"}, marks=pytest.mark.slow)])
def test_ended(nothing_left, cases):
    """A run that is stopped, or whose process is killed, once it has workers leaves nothing behind."""
    for case, how in itertools.product(cases, ("stopped", "killed")):
        before = helpers.traces()
        for _ in range(20):  # of which the shortest runs may be over before their workers are seen
            if error := end(case, "forkserver", how):
                break
        assert isinstance(error, RunStopped) == (how == "stopped"), (case, how, error)
        assert how == "stopped" or "(killed by SIGKILL)" in str(error), (case, error)
        assert helpers.left_since(before) == {}, (case, how)


def end(case, method, how):
    """The error of a run that is ended once it has workers, or None where it was over first."""
    given = parameters.checked(experiment.function(case), by_method(LONG[case], case, method))
    one = run.Run(case, given, helpers.LIVENESS_S)
    over = threading.Event()

    def has_workers():
        # Beside the child and its watchdog, the resource tracker alone is not enough: a child that is killed while it
        # makes semaphores may leave the one that the tracker has not been told of yet.
        return len(session.alive(one.pid)) >= BARE.get(case, 4)

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
