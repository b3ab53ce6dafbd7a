"""What all charts share: the picture and its place on a page, what is laid over it, the look, and figures in words."""

import dataclasses
import io
import itertools
import platform
import re
import subprocess
import sys
import threading

import helpers
import matplotlib
import numpy
import pandas
import pytest
from made import echo, memory, switches, timeline
from made.results import TWO, TYPICAL, MadeBet, made
from made.startup import made_startup
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba_array
from matplotlib.text import Text
from PIL import Image

from conc_lab.drawing import kit, picture, words
from conc_lab.engine import experiment, kinds
from conc_lab.engine.errors import LabError
from conc_lab.engine.result import recording


def maker(name, chart=None):
    """The function that draws this experiment's chart, by default its own."""
    return getattr(experiment.part(name, "chart"), f"{chart or name}_chart")


@pytest.fixture(scope="module")
def recorded_charts():
    """{(experiment, chart): (its figure, its picture)} of a recording of each."""
    found, finish = {}, kit.finish
    with pytest.MonkeyPatch.context() as patch:
        for name in experiment.names():
            for chart in picture.charts(recording(name)):
                figures = []
                patch.setattr(kit, "finish", lambda figure, figures=figures: [figures.append(figure), finish(figure)])
                drawn = picture.show(recording(name), chart)
                found[name, chart] = figures[0], drawn
    return found


def contrast(one, other):
    """WCAG's contrast of two colours, as red, green and blue from 0 to 1."""
    linear = [
        numpy.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) for c in map(numpy.array, (one, other))
    ]
    dark, light = sorted(float(color @ [0.2126, 0.7152, 0.0722]) for color in linear)
    return (light + 0.05) / (dark + 0.05)


def seen(artist, name, paper, theme):
    """The colours of this name that an artist shows on its paper, mixed with that as it lets it through."""
    colors = to_rgba_array(getattr(artist, f"get_{name}")(), artist.get_alpha())
    opaque = colors[:, 3:] * colors[:, :3] + (1 - colors[:, 3:]) * paper
    return theme(opaque)


THEMES = {"light": lambda colors: colors, "dark": kit.dark}


@pytest.mark.parametrize("theme", THEMES)
def test_what_is_drawn_stands_out(recorded_charts, theme):
    """In every chart each mark has a contrast of 3 and each text one of 4.5 against what it stands on."""
    white, theme = numpy.ones((1, 3)), THEMES[theme]
    (paper,) = theme(white)
    for chart, (figure, _) in recorded_charts.items():
        for ax in figure.axes:
            cells = [cell for table in ax.tables for cell in table.get_celld().values()]
            marks = [(line, ["color"] * (line.get_linestyle() != "None")) for line in ax.lines]
            marks += [
                (line, ["markerfacecolor", "markeredgecolor"]) for line in ax.lines if line.get_marker() != "None"
            ]
            marks += [(shape, ["facecolor", "edgecolor"]) for shape in [*ax.patches, *ax.collections]]
            for artist, names in marks:
                shown = [color for name in names for color in seen(artist, name, white, theme)]
                assert not names or max(contrast(color, paper) for color in shown) >= 3, (chart, artist)
            papers = [paper, *(seen(shape, "facecolor", white, theme)[0] for shape in [*cells, *ax.patches])]
            papers = [color for color in papers if contrast(color, paper) < 3]  # tables' and boxes'
            for text in [*figure.findobj(Text), *(cell.get_text() for cell in cells)]:
                (color,) = seen(text, "color", white, theme)
                on = papers if text.get_color() == "black" else [paper]  # a name in its line's colour
                assert min(contrast(color, below) for below in on) >= 4.5, (chart, text)


