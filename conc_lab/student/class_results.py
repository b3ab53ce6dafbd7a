"""A class's saved results together: what could be read, what was refused and why, and two charts over all of it.

Comes from the files that students save; goes to an instructor's page, so every text of a file is escaped there.
"""

import html
import textwrap
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..engine import experiment as experiments
from ..engine.errors import LabError
from ..experiments.speedup import measure as speedup
from ..experiments.startup import measure as startup
from ..engine.result import ODD, Result, load

LONGEST = 20  # characters of a file's text that a label of a chart may have
MOST = {"cpus": 4096, "workers": 256}
TIMES = (1e-6, 1e6)  # as fast, or as long: no run comes near, and a chart can still be drawn


@dataclass(frozen=True)
class Gathered:
    """`results` by file name, and `refused`: the reason, by file name. Last in a cell it shows both and the charts."""

    results: dict[str, Result]
    refused: dict[str, str]

    @cached_property
    def frame(self):
        """A pandas DataFrame: one row for each figure of each file, `value` with its range `low` to `high`.

        file, experiment, cpus, system, python, case, worker, workers, value (speedup: times as fast as serial;
        startup: times as long as a thread), low, high, doubt (why the size should not be believed, or None).
        """
        import pandas

        columns = ["file", "experiment", "cpus", "system", "python", "case", "worker", "workers"]
        rows = [row for name, result in self.results.items() for row in _figures(name, result)]
        return pandas.DataFrame(rows, columns=[*columns, "value", "low", "high", "doubt"])

    def chart(self, experiment: str):
        """A `Picture` of "speedup" or "startup" over the class, by CPUs and system; LabError where no file has it."""
        from .class_results_chart import picture

        frame = self.frame[self.frame.experiment == experiment]
        if frame.empty:
            raise LabError(f"none of these results is of {experiment!r}: save one from its panel, or with --save")
        return picture(experiment, frame)

    def _repr_html_(self):
        counts = Counter(result.experiment for result in self.results.values())
        kept = ", ".join(f"{number} of {name}" for name, number in counts.items())
        words = [f"<p>{len(self.results)} results{': ' * bool(kept)}{html.escape(kept)}.</p>"]
        if self.refused:
            lines = (
                f"<li><b>{html.escape(name)}</b>: {html.escape(reason)}</li>" for name, reason in self.refused.items()
            )
            words.append(f"<p>{len(self.refused)} refused:</p><ul>{''.join(lines)}</ul>")
        drawn = [name for name in ("speedup", "startup") if (self.frame.experiment == name).any()]
        page = "".join(words) + "".join(self.chart(name)._repr_html_() for name in drawn)
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
    results, refused = {}, {}
    for path in paths:
        name = path.relative_to(folder).as_posix()
        try:
            result = load(path)
            _figures(name, result)
        except LabError as error:
            refused[name] = str(error)
            continue
        twin = next((other for other, kept in results.items() if kept == result), None)
        if twin:
            refused[name] = f"it is the same result as {twin}"
        else:
            results[name] = result
    return Gathered(results, refused)


def _figures(name, result):
    """The rows that a result adds to the frame; LabError where its own facts or rows are not those of a run."""
    if result.experiment not in experiments.NAMES:
        raise LabError(f"this conc_lab has no experiment {_short(result.experiment)!r}")
    try:
        facts = {
            "file": name,
            "experiment": result.experiment,
            "cpus": result.machine["usable_cpus"],
            "system": _short(result.machine["system"]),
            "python": _short(result.machine["python"]),
        }
        found = [facts | figure for figure in FIGURES.get(result.experiment, lambda result: [])(result)]
        for row in [facts, *found]:
            for column in MOST.keys() & row.keys():
                if type(row[column]) is not int or not 1 <= row[column] <= MOST[column]:
                    raise ValueError(f"{column} must be from 1 to {MOST[column]}, got {row[column]!r}")
        for row in found:
            for column in ("value", "low", "high"):
                if type(row[column]) not in (int, float) or not TIMES[0] <= row[column] <= TIMES[1]:
                    raise ValueError(f"a figure must be from {TIMES[0]:g} to {TIMES[1]:g} times, got {row[column]!r}")
    except ODD as error:
        reason = textwrap.shorten(f"{type(error).__name__}: {error}", 100)
        raise LabError(f"its rows or facts are not those of a {result.experiment} run ({reason})") from error
    return found


def _short(text):
    """What a label has room for, of a text that may be anything."""
    return "".join(character if character.isprintable() else "?" for character in str(text)[:LONGEST])


def _speedups(result):
    for item in speedup.conclusions(result.rows):
        yield {
            "case": _short(result.params["task"]),
            "worker": item["kind"],
            "value": item["speedup"],
        } | {key: item[key] for key in ("workers", "low", "high", "doubt")}


def _startups(result):
    for item in startup.costs(result.rows):
        if item["against_thread"] is not None and item["way"] != "thread" and not item["cold"]:
            yield {
                "case": _short(item["main_imports"]),
                "worker": item["way"],
                "value": item["against_thread"],
                "doubt": None,
            } | {key: item[key] for key in ("workers", "low", "high")}


FIGURES = {"speedup": _speedups, "startup": _startups}
