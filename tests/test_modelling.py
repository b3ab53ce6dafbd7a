"""The model of workers, CPUs and the lock: its rules, how it is fitted to a speedup, and how far it is believed."""

import dataclasses
import itertools
import random
import re

import pytest
from made.results import made
from made.timeline import TURNS
from made.timeline import made as made_timeline

import conc_lab as lab
from conc_lab.engine.errors import LabError
from conc_lab.engine.result import recording
from conc_lab.modelling import fit
from conc_lab.modelling.simulation import Costs, Work, simulate

PURE, HASHING, MIXED, WAITING = Work(0.01), Work(0, 0.01), Work(0.005, 0, 0.005), Work(0, 0, 0.01)
MEASURED = [(kind, workers) for kind in ("threads", "processes") for workers in (1, 2, 4)]


def result_of(known, slowed=(), at=MEASURED, usable=2, **how):
    """A speedup whose figures are those of the model; slowed: {variant: what its speedup is multiplied by}."""
    runs = {variant: known.run(*variant, usable, 16) for variant in at}
    speeds = {variant: run.speedup * dict(slowed).get(variant, 1) for variant, run in runs.items()}
    busy = {variant: run.cores_busy * dict(slowed).get(variant, 1) for variant, run in runs.items()}
    return made(speeds, busy=busy, usable=usable, rounds=3, **how)


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
        (MIXED, "processes", 8, 2, 4),
    ):
        run = simulate(work, kind, workers, cpus, 320)
        assert run.speedup == pytest.approx(speedup, rel=0.03), (work, kind, workers, cpus)
    assert simulate(PURE, "threads", 4, 4, 64, gil=False).speedup == pytest.approx(4)
    dear = simulate(PURE, "processes", 1, 1, 64, Costs(0.002, 1.5))  # hand-overs before and while the worker works
    assert dear.wall_s == pytest.approx(0.002 + 64 * 0.017)
    assert simulate(WAITING, "processes", 64, 1, 256, Costs(0.001)).wall_s == pytest.approx(0.256 + 0.011)


def test_the_rules_hold():
    """At no moment do two hold the lock or more run than there are CPUs; every task is done once, and whole."""
    chance = random.Random(5)
    for kind, gil, _ in itertools.product(("threads", "processes", "asyncio"), (True, False), range(6)):
        work = Work(*(chance.choice([0, chance.uniform(0, 0.02)]) for _ in range(2)), chance.uniform(0.001, 0.02))
        workers, cpus = chance.randint(1, 9), chance.randint(1, 5)
        run = simulate(work, kind, workers, cpus, 40, Costs(chance.choice([0, 0.001]), 1.2), gil)
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
        assert bool(held) == (kind == "asyncio" or (kind == "threads" and gil)) or not work.bytecode_s
        computes_s = (work.bytecode_s + work.released_s) * 1.2
        for task in range(40):
            mine = [block for block in run.blocks if block.task == task]
            assert len({block.worker for block in mine}) == 1
            ran, waited = (sum(b.end_ms - b.start_ms for b in mine if b.state == s) for s in ("runs", "waits"))
            assert (ran, waited) == pytest.approx((1e3 * computes_s, 1e3 * work.waits_s), abs=1e-3)


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
    costs = {"threads": Costs(0.0001, 1.05), "processes": Costs(0.0004, 1.1)}
    for work, how in (
        (Work(0.006, 0.004), {}),
        (Work(0.01), {}),
        (Work(0.005, 0, 0.005), {"alone": 0.5, "waits": True}),
    ):
        known = fit.Fitted([work], costs)
        result = result_of(known, **how)
        found = fit.fitted(result)
        assert found.works[0] == pytest.approx(work, abs=0.0004), work
        for kind, cost in costs.items():
            assert found.costs[kind].cpu_cost == pytest.approx(cost.cpu_cost, rel=0.01)
            assert found.costs[kind].handover_s == pytest.approx(cost.handover_s, abs=0.00005), (work, kind)
        assert all(modelled == pytest.approx(measured, rel=0.05) for measured, modelled in fit.points(result).values())
        assert len(fit.predicted(result, "threads", 2, 2).speeds) == 1
        told, true = fit.predicted(result, "processes", 8, 16), known.run("processes", 8, 16)
        assert told.refused is None and told.run.speedup == pytest.approx(true.speedup, rel=0.03)


