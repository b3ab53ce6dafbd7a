"""Advice: the choice and its words from fixed measurements, and what a run measures."""

import contextlib
import itertools
import os
import re
import sys
import time
import types

import helpers
import pandas
import pytest
from made.advise import made, refused, row

from conc_lab.engine import experiment, find_task, kinds, parameters, pools, tasks
from conc_lab.engine.errors import LabError
from conc_lab.experiments.advise import chart, measure
from conc_lab.experiments.advise.chart import agreement, choices, chunksize, fits, predicted_s, refusals
from conc_lab.student import own_task

PROCESSES = "fork" if sys.platform == "linux" else "spawn"  # which leaves no server in the tests' own process
WAITS = {"cpu_ms": 0.1, "switches": 1}
LOCKED = "cannot pickle '_thread.lock' object"
# outcome: (result, the choice, words of the sentence)
OUTCOMES = {
    "computes": (
        made({("threads", 2): (1.0, 1), ("processes", 2): (1.9, 40, {"cpu_ms": 10.0, "handover_ms": 0.3})}),
        "2 processes",
        "Use 2 processes: in 3 of 3 rounds it was the fastest, or took at most a fifth longer. One item takes 10 ms "
        "alone and computes for 100% of that. Predicted for 10,000 items of count_primes: serial 100 s; 2 threads "
        "100 s: 1 ms to start and end, then 1.00× as fast as serial; 2 processes 52.7 s: 40 ms to start and end, then "
        "1.90× as fast as serial. The choice for 1 to 1,000,000 items, roughly: serial up to 11, then processes.",
    ),
    "computes, few items": (
        made({("threads", 2): (1.0, 1), ("processes", 2): (1.9, 40)}, items=3),
        "a plain loop",
        "The choice for 1 to 300 items, roughly: serial up to 11, then processes.",
    ),
    "waits": (
        made({("threads", 2): (2, 1), ("threads", 64): (60, 6), ("processes", 16): (15, 60)}, **WAITS),
        "64 threads",
        "One item takes 10 ms alone and computes for 1% of that. Predicted for 10,000 items of count_primes: serial "
        "100 s; 64 threads 1.67 s: 6 ms to start and end, then 60× as fast as serial",
    ),
    "waits, with a coroutine that is better": (
        made({("threads", 64): (30, 6), ("asyncio", 64): (64, 0.5)}, **WAITS),
        "64 asyncio tasks",
        "64 asyncio tasks 1.57 s: 500 µs to start and end, then 64× as fast as serial.",
    ),
    "holds a lock": (
        made({("threads", 2): (1.0, 1), ("processes", 2): (1.02, 40)}, **WAITS),
        "a plain loop",
        "roughly: serial.",
    ),
    "hand-over takes longer than the item": (
        made({("threads", 2): (0.98, 1), ("processes", 2): (0.2, 40, {"cpu_ms": 90.0, "handover_ms": 50})}),
        "a plain loop",
        "2 processes 500 s: 40 ms to start and end, then 0.20× as fast as serial",
    ),
    "threads first, processes later": (
        made({("threads", 2): (1.5, 1), ("processes", 2): (1.9, 1000)}, items=20),
        "2 threads",
        "roughly: serial up to 1, threads up to ",
    ),
    "packed in chunks": (
        made({("threads", 2): (0.1, 1), ("processes", 2): (1.8, 40, {"cpu_ms": 10.0, "chunk": 50})}),
        "2 processes with chunksize=50",
        "",
    ),
    "cannot be pickled": (
        made({("threads", 2): (1.0, 1)}, extra=[refused("processes", LOCKED)]),
        "a plain loop",
        f"Processes can't do it: {LOCKED}. Predicted",
    ),
    "computes on a busy machine": (
        made({("threads", 2): (1.0, 1, {"cpu_ms": 4.0}), ("processes", 2): (1.9, 40, {"cpu_ms": 4.0})}, cpu_ms=4.0),
        "a plain loop",
        "alone and computes for 40% of that, while other programs or a CPU limit took the rest. Predicted",
    ),
    "waits, few items": (
        made({("threads", 64): (60, 6)}, items=3, **WAITS),
        "3 threads",
        "Predicted for 3 items of count_primes: serial 30 ms; 3 threads 10 ms",
    ),
    "rounds that disagree": (
        made({("threads", 2): (1.0, 1), ("processes", 2): ([1.6, 0.5, 1.6, 0.5, 1.6], 40)}, rounds=5),
        "2 processes",
        "in 3 of 5 rounds",
    ),
}


def test_choice_and_words():
    """Every outcome has its choice, how sure it is, and what it rests on."""
    for outcome, (result, chosen, told) in OUTCOMES.items():
        sentence = chart.advise_chart(result, None)[2]
        assert sentence.startswith(f"Use {chosen}: in "), (outcome, sentence)
        assert told in sentence, (outcome, sentence)


