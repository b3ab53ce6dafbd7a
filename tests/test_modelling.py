"""The model of workers, CPUs and the lock: its rules, how it is fitted to a speedup, and how far it is believed."""

import dataclasses
import itertools
import random
import re

import pytest
from made.advise import made as made_advice
from made.results import made, resolved
from made.timeline import TURNS
from made.timeline import made as made_timeline

import conc_lab as lab
from conc_lab.engine.errors import LabError
from conc_lab.modelling import fit
from conc_lab.modelling.simulation import Costs, Work, simulate
from conc_lab.student.model import model_chart

PURE, HASHING, MIXED, WAITING = Work(0.01), Work(0, 0.01), Work(0.005, 0, 0.005), Work(0, 0, 0.01)
MEASURED = [(kind, workers) for kind in ("threads", "processes") for workers in (1, 2, 4)]


def result_of(known, slowed=(), at=MEASURED, usable=2, **how):
    """A speedup whose figures are those of the model; slowed: {variant: what its speedup is multiplied by}."""
    runs = {variant: known.run(*variant, usable, 16) for variant in at}
    speeds = {variant: run.speedup * dict(slowed).get(variant, 1) for variant, run in runs.items()}
    busy = {variant: run.cores_busy * dict(slowed).get(variant, 1) for variant, run in runs.items()}
    result = made(speeds, busy=busy, usable=usable, rounds=3, **how)
    for (kind, workers), run in runs.items():
        each_s, blocks = known.costs.get((kind, workers), Costs()).handover_s, {}
        for block in run.blocks:  # a task's start and end, without what a hand-over takes
            start_ms = blocks.get(block.task, [0, block.start_ms + 1e3 * each_s])[1]
            blocks[block.task] = [block.worker, start_ms, block.end_ms, None, None]
        wanted = {"kind": resolved(kind), "workers": workers, "round": 2}
        next(row for row in result.rows if row.items() >= wanted.items())["ran"] = [*blocks.values()]
    return result


def test_known_answers():
    """Threads of pure Python gain nothing, hashing and processes as many times as there are CPUs, waits all overlap."""
    for work, kind, workers, cpus, speedup in (
        (PURE, "serial", 1, 4, 1),
        *((PURE, "threads", workers, cpus, 1) for workers in (1, 2, 8) for cpus in (1, 2, 16)),
        *((HASHING, kind, 8, cpus, cpus) for kind in ("threads", "processes") for cpus in (1, 2, 4, 8)),
        *((PURE, kind, 8, cpus, min(8, cpus)) for kind in ("processes", "interpreters") for cpus in (1, 2, 4, 8, 16)),
        *((WAITING, kind, 32, 1, 32) for kind in ("threads", "processes", "asyncio")),
        (HASHING, "asyncio", 8, 8, 1),
        (MIXED, "asyncio", 2, 1, 2),
        (MIXED, "threads", 2, 2, 2),
        (MIXED, "processes", 64, 2, 4),
    ):
        run = simulate(work, kind, workers, cpus, 320)
        assert run.speedup == pytest.approx(speedup, rel=0.03), (work, kind, workers, cpus)
    assert simulate(PURE, "threads", 4, 4, 64, gil=False).speedup == pytest.approx(4)
    dear = simulate(PURE, "processes", 1, 1, 64, Costs(0.002, 1.5))  # a hand-over is the worker's work, too
    assert dear.wall_s == pytest.approx(64 * 0.017)
    # One parent hands over and collects, however many CPUs there are; and where it computes, no worker does.
    assert simulate(WAITING, "processes", 64, 64, 256, Costs(parent_s=0.001)).wall_s == pytest.approx(0.256, rel=0.05)
    assert simulate(PURE, "processes", 2, 2, 256, Costs(parent_s=0.002)).speedup == pytest.approx(20 / 12, rel=0.03)
    # A server that all tasks share answers those that came while it was busy, together; a chunk is one message.
    assert simulate(Work(0, 0, 0.01, 0.001), "asyncio", 64, 64, 640).wall_s == pytest.approx(0.64 + 0.082)
    assert simulate(WAITING, "fork", 4, 4, 64, Costs(0.01, 1, 0, 16)).wall_s == pytest.approx(0.17)


