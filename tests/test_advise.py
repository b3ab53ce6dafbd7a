"""Advice: the choice and its words from fixed measurements, and what a run measures."""

import contextlib
import re
import signal
import sys
import time

import helpers
import pytest
from made.results import MACHINE

from conc_lab.drawing import picture as charts
from conc_lab.engine import experiment as experiments, parameters, tasks
from conc_lab.experiments.advise.measure import chart as drawn
from conc_lab.engine.errors import LabError
from conc_lab.experiments.advise.measure import measure as advising
from conc_lab.experiments.advise.measure import agreement, choice, chunksize, crossings, fits, predicted_s, refusals
from conc_lab.engine.result import Result

COLUMNS = {*advising.FIGURES, "round", "kind", "workers", "chunk", "argument_bytes", "result_bytes", "refused"}


def row(
    kind,
    workers,
    item_ms,
    start_ms=0.0,
    *,
    number=0,
    cpu_ms=None,
    chunk=1,
    switches=0,
    handover_ms=None,
    result_bytes=5,
):
    """A row of the experiment: a batch of 100 items."""
    cpu_ms = item_ms if cpu_ms is None else cpu_ms
    return {
        "round": number,
        "kind": kind,
        "workers": workers,
        "tasks": 100,
        "chunk": chunk,
        "setup_s": start_ms / 1000 * 0.75,
        "wall_s": item_ms / 10,
        "teardown_s": start_ms / 1000 * 0.25,
        "cpu_s": cpu_ms / 10,
        "cores_busy": cpu_ms / item_ms,
        "voluntary_switches": None if switches is None else 100 * switches,
        "handover_s": None if handover_ms is None else handover_ms / 1000,
        "argument_bytes": 5,
        "result_bytes": result_bytes,
        "refused": None,
    }


def refused(kind, reason):
    """A row of a kind that cannot do the task."""
    return row(kind, 2, 1.0) | dict.fromkeys(advising.FIGURES) | {"refused": reason}


def made(variants, items=10_000, rounds=3, extra=(), **alone):
    """A result in which an item takes 10 ms alone, and the variants {(kind, workers): (speedup, start_ms, …)}."""
    rows = []
    for number in range(rounds):
        rows.append(row("serial", 1, 10.0, number=number, **alone))
        for (kind, workers), (speed, start_ms, *more) in variants.items():
            how = more[0] if more else {"cpu_ms": 10.0}
            speed = speed[number] if isinstance(speed, list) else speed
            rows.append(row(kind, workers, 10.0 / speed, start_ms, number=number, **how))
    described = parameters.described(experiments.function("advise"))
    params = {name: parameters.default(parameter) for name, parameter in described.items()} | {"items": items}
    return Result("advise", params, dict(MACHINE), [*rows, *extra], "2026-01-31T12:00:00+00:00")


