"""conc_lab.charts: pictures by their artists, labels, alt text and sentences, from results with known figures."""

import dataclasses
import importlib
import re
import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest
import test_memory_charts
import test_sharing
import test_switching
import test_transfer_charts
from made import faults as made_faults
from made import memory as made_memory
from made import sharing as made_sharing
from made import switching as made_switching
from made import transfer as made_transfer
from made.races import WHOLE
from made.results import TWO, TYPICAL, made
from made.startup import made_startup
from test_races_chart import races_chart

from conc_lab.drawing import picture as charts
from conc_lab.engine import pools as executors
from conc_lab import EXPERIMENTS
from conc_lab.experiments.faults import chart as drawn_faults
from conc_lab.experiments.speedup import chart as drawn_speedup
from conc_lab.drawing import kit as style
from conc_lab.engine.errors import LabError
from conc_lab.experiments.speedup.measure import conclusions

NOISY = [0.6, 1.8, 0.7, 1.7, 1.0]


class MadeBet:
    """A bet with these points, and an answer in words."""

    def __init__(self, *points, said=""):
        self.points, self.said = list(points), said


@pytest.fixture(autouse=True)
def recorded(monkeypatch):
    """The recordings that charts find: {task: result}; none, unless a test adds one."""
    found = {}
    monkeypatch.setattr(drawn_speedup, "recording", lambda experiment, task, gil: found.get(task))
    return found


def axes(result, bet=None, earlier=None, chart="speedup"):
    """The axes of the result's chart."""
    return drawn_speedup.CHARTS[chart](result, bet, earlier)[0].axes


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def line(ax, label):
    """The points of the drawn line, or of an errorbar's middle line, that has this label in the legend."""
    handles = dict(zip(ax.get_legend_handles_labels()[1], ax.get_legend_handles_labels()[0], strict=True))
    return handles[label] if hasattr(handles[label], "get_xydata") else handles[label].lines[0]


def sentence(result):
    """What `show` says of the result, without drawing it."""
    return drawn_speedup.CHARTS["speedup"](result, None, None)[2]


def speedup_chart():
    """Speed, cores busy and CPU cost stand above each other, each with its axis named."""
    top, busy, cost = axes(made(TYPICAL))
    assert top.get_ylabel() == "speedup\n(serial = 1)"
    assert busy.get_ylabel() == "cores\nbusy"
    assert cost.get_ylabel() == "CPU cost\nof a task"
    assert cost.get_xlabel() == "workers, each running count_primes"
    assert [tick.get_text() for tick in cost.get_xticklabels()] == ["1", "2"]
    assert set(labels(top)) == {"threads", "processes", "ideal"}


def setup_chart():
    """Setup, run and teardown are stacked for every variant, serial first."""
    (ax,) = axes(made(TYPICAL), chart="setup")
    names = [tick.get_text() for tick in ax.get_yticklabels()]
    assert names == ["serial", "1 thread", "2 threads", "1 process", "2 processes"]
    assert labels(ax) == ["setup", "run", "teardown"]
    assert ax.get_xlabel() == "milliseconds"
    setup, run, teardown = ax.containers
    assert [bar.get_width() for bar in run][1] == pytest.approx(160)
    assert [bar.get_x() for bar in run] == pytest.approx([bar.get_width() for bar in setup])
    ends = [bar.get_x() + bar.get_width() for bar in run]
    assert [bar.get_x() for bar in teardown] == pytest.approx(ends)


def startup_chart():
    """Every way of starting has a line of its own, on a logarithmic axis of time."""
    (ax,) = importlib.import_module("conc_lab.charts.startup").CHARTS["startup"](made_startup(), None, None)[0].axes
    names = [tick.get_text() for tick in ax.get_yticklabels()]
    assert names == ["thread", "interpreter", "fork", "forkserver (first)", "forkserver (next)", "spawn"]
    assert ax.get_xscale() == "log" and ax.get_xlabel() == "time to a worker's first answer"
    assert labels(ax) == ["1 worker", "2 together, each"]


