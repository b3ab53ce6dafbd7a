"""A class's saved results together: what was read, what was refused and why, two charts over all of it, and the gain.

Comes from the files that students save; goes to an instructor's page, so every text of a file is escaped there.
"""

import html
import math
from collections import Counter
from pathlib import Path
from statistics import NormalDist

import pandas

from ..drawing import kit, words
from ..drawing.picture import Picture, drawn
from ..engine.errors import LabError
from ..engine.result import ODD, load
from ..engine.stats import spread, where
from ..experiments.speedup.chart import summary as speedups
from ..experiments.startup.chart import summary as startups
from . import inventory

COLUMNS = ["file", "experiment", "cpus", "system", "case", "kind", "workers", "value", "doubt"]
FEWEST = 5  # students: an interval of fewer says hardly more than that it is wide
AXES = {"speedup": "times as fast as serial: {}, {}", "startup": "times the threads' start: main file imports {}, {}"}


class Gathered:
    """Every .json file in a folder and the folders in it. Last in a cell it shows what was read, and the charts.

    results, inventories: what was saved, by file name; refused: why a file that is broken, is none of ours or is the
    same as another was left out. frame: a pandas DataFrame, one row for each figure of each file: file, experiment,
    cpus, system, case (the task, or what the main file imports), kind, workers, value (speedup: times as fast as
    serial, of two workers or more; startup: times as long as that many threads), doubt (why its size should not be
    believed, where anything is known). gain: of those who answered before and after in words, and a DataFrame for each
    question (see `gain`); None without any. Raises LabError where there is no such folder, or no .json file in it.
    """

    def __init__(self, folder: str | Path):
        paths = sorted(Path(folder).rglob("*.json"))
        if not paths:
            raise LabError(f"there is no .json file in {folder}: give the folder with the class's saved results")
        self.results, self.inventories, self.refused, students, rows = {}, {}, {}, {}, []
        for path in paths:
            name, answers = path.relative_to(folder).as_posix(), path.name.startswith(inventory.KEPT.stem)
            known = self.inventories if answers else self.results
            try:
                one = inventory.load(path) if answers else load(path)
                if twin := next((other for other, earlier in known.items() if earlier == one), None):
                    raise LabError(f"it is the same result as {twin}")
                if answers:
                    _match(students, name, one)
                elif one.experiment in AXES:
                    rows += _figures(name, one)
                known[name] = one
            except LabError as error:
                self.refused[name] = str(error)
            except ODD as error:
                self.refused[name] = f"its rows do not come from a complete {one.experiment} run ({error!r:.100})"
        both = [(one["before"], one["after"]) for one in students.values() if len(one) == 2]
        pairs = [(before, after) for before, after in both if before["handed_in"] < after["handed_in"]]
        self.frame, self.gain = pandas.DataFrame(rows, columns=COLUMNS), gain(pairs) if pairs else None

    def charts(self) -> dict[str, Picture]:
        """Pictures over the class by CPUs and system: "speedup" and "startup", those that a file has figures for."""
        return {name: drawn(_chart, AXES[name], lines) for name, lines in self.frame.groupby("experiment")}

    def _repr_html_(self):
        pictures = "".join(chart._repr_html_() for chart in self.charts().values())
        gained = f"<p>{self.gain[0]}</p>{self.gain[1].to_html(index=False, border=0)}" if self.gain else ""
        return f"<p style='white-space: pre-line'>{html.escape(repr(self))}</p>{pictures}{gained}"

    def __repr__(self):
        read = [result.experiment for result in self.results.values()] + ["the inventory"] * len(self.inventories)
        read = ", ".join(f"{number} of {name}" for name, number in Counter(read).items()) or "nothing"
        return "\n".join([f"read: {read}; refused: {len(self.refused)}", *map(": ".join, self.refused.items())])


gather = Gathered  # conc_lab's public name


def _match(students, name, answers):
    """Add what was handed in to what is known of this student, told by the code or, without one, by the file."""
    given = {when: answers[when] for when in ("before", "after") if answers.get(when, {}).get("handed_in")}
    known = students.setdefault(answers["code"] or name, {})
    if any(known.get(when, given[when]) != given[when] for when in given):
        raise LabError(f"another file has different answers from the same time under the code {answers['code']!r}")
    known |= given


