"""The speedup experiment: what its rows hold, what may be concluded from rows, and how that is drawn and told."""

import itertools
import json
import math
import os
import re
import sys

import helpers
import pytest
from made.results import MACHINE, TYPICAL, MadeBet, made

from conc_lab.drawing import kit, picture, words
from conc_lab.engine import experiment, kinds, pools
from conc_lab.engine.errors import LabError
from conc_lab.engine.result import Result
from conc_lab.engine.stats import character, interval
from conc_lab.experiments.speedup import chart as drawn
from conc_lab.experiments.speedup import measure
from conc_lab.experiments.speedup.chart import summary
from conc_lab.experiments.speedup.measure import decompose

SCATTERED = [0.7, 1.3, 1.0, 0.9, 1.6]


@pytest.fixture(autouse=True)
def folder(monkeypatch):
    """The student's folder is this one, where own_tasks.py lies."""
    monkeypatch.chdir(helpers.TESTS)


def row(kind="serial", wall_s=1.0, cpu_s=1.0, workers=1, repeat=None, cpu=None, tasks=10, number=0, switches=0):
    return {
        "round": number, "kind": kind, "workers": workers, "repeat": repeat, "cpu": cpu, "tasks": tasks,
        "wall_s": wall_s, "cpu_s": cpu_s, "voluntary_switches": switches, "involuntary_switches": 0, "order": 0,
        "setup_s": 0.0, "teardown_s": 0.0, "results_equal": True,
    }  # fmt: skip


def rounds(walls, busy=1.9, alone=1.0, control=1.0, unlike=1.0, gave_up=0):
    """Rounds of two processes that took `walls`, where serial takes 1 s and keeps `alone` cores busy.

    control: A's wall over B's; unlike: what a task costs on CPU 1 over CPU 0; gave_up: switches a task.
    """
    made = []
    for number, wall_s in enumerate(walls):
        a, b = 2 * control / (1 + control), 2 / (1 + control)
        few, many = {"number": number, "switches": 2 * gave_up}, {"number": number, "switches": 10 * gave_up}
        made += decompose(
            [
                row(wall_s=a, cpu_s=alone * a, repeat="A", **many),
                row(wall_s=b, cpu_s=alone * b, repeat="B", **many),
                row(cpu=0, wall_s=0.2, cpu_s=0.2 * alone, tasks=2, **few),
                row(cpu=1, wall_s=0.2 * unlike, cpu_s=0.2 * alone * unlike, tasks=2, **few),
                row("processes", wall_s, busy * wall_s, 2, number=number),
            ]
        )
    return made


def result_of(rows):
    """A result with these rows."""
    return Result("speedup", {"task": "count_primes", "workers": [2]}, MACHINE, rows, "")


def one(rows):
    """The only line of the summary."""
    (line,) = summary(result_of(rows)).to_dict("records")
    return line


# The summary of rows


def test_decompose():
    """Speedup is serial wall over wall, and is cores busy, CPU over wall, by CPU cost, CPU per task over serial's."""
    rows = [
        row(wall_s=1.0, cpu_s=0.9, repeat="A"),
        row(wall_s=3.0, cpu_s=2.9, repeat="B"),
        row(cpu=0, wall_s=0.5, cpu_s=0.4, tasks=4),
        row("processes", wall_s=1.25, cpu_s=2.0, workers=2),
    ]
    assert decompose(rows) is rows
    assert [item["speedup"] for item in rows] == [2.0, pytest.approx(2 / 3), None, pytest.approx(2.0 / 1.25)]
    assert [item["cores_busy"] for item in rows] == pytest.approx([0.9, 2.9 / 3, 0.8, 1.6])
    assert [item["cpu_cost"] for item in rows] == pytest.approx([0.09 / 0.19, 0.29 / 0.19, 0.1 / 0.19, 0.2 / 0.19])
    for item in rows:  # the parts make the speedup
        whole = item["cores_busy"] / item["cpu_cost"] / (0.19 * 10 / 2)
        assert item["speedup"] is None or item["speedup"] == pytest.approx(whole)
    unseen = decompose([row(cpu_s=0.0, repeat="A"), row(cpu_s=0.0, repeat="B"), row("threads", cpu_s=0.1)])
    assert [item["cpu_cost"] for item in unseen] == [None] * 3  # the clock saw no CPU time in serial


