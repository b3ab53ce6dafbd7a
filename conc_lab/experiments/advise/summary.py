"""What the measured batches predict: seconds for any number of items, the choice, and where it changes."""

import math

import numpy
import pandas

from ...engine.kinds import KINDS
from ...engine.result import Result, once
from ...engine.stats import character, where
from .measure import ROUNDS

SIMPLEST = ["serial", "threads", "asyncio", "processes", *KINDS[2:]]  # in this order
SIMPLER = 1.1  # a kind that is predicted to take up to this many times the shortest time is preferred if simpler
ONE_CORE = 1.05  # cores that one can be measured to be, by the clock's and the counters' errors
CHUNKS_PER_WORKER = 4


@once
def summary(result: Result) -> pandas.DataFrame:
    """The `fits` of all rounds, with predicted_s for the wanted number of items."""
    variants = fits(result.shown)
    return variants.assign(predicted_s=predicted_s(variants, [result.params["items"]]).iloc[0])


def fits(frame: pandas.DataFrame) -> pandas.DataFrame:
    """What the rows tell of each variant, a line each, the simplest first; kinds that were refused are left out.

    kind, workers, chunk, and medians over the rounds: alone_s (of a serial item), start_s (setup and teardown),
    item_s (the time for an item at full throughput), speedup, busy (cores), cpu_cost (of an item, serial = 1),
    handover_s.

    Speedups are paired: each against the serial batches of its own round, so that a host that is busy in one
    round and idle in the next does not decide. Nor does one that is busy all the time: workers that compute, and
    keep no more than one core busy together, were faster than serial by luck only, and count as equal.
    """
    rows = frame[~frame.kind.isin(refusals(frame).index)].astype({"handover_s": float})
    rows = rows.assign(kind=pandas.Categorical(rows.kind, SIMPLEST), item_s=rows.wall_s / rows.tasks)
    rows = rows.assign(item_cpu_s=rows.cpu_s / rows.tasks, start_s=rows.setup_s + rows.teardown_s)
    alone = where(rows, kind="serial").groupby("round")[["item_s", "item_cpu_s"]].mean()
    rows = rows.join(alone.rename(columns="alone_{}".format), on="round")
    cost = rows.item_cpu_s / rows.alone_item_cpu_s.replace(0, math.nan)
    rows = rows.assign(speedup=rows.alone_item_s / rows.item_s, cpu_cost=cost, busy=rows.cores_busy)
    columns = ["chunk", "start_s", "speedup", "busy", "cpu_cost", "handover_s"]
    lines = rows.groupby(["kind", "workers"], observed=True)[columns].median().reset_index()
    lines.loc[lines.kind == "serial", ["start_s", "speedup"]] = 0, 1
    if character(frame) in ("computes", "starved"):
        lines.speedup = lines.speedup.where(lines.busy > ONE_CORE, lines.speedup.clip(upper=1))
    alone_s = alone.item_s.median()
    return lines.assign(alone_s=alone_s, item_s=alone_s / lines.speedup).astype({"chunk": int})


def refusals(frame: pandas.DataFrame) -> pandas.Series:
    """The reason of each kind that cannot do the task, by kind."""
    return frame.dropna(subset="refused").groupby("kind", sort=False).refused.first()


def predicted_s(variants: pandas.DataFrame, numbers) -> pandas.DataFrame:
    """Seconds for so many items, a line for each number of them and a column for each variant.

    Start-up, and then no less than the throughput or the turns of a worker need.
    """
    items = numpy.array(numbers, float)[:, None]
    start_s, workers, alone_s, item_s = variants[["start_s", "workers", "alone_s", "item_s"]].to_numpy().T
    seconds = start_s + numpy.maximum(numpy.ceil(items / workers) * alone_s, items * item_s)
    return pandas.DataFrame(seconds, numbers, variants.index)


def choices(variants: pandas.DataFrame, numbers) -> pandas.Series:
    """For so many items the simplest variant that is predicted to take at most `SIMPLER` times the shortest time."""
    seconds = predicted_s(variants, numbers)
    return seconds.le(SIMPLER * seconds.min(axis=1), axis=0).idxmax(axis=1)  # the first that is true


def choice(variants: pandas.DataFrame, items: int):
    """The line of the variant to use for so many items."""
    return variants.loc[choices(variants, [items]).iloc[0]]


def crossings(variants: pandas.DataFrame, most: int) -> pandas.Series:
    """The kind that is the choice, by the number of items from which on it is, to within 2 %, up to `most` items."""
    numbers = numpy.unique(numpy.geomspace(1, most, 2 + int(math.log(most, 1.02))).round().astype(int))
    kinds = choices(variants, numbers).map(variants.kind.astype(str))
    return kinds[kinds != kinds.shift()]


def chunksize(variant, items: int) -> int:
    """What to give `Executor.map`: the measured chunk, or less, so that each worker gets several."""
    return int(min(variant.chunk, max(1, items // (CHUNKS_PER_WORKER * variant.workers))))


def agreement(result: Result) -> tuple[int, int]:
    """In how many of how many rounds, each taken alone, the choice takes at most 1.2 times the shortest time."""
    rows, items = result.shown, result.params["items"]
    rows = rows[~rows.kind.isin(refusals(rows).index) & (rows["round"] < ROUNDS)]  # a run has no more of them
    seconds = [predicted_s(fits(of_round), [items]).iloc[0] for _, of_round in rows.groupby("round")]
    chosen = choice(summary(result), items).name  # the variants are the same in every round
    agreed = [each[chosen] <= 1.2 * each.min() for each in seconds]
    return sum(agreed), len(agreed)