WAITS = {"cpu_ms": 0.1, "switches": 1}
LOCKED = "its argument cannot be pickled (TypeError: cannot pickle '_thread.lock' object)"
# outcome: (result, the choice, words of the sentence)
OUTCOMES = {
    "computes": (
        made({("threads", 2): (1.0, 1), ("processes", 2): (1.9, 40, {"cpu_ms": 10.0, "handover_ms": 0.3})}),
        ("processes", 2),
        "Use 2 processes for 10,000 items of count_primes, about 53 s instead of 100 s in a plain loop; from about "
        "12 items on this is the choice. One item takes 10 ms alone and computes all the while; 2 threads worked 1.00× "
        "as fast as the loop; 2 processes worked 1.90× as fast as the loop; to start and end these processes takes "
        "40 ms, and to hand one item over 300 µs; this is sure: in 3 of 3 rounds it was at most a fifth slower than "
        "the best.",
    ),
    "computes, few items": (
        made({("threads", 2): (1.0, 1), ("processes", 2): (1.9, 40)}, items=3),
        ("serial", 1),
        "Use a plain loop for 3 items of count_primes, about 30 ms; processes would pay from about 12 items on.",
    ),
    "waits": (
        made({("threads", 2): (2, 1), ("threads", 64): (60, 6), ("processes", 16): (15, 60)}, **WAITS),
        ("threads", 64),
        "from about 2 items on this is the choice. One item takes 10 ms alone and waits for 99% of that; 64 threads",
    ),
    "waits, with a coroutine that is better": (
        made({("threads", 64): (30, 6), ("asyncio", 64): (64, 0.5)}, **WAITS),
        ("asyncio", 64),
        "Use 64 asyncio tasks for",
    ),
    "holds a lock": (
        made({("threads", 2): (1.0, 1), ("processes", 2): (1.02, 40)}, **WAITS),
        ("serial", 1),
        "up to 10,000,000 items nothing else pays",
    ),
    "hand-over takes longer than the item": (
        made({("threads", 2): (0.98, 1), ("processes", 2): (0.2, 40, {"cpu_ms": 90.0, "handover_ms": 50})}),
        ("serial", 1),
        "to hand one item over 50 ms",
    ),
    "threads first, processes later": (
        made({("threads", 2): (1.5, 1), ("processes", 2): (1.9, 2000)}, items=20),
        ("threads", 2),
        "from about 2 items on this is the choice, and from about 2,",
    ),
    "large to hand over": (
        made({("processes", 2): (1.5, 40, {"cpu_ms": 10.0, "handover_ms": 8})}, result_bytes=20_000_000),
        ("processes", 2),
        "to hand one item over 8 ms (20 MB pickled)",
    ),
    "off the CPU, uncounted": (
        made({("threads", 2): (1.0, 1)}, cpu_ms=6.0, switches=None),
        ("serial", 1),
        "takes 10 ms alone and is off the CPU for 40% of that: it waits, or other programs run",
    ),
    "packed in chunks": (
        made({("threads", 2): (0.1, 1), ("processes", 2): (1.8, 40, {"cpu_ms": 10.0, "chunk": 50})}),
        ("processes", 2),
        "Use 2 processes with chunksize=50 for 10,000 items",
    ),
    "cannot be pickled": (
        made({("threads", 2): (1.0, 1)}, extra=[refused("processes", LOCKED)]),
        ("serial", 1),
        f"processes cannot do it: {LOCKED}; this is sure",
    ),
    "starved": (
        made({("threads", 2): (1.0, 1)}, cpu_ms=4.0),
        ("serial", 1),
        "while other programs, or a CPU limit, leave it 0.40 of a core; 2 threads worked 1.00× as fast as the loop; "
        "this is fairly sure",
    ),
    "starved, with rounds that disagree": (
        made({("threads", 2): (1.0, 1), ("processes", 2): ([1.5, 0.7, 1.5], 40)}, cpu_ms=4.0),
        ("processes", 2),
        "this is not sure: in 2 of 3 rounds",
    ),
    "waits, few items": (
        made({("threads", 64): (60, 6)}, items=3, **WAITS),
        ("threads", 64),
        "Use 3 threads for 3 items of count_primes, about 16 ms instead of 30 ms in a plain loop",
    ),
    "dear CPU time": (
        made({("threads", 2): (1.0, 1), ("processes", 2): (1.4, 40, {"cpu_ms": 13.0})}),
        ("processes", 2),
        "this is fairly sure: in 3 of 3 rounds it was at most a fifth slower than the best, and an item cost "
        "1.30 times the CPU time it costs alone",
    ),
    "rounds that disagree": (
        made({("threads", 2): (1.0, 1), ("processes", 2): ([1.6, 0.5, 1.6, 0.5, 1.6], 40)}, rounds=5),
        ("processes", 2),
        "this is not sure: in 3 of 5 rounds",
    ),
}


def test_choice_and_words():
    """Every outcome has its choice, its reason, and how sure it is, in two sentences."""
    for outcome, (result, chosen, words) in OUTCOMES.items():
        found = choice(fits(result.rows), result.params["items"])
        assert (found.kind, found.workers) == chosen, outcome
        sentence = drawn.advise_sentence(result)
        assert words in sentence, (outcome, sentence)
        assert len(re.findall(r"[^.]\. [A-Z]", sentence)) == 1 and sentence.endswith("."), sentence


def test_prediction():
    """A prediction is the start-up and the items at full throughput, and no less than a worker's turns take."""
    serial, threads, processes = fits(made({("threads", 64): (60, 6), ("processes", 2): (1.6, 40)}).rows)
    assert predicted_s(serial, 500) == pytest.approx(5)
    assert predicted_s(threads, 64) == pytest.approx(0.006 + 64 * 0.01 / 60)
    assert predicted_s(threads, 65) == pytest.approx(0.006 + 2 * 0.01)
    assert predicted_s(processes, 1) == pytest.approx(0.04 + 0.01)
    assert predicted_s(processes, 1000) == pytest.approx(0.04 + 10 / 1.6)


