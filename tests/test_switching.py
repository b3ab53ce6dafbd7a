"""The switching experiment: what its rows hold, its truth by construction, its charts, and what it leaves behind."""

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
from matplotlib.figure import Figure

from conc_lab.experiments.switching import worker as _switching_worker
from conc_lab.engine import in_worker as _worker, pools as executors, experiment as experiments, parameters, run as runner
from conc_lab.drawing import picture as charts
from conc_lab.drawing import kit as style
from conc_lab.experiments.switching import chart as drawn
from conc_lab.engine.errors import LabError
from conc_lab.experiments.switching import measure as module
from conc_lab.experiments.switching.measure import QUESTIONS, against_serial
from conc_lab.engine.stats import Spread, paired, spread

linux = pytest.mark.skipif(sys.platform != "linux", reason="counts the switches of a thread, pins to a CPU")
SMALL = {"workers": 2, "intervals_us": [5000, 50], "waits": 20, "run_ms": 2, "rounds": 2}
MADE = {"hand-over": made.handover, "switches": made.counts, "interval": made.interval, "echo": made.echo}
TRIP = {"trips", "round_trip_us", "p10_us", "p90_us"}
WORK = {"wall_s", "cpu_s", "voluntary_switches", "involuntary_switches", "results_equal"}
COLUMNS = {
    "hand-over": TRIP | {"kind", "primitive", "place"},
    "echo": TRIP | {"neighbours", "count", "interval_us"},
    "switches": WORK | {"work", "kind", "worker"},
    "interval": WORK | {"kind", "interval_us"},
}
KEYS = {
    "hand-over": ("kind", "primitive", "place"),
    "echo": ("neighbours", "count", "interval_us"),
    "switches": ("work", "kind", "worker"),
    "interval": ("kind", "interval_us"),
}
EXPECTED = {
    "hand-over": {(*partner, place) for partner in module.PARTNERS for place in module.PLACES},
    "echo": {
        ("none", 0, None), ("processes", 1, None), ("processes", 2, None),
        ("threads", 1, 5000), ("threads", 1, 50), ("threads", 2, 5000), ("threads", 2, 50),
    },
    "switches": {(work, kind, n) for work in module.WORKS for kind in ("threads", "processes") for n in (0, 1)},
    "interval": {("serial", None), ("threads", 5000), ("threads", 50)},
}  # fmt: skip


def run(**params):
    return runner.run("switching", SMALL | params, timeout_s=helpers.LIVENESS_S)


@pytest.mark.parametrize("question", QUESTIONS)
def test_rows_of_a_run(question):
    """A run has every variant once a round with all its columns, each figure or the reason why there is none."""
    rows = run(question=question).rows
    assert all(row.keys() == COLUMNS[question] | {"round", "reason"} for row in rows)
    for number in (0, 1):
        mine = [tuple(row[name] for name in KEYS[question]) for row in rows if row["round"] == number]
        assert len(mine) == len(set(mine)) and set(mine) == EXPECTED[question]
    for row in rows:
        if question in ("hand-over", "echo"):
            assert (row["round_trip_us"] is None) == (row["reason"] is not None)
            if row["reason"] is None:
                assert row["trips"] >= 10 and 0 < row["p10_us"] <= row["round_trip_us"] <= row["p90_us"]
        else:
            assert row["results_equal"] is True and row["wall_s"] > 0 and row["cpu_s"] >= 0
            assert (row["voluntary_switches"] is None) == (row["reason"] is not None)
    json.dumps(rows, allow_nan=False)


@pytest.mark.parametrize("method", executors.start_methods())
def test_every_start_method(method):
    """Workers' switches are counted whatever the start method."""
    rows = run(question="switches", start_method=method, rounds=1).rows
    assert len(rows) == len(EXPECTED["switches"])


def test_the_order_is_shuffled(monkeypatch):
    """The order of the variants differs from round to round, and the progress ends at 1 with a whole round."""
    monkeypatch.setattr(module, "_hand_over", lambda seconds, **variant: [{}])
    items = list(module.switching(**parameters.checked(module.switching, {"rounds": 20})))
    rows = [item for item in items if isinstance(item, dict)]
    orders = {tuple((r["kind"], r["primitive"], r["place"]) for r in rows if r["round"] == n) for n in range(20)}
    assert len(orders) > 3
    assert items[-1].round_done and items[-1].fraction == 1
    assert sum(item.round_done for item in items if isinstance(item, experiments.Progress)) == 20