def test_interval():
    """The interval is the narrowest pair of order statistics that covers the median with at least 93 %."""
    assert interval([1.0]) == (1, 1, 0)
    for n in range(2, 30):
        values = list(range(n, 0, -1))
        low, high, coverage = interval(values)
        outside = [2 * sum(math.comb(n, i) for i in range(k)) / 2**n for k in (low, low + 1)]  # by the binomial
        assert values == list(range(n, 0, -1)) and high == n + 1 - low, n
        assert coverage == pytest.approx(1 - outside[0]) and 1 - outside[1] < 0.93, n
        assert coverage >= 0.93 or low == 1, n


def test_direction():
    """The direction is what the interval of the paired ratios allows, or else how busy the workers were."""
    waits = {"busy": 0.02, "alone": 0.01, "gave_up": 1}
    for walls, how, direction in (
        ([0.5, 0.55, 0.6, 0.7, 0.9], {}, "faster"),
        ([1.2, 1.3, 1.5, 1.1, 1.02], {}, "slower"),
        ([0.99, 1.0, 1.05, 0.95, 1.02], {}, "no gain"),
        ([0.95, 0.96, 0.94, 0.95, 0.93], {}, "no gain"),  # a little faster
        (SCATTERED, {"busy": 1.0}, "as busy"),
        (SCATTERED, {"busy": 1.8}, "unclear"),
        (SCATTERED, {"busy": 0.5, "alone": 0.5, "gave_up": 1}, "as busy"),  # waits in part
        (SCATTERED, {"busy": 0.5, "alone": 0.5}, "unclear"),  # starved: how busy it was tells nothing
        (SCATTERED, waits, "unclear"),
        ([0.5] * 5, waits, "faster"),
        ([0.5] * 8 + [3.0], {}, "faster"),
        ([0.5] * 4 + [3.0], {}, "unclear"),
        ([0.5] * 3, {}, "too few"),
        ([0.5] * 3, {"busy": 1.0}, "too few"),
    ):
        assert one(rounds(walls, **how))["direction"] == direction, (walls, how)


def test_character():
    """Serial runs that kept their core busy computed; others waited by themselves, or were starved by others."""
    for alone, gave_up, nature in (
        (1.0, 0, "computes"),
        (0.95, 2, "computes"),
        (0.6, 0, "starved"),
        (0.1, 0.1, "starved"),
        (0.6, 1, "mixed"),
        (0.05, 1, "waits"),
    ):
        frame = result_of(rounds([1.0], alone=alone, gave_up=gave_up)).frame
        assert character(frame) == nature, (alone, gave_up)
    uncounted = [item | {"voluntary_switches": None} for item in rounds([1.0], alone=0.1)]
    assert character(result_of(uncounted).frame) == "waits"


def test_summary():
    """There is one line for each kind and number of workers, in their order, with medians of its rounds."""
    serial = [row(repeat="A"), row(repeat="B")]
    variants = [("asyncio", 2), ("processes", 4), ("threads", 2), ("processes", 1)]
    rows = decompose(serial + [row(kind, workers=workers) for kind, workers in variants])
    lines = summary(result_of(rows))
    order = [("threads", 2), ("processes", 1), ("processes", 4), ("asyncio", 2)]
    assert list(zip(lines.kind, lines.workers, strict=True)) == order
    line = one(rounds([0.5, 0.8, 0.4, 1.0, 0.625]))
    assert (line["kind"], line["workers"], line["rounds"]) == ("processes", 2, 5)
    assert line["speedup"] == pytest.approx(1 / 0.625)
    assert (line["low"], line["high"]) == (pytest.approx(1.0), pytest.approx(2.5))
    assert line["cores_busy"] == pytest.approx(1.9)
    assert line["cpu_cost"] == pytest.approx(1.9 * 0.625)