def breakeven_chart():
    """Best speedup against the work's serial time, each way named with where it begins to pay."""
    (ax,) = importlib.import_module("conc_lab.charts.startup").CHARTS["breakeven"](made_startup(), None, None)[0].axes
    assert ax.get_ylabel() == "best speedup\n(serial = 1)"
    assert ax.get_xlabel() == "time that the whole work takes in serial"
    assert labels(ax)[0] == "interpreter: from 34 ms" and labels(ax)[-1] == "spawn: from 162 ms"


def faults_chart():
    """The questions stand over the columns, the faults over their workers."""
    (ax,) = drawn_faults.CHARTS["faults"](made_faults.made(), None, None)[0].axes
    words = [text.get_text() for text in ax.texts]
    assert words[:4] == list(drawn_faults.COLUMNS) and words.count("Pool") == 3 and not ax.axison


# (experiment, chart): the test of its axes, and a made result
TESTED = {
    ("speedup", "speedup"): (speedup_chart, made(TYPICAL)),
    ("speedup", "setup"): (setup_chart, made(TYPICAL)),
    ("sharing", "sharing"): (test_sharing.sharing_chart, made_sharing.RESULT),
    ("sharing", "boxes"): (test_sharing.boxes_chart, made_sharing.RESULT),
    ("startup", "startup"): (startup_chart, made_startup()),
    ("startup", "breakeven"): (breakeven_chart, made_startup()),
    ("memory", "memory"): (test_memory_charts.memory_chart, made_memory.TYPICAL),
    ("memory", "meters"): (test_memory_charts.meters_chart, made_memory.TYPICAL),
    ("switching", "switching"): (test_switching.test_round_trips_by_their_artists, made_switching.handover()),
    ("transfer", "transfer"): (
        test_transfer_charts.transfer_chart,
        made_transfer.made(),
    ),
    ("transfer", "chunks"): (
        test_transfer_charts.chunks_chart,
        made_transfer.made(),
    ),
    ("races", "races"): (races_chart, WHOLE),
    ("faults", "faults"): (faults_chart, made_faults.made()),
}

REGISTERED = [
    (name, chart) for name in EXPERIMENTS for chart in importlib.import_module(f"conc_lab.charts.{name}").CHARTS
]


@pytest.mark.parametrize("experiment, chart", TESTED)
def test_chart(experiment, chart):
    """Every chart of a speedup has its axes, an alt text and a sentence."""
    test, result = TESTED[experiment, chart]
    test()
    picture = charts.show(result, chart)
    assert picture.png.startswith(b"\x89PNG")
    for words in (picture.alt, picture.sentence):
        assert words.endswith(".") and not words.endswith("..") and "\n" not in words
        assert not words[0].islower() and "nan" not in words and "None" not in words


@pytest.mark.parametrize("experiment, chart", REGISTERED)
def test_every_chart_is_tested(experiment, chart):
    """Every registered chart is drawn by a test: here, or in the test file of its experiment."""
    own = Path(__file__).with_name(f"test_{experiment}.py")
    assert (experiment, chart) in TESTED or f'"{chart}"' in own.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_has_a_chart_of_its_own(name):
    """An experiment's name is its first chart's name, which `show(result)` draws; it has a table too."""
    module = importlib.import_module(f"conc_lab.charts.{name}")
    assert next(iter(module.CHARTS)) == name and callable(module.table)


DIRECTIONS = {
    "faster": (1.9, 1.9, r"2 threads.* 1\.90×"),
    "slower": (0.7, 0.7, r"2 threads.* 0\.70×"),
    "no gain": (1.0, 1.0, r"2 threads.* no gain.* 1\.00×"),
    "as busy": (NOISY, 1.0, "2 threads.* no gain.* noisy"),
    "unclear": (NOISY, 1.6, r"2 threads.* cannot tell \(0\.60× to 1\.80× in nine rounds\)"),
}


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_sentence_of_every_direction(direction):
    """The sentence says what the rows allow, and no more, with the cores that were kept busy as the reason."""
    speeds, busy, expected = DIRECTIONS[direction]
    result = made({("threads", 2): speeds}, busy={("threads", 2): busy})
    (found,) = conclusions(result.rows)
    assert found["direction"] == direction
    assert re.match(expected, sentence(result))
    assert f"{busy:.2f} cores busy" in sentence(result)
    assert ("no gain" in sentence(result)) == (direction in ("no gain", "as busy"))
    assert ("fast" in sentence(result)) == (direction in ("faster", "slower", "no gain"))