@pytest.mark.parametrize("theme", THEMES)
def test_pictures_have_the_colours(recorded_charts, theme):
    """What fills any place of a picture is paper or has a contrast of 3 to it; kinds have the theme's own colours."""
    white = numpy.ones((1, 3))
    (threads,) = THEMES[theme](to_rgba_array([kit.LOOKS["threads"]["color"]])[:, :3])
    for (name, chart), (_, drawn) in recorded_charts.items():
        image = Image.open(io.BytesIO(drawn.png if theme == "light" else drawn.dark))
        pixels, colors = numpy.asarray(image), numpy.reshape(image.getpalette(), (-1, 3)) / 255
        alike = (pixels[1:] == pixels[:-1])[:, 1:] & (pixels[:, 1:] == pixels[:, :-1])[1:]
        inside = alike[1:, 1:] & alike[:-1, :-1]  # of a place of one colour: neither an edge nor a grid
        counts = numpy.bincount(pixels[2:, 2:][inside], minlength=len(colors))
        for color in colors[counts > pixels.size / 4000]:
            ratio = contrast(color, THEMES[theme](white)[0])
            assert name in ("faults", "sharing") or ratio < 1.05 or ratio >= 3, (chart, color)
        if chart == "speedup":
            assert numpy.abs(colors[counts > 0] - threads).sum(axis=1).min() < 0.02


def test_a_growing_chart_keeps_its_size(recorded_charts):
    """After the first round a chart is as large as after the last, so that nothing on the page moves."""
    for (name, chart), (figure, _) in recorded_charts.items():
        whole = recording(name)
        if "round" in whole.frame:
            first = dataclasses.replace(whole, rows=[row for row in whole.rows if row["round"] == 0])
            (drawn, *_) = picture.charts(whole)[chart](first, None)
            assert drawn.get_size_inches().tolist() == figure.get_size_inches().tolist(), (name, chart)


def test_every_chart_is_drawn(recorded_charts):
    """Every experiment has a table and a chart of its own name; each chart is two pictures with words and a title."""
    for name in experiment.names():
        recorded = recording(name)
        charts = list(picture.charts(recorded))
        assert name in charts and len(picture.table(recorded)), name
        for chart in charts:
            figure, drawn = recorded_charts[name, chart]
            assert drawn.png[:4] == drawn.dark[:4] == b"\x89PNG" and drawn.png != drawn.dark
            assert figure.get_suptitle()[:1].strip(), chart
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
    images = re.findall(
        r'<img alt="([^"]*)" class="(.*?)" width="720" height="(.*?)" src="data:image/png;base64,', shown
    )
    light, dark = [(drawn.alt, f"on-{theme}", "460") for theme in ("light", "dark")]
    assert repr(drawn) == drawn.sentence and "<p>2 threads" in shown and images == [light, dark]
    both = picture.show(made(TYPICAL), recorded=made(TWO, usable=16))
    whence = f"Recorded on 2026-01-31 with 16 usable CPUs, Linux, Python {platform.python_version()}. Speedup of"
    assert both.beside.alt.startswith(whence)
    assert both._repr_html_().count("<img") == 4


def test_a_task_of_any_name():
    """A task's name cannot put markup or the end of an attribute on the page, and is not drawn as mathematics."""
    for task in ("<script>alert(1)</script>", 'x" onerror="alert(1)', "$\\frac$"):
        shown = picture.show(made(TWO, task=task), "speedup")._repr_html_()
        assert "<script" not in shown and '" onerror' not in shown and "<img" in shown, task
    drawn = picture.show(made(TWO))._replace(alt="<i>", sentence="<i>")
    assert "<i>" not in drawn._repr_html_()


def test_what_cannot_be_drawn():
    """A chart that does not exist, and an experiment of another version, are sentences that list those that do."""
    with pytest.raises(LabError, match="speedup has no chart 'pie'; it has: speedup, cost, setup"):
        picture.show(made(TYPICAL), "pie")
    with pytest.raises(LabError, match="unknown experiment 'other'; one of: advise"):
        picture.show(dataclasses.replace(made(TYPICAL), experiment="other"))
    with pytest.raises(LabError, match=r"^lab.show needs what an experiment returned, or a recording of it, got None$"):
        picture.show(None)
    with pytest.raises(LabError, match=r"bet must be what lab.bet\(\) or lab.question\(\) returns, got 'first'"):
        picture.show(made(TYPICAL), bet="first")


