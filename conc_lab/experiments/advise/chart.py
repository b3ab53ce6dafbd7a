"""What the measured batches predict: seconds for any number of items, which kind to use, and where that changes."""

import numpy
import pandas

from ...drawing import kit, verdict, words
from ...engine import find_task, kinds, tasks
from ...engine.result import Result, once
from ...engine.stats import character, where
from .measure import ROUNDS

SIMPLEST = ["serial", "threads", "asyncio", "processes", *kinds.KINDS[2:]]  # in this order
SIMPLER = 1.1  # a kind that is predicted to take up to this many times the shortest time is preferred if simpler
ONE_CORE = 1.05  # cores that one can be measured to be, by the clock's and the counters' errors
CHUNKS_PER_WORKER = 16
AHEAD = 100  # how many times the wanted number of items are looked at for a better kind of worker


@once
def summary(result: Result) -> pandas.DataFrame:
    """The `fits` of all rounds, with name, and predicted_s for the wanted number of items."""
    lines = fits(result.shown)
    seconds = predicted_s(lines, [result.params["items"]]).iloc[0]
    workers = lines.workers.clip(upper=result.params["items"])  # more are not started
    return lines.assign(predicted_s=seconds, name=list(map(words.name, lines.kind, workers)))


def fits(frame: pandas.DataFrame) -> pandas.DataFrame:
    """What the rows tell of each variant, a line each, the simplest first; kinds that were refused are left out.

    kind, workers, and medians over the rounds: chunk, start_s (setup and teardown), speedup, cores_busy, handover_s;
    alone_s (of a serial item), and item_s (the time for an item at full throughput).

    Speedups are paired: each against the serial batches of its own round, so that a host that is busy in one
    round and idle in the next does not decide. Nor does one that is busy all the time: workers that compute, and
    keep no more than one core busy together, were faster by luck, or took CPU time from other programs: they count as
    equal.
    """
    rows = frame[~frame.kind.isin(refusals(frame).index)].astype({"handover_s": float})
    rows = rows.assign(kind=pandas.Categorical(rows.kind, SIMPLEST), item_s=rows.wall_s / rows.tasks)
    alone_s = where(rows, kind="serial").groupby("round").item_s.mean()
    rows = rows.assign(start_s=rows.setup_s + rows.teardown_s, speedup=rows["round"].map(alone_s) / rows.item_s)
    columns = ["chunk", "start_s", "speedup", "cores_busy", "handover_s"]
    lines = rows.groupby(["kind", "workers"], observed=True)[columns].median().reset_index()
    lines.loc[lines.kind == "serial", ["start_s", "speedup"]] = 0, 1  # a plain loop has nothing to start
    if character(frame) in ("computes", "starved"):
        lines.speedup = lines.speedup.where(lines.cores_busy > ONE_CORE, lines.speedup.clip(upper=1))
    return lines.assign(alone_s=alone_s.median(), item_s=alone_s.median() / lines.speedup)


def refusals(frame: pandas.DataFrame) -> pandas.Series:
    """The reason of each kind that cannot do the task, by kind."""
    return frame.dropna(subset="refused").groupby("kind", sort=False).refused.first()


def predicted_s(variants: pandas.DataFrame, numbers) -> pandas.DataFrame:
    """Seconds for so many items, a line for each number of them and a column for each variant.

    Start-up, and then no less than the throughput or the turns of a worker need. Fewer items start fewer workers.
    """
    items = numpy.array(numbers, float)[:, None]
    start_s, workers, alone_s, item_s = variants[["start_s", "workers", "alone_s", "item_s"]].to_numpy().T
    started, working_s = items.clip(2) / workers, numpy.maximum(numpy.ceil(items / workers) * alone_s, items * item_s)
    return pandas.DataFrame(start_s * started.clip(max=1) + working_s, numbers, variants.index)


def choices(seconds: pandas.DataFrame) -> pandas.Series:
    """For each line of a prediction the simplest variant that takes at most `SIMPLER` times the shortest time."""
    return seconds.le(SIMPLER * seconds.min(axis=1), axis=0).idxmax(axis=1)  # the first that is true


def best(result: Result, items: int) -> pandas.DataFrame:
    """Of each kind the line of `summary` that takes the shortest time for so many items, which predicted_s is for."""
    lines = summary(result).assign(predicted_s=lambda lines: predicted_s(lines, [items]).iloc[0])
    return lines.loc[lines.groupby("kind", observed=True).predicted_s.idxmin()]


def advised(result: Result, items: int) -> pandas.Series:
    """The line of the variant to use for so many items."""
    lines = best(result, items)
    return lines.loc[choices(lines[["predicted_s"]].T).item()]


