"""`lab.compare`: the same experiment under several Pythons, a panel for each, on one axis."""

import textwrap

import pandas

from ..drawing import kit, picture, words
from ..engine import experiment
from ..engine.errors import LabError
from ..engine.result import Result
from ..experiments.contention.chart import OF_ONE
from ..experiments.memory.chart import megabytes

# Of an experiment's summary: the column that is compared, what it is, how it is said, which lines, and their names.
FEWEST, LARGEST = "workers == workers.min()", "size_bytes == size_bytes.max()"
BARE = f"{FEWEST} and main_imports == 'nothing'"
COMPARED = {
    "contention": ("done", OF_ONE, words.times, "workers == @most", "{work}, {name}"),
    "memory": ("each_bytes", "MB that one more worker adds", megabytes, FEWEST, "{name}"),
    "speedup": ("speedup", "speedup (serial in the same Python = 1)", words.times, "workers == @most", "{name}"),
    "startup": ("answer_s", "time until the workers answered", words.duration, BARE, "{way}"),
    "transfer": ("handover_s", "time for the largest object", words.duration, LARGEST, "{channel} to {kind}"),
}
MOST = 4  # panels


def compare(*results: Result) -> picture.Picture:
    """A picture of several results of one experiment, measured or recorded: a panel for each Python, one axis for all.

    speedup and contention are compared with serial, or one thread, of the same Python; startup, memory and transfer by
    what they measure. Raises LabError for results that cannot be compared.
    """
    kinds = {(one.experiment, one.params.get("task")) if isinstance(one, Result) else ("", "") for one in results}
    if not 2 <= len(results) <= MOST or len(kinds) > 1 or kinds.pop()[0] not in COMPARED:
        raise LabError(
            f"lab.compare takes two to {MOST} results of one experiment and task, one of: {', '.join(COMPARED)}"
        )
    return picture.drawn(compare_chart, results)


def found(result: Result) -> pandas.DataFrame:
    """What is compared: kind, name, median, low and high of each line; of speedups the most workers with a CPU each."""
    column, _, say, which, name = COMPARED[result.experiment]
    workers, cpus = result.params.get("workers", [1]), max(2, result.machine["usable_cpus"])
    most = max([number for number in workers if number <= cpus] or workers)
    lines = experiment.part(result.experiment, "chart").summary(result).query(which, local_dict={"most": most})
    lines = lines.assign(name=[name.format(**line) for line in lines.to_dict("records")], median=lines[column])
    return lines if say is words.times else lines.assign(low=lines[column], high=lines[column])


def compare_chart(results):
    """The figure, its alt text and its sentence."""
    pythons, frames = [f"Python {words.python(result.machine)}" for result in results], list(map(found, results))
    _, label, say, *_ = COMPARED[results[0].experiment]
    lines = pandas.concat(frames)
    names = kit.ordered(lines.drop_duplicates("name"), ["kind"], kind=kit.LOOKS).name.tolist()
    far = bool(lines["median"].max() > 50 * lines["median"].min())  # then the axis has a line for each power of ten
    figure, told = kit.figure(1.4 + 0.36 * len(names), label + "; each line is ten times the one to its left" * far), []
    axes = figure.subplots(1, len(results), sharex=True, sharey=True)
    for ax, python, each in zip(axes, pythons, frames, strict=True):
        for line in each.itertuples():
            at, look = names.index(line.name), kit.LOOKS[line.kind]
            ax.plot([line.low, line.high], [at, at], color=look["color"], linewidth=1.5)
            ax.plot(line.median, at, **look, **kit.STRONG)
            ax.text(line.median, at - 0.22, say(line.median), ha="center", va="bottom", fontsize=9)
        ax.margins(x=0.2)
        ax.grid(True, axis="x")
        ax.set_title(textwrap.fill(python, 20), fontsize=10)
        told.append(f"{python}: {', '.join(each.name + ' ' + each['median'].map(say))}")
    kit.names(axes[0], names)
    if far:
        kit.log(axes[0], "x", "".format)  # the points have their figures
    else:
        axes[0].set_xlim(0, 1.15 * lines.high.max())
    return figure, f"Points, a panel for each Python: {label}. {'; '.join(told)}.", words.sentence(label, *told)
