"""The sharing table as a picture; and what is inside which box, placed by the table's own words."""

import pandas
from matplotlib.patches import Rectangle

from ...drawing import kit, words
from ...engine.errors import LabError
from ...engine.kinds import START_METHODS
from ...engine.result import Result, once
from .measure import FILE, KINDS, LOCAL, LOCALS, OBJECT, PID, THINGS, VALUE, WRITE

# Of a word: fill and hatch, which add to it and never stand for it.
LOOKS = {"shared": ("#56B4E9", None), "copied": ("#F0E442", ".."), "re-imported": ("#E69F00", "//")}
LOOKS |= {"own": ("#FFFFFF", None), "absent": ("#DDDDDD", "xx")}
# What a box holds: the thing, and what the article calls it.
INSIDE = {VALUE: "modules (code)", WRITE: "globals (data)", OBJECT: "objects (heap)", FILE: "open files"}
INSIDE |= {LOCALS: "locals (stack)", LOCAL: "thread-locals"}
FILLS = {"process": "#EAF4FB", "interpreter": "#D5EAF7", "thread": "#FFF3D6"}


@once
def summary(result: Result) -> pandas.DataFrame:
    """A line for each thing and a column for each kind of worker that is here: shared, copied, own, …"""
    rows = result.frame[result.frame.reason.isna()]
    cells = rows.pivot(index="thing", columns="kind", values="cell").rename_axis(columns=None)
    return cells.loc[list(THINGS), [kind for kind in KINDS if kind in cells]]


def plot_sharing(result: Result, ax) -> None:
    """The table: a line for each thing, a column for each kind of worker, a word in each cell."""
    paper = {"facecolor": "white", "edgecolor": "none", "pad": 1.5, "alpha": 0.85}
    cells = summary(result)
    for column, kind in enumerate(cells):
        for line, cell in enumerate(cells[kind]):
            fill, hatch = LOOKS[cell]
            look = {"facecolor": fill, "hatch": hatch, "edgecolor": "#777777", "alpha": 0.5}
            ax.add_patch(Rectangle((column - 0.5, line - 0.5), 1, 1, **look))
            ax.text(column, line, cell, ha="center", va="center", fontsize=10, bbox=paper)
    kit.names(ax, cells.index)
    ax.set_xticks(range(len(cells.columns)), cells.columns)
    ax.set_xlim(-0.5, len(cells.columns) - 0.5)
    ax.xaxis.tick_top()
    ax.tick_params(length=0, labelsize=10)
    ax.spines[:].set_visible(False)


def sharing_chart(result: Result, bet):
    """The table of cells; how much each kind of worker shares, and which kinds this machine lacks."""
    figure = kit.figure(4.2)
    plot_sharing(result, figure.add_subplot())
    parts, shares = [], []
    for kind, cells in summary(result).items():
        things = {word: words.listed(cells.index[cells == word]) for word in LOOKS if (cells == word).any()}
        parts.append(f"{words.one(kind)} – {'; '.join(f'{word}: {names}' for word, names in things.items())}")
        what = f"the {things['shared']}" if "shared" in things else "nothing here"
        if (cells == "shared").mean() > 0.5:
            what = f"everything here with its parent but the {words.listed(cells.index[cells != 'shared'])}"
        shares.append(f"{words.one(kind)} shares {what}")
    alt = f"A table of what a worker shares with the program that started it. {words.sentence(*parts)}"
    return figure, alt, words.sentence("; ".join(shares), *result.frame.reason.dropna().unique())


def boxes(result: Result, kind: str) -> dict[str, list[str]]:
    """What a picture of several workers of this kind has in which box: {box: [notes]}.

    "every thread": what even threads of one process have for themselves; "every interpreter" or "every process":
    what each worker of this kind has; "together": what all of them have in common.
    """
    cells = summary(result)
    own = "every interpreter" if cells[kind][PID] == "shared" else "every process"
    inside = {"together": [], own: [], "every thread": []}
    for thing, name in INSIDE.items():
        cell = cells[kind][thing]
        box = "together" if cell == "shared" else own
        box = box if cells.threads[thing] == "shared" else "every thread"
        inside[box].append(name if cell in ("own", "shared") else f"{name}: {cell}")
    return inside


def plot_boxes(result: Result, ax) -> None:
    """Boxes in boxes: one thread, two, and two workers of each other kind; the y axis counts lines of text."""
    bottom = 0
    for kind, workers in [("threads", 1), *((kind, 2) for kind in summary(result))]:
        title = "one thread in one process" if workers == 1 else _many(kind)
        ax.text(0, bottom + 0.5, title, va="top", fontsize=11)
        bottom = _draw(ax, _nested(boxes(result, kind), workers), 0, bottom + 2, 1) + 0.5
    ax.set(xlim=(0, 1), ylim=(bottom, 0))
    ax.set_axis_off()


def _nested(inside, workers):
    """So many workers as boxes in boxes: (label, lines, boxes inside); all of them have no box, and no label."""
    (together, own, threads), kind = inside.values(), list(inside)[1].removeprefix("every ")
    thread = "thread", threads, []
    if not own:
        return "process", [", ".join(together)], [thread] * workers
    common = [f"together: {', '.join(together)}"] if together else []
    return "process" if kind == "interpreter" else "", common, [(kind, own, [thread])] * workers


def _draw(ax, box, left, top, width):
    """Draw a box, its lines of text, and below them the boxes in it, side by side; return its bottom."""
    label, lines, inside = box
    bottom = top + 0.3
    for line in [label, *lines] if label else lines:
        weight = "bold" if line == label else "normal"
        ax.text(left + 0.015, bottom, line, va="top", fontsize=10, weight=weight)
        bottom += 1
    ends, share = [bottom], width / max(1, len(inside))
    for number, one in enumerate(inside):
        ends.append(_draw(ax, one, left + number * share + 0.01, bottom + 0.2, share - 0.02))
    if label:  # the wider a box, the farther behind
        look = {"facecolor": FILLS[label], "edgecolor": "#555555", "zorder": 1 - width}
        ax.add_patch(Rectangle((left, top), width, max(ends) + 0.3 - top, **look))
    return max(ends) + 0.3


def boxes_chart(result: Result, bet):
    """One thread, many threads, and each other kind of worker below each other."""
    kinds = list(summary(result))
    if kinds[0] != "threads" or len(kinds) == 1:
        raise LabError("the boxes need threads and another kind of worker beside them: run it with kinds for both")
    figure = kit.figure()
    plot_boxes(result, ax := figure.add_subplot())
    figure.set_figheight(0.19 * ax.get_ylim()[0])
    held, own = (words.listed(boxes(result, "threads")[box]) for box in ("together", "every thread"))
    parts = [f"one thread in one process: the process holds {held}; the thread holds {own}"]
    parts.append(f"{_many('threads')}: the process holds {held}, once; every thread holds {own}")
    shares = [f"{_many('threads')} have one set of everything but {own}, of which each has its own"]
    for kind in kinds[1:]:
        inside = {box: words.listed(things) for box, things in boxes(result, kind).items() if things}
        holds = (f"{box} {'have' if box == 'together' else 'holds'} {things}" for box, things in inside.items())
        parts.append(f"{_many(kind)}: {'; '.join(holds)}")
        shares.append(f"{_many(kind)}, share {inside.get('together', 'none of these')}")
    return figure, f"Boxes in boxes. {words.sentence(*parts)}", words.sentence("; ".join(shares))


def _many(kind):
    return f"many processes, by {kind}" if kind in START_METHODS else f"many {kind} in one process"
