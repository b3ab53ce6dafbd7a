"""A program that runs an experiment within limits of the system, then without them, and says what came of both.

Started by test_limits.py, as an ordinary user and with a /tmp and a /dev/shm of its own.
"""

import json
import os
import resource
import sys
import traceback

import helpers

from conc_lab.engine import experiment as experiments
from conc_lab.engine import parameters, run
from conc_lab.engine.errors import LabError
from conc_lab.engine.machine import machine


def outcome(experiment, params):
    """["rows", their number], ["LabError", sentence, detail], or for any other error its name and traceback."""
    try:
        return ["rows", len(run.run(experiment, params, timeout_s=helpers.LIVENESS_S).rows)]
    except LabError as error:
        return ["LabError", str(error), error.detail]
    except BaseException as error:
        return [type(error).__name__, str(error), traceback.format_exc()]


def limited(experiment, params, limits, fill):
    """The outcome under the limits, {name: value}, and with the file systems `fill` full; what it left."""
    parameters.checked(experiments.function(experiment), params)  # a kernel has imported what this and
    machine()  # this import before a limit is reached
    before = helpers.traces()
    hard = {name: resource.getrlimit(getattr(resource, name))[1] for name in limits}
    for folder in fill:
        free = os.statvfs(folder)
        with open(f"{folder}/filler", "wb") as filler:
            filler.write(bytes(free.f_bavail * free.f_frsize))
    for name, value in limits.items():
        resource.setrlimit(getattr(resource, name), (value, hard[name]))
    reached = outcome(experiment, params)
    for name in limits:
        resource.setrlimit(getattr(resource, name), (hard[name], hard[name]))
    for folder in fill:
        os.remove(f"{folder}/filler")
    left = helpers.left_since(before)
    return reached, {what: sorted(map(str, names)) for what, names in left.items()}


if __name__ == "__main__":
    spec = json.loads(sys.argv[1])
    helpers.become_subreaper()
    reached, left = limited(**spec)
    again = outcome(spec["experiment"], spec["params"])
    print(json.dumps({"reached": reached, "left": left, "again": again}))
