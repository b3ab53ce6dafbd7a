"""The sharing table as a picture; what is inside which box, placed by the table's own words; and claims C1 to C3."""

from ...drawing import kit, verdict, words
from ...engine.errors import LabError
from ..memory import chart as memory
from .measure import FILE, LOCALS, OBJECT, PID, THINGS, THREAD, VALUE, WORKERS, WRITE

COLORS = {"shared": "#BBDDF4", "copied": "#F8F1A0", "re-imported": "#F5D08A", "own": "#FFFFFF", "absent": "#DDDDDD"}
# What a box holds, and the lines of the table; NAMES: what a thing is called in both.
INSIDE = {
    VALUE: "code, global variables",
    OBJECT: "list handed over (heap)",
    FILE: "open files",
    LOCALS: "local variables (stack)",
}
FOUR = {PID: "process id", OBJECT: "list handed over", VALUE: "global variable", LOCALS: "local variables"}
NAMES = {thing: FOUR.get(thing, thing) for thing in THINGS} | {WRITE: "global variable set by the worker"}
FILLS = {"together": "#FFFFFF", "process": "#EAF4FB", "interpreter": "#D5EAF7", "thread": "#FFF3D6"}


def summary(result, names=()):
    """A DataFrame with a line for each thing and a column for each kind of worker here: shared, copied, own, …

    names: the things that are wanted, and what each is called; by default all, by the names that the rows have.
    """
    cells = result.frame.pivot(index="thing", columns="kind", values="cell").rename_axis(columns=None)
    return cells.loc[list(names or THINGS), result.frame.kind[result.frame.reason.isna()].unique()].rename(dict(names))


def sharing_chart(result, bet):
    """The four lines of the table that a first look needs, a column for each kind of worker."""
    return whole_chart(result, bet, FOUR)


def whole_chart(result, bet, names=NAMES):
    """The table: a line for each thing, a column for each kind of worker."""
    cells = summary(result, names)
    return *kit.cells(cells, COLORS.get, "what a worker shares with your program"), sharing_sentence(result, cells)


def sharing_sentence(result, cells) -> str:
    """What each kind of worker shares, and which kinds this machine lacks."""
    alike = {}
    for kind, column in cells.items():
        alike.setdefault(words.listed([*cells.index[column == "shared"]] or ["nothing"]), []).append(words.one(kind))
    parts = [f"shared with {words.listed(kinds)}: {what}" for what, kinds in alike.items()]
    return words.sentence(*parts, *result.frame.reason.dropna().unique())


def boxes(result, kind: str, workers: int) -> list[tuple[str, int, list[str]]]:
    """The boxes of so many workers of this kind, from the outermost to the innermost: (name, how many, what is in it).

    One "process" or "together" has what all workers share, each "interpreter" or "process" what a worker of this kind
    has for itself, and each "thread" what even threads of one process do not share. A box with nothing is left out.
    """
    cells = summary(result)
    common, each = ("process", "interpreter") if cells[kind][PID] == "shared" else ("together", "process")
    inside = {common: (1, []), each: (workers, []), "thread": (workers, [])}
    for thing, name in INSIDE.items():
        cell = cells[kind][thing]
        box = "thread" if cells.threads[thing] != "shared" else common if cell == "shared" else each
        inside[box][1].append(name if cell in ("own", "shared") else f"{name}: {cell}")
    return [(box, number, lines) for box, (number, lines) in inside.items() if lines]