def test_fits():
    """Variants are compared with the mean serial batch of their own round; a kind that was refused is left out."""
    rows = made({("processes", 2): ([1.9, 1.0, 1.9], 40)}).rows
    slow = [item | {"wall_s": 5 * item["wall_s"]} if item["round"] == 2 else item for item in rows]
    assert [fit.speedup for fit in fits(slow)] == pytest.approx([1, 1.9])
    rows = [row("serial", 1, 8.0), row("serial", 1, 12.0), row("threads", 2, 5.0, cpu_ms=10.0)]
    assert [(fit.alone_s, fit.speedup) for fit in fits(rows)] == [pytest.approx((0.01, n)) for n in (1, 2)]
    rows = [*made({("threads", 2): (1.9, 1), ("processes", 2): (1.9, 1)}).rows, refused("threads", "no")]
    assert [fit.kind for fit in fits(rows)] == ["serial", "processes"] and refusals(rows) == {"threads": "no"}
    # Threads that compute and keep one core busy between them were not faster, whatever the clock said.
    for threads, alone, speedup in (({"cpu_ms": 7.1}, {"cpu_ms": 7.4}, 1), (WAITS, WAITS, 1.4)):
        rows = made({("threads", 2): (1.4, 1, threads)}, **alone).rows
        assert [fit.speedup for fit in fits(rows)] == pytest.approx([1, speedup])


def test_simpler_within_ten_percent():
    """Of kinds within 10 % of the shortest time the simplest is chosen, and of one kind the fewest workers."""
    variants = {("threads", 2): (1.85, 0), ("threads", 4): (2.0, 0), ("processes", 2): (2.0, 0)}
    for speed, chosen in ((1.85, ("threads", 2)), (1.7, ("threads", 4))):
        found = fits(made(variants | {("threads", 2): (speed, 0)}).rows)
        assert choice(found, 10**6)[:2] == chosen


def test_crossings():
    """Where the choice changes is where the predicted times say so, to within 2 %, and only up to what is asked."""
    found = fits(made({("threads", 2): (1.0, 1), ("processes", 2): (2.0, 1000)}).rows)
    (first, second) = crossings(found, 100_000)
    assert first == (1, "serial") and second[1] == "processes"
    assert 245 <= second[0] <= 245 * 1.025  # 0.01 n > 1.1 (1 + 0.005 n)
    assert crossings(found, 200) == [(1, "serial")]


def test_agreement():
    """Rounds agree in which the choice, by that round alone, takes at most 1.2 times the shortest time."""
    result = made({("threads", 2): (1.0, 1), ("processes", 2): ([1.6, 0.5, 0.84], 0)}, items=10_000)
    assert choice(fits(result.rows), 10_000).kind == "serial"
    assert agreement(result.rows, 10_000) == (2, 3)


def test_chart():
    """A line and a mark at the wanted items for each kind, a diamond at each crossing, both axes logarithmic."""
    result = made({("threads", 2): (1.0, 1), ("processes", 2): (1.9, 40)})
    ax = drawn.plot_advise(result)
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["serial", "2 threads", "2 processes"]
    (crossing,) = [line for line in ax.lines if line.get_label() == "_crossing"]
    assert crossing.get_marker() == "D" and list(crossing.get_xdata()) == [12]
    assert [text.get_text() for text in ax.texts] == ["processes from 12"]
    (at,) = [line for line in ax.lines if line.get_label() == "2 processes"]
    assert (at.get_xdata()[0], at.get_ydata()[0]) == (10_000, pytest.approx(0.04 + 100 / 1.9))
    assert ax.get_xlabel() == "items of count_primes; dotted: 10,000"
    assert drawn.advise_alt(result).endswith("The choice: serial from 1 item on, processes from 12 items on.")


def test_time_in_words():
    """A predicted time is said in the unit that suits it."""
    words = {1: "10 ms", 206: "2.1 s", 11_900: "119 s", 102_000: "17 min", 430_000_000: "1,194 h"}
    for items, said in words.items():
        assert list(charts.table(made({}, items=items))[f"{items:,} items"]) == [said]


# The experiment


@pytest.fixture
def here(monkeypatch):
    """Tasks come from the modules beside this file."""
    monkeypatch.chdir(helpers.TESTS)
    monkeypatch.syspath_prepend(helpers.TESTS)


def first_round(task, **given):
    """The rows of the first round, made in this process."""
    given |= {"task": task, "start_method": "fork" if sys.platform == "linux" else "spawn", "within_s": 60}
    rows = []
    with contextlib.closing(advising.advise(**parameters.checked(advising.advise, given))) as items:
        for item in items:
            if isinstance(item, dict):
                rows.append(item)
            elif item.round_done:
                return rows


def test_rows_of_a_run(monkeypatch):
    """A task is measured in a loop and on two workers of every kind that suits it, and in each later round again."""
    rows = helpers.real("advise").rows
    variants = [("serial", 1), ("threads", 2), ("processes", 2)]
    assert {(item["kind"], item["workers"]) for item in rows if item["round"] == 0} >= set(variants)
    monkeypatch.setattr(advising, "MOST", {"threads": 4, "asyncio": 4, "processes": 2})
    waits = first_round("sleep", task_ms=5)
    assert {("threads", 2), ("asyncio", 2), ("processes", 2)} <= {(item["kind"], item["workers"]) for item in waits}
    for item in rows + waits:
        assert item.keys() == COLUMNS
        assert item["wall_s"] > 0 and item["setup_s"] >= 0 and item["tasks"] % item["workers"] == 0
        assert (item["handover_s"] is None) == (item["kind"] in ("serial", "asyncio"))