def of_tasks(name="self"):
    """Voluntary switches of all threads of a process, as the kernel's table has them."""
    total = 0
    for task in os.listdir(f"/proc/{name}/task"):
        with open(f"/proc/{name}/task/{task}/status") as status:
            total += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status.read(), re.MULTILINE)[1])
    return total


@linux
@pytest.mark.slow
def test_a_thousand_waits_are_a_thousand_switches():
    """A worker that waits 1,000 times counts 1,000 ± 5 % voluntary switches, be it a thread or a process."""
    rows = run(question="switches", waits=1000, rounds=1).rows
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
@pytest.mark.slow
def test_the_sum_over_all_threads():
    """Three threads of a process that wait 1,000 times each add 3,000 ± 5 % to the sum over its tasks."""
    code = (
        "import sys, threading\n"
        "from conc_lab._switching_worker import wait_often\n"
        "go, done = threading.Barrier(4), threading.Barrier(4)\n"
        "work = lambda: (go.wait(), wait_often(1000), done.wait(), sys.stdin.buffer.raw.read(1))\n"
        "for _ in range(3): threading.Thread(target=work, daemon=True).start()\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "go.wait(); done.wait(); print('done', flush=True); sys.stdin.readline()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-P", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            before = of_tasks(process.pid)
            print(file=process.stdin, flush=True)
            assert process.stdout.readline() == "done\n"
            assert of_tasks(process.pid) - before == pytest.approx(3000, rel=0.05)
        finally:
            process.kill()


@linux
def test_what_gives_a_cpu_up():
    """The exercise's right answers cost a voluntary switch each time, the others next to none."""
    held, free = threading.Lock(), threading.Lock()
    empty, full = os.pipe(), os.pipe()
    held.acquire()
    os.write(full[1], b"." * 200)

    def read_when_written():
        threading.Timer(0.001, os.write, (empty[1], b".")).start()
        os.read(empty[0], 1)

    acts = {
        "sleep": lambda: time.sleep(0.001),
        "empty_pipe": read_when_written,
        "full_pipe": lambda: os.read(full[0], 1),
        "free_lock": lambda: (free.acquire(), free.release()),
        "held_lock": lambda: held.acquire(timeout=0.001),
        "sum": lambda: sum(range(1000)),
    }
    try:
        for name, act in acts.items():

            def often(act=act):
                for _ in range(100):
                    act()

            _, _, _, before, after = _switching_worker.counted("thread", often, ())
            switches = after.voluntary_switches - before.voluntary_switches
            assert switches >= 95 if name in ("sleep", "empty_pipe", "held_lock") else switches <= 5, (name, switches)
    finally:
        for descriptor in (*empty, *full):
            os.close(descriptor)


@linux
def test_places():
    """On the same CPU both workers may run on one and the same, on the other CPU on two; then as before."""
    allowed = os.sched_getaffinity(0)
    for place in module.PLACES:
        with module._thread_by_lock() as (_, partner), module._placed(partner, place):
            mine, its = os.sched_getaffinity(0), os.sched_getaffinity(partner)
            match place:
                case "same CPU":
                    assert mine == its and len(mine) == 1
                case "other CPU":
                    assert len(mine) == len(its) == 1 and (mine != its or len(allowed) == 1)
                case _:
                    assert mine == its == allowed
        assert os.sched_getaffinity(0) == allowed
    with pytest.raises(OSError), module._placed(2**22 + 1, "same CPU"):
        pass
    assert os.sched_getaffinity(0) == allowed


def test_without_affinity(monkeypatch):
    """Where a platform cannot pin, the pinned rows are null with the reason, and the others are measured."""
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    for place in ("same CPU", "other CPU"):
        (row,) = module._hand_over(0.001, "threads", "pipe", place)
        assert row["round_trip_us"] is None and "does not let Python choose a worker's CPU" in row["reason"]
    (row,) = module._hand_over(0.001, "threads", "pipe", "not pinned")
    assert row["round_trip_us"] > 0


@linux
def test_with_one_cpu():
    """With one CPU in the affinity mask there is no other one, and the row says so."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        (row,) = module._hand_over(0.001, "processes", "pipe", "other CPU")
        assert row == dict.fromkeys(TRIP) | {"reason": "only one CPU may be used"}
        (row,) = module._hand_over(0.001, "processes", "pipe", "same CPU")
        assert row["trips"] >= 10
    finally:
        os.sched_setaffinity(0, allowed)


def test_uncounted_switches(monkeypatch):
    """Where the platform counts no switches, they are null with the reason and the times are there."""
    monkeypatch.setattr(_worker, "resource", None)
    (row,) = module._workers("threads", 1, None, _switching_worker.wait_often, (1,))
    assert row["voluntary_switches"] is None and row["involuntary_switches"] is None and row["wall_s"] > 0
    assert row["reason"].endswith("does not tell Python the context switches of a thread")
    (row,) = module._at_interval(2, (_switching_worker.wait_often, (1,)), "threads", 50)
    assert row["voluntary_switches"] is None and row["cpu_s"] >= 0


def test_the_interval_is_set_and_restored():
    """The workers run at the switch interval of their row, and the process has its own again afterwards."""
    before = sys.getswitchinterval()
    seen = []

    def work(_):
        seen.append(sys.getswitchinterval())

    for kind, us, wanted in (("threads", 70, 7e-5), ("serial", None, before)):
        seen.clear()
        module._at_interval(2, (work, (1,)), kind, us)
        assert seen and seen == pytest.approx([wanted] * len(seen))
        assert sys.getswitchinterval() == before

    def breaks(_):
        raise ValueError

    with pytest.raises(ValueError):
        module._at_interval(1, (breaks, (1,)), "threads", 70)
    assert sys.getswitchinterval() == before


@pytest.mark.parametrize("kind", ["serial", "threads"])
def test_serial_does_the_work_of_all_workers(kind):
    """The serial run that threads are compared with does as many parts as there are threads, not one."""
    done = []
    module._at_interval(3, (done.append, ("part",)), kind, 5000)
    assert done.count("part") == 3


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


def test_different_results_show_no_figures():
    """Where workers return different things for the same work, no figures are shown."""
    with pytest.raises(LabError, match="the threads returned different results"):
        module._workers("threads", 2, None, lambda _: threading.get_ident(), (1,))


def test_a_partner_that_ends():
    """A partner that ends before it answers is one sentence, whether the end shows in reading or in writing."""
    with pytest.raises(LabError, match="a worker ended before it answered"), module._process(threads="many") as (go, _):
        go()
    with module._process() as (exchange, _):
        exchange()
    read, write = os.pipe()
    os.close(read)
    try:
        with pytest.raises(LabError, match="ask for fewer workers"):
            module._exchange(write, 0)
    finally:
        os.close(write)


def test_no_more_processes(monkeypatch):
    """Where the system starts no further process, that is one sentence."""

    def refuses(*args, **kwargs):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuses)
    with pytest.raises(LabError, match=r"could not start a Python process \(Resource temporarily"):
        module._echo(0.001, "processes", 2, None)


@pytest.mark.parametrize("question", QUESTIONS)
def test_worker_processes_must_fit(question):
    """Questions that start worker processes refuse more of them than the memory holds; the others do not ask."""
    params = parameters.checked(module.switching, {"question": question, "workers": 64})
    machine = {"memory_free_bytes": 100 << 20}
    if question in ("switches", "echo"):
        with pytest.raises(LabError, match="at most"):
            module.check(params, machine)
    else:
        module.check(params, machine)


@linux
@pytest.mark.parametrize("partner", ["_process", "_thread_by_pipe", "_thread_by_lock"])
def test_a_partner_leaves_nothing(partner):
    """A partner is gone after an exchange and after an error alike, with its descriptors and its thread."""
    before = helpers.descriptors().keys(), helpers.threads()
    with getattr(module, partner)() as (exchange, _):
        exchange()
    with pytest.raises(ZeroDivisionError), getattr(module, partner)():
        raise ZeroDivisionError
    assert helpers.becomes_true(lambda: (helpers.descriptors().keys(), helpers.threads()) == before, 5)


def test_a_bare_worker_can_import_it():
    """What workers import brings in neither pandas, matplotlib nor NumPy, nor subprocess."""
    heavy = {"pandas", "numpy", "matplotlib", "subprocess"}
    code = f"import sys, conc_lab._switching_worker; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


def test_the_panel_takes_any_intervals():
    """The panel shows the intervals as plain numbers in one named field, and reads what is written there."""
    from conc_lab.student import panel as panels

    kind = parameters.described(module.switching)["intervals_us"].annotation
    control = panels._control("intervals_us", kind, [5000, 12.5])
    assert control.box.value == "5000 12.5" and control.box.description == "Intervals us" and control.box.tooltip
    control.box.value = "100, 7"
    assert control.read() == [100, 7]
    control.box.value = "soon"
    assert control.read() == ["soon"]


def rows(*values, name="a"):
    return [{"round": number, "kind": name, "x": value} for number, value in enumerate(values)]


def test_spread():
    """Median, least, greatest and number by group; None is left out, and a group of nothing else is absent."""
    made_rows = rows(3.0, 1.0, None, 2.0) + rows(None, name="b") + rows(7.0, name="c")
    assert spread(made_rows, "x", "kind") == {("a",): Spread(2.0, 1.0, 3.0, 3), ("c",): Spread(7.0, 7.0, 7.0, 1)}


@pytest.mark.parametrize(
    "first, second, ratio, verdict",
    [
        ([1.0, 10.0, 2.0, 4.0, 1.0], [2.0, 20.0, 4.0, 8.0, 2.0], 0.5, "less"),  # paired: their ranges overlap
        ([2.0] * 5, [1.0] * 5, 2.0, "more"),
        ([1.0] * 5, [1.0] * 5, 1.0, "unclear"),
        ([1.0, 2.0, 1.0, 2.0, 1.0], [2.0, 1.0, 2.0, 1.0, 2.0], 0.5, "unclear"),
        ([1.0] * 4, [2.0] * 4, 0.5, "unclear"),  # too few rounds
        ([None, 1.0, 1.0, 1.0, 1.0, 1.0], [1.0, None, 2.0, 2.0, 2.0, 2.0], 0.5, "unclear"),  # four pairs
        ([None], [1.0], None, "unclear"),
        ([1.0], [0.0], None, "unclear"),
        ([], [], None, "unclear"),
    ],
)
def test_paired(first, second, ratio, verdict):
    """The ratio is the median over the rounds that have both; a verdict needs five of them that agree."""
    assert paired(rows(*first) + rows(*second, name="b"), "x", {"kind": "a"}, {"kind": "b"}) == (ratio, verdict)


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


def test_handover_sentence():
    """Threads and processes on the same pipe, the lock, and how many times as long two CPUs take."""
    words = sentence(made.handover())
    assert words.startswith("Same CPU: through a pipe 5 µs between threads and 6 µs between processes")
    assert "(threads took 0.83 times as long as processes); by locks between threads 14 µs. Other CPU:" in words
    assert words.endswith("On two CPUs instead of one, a round trip took 5.0 to 10.0 times as long.")
    swapped = made.HAND_OVER | {("same CPU", "threads", "pipe"): 9.0, ("other CPU", "threads", "pipe"): [30.0, 90.0]}
    words = sentence(made.handover(swapped))
    assert "(threads took 1.50 times as long as processes)" in words and "these rounds do not tell them apart" in words
    same = {key: 4.0 for key in made.HAND_OVER}
    assert "a round trip took 1.0 times as long" in sentence(made.handover(same))


def test_handover_where_places_are_missing():
    """With one CPU the other is named as missing and no ratio is told; without affinity the unpinned figures are."""
    words = sentence(made.handover(missing={"other CPU": "only one CPU may be used"}, usable=1))
    assert "Other CPU: only one CPU may be used." in words and "as long" not in words.partition("Other CPU")[2]
    reason = "macOS does not let Python choose a worker's CPU"
    words = sentence(made.handover(missing=dict.fromkeys(("same CPU", "other CPU"), reason)))
    assert words.count(reason) == 2 and "Not pinned: through a pipe 7 µs between threads" in words


def test_switches_sentence():
    """Voluntary switches of each kind of worker for each kind of work; what is not counted is given its reason."""
    words = sentence(made.counts())
    assert "Computing (100 ms of CPU time): threads 38 and processes 0 for each worker" in words
    assert "waiting (1,000 waits): threads 1,001 and processes 1,000 for each worker" in words
    words = sentence(made.counts(uncounted={"threads": "macOS does not tell"}))
    assert "processes 1,000" in words and "threads 1,001" not in words and words.endswith(" MacOS does not tell.")
    words = sentence(made.counts(uncounted={"threads": "Windows does not tell", "processes": "nor this"}))
    assert words == "Windows does not tell. Nor this."


def test_interval_sentence():
    """The shortest interval against the longest: more switches, less work, more CPU time, where the rounds agree."""
    words = sentence(made.interval())
    assert "Every 5 ms: 1.00× the work of serial in the same time, for 1.00× its CPU time, with 400 switches" in words
    assert (
        "less work was done in the same time, 0.62×" in words or "less work was done in the same time, 0.63×" in words
    )
    assert "more CPU time was used, 2.00×" in words
    words = sentence(made.interval({5000: (1.0, 1.0, 1), 10: ([0.9, 1.1], [0.9, 1.1], 1)}))
    assert words.count("these rounds do not tell") == 2
    assert "More" not in words.partition("short interval")[2][:5]
    starved = sentence(made.interval({5000: (1.0, 0.25, 1), 10: (1.0, 0.3, 1)}))
    assert "left these threads 0.25 of a core" in starved and "left" not in sentence(made.interval())
    one = sentence(made.interval({5000: (1.0, 1.0, 400)}))
    assert "short interval" not in one
    bare = sentence(made.interval(counted=False, serial_cpu_s=0.0))
    assert "switches" not in bare and "its CPU time" not in bare


def test_echo_sentence():
    """The step of the switch interval is named where the rows show it, and the missing GIL where there is no step."""
    words = sentence(made.echo())
    assert "Alone a round trip took 40 µs; beside 1 thread that computed, at a switch interval of 5 ms, 5.1 ms" in words
    assert "128 times as long" in words and "beside 1 process 41 µs." in words
    assert "waited for about one switch interval" in words
    flat = {key: 40.0 for key in made.ECHO}
    words = sentence(made.echo(flat, gil=False))
    assert "times as long" not in words and words.endswith("runs without the GIL: there is no interval to wait for.")
    words = sentence(made.echo(gil=False))  # one CPU for all: it is not the GIL that was waited for
    assert "switch interval:" not in words and words.endswith(
        "no interval to wait for, and where the echo took longer it waited for a CPU."
    )
    words = sentence(made.echo(flat))
    assert "GIL" not in words and "waited" not in words
    slow = sentence(made.echo(made.ECHO | {("threads", 1, 5000): 400.0}))  # ten times as long, and yet no interval
    assert "10 times as long" in slow and "waited" not in slow


@pytest.mark.parametrize("question", QUESTIONS)
def test_alt_and_table(question):
    """The alt text and the table hold every median that is drawn, and neither names nothing."""
    result = MADE[question]()
    _, alt, words = drawn.CHARTS["switching"](result, None, None)
    for text in (alt, words):
        assert text.endswith(".") and not text.endswith("..") and "None" not in text and "nan" not in text
    figures = {
        "hand-over": [style.duration(value / 1e6) for value in made.HAND_OVER.values()],
        "echo": [style.duration(value / 1e6) for value in made.ECHO.values()],
        "switches": [f"{count:,} {how}" for v, i in made.COUNTS.values() for count, how in ((v, "vol"), (i, "invol"))],
        "interval": ["5 ms: work done 1.00, CPU time 1.00, 400 switches", "10 µs: work done 0.62"],
    }[question]
    assert all(figure in alt for figure in figures), alt
    table = charts.table(result)
    assert not table.empty and not table["median"].isna().any()
    lines = {"hand-over": 9, "echo": 7, "switches": 12, "interval": 6}
    assert len(table) == lines[question]


def test_round_trips_by_their_artists():
    """Each case is a named line from top to bottom, with every run, the range and the median, on a log scale."""
    (ax,) = drawn.CHARTS["switching"](made.echo(), None, None)[0].axes
    names = [tick.get_text() for tick in ax.get_yticklabels()]
    assert (
        names[:3] == ["alone", "beside 1 thread, 5 ms", "beside 1 thread, 10 µs"] and names[-1] == "beside 2 processes"
    )
    assert ax.get_xscale() == "log" and "round trip" in ax.get_xlabel() and ax.yaxis_inverted()
    medians = [line for line in ax.lines if len(line.get_xdata()) == 1]
    assert [line.get_xdata()[0] for line in medians] == list(made.ECHO.values())
    markers = {style.STYLES[kind]["marker"] for kind in ("threads", "processes")} | {drawn.LOCK["marker"]}
    (ax,) = drawn.CHARTS["switching"](made.handover(), None, None)[0].axes
    assert {line.get_marker() for line in ax.lines} - {"None"} == markers and len(markers) == 3
    assert ax.get_yticklabels()[0].get_text() == "same CPU: threads, pipe"


def test_switches_by_their_artists():
    """Each work has a bar for voluntary and a hatched one for involuntary switches of each kind, with its figure."""
    axes = drawn.CHARTS["switching"](made.counts(), None, None)[0].axes
    assert [ax.get_title(loc="left").partition(":")[0] for ax in axes] == list(module.WORKS)
    for ax, work in zip(axes, module.WORKS, strict=True):
        widths = [bar.get_width() for bar in ax.patches]
        assert widths == [made.COUNTS[work, kind][column] for column in (0, 1) for kind in drawn.KINDS]
        assert [bool(bar.get_hatch()) for bar in ax.patches] == [False, False, True, True]
        assert {text.get_text().split()[1] for text in ax.texts} == {"voluntary", "involuntary"}
    (ax, *_) = drawn.CHARTS["switching"](made.counts(uncounted={"threads": "no"}), None, None)[0].axes
    assert [text.get_text() for text in ax.texts if "not counted" in text.get_text()] == [" not counted on this system"]


def test_interval_by_its_artists():
    """Work done, CPU time and switches stand above each other, from the longest interval to the shortest."""
    axes = drawn.CHARTS["switching"](made.interval(), None, None)[0].axes
    assert [ax.get_ylabel() for ax in axes] == list(drawn.PANELS.values())
    assert [tick.get_text() for tick in axes[-1].get_xticklabels()] == ["5 ms", "10 µs"]
    strong = [next(line for line in ax.lines if len(line.get_xdata()) == 2) for ax in axes]
    assert [list(line.get_ydata()) for line in strong] == [[1, 0.625], [1, 2], [400, 13_750]]
    axes = drawn.CHARTS["switching"](made.interval(counted=False), None, None)[0].axes
    assert [text.get_text() for text in axes[-1].texts] == ["not counted on this system"]


def test_an_axes_of_ones_own():
    """`plot_x(result, ax)` draws on the axes it is given and returns it."""
    for plot, *args in (
        (drawn.plot_round_trips, made.echo()),
        (drawn.plot_switches, made.counts(), "waiting"),
        (drawn.plot_interval, made.interval(), "throughput"),
    ):
        ax = Figure().add_subplot()
        assert plot(*args, ax) is ax and ax.has_data()
        assert plot(*args).has_data()


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_chart_of_one_round(question):
    """After the first round, and where nothing is counted or placed, the chart can be drawn too."""
    assert charts.show(MADE[question](rounds=1)).png.startswith(b"\x89PNG")
    reason = "this platform cannot"
    bare = {
        "hand-over": lambda: made.handover(missing={"same CPU": reason, "other CPU": reason}),
        "switches": lambda: made.counts(uncounted={"threads": reason, "processes": reason}),
        "interval": lambda: made.interval(counted=False, serial_cpu_s=0.0),
        "echo": made.echo,
    }[question]()
    assert charts.show(bare).png and charts.show(bare).sentence