def _figures(name, result):
    """The rows that a result adds to the frame, from what its own chart draws."""
    if result.experiment == "speedup":
        lines = speedups(result).query("workers > 1").assign(case=result.params["task"])
    else:
        lines = startups(result).query("kind != 'threads' and not cold and against_thread.notna()")
    lines = lines.rename(columns={"speedup": "value", "against_thread": "value", "main_imports": "case"})
    lines.case += "" if result.machine["gil"] else " without the GIL"
    facts = {"cpus": result.machine["usable_cpus"], "system": result.machine["system"]}
    return lines.assign(file=name, experiment=result.experiment, **facts).to_dict("records")


def _chart(axis, frame):
    """One case, that most files have: the task (or import) and the number of workers."""
    case, workers = frame.groupby(["case", "workers"]).file.nunique().idxmax()
    shown = where(frame, case=case, workers=workers).sort_values(["cpus", "system"], kind="stable")
    lines = spread(shown, "value", "cpus", "system", "kind").rename(columns={"median": "value"})
    lines["name"] = lines.cpus.map(lambda cpus: words.count(cpus, "CPU")) + ", " + lines.system + ": " + lines.kind
    lines["figure"] = lines.value.map(words.times) + lines.runs.map(lambda files: f" ({words.count(files, 'file')})")
    title = axis.format(case, words.count(workers, "worker"))
    parts = [f"medians of {words.count(shown.file.nunique(), 'file')}, each file a small mark"]
    ax = kit.strips(lines, shown, "value", "{:g}×".format, parts[0], title)
    ax.axvline(1, **kit.REFERENCE, zorder=0)
    if doubted := shown[shown.doubt.notna()].file.nunique():
        parts.append(f"in {doubted} of them the size is in doubt: CPUs were unequal, slowed down or had other work")
    alt = words.sentence(f"medians, {title}", "; ".join(lines.name + " " + lines.figure))
    return ax.figure, alt, words.sentence(*parts)


def gain(pairs: list[tuple[dict, dict]]) -> tuple[str, pandas.DataFrame]:
    """The gain of one student or more, each the pair of what was handed in before and after (see inventory.load).

    In words, with its 95 % interval: (⟨after⟩ − ⟨before⟩) / (12 − ⟨before⟩), the share of what the class could still
    gain (Hake, American Journal of Physics 66, 1998); none where all had all before. The interval is that of a ratio by
    the spread of the students' residuals (Cochran, Sampling Techniques, 1977, section 6.4), with Student's t. In
    made-up classes of 5 to 30 it held the true gain 91 to 95 times of 100, a bootstrap's percentiles 82 to 93 times.
    And, a line for each question: how many had it right before and after, and how many moved.
    """
    asked = inventory.DATA["items"]
    right = [[{one["idea"]: one["id"] in inventory.right(time) for one in asked} for time in pair] for pair in pairs]
    old, new = map(pandas.DataFrame, zip(*right, strict=True))
    students, room, change = len(pairs), 12 - old.sum(axis=1), new.sum(axis=1) - old.sum(axis=1)
    before = 12 - room.mean()
    told = [f"{words.count(students, 'student')} handed in both times"]
    told += [f"of 12 were right {before:.1f} before, {before + change.mean():.1f} after; guessing gives about 3"]
    if room.any():
        share = change.mean() / room.mean()
        told += [f"the gain is {share:.2f} of what could still be gained"]
    if students < FEWEST:
        told += [f"so few students say little about a class: with {FEWEST} or more you get an interval, too"]
    elif room.any():
        half = _student_t(students - 1) * (change - share * room).std() / math.sqrt(students) / room.mean()
        told[-1] += f" ({share - half:.2f} to {min(1.0, share + half):.2f}, with 95 % confidence)"
    moved = {"newly right": (new & ~old).sum(), "no longer right": (old & ~new).sum()}
    items = pandas.DataFrame({"right before": old.sum(), "right after": new.sum()} | moved).rename_axis("idea")
    return words.sentence(*told), items.reset_index()


def _student_t(freedom):
    """The 97.5th percentile of Student's t (Abramowitz and Stegun 26.7.5), 0.3 % low at 4 degrees of freedom."""
    z = NormalDist().inv_cdf(0.975)
    terms = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96, (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + sum(term / freedom**power for power, term in enumerate(terms, 1))