DOUBTS = {
    "dear CPU time": ({"busy": {("threads", 2): 1.9}}, 1.4, "sooner", "1.36 times the CPU"),
    "serial differs from serial": ({"control": 1.2}, 1.9, "sooner", "serial against serial differed by 20%"),
    "starved": ({"alone": 0.6}, 1.9, "sooner", "0.60 of a core"),
    "later": ({"control": 1.2}, 0.5, "later", "serial against serial differed by 20%"),
}


@pytest.mark.parametrize("doubt", DOUBTS)
def test_a_doubtful_magnitude_is_withheld(doubt):
    """Where the magnitude is in doubt, the direction and the reason are told, and no number of times."""
    how, speed, direction, reason = DOUBTS[doubt]
    words = sentence(made({("threads", 2): speed}, **how))
    assert direction in words and reason in words and "by how much cannot be told here" in words
    assert f"{speed:.2f}×" not in words
    assert f"{speed:.2f}×" in sentence(made({("threads", 2): speed}))


def test_a_recording_stands_beside_one_cpu(recorded):
    """With one usable CPU the sentence says what it means, and a recording from more CPUs is drawn and quoted."""
    recorded["count_primes"] = made(TWO, usable=2)
    here = made({("threads", 2): 1.0, ("processes", 2): 1.0}, usable=1)
    words = sentence(here)
    assert words.startswith("One usable CPU: no kind of worker can compute faster than serial here.")
    assert words.endswith("Beside it is a recording from two CPUs: 2 threads 1.00×, 2 processes 1.90×.")
    top = axes(here)[0]
    whence = "recorded"
    assert {f"threads, {whence}", f"processes, {whence}", "ideal on one CPU"} <= set(labels(top))
    assert line(top, f"processes, {whence}").get_ydata() == pytest.approx([1.9])


def test_a_recording_stands_beside_a_doubtful_magnitude(recorded):
    """A recording is laid over a run whose magnitude is in doubt, over no other, and over none of waiting."""
    recorded["count_primes"] = made(TWO)
    assert "recording" in sentence(made({("threads", 2): 1.4}, busy={("threads", 2): 1.9}))
    assert "recording" not in sentence(made({("threads", 2): 1.4}))
    assert "recording" not in sentence(made({("threads", 2): 1.4}, alone=0.01, waits=True, usable=1))


HELD_UP = {
    "processes with one core": ({}, True),
    "processes with two": ({"processes": 1.9}, False),
    "one usable CPU": ({"usable": 1}, False),
    "a task that may hold a lock": ({"task": "my_task"}, False),
    "waits": ({"alone": 0.01, "waits": True}, False),
}


@pytest.mark.parametrize("case", HELD_UP)
def test_processes_that_got_no_second_cpu(recorded, case):
    """That other programs kept the processes from a second CPU is said where nothing else can be the cause."""
    changes, told = HELD_UP[case]
    recorded["count_primes"] = made(TWO)
    speeds = {("threads", 2): 1.0, ("processes", 2): changes.get("processes", 1.0)}
    words = sentence(made(speeds, **{name: value for name, value in changes.items() if name != "processes"}))
    assert ("kept the processes from a second CPU: measure again" in words) == told
    assert not told or words.endswith("Beside it is a recording from two CPUs: 2 threads 1.00×, 2 processes 1.90×.")


def test_one_cpu_without_a_recording():
    """Where there is no recording of the task, one usable CPU is explained all the same."""
    words = sentence(made({("threads", 2): 1.0}, usable=1))
    assert words.startswith("One usable CPU:") and "recording" not in words


