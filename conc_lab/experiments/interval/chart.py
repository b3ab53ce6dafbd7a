"""Speedup, CPU cost and switches of threads that compute, against the switch interval."""

import pandas

from ...drawing import kit, words
from ...engine.stats import spread, where
from ..pingpong.chart import compared, us

NEEDS_TWO_CPUS = True
PANELS = dict(throughput="speedup (serial = 1)", cpu_cost="CPU cost (serial = 1)", switches_per_s="switches a second")


def against_serial(result) -> pandas.DataFrame:
    """The rows of threads, each against the serial run of as much work in the same round.

    throughput (serial wall_s / wall_s), cpu_cost (cpu_s / serial cpu_s), switches_per_s (of all threads together,
    voluntary and involuntary); NaN where not counted.
    """
    serial = where(result.frame, kind="serial")[["round", "workers", "wall_s", "cpu_s"]]
    rows = where(result.frame, kind="threads").merge(serial, on=["round", "workers"], suffixes=("", "_serial"))
    switches = rows[["voluntary_switches", "involuntary_switches"]].astype(float).sum(axis=1, skipna=False)
    rows["throughput"] = rows.wall_s_serial / rows.wall_s
    rows["cpu_cost"] = rows.cpu_s / rows.cpu_s_serial.where(rows.cpu_s_serial > 0)
    return rows.assign(switches_per_s=switches / rows.wall_s)


def summary(result) -> pandas.DataFrame:
    """A line for each quantity, number of threads and interval, from the longest: median, low, high, name, figure.

    A quantity that was not counted has no lines.
    """
    rows = against_serial(result).sort_values(["workers", "interval_us"], ascending=[True, False])
    panels = {PANELS[quantity]: spread(rows, quantity, "kind", "workers", "interval_us") for quantity in PANELS}
    lines = pandas.concat(panels, names=["panel", None]).reset_index("panel").reset_index(drop=True)
    names = [f"{words.name(line.kind, line.workers)} at {us(line.interval_us)}" for line in lines.itertuples()]
    return lines.assign(name=names, figure=list(map(words.between, lines.low, lines["median"], lines.high)))


def interval_chart(result, bet):
    """Bars of speedup, CPU cost and switches above each other.

    The sentence compares the shortest interval with the longest, with the most threads: speed and CPU cost.
    """
    lines, what = summary(result).assign(hatched=0), "threads that compute, by switch interval: medians"
    intervals, most = result.params["intervals_us"], max(result.params["workers"])
    ends = [{"workers": most, "interval_us": end} for end in (min(intervals), max(intervals))]
    work, cpu = (compared(against_serial(result), column, *ends) for column in ("throughput", "cpu_cost"))
    told = f"{lines.name.iloc[-1]} instead of {us(max(intervals))}: speed {work}, CPU cost {cpu}"
    if len(intervals) == 1:
        told = "one interval has nothing to compare with: measure two or more"
    sentence = words.sentence(told, *result.frame.reason.dropna().unique())
    return *kit.bars(lines, "panel", "median", "hatched", what, told), sentence
