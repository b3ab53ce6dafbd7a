"""The sharing table as a picture; and what is inside which box, placed by the table's own words."""

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from ...engine.errors import LabError
from .measure import FILE, INTERPRETER, LOCAL, LOCALS, OBJECT, PID, THINGS, VALUE, WRITE
from ...engine.result import Result
from ...drawing import kit as style

LOOKS = {  # of a word: fill and hatch, which add to it and never stand for it
    "shared": ("#56B4E9", None),
    "copied": ("#F0E442", ".."),
    "re-imported": ("#E69F00", "//"),
    "own": ("#FFFFFF", None),
    "absent": ("#DDDDDD", "xx"),
}
INSIDE = {  # what a box holds: the thing, and what the article calls it
    VALUE: "modules (code)",
    WRITE: "globals (data)",
    OBJECT: "objects (heap)",
    FILE: "open files",
    LOCALS: "locals (stack)",
    LOCAL: "thread-locals",
}


def cells(rows: list[dict]) -> dict[str, dict[str, str]]:
    """{kind: {thing: cell}} of the kinds that this machine has."""
    found = style.grouped((row for row in rows if row["reason"] is None), "kind")
    return {kind: {row["thing"]: row["cell"] for row in mine} for kind, mine in found.items()}


def placed(rows: list[dict], kind: str) -> dict[str, list[str]]:
    """Which things a picture of several workers of this kind has in which box: {box: [things]}.

    "every thread": those that even threads of one process have for themselves; "every interpreter" or "every
    process": those that each worker of this kind has; "together": those that all of them have in common.
    """
    found = cells(rows)
    own = "every interpreter" if found[kind][PID] == "shared" else "every process"
    boxes = {"together": [], own: [], "every thread": []}
    for thing in INSIDE:
        if found["thread"][thing] != "shared":
            boxes["every thread"].append(thing)
        else:
            boxes["together" if found[kind][thing] == "shared" else own].append(thing)
    return boxes


def table(result: Result):
    """A row for each thing and a column for each kind of worker: shared, copied, own, …"""
    found = cells(result.rows)
    return [{"thing": thing} | {kind: mine[thing] for kind, mine in found.items()} for thing in THINGS]


def plot_sharing(result: Result, ax: Axes | None = None) -> Axes:
    """The table: a line for each thing, a column for each kind of worker, a word in each cell."""
    ax = ax or style.figure().add_subplot()
    found = cells(result.rows)
    words = {"ha": "center", "va": "center", "fontsize": 10}
    paper = {"facecolor": "white", "edgecolor": "none", "pad": 1.5, "alpha": 0.85}
    for column, mine in enumerate(found.values()):
        for line, thing in enumerate(THINGS):
            color, hatch = LOOKS[mine[thing]]
            ax.add_patch(Rectangle((column, line), 1, 1, facecolor=color, hatch=hatch, edgecolor="#777777", alpha=0.5))
            ax.text(column + 0.5, line + 0.5, mine[thing], bbox=paper, **words)
    ax.set(xlim=(0, len(found)), ylim=(len(THINGS), 0))
    ax.set_xticks([column + 0.5 for column in range(len(found))], [kind.replace("sub", "sub-\n") for kind in found])
    ax.set_yticks([line + 0.5 for line in range(len(THINGS))], THINGS)
    ax.xaxis.tick_top()
    ax.tick_params(length=0, labelsize=10)
    ax.spines[:].set_visible(False)
    return ax


