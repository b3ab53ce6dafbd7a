"""What all charts share: the picture and its place on a page, what is laid over it, the look, and figures in words."""

import dataclasses
import importlib
import re
import subprocess
import sys
import threading

import helpers
import matplotlib
import pytest
from made import memory, races, switching
from made.results import TWO, TYPICAL, MadeBet, made
from made.startup import made_startup
from matplotlib.backends.backend_agg import FigureCanvasAgg

from conc_lab.drawing import picture as charts
from conc_lab.engine import pools as executors, experiment as experiments
from conc_lab.drawing import kit as style
from conc_lab.engine.errors import LabError
from conc_lab.engine.result import recording


def maker(name, chart=None):
    """The function that draws this experiment's chart, by default its own."""
    return importlib.import_module(f"conc_lab.charts.{name}").CHARTS[chart or name]


def test_every_chart_is_drawn():
    """Every experiment has a table and a chart of its own name, and each of its charts is a picture with words."""
    for name in experiments.NAMES:
        recorded = recording(name)
        names = list(importlib.import_module(f"conc_lab.charts.{name}").CHARTS)
        assert names[0] == name and len(charts.table(recorded)), name
        for chart in names:
            picture = charts.show(recorded, chart)
            assert picture.png.startswith(b"\x89PNG")
            for words in (picture.alt, picture.sentence):
                assert words.endswith(".") and not words.endswith("..") and "\n" not in words, words
                assert not words[0].islower() and "nan" not in words and "None" not in words, words


def test_the_picture_on_a_page():
    """A chart is an image with alt text, and its sentence stands under it; as text it is the sentence."""
    picture = charts.show(made(TYPICAL))
    shown = picture._repr_html_()
    assert re.search(r'<img alt="Speedup of count_primes[^"]*" src="data:image/png;base64,', shown)
    assert repr(picture) == picture.sentence and "<p>2 threads" in shown


def test_a_task_of_any_name():
    """A task's name cannot put markup or the end of an attribute on the page, and is not drawn as mathematics."""
    for task in ("<script>alert(1)</script>", 'x" onerror="alert(1)', "$\\frac$"):
        shown = charts.show(made(TWO, task=task), "speedup")._repr_html_()
        assert "<script" not in shown and '" onerror' not in shown and "<img" in shown, task
    assert "<i>" not in charts.Picture(b"", "<i>", "<i>")._repr_html_()


def test_what_cannot_be_drawn():
    """A chart that does not exist, and an experiment of another version, are sentences that list those that do."""
    with pytest.raises(LabError, match="speedup has no chart 'pie'; its charts are: speedup, setup"):
        charts.show(made(TYPICAL), "pie")
    with pytest.raises(LabError, match="no experiment 'other'; it has: "):
        charts.show(dataclasses.replace(made(TYPICAL), experiment="other"))


def test_one_chart_is_drawn_at_a_time():
    """A chart asked for in another thread waits until the one being drawn is done."""
    done, other = [], None

    def second():
        done.append("second")
        return style.figure(), "alt", "sentence"

    def first():
        nonlocal other
        other = threading.Thread(target=charts.drawn, args=(second,))
        other.start()
        other.join(0.1)  # without a lock it would mostly be done by then
        done.append("first")
        return style.figure(), "alt", "sentence"

    charts.drawn(first)
    other.join(helpers.LIVENESS_S)
    assert done == ["first", "second"]


def test_settings_of_matplotlib_stay():
    """Drawing changes none of the settings that a student's own charts use, nor what a cell sets meanwhile."""
    with matplotlib.rc_context({"font.size": 7, "axes.spines.top": True}):
        before = dict(matplotlib.rcParams)
        charts.show(made(TYPICAL))
        assert dict(matplotlib.rcParams) == before

        def meanwhile():
            assert dict(matplotlib.rcParams) == before
            matplotlib.rcParams["font.size"] = 8
            return style.figure(), "alt", "sentence"

        charts.drawn(meanwhile)
        assert matplotlib.rcParams["font.size"] == 8