def chosen(result, items):
    """The variant that is the choice for so many items."""
    found = fits(result.frame)
    return tuple(found.loc[choices(predicted_s(found, [items]))[items], ["kind", "workers"]])


def test_prediction():
    """A prediction is the start-up and the items at full throughput, and no less than a worker's turns take; few
    items start few workers.
    """
    found = fits(made({("threads", 64): (60, 6), ("processes", 2): (1.6, 40)}).frame)
    serial, threads, processes = (predicted_s(found, [500, 64, 65, 1, 1000])[variant] for variant in found.index)
    assert serial[500] == pytest.approx(5)
    assert threads[64] == pytest.approx(0.006 + 64 * 0.01 / 60)
    assert threads[65] == pytest.approx(0.006 + 2 * 0.01)
    assert processes[1] == pytest.approx(0.04 + 0.01)
    assert predicted_s(found, [20]).loc[20, threads.name] == pytest.approx(0.006 * 20 / 64 + 0.01)
    assert processes[1000] == pytest.approx(0.04 + 10 / 1.6)


def test_fits():
    """Variants are compared with the mean serial batch of their own round; a kind that was refused is left out."""

    def speedups(rows):
        return list(fits(pandas.DataFrame(rows)).speedup)

    rows = made({("processes", 2): ([1.9, 1.0, 1.9], 40)}).rows
    assert speedups([r | {"wall_s": r["wall_s"] * (5 if r["round"] == 2 else 1)} for r in rows]) == pytest.approx(
        [1, 1.9]
    )
    found = fits(pandas.DataFrame([row("serial", 1, 8.0), row("serial", 1, 12.0), row("threads", 2, 5.0, cpu_ms=10.0)]))
    assert list(found.alone_s) == pytest.approx([0.01] * 2) and list(found.speedup) == pytest.approx([1, 2])
    frame = made({("threads", 2): (1.9, 1), ("processes", 2): (1.9, 1)}, extra=[refused("threads", "no")]).frame
    assert list(fits(frame).kind) == ["serial", "processes"] and dict(refusals(frame)) == {"threads": "no"}
    # Threads that compute and keep one core busy between them were not faster, whatever the clock said.
    for threads, alone, speedup in (({"cpu_ms": 7.1}, {"cpu_ms": 7.4}, 1), (WAITS, WAITS, 1.4)):
        assert speedups(made({("threads", 2): (1.4, 1, threads)}, **alone).rows) == pytest.approx([1, speedup])


def test_simpler_within_ten_percent():
    """Of kinds within 10 % of the shortest time the simplest is chosen."""
    variants = {("threads", 2): (1.85, 0), ("processes", 2): (2.0, 0)}
    for speed, kind in ((1.85, "threads"), (1.7, "processes")):
        assert chosen(made(variants | {("threads", 2): (speed, 0)}), 10**6) == (kind, 2)


def test_agreement():
    """Rounds agree in which the choice, by that round alone, takes at most 1.2 times the shortest time."""
    result = made({("threads", 2): (1.0, 1), ("processes", 2): ([1.6, 0.5, 0.84], 0)}, items=10_000)
    assert chosen(result, 10_000) == ("serial", 1)
    assert agreement(result, 0) == (2, 3)


def test_advised():
    """The choice for any number of items is the one for which the chart's last sentence gives the range."""
    result = made({("threads", 2): (1.0, 1), ("processes", 2): (1.9, 40), ("processes", 4): (1.8, 80)})
    assert [chart.advised(result, items)["name"] for items in (11, 12, 10_000)] == ["serial", *["2 processes"] * 2]
    assert chart.best(result, 100).loc[2, "predicted_s"] == pytest.approx(0.04 + 1 / 1.9)


def test_numpys_one_thread_is_told(tmp_path, monkeypatch):
    """Where a task uses NumPy, or a cell imports a package that may, the words say that it had one thread."""
    monkeypatch.chdir(tmp_path)
    for name, module in (("plain", "json.decoder"), ("relative", "."), ("sums", "numpy")):
        own_task.define(name, f"def {name}():\n    from {module} import __name__\n    return __name__\n")
    for task, told in (
        ("count_primes", False),
        ("matmul", True),
        ("own_tasks:fine", False),
        ("plain", False),
        ("relative", False),
        ("sums", True),
    ):
        result = made({("threads", 2): (1.0, 1)})
        result.params["task"] = task
        assert ("NumPy had one thread here" in chart.advise_chart(result, None)[2]) == told, task


