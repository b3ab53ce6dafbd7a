"""The model fitted to what a speedup or an advise measured, and believed only as far as it agrees with it.

Serial runs say how long a task takes, and what of that is computing; the fewest threads that are more than one, how
much of the computing needs the lock; the last round, which says who ran when, what a hand-over takes; and every number
of workers, what computing costs there. Of tasks that wait, the most workers say what the parent takes to hand them
over, and the fastest kind, whether all wait for the same thing.
"""

import math
from bisect import bisect_left
from collections import namedtuple
from collections.abc import Callable
from itertools import pairwise
from statistics import median

from ..engine.errors import LabError
from ..engine.machine import capacity
from ..engine.result import ODD, Result, once, recording
from ..engine.stats import character, where
from .simulation import NO_COSTS, SWITCH_S, Costs, Run, Work, simulate

WORST = 0.15  # a kind of worker for which the model is off by more is refused
STEPS = 1024  # between which a figure is looked for
NOISE = 0.03  # by so much cores busy differ from run to run
TWO = 1.2  # times as busy as serial: from there on, two workers had a CPU each
# A message passes two threads of the parent (the queue's feeder and the executor's own) for each time that it is in a
# worker: 60 to 190 µs against 40 to 110 for a process. By so many times at most a fit may go beyond the worker's.
PARENTS, MOST_PARENTS = 2, 4
MOST_TASKS = 640  # messages of a run that are simulated, or two for each worker
UNTOLD = "no workers kept a second CPU busy: measure two processes, too, while nothing else uses the CPUs"

# What the model says of one variant. speeds: its speedup, or the least and the greatest where the rows leave open how
# much of a task needs the lock; setup_s: to start the workers, which no run counts; error: the worst one (modelled /
# measured - 1) of this kind, at so many points; refused: why its figures are not to be believed, or None.
Prediction = namedtuple("Prediction", "run speeds setup_s error points refused")


class Fitted(namedtuple("Fitted", "works costs gil untold", defaults=(True, None))):
    """The model with the figures of one result.

    works: its task, as a list of `Work`: as it is, with the least, and with the greatest share under the lock that the
    rows allow; costs: {(kind, workers): the `Costs` there}; gil: whether there is one; untold: why the result tells
    nothing of several CPUs, or None; then all computing counts as bytecode.
    """

    def run(self, kind: str, workers: int, cpus: int, tasks: int | None = None, work: Work | None = None) -> Run:
        """What so many workers do on so many CPUs, by default with as many tasks as `speedup` gives them.

        What computing costs is not modelled: it is what it was at the nearest number of workers.
        """
        near = sorted((at for at in self.costs if at[0] == kind), key=lambda at: abs(math.log(workers / at[1])))
        costs = self.costs[near[0]] if near else NO_COSTS
        tasks = min(tasks or costs.chunk * max(16, 4 * workers), costs.chunk * max(MOST_TASKS, 2 * workers))
        return simulate(work or self.works[0], kind, workers, cpus, int(tasks), costs, self.gil)