def test_doubt():
    """The cause is in doubt where tasks cost more or less than alone, serial runs or CPUs differ, or starve."""
    cost = "each task cost {} times as much CPU time as in serial ({})"
    shared = "busy CPUs, other programs or workers in each other's way: the rows don't say which"
    control = "the two serial runs of a round differed by 20%"
    starved = "other programs, or a CPU limit, left even serial only 0.60 of a core"
    for wall_s, how, doubt in (
        (0.5, {}, None),
        (0.8, {}, cost.format("1.60", shared)),
        (0.4, {}, cost.format("0.80", "the rows don't say why")),
        (0.55, {}, None),
        (1.5, {}, None),  # dear and slower
        (0.5, {"unlike": 1.3}, "a task took more CPU time on some CPUs"),
        (0.5, {"unlike": 1.1}, None),
        (0.5, {"control": 1.2}, control),
        (0.5, {"control": 0.8}, control),
        (0.5, {"control": 1.04}, None),
        (0.5, {"alone": 0.6, "busy": 1.2}, starved),
        (0.8, {"control": 1.2}, cost.format("1.60", shared)),  # the cost before the control
        (1.0, {"busy": 1.0}, drawn.HELD_UP),
    ):
        assert one(rounds([wall_s] * 5, **{"busy": 2.0} | how))["doubt"] == doubt, (wall_s, how)
    waits = rounds([0.5] * 5, busy=0.1, alone=0.01, gave_up=1, control=1.2)
    assert math.isnan(one(waits)["cpu_cost"]) and one(waits)["doubt"] is None  # what little CPU it uses tells nothing


# The experiment


def test_rows_of_a_run():
    """A run has every variant once a round, and all columns hold what they say; waiting is not probed on CPUs."""
    given = {"kinds": ["threads", "processes", "asyncio"], "workers": [1, 3], "rounds": 2, "task_ms": 0.5}
    given["kinds"] += kinds.here(["interpreters"])
    for result in (helpers.real("speedup"), helpers.small(task="sleep", **given)):
        rows, params = result.rows, result.params
        assert all(
            item.keys() == experiment.columns("speedup").keys() and item["results_equal"] is True for item in rows
        )
        wanted = [*itertools.product(params["kinds"], params["workers"], [""]), ("serial", 1, "A"), ("serial", 1, "B")]
        for number in range(params["rounds"]):
            mine = [item for item in rows if item["round"] == number]
            timed = [item for item in mine if item["cpu"] is None]
            assert sorted((item["kind"], item["workers"], item["repeat"] or "") for item in timed) == sorted(wanted)
            assert sorted(item["order"] for item in timed) == list(range(len(wanted)))
            probes = [item for item in mine if item["cpu"] is not None]
            assert all(
                item["kind"] == "serial" and item["order"] is None and item["speedup"] is None for item in probes
            )
            if hasattr(os, "sched_getaffinity"):
                allowed = os.sched_getaffinity(0)
                probed = 0 if params["task"] == "sleep" else min(2, len(allowed))
                assert len({item["cpu"] for item in probes} & allowed) == probed
            assert all(item["tasks"] >= 16 for item in timed)
            assert {item["tasks"] for item in timed if item["kind"] == "serial"} == {16}
        for item in rows:
            assert item["wall_s"] > 0 and item["setup_s"] >= 0 and item["teardown_s"] >= 0 and item["cpu_s"] >= 0
            counted = item["voluntary_switches"], item["involuntary_switches"]
            # Windows does not count, nor does macOS, which has no RUSAGE_THREAD
            assert counted == (None, None) or all(isinstance(value, int) and value >= 0 for value in counted)
        json.dumps(rows, allow_nan=False)
        assert set(summary(result).rounds) == {params["rounds"]}


