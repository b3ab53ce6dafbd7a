"""The model fitted to a speedup that was measured, and believed only as far as it agrees with it.

Serial runs say how long a task takes, and what of that is computing; the fewest threads that are more than one, how
much of the computing needs the lock; the fewest workers of a kind, what a hand-over to them takes; all runs of several
workers, what computing costs there (`speedup` calls it cpu_cost).
"""

from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass, replace

from ..engine.errors import LabError
from ..engine.machine import capacity
from ..engine.result import Result, once
from ..engine.stats import character
from .simulation import NO_COSTS, Costs, Run, Work, simulate

WORST = 0.15  # a kind of worker for which the model is off by more is refused
STEPS = 12  # of a bisection
NOISE = 0.03  # by so much cores busy differ from run to run
TWO = 1.2  # times as busy as serial: from there on, two workers had a CPU each
UNTOLD = "the workers had no second CPU to themselves (there is one, or others used it, or a limit): measure again"

# What the model says of one variant. low, high: its speedup with the greatest and the least share under the lock that
# the rows allow; error: the worst one (modelled / measured - 1) of this kind, at so many points; refused: why its
# figures are not to be believed, or None.
Prediction = namedtuple("Prediction", "run low high setup_s error points refused")


@dataclass(frozen=True)
class Fitted:
    """The model with the figures of one result: its task and {kind: its costs}.

    possible: the task with the least, and with the greatest share under the lock that the rows allow;
    untold: why the result tells nothing of several CPUs, or None; then all computing counts as bytecode.
    """

    work: Work
    costs: dict
    possible: tuple = ()
    gil: bool = True
    untold: str | None = None

    def run(self, kind: str, workers: int, cpus: int, tasks: int | None = None) -> Run:
        """What so many workers do on so many CPUs, by default with as many tasks as `speedup` gives them."""
        costs = self.costs.get(kind, NO_COSTS)
        return simulate(self.work, kind, workers, cpus, int(tasks or max(16, 4 * workers)), costs, self.gil)


@once
def fitted(result: Result) -> Fitted:
    """The model with the figures of a speedup. Raises LabError for the result of another experiment."""
    if getattr(result, "experiment", None) != "speedup":
        raise LabError("the model is fitted to what lab.speedup(…) returned, or to a recording of it")
    measured, cpus, gil = _measured(result), usable(result), result.machine["gil"]
    alone, costs = measured.loc["serial", 1], {}
    nature, busiest = character(result.frame), measured.cores_busy.max()
    waits_s = float(max(0, alone.wall_s - alone.cpu_s) if nature in ("waits", "mixed") else 0)
    for kind, rows in measured.drop(index="serial", level="kind").groupby("kind"):
        workers = rows.index.get_level_values("workers")
        costs[kind] = Costs((rows.setup_s / workers).median(), 0, _cost(rows.cpu_cost[workers > 1].median()))
    threads = [workers for kind, workers in measured.index if kind == "threads" and workers > 1]
    untold = None if nature != "starved" and busiest > TWO * alone.cores_busy else UNTOLD
    known = Fitted(Work(float(alone.wall_s) - waits_s, 0, waits_s), costs, (), gil, untold)
    if threads and gil and not untold:
        point, computes_s = measured.loc["threads", min(threads)], known.work.bytecode_s
        others = measured.xs(min(threads), level="workers").cores_busy.max()

        def locked(share):
            return Work(share * computes_s, (1 - share) * computes_s, waits_s)

        def share(off):  # by cores busy, not the speedup: what a task costs is another figure
            def held_up(share):
                run = replace(known, work=locked(share)).run(*point.name, cpus, point.tasks)
                return run.cores_busy <= point.cores_busy * (1 + off)

            return _least(held_up, 1)

        # Where no other kind was busier, it was not the lock that held threads up.
        free = point.cores_busy >= (1 - NOISE) * others
        best, *possible = (locked(0.0 if free and off >= 0 else share(off)) for off in (0, NOISE, -NOISE))
        known = replace(known, work=best, possible=(*possible,))
    for kind, cost in costs.items():
        point = measured.loc[[kind]].iloc[0]

        def slow(handover_s, point=point, cost=cost):  # with this point's own cost, else the rest would count as h
            here = {point.name[0]: Costs(cost.setup_s, handover_s, _cost(point.cpu_cost))}
            return replace(known, costs=here).run(*point.name, cpus, point.tasks).speedup <= point.speedup

        costs[kind] = cost._replace(handover_s=_least(slow, float(alone.wall_s)))
    return known


@once
def points(result: Result) -> dict[tuple[str, int], tuple[float, float]]:
    """{(kind, workers): (speedup measured, speedup of the model)} of all that was measured."""
    known, measured = fitted(result), _measured(result).drop(index="serial", level="kind")
    modelled = (known.run(*at, usable(result), point.tasks).speedup for at, point in measured.iterrows())
    return dict(zip(measured.index, zip(measured.speedup, modelled, strict=True), strict=True))


def predicted(result: Result, kind: str, workers: int, cpus: int) -> Prediction:
    """What a speedup lets the model say of so many workers of a kind that it measured, on so many CPUs."""
    known = fitted(result)
    errors = [modelled / measured - 1 for (at, _), (measured, modelled) in points(result).items() if at == kind]
    error = max(errors, key=abs)
    refused = known.untold
    if len(errors) < 2:
        refused = f"{kind} were measured at one number of workers alone, which does not check it"
    elif abs(error) > WORST:
        refused = f"it is {abs(error):.0%} too {'high' if error > 0 else 'low'} where {kind} were measured"
    tasks = _measured(result).tasks.get((kind, workers))
    works = (known.work, *known.possible)
    run, *others = (replace(known, work=work).run(kind, workers, cpus, tasks) for work in works)
    speeds = sorted(each.speedup for each in (run, *others))
    return Prediction(run, speeds[0], speeds[-1], workers * known.costs[kind].setup_s, error, len(errors), refused)


def usable(result: Result) -> int:
    """The CPUs on which it was measured; a quota counts as the whole CPUs next to it."""
    return max(1, round(capacity(result.machine)))


@once
def _measured(result):
    """Medians of the rounds by kind and workers, in this order; wall_s and cpu_s of a task."""
    frame = result.shown[result.frame.cpu.isna()]
    columns = {name: frame[name] / frame.tasks for name in ("wall_s", "cpu_s")}
    columns["cpu_cost"] = frame.cpu_cost.astype(float)
    lines = frame.assign(**columns).groupby(["kind", "workers"])
    return lines[["wall_s", "cpu_s", "setup_s", "speedup", "cores_busy", "cpu_cost", "tasks"]].median()


def _cost(measured):
    """A CPU cost, 1 where the clock saw no CPU time."""
    return float(measured) if measured > 0 else 1.0


def _least(enough: Callable[[float], bool], most: float) -> float:
    """The least value from 0 to `most` that is enough, where all greater ones are; `most` where none is."""
    low, high = 0.0, 0.0 if enough(0) else most
    for _ in range(STEPS if high else 0):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