def test_rows_that_are_missing():
    """A result that lacks some of its rows is told so, with what went wrong unfolded, whichever chart is asked for."""
    whole = made(TYPICAL)
    part = dataclasses.replace(whole, rows=[row for row in whole.rows if row["kind"] == "serial"])
    for chart in picture.charts(part):
        with pytest.raises(LabError, match="these rows do not come from a complete speedup run") as caught:
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
        top, _ = figure.subplots(2, 1)
        top.set_xlabel("$x$")
        seen.append(figure)
        return figure, "alt", "sentence"

    picture.drawn(two_axes)
    top, below = seen[0].axes
    for ax in (top, below):
        assert [name for name, spine in ax.spines.items() if spine.get_visible()] == ["left", "bottom"]
        assert ax.xaxis.label.get_size() == ax.yaxis.label.get_size() == ax.get_xticklabels()[0].get_size() == 11
    assert not top.xaxis.label.get_parse_math()


def test_no_kind_of_worker_is_told_by_colour_alone():
    """No two kinds of worker have one marker or one colour, and none has the marker of a bet."""
    looks = [*kit.LOOKS.values(), kit.BET]
    assert kit.LOOKS.keys() == {"serial", "processes", *kinds.KINDS}
    assert len(set(kit.HUES.values())) == len(kit.LOOKS)
    for quality in ("marker", "color"):
        assert len({look[quality] for look in looks}) == len(looks), quality


def test_all_text_fits():
    """However much is laid over a chart, no text of it is wider than the picture, and no names of lines meet."""
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
        legends = [ax.get_legend().get_texts() for ax in figure.axes if ax.get_legend()]
        for text in itertools.chain(figure.texts, *legends, *(ax.texts for ax in figure.axes)):
            box = text.get_window_extent(renderer)
            assert 0 <= box.x0 < box.x1 <= figure.bbox.x1, text
        for ax in figure.axes:
            names = sorted((name.get_window_extent(renderer) for name in ax.texts), key=lambda box: box.y0)
            assert all(low.y1 < high.y0 + 4 for low, high in itertools.pairwise(names)), ax


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
    """Where one CPU cannot show the point, a recording of the same with all of the tasks stands below."""
    there = timeline.made([timeline.block(0, 0, 1, task=task) for task in ("sleep", "sha256")])
    recordings = {"echo": echo.made(), "timeline": there}
    monkeypatch.setattr(picture, "recording", lambda name, *others: None if others[2] else recordings.get(name))
    for result, stands in (
        (echo.made(usable=1), True),
        (echo.made(usable=2), False),
        (switches.made(usable=1), False),  # there is no recording of it
        (made_startup(usable_cpus=1), False),  # shows its point on one CPU too
    ):
        assert (picture._recorded_beside(result) is not None) == stands, result.experiment
    for tasks, stands in ((["sleep"], True), (["sleep", "sha256"], True), (["zlib"], False)):
        result = timeline.made([timeline.block(0, 0, 1, task=task) for task in tasks], usable=1)
        assert (picture._recorded_beside(result) is not None) == stands, tasks
    assert "Recorded on" in picture.show(echo.made(usable=1)).beside.alt


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
        ("spawn", 2): "2 spawned processes", ("asyncio", 2): "2 asyncio tasks",
    }  # fmt: skip
    assert {variant: words.name(*variant) for variant in names} == names
    ones = {"threads": "a thread", "interpreters": "an interpreter", "fork": "a forked process"}
    assert {kind: words.one(kind) for kind in ones} == ones
    asked, not_asked = (dataclasses.replace(made(TYPICAL), processes=processes) for processes in ("fork", None))
    labels = [words.label(*each) for each in (("processes", asked), ("threads", asked), ("processes", not_asked))]
    assert labels == ["processes (fork)", "threads", "processes"]
