"""Advice results made by hand: batches of 100 items with known times."""

from conc_lab.engine import experiment, parameters
from conc_lab.engine.result import Result
from made.results import MACHINE


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
    return dict.fromkeys(experiment.columns("advise")) | {
        "round": 0,
        "kind": kind,
        "workers": 2,
        "chunk": 1,
        "refused": reason,
    }


def made(variants, items=10_000, rounds=3, extra=(), **alone):
    """A result in which an item takes 10 ms alone, and the variants {(kind, workers): (speedup, start_ms, …)}."""
    rows = []
    for number in range(rounds):
        rows.append(row("serial", 1, 10.0, number=number, **alone))
        for (kind, workers), (speed, start_ms, *more) in variants.items():
            how = more[0] if more else {"cpu_ms": 10.0}
            speed = speed[number] if isinstance(speed, list) else speed
            rows.append(row(kind, workers, 10.0 / speed, start_ms, number=number, **how))
    described = parameters.described(experiment.function("advise"))
    params = {name: parameter.default for name, parameter in described.items()} | {"items": items}
    return Result("advise", params, dict(MACHINE), [*rows, *extra], "2026-01-31T12:00:00+00:00")