@once
def fitted(result: Result) -> Fitted:
    """The model with the figures of a speedup or an advise."""
    measured, cpus, gil = _measured(result), usable(result), result.machine["gil"]
    alone, nature, handovers = measured.loc["serial", 1], character(result.frame), _handovers(result)
    rows = {kind: [row for _, row in each.iterrows()] for kind, each in measured.drop("serial").groupby("kind")}
    busy = cpus == 1 or measured.cores_busy.max() > TWO * alone.cores_busy
    untold = None if busy and nature != "starved" else UNTOLD
    waits_s = float(max(0, alone.wall_s - alone.cpu_s) if nature in ("waits", "mixed") else 0)
    computes_s = float(alone.wall_s) - waits_s

    def work(share=1.0, shared_s=0.0):
        return Work(share * computes_s, (1 - share) * computes_s, waits_s - shared_s, shared_s)

    def costs(row, times=PARENTS):
        """The costs at this point; what computing costs there is as measured, less what a hand-over takes."""
        # Where nobody noted who ran when, a task that waits tells it by its CPU time.
        each_s = handovers.get(row.name[0], max(0.0, row.cpu_s - alone.cpu_s) if nature == "waits" else 0.0)
        cpu_s = max(0.0, row.cpu_s - each_s / row.chunk)
        return Costs(each_s, float(cpu_s / alone.cpu_s) if alone.cpu_s else 1, times * each_s, int(row.chunk))

    def run(row, work, times=PARENTS):
        return Fitted([work], {row.name: costs(row, times)}, gil).run(*row.name, cpus, row.tasks)

    def off(row, *how):
        """By how much the model is off at this point, as a logarithm."""
        return math.log(run(row, *how).speedup / row.speedup)

    shares, shared_s = [1.0], 0.0
    two = next((row for row in rows.get("threads", ()) if row.name[1] > 1), None)
    tells = two is not None and gil and not untold and nature != "waits"  # else nothing tells, or it decides nothing
    if tells and cpus > 1:
        # By cores busy, not the speedup: what a task costs is another figure.
        busy = [two.cores_busy * (1 + noise) for noise in (0, NOISE, -NOISE)]
        shares = [_least(lambda share, most=most: run(two, work(share)).cores_busy <= most, 1) for most in busy]
        if busy[1] >= measured.xs(two.name[1], level="workers").cores_busy.max():
            shares[:2] = 0.0, 0.0  # no other kind was busier: it was not the lock that held threads up
    elif tells:
        # On one CPU computing takes the same time, with the lock or without. But a thread that needs the lock gives its
        # CPU up for it once a switch interval (1.5 times and more, else 0.2 to 0.75); and waits overlap otherwise.
        gives_up = two.voluntary_switches - alone.voluntary_switches >= alone.cpu_s / SWITCH_S
        locked, free = (max(abs(off(row, work(share))) for row in rows["threads"]) for share in (1, 0))
        shares = [1.0] if gives_up or locked <= WORST < free else [1.0, 0.0]
    if nature == "waits":
        best = max((row for each in rows.values() for row in each), key=lambda row: row.speedup).name[0]

        def ends(shared_s):
            offs = [off(row, work(shared_s=shared_s)) for row in rows[best]]
            return max(offs), min(offs)

        if ends(0)[0] > NOISE:  # as much too fast at one number of workers, then, as too slow at another
            shared_s = _least(lambda each_s: sum(ends(each_s)) <= 0, waits_s)

    def times(last):
        """What a hand-over takes the parent, as a multiple of what it takes a worker."""
        if nature != "waits" or abs(off(last, work(shared_s=shared_s))) < NOISE:  # nothing tells, or nothing is wrong
            return PARENTS
        return 1 + _least(lambda more: off(last, work(shared_s=shared_s), 1 + more) <= 0, MOST_PARENTS - 1)

    found = {row.name: costs(row, more) for each in rows.values() for more in [times(each[-1])] for row in each}
    return Fitted([work(share, shared_s) for share in shares], found, gil, untold)


@once
def points(result: Result) -> dict[tuple[str, int], tuple[float, float]]:
    """{(kind, workers): (speedup measured, speedup of the model)} of all that was measured."""
    known, measured = fitted(result), _measured(result).drop("serial")
    return {at: (row.speedup, known.run(*at, usable(result), row.tasks).speedup) for at, row in measured.iterrows()}


