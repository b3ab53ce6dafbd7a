"""The speedup experiment: what its rows hold, and what may be concluded from rows."""

import itertools
import json
import math
import os

import helpers
import pytest

from conc_lab.engine import pools as executors, tasks
from conc_lab.engine.errors import LabError
from conc_lab.experiments.speedup import measure as module
from conc_lab.experiments.speedup.measure import character, conclusions, decompose, serial_busy
from conc_lab.engine.stats import interval

COLUMNS = {
    "round", "order", "kind", "workers", "repeat", "cpu", "tasks", "setup_s", "wall_s", "teardown_s", "cpu_s",
    "voluntary_switches", "involuntary_switches", "results_equal", "speedup", "cores_busy", "cpu_cost",
}  # fmt: skip


@pytest.fixture(autouse=True)
def folder(monkeypatch):
    """The student's folder is this one, where own_tasks.py lies."""
    monkeypatch.chdir(helpers.TESTS)


def row(kind="serial", wall_s=1.0, cpu_s=1.0, workers=1, repeat=None, cpu=None, tasks=10, number=0, switches=0):
    return {
        "round": number, "kind": kind, "workers": workers, "repeat": repeat, "cpu": cpu, "tasks": tasks,
        "wall_s": wall_s, "cpu_s": cpu_s, "voluntary_switches": switches, "involuntary_switches": 0,
    }  # fmt: skip


def rounds(walls, busy=1.9, alone=1.0, control=1.0, unlike=1.0, gave_up=0):
    """Rounds of two processes that took `walls`, where serial takes 1 s and keeps `alone` cores busy.

    control: A's wall over B's; unlike: what a task costs on CPU 1 over CPU 0; gave_up: switches a task.
    """
    made = []
    for number, wall_s in enumerate(walls):
        a, b = 2 * control / (1 + control), 2 / (1 + control)
        made += decompose(
            [
                row(wall_s=a, cpu_s=alone * a, repeat="A", number=number, switches=10 * gave_up),
                row(wall_s=b, cpu_s=alone * b, repeat="B", number=number, switches=10 * gave_up),
                row(cpu=0, wall_s=0.2, cpu_s=0.2 * alone, tasks=2, number=number, switches=2 * gave_up),
                row(
                    cpu=1, wall_s=0.2 * unlike, cpu_s=0.2 * alone * unlike, tasks=2, number=number, switches=2 * gave_up
                ),
                row("processes", wall_s, busy * wall_s, 2, number=number),
            ]
        )
    return made


def one(rows):
    """The only conclusion."""
    (found,) = conclusions(rows)
    return found


def test_decompose():
    """Speedup is serial wall over wall, cores busy is CPU over wall, CPU cost is CPU per task over serial's."""
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


def test_the_parts_make_the_speedup():
    """Speedup = cores busy / CPU cost / cores busy in serial, for every row that has a speedup."""
    for wall_s, cpu_s, alone in itertools.product((0.3, 1.0, 2.0), (0.2, 1.9), (1.0, 0.7)):
        rows = [row(cpu_s=alone, repeat="A"), row(cpu_s=alone, repeat="B"), row("threads", wall_s, cpu_s, 2)]
        for item in decompose(rows):
            assert item["speedup"] == pytest.approx(item["cores_busy"] / item["cpu_cost"] / alone)


def test_decompose_without_cpu_time():
    """Where the clock saw no CPU time in serial, there is no CPU cost."""
    rows = decompose([row(cpu_s=0.0, repeat="A"), row(cpu_s=0.0, repeat="B"), row("threads", cpu_s=0.1)])
    assert [item["cpu_cost"] for item in rows] == [None] * 3


@pytest.mark.parametrize(
    ("n", "low", "high", "coverage"),
    [
        (1, 1, 1, 0.0),
        (2, 1, 2, 0.5),
        (5, 1, 5, 0.9375),
        (6, 1, 6, 0.96875),
        (8, 1, 8, 0.9921875),
        (9, 2, 8, 0.9609375),
        (12, 3, 10, 0.96142578125),
    ],
)
def test_interval(n, low, high, coverage):
    """The interval is the narrowest pair of order statistics that covers the median with at least 93 %."""
    values = [float(number) for number in range(n, 0, -1)]
    assert interval(values) == (low, high, pytest.approx(coverage))
    assert values == [float(number) for number in range(n, 0, -1)]