def test_who_ran():
    """The last round keeps every task: inside of the run, of no more workers than there are, within its CPU time."""
    given = {"kinds": ["threads", "asyncio"], "workers": [3], "rounds": 2, "task_ms": 0.5}
    for result in (helpers.real("speedup"), helpers.small(task="sleep", **given)):
        for item in result.rows:
            if item["round"] < result.params["rounds"] - 1 or item["cpu"] is not None:
                assert item["ran"] is None
                continue
            workers, starts, ends, spent, cpus = zip(*item["ran"], strict=True)
            assert len(workers) == item["tasks"] and list(starts) == sorted(starts)
            assert all(start <= end for start, end in zip(starts, ends, strict=True))
            assert starts[0] >= 0 and max(ends) <= 1000 * item["wall_s"] + 0.001
            assert set(workers) == set(range(len(set(workers)))) and len(set(workers)) <= item["workers"]
            for lane in set(workers):  # a worker does one task after the other
                mine = [block for block in item["ran"] if block[0] == lane]
                assert all(before[2] <= after[1] + 0.001 for before, after in itertools.pairwise(mine))
            known = os.sched_getaffinity(0) if sys.platform == "linux" else {None}
            assert set(cpus) <= known and (set(spent) == {None}) == (item["kind"] == "asyncio")
            if item["kind"] != "asyncio":
                assert sum(spent) <= 1000 * item["cpu_s"] + 0.001 * len(spent) or os.name == "nt"


def test_workers_of_a_run_are_distinct(tmp_path, monkeypatch):
    """A run with three worker processes has the task done in three processes besides the child."""
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    helpers.small(task="own_tasks:notes_its_process", kinds=["processes"], workers=[3])
    assert len(set((tmp_path / "notes").read_text().split())) == 1 + 3


def test_different_results_show_no_times():
    """Where workers return something else than serial did, no time is shown."""
    with pytest.raises(LabError, match=r"^own_tasks:pid gave another result in .*: no time is shown"):
        helpers.small(task="own_tasks:pid", kinds=["processes"])


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="counts the CPUs of the affinity mask")
def test_a_limit_on_cpu_time(monkeypatch):
    """Under a limit below the CPUs, work that computes lasts many of the limit's periods; waiting is not limited."""
    for task, quota, count in (("count_primes", 0.5, 50), ("count_primes", None, 16), ("sleep", 0.5, 16)):
        timed = []

        def stand_in(task, args, expected, count, kind, workers, timed=timed):
            timed.append((kind, workers, count))
            known = row(kind, workers=workers, tasks=count)
            return {name: value for name, value in known.items() if name not in ("repeat", "cpu", "order", "round")}

        monkeypatch.setattr(measure, "timed", stand_in)
        monkeypatch.setattr(measure.machine, "cpu_quota", lambda quota=quota: quota)
        list(measure.speedup(task, [2], ["threads"], task_ms=20, rounds=1))
        assert ("threads", 2, count) in timed, (task, quota)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this platform has no affinity")
def test_the_affinity_is_restored():
    """After a pinned probe this thread may run where it could before."""
    before = os.sched_getaffinity(0)
    with pytest.raises(KeyError), pools.pinned(max(before)):
        assert os.sched_getaffinity(0) == {max(before)}
        raise KeyError
    assert os.sched_getaffinity(0) == before


# The charts


def axes(result, bet=None, chart="speedup"):
    """The axes of the result's chart."""
    return getattr(drawn, f"{chart}_chart")(result, bet)[0].axes


def sentence(result):
    """What `show` says of the result."""
    return drawn.speedup_chart(result, None)[2]


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def lines(ax, label):
    """The drawn lines with this label."""
    return [each for each in ax.lines if each.get_label() == label]


