"""The table of faults: every cell, the alt text and the sentence, from rows made by hand."""

import itertools

import pytest
from made.faults import made, row

from conc_lab.drawing import picture as charts
from conc_lab.experiments.faults import chart as drawn


def texts(result):
    """Everything that is written in the drawn table, from top to bottom."""
    found = drawn.plot_faults(result).texts
    return [
        text.get_text() for text in sorted(found, key=lambda text: (text.get_position()[1], text.get_position()[0]))
    ]


CELLS = {
    ("raise", "Thread"): ("✗ nothing", "✓ finishes", "✓ is done", "✓ goes on"),
    ("raise", "Process"): ("✓ exit code 1", "✓ finishes", "✓ is done", "✓ goes on"),
    ("segfault", "ThreadPoolExecutor"): ("– no caller left", "✗ lost", "–", "✗ SIGSEGV"),
    ("exit", "Thread"): ("– no caller left", "✗ lost", "–", "✗ exit code 3"),
    ("kill", "ProcessPoolExecutor"): ("✓ BrokenProcessPool", "✗ lost", "✗ is refused", "✓ goes on"),
    ("segfault", "Pool"): ("✗ nothing", "✓ finishes", "✓ is done", "✓ goes on"),
    ("hang", "Thread"): ("✗ nothing", "✓ finishes", "✓ is done", "✗ cannot end"),
    ("hang", "Pool"): ("✗ nothing", "✓ finishes", "✓ is done", "✓ can kill it"),
}


@pytest.mark.parametrize("case", CELLS, ids="-".join)
def test_cells(case):
    """Every outcome has a sign and words of its own."""
    assert tuple(drawn.answers(row(*case)).values()) == CELLS[case]
    assert tuple(drawn.answers(row(*case, reason="not on this system")).values()) == ("– not here",) * 4


def test_a_failure_that_looks_like_a_result():
    """A task that failed and yet gave its caller a result is marked as bad."""
    assert drawn.answers(row("memory", "InterpreterPoolExecutor", told="a result"))["caller gets"] == "✗ a result"


def test_every_row_is_drawn():
    """Each fault is written once, over its workers; each worker's cells stand in its line."""
    result = made()
    assert texts(result)[:5] == [*drawn.COLUMNS, f"raise: {drawn.FAULTS['raise']}"]
    wanted = [item["worker"] for item in result.rows]
    assert [text for text in texts(result) if text in wanted] == wanted
    cells = [words for item in result.rows for words in drawn.answers(item).values()]
    assert sorted(text for text in texts(result) if text[0] in "✓✗–") == sorted(cells)
    assert len(drawn.plot_faults(result).patches) == len(cells)


def test_nothing_is_cut_off():
    """All words of the whole table lie inside the figure and inside their columns."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    workers = ("Thread", "InterpreterPoolExecutor", "Process", "ProcessPoolExecutor", "Pool")
    result = made(*(row(fault, worker) for fault in drawn.FAULTS for worker in workers))
    figure = drawn.CHARTS["faults"](result, None, None)[0]
    renderer = FigureCanvasAgg(figure).get_renderer()
    (ax,) = figure.axes
    across, down = figure.bbox.extents[2:]
    lines = {}
    for text in ax.texts:
        box = text.get_window_extent(renderer)
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= across and box.y1 <= down, text
        lines.setdefault(text.get_position()[1], []).append(box)
    for boxes in lines.values():
        boxes.sort(key=lambda box: box.x0)
        assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))
    assert figure.get_figwidth() <= 7.25 and all(text.get_fontsize() >= 10 for text in ax.texts)


def test_alt():
    """The alt text holds every cell of the table, with its fault and worker."""
    result = made(*(row(*case) for case in CELLS), row("memory", "Pool", reason="this system has no limits"))
    alt = charts.show(result).alt
    for (fault, worker), cells in CELLS.items():
        (line,) = [part for part in alt.split("; ") if f"{fault} in a {worker}: " in part]
        for column, cell in zip(drawn.COLUMNS, cells, strict=True):
            assert f"{column} {cell[2:] or 'unknown'}" in line
    assert "memory in a Pool: this system has no limits" in alt


SENTENCES = {
    "the program ended": ([row("exit", "Thread")], "The whole program ended: exit in Thread."),
    "it could not end": (
        [row("hang", "Thread")],
        "The program could not end: hang in Thread. The caller got nothing within 1.5 s: hang in Thread.",
    ),
    "the wait ended at once": (
        [row("raise", "Thread"), row("memory", "Thread")],
        "The caller was told nothing: raise and memory in Thread.",
    ),
    "nothing was told": (
        [row("kill", "Pool"), row("exit", "Pool")],
        "The caller got nothing within 1.5 s: kill and exit in Pool.",
    ),
    "a result was told": (
        [row("memory", "InterpreterPoolExecutor", told="a result")],
        "The caller got a result, as if nothing had failed: memory in InterpreterPoolExecutor.",
    ),
    "another was lost": (
        [row("exit", "ProcessPoolExecutor")],
        "The other worker's task was lost, although the program went on: exit in ProcessPoolExecutor.",
    ),
    "all went well": (
        [row("raise", "Pool"), row("raise", "Process")],
        "In 2 of 2 cases the caller got the error and everything else went on.",
    ),
    "not shown": (
        [row("memory", "Pool", reason="macOS has no limits"), row("memory", "Thread", reason="macOS has no limits")],
        "Not shown here, because macOS has no limits: memory in Pool and Thread.",
    ),
}


@pytest.mark.parametrize("case", SENTENCES)
def test_sentence(case):
    """The sentence says of every outcome where it was seen, and of no outcome that was not."""
    rows, sentence = SENTENCES[case]
    assert charts.show(made(*rows)).sentence == sentence


def test_the_lessons_sentence():
    """Workers with the same faults are said together."""
    assert charts.show(made()).sentence == (
        "The whole program ended: segfault in Thread and ThreadPoolExecutor. "
        "The program could not end: hang in Thread and ThreadPoolExecutor. "
        "The caller was told nothing: raise in Thread. "
        "The caller got nothing within 1.5 s: segfault and hang in Pool; "
        "hang in Thread, ThreadPoolExecutor and ProcessPoolExecutor. "
        "The other worker's task was lost, although the program went on: segfault in ProcessPoolExecutor. "
        "In 3 of 12 cases the caller got the error and everything else went on."
    )


def test_table():
    """The table has a row for each case, with the words of the picture."""
    frame = charts.table(made())
    assert list(frame.columns) == ["fault", "worker", *drawn.COLUMNS] and len(frame) == 12
    assert frame.iloc[0].tolist() == ["raise", "Thread", *CELLS["raise", "Thread"]]