def test_interval_covers_what_it_says():
    """For continuous values, P(k-th <= median <= (n-k+1)-th) is what the binomial distribution says."""
    for n in range(2, 30):
        low, high, coverage = interval(list(range(n)))
        outside = sum(math.comb(n, i) for i in range(low + 1)) / 2**n
        assert high == n - 1 - low and coverage == pytest.approx(1 - 2 * outside)
        narrower = 1 - 2 * sum(math.comb(n, i) for i in range(low + 2)) / 2**n
        assert narrower < 0.93


SCATTERED = [0.7, 1.3, 1.0, 0.9, 1.6]
DIRECTIONS = {
    "faster": (rounds([0.5, 0.55, 0.6, 0.7, 0.9]), "faster"),
    "slower": (rounds([1.2, 1.3, 1.5, 1.1, 1.02]), "slower"),
    "no gain": (rounds([0.99, 1.0, 1.05, 0.95, 1.02]), "no gain"),
    "a little faster is no gain": (rounds([0.95, 0.96, 0.94, 0.95, 0.93]), "no gain"),
    "as busy": (rounds(SCATTERED, busy=1.0), "as busy"),
    "unclear": (rounds(SCATTERED, busy=1.8), "unclear"),
    "too few rounds": (rounds([0.5, 0.5, 0.5]), "too few"),
    "too few rounds, as busy": (rounds([0.5, 0.5, 0.5], busy=1.0), "too few"),
    "one outlier in nine": (rounds([0.5] * 8 + [3.0]), "faster"),
    "one outlier in five": (rounds([0.5] * 4 + [3.0]), "unclear"),
    "waiting and faster": (rounds([0.5] * 5, busy=0.02, alone=0.01, gave_up=1), "faster"),
    "waiting and unclear": (rounds(SCATTERED, busy=0.01, alone=0.01, gave_up=1), "unclear"),
    "mixed and as busy": (rounds(SCATTERED, busy=0.5, alone=0.5, gave_up=1), "as busy"),
    "starved and unclear": (rounds(SCATTERED, busy=0.5, alone=0.5), "unclear"),
}


@pytest.mark.parametrize(("rows", "direction"), DIRECTIONS.values(), ids=DIRECTIONS)
def test_direction(rows, direction):
    """The direction is what the interval of the paired ratios allows, or else how busy the workers were."""
    assert one(rows)["direction"] == direction


@pytest.mark.parametrize(
    ("alone", "gave_up", "nature"),
    [
        (1.0, 0, "computes"),
        (0.95, 2, "computes"),
        (0.6, 0, "starved"),
        (0.1, 0.1, "starved"),
        (0.6, 1, "mixed"),
        (0.05, 1, "waits"),
    ],
)
def test_character(alone, gave_up, nature):
    """Serial runs that kept their core busy computed; others waited by themselves, or were starved by others."""
    assert character(rounds([1.0], alone=alone, gave_up=gave_up)) == nature


def test_character_without_counts():
    """Where the platform counts no switches, work that left its core idle is said to wait."""
    rows = [item | {"voluntary_switches": None} for item in rounds([1.0], alone=0.1)]
    assert character(rows) == "waits"


def test_figures_of_a_conclusion():
    """Speedup is the median of the ratios, capability best over best, the rest medians too."""
    found = one(rounds([0.5, 0.8, 0.4, 1.0, 0.625]))
    assert (found["kind"], found["workers"], found["rounds"]) == ("processes", 2, 5)
    assert found["speedup"] == pytest.approx(1 / 0.625)
    assert (found["low"], found["high"], found["coverage"]) == (pytest.approx(1.0), pytest.approx(2.5), 0.9375)
    assert found["capability"] == pytest.approx(1 / 0.4)
    assert found["cores_busy"] == pytest.approx(1.9)
    assert found["cpu_cost"] == pytest.approx(1.9 * 0.625)