def predicted(result: Result, kind: str, workers: int, cpus: int) -> Prediction:
    """What a result lets the model say of so many workers of a kind that it measured, on so many CPUs."""
    known, measured = fitted(result), _measured(result)
    errors = [modelled / true - 1 for (at, _), (true, modelled) in points(result).items() if at == kind]
    error, tasks = max(errors, key=abs), measured.tasks.get((kind, workers))
    works = dict.fromkeys(known.works if kind == "threads" else known.works[:1])  # they differ in what needs the lock
    runs = [known.run(kind, workers, cpus, tasks, work) for work in works]
    speeds = sorted(run.speedup for run in runs)
    speeds = [speeds[0], speeds[-1]] if speeds[-1] > (1 + WORST) * speeds[0] else [runs[0].speedup]
    off = f"the model is {abs(error):.0%} too {'high' if error > 0 else 'low'} where {kind} were measured"
    computes = sum(known.works[0][:2]) > sum(known.works[0][2:])
    cost = max(costs.cpu_cost * computes for at, costs in known.costs.items() if at[0] == kind)
    dear = f"a task of {kind} cost {cost:.1f} times its CPU time, and the model does not know what more CPUs do to that"
    refused = off if abs(error) > WORST else dear if cost > 1.5 and cpus > usable(result) else known.untold
    return Prediction(runs[0], speeds, workers * measured.setup_s[kind].median(), error, len(errors), refused)


def believed(result: Result) -> tuple[Result, str | None]:
    """(the result, None); where the model is refused for every kind of it, a recording of its task, and why.

    Raises LabError where there is no such recording, and for rows that are not those of a whole speedup or advise.
    """
    try:
        refused = [predicted(result, kind, workers, usable(result)).refused for kind, workers in points(result)]
    except ODD as error:
        raise LabError(f"give what lab.speedup(…) or lab.advise(…) returned, not this ({error!r:.50})") from error
    refused = refused or ["nothing but serial was measured"]
    if None in refused:
        return result, None
    instead = recording("speedup", task=result.params["task"], gil=result.machine["gil"])
    if not instead:
        raise LabError(f"there is nothing to fit the model to: {refused[0]}")
    return instead, refused[0]


def usable(result: Result) -> int:
    """The CPUs on which it was measured; a quota counts as the whole CPUs next to it."""
    return max(1, round(capacity(result.machine)))


def _handovers(result):
    """{kind: seconds that a hand-over takes a worker}, where the rows tell it.

    A speedup's last round tells what lies between a worker's tasks; an advise what a lone item takes longer than the
    task, which goes once through the worker and PARENTS times through the parent.
    """
    found = {}
    for row in result.shown.to_dict("records"):
        blocks = sorted(row.get("ran") or (), key=lambda block: block[:2])
        gaps = [after[1] - one[2] for one, after in pairwise(blocks) if one[0] == after[0]]
        if gaps or (row.get("handover_s") or math.nan) >= 0:
            each_s = median(gaps) / 1e3 if gaps else row["handover_s"] / (1 + PARENTS)
            found.setdefault(row["kind"], []).append(max(0.0, each_s))
    return {kind: median(each) for kind, each in found.items()}


@once
def _measured(result):
    """Medians of the rounds by kind and workers, in this order; a task's wall_s, cpu_s and voluntary_switches; setup_s
    of a worker; speedup against the serial runs of the same round.
    """
    rows = result.shown.assign(chunk=1) if result.experiment == "speedup" else result.shown
    rows = rows[rows.cpu.isna() if "cpu" in rows else rows.refused.isna()]
    per_task = ["wall_s", "cpu_s", "voluntary_switches"]
    rows = rows.assign(setup_s=rows.setup_s / rows.workers, **{name: rows[name] / rows.tasks for name in per_task})
    alone_s = where(rows, kind="serial").groupby("round").wall_s.mean()
    rows = rows.assign(speedup=rows["round"].map(alone_s) / rows.wall_s)
    columns = [*per_task, "setup_s", "speedup", "cores_busy", "tasks", "chunk"]
    return rows.groupby(["kind", "workers"])[columns].median()


def _least(enough: Callable[[float], bool], most: float) -> float:
    """The least value from 0 to `most` that is enough, where all greater ones are; `most` where none is."""
    return most * bisect_left(range(STEPS), True, key=lambda step: enough(most * step / STEPS)) / STEPS