def test_waits_that_overlap():
    """Waiting work is explained by its waits, on one CPU too, and has neither cores busy nor a CPU cost to draw."""
    result = made({("threads", 16): 15.0, ("asyncio", 16): 15.5}, alone=0.01, waits=True, usable=1, task="sleep")
    words = sentence(result)
    assert re.match("16 threads.* 15×", words)
    assert words.count("their waits overlapped") == 2 and "One usable CPU" not in words and "CPU time" not in words
    (top,) = axes(result)
    assert top.get_yscale() == "log" and top.get_xlabel() == "workers, each running sleep"
    assert max(line(top, "ideal").get_ydata()) == 16


def test_waits_without_any_cpu_time():
    """A clock too coarse to see the CPU time of work that waits, as on Windows, still gives a chart."""
    result = made({("threads", 4): 3.9}, alone=0, waits=True, busy={("threads", 4): 0.0}, task="sleep")
    assert "their waits overlapped" in sentence(result)
    assert max(line(axes(result)[0], "ideal").get_ydata()) == 4


def test_medians_are_drawn_over_every_round():
    """The strong line is the median of each number of workers, and every round is there as a faint one."""
    top, busy, cost = axes(made({("threads", 1): 1.0, ("threads", 2): [1.0, 1.2, 1.4]}, rounds=3))
    assert line(top, "threads").get_ydata() == pytest.approx([1.0, 1.2])
    faint = [line for line in top.lines if line.get_alpha() == 0.25]
    assert sorted(line.get_ydata()[1] for line in faint) == pytest.approx([1.0, 1.2, 1.4])
    assert busy.lines[0].get_ydata() == pytest.approx([1.0, 1.2])
    assert cost.lines[0].get_ydata() == pytest.approx([1.0, 1.0])


def test_error_bars_are_the_interval():
    """The bar on a median goes from the low to the high end of its interval, as `conclusions` has them."""
    result = made({("threads", 2): NOISY, ("threads", 4): [1.0, 1.2, 3.0], ("processes", 2): 1.9})
    top = axes(result)[0]
    drawn = {container.get_label(): container.lines[2][0].get_segments() for container in top.containers}
    for kind, segments in drawn.items():
        found = [item for item in conclusions(result.rows) if item["kind"] == kind]
        ends = [(low, high) for (_, low), (_, high) in segments]
        assert ends == [pytest.approx((item["low"], item["high"])) for item in found]
        assert all(item["low"] <= item["speedup"] <= item["high"] for item in found)
    assert set(drawn) == {"threads", "processes"} and len({tuple(end[:, 1]) for end in drawn["threads"]}) == 2


@pytest.mark.parametrize("usable, ideal", [(1, [1, 1, 1]), (2, [1, 2, 2]), (8, [1, 2, 4])])
def test_ideal(usable, ideal):
    """No more is ideal than the workers and the usable CPUs allow."""
    top = axes(made({("threads", workers): 1.0 for workers in (1, 2, 4)}, usable=usable))[0]
    (label,) = [label for label in labels(top) if label.startswith("ideal")]
    assert line(top, label).get_ydata() == pytest.approx(ideal)


def test_too_few_rounds_for_a_verdict():
    """Two rounds, as in the quick profile, are no verdict: their range is told, and that it is not enough."""
    words = sentence(made({("threads", 2): [1.0, 1.9]}, rounds=2))
    assert re.match(r"2 threads.* two rounds \(1\.00× to 1\.90×\) are too few", words)
    assert "fast" not in words and "gain" not in words


def test_a_fraction_of_a_cpu():
    """A quota of one and a half CPUs bounds the ideal and the cores that can be busy, and is named."""
    result = made({("threads", 2): 1.4, ("threads", 4): 1.4})
    result.machine["cpu_quota"] = 1.5
    top, busy, _ = axes(result)
    assert line(top, "ideal on 1.5 CPUs").get_ydata() == pytest.approx([1.5, 1.5])
    assert busy.get_ylim()[1] < 2
    assert 1.5 in [drawn.get_ydata()[0] for drawn in busy.lines if drawn.get_linestyle() == "--"]