def boxes_chart(result, bet):
    """One thread, and two workers of each kind, below each other; the y axis counts lines of text."""
    if "threads" not in summary(result):
        raise LabError("the boxes compare other workers with threads: run it with threads among the kinds")
    figure, bottom, parts = kit.figure(title="what workers have in common, and what each has for itself"), 0, []
    ax = figure.add_subplot(xlim=(0, 1), xticks=[], yticks=[], frame_on=False)
    for workers, kind in [(1, "threads"), *((2, kind) for kind in summary(result))]:
        title, levels = words.name(kind, workers), boxes(result, kind, workers)
        ax.text(0, bottom + 0.5, title, va="top", fontsize=11)
        bottom = _draw(ax, levels, bottom + 2) + 0.5
        inside = (f"{'each ' * (number > 1)}{box}: {', '.join(lines)}" for box, number, lines in levels)
        parts.append(f"{title} – {'; '.join(inside)}")
    ax.set_ylim(bottom, 0)
    figure.set_figheight(0.19 * bottom + 0.3)
    return figure, f"Boxes in boxes. {words.sentence(*parts)}", sharing_sentence(result, summary(result, INSIDE))


def _draw(ax, levels, top):
    """Draw boxes in boxes with what is in each, and return the bottom of them all."""
    bottom = top + sum(len(lines) + 1.8 for _, _, lines in levels)
    for depth, (box, number, lines) in enumerate(levels, 1):
        for left in (place / number + 0.01 * depth for place in range(number)):
            size = bottom - 0.3 * depth - top, 1 / number - 0.02 * depth
            ax.bar(left, *size, top, align="edge", facecolor=FILLS[box], edgecolor="#555555")
            ax.text(left + 0.015, top + 0.3, box, va="top", fontsize=10, weight="bold")
            ax.text(left + 0.015, top + 1.3, "\n".join(lines), va="top", fontsize=10, linespacing=1.35)
        top += len(lines) + 1.5
    return bottom


def C1_verdict(shared):
    """The process ids and thread ids of three workers and their parent."""
    ids = shared.frame.pivot(index="thing", columns="kind", values="different_ids")
    ids = ids.loc[[PID, THREAD], ["threads", "spawn"]].astype(int)  # a kind that is not here has none
    threads, spawn = (", ".join(map(words.count, ids[kind], ("process id", "thread id"))) for kind in ids)
    figure = f"your program and three threads: {threads}; your program and three spawned processes: {spawn}"
    why = "a process holds threads; multiprocessing means processors in operating-systems books, processes in Python"
    held = (ids.threads[PID], ids.spawn[PID]) == (1, 1 + WORKERS)
    return verdict.first(figure, (held, "does not hold", why), (True, "holds", "each thread had a process of its own"))


def C2_verdict(shared):
    """What threads share, and what each has to itself."""
    cells = summary(shared).threads[[VALUE, WRITE, OBJECT, FILE, LOCALS]]
    figure = ", ".join(cells.index.map(NAMES) + " " + cells)
    if list(cells == "shared") == [True, True, True, True, False]:
        return verdict.Verdict("holds", "the objects on the heap are shared as well", figure)
    return verdict.Verdict("does not hold", "part of it came out differently", figure)


def C3_verdict(shared, kept):
    """What processes have of the parent's, by start method, and what each adds."""
    cells = summary(shared).loc[[VALUE, OBJECT, FILE]].filter(regex="fork|spawn")
    each = memory.summary(kept).drop_duplicates("kind").set_index("kind").each_bytes
    by, parts = memory.meter(kept.frame).upper(), []
    one = "one more adds" if len(kept.params["workers"]) > 1 else "each adds, helpers included,"
    for method, cell in cells.items():
        adds = f", {one} {memory.megabytes(each[method])} MB by {by}" if method in each else ""
        parts.append(f"{method}: global variable {cell[VALUE]}, open file {cell[FILE]}{adds}")
    return verdict.first(
        "; ".join(parts),
        (cells.nunique(axis=1).max() > 1, "depends", "on the start method"),
        ((cells == "copied").all(axis=None), "holds", "with every start method on this machine"),
        (len(parts) == 1, "cannot tell", "this machine has only spawn, and other start methods differ"),
        (True, "does not hold", "with every start method on this machine"),
    )


def what_a_worker_gets_verdict(shared):
    """Whether a spawned worker sees what the parent had set, and how."""
    cell = summary(shared).spawn[VALUE]
    return verdict.Verdict(cell, "", f"the worker's global variable was {cell}")
