"""What the rows of a speedup come to: a line for each variant, with its direction and what speaks against its size."""

import math

import numpy
import pandas

from ...drawing import kit
from ...engine import tasks
from ...engine.result import Result, once
from ...engine.stats import character, interval, where

NO_GAIN = (0.9, 1.1)
BUSY = 1.2  # cores busy, above which more than one is
COST_LIMIT = 1.15  # above this CPU cost the hardware, not the kind of worker, sets the speedup
CONTROL_LIMIT = 0.05  # serial against serial may differ by this much


@once
def summary(result: Result) -> pandas.DataFrame:
    """What the rows allow to be said, a line for each kind and number of workers.

    kind, workers, rounds; speedup (median of the paired ratios: what was experienced), low, high, coverage (its
    `interval`); cores_busy and cpu_cost (medians); direction: "faster", "slower" or "no gain" (the interval lies
    within 10 % of 1) by the clock; "as busy" where the clock is unclear but the workers together kept no more cores
    busy than serial did; "too few" rounds for either; else "unclear". doubt: why the magnitude should not be
    believed, or None. Work that waits most of the time has no cpu_cost (NaN): what little CPU it uses decides nothing.
    """
    nature = character(result.frame)
    frame = result.shown.assign(cpu_cost=math.nan if nature == "waits" else result.frame.cpu_cost.astype(float))
    variants = by_variant(frame[frame.kind != "serial"])
    lines = variants[["speedup", "cores_busy", "cpu_cost"]].median().assign(rounds=variants.size())
    lines[["low", "high", "coverage"]] = variants.speedup.apply(interval).tolist()
    alone = where(frame, kind="serial").cores_busy.median()
    directions = {  # the first that is so
        "too few": lines.coverage < 0.9,
        "no gain": (lines.low >= NO_GAIN[0]) & (lines.high <= NO_GAIN[1]),
        "faster": lines.low > 1,
        "slower": lines.high < 1,
        "as busy": (nature in ("computes", "mixed")) & (lines.cores_busy / (alone or 1) <= NO_GAIN[1]),
    }
    lines["direction"] = numpy.select([*directions.values()], [*directions], "unclear")
    cost = lines.cpu_cost.where((lines.cpu_cost > 0) & (lines.direction != "slower") & (nature != "starved"), 1)
    own = "each task cost {:.2f} times the CPU time it costs alone".format
    general = _doubt(frame, nature, alone)
    doubts = [general if 1 / COST_LIMIT < value < COST_LIMIT else own(value) for value in cost]
    return lines.assign(doubt=pandas.Series(doubts, lines.index, object)).reset_index()


def by_variant(rows):
    """The rows by kind of worker, in the order of the charts, and number of workers."""
    order = {"kind": [*kit.LOOKS].index, "workers": int}
    return rows.sort_values([*order], key=lambda column: column.map(order[column.name])).groupby([*order], sort=False)


def _doubt(frame, nature, alone):
    """What speaks against the size of every speedup, or None."""
    probes = frame[frame.cpu.notna()]
    costs = (probes.cpu_s / probes.tasks).groupby(probes.cpu).median()
    unlike = costs.max() / costs.min() if nature == "computes" and costs.min() else 1
    a, b = (where(frame, repeat=repeat).set_index("round").wall_s for repeat in "AB")
    if nature == "starved":
        return f"other programs, or a CPU limit, left even the serial runs only {alone:.2f} of a core"
    if unlike > COST_LIMIT:
        return f"the CPUs are not alike: one needed {unlike:.2f} times the CPU time of another for a task"
    control = abs((a / b).median() - 1)
    return f"serial against serial differed by {control:.0%}" if control > CONTROL_LIMIT else None


def held_up(result):
    """Whether even processes, which have no GIL in common, got no second CPU although there are several.

    A task of the student's own may hold a lock that all processes want: of that nothing is said.
    """
    if result.machine["usable_cpus"] == 1 or result.params["task"] not in tasks.TASKS:
        return False
    idle = "kind not in ['threads', 'asyncio'] and workers > 1 and cores_busy <= @BUSY"
    return character(result.frame) == "computes" and not summary(result).query(idle).empty
