"""Charts of the memory experiment: pictures by their artists, alt text and sentences, from rows with known figures."""

import pytest
from test_memory import row

from conc_lab.drawing import picture as charts
from conc_lab.experiments.memory import chart as drawn
from conc_lab.experiments.memory.measure import MB


def memory_chart():
    """What was added stands above what one worker has to itself, a column for each touch, a line for each kind."""
    figure, alt, _ = drawn.CHARTS["memory"](TYPICAL, None, None)
    top, own = figure.axes
    assert top.get_ylabel() == "added to the\nmachine, MB (PSS)" and own.get_ylabel() == "one worker's\nown, MB (USS)"
    lines = {line.get_label(): line for line in top.lines}
    assert list(lines) == ["threads", "fork", "spawn"]
    assert lines["spawn"].get_xydata().tolist() == [[1, 17], [2, 26], [4, 44]]
    assert [line.get_label() for line in own.lines] == ["fork", "spawn"]
    assert all(line.get_ydata().max() < ax.get_ylim()[1] for ax in figure.axes for line in ax.lines)
    assert "spawn 17.0 MB with 1, 26.0 MB with 2, 44.0 MB with 4, one worker's own 8.5, 8.5, 8.5 MB" in alt
    figure, alt, _ = drawn.CHARTS["memory"](TOUCHED, None, TOUCHED)
    assert [ax.get_title() for ax in figure.axes] == ["untouched", "read", "", ""]
    untouched, read = ({line.get_label(): line for line in ax.lines} for ax in figure.axes[:2])
    assert list(untouched["fork"].get_ydata()) == [5] and list(read["fork"].get_ydata()) == [170]
    assert list(untouched["the size of the data"].get_ydata()) == [100, 100]
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim() and figure.axes[0].get_ylim()[1] > 170
    assert "fork, run before" in untouched and "The run before" in alt
    flat = result(row("fork", 1, 3, size=100), parent_data="bytes")
    assert (
        drawn.CHARTS["memory"](flat, None, None)[0].axes[0].get_ylim()[1] > 100
    )  # as high as for data that are copied


def meters_chart():
    """The summed RSS stands beside the summed PSS, for the most workers of each kind and touch."""
    (ax,) = drawn.CHARTS["meters"](TYPICAL, None, None)[0].axes
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["4 threads", "4 fork processes", "4 spawn processes"]
    rss, pss = ax.containers
    assert [bar.get_width() for bar in rss] == pytest.approx([0.08, 69, 72])
    assert [bar.get_width() for bar in pss] == pytest.approx([0.08, 11, 44])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["RSS, summed", "PSS, summed"]
    (ax,) = drawn.CHARTS["meters"](TOUCHED, None, None)[0].axes
    assert ax.get_yticklabels()[-1].get_text() == "2 fork processes\nread"


def test_the_sentence():
    """It says what one worker more adds, and what the helpers add once."""
    words = charts.show(TYPICAL).sentence
    assert words == (
        "One worker more adds: a thread under 0.1 MB, a fork process 2.5 MB, a spawn process 9.0 MB. "
        "What spawn starts beside its workers adds 8.0 MB, once."
    )


@pytest.mark.parametrize("own, pages", [(82, "the pages were copied for it"), (2.5, "the pages stay shared")])
def test_the_sentence_of_touches(own, pages):
    """It says what reading did to a forked worker's own memory, and whether the pages were copied."""
    rows = [TOUCHED.rows[0], TOUCHED.rows[1] | {"worker_uss_bytes": own * MB}]
    words = charts.show(result(*rows, parent_data="ints")).sentence
    assert (
        "each worker adds, its helpers included, if each leaves the data alone: a fork process 2.5 MB."
        in words.lower().replace(" mb", " MB")
    )
    assert f"has 2.0 MB to itself when it leaves the data alone and {own:.1f} MB when it has read it: {pages}." in words


def test_the_sentence_without_pss():
    """Where PSS, or even USS, is missing, the sentence begins with that, and with what is shown."""
    for lacks, shown in ((("pss",), "USS"), (("pss", "uss"), "RSS")):
        found = result(row("threads", 1, 3, lacks=lacks), row("fork", 1, 5, lacks=lacks))
        assert charts.show(found).sentence.startswith(f"X does not say: no PSS, so {shown} is shown. Each worker adds")
        assert f"MB ({shown})" in drawn.CHARTS["memory"](found, None, None)[0].axes[0].get_ylabel()
        assert charts.show(found, "meters").sentence
    assert "RSS only" in charts.show(found, "meters").sentence


def test_the_sentence_of_the_meters():
    """It names the case in which the sum of RSS goes farthest beyond PSS, or says that they agree."""
    assert charts.show(TYPICAL, "meters").sentence == (
        "For 4 fork processes the sum of RSS says 69.0 MB, and PSS 11.0 MB: "
        "RSS counts a page that processes share once in each of them."
    )
    assert "2 fork processes (untouched)" in charts.show(TOUCHED, "meters").sentence
    assert "agree" in charts.show(result(row("threads", 1, 0.1)), "meters").sentence


def test_threads_alone():
    """A run of threads alone has no chart of what a worker has to itself."""
    assert len(drawn.CHARTS["memory"](result(row("threads", 1, 0.1)), None, None)[0].axes) == 1


def test_the_table():
    """The table has a row for each variant, with the figures that are drawn."""
    table = charts.table(TYPICAL)
    assert list(table["workers"])[-1] == "4 spawn processes" and list(table["added, PSS MB"])[-1] == "44.0"
    assert table["one worker's own, USS MB"][0] == "–"


@pytest.mark.parametrize("value, words", [(0, "under 0.1"), (-90_000, "under 0.1"), (2.345e6, "2.3"), (123.4e6, "123")])
def test_megabytes(value, words):
    """Megabytes have a digit below a hundred, and none are given where pages of other programs decide."""
    assert drawn.megabytes(value) == words
