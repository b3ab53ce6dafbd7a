"""Who survives a failing worker, as a table: a row for each fault and API, a column for each thing to know."""

from itertools import accumulate

import pandas
from matplotlib.figure import Figure

from ...drawing import words
from ...engine.kinds import START_METHODS
from ...engine.result import Result, once
from .measure import FAULTS
from .program import NOTHING, RESULT

CELLS = {"caller gets": 1.75, "other's task": 1.15, "a new task": 1.1, "the program": 1.35}  # and inches
LINE_IN, GAP_IN = 0.29, 0.1  # a row; above a fault
COLORS = {"✓": ("#009E73", 0.2), "✗": ("#D55E00", 0.2), "–": ("#999999", 0.2)}  # and opacity


@once
def summary(result: Result) -> pandas.DataFrame:
    """A line for each case: fault, worker (its API, with the start method where there are several), and its cells.

    Each cell is a sign (✓ good, ✗ bad, – nobody left to tell) and words.
    """
    lines = []
    for row in result.rows:
        several = len(result.params["kinds"]) > 1 and row["kind"] in START_METHODS
        name = f"{row['api']} ({row['kind']})" if several else row["api"]
        lines.append({"fault": row["fault"], "worker": name} | _cells(row))
    return pandas.DataFrame(lines)


def _cells(row):
    if row["reason"]:
        return dict.fromkeys(CELLS, "– not here")
    told, program = row["told"], "✓ can kill it" if row["stoppable"] else "✓ goes on"
    if row["ended"] == "never":
        program = "✗ cannot end"
    elif not row["survived"]:
        program = f"✗ {row['ended']}"
    told = f"{'✗' if told in (NOTHING, RESULT) else '✓'} {told}" if told else "– no caller left"
    others = "✓ finishes" if row["others_finished"] else "✗ lost"
    again = {None: "–", True: "✓ is done", False: "✗ is refused"}[row["usable_again"]]
    return dict(zip(CELLS, (told, others, again, program), strict=True))


def plot_faults(result: Result, ax) -> None:
    """The table, drawn in inches: x from the left, y downwards; every cell has its sign, its words and a colour."""
    first = 2.5 if len(result.params["kinds"]) > 1 else 1.83  # of the workers' names
    *lefts, width = accumulate(CELLS.values(), initial=first)
    top = 0

    def write(left, text, weight="bold"):
        ax.text(left, top + LINE_IN / 2, text, va="center", weight=weight, fontsize=10)

    for left, column in zip(lefts, CELLS, strict=True):
        write(left + 0.07, column)
    for fault, cases in summary(result).groupby("fault", sort=False):
        top += LINE_IN + GAP_IN
        write(0, f"{fault}: {FAULTS[fault]}")
        for case in cases.to_dict("records"):
            top += LINE_IN
            write(0.12, case["worker"], "normal")
            for left, (column, wide) in zip(lefts, CELLS.items(), strict=True):
                ax.barh(top, wide - 0.04, LINE_IN - 0.04, left + 0.02, align="edge", color=COLORS[case[column][0]])
                write(left + 0.07, case[column], "normal")
    height = top + LINE_IN + 0.05
    ax.set(xlim=(0, width), ylim=(height, 0))
    ax.axis("off")
    ax.figure.set_size_inches(width, height)


def faults_chart(result: Result, bet):
    """The table alone, as large as it has to be."""
    figure = Figure()
    plot_faults(result, figure.add_axes((0.01, 0, 0.98, 1)))
    parts = []
    for row, case in zip(result.rows, summary(result).to_dict("records"), strict=True):
        cells = ", ".join(f"{column} {case[column].lstrip('✓✗– ') or 'unknown'}" for column in CELLS)
        parts.append(f"{case['fault']} in {words.one(case['worker'])}: {row['reason'] or cells}")
    alt = f"Table of what became of everybody when one of two workers failed. {'; '.join(parts)}."
    return figure, alt, faults_sentence(result)


def faults_sentence(result: Result) -> str:
    """Where the program ended, could not end, was told nothing or lost another task; and what was not shown."""
    frame = result.frame.assign(worker=summary(result).worker)
    tried = frame[frame.reason.isna()].astype({"survived": bool, "others_finished": bool})
    untold, joined = tried.told == NOTHING, (tried.api == "Thread") & (tried.fault != "hang")  # join() tells no reason
    bad = {
        "the whole program ended": ~tried.survived,
        "the program could not end": tried.ended == "never",
        "the caller was told nothing": untold & joined,
        f"the caller got nothing within {result.params['patience_s']:g} s": untold & ~joined,
        "the caller got a result, as if nothing had failed": tried.told == RESULT,
        "the other worker's task was lost, although the program went on": tried.survived & ~tried.others_finished,
    }
    parts = [f"{what}: {_cases(tried[cases])}" for what, cases in bad.items() if cases.any()]
    if well := (~pandas.DataFrame(bad).any(axis=1)).sum():
        parts.append(f"in {well} of {len(tried)} cases the caller got the error and everything else went on")
    for reason, cases in frame.groupby("reason", sort=False):
        parts.append(f"not shown here, because {reason}: {_cases(cases)}")
    return words.sentence(*parts)


def _cases(cases):
    """Faults and workers in words: workers with the same faults go together."""
    faults = cases.groupby("worker", sort=False).fault.agg(words.listed)
    return "; ".join(f"{fault} in {words.listed(same.index)}" for fault, same in faults.groupby(faults, sort=False))
