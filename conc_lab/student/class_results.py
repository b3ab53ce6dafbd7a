"""A class's saved results together: what could be read, what was refused and why, and two charts over all of it.

Comes from the files that students save; goes to an instructor's page, so every text of a file is escaped there.
"""

import html
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pandas

from ..drawing import kit, words
from ..drawing.picture import Picture, drawn
from ..engine.errors import LabError
from ..engine.result import ODD, Result, load
from ..experiments.speedup.summary import summary as speedups
from ..experiments.startup.chart import summary as startups

LONGEST = 20  # characters of a file's text that a label of a chart may have
TIMES = (1e-6, 1e6)  # as fast, or as long: no run comes near, and a chart can still be drawn
LIMITS = {"cpus": (1, 4096), "workers": (1, 256), "value": TIMES, "low": TIMES, "high": TIMES}
COLUMNS = ["file", "experiment", "cpus", "system", "python", "case", "kind", *list(LIMITS)[1:], "doubt"]
AXES = {"speedup": "times as fast as serial", "startup": "times a thread's start"}


@dataclass(frozen=True)
class Gathered:
    """`results` by file name, and `refused`: the reason, by file name. Last in a cell it shows both and the charts.

    frame: a pandas DataFrame, one row for each figure of each file: file, experiment, cpus, system, python, case (the
    task, or what the main file imports), kind, workers, value (speedup: times as fast as serial; startup: times as
    long as a thread) with its range low to high, doubt (why the size should not be believed, or None).
    """

    results: dict[str, Result]
    refused: dict[str, str]
    frame: pandas.DataFrame

    def chart(self, experiment: str) -> Picture:
        """A picture of "speedup" or "startup" over the class, by CPUs and system; LabError where no file has it."""
        frame = self.frame[self.frame.experiment == experiment]
        if frame.empty:
            raise LabError(f"none of these results is of {experiment!r}: save one from its panel, or with --save")
        return drawn(_chart, experiment, frame)

    def _repr_html_(self):
        counts = pandas.Series([result.experiment for result in self.results.values()]).value_counts(sort=False)
        kept = ", ".join(f"{number} of {name}" for name, number in counts.items())
        page = f"<p>{len(self.results)} results{kept and f': {kept}'}.</p>"
        if self.refused:
            lines = (f"<li><b>{html.escape(name)}</b>: {html.escape(why)}</li>" for name, why in self.refused.items())
            page += f"<p>{len(self.refused)} refused:</p><ul>{''.join(lines)}</ul>"
        page += "".join(self.chart(name)._repr_html_() for name in AXES if name in set(self.frame.experiment))
        return page.encode(errors="replace").decode()  # a file may hold, or be called by, half a character

    def __repr__(self):
        lines = [f"{len(self.results)} results, {len(self.refused)} refused"]
        return "\n".join([*lines, *(f"{name}: {reason}" for name, reason in self.refused.items())])