def test_speedup_chart():
    """Speedup and cores busy stand above each other, if asked also CPU cost, each kind with its look."""
    result = made(TYPICAL | {("threads", 2): [1.0, 1.2, 1.4]}, rounds=3)
    top, busy, cost = axes(result, chart="cost")
    assert [ax.get_ylabel() for ax in axes(result)] == ["speedup\n(serial = 1)", "cores\nbusy"]
    assert [ax.get_ylabel() for ax in (top, busy, cost)] == [
        "speedup\n(serial = 1)", "cores\nbusy", "CPU cost\nof a task",
    ]  # fmt: skip
    assert cost.get_xlabel() == "workers, each running count_primes"
    assert [tick.get_text() for tick in cost.get_xticklabels()] == ["1", "2"]
    named = {text.get_text(): text for text in top.texts}
    assert named.keys() == {"ideal on two CPUs", "threads", "processes"}
    assert named["threads"].get_color() == kit.LOOKS["threads"]["color"]
    small = [each for each in top.lines if each.get_markersize() == kit.SMALL["markersize"]]
    assert sorted(value for each in small for value in each.get_ydata()) == pytest.approx(
        [1.0] * 7 + [1.2, 1.4, 1.9, 1.9, 1.9]
    )
    for ax, medians in ((top, [1.0, 1.2]), (busy, [1.0, 1.2]), (cost, [1.0, 1.0])):
        (threads,) = lines(ax, "threads")
        assert threads.get_ydata() == pytest.approx(medians)
        assert threads.get_marker() == kit.LOOKS["threads"]["marker"] and lines(ax, "processes")
    assert drawn.speedup_chart(result, None)[1] == (
        "Speedup of count_primes against workers, median of three rounds: "
        "1 thread 1.00×; 2 threads 1.20×; 1 process 1.00×; 2 processes 1.90×."
    )


def test_setup_chart():
    """Setup, run and teardown are stacked for every variant, serial first, in greys: hues are kinds of worker."""
    (ax,) = axes(made(TYPICAL), chart="setup")
    names = [tick.get_text() for tick in ax.get_yticklabels()]
    assert names == ["serial", "1 thread", "2 threads", "1 process", "2 processes"]
    assert labels(ax) == ["setup (workers start)", "run", "teardown (workers end)"]
    assert ax.get_xlabel() == "milliseconds for 16 tasks of count_primes"
    setup, run, teardown = ax.containers
    assert [bar.get_width() for bar in run][1] == pytest.approx(160)
    assert [bar.get_x() for bar in run] == pytest.approx([bar.get_width() for bar in setup])
    assert [bar.get_x() for bar in teardown] == pytest.approx([bar.get_x() + bar.get_width() for bar in run])
    greys = [set(bar.get_facecolor()[:3]) for bar in (setup[0], run[0], teardown[0])]
    assert [len(grey) for grey in greys] == [1, 1, 1] and len(set().union(*greys)) == 3
    assert not any(bar.get_hatch() for bar in ax.patches)


def test_the_interval_is_drawn():
    """The bar on a median goes from the low to the high end of its interval, as `summary` has them."""
    result = made({("threads", 2): SCATTERED, ("threads", 4): [1.0, 1.2, 3.0], ("processes", 2): 1.9})
    ends = [(low, high) for bars in axes(result)[0].collections for (_, low), (_, high) in bars.get_segments()]
    found = summary(result)
    assert ends == [pytest.approx(pair) for pair in zip(found.low, found.high, strict=True)]