@pytest.mark.parametrize("alone, waits, ideal", [(0.5, True, 4), (0.5, False, 2)], ids=["mixed", "starved"])
def test_ideal_of_work_that_waits_in_part(alone, waits, ideal):
    """Work that gives its CPU up has a higher ideal than the CPUs; work that was starved of it has not."""
    top = axes(made({("threads", 8): 1.5}, alone=alone, waits=waits))[0]
    (label,) = [label for label in labels(top) if label.startswith("ideal")]
    assert line(top, label).get_ydata() == pytest.approx([ideal])


def test_a_bet_is_marked_and_named():
    """A committed bet is drawn at its workers, named in the legend and in the alt text."""
    result, bet = made(TYPICAL), MadeBet(("threads", 2, 1.5), ("threads", 64, 30.0))
    top = axes(result, bet)[0]
    marked = line(top, "your bet")
    assert list(marked.get_ydata()) == [1.5] and round(marked.get_xdata()[0]) == 1
    assert charts.show(result, bet=bet).alt.endswith("; your bet: 2 threads 1.50×.")


@pytest.mark.parametrize("bet", [None, MadeBet()], ids=["none", "not committed"])
def test_without_a_bet(bet):
    """Without a committed bet neither legend nor alt text mentions one."""
    result = made(TYPICAL)
    assert "your bet" not in labels(axes(result, bet)[0])
    assert "bet" not in charts.show(result, bet=bet).alt


def test_what_is_not_drawn_is_not_told(recorded):
    """What is laid over a chart and has none of its numbers of workers is in neither the legend nor the words."""
    elsewhere = made({("threads", 64): 9.0})
    recorded["count_primes"] = elsewhere
    here, bet = made({("threads", 2): 1.0}, usable=1), MadeBet(("threads", 64, 30.0))
    assert set(labels(axes(here, bet, elsewhere)[0])) == {"threads", "ideal on one CPU"}
    picture = charts.show(here, bet=bet, earlier=elsewhere)
    assert picture.alt.endswith("nine rounds: threads 1.00× with 2.")
    assert "Beside it" not in picture.sentence


def test_a_bet_that_cannot_be_drawn_is_said():
    """A bet that the chart has no place for stands in its alt text and sentence in words, once it has an answer."""
    result, bet = made_switching.echo(), MadeBet(said="About twice as long")
    picture = charts.show(result, bet=bet)
    for words in (picture.alt, picture.sentence):
        assert words.endswith(". Your bet: About twice as long.")
    assert charts.show(result, bet=MadeBet()) == charts.show(result)
    drawn = charts.show(made(TYPICAL), bet=MadeBet(("threads", 2, 1.5), said="Faster"))
    assert "Faster" not in drawn.alt + drawn.sentence
    assert charts.show(made(TYPICAL), "setup", MadeBet(("threads", 2, 1.5), said="Faster")).alt.endswith("bet: Faster.")


def test_an_earlier_run_of_another_task_is_named():
    """An earlier run of another task is called by its task, in the legend and in the alt text."""
    earlier = made(TYPICAL, task="sha256")
    assert "threads, run before: sha256" in labels(axes(made(TYPICAL), earlier=earlier)[0])
    alt = charts.show(made(TYPICAL), earlier=earlier).alt
    assert "; the run before, of sha256: 1 thread 1.00×, " in alt


def test_an_earlier_recording_is_no_run_before():
    """What another machine or Python has recorded is called a recording, with its CPUs and its Python."""
    earlier = made(TYPICAL, usable=16)
    assert "threads, recorded" in labels(axes(made(TYPICAL), earlier=earlier)[0])
    alt = charts.show(made(TYPICAL), earlier=earlier).alt
    assert "; a recording (16 CPUs, Python 3.14.0): 1 thread 1.00×, " in alt and "run before" not in alt
    less_free = made(TYPICAL)
    less_free.machine["memory_free_bytes"] -= 1
    assert "; the run before: " in charts.show(made(TYPICAL), earlier=less_free).alt


def test_an_earlier_run_is_laid_over():
    """The run before is dashed, in its kinds' colours, where it had the same numbers of workers."""
    earlier = made({("threads", 2): 1.3, ("threads", 8): 1.1, ("asyncio", 2): 1.2})
    top = axes(made(TYPICAL), earlier=earlier)[0]
    before = line(top, "threads, run before")
    assert before.get_ydata() == pytest.approx([1.3])
    assert before.get_color() == style.STYLES["threads"]["color"] and before.get_linestyle() == "--"
    assert "asyncio, run before" in labels(top)
    alt = charts.show(made(TYPICAL), earlier=earlier).alt
    assert alt.endswith("; the run before: 2 threads 1.30×, 2 asyncio tasks 1.20×.")


