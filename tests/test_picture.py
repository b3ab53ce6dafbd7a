"""What all charts share: the picture and its place on a page, what is laid over it, the look, and figures in words."""

import dataclasses
import re
import subprocess
import sys
import threading

import helpers
import matplotlib
import pandas
import pytest
from made import echo, memory, races, switches
from made.results import TWO, TYPICAL, MadeBet, made
from made.startup import made_startup
from matplotlib.backends.backend_agg import FigureCanvasAgg

from conc_lab.drawing import kit, picture, words
from conc_lab.engine import experiment, kinds
from conc_lab.engine.errors import LabError
from conc_lab.engine.result import recording


def maker(name, chart=None):
    """The function that draws this experiment's chart, by default its own."""
    return getattr(experiment.part(name, "chart"), f"{chart or name}_chart")


def test_every_chart_is_drawn():
    """Every experiment has a table and a chart of its own name, and each of its charts is a picture with words."""
    for name in experiment.names():
        recorded = recording(name)
        charts = list(picture.charts(recorded))
        assert name in charts and len(picture.table(recorded)), name
        for chart in charts:
            drawn = picture.show(recorded, chart)
            assert drawn.png.startswith(b"\x89PNG")
            for text in (drawn.alt, drawn.sentence):
                assert text.endswith(".") and not text.endswith("..") and "\n" not in text, text
                assert not text[0].islower() and "nan" not in text and "None" not in text, text


def test_the_table(monkeypatch):
    """The table is the summary less its figures in words, with three digits, in units and names that read well."""
    frame = pandas.DataFrame({"kind": ["threads"], "wall_s": [0.00123456], "tasks": [12345], "rss_bytes": [4567890]})
    monkeypatch.setattr(picture.experiment.part("speedup", "chart"), "summary", lambda result: frame.assign(figure="1"))
    table = picture.table(made(TYPICAL))
    assert list(table.columns) == ["kind", "wall ms", "tasks", "rss MB"]
    assert table.to_numpy().tolist() == [["threads", 1.23, 12345, 4.57]]
    monkeypatch.setattr(
        picture.experiment.part("speedup", "chart"), "summary", lambda result: frame.set_index("kind")[["tasks"]]
    )
    assert picture.table(made(TYPICAL)).to_numpy().tolist() == [["threads", 12345]]


def test_the_picture_on_a_page():
    """A chart is an image with alt text, its sentence and any recording under it; as text it is the sentence."""
    drawn = picture.show(made(TYPICAL))
    shown = drawn._repr_html_()
    assert re.search(r'<img alt="Speedup of count_primes[^"]*" src="data:image/png;base64,', shown)
    assert repr(drawn) == drawn.sentence and "<p>2 threads" in shown and shown.count("<img") == 1
    both = picture.show(made(TYPICAL), recorded=made(TWO, usable=16))
    assert both.beside.alt.startswith("Recorded on 2026-01-31 with 16 usable CPUs, Linux, Python 3.14.0. Speedup of")
    assert both._repr_html_().count("<img") == 2


def test_a_task_of_any_name():
    """A task's name cannot put markup or the end of an attribute on the page, and is not drawn as mathematics."""
    for task in ("<script>alert(1)</script>", 'x" onerror="alert(1)', "$\\frac$"):
        shown = picture.show(made(TWO, task=task), "speedup")._repr_html_()
        assert "<script" not in shown and '" onerror' not in shown and "<img" in shown, task
    assert "<i>" not in picture.Picture(b"", "<i>", "<i>")._repr_html_()


def test_what_cannot_be_drawn():
    """A chart that does not exist, and an experiment of another version, are sentences that list those that do."""
    with pytest.raises(LabError, match="speedup has no chart 'pie'; its charts are: speedup, setup"):
        picture.show(made(TYPICAL), "pie")
    with pytest.raises(LabError, match="unknown experiment 'other'; one of: advise"):
        picture.show(dataclasses.replace(made(TYPICAL), experiment="other"))
    with pytest.raises(LabError, match=r"bet must be what lab.bet\(\) or lab.question\(\) returns, got 'first'"):
        picture.show(made(TYPICAL), bet="first")


def test_rows_that_are_missing():
    """A result that lacks some of its rows is told so, with what went wrong unfolded, whichever chart is asked for."""
    whole = made(TYPICAL)
    part = dataclasses.replace(whole, rows=[row for row in whole.rows if row["kind"] == "serial"])
    for chart in picture.charts(part):
        with pytest.raises(LabError, match="these are not the rows of a whole speedup run") as caught:
            picture.show(part, chart)
        assert "Traceback" in caught.value.detail


def test_one_chart_is_drawn_at_a_time():
    """A chart asked for in another thread waits until the one being drawn is done."""
    done, other = [], None

    def second():
        done.append("second")
        return kit.figure(), "alt", "sentence"

    def first():
        nonlocal other
        other = threading.Thread(target=picture.drawn, args=(second,))
        other.start()
        other.join(0.1)  # without a lock it would mostly be done by then
        done.append("first")
        return kit.figure(), "alt", "sentence"

    picture.drawn(first)
    other.join(helpers.LIVENESS_S)
    assert done == ["first", "second"]


def test_settings_of_matplotlib_stay():
    """Drawing changes none of the settings that a student's own charts use, nor what a cell sets meanwhile."""
    with matplotlib.rc_context({"font.size": 7, "axes.spines.top": True}):
        before = dict(matplotlib.rcParams)
        picture.show(made(TYPICAL))
        assert dict(matplotlib.rcParams) == before

        def meanwhile():
            assert dict(matplotlib.rcParams) == before
            matplotlib.rcParams["font.size"] = 8
            return kit.figure(), "alt", "sentence"

        picture.drawn(meanwhile)
        assert matplotlib.rcParams["font.size"] == 8