def plot_boxes(result: Result, kind: str, ax: Axes | None = None, workers: int = 2) -> Axes:
    """Boxes in boxes: `workers` workers of this kind, and what each holds by the result's rows.

    One unit of the y axis is a line of text, counted downwards.
    """
    ax = ax or style.figure().add_subplot()
    mine, boxes = cells(result.rows)[kind], placed(result.rows, kind)
    processes, interpreters = (workers if mine[thing] != "shared" else 1 for thing in (PID, INTERPRETER))
    notes, together, height = _layout(boxes, mine)
    nested = interpreters > processes
    body = 2.9 if nested else 1.5
    inner = body + len(notes) + 0.4  # the top of the threads
    floor = inner + 3.9
    for number in range(processes):
        _box(ax, number / processes, 0, 1 / processes, floor + 1.5 * (nested and bool(together)), "process")
    for number in range(interpreters):
        left, width = number / interpreters, 1 / interpreters
        if nested:
            _box(ax, left + 0.015, 1.4, width - 0.03, floor - 1.6, "interpreter", "#D5EAF7")
        _lines(ax, left + 0.035, body, notes)
        for thread in range(workers // interpreters):
            at = left + 0.03 + thread * 0.48
            _box(ax, at, inner, 0.43, 3.5, "thread", "#FFF3D6")
            _lines(ax, at + 0.02, inner + 1.4, [_note(thing, mine) for thing in boxes["every thread"]])
    _lines(ax, 0.035, floor + 0.3, together)
    ax.set(xlim=(0, 1), ylim=(height, 0))
    ax.set_axis_off()
    ax.set_title("one thread in one process" if workers == 1 else _many(kind), loc="left", fontsize=11, pad=4)
    return ax


def _layout(boxes, mine):
    """The lines in every worker's own box, the line of what all have together, and how many lines high it all is."""
    together = ", ".join(INSIDE[thing] for thing in boxes["together"])
    if mine[INTERPRETER] == "shared":
        notes, together = [together], []
    else:
        own = next(things for box, things in boxes.items() if box not in ("together", "every thread"))
        notes, together = [_note(thing, mine) for thing in own], [f"together: {together}"] if together else []
    nested = mine[INTERPRETER] != "shared" == mine[PID]
    return notes, together, 5.9 + 1.4 * nested + len(notes) + 1.5 * len(together)


def _sharing_chart(result, bet, earlier):
    ax = plot_sharing(result, style.figure(4.2).add_subplot())
    lines = []
    for kind, mine in cells(result.rows).items():
        words = {word: [thing for thing in THINGS if mine[thing] == word] for word in LOOKS}
        said = (f"{word}: {style.listed(things)}" for word, things in words.items() if things)
        lines.append(f"{style.one(kind)} – {'; '.join(said)}")
    alt = f"A table of what a worker shares with the program that started it. {style.sentence(*lines)}"
    return ax.figure, alt, sharing_sentence(result)


def sharing_sentence(result: Result) -> str:
    """How much each kind of worker shares, and which kinds this machine lacks."""
    parts = []
    for kind, mine in cells(result.rows).items():
        shared = [thing for thing in THINGS if mine[thing] == "shared"]
        rest = [thing for thing in THINGS if mine[thing] != "shared"]
        if len(shared) > len(rest):
            parts.append(f"{style.one(kind)} shares everything here with its parent but the {style.listed(rest)}")
        else:
            parts.append(f"{style.one(kind)} shares {'the ' + style.listed(shared) if shared else 'nothing here'}")
    return style.sentence("; ".join(parts), *dict.fromkeys(row["reason"] for row in result.rows if row["reason"]))


def _boxes_chart(result, bet, earlier):
    found = cells(result.rows)
    others = [kind for kind in found if kind != "thread"]
    if "thread" not in found or not others:
        raise LabError("the boxes need a thread and another kind of worker beside it: run it with kinds for both")
    drawn = [("thread", 1), ("thread", 2), *((kind, 2) for kind in others)]
    boxes = {kind: placed(result.rows, kind) for kind in found}
    heights = [_layout(boxes[kind], found[kind])[-1] for kind, _ in drawn]
    figure = style.figure(0.19 * sum(heights) + 0.4 * len(drawn))
    axes = figure.subplots(len(drawn), 1, height_ratios=heights)
    for (kind, workers), ax in zip(drawn, axes, strict=True):
        plot_boxes(result, kind, ax, workers)

    held, own = (_said(boxes["thread"][box]) for box in ("together", "every thread"))
    parts = [
        f"one thread in one process: the process holds {held}; the thread holds {own}",
        f"{_many('thread')}: the process holds {held}, once; every thread holds {own}",
    ]
    words = [f"{_many('thread')} have one set of everything but {own}, of which each has its own"]
    for kind in others:
        said = [
            f"together have {_said(things)}" if box == "together" else f"{box} holds {_said(things, found[kind])}"
            for box, things in boxes[kind].items()
            if things
        ]
        parts.append(f"{_many(kind)}: {'; '.join(said)}")
        words.append(f"{_many(kind)}, share {_said(boxes[kind]['together']) or 'none of these'}")
    return figure, f"Boxes in boxes. {style.sentence(*parts)}", style.sentence("; ".join(words))


def _many(kind):
    inside = {"thread": "many threads in one process", "subinterpreter": "many interpreters in one process"}
    return inside.get(kind, f"many processes, by {kind}")


def _said(things, mine=None):
    return style.listed([_note(thing, mine) if mine else INSIDE[thing] for thing in things]) if things else ""


def _note(thing, mine):
    return INSIDE[thing] if mine[thing] == "own" else f"{INSIDE[thing]}: {mine[thing]}"


def _box(ax, left, top, width, height, label, color="#EAF4FB"):
    ax.add_patch(Rectangle((left + 0.005, top), width - 0.01, height, facecolor=color, edgecolor="#555555"))
    ax.text(left + 0.02, top + 0.35, label, va="top", fontsize=10, fontweight="bold")


def _lines(ax, left, top, lines):
    for number, line in enumerate(lines):
        ax.text(left, top + number, line, va="top", fontsize=10)


CHARTS = {"sharing": _sharing_chart, "boxes": _boxes_chart}
