"""What a job with a serial part gained from more workers, against Amdahl's limit for that part."""

import numpy

from ...drawing import kit, words
from ...engine.result import once
from ...engine.stats import at_once, character, where
from ...modelling.laws import amdahl
from ..speedup.chart import COST_LIMIT, medians

NEEDS_TWO_CPUS = True  # with one, a recording is shown next to it
LABELS = {"speedup": "speedup of the job\n(serial = 1)", "cores_busy": "cores\nbusy"}


@once
def summary(result):
    """A DataFrame with a line for each kind, number of workers and serial part of the job.

    kind, workers, percent (of the tasks, as they were dealt out); speedup, low, high (median and `interval` of the
    paired ratios), bound (by Amdahl's law), cores_busy and cpu_cost (medians), name and figure.
    """
    rows = result.shown.assign(percent=100 * result.frame.alone / result.frame.tasks)
    lines = medians(result, rows, ["kind", "workers", "percent"]).drop(columns="rounds")
    lines["bound"] = amdahl(numpy.minimum(lines.workers, at_once(result)), lines.percent / 100)
    lines["name"] = [f"{words.name(one.kind, one.workers)}, {one.percent:g}% serial" for one in lines.itertuples()]
    return lines.assign(figure=lines.speedup.map(words.times))


def scaling_chart(result, bet):
    """Speedup, and cores busy where the task computes, against the serial part; with Amdahl's limit for each number."""
    lines, waits = summary(result), character(result.frame) == "waits"
    variants, runs = lines.groupby(["kind", "workers"], sort=False), result.shown[result.frame.kind != "serial"]
    best = variants.get_group(tuple(lines.loc[lines.speedup.idxmax(), ["kind", "workers"]]))
    title = _said(best, waits).partition(". ")[0].replace(" were", ":").replace(" as fast as serial", "")
    axes = kit.stacked(3.6 if waits else 5, title, (3,) if waits else (3, 2))
    for column, ax in zip(LABELS, axes, strict=False):
        percent = numpy.linspace(0, 100, 101)
        for number in sorted({*numpy.minimum(lines.workers, at_once(result))}):
            ax.plot(percent, amdahl(number, percent / 100), **kit.REFERENCE, label="Amdahl's limit")
        for (kind, workers), line in variants:
            own, look = where(runs, kind=kind, workers=workers), kit.LOOKS[kind]
            ax.plot(100 * own.alone / own.tasks, own[column], **look | kit.SMALL)
            ax.plot(line.percent, line[column], **look, **kit.STRONG, linestyle="", label=words.label(kind, result))
            at = line[["percent", column]].iloc[0]
            ax.annotate(workers, at, (8, 3), textcoords="offset points", color=look["color"], fontsize=10)
        ax.set(ylabel=LABELS[column], ylim=(0, 1.1 * ax.get_ylim()[1]), xlim=(-3, 103))
        ax.grid(True, axis="y")
    handles = {line.get_label(): line for line in axes[0].lines if line.get_label()[0] != "_"}
    axes[0].legend(handles.values(), handles, ncols=3, **kit.LEGEND)
    axes[-1].set_xlabel("percent of the job that one worker does alone")
    told = [_said(line, waits) for _, line in variants]
    each = [f"{one.name} {words.between(one.low, one.speedup, one.high, words.times)}" for one in lines.itertuples()]
    alt = f"Speedup of a job by its serial part, {result.params['task']} in {words.rounds(result)}: {'; '.join(each)}. "
    return axes[0].figure, alt + words.sentence(*told), words.sentence(*told, *_doubts(result, lines, waits))


def _said(line, waits):
    """What one kind and number of workers reached at each serial part, next to the bounds."""

    def each(values, say=words.times):
        return words.listed(list(map(say, values)))

    (kind,), (workers,) = line.kind.unique(), line.workers.unique()
    said = f"{words.name(kind, workers)} were {each(line.speedup)} as fast as serial"
    busy = "" if waits else f". They kept {each(line.cores_busy, '{:.2f}'.format)} cores busy"
    parts = f"with {each(line.percent, '{:g}%'.format)} of the job serial"
    return f"{said} {parts}{busy}. Amdahl's law allows {each(line.bound)}"


def _doubts(result, lines, waits):
    """Why these figures may be other than the law's."""
    alone = where(result.frame, kind="serial").cores_busy.median()
    if character(result.frame) == "starved":
        yield f"even serial got only {alone:.2f} of a core, because of other programs or a CPU limit"
    if (dear := lines.cpu_cost.max()) > COST_LIMIT:
        yield f"a task took up to {dear:.2f} times the CPU time that it takes alone. The law doesn't know about that"
    if (differ := ((lines.high - lines.low) / lines.speedup).max()) > 0.1:
        yield f"the rounds differ by up to {differ:.0%}{'' if waits else ': cores busy is the steadier figure'}"
