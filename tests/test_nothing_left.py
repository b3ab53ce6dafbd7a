"""Whatever becomes of a run, nothing of it stays: every experiment, done, stopped in the middle, and killed."""

import os
import signal
import sys
import threading

import helpers
import pytest

from conc_lab import experiments, parameters, runner
from conc_lab.errors import LabError, RunStopped

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc and at sessions")

# Small runs that start worker processes.
SMALL = {
    "speedup": {"kinds": ["threads", "processes"], "workers": [2], "task_ms": 0.2, "rounds": 1},
    "startup": {"workers": [2], "rounds": 1},
    "memory": {"workers": [2], "rounds": 1},
    "switching": {"question": "switches", "waits": 10, "run_ms": 2, "rounds": 1},
    "transfer": {"sizes_kb": [1], "chunks": [1], "rounds": 1},
    "sharing": {},
    "races": {"ways": ["threads", "shared"], "methods": ["handshake", "deadlock"], "turns": 20, "rounds": 1},
    "faults": {"faults": ["raise", "segfault", "hang"], "workers": ["Thread", "Pool"], "patience_s": 0.5},
    "timeline": {"work": ["count_primes"], "window_ms": 20, "rounds": 1},
    "advise": {"task": "sum_squares", "task_ms": 0.2, "within_s": 1},
}
# The same without an end in sight.
LONG = {name: params | {"rounds": 99} for name, params in SMALL.items() if "rounds" in params} | {
    "sharing": {},
    "faults": SMALL["faults"] | {"faults": ["hang"], "patience_s": 60},
    "advise": SMALL["advise"] | {"within_s": 60},
}
WAYS = {"startup": "ways", "memory": "kinds", "sharing": "kinds"}  # where the start method is one of several


def params_of(params, experiment, method):
    return params[experiment] | ({WAYS[experiment]: [method]} if experiment in WAYS else {"start_method": method})


@pytest.mark.parametrize("method", helpers.METHODS)
@pytest.mark.parametrize("experiment", experiments.NAMES)
def test_a_run_that_is_done(nothing_left, experiment, method):
    """A run that is done leaves nothing behind."""
    assert runner.run(experiment, params_of(SMALL, experiment, method), timeout_s=helpers.LIVENESS_S).rows


@pytest.mark.parametrize("method", helpers.METHODS)
@pytest.mark.parametrize("how", ["stopped", "killed"])
@pytest.mark.parametrize("experiment", experiments.NAMES)
def test_a_run_that_is_ended(nothing_left, experiment, how, method):
    """A run that is stopped, or whose process is killed, once it has workers leaves nothing behind."""
    given = params_of(LONG, experiment, method)
    one = runner.Run(experiment, parameters.checked(experiments.function(experiment), given), helpers.LIVENESS_S)

    def end():
        # Beside the child and its watchdog, the resource tracker alone is not enough: a child that is killed while it
        # makes semaphores may leave the one that the tracker has not been told of yet.
        helpers.becomes_true(lambda: len(runner.alive(one.pid)) > 3, helpers.LIVENESS_S)
        one.stop() if how == "stopped" else os.kill(one.pid, signal.SIGKILL)

    threading.Thread(target=end).start()
    with pytest.raises(LabError) as caught:
        one.wait(lambda event: None)
    assert isinstance(caught.value, RunStopped) == (how == "stopped")
    assert how == "stopped" or "(killed by SIGKILL)" in str(caught.value)