def test_the_rules_hold():
    """At no moment do two hold the lock or more run than there are CPUs; every task is done once, and whole."""
    chance = random.Random(5)
    for kind, gil, _ in itertools.product(("threads", "processes", "asyncio"), (True, False), range(6)):
        work = Work(*(chance.choice([0, chance.uniform(0, 0.02)]) for _ in range(2)), chance.uniform(0.001, 0.02))
        workers, cpus = chance.randint(1, 9), chance.randint(1, 5)
        each_s = chance.choice([0, 0.001])
        run = simulate(work, kind, workers, cpus, 40, Costs(each_s, 1.2, 2 * each_s), gil)
        running = [block for block in run.blocks if block.state == "runs"]
        for lane in range(workers):
            mine = [block for block in run.blocks if block.worker == lane]
            assert all(before.end_ms <= after.start_ms + 1e-6 for before, after in itertools.pairwise(mine))
        for cpu in range(cpus):  # nobody shares a CPU, and there are no others
            mine = sorted((block.start_ms, block.end_ms) for block in running if block.cpu == cpu)
            assert all(before[1] <= after[0] + 1e-6 for before, after in itertools.pairwise(mine))
        assert {block.cpu for block in running} <= set(range(cpus))
        held = sorted(row[1:] for row in run.held)
        assert all(before[1] <= after[0] + 1e-6 for before, after in itertools.pairwise(held))
        assert bool(held) == (kind == "asyncio" or (kind == "threads" and gil)) or not work.bytecode_s + each_s
        computes_s = (work.bytecode_s + work.released_s) * 1.2
        for task in range(40):
            mine = [block for block in run.blocks if block.task == task]
            assert len({block.worker for block in mine}) == 1
            ran, waited = (sum(b.end_ms - b.start_ms for b in mine if b.state == s) for s in ("runs", "waits"))
            assert (ran, waited) == pytest.approx((1e3 * (computes_s + each_s), 1e3 * work.waits_s), abs=1e-3)


def test_a_switch_interval():
    """A thread that wants the lock has it a switch interval later, and not before, however late it comes."""
    run = simulate(Work(0.02, 0, 0.011), "threads", 2, 2, 4)
    first, second = ([row for row in run.held if row[0] == lane] for lane in (0, 1))
    turns = [round(end - start, 6) for _, start, end in first[:3] + second[:3]]
    assert turns == [5] * 6
    waits = [block.end_ms - block.start_ms for block in run.blocks if block.state == "lock"]
    assert max(waits) == pytest.approx(5)


def test_fitted():
    """The parts of a task and the costs of its workers are found again in rows that were made with them."""
    costs = {"threads": Costs(0.0001, 1.05, 0.0002), "processes": Costs(0.0004, 1.1, 0.0008)}
    for work, how in (
        (Work(0.006, 0.004), {}),
        (Work(0.01), {}),
        (Work(0.005, 0, 0.005), {"alone": 0.5, "waits": True}),
    ):
        known = fit.Fitted([work], {at: costs[at[0]] for at in MEASURED})
        result = result_of(known, **how)
        found = fit.fitted(result)
        assert found.works[0] == pytest.approx(work, abs=0.0004), work
        assert found.costs["processes", 4] == pytest.approx(costs["processes"], rel=0.05)
        assert found.costs["threads", 2] == pytest.approx(costs["threads"], rel=0.05)
        assert all(modelled == pytest.approx(measured, rel=0.05) for measured, modelled in fit.points(result).values())
        assert len(fit.predicted(result, "threads", 2, 2).speeds) == 1
        told, true = fit.predicted(result, "processes", 8, 16), known.run("processes", 8, 16)
        assert told.refused is None and told.run.speedup == pytest.approx(true.speedup, rel=0.03)


def test_fitted_to_tasks_that_wait():
    """What all tasks share, and what a hand-over takes the parent, are found where many workers wait."""
    at = [("threads", 8), ("processes", 4), ("processes", 8)]
    for shared_s, parent_s in ((0.0012, 0.0004), (0, 0.0007)):
        costs = {one: Costs(0.0002, 1, parent_s) if one[0] == "processes" else Costs() for one in at}
        known = fit.Fitted([Work(0.0001, 0, 0.0099 - shared_s, shared_s)], costs)
        found = fit.fitted(result_of(known, at=at, alone=0.01, waits=True))
        assert found.works[0].shared_s == pytest.approx(shared_s, rel=0.1, abs=0.00005)
        assert shared_s or found.costs["processes", 8].parent_s == pytest.approx(parent_s, rel=0.1)


def test_refused():
    """No figure is told where the model was off, and where others used the second CPU."""
    pure = fit.Fitted([Work(0.01)], {})
    for slowed, at, usable, said in (
        ({}, MEASURED, 2, (None, None)),
        ({("processes", 4): 0.9}, MEASURED, 2, (None, None)),
        ({("processes", 4): 0.8}, MEASURED, 2, (None, "the model is 25% too high where processes were measured")),
        ({}, MEASURED, 1, (None, None)),
        ({}, [("threads", 1), ("threads", 2)], 2, ("no workers kept a second CPU busy",)),
    ):
        result = result_of(pure, slowed.items(), at, usable)
        for kind, begins in zip(("threads", "processes"), said, strict=False):
            refused = fit.predicted(result, kind, 16, 16).refused
            assert refused == begins or refused.startswith(begins), (slowed, at, usable)
    for other in (made_timeline(TURNS), [], None, pure):
        with pytest.raises(LabError, match=r"^give what lab\.speedup"):
            lab.model(other)