def test_ideal():
    """No more is ideal than the workers and the usable CPUs allow; work that waits of its own accord has more."""
    workers = {("threads", number): 1.0 for number in (1, 2, 8)}
    for how, quota, ideal in (
        ({"usable": 1}, None, [1, 1, 1]),
        ({"usable": 2}, None, [1, 2, 2]),
        ({"usable": 8}, None, [1, 2, 8]),
        ({"usable": 2}, 1.5, [1, 1.5, 1.5]),
        ({"alone": 0.5, "waits": True}, None, [1, 2, 4]),
        ({"alone": 0.5}, None, [1, 2, 2]),  # starved
        ({"usable": 1, "alone": 0.5}, 0.5, [1, 1, 1]),  # serial has no more than half a CPU either
        ({"alone": 0, "waits": True}, None, [1, 2, 8]),  # the clock is too coarse to see any CPU time
    ):
        result = made(workers, **how)
        result.machine["cpu_quota"] = quota
        top, *below = axes(result)
        labels = "ideal", f"ideal on {words.count(quota or how.get('usable', 2), 'CPU')}"
        (line,) = [line for line in top.lines if line.get_label() in labels]
        assert line.get_ydata() == pytest.approx(ideal), (how, quota)
        assert not quota or below[0].get_ylim()[1] < 2


def test_waits_that_overlap():
    """Waiting work is explained by its waits, on one CPU too, and has neither cores busy nor a CPU cost to draw."""
    result = made({("threads", 16): 15.0, ("asyncio", 16): 15.5}, alone=0.01, waits=True, usable=1, task="sleep")
    told = sentence(result)
    assert told.count("The waits overlapped.") == 2 and "usable CPU" not in told and "ores busy" not in told
    (top,) = axes(result)
    assert top.get_yscale() == "log" and max(lines(top, "ideal")[0].get_ydata()) == 16
    assert not drawn.needs_recording(result)


def test_sentences_of_directions():
    """The sentence says what the rows allow, and no more, for the directions that no recording has."""
    nine = "(0.70× to 1.30× in nine rounds)"
    for speeds, busy, number, expected in (
        (0.7, 0.7, 9, "2 threads: 0.70× as fast as serial (0.70× to 0.70× in nine rounds). Cores busy: 0.70."),
        (SCATTERED, 1.6, 9, f"2 threads: the rounds differ too much to tell {nine}. Cores busy: 1.60. Each task"),
        (SCATTERED, 1.0, 9, f"2 threads: probably no gain {nine}. C"),
        (
            [1.0, 1.9],
            1.0,
            2,
            "2 threads: too few rounds for a verdict (1.00× to 1.90× in two rounds). Cores busy: 1.0",
        ),
    ):
        told = sentence(made({("threads", 2): speeds}, busy={("threads", 2): busy}, rounds=number))
        assert told.startswith(expected), told


def test_a_doubtful_magnitude():
    """The measured ratio is told; where its cause is in doubt, that and the reason too, and a recording is wanted."""
    cost = r"each task cost 1\.36 times as much CPU time as in serial \(busy CPUs, .* the rows don't say which\)"
    starved = "other programs, or a CPU limit, left even serial only 0.60 of a core"
    for how, speed, reason in (
        ({"busy": {("threads", 2): 1.9}}, 1.4, cost),
        ({"control": 1.2}, 0.5, "the two serial runs of a round differed by 20%"),
        ({"alone": 0.6}, 1.9, starved),
    ):
        result, clear = made({("threads", 2): speed}, **how), made({("threads", 2): speed})
        measured = rf"2 threads: {speed:.2f}× as fast as serial \(.* in nine rounds\)"
        doubt = rf"How much {drawn.UNSURE.partition('how much ')[2]}: {reason}\."
        assert re.fullmatch(rf"{measured}\. Cores busy: [\d.]+\. {doubt}", sentence(result))
        assert re.fullmatch(rf"{measured}\. Cores busy: [\d.]+\.", sentence(clear))
        assert drawn.needs_recording(result) and not drawn.needs_recording(clear)


def test_a_doubtful_recording(monkeypatch):
    """A recording that does not carry its figure either is drawn, and nothing beside it."""
    doubtful = made({("threads", 2): 1.4}, busy={("threads", 2): 1.9})
    monkeypatch.setattr(picture, "recording", lambda *_, **__: doubtful)
    assert picture.show(doubtful).beside.beside is None


