"""Switching: the counts are the kernel's, workers are where their row says, what rows allow to say, and the charts."""

import json
import os
import re
import subprocess
import sys
import threading
import time

import helpers
import pytest
from made import switching as made

from conc_lab.experiments.switching.measure import worker as _switching_worker
from conc_lab.engine import in_worker as _worker, experiment as experiments, parameters, run as runner, tasks
from conc_lab.drawing import kit as style
from conc_lab.experiments.switching.measure import chart as drawn
from conc_lab.engine.errors import LabError
from conc_lab.experiments.switching.measure import measure as module
from conc_lab.experiments.switching.measure import QUESTIONS, against_serial
from conc_lab.engine.stats import Spread, paired, spread

linux = pytest.mark.skipif(sys.platform != "linux", reason="counts the switches of a thread, pins to a CPU")
SMALL = {"workers": 2, "intervals_us": [70], "waits": 10, "run_ms": 1, "rounds": 1}
KINDS = ("threads", "processes")
PYTHONS_INTERVAL_S = 0.005
VARIANTS = {  # of each run in helpers.RUNS: the columns that tell them apart, and their values
    "switching": (("work", "kind", "worker"), {(w, k, n) for w in module.WORKS for k in KINDS for n in (0, 1)}),
    "switching hand-over": (
        ("kind", "primitive", "place"),
        {(*partner, place) for partner in module.PARTNERS for place in module.PLACES},
    ),
    "switching interval": (("kind", "interval_us"), {("serial", None), ("threads", 5000), ("threads", 10)}),
    "switching echo": (
        ("neighbours", "count", "interval_us"),
        {("none", 0, None), *(("threads", n, 5000) for n in (1, 2)), *(("processes", n, None) for n in (1, 2))},
    ),
}


def items(question, **params):
    """What a small run yields, made in this process."""
    return module.switching(**parameters.checked(module.switching, SMALL | {"question": question} | params))


def here(question, **params):
    """The rows of a small run, made in this process."""
    return [item for item in items(question, **params) if isinstance(item, dict)]


def test_rows_of_a_run():
    """Every question has every variant once a round, each with figures or the reason why there are none."""
    for case, (keys, wanted) in VARIANTS.items():
        rows = helpers.real(case).rows
        variants = [(row["round"], *(row[key] for key in keys)) for row in rows]
        assert len(variants) == len(set(variants)) and {variant[1:] for variant in variants} == wanted
        for row in rows:
            if "trips" in row:
                assert (row["round_trip_us"] is None) == (row["reason"] is not None), row
                if row["reason"] is None:
                    assert row["trips"] >= 10 and 0 < row["p10_us"] <= row["round_trip_us"] <= row["p90_us"], row
            else:
                assert row["results_equal"] is True and row["wall_s"] > 0 and row["cpu_s"] >= 0, row
                assert (row["voluntary_switches"] is None) == (row["reason"] is not None), row


def test_rounds():
    """Every variant comes once a round, shuffled anew, and the progress grows to 1 with the end of each round."""
    taken = list(experiments.in_rounds(range(9), 20))
    orders = [[variant for number, _, variant, _ in taken if number == which] for which in range(20)]
    assert all(sorted(order) == list(range(9)) for order in orders) and len(set(map(tuple, orders))) > 1
    progress = [step for *_, step in taken]
    assert [step.fraction for step in progress] == sorted(step.fraction for step in progress)
    assert progress[-1].fraction == 1 and [step.round_done for step in progress] == ([False] * 8 + [True]) * 20


@linux
@pytest.mark.slow
def test_a_thousand_waits_are_a_thousand_switches():
    """A worker that waits 1,000 times counts 1,000 ± 5 % voluntary switches, be it a thread or a process."""
    params = SMALL | {"question": "switches", "waits": 1000}
    rows = runner.run("switching", params, timeout_s=helpers.LIVENESS_S).rows
    waiting = [row for row in rows if row["work"] == "waiting"]
    assert [row["kind"] for row in waiting].count("threads") == [row["kind"] for row in waiting].count("processes") == 2
    assert all(950 <= row["voluntary_switches"] <= 1050 for row in waiting), waiting


@linux
def test_the_count_is_the_kernels():
    """What a thread counts for itself over 1,000 waits is what its line in /proc/self/task gained, ± 5 %."""
    found = {}

    def count():
        path = f"/proc/self/task/{threading.get_native_id()}/status"

        def kernels():
            with open(path) as status:
                return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status.read(), re.MULTILINE)[1])

        before = kernels()
        _, _, _, first, last = _switching_worker.counted("thread", _switching_worker.wait_often, (1000,))
        found["kernel"], found["own"] = kernels() - before, last.voluntary_switches - first.voluntary_switches

    thread = threading.Thread(target=count)
    thread.start()
    thread.join()
    assert found["own"] == pytest.approx(1000, rel=0.05) and found["kernel"] == pytest.approx(1000, rel=0.05)


