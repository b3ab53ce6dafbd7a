"""The races drawn: bars, alt text and sentences, from made rows."""

import re

import pytest
from matplotlib.figure import Figure

from conc_lab.drawing import picture as charts
from conc_lab.experiments.races import chart as drawn
from conc_lab.experiments.races.measure import LOCKS, METHODS, ORDERS


def axes(result):
    return drawn.CHARTS["races"](result, None, None)[0].axes


def names(ax):
    return [tick.get_text() for tick in ax.get_yticklabels()]


def said(result):
    return drawn.CHARTS["races"](result, None, None)[2]


def races_chart():
    """A panel for each method, a bar for each way and lock, as long as the share that was counted."""
    handshake, _, plain, deadlock = axes(WHOLE)
    assert handshake.get_title(loc="left") == "handshake: the loss made certain"
    assert names(handshake) == [
        "threads, no lock",
        "threads, lock",
        "processes, own memory",
        "processes, shared memory, no lock",
        "processes, shared memory, lock",
        "threads with a queue",
    ]
    assert [bar.get_width() for bar in handshake.patches] == pytest.approx([50, 100, 100, 50, 100, 100])
    assert [text.get_text() for text in handshake.texts][:2] == ["500 of 1,000 lost", "none of 1,000 lost"]
    assert plain.texts[0].get_text() == "none of 2,000 lost"
    assert names(deadlock) == ["opposite order", "same order"]
    assert [bar.get_width() for bar in deadlock.patches] == pytest.approx([0, 100])
    assert [text.get_text() for text in deadlock.texts] == ["2 of 2 threads gave up", "none of 2 threads gave up"]
    assert deadlock.get_xlabel() == "counted (dashed: expected)"
    assert all(ax.lines[0].get_xdata()[0] == 100 for ax in axes(WHOLE))


def test_colour_never_stands_alone():
    """What has no lock, or no order, is hatched, and every bar has its name and its figure beside it."""
    for ax in axes(WHOLE):
        bad = [name.endswith(("no lock", "opposite order")) for name in names(ax)]
        assert [bool(bar.get_hatch()) for bar in ax.patches] == bad
        assert len(ax.texts) == len(ax.patches)
        assert all(text.get_fontsize() >= 10 for text in [*ax.texts, *ax.get_yticklabels()])


def test_alt_text_holds_every_bar():
    """The alt text names every bar with what was lost of what was expected."""
    alt = charts.show(WHOLE).alt
    for words in (
        "Handshake: the loss made certain. Threads, no lock: 500 of 1,000 lost; threads, lock: none of 1,000 lost;",
        "processes, shared memory, no lock: 321 of 1,000 lost",
        "Opposite order: 2 of 2 threads gave up; same order: none of 2 threads gave up.",
    ):
        assert words in alt
    assert alt.count(" lost") == 18


def test_sentence_of_a_whole_run():
    """The sentence says by each method what was lost without a lock, with one, and where nothing is shared."""
    words = said(WHOLE)
    assert words.startswith(
        "With the loss made certain: without a lock threads lost 500 of 1,000 updates and processes that share memory "
        "lost 500 of 1,000 updates; with a lock none; none where one worker alone touches a count ("
    )
    assert "With a call between read and write: without a lock threads lost 321 of 1,000" in words
    assert "By plain +=: without a lock threads lost none of 2,000 updates" in words
    assert words.endswith("Two locks taken in the same order: all 2 threads got both.")


PLAIN = {
    "none lost, GIL": (0, True, "no promise"),
    "some lost, GIL": (7, True, "the GIL does not make += between threads safe"),
    "some lost, no GIL": (7, False, "This Python has no GIL: nothing keeps"),
    "none lost, no GIL": (0, False, "was luck"),
}


@pytest.mark.parametrize("case", PLAIN)
def test_sentence_about_plain(case):
    """What plain += did between threads is put down to this Python: its GIL, or having none."""
    lost, gil, reason = PLAIN[case]
    words = said(made(row("plain", lost=lost), row("plain", lock="lock"), gil=gil))
    others = [other for _, _, other in PLAIN.values() if other != reason]
    assert reason in words and not any(other in words for other in others)


CASES = [(1, None, 0, True), (1, None, 9, False), (2, None, 0, False), (1, 1.0, 0, False)]


@pytest.mark.parametrize("usable, quota, lost, told", CASES)
def test_sentence_on_one_cpu(usable, quota, lost, told):
    """On one CPU, but not under a limit of one CPU's time, processes that lost nothing are said to take long turns."""
    result = made(row("plain", "shared", lost=lost), row("plain", "shared", "lock"), usable=usable, quota=quota)
    assert ("One usable CPU" in said(result)) == told


ODD = {
    "a lock that does not help": ([row(lost=9), row(lock="lock", lost=3)], "with a lock 3."),
    "an owner that loses": ([row(way="queue", lost=4)], ": 4 where one worker alone"),
    "one thread gives up": ([row("deadlock", lock="same order", lost=1, expected=2)], "same order: 1 of 2 threads"),
    "no deadlock": ([row("deadlock", lock="opposite order", expected=2)], "opposite orders: all 2 threads got both"),
}


@pytest.mark.parametrize("case", ODD)
def test_sentence_of_what_should_not_happen(case):
    """The sentence is computed: it would tell a lock that does not help as well."""
    rows, words = ODD[case]
    assert words in said(made(*rows))


@pytest.mark.parametrize("pick", METHODS)
def test_a_run_of_one_method(pick):
    """A run of one method is one panel, with a sentence of its own."""
    result = made(*[item for item in WHOLE.rows if item["method"] == pick])
    (ax,) = axes(result)
    assert ax.patches and ax.get_title(loc="left").startswith(pick)
    picture = charts.show(result)
    assert re.match("[A-Z].*[.]$", picture.sentence) and re.match("[A-Z].*[.]$", picture.alt)


def test_an_axes_of_ones_own():
    """`plot_races(result, ax)` draws one method on the axes it is given and returns it."""
    ax = Figure().add_subplot()
    assert drawn.plot_races(WHOLE, ax, "plain") is ax and len(ax.patches) == 6
    assert len(drawn.plot_races(WHOLE).patches) == 6


def test_table():
    """The table has a line for each bar."""
    table = charts.table(WHOLE)
    assert len(table) == 20 and list(table.lost)[:3] == [500, 0, 0]
    assert set(table.lock) == {*LOCKS, *ORDERS}
    assert table["rounds with a loss"].sum() == 5