def test_numpy_has_threads_of_its_own():
    """Beside a task of NumPy stands that it had one thread here, and has more outside; beside no other."""
    for task, told in (("matmul", True), ("sha256", False), ("own_tasks:pid", False)):
        assert sentence(made({("threads", 2): 1.9}, task=task)).endswith(". " + words.sentence(drawn.ONE_BLAS)) == told


def test_one_cpu():
    """One usable CPU is named where nothing can compute faster than serial on it; the size of a loss is told."""
    for speed, told in (
        (
            1.0,
            "1.00× as fast as serial, so no gain (1.00× to 1.00× in nine rounds). Cores busy: 1.00. There is only one",
        ),
        (
            1.5,
            "1.50× as fast as serial (1.50× to 1.50× in nine rounds). Cores busy: 1.50. How much of that comes from",
        ),
        (0.5, "0.50× as fast as serial (0.50× to 0.50× in nine rounds). Cores busy: 0.50."),
    ):
        result = made({("processes", 2): speed}, usable=1)
        assert sentence(result).startswith(f"2 processes: {told}")
        assert drawn.needs_recording(result)


def test_processes_that_got_no_second_cpu():
    """That something kept the processes from a second CPU is said where there is one, and where they compute."""
    for speed, how, told in (
        (1.0, {}, True),
        (1.9, {}, False),
        (1.0, {"usable": 1}, False),
        (1.0, {"alone": 0.01, "waits": True}, False),
    ):
        result = made({("threads", 2): 1.0, ("processes", 2): speed}, **how)
        assert sentence(result).count("kept them from a second CPU") == told, (speed, how)
        assert not told or drawn.needs_recording(result)


def test_headline():
    """The most workers of each kind and what was bet on, with its range and all that keeps it from being sure."""
    whole = made(TYPICAL | {("threads", 4): 1.3}, busy={("threads", 4): 1.0})
    four = ("threads", "4 threads", "1.30×", "1.30× to 1.30× in nine rounds; in doubt")
    two = ("threads", "2 threads", "1.00×", "1.00× to 1.00× in nine rounds; no gain")
    processes = ("processes", "2 processes", "1.90×", "1.90× to 1.90× in nine rounds")
    assert picture.headline(whole) == [four, processes]
    assert picture.headline(whole, MadeBet(("threads", 2, 2.0))) == [two, four, processes]
    few = picture.headline(made({("threads", 2): [1.0, 1.9]}, rounds=2))
    assert few == [("threads", "2 threads", "1.45×", "1.00× to 1.90× in two rounds; too few rounds for a verdict")]
    for result, title in (
        (whole, "4 threads: 1.30× as fast (in doubt); 2 processes: 1.90× as fast"),
        (made({("threads", 2): [1.0, 1.9]}, rounds=2), "2 threads: too few rounds for a verdict"),
        (
            made({("threads", 2): SCATTERED}, busy={("threads", 2): 1.6}),
            "2 threads: the rounds differ too much to tell",
        ),
    ):
        assert drawn.speedup_chart(result, None)[0].get_suptitle() == title


def test_a_bet():
    """A committed bet is drawn where its number of workers is, with a marker of its own; others and none are not."""
    for points, drawn_at in (([("threads", 2, 1.5), ("threads", 64, 30.0)], [(1, 1.5)]), ([], [])):
        figure, alt, _ = drawn.speedup_chart(made(TYPICAL), MadeBet(*points))
        top = figure.axes[0]
        found = lines(top, "your bet")
        assert [(round(each.get_xdata()[0]), each.get_ydata()[0]) for each in found] == drawn_at
        assert bool(top.get_legend()) == alt.endswith("; your bet: 2 threads 1.50×.") == bool(points)
        assert all(each.get_marker() not in [kit.LOOKS[kind]["marker"] for kind in kinds.KINDS] for each in found)