def test_alt_text_holds_every_median():
    """The alt text names the task, the rounds, and each kind's median at each number of workers."""
    assert charts.show(made(TYPICAL)).alt == (
        "Speedup of count_primes against workers, median of nine rounds: "
        "threads 1.00× with 1, 1.00× with 2; processes 1.00× with 1, 1.90× with 2."
    )


def test_setup_is_told_in_words():
    """The setup chart's alt text and sentence hold the times that its bars show."""
    picture = charts.show(made(TWO), "setup")
    for words in (
        "serial: setup 20 ms, run 160 ms, teardown 10 ms",
        "2 threads: setup 1 ms, run 160 ms, teardown 500 µs",
        "2 processes: setup 20 ms, run 84 ms, teardown 10 ms",
    ):
        assert words in picture.alt
    assert re.match("Serial.* 160 ms; 2 threads.* 160 ms.* 162 ms.*; 2 processes.* 84 ms.* 114 ms", picture.sentence)


@pytest.mark.parametrize("chart", drawn_speedup.CHARTS)
def test_text_from_a_file_is_escaped(chart):
    """A result file's task cannot put markup, or the end of an attribute, on the page."""
    for task in ("<script>alert(1)</script>", 'x" onerror="alert(1)'):
        shown = charts.show(made(TWO, task=task), chart)._repr_html_()
        assert "<script" not in shown and '" onerror' not in shown
    assert "&lt;script&gt;" in charts.show(made(TWO, task="<script>"))._repr_html_()
    assert "<i>" not in charts.Picture(b"", "<i>", "<i>")._repr_html_()


@pytest.mark.parametrize("chart", drawn_speedup.CHARTS)
def test_any_task_name_can_be_drawn(chart):
    """A task's name is drawn as it is: matplotlib takes nothing in it for mathematics."""
    assert charts.show(made(TWO, task="$\\frac$"), chart).png


def test_the_page_gets_a_picture_with_alt_text_and_sentence():
    """A chart is an image with alt text, and its sentence stands under it; as text it is the sentence."""
    picture = charts.show(made(TYPICAL))
    shown = picture._repr_html_()
    assert re.search(r'<img alt="Speedup of count_primes[^"]*" src="data:image/png;base64,', shown)
    assert repr(picture) == picture.sentence
    assert "<p>2 threads" in shown


def test_colour_never_stands_alone():
    """Every kind of worker has a colour and a marker of its own, and a label in the legend."""
    markers = [style.STYLES[kind]["marker"] for kind in executors.KINDS]
    colours = [style.STYLES[kind]["color"] for kind in executors.KINDS]
    assert len(set(markers)) == len(set(colours)) == len(executors.KINDS)
    top = axes(made({(kind, 2): 1.5 for kind in executors.KINDS}), MadeBet(("threads", 2, 1.0)))[0]
    assert line(top, "your bet").get_marker() not in markers
    for kind in executors.KINDS:
        assert line(top, kind).get_marker() == style.STYLES[kind]["marker"]
    hatches = {bars.patches[0].get_hatch() for bars in axes(made(TYPICAL), chart="setup")[0].containers}
    assert len(hatches) == 3


def test_a_kind_looks_the_same_everywhere():
    """No two kinds of worker look alike; a worker in the singular looks like its kind."""
    looks = [tuple(look.values()) for kind, look in style.STYLES.items() if kind not in ("thread", "interpreter")]
    assert len(set(looks)) == len(looks) and len({marker for _, marker in looks}) == len(looks)
    assert style.STYLES["thread"] == style.STYLES["threads"]
    assert style.STYLES["interpreter"] == style.STYLES["interpreters"]