def test_no_pyplot():
    """Charts are drawn without pyplot: a student's figures are not touched, and none stays open."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from made.results import TYPICAL, made; "
        "from conc_lab import charts; [charts.show(made(TYPICAL), name) for name in ('speedup', 'setup')]; "
        "assert 'matplotlib.figure' in sys.modules and 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, helpers.TESTS], check=True, timeout=helpers.LIVENESS_S)


def test_the_look_is_the_figures_own():
    """Axes are named in one size, without a frame at the top and right, and take no name for mathematics."""
    seen = []

    def two_axes():
        figure = style.figure()
        top, below = figure.subplots(2, 1)
        below.tick_params(axis="y", labelsize=9)
        top.set_xlabel("$x$")
        seen.append(figure)
        return figure, "alt", "sentence"

    charts.drawn(two_axes)
    top, below = seen[0].axes
    for ax in (top, below):
        assert [name for name, spine in ax.spines.items() if spine.get_visible()] == ["left", "bottom"]
        assert ax.xaxis.label.get_size() == ax.yaxis.label.get_size() == ax.get_xticklabels()[0].get_size() == 11
    assert (top.get_yticklabels()[0].get_size(), below.get_yticklabels()[0].get_size()) == (11, 9)
    assert not top.xaxis.label.get_parse_math()


def test_no_kind_of_worker_is_told_by_colour_alone():
    """No two kinds of worker look alike or have one marker; a worker in the singular looks like its kind."""
    looks = [tuple(look.values()) for kind, look in style.STYLES.items() if kind not in ("thread", "interpreter")]
    assert len(set(looks)) == len(looks) and len({marker for _, marker in looks}) == len(looks)
    for kinds in (executors.KINDS, ("thread", "interpreter", *executors.START_METHODS)):  # drawn in one chart
        assert len({style.STYLES[kind]["color"] for kind in kinds}) == len(kinds)
    assert style.STYLES["thread"] == style.STYLES["threads"]
    assert style.STYLES["interpreter"] == style.STYLES["interpreters"]


def test_a_legend_fits():
    """However much is laid over a chart, its legend is not wider than the picture."""
    heavy, once = made_startup(imports={"asyncio": 20}), made(TYPICAL, control=1.2)
    every, other = (made({(kind, 2): 1.5 for kind in executors.KINDS}, task=task) for task in ("zlib", "count_primes"))
    for figure, *_ in (
        maker("memory")(memory.TOUCHED, None, memory.TOUCHED),
        maker("startup")(heavy, MadeBet(("processes", 1, 9.0)), heavy),
        maker("startup", "breakeven")(heavy, None, None),
        maker("speedup")(once, MadeBet(("threads", 1, 1.0)), once),
        maker("speedup")(every, MadeBet(("threads", 2, 1.0)), other),
    ):
        renderer = FigureCanvasAgg(figure).get_renderer()
        figure.draw(renderer)
        legends = [legend for legend in (*figure.legends, *(ax.get_legend() for ax in figure.axes)) if legend]
        assert legends
        for legend in legends:
            box = legend.get_window_extent(renderer)
            assert box.x0 >= 0 and box.x1 <= figure.bbox.x1


def test_a_bet_that_cannot_be_drawn_is_said():
    """A bet that the chart has no place for stands in its alt text and sentence in words, once it has an answer."""
    result, bet = switching.echo(), MadeBet(said="About twice as long")
    picture = charts.show(result, bet=bet)
    for words in (picture.alt, picture.sentence):
        assert words.endswith(". Your bet: About twice as long.")
    assert charts.show(result, bet=MadeBet()) == charts.show(result)
    points = MadeBet(("threads", 2, 1.5), said="Faster")
    drawn = charts.show(made(TYPICAL), bet=points)
    assert "Faster" not in drawn.alt + drawn.sentence
    assert charts.show(made(TYPICAL), "setup", points).alt.endswith("Your bet: Faster.")


def test_a_recording_stands_below():
    """A recording that is asked for is drawn below the chart, and says when and on what it was recorded."""
    picture = charts.show(made(TYPICAL), recorded=made(TWO, usable=16))
    assert picture.beside.alt.startswith("Recorded on 2026-01-31 with 16 usable CPUs, Linux, Python 3.14.0. Speedup of")
    assert picture._repr_html_().count("<img") == 2 and charts.show(made(TYPICAL)).beside is None


def test_one_cpu_gets_a_recording(monkeypatch):
    """Where one CPU cannot show the point, a recording of the same question with all of the methods stands below."""
    there = dataclasses.replace(races.WHOLE, params={"methods": ["handshake", "call"]})
    recordings = {"echo": switching.echo(), None: there}
    monkeypatch.setattr(charts, "recording", lambda name, gil, question=None: recordings.get(question))
    for result, stands in (
        (switching.echo(usable=1), True),
        (switching.echo(usable=2), False),
        (switching.counts(usable=1), False),  # no recording of this question
        (made_startup(usable_cpus=1), False),  # shows its point on one CPU too
    ):
        assert (charts.show(result).beside is not None) == stands, result.experiment
    one = races.WHOLE.machine | {"usable_cpus": 1}
    for methods, stands in ((["handshake"], True), (["handshake", "call"], True), (["plain"], False)):
        result = dataclasses.replace(races.WHOLE, params={"methods": methods}, machine=one)
        assert (charts.show(result).beside is not None) == stands, methods
    recordings[None] = dataclasses.replace(there, machine=one)
    assert charts.show(recordings[None]).beside is None


def test_figures_in_words():
    """Times, lists and workers are said in one way by every chart."""
    durations = {
        8e-7: "0.8 µs", 4.96e-6: "5 µs", 9.94e-6: "9.9 µs", 9.96e-6: "10 µs", 999.4e-6: "999 µs", 999.6e-6: "1 ms",
        5.1e-3: "5.1 ms", 0.1234: "123 ms", 0.9996: "1 s", 1.254: "1.25 s", 1234: "1,230 s",
    }  # fmt: skip
    assert {seconds: style.duration(seconds) for seconds in durations} == durations
    assert [style.listed(list(things)) for things in ("a", "ab", "abc")] == ["a", "a and b", "a, b and c"]
    names = {
        ("serial", 1): "serial", ("threads", 1): "1 thread", ("processes", 2): "2 processes",
        ("spawn", 2): "2 spawn processes", ("asyncio", 2): "2 asyncio tasks",
    }  # fmt: skip
    assert {variant: style.name(*variant) for variant in names} == names
    ones = {"thread": "a thread", "interpreters": "an interpreter", "fork": "a fork process"}
    assert {kind: style.one(kind) for kind in ones} == ones
