"""The claims drawn: a line for each, its mark in the column of its verdict."""

from matplotlib.axes import Axes

from .picture import Picture, drawn

COLUMNS = {  # verdict -> its heading, marker and colour
    "holds": ("holds", "o", "#009E73"),
    "depends": ("depends", "D", "#E69F00"),
    "does not hold": ("does not hold", "X", "#D55E00"),
    "cannot tell": ("cannot be\ntold here", "s", "#56B4E9"),
    "missing": ("not\nmeasured", "|", "#777777"),
}


def picture(rows: list[dict]) -> Picture:
    """The picture of the rows of `Claims`, each with id, title and word."""
    return drawn(_chart, rows)


def plot_claims(rows: list[dict], ax: Axes | None = None) -> Axes:
    """One mark for each claim: lines are claims, columns are verdicts."""
    ax = ax or style.figure().add_subplot()
    for place, (word, (_, marker, colour)) in enumerate(COLUMNS.items()):
        lines = [line for line, row in enumerate(rows) if row["word"] == word]
        ax.plot([place] * len(lines), lines, marker, color=colour, markersize=11, markeredgewidth=2, clip_on=False)
    style.lines(ax, [f"{row['id']}  {row['title']}" for row in rows])
    style.columns(ax, [heading for heading, _, _ in COLUMNS.values()])
    ax.xaxis.tick_top()
    return ax


def _chart(rows):
    ax = plot_claims(rows, style.figure(1.2 + 0.27 * len(rows)).add_subplot())
    by_word = style.grouped(rows, "word")
    parts = [f"{word}: {', '.join(row['id'] for row in by_word[word])}" for word in COLUMNS if word in by_word]
    return ax.figure, f"The claims by verdict. {'; '.join(parts)}.", style.sentence("; ".join(parts))
