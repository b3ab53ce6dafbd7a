"""The charts of transfer: artists, alt text and sentences, from rows with known times."""

import pytest
from matplotlib.figure import Figure
from test_transfer import CROSSINGS

from conc_lab.drawing import picture as charts
from conc_lab.student import panel as panels
from conc_lab.drawing import kit as style
from conc_lab.experiments.transfer import chart as drawn


def sentence(times, **more):
    return drawn.CHARTS["transfer"](result_of(times, **more), None, None)[2]


def test_sentence():
    """The sentence gives each way's fixed cost, its time at the largest size and its rate, and who wins where."""
    assert sentence(THOUSANDTH) == (
        "Thread, by a reference: 20 µs for 1 kB, 20 µs for 100 kB; "
        "process, by a pickle through a pipe: 1 ms for 1 kB, 100 ms for 100 kB (1 MB/s); "
        "process, by a new shared block: 4 ms for 1 kB, 20 ms for 100 kB (6.2 MB/s). "
        "A new block was slower than the pipe in every round up to 1 kB and faster than the pipe in every round "
        "from 10 kB on."
    )


@pytest.mark.parametrize(("times", "found"), CROSSINGS.values(), ids=CROSSINGS)
def test_sentence_of_every_crossing(times, found):
    """What is said of a block and the pipe is what `crossing` found, and nothing where there is no pipe."""
    said = sentence(times)
    lost, won = found
    assert ("slower than the pipe in every round up to" in said) == bool(lost)
    assert ("faster than the pipe in every round from" in said) == bool(won)
    assert ("at the largest size not in all" in said) == ("pickle" in times and not lost and not won)


def test_sentence_of_one_size():
    """With one size there is one time each, and no rate."""
    said = sentence({"pickle": [1e-3], "same block": [2e-3]}, sizes=(1000,))
    assert said.startswith("Process, by a pickle through a pipe: 1 ms for 1 kB; process, by the same block again: 2 ms")
    assert "MB/s" not in said


def test_a_reference_has_no_rate():
    """However a reference's times may scatter, they are not turned into bytes in a second."""
    assert "MB/s" not in sentence({"reference": [1e-6, 1e-3, 1e-3]})


@pytest.mark.parametrize(
    ("chunks", "said"),
    [
        ({1: 60e-6, 10: 8e-6, 100: 1e-6}, "took 60 µs, with 100 it took 1 µs, 60× as many tasks in the same time."),
        ({1: 6e-6, 10: 6e-6}, "took 6 µs, with 10 it took 6 µs, which is no less."),
        ({5: 6e-6}, "With five tasks in a message a small task took 6 µs."),
    ],
)
def test_sentence_of_chunks(chunks, said):
    """The sentence compares the smallest chunk with the largest, if there are two."""
    text = drawn.CHARTS["chunks"](result_of(THOUSANDTH, chunks=chunks), None, None)[2]
    assert text.endswith(said)


def transfer_chart():
    """Both axes are logarithmic; each way has its marker and a line through its medians; sizes are named."""
    (ax,) = drawn.CHARTS["transfer"](result_of(THOUSANDTH), None, None)[0].axes
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [drawn.WAYS[way][0] for way in THOUSANDTH]
    lines = [line for line in ax.lines if not line.get_label().startswith("_")]
    assert [list(line.get_ydata()) for line in lines] == list(THOUSANDTH.values())
    assert len({line.get_marker() for line in lines}) == len({line.get_color() for line in lines}) == 3
    ticks = [ax.xaxis.get_major_formatter()(place) for place in ax.xaxis.get_major_locator()()]
    assert ticks == ["1 kB", "10 kB", "100 kB"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("size of the object", "until the worker answers")


def chunks_chart():
    """The time a task is drawn against the tasks in a message, its medians written beside the points."""
    (ax,) = drawn.CHARTS["chunks"](result_of(THOUSANDTH), None, None)[0].axes
    assert [text.get_text() for text in ax.texts] == ["60 µs", "1 µs"]
    assert ax.get_xlabel() == "tasks in a message (chunksize)" and ax.get_ylabel() == "time per task"


def test_every_drawn_figure_is_in_the_alt_text():
    """The alt text holds every way with every median, and those of the run before where that is drawn."""
    result = result_of(THOUSANDTH)
    figure, alt, _ = drawn.CHARTS["transfer"](result, None, result_of({"pickle": [7e-3, 8e-3, 9e-3]}))
    for way, values in THOUSANDTH.items():
        listed = ", ".join(
            f"{size} {style.duration(v)}" for size, v in zip(["1 kB", "10 kB", "100 kB"], values, strict=True)
        )
        assert f"{drawn.WAYS[way][0]}: {listed}" in alt
    assert "The run before: process, by a pickle through a pipe: 1 kB 7 ms, 10 kB 8 ms, 100 kB 9 ms." in alt
    assert "run before" in [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    alt = drawn.CHARTS["chunks"](result, None, None)[1]
    assert alt == "Time of a small task against tasks in a message, medians: 60 µs with 1, 1 µs with 100."


def test_one_usable_cpu():
    """A result from one CPU is drawn and said like any other."""
    assert sentence(THOUSANDTH, usable=1) == sentence(THOUSANDTH)


@pytest.mark.parametrize("plot", [drawn.plot_transfer, drawn.plot_chunks])
def test_an_axes_of_ones_own(plot):
    """`plot_x(result, ax)` draws on the axes it is given and returns it."""
    ax = Figure().add_subplot()
    assert plot(result_of(THOUSANDTH), ax) is ax and ax.has_data()
    assert plot(result_of(THOUSANDTH)).has_data()


def test_medians_table():
    """The table has a line for each way and size and for each chunk, with time, rate and first reading."""
    table = charts.table(result_of(THOUSANDTH))
    assert len(table) == 3 * 3 + 2
    assert table.iloc[3].to_list() == ["1 kB", "process, by a pickle through a pipe", 1000.0, 1, 100.0]
    assert table.iloc[-1].to_list() == ["100 tasks a message", "process pool, by map", 1.0, "", ""]


def test_panel_counts_by_tens():
    """The sizes' control goes through powers of ten, so that one choice gives a whole range."""
    box = panels.panel("transfer")
    (most,) = [widget for widget in _all(box) if getattr(widget, "description", "") == "Sizes kb up to"]
    (text,) = [widget for widget in _all(box) if getattr(widget, "description", "") == "Sizes kb"]
    most.value = 10_000
    assert text.value == "1 10 100 1000 10000"


def _all(box):
    for child in getattr(box, "children", ()):
        yield child
        yield from _all(child)
