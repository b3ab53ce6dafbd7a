"""Work done by threads that share one list, and by threads with a list each, over that of one thread."""

import pandas

from ...drawing import kit, words
from ...engine.stats import spread, where
from .measure import SHARING

NEEDS_TWO_CPUS = True  # to show its point: with one, a recording is shown next to it
PANELS = {"append": "append an item and remove it", "read": "look at an item of a list"}
OF_ONE = "work done in the same time (one thread with its own list = 1)"
LISTS = {"own": "a list each", "shared": "one list"}
ALONE = {"own": "its own list", "shared": "another's list"}  # of one thread


def against_one(result) -> pandas.DataFrame:
    """The rows, each with `done`: operations a second over those of one thread with its own list in the same round."""
    rows = result.frame.assign(a_second=result.frame.operations / result.frame.wall_s)
    one = where(rows, sharing="own", workers=1).set_index(["round", "work"]).a_second.rename("of_one")
    rows = rows.join(one, on=one.index.names)
    return rows.assign(done=rows.a_second / rows.of_one)


def summary(result) -> pandas.DataFrame:
    """A line for each work, number of threads and sharing: done (the median of the rounds), low, high, name, figure."""
    lines = spread(against_one(result), "done", "work", "sharing", "workers").rename(columns={"median": "done"})
    lines = kit.ordered(lines.assign(kind="threads"), ["work", "workers", "sharing"], work=PANELS, sharing=SHARING)
    lines["name"] = list(map(words.name, lines.kind, lines.workers))
    lines["name"] += ", " + lines.sharing.map(LISTS).where(lines.workers > 1, lines.sharing.map(ALONE))
    lines["figure"] = [words.between(line.low, line.done, line.high, words.times) for line in lines.itertuples()]
    return lines


def contention_chart(result, bet):
    """Bars of the work done, a panel for each kind of work; the sentence has the most threads."""
    lines, python = summary(result).assign(hatched=0), words.python(result.machine)
    lines["panel"] = lines.work.map(PANELS)
    most = lines[lines.workers == lines.workers.max()]
    told = [f"{panel}: {', '.join(each.name + ' ' + each.figure)}" for panel, each in most.groupby("panel", sort=False)]
    drawn = kit.bars(lines, "panel", "done", "hatched", OF_ONE, f"Python {python}: {told[-1]}", sharex=True)
    return *drawn, words.sentence(f"python {python}: work done, where one thread with its own list is 1", *told)
