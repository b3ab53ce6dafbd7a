"""Who survives a failing worker, as a table: a row for each fault and kind of worker, a column for each question."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .worker import NOTHING, RESULT
from .measure import groups
from ...engine.result import Result
from ...drawing import kit as style

COLUMNS = {"caller gets": 1.75, "other's task": 1.15, "a new task": 1.1, "the program": 1.35}  # and inches
FIRST_IN, LINE_IN, GAP_IN = 1.83, 0.29, 0.1  # the column of workers; a row; above a fault
COLORS = {"✓": "#009E73", "✗": "#D55E00", "–": "#999999"}
FAULTS = {
    "raise": "an exception that nobody catches",
    "exit": "os._exit, which ends a process at once",
    "segfault": "reading memory that is not the program's",
    "memory": "asking for more memory than a limit allows",
    "hang": "waiting for ever",
    "kill": "SIGKILL from outside",
}


def answers(row: dict) -> dict[str, str]:
    """One row's cells by column, each a sign (✓ good, ✗ bad, – nobody left to tell) and words."""
    if row["reason"]:
        return dict.fromkeys(COLUMNS, "– not here")
    told, program = row["told"], "✓ goes on"
    if not row["survived"]:
        program = f"✗ {row['ended']}"
    elif row["ended"] == "never":
        program = "✗ cannot end"
    elif row["stoppable"]:
        program = "✓ can kill it"
    cells = (
        "– no caller left" if told is None else f"{'✗' if told in (NOTHING, RESULT) else '✓'} {told}",
        "✓ finishes" if row["others_finished"] else "✗ lost",
        {None: "–", True: "✓ is done", False: "✗ is refused"}[row["usable_again"]],
        program,
    )
    return dict(zip(COLUMNS, cells, strict=True))


def table(result: Result):
    """The cells of the drawn table."""
    return [{"fault": row["fault"], "worker": row["worker"]} | answers(row) for row in result.rows]


def plot_faults(result: Result, ax: Axes | None = None) -> Axes:
    """The table, drawn in inches: x from the left, y downwards; every cell has its sign, its words and a colour."""
    ax = ax or style.figure().add_subplot()
    lefts = {column: FIRST_IN + sum(list(COLUMNS.values())[:place]) for place, column in enumerate(COLUMNS)}

    def write(left, words, weight="bold", fontsize=10.5):
        ax.text(left, top + LINE_IN / 2, words, va="center", weight=weight, fontsize=fontsize)

    top = 0
    for column, left in lefts.items():
        write(left + 0.07, column)
    for fault, rows in style.grouped(result.rows, "fault").items():
        top += LINE_IN + GAP_IN
        write(0, f"{fault}: {FAULTS[fault]}")
        for row in rows:
            top += LINE_IN
            write(0.12, row["worker"], "normal", 10)
            for column, words in answers(row).items():
                box = (lefts[column] + 0.02, top + 0.02), COLUMNS[column] - 0.04, LINE_IN - 0.04
                ax.add_patch(Rectangle(*box, facecolor=COLORS[words[0]], alpha=0.2, linewidth=0))
                write(lefts[column] + 0.07, words, "normal", 10)
    ax.set(xlim=(0, FIRST_IN + sum(COLUMNS.values())), ylim=(top + LINE_IN + 0.05, 0))
    ax.axis("off")
    return ax


def _chart(result, bet, earlier):
    faults = len({row["fault"] for row in result.rows})
    height = LINE_IN * (1 + faults + len(result.rows)) + GAP_IN * faults + 0.05
    figure = Figure(figsize=(FIRST_IN + sum(COLUMNS.values()), height))
    plot_faults(result, figure.add_axes((0.01, 0, 0.98, 1)))
    lines = []
    for row in result.rows:
        cells = (f"{column} {words.lstrip('✓✗– ') or 'unknown'}" for column, words in answers(row).items())
        lines.append(f"{row['fault']} in a {row['worker']}: {row['reason'] or ', '.join(cells)}")
    alt = f"Table of what became of everybody when one of two workers failed. {'; '.join(lines)}."
    return figure, alt, faults_sentence(result)


def faults_sentence(result: Result) -> str:
    """Where the program ended, could not end, was told nothing or lost another task; and what was not shown."""
    tried = [row for row in result.rows if not row["reason"]]
    lived = [row for row in tried if row["survived"]]
    untold = [row for row in lived if row["told"] == NOTHING]
    bad = {
        "the whole program ended": [row for row in tried if not row["survived"]],
        "the program could not end": [row for row in lived if row["ended"] == "never"],
        "the caller was told nothing": [row for row in untold if _at_once(row)],
        f"the caller got nothing within {result.params['patience_s']:g} s": [
            row for row in untold if not _at_once(row)
        ],
        "the caller got a result, as if nothing had failed": [row for row in lived if row["told"] == RESULT],
        "the other worker's task was lost, although the program went on": [
            row for row in lived if not row["others_finished"]
        ],
    }
    parts = [f"{what}: {_cases(rows)}" for what, rows in bad.items() if rows]
    if well := [row for row in tried if not any(row in rows for rows in bad.values())]:
        cases = f"{len(well)} of {len(tried)} cases"
        parts.append(f"in {cases} the caller got the error and everything else went on")
    for reason, rows in style.grouped(result.rows, "reason").items():
        parts += [f"not shown here, because {reason}: {_cases(rows)}"] if reason else []
    return style.sentence(*parts)


def _at_once(row):
    """Whether the caller's wait ended at once: join() returns when its thread has ended, and tells no reason."""
    return row["worker"] == "Thread" and row["fault"] != "hang"


def _cases(rows):
    return "; ".join(f"{style.listed(faults)} in {style.listed(workers)}" for faults, workers in groups(rows))


CHARTS = {"faults": _chart}