DURATIONS = {
    8e-7: "0.8 µs", 4.96e-6: "5 µs", 9.94e-6: "9.9 µs", 9.96e-6: "10 µs", 99.6e-6: "100 µs", 999.4e-6: "999 µs",
    999.6e-6: "1 ms", 5.1e-3: "5.1 ms", 0.1234: "123 ms", 0.9996: "1 s", 1.254: "1.25 s", 1234: "1,230 s",
}  # fmt: skip


@pytest.mark.parametrize("seconds, words", DURATIONS.items())
def test_durations_in_words(seconds, words):
    """A time is said in the unit that fits, in as many digits as it is worth, and never in powers of ten."""
    assert style.duration(seconds) == words


@pytest.mark.parametrize("things, words", [("a", "a"), ("ab", "a and b"), ("abc", "a, b and c")])
def test_a_list_in_words(things, words):
    """Things are joined by commas, and the last by "and"."""
    assert style.listed(list(things)) == words


@pytest.mark.parametrize(
    "kind, workers, words",
    [("serial", 1, "serial"), ("threads", 1, "1 thread"), ("processes", 2, "2 processes"),
     ("fork", 1, "1 fork process"),
     ("spawn", 2, "2 spawn processes"), ("asyncio", 2, "2 asyncio tasks"), ("interpreters", 2, "2 interpreters")],
)  # fmt: skip
def test_workers_in_words(kind, workers, words):
    """So many workers of a kind have one name in every chart."""
    assert style.name(kind, workers) == words


@pytest.mark.parametrize(
    "kind, words", [("thread", "a thread"), ("interpreters", "an interpreter"), ("fork", "a fork process")]
)
def test_one_worker_in_words(kind, words):
    """One worker has its article, by whichever name an experiment calls its kind."""
    assert style.one(kind) == words


def test_the_look_is_the_figures_own():
    """Axes are named in one size, without a frame at the top and right, and take no name for mathematics."""
    seen = []

    def maker():
        figure = style.figure()
        top, below = figure.subplots(2, 1)
        below.tick_params(axis="y", labelsize=9)
        top.set_xlabel("$x$")
        seen.append(figure)
        return figure, "alt", "sentence"

    charts.drawn(maker)
    top, below = seen[0].axes
    for ax in (top, below):
        assert [name for name, spine in ax.spines.items() if spine.get_visible()] == ["left", "bottom"]
        assert ax.xaxis.label.get_size() == ax.yaxis.label.get_size() == ax.get_xticklabels()[0].get_size() == 11
    assert (top.get_yticklabels()[0].get_size(), below.get_yticklabels()[0].get_size()) == (11, 9)
    assert not top.xaxis.label.get_parse_math()


def test_a_legend_fits(recorded):
    """However much is laid over a chart, its legend is not wider than the picture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    memory, startup = (importlib.import_module(f"conc_lab.charts.{name}") for name in ("memory", "startup"))
    heavy = made_startup(imports={"asyncio": 20})
    recorded["count_primes"] = made(TYPICAL)
    once = made(TYPICAL, control=1.2)
    every, other = (made({(kind, 2): 1.5 for kind in executors.KINDS}, task=task) for task in ("zlib", "count_primes"))
    for figure in (
        memory.CHARTS["memory"](made_memory.TOUCHED, None, made_memory.TOUCHED)[0],
        startup.CHARTS["startup"](heavy, MadeBet(("processes", 1, 9.0)), heavy)[0],
        startup.CHARTS["breakeven"](heavy, None, None)[0],
        drawn_speedup.CHARTS["speedup"](once, MadeBet(("threads", 1, 1.0)), once)[0],
        drawn_speedup.CHARTS["speedup"](every, MadeBet(("threads", 2, 1.0)), other)[0],
    ):
        renderer = FigureCanvasAgg(figure).get_renderer()
        figure.draw(renderer)
        for legend in (*figure.legends, *(ax.get_legend() for ax in figure.axes)):
            box = legend.get_window_extent(renderer) if legend else figure.bbox
            assert box.x0 >= 0 and box.x1 <= figure.bbox.x1


def test_markers_distinguish_the_curves_below_too():
    """Cores busy and CPU cost use each kind's marker as well."""
    for ax in axes(made(TYPICAL))[1:]:
        drawn = [line.get_marker() for line in ax.lines if len(line.get_xdata()) and line.get_marker() != "None"]
        assert drawn == [style.STYLES[kind]["marker"] for kind in ("threads", "processes")]