def test_chart():
    """A line for each kind, marked at the wanted items, both axes logarithmic; the alt text says what changes."""
    result = made({("threads", 2): (1.0, 1), ("processes", 2): (1.9, 40), ("processes", 4): (1.8, 80)})
    figure, alt, sentence = chart.advise_chart(result, None)
    (ax,) = figure.axes
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert {text.get_text() for text in ax.texts} == {"serial", "2 threads", "2 processes"}
    *_, processes = ax.lines
    (at,) = processes.get_markevery()
    assert (processes.get_xdata()[at], processes.get_ydata()[at]) == (10_000, pytest.approx(0.04 + 100 / 1.9))
    assert (processes.get_xdata()[0], processes.get_xdata()[-1]) == (1, 1_000_000)
    assert ax.get_xlabel() == "items (calls of count_primes); marked: 10,000"
    assert alt.endswith("roughly: serial up to 11, then processes.")
    assert sentence.endswith(alt)


# The experiment


@pytest.fixture
def here(monkeypatch):
    """Tasks come from the modules beside this file."""
    monkeypatch.chdir(helpers.TESTS)
    monkeypatch.syspath_prepend(helpers.TESTS)


def first_round(task, **given):
    """The rows of the first round, made in this process."""
    given = {"task": task, "kinds": ["threads", "asyncio", PROCESSES], "within_s": 60} | given
    with contextlib.closing(measure.advise(**parameters.checked(measure.advise, given))) as rows:
        return list(itertools.takewhile(lambda row: row["round"] == 0, rows))


def test_rows_of_a_run(monkeypatch):
    """A task is measured in a loop and on two workers of every kind that suits it, and in each later round again."""
    result = helpers.real("advise")
    variants = [("serial", 1), ("threads", 2), (result.processes, 2)]
    assert {(item["kind"], item["workers"]) for item in result.rows if item["round"] == 0} >= set(variants)
    monkeypatch.setattr(measure, "MORE", {})
    monkeypatch.setattr(measure, "WORKERS", 2)
    monkeypatch.setattr(measure, "BATCH_S", 0.01)
    waits = first_round("sleep", task_ms=5, kinds=["threads", "asyncio", PROCESSES, "interpreters"])
    assert {item["kind"] for item in waits} == {"serial", "threads", "asyncio", PROCESSES, "interpreters"}
    assert {item["kind"] for item in waits if item["refused"]} == {"interpreters"} - set(kinds.here())
    for item in result.rows + [item for item in waits if not item["refused"]]:
        assert item.keys() == experiment.columns("advise").keys()
        assert item["wall_s"] > 0 and item["setup_s"] >= 0 and item["tasks"] % item["workers"] == 0
        assert (item["handover_s"] is None) == (item["kind"] in ("serial", "asyncio"))


def test_the_default_kinds():
    """Subinterpreters are compared by default where this Python has them."""
    asked = parameters.checked(measure.advise, {})["kinds"]
    assert asked == ["threads", "asyncio", kinds.start_methods()[0], *kinds.here(["interpreters"])]


def test_start_up_is_that_of_a_program(here, monkeypatch):
    """Setup and end are those of an executor that starts its workers when it gets work."""
    monkeypatch.setattr(measure, "BATCH_S", 0.01)
    opened, started = pools.opened, []
    monkeypatch.setattr(pools, "opened", lambda *given, **how: started.append(how) or opened(*given, **how))
    item = measure._one(find_task.find("own_tasks:fine"), ())
    row = measure._observed(item, "threads", 2)
    assert started == [{"started": False}, {}]
    monkeypatch.setattr(measure, "_first_use", lambda kind, workers, work: {"setup_s": 5, "teardown_s": 7})
    row = measure._observed(item, "threads", 2)
    assert row["setup_s"] == pytest.approx(5 - 2 * row["wall_s"] / row["tasks"]) and row["teardown_s"] == 7


@pytest.mark.skipif("forkserver" not in kinds.start_methods(), reason="there is no forkserver")
def test_a_server_of_its_own(monkeypatch):
    """Forkserver's start-up has that of its server and of a resource tracker, as in a program; fork has none."""
    stopped, tracker = [], types.SimpleNamespace(ensure_running=lambda: stopped.append("tracker"), _stop=lambda: None)
    monkeypatch.setattr(measure.resource_tracker, "ResourceTracker", lambda: tracker)
    monkeypatch.setattr(pools, "opened", lambda kind, workers, started: contextlib.nullcontext())
    monkeypatch.setattr("multiprocessing.forkserver._forkserver._stop", lambda: stopped.append(kind))
    for kind in ("fork", "forkserver"):
        measure._first_use(kind, 1, lambda pool: None)
    assert stopped == ["forkserver", "tracker"]