def gather(folder: str | Path) -> Gathered:
    """Read every .json file in the folder and the folders in it.

    A file that is broken, is not a result, or is the same as another is refused by name. Raises LabError where
    there is no such folder, or no .json file in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise LabError(f"{folder} is not a folder: give the one that holds the class's saved results")
    paths = sorted(folder.rglob("*.json"))
    if not paths:
        raise LabError(f"there is no .json file in {folder}: results are saved from a panel, or with --save")
    results, refused, rows = {}, {}, []
    for path in paths:
        name = path.relative_to(folder).as_posix()
        try:
            result = load(path)
            if twin := next((other for other, known in results.items() if known == result), None):
                raise LabError(f"it is the same result as {twin}")
            rows += _figures(name, result) if result.experiment in AXES else []
            results[name] = result
        except LabError as error:
            refused[name] = str(error)
    return Gathered(results, refused, pandas.DataFrame(rows, columns=COLUMNS))


def _figures(name, result):
    """The rows that a result adds to the frame; LabError where they are not those of a run."""
    try:
        if result.experiment == "speedup":
            lines = speedups(result).assign(case=result.params["task"]).rename(columns={"speedup": "value"})
        else:
            lines = startups(result).query("kind != 'threads' and not cold and against_thread.notna()")
            lines = lines.rename(columns={"main_imports": "case", "against_thread": "value"}).assign(doubt=None)
    except ODD as error:
        reason = textwrap.shorten(f"{type(error).__name__}: {error}", 100)
        raise LabError(f"its rows are not those of a whole {result.experiment} run ({reason})") from error
    facts = {"cpus": result.machine["usable_cpus"]} | {key: result.machine[key] for key in ("system", "python")}
    lines = lines.assign(file=name, experiment=result.experiment, **facts)[COLUMNS]
    for column, limits in LIMITS.items():
        if not lines[column].between(*limits).all():
            raise LabError(f"its {column} must be from {limits[0]:g} to {limits[1]:g}")
    texts = {column: lines[column].map(_short) for column in ("system", "python", "case")}
    return lines.assign(**texts).to_dict("records")


def _short(text):
    """What a label has room for, of a text that may be anything."""
    return "".join(character if character.isprintable() else "?" for character in str(text)[:LONGEST])


def plot_gathered(experiment: str, shown: pandas.DataFrame, ax) -> None:
    """One line for each number of CPUs and system, a marker for each kind: every file faint, the median strong."""
    groups = {group: place for place, group in enumerate(shown.group.unique())}
    for index, (kind, rows) in enumerate(shown.groupby("kind", sort=False)):
        places = rows.group.map(groups) + 0.5 * ((index + 0.5) / shown.kind.nunique() - 0.5)
        medians = rows.groupby(places).value.median()
        ax.plot(rows.value, places, **kit.LOOKS[kind], **kit.FAINT)
        ax.plot(medians, medians.index, **kit.LOOKS[kind], linestyle="", markersize=10, label=kind)
    kit.legend(ax, 4)
    kit.names(ax, groups)
    if experiment == "startup":
        kit.log(ax, "x", lambda value: f"{value:,g}×")
    else:
        ax.axvline(1, **kit.REFERENCE, zorder=0)
        ax.set_xlim(left=0)
        ax.grid(axis="x", alpha=0.3)


def _chart(experiment, frame):
    """One case: the task (or import) and the number of workers, of several where there are, that most files have."""
    several = frame[(frame.workers > 1) | (experiment == "startup")]
    frame = frame if several.empty else several
    case, workers = frame.groupby(["case", "workers"]).file.nunique().idxmax()
    shown = frame[(frame.case == case) & (frame.workers == workers)].sort_values(["cpus", "system"], kind="stable")
    shown = shown.assign(group=shown.cpus.map(lambda cpus: words.count(cpus, "CPU")) + ", " + shown.system)
    parts = []
    for group, rows in shown.groupby("group", sort=False):
        kinds = rows.groupby("kind", sort=False).agg(value=("value", "median"), files=("file", "nunique")).itertuples()
        medians = (f"{item.Index} {words.times(item.value)} ({words.count(item.files, 'file')})" for item in kinds)
        parts.append(f"{group}: {', '.join(medians)}")
    figure = kit.figure(1.6 + 0.6 * len(parts))
    ax = figure.add_subplot()
    plot_gathered(experiment, shown, ax)
    what = f"{words.count(workers, 'worker')}, {case if experiment == 'speedup' else f'main file imports {case}'}"
    ax.set_xlabel(f"{AXES[experiment]} ({what})")
    sentence = words.sentence(f"{shown.file.nunique()} files of this case, medians: {'; '.join(parts)}")
    if doubted := shown[shown.doubt.notna()].file.nunique():
        why = "the CPUs slowed down or were unlike, or other programs ran"
        sentence += f" In {doubted} of them the size is in doubt: {why}."
    return figure, f"Median {AXES[experiment]}, {what}. {'; '.join(parts)}.", sentence
