"""What a task costs, how many cores were busy, and what came back after the loss of a worker: Dask and other pools."""

import pandas

from ...drawing import kit, verdict, words
from ...engine.result import Result, once
from ...engine.stats import spread, where
from .measure import MANY

PARTS = {"cost": "what a task costs", "threads": "cores busy with pure Python"}
PARTS |= {"loss": f"of {MANY} tasks, the fifth of which ends its worker"}
BY = ["part", "kind", "workers", "threads", "tasks", "repeated", "usable_again"]
OPTIONS, RATES = ("100", "1,000", "10,000", "100,000"), (300, 3_000, 30_000)  # tasks a second, and between them


@once
def summary(result: Result) -> pandas.DataFrame:
    """A line for each part and pool: `BY`, median, low, high and runs (of seconds a task costs, of cores busy, or of
    results that came back), lost (tasks without a result), panel and figure (both in words), name (of the pool).
    """
    rows = result.shown.astype(dict.fromkeys(("cores_busy", "results", "wall_s"), float))
    value = (rows.wall_s / rows.tasks).where(rows.part == "cost", rows.cores_busy).fillna(rows.results)
    lines = kit.ordered(spread(rows.assign(value=value), "value", *BY), BY[:3], part=PARTS, kind=kit.LOOKS)
    lines["lost"] = (lines.tasks - lines["median"]).where(lines.part == "loss")
    lines["panel"], lines["figure"] = lines.part.map(PARTS), [_figure(line) for line in lines.to_dict("records")]
    return lines.assign(name=[_name(*line) for line in lines[BY[:4]].itertuples(index=False)])


def _name(part, kind, workers, threads):
    each = words.count(threads, "thread") + " each" * (workers > 1)
    return words.name(kind, workers) + (f" with {each}" if part == "threads" else "")


def _figure(line):
    if line["part"] == "loss":
        more = f"{line['repeated']:.0f} repeated" if line["usable_again"] else "no new tasks"
        return f"{line['median']:.0f} results, {more}"
    return words.duration(line["median"]) if line["part"] == "cost" else f"{line['median']:.2f} cores"


def cluster_chart(result: Result, bet):
    """Bars for each part; hatched is what was lost."""
    lines = summary(result)
    told = [say(part, result) for name, say in SAID.items() if len(part := where(lines, part=name))]
    notes = ["each panel has a scale of its own" if len(told) > 1 else f"median of {words.rounds(result)}"]
    what = "; ".join(notes + ["hatched: tasks without a result"] * ("loss" in set(lines.part)))
    figure, alt = kit.bars(lines, "panel", "median", "lost", what, told[0].partition(". ")[0])
    return figure, alt, words.sentence(*told)


def _cost(lines, result):
    each = words.listed(lines.figure + " with " + lines.name)
    pays = words.duration(2 * where(lines, kind="dask")["median"].item())  # half a task, and the cost, is less
    worth = f". Two Dask workers beat a plain loop when a task takes over {pays}" * (result.machine["usable_cpus"] > 1)
    return f"a task that does nothing took {each}{worth}"


SAID = {
    "cost": _cost,
    "threads": lambda lines, _: "pure Python: " + words.listed(lines.name + " kept " + lines.figure + " busy"),
    "loss": lambda lines, _: f"after the loss of a worker: {'; '.join(lines.name + ' had ' + lines.figure)}",
}


def needs_recording(result: Result) -> bool:
    """Whether one usable CPU hides what threads in a worker cost."""
    return result.machine["usable_cpus"] == 1 and "threads" in result.params["parts"]


def dask_rate_verdict(result: Result):
    """About how many tasks that do nothing two Dask workers do in a second."""
    cost_s = where(summary(result), part="cost", kind="dask")["median"].item()
    word = OPTIONS[sum(1 / cost_s > rate for rate in RATES)]
    return verdict.Verdict(word, "", f"two Dask workers did {words.digits(1 / cost_s)} tasks a second")


def headline(result: Result, bet=None):
    """The line of each pool, where one part was measured."""
    lines = summary(result)
    return lines.assign(detail="")[["kind", "name", "figure", "detail"]].to_numpy() if lines.name.is_unique else ()