@linux
def test_what_gives_a_cpu_up():
    """The exercise's right answers cost a voluntary switch each time, the others next to none."""
    held, free, (read, write) = threading.Lock(), threading.Lock(), os.pipe()
    held.acquire()
    os.write(write, b"." * 200)
    acts = {
        "sleep": lambda: time.sleep(0.001),
        "held_lock": lambda: held.acquire(timeout=0.001),
        "full_pipe": lambda: os.read(read, 1),
        "free_lock": lambda: (free.acquire(), free.release()),
        "sum": lambda: sum(range(1000)),
    }
    try:
        for name, act in acts.items():
            often = (lambda act: [act() for _ in range(100)], (act,))
            _, _, _, before, after = _switching_worker.counted("thread", *often)
            switches = after.voluntary_switches - before.voluntary_switches
            assert switches >= 95 if name in ("sleep", "held_lock") else switches <= 5, (name, switches)
    finally:
        os.close(read)
        os.close(write)


@linux
def test_places():
    """On the same CPU both workers may run on one and the same, on the other CPU on two; then as before."""
    allowed = os.sched_getaffinity(0)
    for place in module.PLACES:
        with module._thread_by_lock() as (_, partner), module._placed(partner, place):
            mine, its = os.sched_getaffinity(0), os.sched_getaffinity(partner)
            if place == "not pinned":
                assert mine == its == allowed
            else:
                assert len(mine) == len(its) == 1 and (mine == its) == (place == "same CPU" or len(allowed) == 1)
        assert os.sched_getaffinity(0) == allowed
    with pytest.raises(OSError), module._placed(2**22 + 1, "same CPU"):
        pass
    assert os.sched_getaffinity(0) == allowed


def test_without_affinity(monkeypatch):
    """Where a platform cannot pin, the pinned rows are empty with the reason, and the others are measured."""
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    for row in here("hand-over"):
        pinned = row["place"] != "not pinned"
        assert (row["round_trip_us"] is None) == pinned, row
        assert not pinned or "does not let Python choose a worker's CPU" in row["reason"]