def test_the_panel():
    """The panel plays what is chosen, over the last round of the same workers, and says how far to believe it."""
    result = result_of(fit.Fitted([Work(0.01)], {}), {("processes", 4): 0.8}.items())
    ran = [[worker, 10.0 * worker, 10.0 * worker + 10, 9.0, None] for worker in (0, 1)]
    rows = [row | {"ran": ran if row["workers"] == 2 and row["round"] == 2 else None} for row in result.rows]
    shown = lab.model(dataclasses.replace(result, rows=rows))
    kind, workers, cpus = shown._controls
    workers.value = 2
    model, measured = shown._player.tracks
    assert model.modelled and not measured.modelled and len(measured.blocks) == 2 and model.lock
    believed = "fitted to three measured points with threads, and is at most 1% off there. Measured on two CPUs: 1.00×."
    assert shown.status.said.startswith("2 threads on two CPUs: 1.00× as fast") and shown.status.said.endswith(believed)
    workers.value, cpus.value = 16, 8
    (model,) = shown._player.tracks
    assert len(model.lanes) == 8 and model.note == "8 of 16 workers are shown."
    assert {block.worker for block in model.blocks} == set(range(8))
    hashing = lab.model(result_of(fit.Fitted([Work(0, 0.01)], {})), cpus=16)
    hashing._controls[1].value = 16
    unknown = r"16 threads on 16 CPUs: 3.\d+× to 16× as fast as serial\. The measurement does"
    assert re.match(unknown, hashing.status.said)
    kind.value = "processes"
    assert shown.status.said.startswith("16 processes on eight CPUs: no figure, because the model is 25% too high")
    assert shown._player.tracks[0].title == "4 processes on two CPUs"  # the nearest that was measured
    starved = result_of(fit.Fitted([Work(0.01)], {}), at=[("threads", 1), ("threads", 2)])
    assert lab.model(starved).status.said.endswith("the model uses a recording from two CPUs.")
    off = result_of(fit.Fitted([Work(0.01)], {}), {variant: 0.8 for variant in MEASURED[1:]}.items())
    note = "In your run the model is 25% too high where processes were measured. So the model uses a recording"
    assert note in lab.model(off).status.said
    for how, error in (
        *(({"cpus": number}, rf"^cpus must .* between 1 and 1024, got {number}$") for number in (0, 10_000)),
        ({"cpus": [4, "many"]}, r"^cpus must be .*, got 'many'$"),
        ({"cpus": []}, r"^choose at least one value for cpus"),
    ):
        with pytest.raises(LabError, match=error):
            lab.model(result, **how)
    with pytest.raises(LabError, match=r"^there is nothing to fit .* no workers kept a second CPU busy: "):
        lab.model(dataclasses.replace(starved, params=starved.params | {"task": "own"}))


def test_the_chart():
    """The model is drawn behind the points, and for other CPUs but for what is refused; its words have every error."""
    result = result_of(fit.Fitted([Work(0.01)], {}), {("processes", 4): 0.8}.items())
    figure, alt, sentence = model_chart(result, [1, 16])
    here, there = figure.axes
    measured = [line.get_ydata() for line in here.lines if line.get_linestyle() == "None"]
    assert [len(line) for line in measured] == [3, 3] and [line.get_label() for line in there.lines] == ["threads"]
    assert "4 processes 1.60×, the model +25.0%" in alt and "The model on 1, 16 CPUs: threads 1.00×, 1.00×." in alt
    assert "Processes: no figures, because the model is 25% too high" in sentence
    assert "Alone, a task takes 10 ms: 10 ms computing, 9.7 ms to 10 ms of that with the GIL" in alt
    chunks = {"cpu_ms": 10.0, "chunk": 10, "handover_ms": 0.3}
    advice = made_advice({("threads", 2): (1.0, 1), ("processes", 2): (1.95, 60, chunks)}, cpu_ms=10.0)
    assert fit.fitted(advice).costs["processes", 2] == pytest.approx(Costs(0.0001, 0.999, 0.0002, 10))
    assert fit.predicted(advice, "processes", 16, 16).speeds[0] == pytest.approx(16, rel=0.05)
    one = result_of(fit.Fitted([Work(0.01)], {}), usable=1)  # no switches: nothing tells what needs the lock
    alone = lab.model(one, cpus=4)
    assert alone.status.said.startswith(
        "4 threads on four CPUs: 1.00× to 4.00× as fast as serial. The measurement does"
    )
    assert alone.status.said.endswith("The second chart shows a recording from two CPUs.")
    assert "Measured on two CPUs" in alone._chart.beside.alt
    for row in one.rows:
        row["voluntary_switches"] = 3 * row["tasks"] * (row["kind"] != "serial")
    assert fit.fitted(dataclasses.replace(one)).works == [pytest.approx(Work(0.01))]
