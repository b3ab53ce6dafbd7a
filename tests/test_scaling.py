"""scaling and the laws: known figures are found again, rows that carry no law are refused, and jobs are dealt out."""

import threading

import helpers
import numpy
import pytest
from made.results import TWO, made
from made.scaling import made as made_job

import conc_lab as lab
from conc_lab.drawing import picture
from conc_lab.engine import in_worker, kinds, run, tasks
from conc_lab.engine.errors import LabError
from conc_lab.experiments.scaling import chart
from conc_lab.modelling.laws import amdahl, fitted, gustafson, karp_flatt, universal
from conc_lab.modelling.simulation import Work, simulate

WORKERS = range(1, 17)


def test_known_figures_are_found():
    """At least 90 of 100 noisy rows have their law in the ranges, and the serial part of a model comes back."""
    held, exact = 0, universal(numpy.array(WORKERS), 0.05, 0.001)
    for seed in range(100):
        noisy = exact * (1 + 0.05 * numpy.random.default_rng(seed).standard_normal(16))
        law = fitted(dict(zip(WORKERS, noisy, strict=True)), 16)
        (low, high), (least, most) = law.contention_range, law.coherency_range
        assert low >= 0 and least >= 0 and low <= law.contention <= high and least <= law.coherency <= most
        held += low <= 0.05 <= high and least <= 0.001 <= most
    assert held >= 90
    for serial in (0.05, 0.2, 0.5):
        dealt = round(400 * (1 - serial))
        walls = [(400 - dealt) * 0.01 + simulate(Work(0.01), "processes", k, k, dealt).wall_s for k in WORKERS]
        law = fitted({k: 4 / wall for k, wall in zip(WORKERS, walls, strict=True)}, 16)
        assert law.contention == pytest.approx(serial, rel=0.1)
        assert karp_flatt(16, amdahl(16, serial)) == pytest.approx(serial)
        assert amdahl(1, serial) == gustafson(1, serial) == universal(1, serial, 0.1) == 1


def test_what_carries_no_law_is_refused():
    """Two CPUs, fewer than five numbers of workers, and speedups that jump are refused, whatever else was measured."""
    line = {workers: float(workers) for workers in WORKERS}
    for cpus in (1, 2, 4):
        with pytest.raises(LabError, match=rf"at least 5 different numbers of workers, .* this run has {cpus}$"):
            fitted(line, cpus)
    with pytest.raises(LabError, match="these speedups don"):
        fitted({1: 1.0, 2: 1.9, 3: 0.5, 4: 3.9, 5: 0.6, 6: 6.0}, 16)
    assert fitted({1: 0.98, **{k: k * 1.02 for k in range(2, 8)}}, 8)[:2] == (0, 0)


def test_a_picture_of_laws(monkeypatch):
    """`lab.laws` says what two workers tell, less where a task got dearer, and fits waits on any number of CPUs."""
    monkeypatch.setattr(picture, "drawn", lambda maker, *args: picture.Picture(b"", b"", *maker(*args)[1:]))
    two = lab.laws(made(TWO))
    assert "Processes: no law can be fitted, because " in two.sentence and two.alt.endswith(two.sentence)
    assert "2 processes were 1.90× as fast as serial, as if 5.3% of the work were serial" in two.sentence
    dear = lab.laws(made({("processes", 2): 1.3}, busy={("processes", 2): 2.0})).sentence
    assert "a serial part: each task cost 1.54 times as much CPU time" in dear and "as if" not in dear
    speeds = {("threads", k): float(amdahl(k, 0.1)) for k in (1, 2, 4, 8, 16)}
    waits = lab.laws(made(speeds, alone=0.01, waits=True, usable=1, task="sleep")).sentence
    assert "Threads: as if 10% of the work were serial (likely 10% to 10%)" in waits
    assert "no law" in lab.laws(made(speeds)).sentence  # the same speeds, computing on two CPUs
    for wrong in (helpers.real("scaling"), None):
        with pytest.raises(LabError):
            lab.laws(wrong)


def test_rows():
    """Every variant comes once a round with as many tasks alone as its percent; one worker does these in turn."""
    rows, shown = helpers.real("scaling").rows, ("threads", kinds.start_methods()[0])
    found = [(row["kind"], row["serial_percent"], row["alone"], row["tasks"]) for row in rows]
    assert sorted(found, key=str) == sorted(
        [("serial", None, 0, 40)] * 2 + [(kind, *each, 40) for kind in shown for each in ((0, 0), (50, 20))], key=str
    )
    assert all(row["results_equal"] and row["speedup"] > 0 for row in rows)
    assert [value for value, _ in in_worker.in_turn(threading.get_ident, (), 3)] == [threading.get_ident()] * 3


def test_chart():
    """A job's chart has Amdahl's limit for its CPUs, the words compare, and say where the rounds or a task differ."""
    result = made_job({0: 1.9, 50: [1.2, 1.3]}, workers=8)  # on two CPUs
    lines = chart.summary(result)
    assert list(lines.bound) == [2, pytest.approx(4 / 3)]
    figure, alt, words = chart.scaling_chart(result, None)
    bound = figure.axes[0].lines[0].get_xydata()
    assert tuple(bound[0]) == (0, 2) and tuple(bound[-1]) == (100, 1) and len(figure.axes) == 2
    assert "8 processes were 1.90× and 1.20× as fast as serial with 0% and 50% of the job serial" in words
    assert "Amdahl's law allows 2.00× and 1.33×" in words and ". They kept " in words and words.split(". ")[0] in alt
    assert "differ" not in words and "CPU time" not in words
    noisy = chart.scaling_chart(made_job({20: [1.0, 1.6]}, cost=1.3), None)[2]
    assert (
        "a task took up to 1.30 times the CPU time" in noisy.replace("A task", "a task")
        and "cores busy is the steadier" in noisy
    )


def test_memory_of_a_stream(monkeypatch):
    """Workers that stream have their own memory each, which is checked before the start, for threads too."""
    copied, places = [], []

    def stream():
        copied.append(tasks.stream(1))
        places.append(tasks._own.places)

    for thread in (threads := [threading.Thread(target=stream) for _ in "ab"]):
        thread.start()
    for thread in threads:
        thread.join()
    assert copied == [tasks.STREAM_BYTES] * 2 and places[0] is not places[1] and not hasattr(tasks._own, "places")
    facts = run.machine() | {"memory_free_bytes": 1 << 30}
    monkeypatch.setattr(run, "machine", lambda: facts)
    for kind in ("threads", "processes"):
        with pytest.raises(LabError, match=r"^64 .* ask for [78] at most"):
            run.checked("speedup", {"task": "stream", "kinds": [kind], "workers": [64]})
    run.checked("speedup", {"task": "count_primes", "kinds": ["threads"], "workers": [64]})