COST = "each task cost {} times the CPU time it costs alone"
ALIKE = "the CPUs are not alike: one needed 1.30 times the CPU time of another for a task"
CONTROL = "serial against serial differed by 20%"
STARVED = "other programs, or a CPU limit, left even the serial runs only 0.60 of a core"
DOUBTS = {
    "none": (rounds([0.5] * 5, busy=2.0), None),
    "dear": (rounds([0.8] * 5, busy=2.0), COST.format("1.60")),
    "cheap": (rounds([0.4] * 5, busy=2.0), COST.format("0.80")),
    "a little dear": (rounds([0.55] * 5, busy=2.0), None),
    "dear and slower": (rounds([1.5] * 5, busy=2.0), None),
    "unlike CPUs": (rounds([0.5] * 5, busy=2.0, unlike=1.3), ALIKE),
    "nearly alike CPUs": (rounds([0.5] * 5, busy=2.0, unlike=1.1), None),
    "control above": (rounds([0.5] * 5, busy=2.0, control=1.2), CONTROL),
    "control below": (rounds([0.5] * 5, busy=2.0, control=0.8), CONTROL),
    "control near": (rounds([0.5] * 5, busy=2.0, control=1.04), None),
    "starved": (rounds([0.5] * 5, busy=1.2, alone=0.6), STARVED),
    "the cost before the control": (rounds([0.8] * 5, busy=2.0, control=1.2, unlike=1.3), COST.format("1.60")),
}


@pytest.mark.parametrize(("rows", "doubt"), DOUBTS.values(), ids=DOUBTS)
def test_doubt(rows, doubt):
    """The magnitude is in doubt where tasks cost more or less than alone, or where serial runs or CPUs differ."""
    assert one(rows)["doubt"] == doubt


def test_work_that_waits_has_no_cost():
    """For work that waits, what little CPU it uses gives neither a cost nor a doubt."""
    rows = rounds([0.5] * 5, busy=0.1, alone=0.01, gave_up=1)
    assert serial_busy(rows) == pytest.approx(0.01)
    assert one(rows)["cpu_cost"] is None and one(rows)["doubt"] is None


def test_conclusions_in_order():
    """There is one conclusion for each kind and number of workers, in the order of kinds and numbers."""
    rows = []
    for kind, workers in [("asyncio", 2), ("processes", 4), ("threads", 2), ("processes", 1)]:
        rows.append(row(kind, workers=workers))
    rows = decompose([row(repeat="A"), row(repeat="B"), *rows])
    found = [(item["kind"], item["workers"]) for item in conclusions(rows)]
    assert found == [("threads", 2), ("processes", 1), ("processes", 4), ("asyncio", 2)]


def test_conclusions_without_workers():
    """Rows of serial runs alone allow no conclusion."""
    assert conclusions(decompose([row(repeat="A"), row(repeat="B")])) == []


RUNS = [
    {"task": "sum_squares", "kinds": ["threads", "processes"], "workers": [1, 2]},
    {"task": "sleep", "kinds": ["threads", "processes", "asyncio"], "workers": [1, 3]},
    {"task": "own_tasks:fine", "kinds": ["processes"], "workers": [2]},
]
if not executors.unavailable("interpreters"):
    RUNS[0]["kinds"].append("interpreters")
VARIANTS = [(run, method) for run in RUNS for method in executors.start_methods()]


