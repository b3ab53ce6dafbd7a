"""What the rows of a speedup come to: a line for each variant, with its direction and what speaks against its size."""

import math

import pandas

from ...drawing import kit, words
from ...engine import tasks
from ...engine.result import Result, once
from ...engine.stats import character, interval, where

PHASES = ["setup_s", "wall_s", "teardown_s"]
NO_GAIN = (0.9, 1.1)
BUSY = 1.2  # cores busy, above which more than one is
COST_LIMIT = 1.15  # above this CPU cost the hardware, not the kind of worker, sets the speedup
CONTROL_LIMIT = 0.05  # serial against serial may differ by this much


@once
def summary(result: Result) -> pandas.DataFrame:
    """What the rows allow to be said, a line for each kind and number of workers.

    kind, workers, rounds; speedup (median of the paired ratios: what was experienced), low, high (its `interval`);
    cores_busy and cpu_cost (medians); direction: "faster", "slower" or "no gain" (the interval lies within 10 % of 1)
    by the clock; "as busy" where the clock is unclear but the workers together kept no more cores busy than serial
    did; "too few" rounds for either; else "unclear". doubt: why the magnitude should not be believed, or None.
    Work that waits most of the time has no cpu_cost: what little CPU it uses decides nothing.
    """
    frame, nature = result.shown, character(result.frame)
    serial = where(frame, kind="serial")
    alone, general = serial.cores_busy.median(), None
    probes = frame[frame.cpu.notna()]
    costs = (probes.cpu_s / probes.tasks).groupby(probes.cpu).median()
    unlike = costs.max() / costs.min() if nature == "computes" and len(costs) and costs.min() else 1
    a, b = (where(serial, repeat=repeat).set_index("round").wall_s for repeat in "AB")
    control = abs((a / b).median() - 1)
    if nature == "starved":
        general = f"other programs, or a CPU limit, left even the serial runs only {alone:.2f} of a core"
    elif unlike > COST_LIMIT:
        general = f"the CPUs are not alike: one needed {unlike:.2f} times the CPU time of another for a task"
    elif control > CONTROL_LIMIT:
        general = f"serial against serial differed by {control:.0%}"
    lines = []
    for (kind, workers), rows in frame[frame.kind != "serial"].groupby(["kind", "workers"], sort=False):
        low, high, coverage = interval(rows.speedup)
        busy, cost = rows.cores_busy.median(), rows.cpu_cost.astype(float).median()
        cost = None if nature == "waits" or math.isnan(cost) else cost
        direction = _direction(low, high, coverage, busy / alone if nature in ("computes", "mixed") else None)
        doubt = general
        if nature != "starved" and cost and not 1 / COST_LIMIT < cost < COST_LIMIT and direction != "slower":
            doubt = f"each task cost {cost:.2f} times the CPU time it costs alone"
        line = {"kind": kind, "workers": workers, "rounds": len(rows), "speedup": rows.speedup.median(), "low": low}
        line |= {"high": high, "cores_busy": busy, "cpu_cost": cost, "direction": direction, "doubt": doubt}
        lines.append(line)
    lines.sort(key=lambda line: (list(kit.LOOKS).index(line["kind"]), line["workers"]))
    return pandas.DataFrame(lines).astype({"cpu_cost": object, "doubt": object})


def _direction(low, high, coverage, busier):
    if coverage < 0.9:
        return "too few"
    if NO_GAIN[0] <= low and high <= NO_GAIN[1]:
        return "no gain"
    if low > 1 or high < 1:
        return "faster" if low > 1 else "slower"
    return "as busy" if busier is not None and busier <= NO_GAIN[1] else "unclear"


@once
def phases(result: Result) -> pandas.DataFrame:
    """Medians of every variant, serial first: setup_s, teardown_s, and wall_s of as many tasks as any variant had."""
    rows = result.shown[result.shown.cpu.isna()]
    rows = rows.assign(wall_s=rows.wall_s * rows.tasks.max() / rows.tasks)
    medians = rows.groupby(["kind", "workers"])[[*PHASES, "speedup", "cores_busy"]].median().reset_index()
    medians = medians.sort_values("kind", key=lambda kinds: kinds.map(list(kit.LOOKS).index), kind="stable")
    return medians.assign(name=list(map(words.name, medians.kind, medians.workers)))


def held_up(result):
    """Whether even processes, which have no GIL in common, got no second CPU although there are several.

    A task of the student's own may hold a lock that all processes want: of that nothing is said.
    """
    if result.machine["usable_cpus"] == 1 or result.params["task"] not in tasks.TASKS:
        return False
    if character(result.frame) != "computes":
        return False
    found = summary(result)
    return bool((~found.kind.isin(["threads", "asyncio"]) & (found.workers > 1) & (found.cores_busy <= BUSY)).any())


def waits(result):
    return character(result.frame) == "waits"