def test_an_axes_of_ones_own():
    """`plot_x(result, ax)` draws on the axes it is given and returns it."""
    from matplotlib.figure import Figure

    for what in ("speedup", "cores_busy", "cpu_cost", "setup"):
        plot = getattr(drawn_speedup, f"plot_{what}")
        ax = Figure().add_subplot()
        assert plot(made(TYPICAL), ax) is ax and ax.has_data()
        assert plot(made(TYPICAL)).has_data()


def test_medians_table():
    """The table has one line for each variant, serial first, with the medians in milliseconds."""
    table = charts.table(made(TYPICAL))
    assert list(table.workers) == ["serial", "1 thread", "2 threads", "1 process", "2 processes"]
    last = table.iloc[-1]
    assert (last["run ms"], last["speedup"], last["cores busy"]) == (84.21, 1.9, 1.9)


def test_unknown_chart():
    """A chart that does not exist is one sentence that lists those that do."""
    with pytest.raises(LabError, match="speedup has no chart 'pie'; its charts are: speedup, setup"):
        charts.show(made(TYPICAL), "pie")


def test_a_result_of_another_version():
    """A result of an experiment that this conc_lab has not is refused in a sentence."""
    with pytest.raises(LabError, match="no experiment 'other'; it has: "):
        charts.show(dataclasses.replace(made(TYPICAL), experiment="other"))


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
    here = __file__.rpartition("/")[0]
    subprocess.run([sys.executable, "-c", code, here], check=True, timeout=60)


def test_a_recording_stands_below():
    """A recording that is asked for is drawn below the chart, and says when and on what it was recorded."""
    picture = charts.show(made(TYPICAL), recorded=made(TWO, usable=16))
    assert picture.beside.alt.startswith("Recorded on 2026-01-31 with 16 usable CPUs, Linux, Python 3.14.0. Speedup of")
    assert picture._repr_html_().count("<img") == 2 and charts.show(made(TYPICAL)).beside is None


@pytest.mark.parametrize(
    ("usable", "question", "stands"), [(1, "echo", True), (2, "echo", False), (1, "switches", False)]
)
def test_one_cpu_gets_a_recording(monkeypatch, usable, question, stands):
    """On one usable CPU, what needs two is shown by a recording of the same question, where there is one."""
    recordings = {"echo": made_switching.echo()}
    monkeypatch.setattr(charts, "recording", lambda name, question, gil: recordings.get(question))
    result = {"echo": made_switching.echo, "switches": made_switching.counts}[question](usable=usable)
    assert (charts.show(result).beside is not None) == stands


@pytest.mark.parametrize(
    ("methods", "recorded_methods", "stands"),
    [(["plain"], ["plain", "call"], True), (["plain"], ["plain"], True), (["plain", "call"], ["plain"], False)],
)
def test_a_recording_of_other_work_does_not_stand_beside(monkeypatch, methods, recorded_methods, stands):
    """A recording stands beside a result only where it has all the work, or all the methods, of the result."""
    for name in ("methods", "work"):
        here = dataclasses.replace(WHOLE, params={name: methods}, machine=WHOLE.machine | {"usable_cpus": 1})
        there = dataclasses.replace(WHOLE, params={name: recorded_methods}, machine=WHOLE.machine | {"usable_cpus": 2})
        monkeypatch.setattr(charts, "recording", lambda name, gil, there=there: there)
        assert (charts._recorded_beside(here) is there) == stands


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_what_needs_two_cpus(monkeypatch, name):
    """Only the charts that say so get a recording beside a result from one CPU."""
    here, there = (
        dataclasses.replace(WHOLE, experiment=name, params={}, machine={"usable_cpus": n, "gil": True}) for n in (1, 2)
    )
    monkeypatch.setattr(charts, "recording", lambda name, gil: there)
    assert (charts._recorded_beside(here) is there) == (name in ("timeline", "switching", "races"))