def test_refused():
    """No figure is told where the model was off, where nothing checks it, and where the lock's share is not known."""
    pure = fit.Fitted([Work(0.01)], {})
    for slowed, at, usable, said in (
        ({}, MEASURED, 2, (None, None)),
        ({("processes", 4): 0.9}, MEASURED, 2, (None, None)),
        ({("processes", 4): 0.8}, MEASURED, 2, (None, "the model is 25% too high where processes were measured")),
        (
            {},
            [("threads", 2), ("processes", 2)],
            2,
            ("threads were measured at one number", "processes were measured at"),
        ),
        ({}, MEASURED, 1, ["the workers had no second CPU"] * 2),
        ({}, [("threads", 1), ("threads", 2)], 2, ("the workers had no second CPU",)),
        ({}, [("threads", 1), ("processes", 1), ("processes", 2)], 2, ("threads were measured at one", None)),
    ):
        result = result_of(pure, slowed.items(), at, usable)
        for kind, begins in zip(("threads", "processes"), said, strict=False):
            refused = fit.predicted(result, kind, 16, 16).refused
            assert refused == begins or refused.startswith(begins), (slowed, at, usable)
    waiting = recording("speedup", task="sleep", python="3.14")
    assert fit.predicted(waiting, "processes", 32, 2).refused and not fit.predicted(waiting, "threads", 32, 2).refused
    with pytest.raises(LabError, match=r"^the model is fitted to what lab\.speedup"):
        fit.fitted(made_timeline(TURNS))


def test_the_panel():
    """The panel plays what is chosen, over the last round of the same workers, and says how far to believe it."""
    result = result_of(fit.Fitted([Work(0.01)], {}), {("processes", 4): 0.8}.items())
    ran = [[worker, 10.0 * worker, 10.0 * worker + 10, 9.0, None] for worker in (0, 1)]
    rows = [row | {"ran": ran if row["workers"] == 2 and row["round"] == 2 else None} for row in result.rows]
    shown = lab.model(dataclasses.replace(result, rows=rows), workers=2)
    model, measured = shown._player.tracks
    assert model.modelled and not measured.modelled and len(measured.blocks) == 2 and model.lock
    believed = (
        "fitted to three measured points with threads, and is off there by 1% at most. Measured on two CPUs: 1.00×."
    )
    assert shown.status.said.startswith("2 threads on two CPUs: 1.00× as fast") and shown.status.said.endswith(believed)
    kind, workers, cpus = shown._controls
    workers.value, cpus.value = 16, 8
    (model,) = shown._player.tracks
    assert len(model.lanes) == 8 and model.note == "8 of 16 workers are shown."
    assert {block.worker for block in model.blocks} == set(range(8))
    hashing = lab.model(result_of(fit.Fitted([Work(0, 0.01)], {})), workers=16, cpus=16)
    unknown = r"16 threads on 16 CPUs: 3.\d+× to 16× as fast as serial\. The measurement does"
    assert re.match(unknown, hashing.status.said)
    kind.value = "processes"
    assert shown.status.said.startswith("16 processes on eight CPUs: no figure, because the model is 25% too high")
    assert shown._player.tracks[0].title == "4 processes on two CPUs"  # the nearest that was measured
    alone = result_of(fit.Fitted([Work(0.01)], {}), usable=1)
    assert lab.model(alone, kind="threads").status.said.endswith("fitted to a recording from two CPUs.")
    with pytest.raises(LabError, match=r"^unknown kind 'dask'"):
        lab.model(result, kind="dask")
    with pytest.raises(LabError, match=r"^there is nothing to fit .* no second CPU .* measure again$"):
        lab.model(dataclasses.replace(alone, params=alone.params | {"task": "own"}))
