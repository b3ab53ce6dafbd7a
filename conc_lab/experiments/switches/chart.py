"""Context switches of one worker, voluntary and involuntary, by kind of work and of worker."""

import pandas

from ...drawing import kit, words
from ...engine.result import Result, once

NEEDS_TWO_CPUS = True
COUNTS = ["voluntary_switches", "involuntary_switches"]


@once
def summary(result: Result) -> pandas.DataFrame:
    """Medians of one worker, a line for each work, number and kind of workers; name and figure."""
    rows = result.shown.astype({"kind": pandas.CategoricalDtype([*kit.LOOKS])} | dict.fromkeys(COUNTS, float))
    lines = rows.groupby(["work", "workers", "kind"], observed=True)[COUNTS].median().reset_index()
    figures = lines.voluntary_switches.map("{:,.0f} voluntary".format)
    figures += lines.involuntary_switches.map(", {:,.0f} involuntary".format)
    figures = figures.where(lines.voluntary_switches.notna(), "not counted on this system")
    return lines.assign(name=list(map(words.name, lines.kind, lines.workers)), figure=figures)


def switches_chart(result: Result, bet):
    """Bars for every work, above each other."""
    what = f"median switches of one worker (hatched: involuntary); waiting is {result.params['waits']:,} waits"
    return *kit.bars(summary(result), "work", *COUNTS, what), switches_sentence(result)


def switches_sentence(result: Result) -> str:
    """The voluntary switches of each kind of worker on each kind of work."""
    counted = summary(result).dropna()
    each = [f"{line.voluntary_switches:,.0f} with {line.name} {line.work}" for line in counted.itertuples()]
    texts = [f"median voluntary switches of one worker: {'; '.join(each)}"] if each else []
    return words.sentence(*texts, *result.frame.reason.dropna().unique())