def test_a_kind_that_cannot_do_it(here):
    """A kind that cannot do the task is left out with the reason, and the others are measured."""
    for function, kind, words in (
        ("takes_a_lock", "processes", r"its argument cannot be pickled \(TypeError: cannot pickle '_thread.lock'"),
        ("returns_a_lock", "processes", r"its result cannot be pickled \(TypeError: cannot pickle '_thread.lock'"),
        ("kills_its_worker", "processes", "a worker process ended while it worked"),
        ("fails_in_threads", "threads", "raised RuntimeError: not in the main thread"),
        ("pid", "processes", "returned something else with 2 processes than in the serial run"),
        ("counts_up", None, ""),  # never the same value, so no other value is wrong
    ):
        rows = first_round(f"own_tasks:{function}")
        assert list(refusals(rows)) == ([kind] if kind else []), function
        assert re.search(words, refusals(rows).get(kind, "")), function
        assert {fit.kind for fit in fits(rows)} == {"serial", "threads", "processes"} - {kind}, function


def test_a_task_that_nothing_can_do(here, monkeypatch):
    """A task that fails or is too slow for comparison ends with one sentence."""
    with pytest.raises(LabError, match="the task own_tasks:raises raised ValueError: broken on purpose"):
        first_round("own_tasks:raises")
    monkeypatch.setattr(advising, "SLOWEST_S", 0.01)
    if hasattr(signal, "setitimer"):
        with pytest.raises(LabError, match=r"never_returns took more than 0.02 s, .*: make an item smaller, 0.01 s at"):
            first_round("own_tasks:never_returns")
        monkeypatch.delattr(signal, "setitimer")  # as on Windows
    with pytest.raises(LabError, match=r"^one item of sleep took \d+\.\d s, .*: make an item smaller"):
        first_round("sleep", task_ms=20)


@pytest.fixture
def faked(monkeypatch):
    """Runs the experiment here, with batches of a second each whose speedups are given: its rows."""
    now = [0.0]
    monkeypatch.setattr(advising, "perf_counter", lambda: now[0])

    def rows(speed, cpu_s=0.0005, cpus=2, **given):
        def observed(found, args, item, start_method, kind, workers, count=None):
            now[0] += 1.0
            return {n: value for n, value in row(kind, workers, 10 / speed(workers)).items() if n != "round"}

        now[0] = 0.0
        item = advising.Item(1, True, 0.01, cpu_s, [()], 5, 5, None)
        monkeypatch.setattr(advising, "_one", lambda found, args: item)
        monkeypatch.setattr(advising.this_machine, "usable_cpus", lambda quota: cpus)
        monkeypatch.setattr(advising, "_observed", observed)
        given = parameters.checked(advising.advise, {"task": "mixed"} | given)
        return [item for item in advising.advise(**given) if isinstance(item, dict)]

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
        return {kind: [item["workers"] for item in rows if item["kind"] == kind] for kind in ("threads", "processes")}

    for cpu_s, cpus, threads, processes in (
        (0.0005, 2, [2, 9, 40], [2, 6, 16]),
        (0.005, 2, [2, 3, 4], [2, 3, 4]),
        (0.0, 2, [2, 11, 64], [2, 6, 16]),
        (0.01, 32, [2, 8, 32], [2, 8, 32]),
        (0.01, 1, [2], [2]),
    ):
        found = tried(lambda workers: workers, cpu_s, cpus)
        assert found == {"threads": threads, "processes": processes}, (cpu_s, cpus)
    assert tried(lambda workers: 1, 0.0, 2) == {"threads": [2], "processes": [2]}


def test_items_are_packed_by_their_time_and_size():
    """Short items go to a process many at a time, as distinct objects; long or large ones one by one, as do few."""

    def packed(function, argument):
        return advising._one(tasks.Task("own", tasks.OWN, "", function, None), (argument,)).copies

    copies = packed(len, [1, 2])
    assert len(copies) > 1 and copies[0] == copies[1] == ([1, 2],) and copies[0][0] is not copies[1][0]
    assert len(packed(len, bytes(600_000))) == len(packed(time.sleep, 0.011)) == 1
    fit = fits(made({("processes", 2): (1.9, 40, {"chunk": 50})}).rows)[1]
    assert [chunksize(fit, items) for items in (10_000, 80, 3)] == [50, 10, 1]  # four chunks for each worker
