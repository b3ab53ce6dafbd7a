"""`lab.play`: the last round of a measured timeline or speedup, played in slow motion."""

import pandas

from ..drawing import kit, words
from ..drawing.player.player import MOST_LANES, Player, Track
from ..engine.errors import LabError
from ..engine.result import ODD, Result
from ..engine.stats import where

MOST_TRACKS = 6
NOTE = "A measured block says how much of it the worker ran. It does not say when, or who held a lock."


def play(result: Result, task: str | None = None, kind: str | None = None, workers: int | None = None) -> Player:
    """Play the last round of a timeline or a speedup, which may be a recording, in slow motion.

    Of a timeline it plays every run, or those of this task and kind. Of a speedup it plays serial, and each kind at its
    most workers (eight at most), or this kind and number of workers. Raises LabError where there is nothing to play.
    """
    tracks_of = {"timeline": _timeline, "speedup": _speedup}.get(getattr(result, "experiment", None))
    if not tracks_of:
        raise LabError("lab.play plays what lab.timeline(…) or lab.speedup(…) returned, or a recording of one of them")
    asked = {"task": task, "kind": "processes" if kind == result.processes else kind, "workers": workers}
    try:
        last = where(result.shown, round=result.frame["round"].max())
        tracks = tracks_of(result, last, {name: value for name, value in asked.items() if value is not None})
    except ODD as error:
        raise LabError(f"these are not the rows of a whole {result.experiment} run ({error!r:.100})") from error
    if not tracks:
        raise LabError("lab.play found no such task, kind of worker or number of workers in this result")
    return Player(tracks[:MOST_TRACKS])


def _timeline(result, last, asked):
    rows = where(last.assign(workers=last.worker.max() + 1), **asked)
    variants = rows[["kind", "task", "workers"]].drop_duplicates()
    columns = ["worker", "start_ms", "end_ms", "cpu_ms", "cpu"]
    return [
        track(kind, workers, task, where(rows, kind=kind, task=task)[columns].itertuples(index=False))
        for kind, task, workers in kit.ordered(variants, ["kind", "task"], kind=kit.LOOKS).itertuples(index=False)
    ]


def _speedup(result, last, asked):
    rows = last[last.ran.notna() & (last.repeat != "B") & (last.workers <= MOST_LANES)].assign(
        task=result.params["task"]
    )
    if rows.empty:
        raise LabError("this speedup did not keep when its tasks ran: measure again to play it")
    chosen = where(rows[rows.kind != "serial"], **asked)
    rows = pandas.concat([rows[rows.kind == "serial"], chosen]) if len(chosen) else chosen
    most = kit.ordered(rows, ["kind", "workers"], kind=kit.LOOKS).groupby("kind", sort=False).tail(1)
    return [
        track(line.kind, line.workers, f"{line.tasks} tasks of {line.task}", line.ran, numbered=True)
        for line in most.itertuples()
    ]


def track(kind, workers, what, rows, numbered=False):
    """A track of (worker, start_ms, end_ms, cpu_ms, cpu) rows; numbered: each row is a task with a number."""
    blocks = []
    for number, (worker, start, end, cpu_ms, cpu) in enumerate(rows):
        state, share = ("unknown", 0) if pandas.isna(cpu_ms) else ("runs", min(1, cpu_ms / max(end - start, 1e-9)))
        cpu = None if pandas.isna(cpu) else int(cpu)
        blocks.append((int(worker), start, end, state, share, cpu, number if numbered else None))
    return Track(f"{words.name(kind, workers)}, {what}", lanes(kind, workers), blocks, note=NOTE)


def lanes(kind: str, workers: int) -> list[tuple[str, str]]:
    """(name, kind) of each worker, of no more than the player has lanes for."""
    name = words.ONE.get(kind, kind)
    return [(f"{name} {worker + 1}" if kind != "serial" else kind, kind) for worker in range(min(workers, MOST_LANES))]
