"""Work done, CPU time and switches of threads that compute, against the switch interval."""

import pandas

from ...drawing import kit, words
from ...engine.result import Result, once
from ...engine.stats import paired, where
from ..pingpong.chart import us

NEEDS_TWO_CPUS = True
PANELS = {  # column: what its axis says, and how a figure is said
    "throughput": ("work done\n(serial = 1)", "{:.2f}× the work of serial in the same time"),
    "cpu_cost": ("CPU time\n(serial = 1)", "{:.2f}× its CPU time"),
    "switches_per_s": ("switches\na second", "{:,.0f} switches a second"),
}


@once
def against_serial(result: Result) -> pandas.DataFrame:
    """The threads against the serial run of as much work in the same round.

    round, workers, interval_us, throughput (serial wall_s / wall_s), cpu_cost (cpu_s / serial cpu_s), cores_busy
    (cpu_s / wall_s), switches_per_s (of all threads together, voluntary and involuntary); NaN where not counted.
    """
    serial = where(result.frame, kind="serial")[["round", "workers", "wall_s", "cpu_s"]]
    rows = where(result.frame, kind="threads").merge(serial, on=["round", "workers"], suffixes=("", "_serial"))
    rows = rows.astype({"voluntary_switches": float, "involuntary_switches": float})
    rows["throughput"] = rows.wall_s_serial / rows.wall_s
    rows["cpu_cost"] = rows.cpu_s / rows.cpu_s_serial.where(rows.cpu_s_serial > 0)
    rows["cores_busy"] = rows.cpu_s / rows.wall_s
    rows["switches_per_s"] = (rows.voluntary_switches + rows.involuntary_switches) / rows.wall_s
    return rows[["round", "workers", "interval_us", *PANELS, "cores_busy"]]


@once
def summary(result: Result) -> pandas.DataFrame:
    """The medians of `against_serial` for each number of threads, from the longest interval to the shortest."""
    lines = against_serial(result).drop(columns="round").groupby(["workers", "interval_us"]).median().reset_index()
    return lines.sort_values(["workers", "interval_us"], ascending=[True, False], ignore_index=True)


def plot_interval(result: Result, column: str, ax) -> None:
    """`throughput`, `cpu_cost` or `switches_per_s` of threads that compute, against the switch interval."""
    places = {interval: place for place, interval in enumerate(sorted(result.params["intervals_us"], reverse=True))}
    rows, lines, look = against_serial(result), summary(result), kit.LOOKS["threads"]
    ax.plot(rows.interval_us.map(places), rows[column], **look, **kit.FAINT)
    for number, (workers, each) in enumerate(lines.groupby("workers")):
        how = kit.STRONG | {"linestyle": ("-", "--", ":", "-.")[number % 4], "label": words.name("threads", workers)}
        ax.plot(each.interval_us.map(places), each[column], **look, **how)
    if column != "switches_per_s":
        ax.axhline(1, **kit.REFERENCE)
        ax.set_ylim(0, max(1.2, 1.05 * ax.get_ylim()[1]))
    elif lines[column].notna().any():
        kit.log(ax, "y", "{:,.0f}".format)
    else:
        ax.text(0.5, 0.5, "not counted on this system", ha="center", transform=ax.transAxes)
    kit.columns(ax, list(map(us, places)))
    ax.set_ylabel(PANELS[column][0])


def interval_chart(result: Result, bet):
    """Work done, CPU time and switches above each other."""
    axes = kit.figure(5.4).subplots(len(PANELS), 1, sharex=True)
    for ax, column in zip(axes, PANELS, strict=True):
        plot_interval(result, column, ax)
    kit.legend(axes[0], 4)
    ax.set_xlabel("switch interval of threads that compute")
    parts = "; ".join(_said(line) for line in summary(result).to_dict("records"))
    alt = f"Threads that compute against the switch interval, medians. {parts}."
    return ax.figure, alt, interval_sentence(result)


def interval_sentence(result: Result) -> str:
    """The shortest interval against the longest, with the most threads: work done, CPU time and switches."""
    ends = where(summary(result), workers=max(result.params["workers"])).iloc[[0, -1]]
    longest, shortest = ends[["workers", "interval_us"]].to_dict("records")
    parts = list(dict.fromkeys(map(_said, ends.to_dict("records"))))
    whats = {"throughput": "work was done in the same time", "cpu_cost": "CPU time was used"}
    for column, what in whats.items() if shortest != longest else ():
        ratio, verdict = paired(against_serial(result), column, shortest, longest)
        told = f"at the short interval {verdict} {what}, {words.times(ratio or 1)}"
        unclear = f"whether more or less {what} at the short interval, these rounds do not tell"
        parts.append(unclear if verdict == "unclear" else told)
    if (busy := ends.cores_busy.iloc[0]) < 0.8:  # threads that compute keep one core busy between them
        left = f"other programs, or a CPU limit, left these threads {busy:.2f} of a core"
        parts.append(f"{left}: measure again when it is quiet")
    return words.sentence(*parts, *result.frame.reason.dropna().unique())


def _said(line):
    """A line of the summary, less what was not counted."""
    counts = [form.format(line[column]) for column, (_, form) in PANELS.items() if pandas.notna(line[column])]
    return f"{words.name('threads', line['workers'])} at {us(line['interval_us'])}: {', '.join(counts)}"