@pytest.mark.parametrize(("params", "method"), VARIANTS, ids=[f"{run['task']}-{method}" for run, method in VARIANTS])
def test_rows_of_a_run(params, method):
    """A run has every variant once a round, in a shuffled order, and all columns hold what they say."""
    rows = helpers.small(**params, start_method=method, rounds=2, task_ms=0.5).rows
    assert all(item.keys() == COLUMNS and item["results_equal"] is True for item in rows)
    waits = params["task"] == "sleep"
    wanted = [*itertools.product(params["kinds"], params["workers"], [""]), ("serial", 1, "A"), ("serial", 1, "B")]
    for number in (0, 1):
        mine = [item for item in rows if item["round"] == number]
        timed = [item for item in mine if item["cpu"] is None]
        assert sorted((item["kind"], item["workers"], item["repeat"] or "") for item in timed) == sorted(wanted)
        assert sorted(item["order"] for item in timed) == list(range(len(wanted)))
        probes = [item for item in mine if item["cpu"] is not None]
        assert all(item["kind"] == "serial" and item["order"] is None and item["speedup"] is None for item in probes)
        if hasattr(os, "sched_getaffinity"):
            allowed = os.sched_getaffinity(0)
            assert len({item["cpu"] for item in probes} & allowed) == (0 if waits else min(2, len(allowed)))
        assert len({item["tasks"] for item in timed}) == 1
        assert timed[0]["tasks"] >= max(16, 4 * max(params["workers"]))
    for item in rows:
        assert item["wall_s"] > 0 and item["setup_s"] >= 0 and item["teardown_s"] >= 0 and item["cpu_s"] >= 0
        if os.name != "nt":
            counted = item["voluntary_switches"], item["involuntary_switches"]
            # macOS has no RUSAGE_THREAD
            assert counted == (None, None) or all(isinstance(value, int) and value >= 0 for value in counted)
    json.dumps(rows, allow_nan=False)
    assert {item["rounds"] for item in conclusions(rows)} == {2}


def test_the_order_is_shuffled(monkeypatch):
    """The order of the variants differs from round to round."""
    timed = {"wall_s": 1.0, "cpu_s": 1.0, "tasks": 16}
    monkeypatch.setattr(
        module,
        "_timed",
        lambda task, args, expected, count, kind, size, method: timed | {"kind": kind, "workers": size},
    )
    monkeypatch.setattr(tasks, "find", lambda name: tasks.TASKS["sleep"])
    items = module.speedup("sleep", [1, 2], ["threads", "processes"], "spawn", 0.1, 20)
    rows = [item for item in items if isinstance(item, dict)]
    orders = {
        tuple((item["kind"], item["workers"]) for item in rows if item["round"] == number) for number in range(20)
    }
    assert len(orders) > 3  # 20 equal shuffles of 6 would be 1 in 360**19


@pytest.mark.parametrize("method", executors.start_methods())
def test_workers_of_a_run_are_distinct(tmp_path, monkeypatch, method):
    """A run with three worker processes has the task done in three processes besides the child."""
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    helpers.small(task="own_tasks:notes_its_process", kinds=["processes"], workers=[3], start_method=method)
    assert len(set((tmp_path / "notes").read_text().split())) == 1 + 3


@pytest.mark.parametrize("task", ["own_tasks:pid", "own_tasks:not_a_number"])
def test_different_results_show_no_times(task):
    """Where workers return something else than serial did, no time is shown."""
    with pytest.raises(LabError) as caught:
        helpers.small(task=task, kinds=["processes"], start_method=executors.start_methods()[0])
    assert str(caught.value).startswith(f"{task} returned something else with ")
    assert "no" in str(caught.value).partition(":")[2]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="counts the CPUs of the affinity mask")
@pytest.mark.parametrize(
    ("task", "quota", "count"), [("sum_squares", 0.5, 50), ("sum_squares", None, 16), ("sleep", 0.5, 16)]
)
def test_a_limit_on_cpu_time(monkeypatch, task, quota, count):
    """Under a limit below the CPUs, work that computes lasts many of the limit's periods; waiting is not limited."""
    timed = []

    def stand_in(task, args, expected, count, kind, workers, start_method):
        timed.append((kind, workers, count))
        return row(kind, workers=workers, tasks=count)

    monkeypatch.setattr(module, "_timed", stand_in)
    monkeypatch.setattr(module.this_machine, "cpu_quota", lambda: quota)
    list(module.speedup(task, [2], ["threads"], None, task_ms=20, rounds=1))
    assert ("threads", 2, count) in timed


def test_the_affinity_is_restored():
    """After a pinned probe this thread may run where it could before."""
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this platform has no affinity")
    before = os.sched_getaffinity(0)
    with pytest.raises(KeyError), executors.pinned(max(before)):
        assert os.sched_getaffinity(0) == {max(before)}
        raise KeyError
    assert os.sched_getaffinity(0) == before
