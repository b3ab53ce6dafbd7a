"""What the rows of a speedup come to: a line for each variant, with its direction and what speaks against its size."""

import math

import numpy
import pandas

from ...drawing import kit, words
from ...engine.result import Result, once
from ...engine.stats import character, interval, where

NO_GAIN = (0.9, 1.1)
BUSY = 1.2  # cores busy, above which more than one is
COST_LIMIT = 1.15  # above this CPU cost the hardware, not the kind of worker, sets the speedup
CONTROL_LIMIT = 0.05  # serial against serial may differ by this much


@once
def summary(result: Result) -> pandas.DataFrame:
    """What the rows allow to be said, a line for each kind and number of workers.

    kind, workers, name, rounds; speedup (median of the paired ratios: what was experienced), low, high, coverage (its
    `interval`); cores_busy and cpu_cost (medians); direction: "faster", "slower" or "no gain" (the interval lies
    within 10 % of 1) by the clock; "as busy" where the clock is unclear but the workers together kept no more cores
    busy than serial did; "too few" rounds for either; else "unclear". doubt: why the magnitude should not be
    believed, or None. Work that waits most of the time has no cpu_cost (NaN) and no doubt: what little CPU it uses
    decides nothing.
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
    lines = lines.assign(direction=numpy.select([*directions.values()], [*directions], "unclear")).reset_index()
    doubts = [_doubt(result, nature, alone, line) for line in lines.itertuples()]
    names = list(map(words.name, lines.kind, lines.workers))
    return lines.assign(name=names, doubt=pandas.Series(doubts, dtype=object))


def by_variant(rows):
    """The rows by kind of worker, in the order of the charts, and number of workers."""
    order = {"kind": [*kit.LOOKS].index, "workers": int}
    return rows.sort_values([*order], key=lambda column: column.map(order[column.name])).groupby([*order], sort=False)


def _doubt(result, nature, alone, line):
    """What speaks against the size of this speedup, or None."""
    a, b = (where(result.frame, repeat=repeat).set_index("round").wall_s for repeat in "AB")
    control = abs((a / b).median() - 1)
    probes = result.frame[result.frame.cpu.notna()]
    costs = (probes.cpu_s / probes.tasks).groupby(probes.cpu).median()
    dear = line.cpu_cost > 0 and not 1 / COST_LIMIT < line.cpu_cost < COST_LIMIT and line.direction != "slower"
    usable = result.machine["usable_cpus"] if nature == "computes" else math.nan
    held_up = line.kind not in ("threads", "asyncio") and line.workers > 1 and line.cores_busy <= BUSY
    doubts = (
        (nature == "starved", f"other programs, or a CPU limit, left even the serial runs only {alone:.2f} of a core"),
        (usable == 1 and line.direction != "slower", "there is only one usable CPU"),
        (usable > 1 and held_up, "other programs, a CPU limit or a lock in the task kept them from a second CPU"),
        (
            nature == "computes" and costs.max() > COST_LIMIT * costs.min(),
            "the CPUs are unlike: one needs longer for a task",
        ),
        (dear, f"each task cost {line.cpu_cost:.2f} times the CPU time it costs alone"),
        (control > CONTROL_LIMIT and nature != "waits", f"serial against serial differed by {control:.0%}"),
    )
    return next((doubt for applies, doubt in doubts if applies), None)
