"""`lab.play`: a measured run in slow motion."""

import pandas

from ..drawing import kit, words
from ..drawing.player.player import MOST_LANES, Player, Track
from ..engine.errors import LabError
from ..engine.result import Result
from ..engine.stats import where

MOST_TRACKS = 6
BLOCK = ["worker", "start_ms", "end_ms", "cpu_ms", "cpu"]
NOTE = "A measured block shows how much of its time the worker ran. It doesn't show when, or who held a lock."


def play(result: Result, task: str | None = None, kind: str | None = None, workers: int | None = None) -> Player:
    """Play the last round of a timeline or a speedup, which may be a recording, in slow motion.

    Of a timeline it plays every run, or those of this task and kind. Of a speedup it plays serial, and each kind at its
    most workers (eight at most), or this kind and number of workers. Raises LabError where there is nothing to play.
    """
    if getattr(result, "experiment", None) not in ("timeline", "speedup"):
        raise LabError("lab.play needs what lab.timeline(…) or lab.speedup(…) returned, or a recording of one of them")
    asked = {name: value for name, value in (("task", task), ("kind", kind), ("workers", workers)) if value is not None}
    runs = _runs(result, where(result.shown, round=result.frame["round"].max()))
    chosen = where(runs[runs.kind != "serial"], **asked)
    if chosen.empty:
        raise LabError("this result has no such run: ask for another task, kind or number of workers, or measure again")
    runs = kit.ordered(pandas.concat([where(runs, kind="serial"), chosen]), ["kind", "workers", "task"], kind=kit.LOOKS)
    most = runs.groupby(["kind", "task"], sort=False).tail(1).head(MOST_TRACKS)
    numbered = result.experiment == "speedup"
    return Player(tracks=[track(run.kind, run.workers, run.what, run.ran, numbered) for run in most.itertuples()])


def _runs(result, last):
    """A DataFrame with kind, workers, task, what (in words) and ran (BLOCKs) of each run of the last round."""
    if result.experiment == "timeline":
        runs = last.groupby(["kind", "task"])[BLOCK].apply(lambda rows: rows.values.tolist()).reset_index(name="ran")
        return runs.assign(workers=last.worker.max() + 1, what=runs.task)
    runs = last[last.ran.notna() & (last.repeat != "B") & (last.workers <= MOST_LANES)]
    return runs.assign(task=result.params["task"], what=runs.tasks.map(f"{{}} tasks of {result.params['task']}".format))


def track(kind, workers, what, rows, numbered=False):
    """A track of BLOCKs; numbered: each is a task with a number."""
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