def test_no_pyplot():
    """Charts are drawn without pyplot: a student's figures are not touched, and none stays open."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from made.results import TYPICAL, made; "
        "from conc_lab.drawing import picture; [picture.show(made(TYPICAL), name) for name in ('speedup', 'setup')]; "
        "assert 'matplotlib.figure' in sys.modules and 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, helpers.TESTS], check=True, timeout=helpers.LIVENESS_S)


def test_the_look_is_the_figures_own():
    """Axes are named in one size, without a frame at the top and right, and take no name for mathematics."""
    seen = []

    def two_axes():
        figure = kit.figure()
        top, below = figure.subplots(2, 1)
        below.tick_params(axis="y", labelsize=9)
        top.set_xlabel("$x$")
        seen.append(figure)
        return figure, "alt", "sentence"

    picture.drawn(two_axes)
    top, below = seen[0].axes
    for ax in (top, below):
        assert [name for name, spine in ax.spines.items() if spine.get_visible()] == ["left", "bottom"]
        assert ax.xaxis.label.get_size() == ax.yaxis.label.get_size() == ax.get_xticklabels()[0].get_size() == 11
    assert (top.get_yticklabels()[0].get_size(), below.get_yticklabels()[0].get_size()) == (11, 9)
    assert not top.xaxis.label.get_parse_math()


def test_no_kind_of_worker_is_told_by_colour_alone():
    """No two kinds of worker have one marker or one colour, and none has the marker of a bet."""
    looks = [*kit.LOOKS.values(), kit.BET]
    assert kit.LOOKS.keys() == {"serial", "processes", *kinds.KINDS}
    for quality in ("marker", "color"):
        assert len({look[quality] for look in looks}) == len(looks), quality


def test_a_legend_fits():
    """However much is laid over a chart, its legend is not wider than the picture."""
    heavy, one = made_startup(imports={"asyncio": 20}), made(TYPICAL, control=1.2)
    every = made({(kind, 2): 1.5 for kind in kinds.KINDS}, task="zlib")
    for figure, *_ in (
        maker("memory")(memory.TOUCHED, None),
        maker("startup")(heavy, MadeBet(("processes", 1, 9.0))),
        maker("startup", "breakeven")(heavy, None),
        maker("speedup")(one, MadeBet(("threads", 1, 1.0))),
        maker("speedup")(every, MadeBet(("threads", 2, 1.0))),
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
    result, bet = echo.made(), MadeBet(words="About twice as long")
    drawn = picture.show(result, bet=bet)
    for text in (drawn.alt, drawn.sentence):
        assert text.endswith(". Your bet: About twice as long.")
    assert picture.show(result, bet=MadeBet()) == picture.show(result)
    points = MadeBet(("threads", 2, 1.5), words="Faster")
    drawn = picture.show(made(TYPICAL), bet=points)
    assert "Faster" not in drawn.alt + drawn.sentence
    assert picture.show(made(TYPICAL), "setup", points).alt.endswith("Your bet: Faster.")


def test_one_cpu_gets_a_recording(monkeypatch):
    """Where one CPU cannot show the point, a recording of the same with all of the methods stands below."""
    there = dataclasses.replace(races.WHOLE, params={"methods": ["handshake", "call"]})
    recordings = {"echo": echo.made(), "races": there}
    monkeypatch.setattr(picture, "recording", lambda name, gil, task: recordings.get(name))
    for result, stands in (
        (echo.made(usable=1), True),
        (echo.made(usable=2), False),
        (switches.made(usable=1), False),  # there is no recording of it
        (made_startup(usable_cpus=1), False),  # shows its point on one CPU too
    ):
        assert (picture._recorded_beside(result) is not None) == stands, result.experiment
    one = races.WHOLE.machine | {"usable_cpus": 1}
    for methods, stands in ((["handshake"], True), (["handshake", "call"], True), (["plain"], False)):
        result = dataclasses.replace(races.WHOLE, params={"methods": methods}, machine=one)
        assert (picture._recorded_beside(result) is not None) == stands, methods
    assert "Recorded on" in picture.show(dataclasses.replace(races.WHOLE, params=there.params, machine=one)).beside.alt


def test_figures_in_words():
    """Times, lists and workers are said in one way by every chart."""
    durations = {
        8e-7: "0.8 µs", 4.96e-6: "5 µs", 9.94e-6: "9.9 µs", 9.96e-6: "10 µs", 999.4e-6: "999 µs", 999.6e-6: "1 ms",
        5.1e-3: "5.1 ms", 0.1234: "123 ms", 0.9996: "1 s", 1.254: "1.25 s", 1234: "1,230 s",
    }  # fmt: skip
    assert {seconds: words.duration(seconds) for seconds in durations} == durations
    assert [words.listed(list(things)) for things in ("a", "ab", "abc")] == ["a", "a and b", "a, b and c"]
    names = {
        ("serial", 1): "serial", ("threads", 1): "1 thread", ("processes", 2): "2 processes",
        ("spawn", 2): "2 spawn processes", ("asyncio", 2): "2 asyncio tasks",
    }  # fmt: skip
    assert {variant: words.name(*variant) for variant in names} == names
    ones = {"threads": "a thread", "interpreters": "an interpreter", "fork": "a fork process"}
    assert {kind: words.one(kind) for kind in ones} == ones
    asked, not_asked = (dataclasses.replace(made(TYPICAL), processes=processes) for processes in ("fork", None))
    labels = [words.label(*each) for each in (("processes", asked), ("threads", asked), ("processes", not_asked))]
    assert labels == ["processes (fork)", "threads", "processes"]
