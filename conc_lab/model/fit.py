"""The model fitted to a speedup that was measured, and believed only as far as it agrees with it.

Serial runs say how long a task takes, and what of that is computing; the fewest threads that are more than one, how
much of the computing needs the lock; the fewest workers of a kind, what a hand-over to it takes; all of its runs, what
computing costs there (`speedup` calls it cpu_cost).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from ..engine.errors import LabError
from ..engine.machine import capacity
from ..engine.result import Result, once
from ..engine.stats import character
from .simulation import Costs, Modelled, Work, simulate

WORST = 0.15  # a kind of worker for which the model is off by more is refused
TASKS, TASKS_PER_WORKER = 16, 4  # as in speedup
STEPS = 12  # of a bisection


@dataclass(frozen=True)
class Fitted:
    """The model with the figures of one result: its task, {kind: its costs}, and whether its threads share a GIL.

    untold: whether the result does not say how much of the computing needs the lock; then all of it does.
    """

    work: Work
    costs: dict
    gil: bool = True
    untold: bool = False

    def run(self, kind: str, workers: int, cpus: int, tasks: int | None = None) -> Modelled:
        """What so many workers of this kind would do on so many CPUs, with as many tasks as speedup gives them."""
        tasks = tasks or max(TASKS, TASKS_PER_WORKER * workers)
        return simulate(self.work, kind, workers, cpus, tasks, self.costs.get(kind, Costs()), self.gil)

    def speedup(self, *run) -> float:
        """The speedup of such a `run`."""
        one = self.run(*run)
        return self.work.alone_s * one.tasks / one.wall_s


@dataclass(frozen=True)
class Prediction:
    """What the model says of one kind and number of workers, and how far it is to be believed.

    error: the worst one of this kind, modelled / measured - 1, where it was measured (see `points`), None where it was
    not; refused: why no figure is to be shown, or None.
    """

    run: Modelled
    speedup: float
    setup_s: float
    error: float | None
    refused: str | None


@once
def fitted(result: Result) -> Fitted:
    """The model with the figures of this speedup. Raises LabError for the result of another experiment."""
    if result.experiment != "speedup":
        raise LabError(f"the model is fitted to a result of lab.speedup(), got one of lab.{result.experiment}()")
    measured, cpus, gil = _measured(result), _cpus(result.machine), result.machine["gil"]
    alone, costs = measured[measured.kind == "serial"].iloc[0], {}
    waits_s = max(0, alone.wall_s - alone.cpu_s) if character(result.frame) in ("waits", "mixed") else 0
    for kind, variants in measured[measured.kind != "serial"].groupby("kind"):
        cost = variants.cpu_cost[variants.workers > 1].median()
        costs[kind] = Costs((variants.setup_s / variants.workers).median(), 0, _cost(cost))
    threads = measured[(measured.kind == "threads") & (measured.workers > 1)]
    known = Fitted(Work(alone.wall_s - waits_s, 0, waits_s), costs, gil, gil and (threads.empty or cpus < 2))
    if gil and not known.untold:
        point = threads.loc[threads.workers.idxmin()]

        def locked(share):
            return replace(
                known, work=Work(share * known.work.bytecode_s, (1 - share) * known.work.bytecode_s, waits_s)
            )

        # Cores busy, not the speedup: what a task costs is known by itself.
        known = locked(
            _least(lambda share: locked(share).run(*_variant(point), cpus).cores_busy <= point.cores_busy, 1)
        )
    for kind, cost in costs.items():
        variants = measured[measured.kind == kind]
        point = variants.loc[variants.workers.idxmin()]
        here = replace(cost, cpu_cost=_cost(point.cpu_cost))  # else the hand-over would take in its noise

        def slower(handover_s, kind=kind, here=here, point=point):
            costs = {kind: replace(here, handover_s=handover_s)}
            return replace(known, costs=costs).speedup(*_variant(point), cpus) <= point.speedup

        costs[kind] = replace(cost, handover_s=_least(slower, alone.wall_s))
    return known


@once
def points(result: Result) -> dict[tuple[str, int], tuple[float, float]]:
    """{(kind, workers): (speedup measured, speedup of the model)} of all that was measured."""
    measured, known, cpus = _measured(result), fitted(result), _cpus(result.machine)
    variants = [point for point in measured.itertuples() if point.kind != "serial"]
    return {_variant(point): (point.speedup, known.speedup(*_variant(point), cpus)) for point in variants}


def predicted(result: Result, kind: str, workers: int, cpus: int) -> Prediction:
    """What this result lets the model say of so many workers on so many CPUs."""
    known = fitted(result)
    errors = [modelled / measured - 1 for (at, _), (measured, modelled) in points(result).items() if at == kind]
    error = max(errors, key=abs, default=None)
    refused = None
    if error is None:
        refused = f"{kind} were not measured"
    elif abs(error) > WORST:
        refused = f"where {kind} were measured it is off by {error:+.0%}"
    elif kind == "threads" and known.untold:
        refused = "the result does not say how much of the task needs the lock: that takes two threads on two CPUs"
    run = known.run(kind, workers, cpus)
    setup_s = known.costs.get(kind, Costs()).setup_s * workers
    return Prediction(run, known.work.alone_s * run.tasks / run.wall_s, setup_s, error, refused)


def _measured(result):
    """Medians of the rounds, a line for each kind and number of workers; the times are those of a task."""
    frame = result.shown[result.frame.cpu.isna()]
    times = {name: frame[name] / frame.tasks for name in ("wall_s", "cpu_s")}
    columns = ["wall_s", "cpu_s", "setup_s", "speedup", "cores_busy", "cpu_cost", "tasks"]
    lines = frame.assign(cpu_cost=frame.cpu_cost.astype(float), **times).groupby(["kind", "workers"])[columns]
    return lines.median().reset_index()


def _cost(measured):
    """A CPU cost, 1 where the clock saw no CPU time."""
    return float(measured) if measured > 0 else 1.0


def _cpus(facts):
    return max(1, round(capacity(facts)))


def _variant(point):
    return point.kind, int(point.workers)


def _least(enough: Callable[[float], bool], most: float) -> float:
    """The least of the values from 0 to `most` that are enough, where all greater ones are; `most` if none is."""
    low, high = 0.0, most
    if enough(low):
        return low
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