def test_a_kind_that_cannot_do_it(here, monkeypatch):
    """A kind that cannot do the task is left out with the reason, and the others are measured."""
    monkeypatch.setattr(measure, "BATCH_S", 0.01)
    for function, kind, words in (
        ("takes_a_lock", PROCESSES, "cannot pickle '_thread.lock' object"),
        ("returns_a_lock", PROCESSES, "cannot pickle '_thread.lock' object"),
        ("returns_what_no_pickle_takes", PROCESSES, "^NotImplementedError$"),
        ("kills_its_worker", PROCESSES, r"ended before it was done \(killed by SIGKILL\)"),
        ("fails_in_threads", "threads", "raised RuntimeError: not in the main thread"),
        ("pid", PROCESSES, "gave another result in a worker than when it was called before"),
        ("counts_up", None, ""),  # never the same value, so no other value is wrong
    ):
        frame = pandas.DataFrame(first_round(f"own_tasks:{function}"))
        assert list(refusals(frame).index) == ([kind] if kind else []), function
        assert re.search(words, refusals(frame).get(kind, "")), function
        assert set(fits(frame).kind) == {"serial", "threads", PROCESSES} - {kind}, function


def test_a_task_that_nothing_can_do(here, monkeypatch):
    """A task that fails, or takes too long, ends with one sentence."""
    with pytest.raises(LabError, match="the task own_tasks:raises raised ValueError: broken on purpose"):
        first_round("own_tasks:raises")
    monkeypatch.setattr(measure, "SLOWEST_S", 0)
    with pytest.raises(LabError, match=r"^one item of own_tasks:fine takes 0\.0 s, too long to compare workers"):
        first_round("own_tasks:fine")


@pytest.fixture
def faked(monkeypatch):
    """Runs the experiment here, with batches of a second each whose speedups are given: its rows."""
    now = [0.0]
    monkeypatch.setattr(measure, "perf_counter", lambda: now[0])

    def rows(speed, cpu_s=0.0005, cpus=2, **given):
        def observed(item, kind, workers, count=None):
            now[0] += 1.0
            return {n: value for n, value in row(kind, workers, 10 / speed(workers)).items() if n != "round"}

        now[0] = 0.0
        item = measure.Item(None, (), 1, True, True, 0.01, cpu_s, {}, 1)
        monkeypatch.setattr(measure, "_one", lambda found, args: item)
        monkeypatch.setattr(measure.machine, "usable_cpus", lambda quota: cpus)
        monkeypatch.setattr(measure, "_observed", observed)
        given = parameters.checked(measure.advise, {"task": "mixed", "kinds": ["threads", "spawn"]} | given)
        return list(measure.advise(**given))

    return rows


def test_no_round_is_begun_that_would_not_end_in_time(faked):
    """A round is begun only if the time of the round before still fits; the first is begun in any case."""
    for within_s, rounds in ((12, 3), (11, 3), (10, 2), (1, 1)):
        found = faked(lambda workers: 1, within_s=within_s)
        assert found[-1]["round"] + 1 == rounds


def test_more_workers_are_tried_while_they_gain(faked):
    """More than two workers of a kind are measured only if two gained, and as many as could overlap their waits."""

    def tried(speed, cpu_s, cpus):
        rows = [item for item in faked(speed, cpu_s, cpus, within_s=60) if item["round"] == 0]
        return {kind: [item["workers"] for item in rows if item["kind"] == kind] for kind in ("threads", "spawn")}

    for cpu_s, cpus, threads, processes in (
        (0.0005, 2, [2, 9, 40], [2, 6, 16]),
        (0.005, 2, [2, 3, 4], [2, 3, 4]),
        (0.0, 2, [2, 11, 64], [2, 6, 16]),
        (0.01, 32, [2, 8, 32], [2, 8, 32]),
        (0.01, 100, *[[2, 11, 61] if os.name == "nt" else [2, 14, 100]] * 2),
        (0.01, 1, [2], [2]),
    ):
        found = tried(lambda workers: workers, cpu_s, cpus)
        assert found == {"threads": threads, "spawn": processes}, (cpu_s, cpus)
    assert tried(lambda workers: 1, 0.0, 2) == {"threads": [2], "spawn": [2]}


def test_items_are_packed_by_their_time_and_size(monkeypatch):
    """Short items go to a process many at a time; long or large ones one by one, as do few."""

    monkeypatch.setattr(measure, "BATCH_S", 0.01)

    def packed(function, argument):
        return measure._one(tasks.Task("own", tasks.OWN, "", function, None), (argument,)).copies

    copies = packed(len, [1, 2])
    assert len(copies) > 1 and len(set(map(id, copies))) == len(copies) and copies[1] == copies[0]
    assert len(packed(len, bytes(600_000))) == len(packed(time.sleep, 0.011)) == 1
    fit = fits(made({("processes", 2): (1.9, 40, {"chunk": 50})}).frame).iloc[1]
    assert [chunksize(fit, items) for items in (10_000, 80, 3)] == [50, 2, 1]  # sixteen chunks for each worker