@linux
def test_with_one_cpu():
    """With one CPU in the affinity mask there is no other one, and the row says so."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        reasons = {row["place"]: row["reason"] for row in here("hand-over")}
    finally:
        os.sched_setaffinity(0, allowed)
    assert reasons == {"same CPU": None, "other CPU": "only one CPU may be used", "not pinned": None}


def test_uncounted_switches(monkeypatch):
    """Where the platform counts no switches, they are empty with the reason, and the times are there."""
    monkeypatch.setattr(_worker, "resource", None)
    for row in here("interval"):
        assert row["voluntary_switches"] is None and row["involuntary_switches"] is None and row["wall_s"] > 0
        assert re.search("does not tell Python the context switches of a (thread|process)$", row["reason"])


@pytest.fixture
def computing(monkeypatch):
    """The calls that workers make instead of computing, each with the switch interval that it met."""
    sys.setswitchinterval(PYTHONS_INTERVAL_S)  # whatever an earlier test has left
    calls = []
    monkeypatch.setattr(tasks, "calibrate", lambda *args: 77)
    monkeypatch.setattr(tasks, "count_primes", lambda size: calls.append((size, sys.getswitchinterval())))
    return calls


def test_the_interval_is_set_and_restored(computing):
    """Threads run at the interval of their row, serial does the work of them all, and then it is as before."""
    for item in items("interval", workers=3):
        if isinstance(item, dict):
            wanted = PYTHONS_INTERVAL_S if item["kind"] == "serial" else 70e-6
            assert [interval for size, interval in computing if size == 77] == pytest.approx([wanted] * 3)
            assert sys.getswitchinterval() == PYTHONS_INTERVAL_S
            computing.clear()


def test_workers_that_go_wrong(computing, monkeypatch):
    """Workers that return different things show no figures, and one that raises leaves the interval as it was."""
    for wrong, words in (
        (lambda size: object(), "returned different results"),
        (lambda size: 1 / 0, "division by zero"),
    ):
        monkeypatch.setattr(tasks, "count_primes", wrong)
        with pytest.raises((LabError, ZeroDivisionError), match=words):
            here("interval")
        assert sys.getswitchinterval() == PYTHONS_INTERVAL_S


def test_the_echo_has_its_interval_and_neighbours():
    """The answering process has the switch interval and the threads that its row says."""
    code = (
        "import sys, threading; from conc_lab import _switching_worker as w; w._compute = threading.Event().wait; "
        "w.answer = lambda *_: print(round(sys.getswitchinterval() * 1e6), threading.active_count(), flush=True); "
        "w.main()"
    )
    spec = json.dumps({"threads": 2, "interval_us": 70, "computes": False})
    done = subprocess.run([sys.executable, "-P", "-c", code, spec], capture_output=True, text=True, timeout=60)
    assert done.stdout == "70 3\n" and done.returncode == 0 and done.stderr == ""


def test_a_partner_that_ends(monkeypatch, nothing_left):
    """A partner that ends before it answers is one sentence, and nothing is left."""
    helpers.instead_of_our_programs(monkeypatch, "pass")
    with pytest.raises(LabError, match=r"^a worker ended before it answered: .* ask for fewer workers$"):
        here("echo")


def test_a_run_that_is_given_up(nothing_left):
    """A run that is given up in the middle leaves no partner, no thread and no descriptor."""
    for question in ("hand-over", "echo"):
        run = items(question, rounds=2)
        while not isinstance(next(run), dict):
            pass
        run.close()


def test_worker_processes_must_fit():
    """Questions that start worker processes refuse more of them than the memory holds; the others do not ask."""
    for question in QUESTIONS:
        params = parameters.checked(module.switching, {"question": question, "workers": 64})
        if question in ("switches", "echo"):
            with pytest.raises(LabError, match="at most"):
                module.check(params, {"memory_free_bytes": 100 << 20})
        else:
            module.check(params, {"memory_free_bytes": 100 << 20})


def rows(*values, name="a"):
    return [{"round": number, "kind": name, "x": value} for number, value in enumerate(values)]


def test_spread():
    """Median, least, greatest and number by group; None is left out, and a group of nothing else is absent."""
    made_rows = rows(3.0, 1.0, None, 2.0) + rows(None, name="b") + rows(7.0, name="c")
    assert spread(made_rows, "x", "kind") == {("a",): Spread(2.0, 1.0, 3.0, 3), ("c",): Spread(7.0, 7.0, 7.0, 1)}


def test_paired():
    """The ratio is the median over the rounds that have both; a verdict needs five of them that agree."""
    cases = [
        ([1.0, 10.0, 2.0, 4.0, 1.0], [2.0, 20.0, 4.0, 8.0, 2.0], 0.5, "less"),  # paired: their ranges overlap
        ([2.0] * 5, [1.0] * 5, 2.0, "more"),
        ([1.0, 2.0, 1.0, 2.0, 1.0], [2.0, 1.0, 2.0, 1.0, 2.0], 0.5, "unclear"),
        ([None, 1.0, 1.0, 1.0, 1.0, 1.0], [1.0, None, 2.0, 2.0, 2.0, 2.0], 0.5, "unclear"),  # four pairs
        ([1.0], [0.0], None, "unclear"),
        ([], [], None, "unclear"),
    ]
    for first, second, *found in cases:
        assert [*paired(rows(*first) + rows(*second, name="b"), "x", {"kind": "a"}, {"kind": "b"})] == found, first


def test_against_serial():
    """Work done, CPU cost, cores busy and switches a second come from the round's own serial run."""
    found = against_serial(made.interval(rounds=1, serial_cpu_s=0.8).rows)
    assert found == [
        {"round": 0, "interval_us": 5000, "throughput": 1, "cpu_cost": 1.25, "cores_busy": 1, "switches_per_s": 400},
        {
            "round": 0, "interval_us": 10, "throughput": 0.625, "cpu_cost": 2.5, "cores_busy": 1.25,
            "switches_per_s": 13_750,
        },
    ]  # fmt: skip
    found = against_serial(made.interval(rounds=1, serial_cpu_s=0.0, counted=False).rows)
    assert [row["cpu_cost"] for row in found] == [row["switches_per_s"] for row in found] == [None, None]
    without = [row for row in made.interval().rows if row["kind"] != "serial" or row["round"]]
    assert {row["round"] for row in against_serial(without)} == {1, 2, 3, 4}


def sentence(result):
    return drawn.CHARTS["switching"](result, None, None)[2]