def chunksize(variant, items: int) -> int:
    """What to give `Executor.map`: the measured chunk, or less, so that each worker gets several."""
    return int(min(variant.chunk, max(1, items // (CHUNKS_PER_WORKER * variant.workers))))


def agreement(result: Result, chosen) -> tuple[int, int]:
    """In how many of how many rounds, each taken alone, this variant takes at most 1.2 times the shortest time."""
    rows = result.shown[~result.shown.kind.isin(refusals(result.shown).index)]
    rounds = rows[rows["round"] < ROUNDS].groupby("round")  # a run has no more of them
    seconds = [predicted_s(fits(of_round), [result.params["items"]]).iloc[0] for _, of_round in rounds]
    return sum(each[chosen] <= 1.2 * each.min() for each in seconds), len(seconds)


def headline(result: Result, bet=None):
    """Of each kind what it is predicted to take for the wanted number of items."""
    lines, what = best(result, result.params["items"]), f"predicted for {words.items(result.params['items'])}"
    return [(line.kind, line.name, words.duration(line.predicted_s), what) for line in lines.itertuples()]


def advise_chart(result: Result, bet):
    """Predicted seconds of each kind against items on log scales, where the choice changes, and the advice."""
    items, task = result.params["items"], result.params["task"]
    lines = best(result, items)
    steps = numpy.geomspace(1, AHEAD * items, 300).round().astype(int)
    seconds = predicted_s(lines, numpy.union1d(steps, [items]))
    choice = choices(seconds)
    last = choice.drop_duplicates(keep="last")  # the most items for which a variant is the choice
    chosen = lines.loc[choice[items]]
    found = f"for {words.items(items)}: {chosen['name']}, predicted {words.duration(chosen.predicted_s)}"
    ax = kit.figure(4.2, found).add_subplot(xlim=(1, seconds.index[-1]))
    for line in lines.itertuples():
        # Threads often lie on the loop's line: that one is thin and theirs broken, so that both are seen.
        look = {"linewidth": 1} if line.kind == "serial" else {"linewidth": 2.5, "dashes": (3, 2)}
        look |= kit.LOOKS[line.kind] | {"markersize": 8, "markevery": [seconds.index.get_loc(items)]}
        ax.plot(seconds[line.Index], **look, label=line.name.replace("processes", words.label("processes", result)))
    kit.log(ax, "x", "{:,.0f}".format, [100**power for power in range(7)])
    kit.log(ax, "y", words.duration)
    ax.set(xlabel=f"items (calls of {task}); marked: {items:,}", ylabel="predicted time")
    kit.ends(ax)
    rounded = {variant: round(number, 2 - len(str(number))) for number, variant in last.items()}
    ranges = [f"{lines.kind[variant]} up to {number:,}" for variant, number in rounded.items()]
    ranges[-1] = "then " * (len(ranges) > 1) + lines.kind[last.iloc[-1]]
    gains = ": " + lines.start_s.map(words.duration) + " to start and end, then "
    gains += lines.speedup.map(words.times) + " as fast as serial"
    gains = gains.where((lines.kind != "serial") & (lines.workers <= items), "")  # or it starts fewer
    times = lines.name + " " + lines.predicted_s.map(words.duration) + gains
    told = f"predicted for {words.items(items)} of {task}: {'; '.join(times)}"
    told = told, f"the choice for 1 to {seconds.index[-1]:,} items, roughly: {', '.join(ranges)}"
    return ax.figure, words.sentence(*told), words.sentence(*_advice(result, chosen), *told)


def _advice(result, chosen):
    """Which variant to use, and how sure that is; what an item is; and what cannot be used."""
    items, (agreed, rounds) = result.params["items"], agreement(result, chosen.name)
    busy, chunk = summary(result).cores_busy[0], chunksize(chosen, items)
    use = chosen["name"].replace("serial", "a plain loop")
    use += f" with chunksize={chunk}" * (chunk > 1)
    yield f"use {use}: in {agreed} of {rounds} rounds it was the fastest, or took at most a fifth longer"
    starved = ", while other programs or a CPU limit took the rest" * (character(result.frame) == "starved")
    yield f"one item takes {words.duration(chosen.alone_s)} alone and computes for {busy:.0%} of that{starved}"
    task = result.params["task"]
    packages = task in find_task.own_tasks() and find_task.packages(find_task.source(task))  # which may bring it along
    if packages or getattr(tasks.TASKS.get(task), "extension", None):
        yield "if an item uses NumPy, NumPy had one thread here. By default, its matrix products often use all CPUs"
    for kind, reason in refusals(result.shown).items():
        yield f"{kind} can't do it: {reason}"


def choose_verdict(advice: Result):
    """No more than that: one function does not decide what tells most about any function."""
    figure = f"{advice.params['task']} computed for {summary(advice).cores_busy[0]:.0%} of a call"
    return verdict.Verdict("cannot tell", "one function can't decide what tells you most about every function", figure)
