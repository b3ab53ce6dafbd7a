"""The model fitted to a speedup that was measured, and believed only as far as it agrees with it.

Serial runs say how long a task takes, and what of that is computing; the fewest threads that are more than one, how
much of the computing needs the lock; the fewest workers of a kind, what a hand-over to them takes; all runs of several
workers, what computing costs there (`speedup` calls it cpu_cost).
"""

from bisect import bisect_left
from collections import namedtuple
from collections.abc import Callable
from typing import NamedTuple

from ..engine.errors import LabError
from ..engine.machine import capacity
from ..engine.result import Result, once
from ..engine.stats import character
from .simulation import NO_COSTS, Costs, Run, Work, simulate

WORST = 0.15  # a kind of worker for which the model is off by more is refused
STEPS = 4096  # between which a figure is looked for
NOISE = 0.03  # by so much cores busy differ from run to run
TWO = 1.2  # times as busy as serial: from there on, two workers had a CPU each
UNTOLD = "the workers had no second CPU to themselves (there is one, or others used it, or a limit): measure again"

# What the model says of one variant. speeds: its speedup, or the least and the greatest where the rows leave open how
# much of a task needs the lock; setup_s: to start the workers, which no run counts; error: the worst one (modelled /
# measured - 1) of this kind, at so many points; refused: why its figures are not to be believed, or None.
Prediction = namedtuple("Prediction", "run speeds setup_s error points refused")


class Fitted(NamedTuple):
    """The model with the figures of one result: its task and {kind: its costs}.

    works: the task, then with the least, and with the greatest share under the lock that the rows allow;
    untold: why the result tells nothing of several CPUs, or None; then all computing counts as bytecode.
    """

    works: list[Work]
    costs: dict
    gil: bool = True
    untold: str | None = None

    def run(self, kind: str, workers: int, cpus: int, tasks: int | None = None, which: int = 0) -> Run:
        """What so many workers do on so many CPUs, by default with as many tasks as `speedup` gives them."""
        costs = self.costs.get(kind, NO_COSTS)
        return simulate(self.works[which], kind, workers, cpus, int(tasks or max(16, 4 * workers)), costs, self.gil)


@once
def fitted(result: Result) -> Fitted:
    """The model with the figures of a speedup. Raises LabError for the result of another experiment."""
    if getattr(result, "experiment", None) != "speedup":
        raise LabError("the model is fitted to what lab.speedup(…) returned, or to a recording of it")
    measured, cpus, gil = _measured(result), usable(result), result.machine["gil"]
    alone, several = measured.loc["serial", 1], measured.query("workers > 1")
    cpu_cost = several.groupby("kind").cpu_cost.median()
    nature, busiest = character(result.frame), measured.cores_busy.max()
    untold = None if nature != "starved" and busiest > TWO * alone.cores_busy else UNTOLD
    waits_s = float(max(0, alone.wall_s - alone.cpu_s) if nature in ("waits", "mixed") else 0)
    computes_s = float(alone.wall_s) - waits_s

    def run(point, work, handover_s, cost):
        return simulate(work, *point.name, cpus, int(point.tasks), Costs(handover_s, cost), gil)

    def locked(share):
        return Work(share * computes_s, (1 - share) * computes_s, waits_s)

    works = [locked(1)]
    if "threads" in cpu_cost and gil and not untold:
        point = several.loc[["threads"]].iloc[0]

        def least_share(off):  # by cores busy, not the speedup: what a task costs is another figure
            most = point.cores_busy * (1 + off)
            return _least(lambda share: run(point, locked(share), 0, cpu_cost["threads"]).cores_busy <= most, 1)

        # Where no other kind was busier, it was not the lock that held threads up.
        free = point.cores_busy >= (1 - NOISE) * measured.xs(point.name[1], level="workers").cores_busy.max()
        works = [locked(0.0 if free and off >= 0 else least_share(off)) for off in (0, NOISE, -NOISE)]

    def handover_s(point):  # with this point's own CPU cost, else the rest would count as a hand-over
        return _least(
            lambda each_s: run(point, works[0], each_s, point.cpu_cost).speedup <= point.speedup, alone.wall_s
        )

    each = measured.drop("serial").groupby("kind")
    costs = {kind: Costs(handover_s(rows.iloc[0]), float(cpu_cost.get(kind, 1))) for kind, rows in each}
    return Fitted(works, costs, gil, untold)


@once
def points(result: Result) -> dict[tuple[str, int], tuple[float, float]]:
    """{(kind, workers): (speedup measured, speedup of the model)} of all that was measured."""
    known, measured = fitted(result), _measured(result).drop("serial")
    return {at: (row.speedup, known.run(*at, usable(result), row.tasks).speedup) for at, row in measured.iterrows()}


def predicted(result: Result, kind: str, workers: int, cpus: int) -> Prediction:
    """What a speedup lets the model say of so many workers of a kind that it measured, on so many CPUs."""
    known, measured = fitted(result), _measured(result)
    errors = [modelled / true - 1 for (at, _), (true, modelled) in points(result).items() if at == kind]
    error = max(errors, key=abs)
    tasks, setup_s = measured.tasks.get((kind, workers)), workers * measured.setup_s[kind].median()
    runs = [known.run(kind, workers, cpus, tasks, which) for which in range(len(known.works))]
    speeds = sorted(run.speedup for run in runs)
    speeds = [speeds[0], speeds[-1]] if speeds[-1] > (1 + WORST) * speeds[0] else [runs[0].speedup]
    refused = known.untold
    if len(errors) < 2:
        refused = f"{kind} were measured at one number of workers alone, which does not check it"
    elif abs(error) > WORST:
        refused = f"the model is {abs(error):.0%} too {'high' if error > 0 else 'low'} where {kind} were measured"
    return Prediction(runs[0], speeds, setup_s, error, len(errors), refused)


def usable(result: Result) -> int:
    """The CPUs on which it was measured; a quota counts as the whole CPUs next to it."""
    return max(1, round(capacity(result.machine)))


@once
def _measured(result):
    """Medians of the rounds by kind and workers, in this order; wall_s and cpu_s of a task, setup_s of a worker."""
    frame = result.shown[result.frame.cpu.isna()].astype({"cpu_cost": float})
    of_a_task = {name: frame[name] / frame.tasks for name in ("wall_s", "cpu_s")}
    lines = frame.assign(**of_a_task, setup_s=frame.setup_s / frame.workers).groupby(["kind", "workers"])
    found = lines[["wall_s", "cpu_s", "setup_s", "speedup", "cores_busy", "cpu_cost", "tasks"]].median()
    return found.assign(cpu_cost=found.cpu_cost.where(found.cpu_cost > 0, 1))  # 1 where the clock saw no CPU time


def _least(enough: Callable[[float], bool], most: float) -> float:
    """The least value from 0 to `most` that is enough, where all greater ones are; `most` where none is."""
    return most * bisect_left(range(STEPS), True, key=lambda step: enough(most * step / STEPS)) / STEPS
