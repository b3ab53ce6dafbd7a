"""One figure of every file of a class: a line for each number of CPUs and system, a marker for each kind of worker."""

import statistics

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from ..drawing import kit as style
from ..drawing.picture import Picture, drawn

AXES = {"speedup": "times as fast as serial", "startup": "times a thread's start"}


def picture(experiment: str, frame) -> Picture:
    """The picture of the rows of one experiment, as `Gathered.frame` has them.

    Only one case is drawn: the task (or import) and the number of workers that most files have.
    """
    return drawn(_chart, experiment, frame)


def plot_gathered(frame, ax, log=False):
    """One line of the chart for each number of CPUs and system: every file faint, the median strong."""
    groups, workers = _groups(frame), list(dict.fromkeys(frame.worker))
    for index, worker in enumerate(workers):
        look = style.STYLES.get(worker) or style.STYLES["serial"]
        beside = 0.5 * ((index + 0.5) / len(workers) - 0.5)
        for place, mine in enumerate(groups.values()):
            values = list(mine[mine.worker == worker].value)
            if values:
                at = {"color": look["color"], "marker": look["marker"], "linestyle": ""}
                label = worker if worker not in ax.get_legend_handles_labels()[1] else None
                ax.plot(values, [place + beside] * len(values), **at, alpha=0.3, markersize=5)
                ax.plot(statistics.median(values), place + beside, **at, markersize=10, label=label)
    ax.set_yticks(range(len(groups)), groups)
    ax.set_ylim(len(groups) - 0.4, -0.6)
    if log:
        ax.set_xscale("log")
        ax.set_xlim(1, 2 * frame.value.max())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        ax.xaxis.set_minor_formatter(NullFormatter())
    else:
        ax.axvline(1, color="#555555", linestyle="--", linewidth=1)
        ax.set_xlim(left=0)
    ax.grid(axis="x", alpha=0.3)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False, fontsize=10)
    return ax


def _chart(experiment, frame):
    several = frame[frame.workers > 1] if experiment == "speedup" and (frame.workers > 1).any() else frame
    files = several.groupby(["case", "workers"]).file.nunique()
    case, workers = files.idxmax()
    shown = several[(several.case == case) & (several.workers == workers)]
    figure = Figure(figsize=(7.2, 1.6 + 0.6 * len(_groups(shown))), layout="constrained")
    ax = plot_gathered(shown, figure.add_subplot(), log=experiment == "startup")
    together = f"{workers} worker{'s' if workers > 1 else ''}"
    what = case if experiment == "speedup" else f"main file imports {case}"
    ax.set_xlabel(f"{AXES[experiment]} ({together}, {what})")
    parts = [
        f"{group}: "
        + ", ".join(
            f"{worker} {style.times(mine[mine.worker == worker].value.median())} "
            f"({style.count(mine[mine.worker == worker].file.nunique(), 'file')})"
            for worker in dict.fromkeys(mine.worker)
        )
        for group, mine in _groups(shown).items()
    ]
    alt = f"Median {AXES[experiment]}, {together}, {what}. {'; '.join(parts)}."
    doubted = shown[shown.doubt.notna()].file.nunique()
    words = style.sentence(f"{shown.file.nunique()} files of this case, medians: {'; '.join(parts)}")
    if doubted:
        words += (
            f" In {doubted} of them the size is in doubt: the CPUs slowed down or were unlike, or other programs ran."
        )
    return figure, alt, words


def _groups(frame):
    """{label: the frame's rows} for each number of CPUs and system, few CPUs first."""
    return {
        f"{style.count(cpus, 'CPU')}, {system}": mine
        for (cpus, system), mine in frame.groupby(["cpus", "system"], sort=True)
    }