def test_sentences_where_figures_are_missing():
    """A place that is missing and switches that are not counted are told with the reason, and drawn as such."""
    words = sentence(made.handover(missing={"other CPU": "only one CPU may be used"}, usable=1))
    assert "Other CPU: only one CPU may be used." in words and "as long" not in words.partition("Other CPU")[2]
    reason = "macOS does not let Python choose a worker's CPU"
    words = sentence(made.handover(missing=dict.fromkeys(("same CPU", "other CPU"), reason)))
    assert words.count(reason) == 2 and "Not pinned: through a pipe 7 µs between threads" in words
    figure, _, words = drawn.CHARTS["switching"](made.counts(uncounted={"threads": "macOS does not tell"}), None, None)
    assert "processes 1,000" in words and "threads 1,001" not in words and words.endswith(" MacOS does not tell.")
    assert [text.get_text() for text in figure.axes[0].texts if "not" in text.get_text()] == [f" {drawn.UNCOUNTED}"]
    words = sentence(made.counts(uncounted={"threads": "Windows does not tell", "processes": "nor this"}))
    assert words == "Windows does not tell. Nor this."
    bare = made.interval(counted=False, serial_cpu_s=0.0)
    figure, _, words = drawn.CHARTS["switching"](bare, None, None)
    assert "switches" not in words and "its CPU time" not in words
    assert [text.get_text() for text in figure.axes[-1].texts] == [drawn.UNCOUNTED]


def test_sentences_that_no_recording_has():
    """Slower threads on a pipe, rounds that do not tell, one interval, starved threads, an echo without a step."""
    slower = made.HAND_OVER | {("same CPU", "threads", "pipe"): 9.0}
    assert "(threads took 1.50 times as long as processes)" in sentence(made.handover(slower))
    words = sentence(made.interval({5000: (1.0, 1.0, 1), 10: ([0.9, 1.1], [0.9, 1.1], 1)}))
    assert words.count("these rounds do not tell") == 2
    assert "short interval" not in sentence(made.interval({5000: (1.0, 1.0, 400)}))
    assert "left these threads 0.25 of a core" in sentence(made.interval({5000: (1.0, 0.25, 1), 10: (1.0, 0.3, 1)}))
    flat, slow = {key: 40.0 for key in made.ECHO}, made.ECHO | {("threads", 1, 5000): 400.0}
    assert sentence(made.echo(flat, gil=False)).endswith("runs without the GIL: there is no interval to wait for.")
    assert sentence(made.echo(gil=False)).endswith("where the echo took longer it waited for a CPU.")
    words = sentence(made.echo(flat))
    assert "GIL" not in words and "waited" not in words
    words = sentence(made.echo(slow))  # ten times as long, and yet no interval
    assert "10 times as long" in words and "waited" not in words


def test_round_trips_chart():
    """Each case is a named line from top to bottom, with every run, the range and the median, on a log scale."""
    (ax,) = drawn.CHARTS["switching"](made.echo(), None, None)[0].axes
    names = [tick.get_text() for tick in ax.get_yticklabels()]
    assert names[:2] == ["alone", "beside 1 thread, 5 ms"] and names[-1] == "beside 2 processes"
    assert ax.get_xscale() == "log" and "round trip" in ax.get_xlabel() and ax.yaxis_inverted()
    medians = [line for line in ax.lines if len(line.get_xdata()) == 1]
    assert [line.get_xdata()[0] for line in medians] == list(made.ECHO.values())
    markers = {style.STYLES[kind]["marker"] for kind in KINDS} | {drawn.LOCK["marker"]}
    (ax,) = drawn.CHARTS["switching"](made.handover(), None, None)[0].axes
    assert {line.get_marker() for line in ax.lines} - {"None"} == markers and len(markers) == 3
    assert ax.get_yticklabels()[0].get_text() == "same CPU: threads, pipe"


def test_switches_chart():
    """Each work has a bar for voluntary and a hatched one for involuntary switches of each kind, with its figure."""
    axes = drawn.CHARTS["switching"](made.counts(), None, None)[0].axes
    assert [ax.get_title(loc="left").partition(":")[0] for ax in axes] == list(module.WORKS)
    for ax, work in zip(axes, module.WORKS, strict=True):
        widths = [bar.get_width() for bar in ax.patches]
        assert widths == [made.COUNTS[work, kind][column] for column in (0, 1) for kind in KINDS]
        assert [bool(bar.get_hatch()) for bar in ax.patches] == [False, False, True, True]
        assert {text.get_text().split()[1] for text in ax.texts} == {"voluntary", "involuntary"}


def test_interval_chart():
    """Work done, CPU time and switches stand above each other, from the longest interval to the shortest."""
    axes = drawn.CHARTS["switching"](made.interval(), None, None)[0].axes
    assert [ax.get_ylabel() for ax in axes] == list(drawn.PANELS.values())
    assert [tick.get_text() for tick in axes[-1].get_xticklabels()] == ["5 ms", "10 µs"]
    strong = [next(line for line in ax.lines if len(line.get_xdata()) == 2) for ax in axes]
    assert [list(line.get_ydata()) for line in strong] == [[1, 0.625], [1, 2], [400, 13_750]]
