"""Context switches of one worker, voluntary and involuntary, by kind of work and of worker."""

import pandas

from ...drawing import kit, words
from ...engine.result import Result, once
from ...engine.stats import where
from .measure import WORKS

NEEDS_TWO_CPUS = True
BARS = {"voluntary": ("", -0.2), "involuntary": ("////", 0.2)}  # hatch, and place beside the tick


@once
def summary(result: Result) -> pandas.DataFrame:
    """Medians of one worker, a line for each work, number and kind of workers: cpu_s, voluntary, involuntary."""
    rows = result.shown.rename(columns=lambda name: name.removesuffix("_switches"))
    rows = rows.assign(kind=pandas.Categorical(rows.kind, kit.LOOKS)).astype(dict.fromkeys(BARS, float))
    lines = rows.groupby(["work", "workers", "kind"], observed=True)[["cpu_s", *BARS]].median().reset_index()
    return lines.assign(name=list(map(words.name, lines.kind, lines.workers)))


def plot_switches(result: Result, work: str, ax) -> None:
    """Context switches of one worker for this work, voluntary and involuntary, by kind of worker: medians."""
    lines = where(summary(result), work=work).reset_index(drop=True)
    colors = [kit.LOOKS[kind]["color"] for kind in lines.kind]
    for column, (hatch, step) in BARS.items():
        bars = ax.barh(lines.index + step, lines[column].fillna(0), 0.36, color=colors, hatch=hatch, edgecolor="white")
        ax.bar_label(bars, [_count(value, column) for value in lines[column]], padding=3, fontsize=10)
    kit.names(ax, list(lines.name))
    ax.set_title(_amount(result, work), loc="left", fontsize=11)
    ax.set_xlim(0, max(10, 1.2 * ax.get_xlim()[1]))  # room for the words
    ax.xaxis.set_major_formatter("{x:,.0f}")


def switches_chart(result: Result, bet):
    """Bars for every work, above each other."""
    figure, parts = kit.figure(2.2 + 0.5 * len(summary(result))), []
    for ax, work in zip(figure.subplots(len(WORKS), 1), WORKS, strict=True):
        plot_switches(result, work, ax)
    ax.set_xlabel("context switches of one worker, for the whole work")
    for line in summary(result).to_dict("records"):
        counts = dict.fromkeys(_count(line[column], column) for column in BARS)
        parts.append(f"{line['work']}, {line['name']}: {', '.join(counts)}")
    alt = f"Bars of median context switches of one worker. {'; '.join(parts)}."
    return figure, alt, switches_sentence(result)


def switches_sentence(result: Result) -> str:
    """The voluntary switches of each kind of worker on each kind of work."""
    parts = []
    for work, lines in summary(result).dropna().groupby("work"):
        counts = [f"{line.voluntary:,.0f} with {line.name}" for line in lines.itertuples()]
        parts.append(f"{_amount(result, work)}: {words.listed(counts)}")
    texts = ["median voluntary switches of one worker: " + "; ".join(parts)] if parts else []
    return words.sentence(*texts, *result.frame.reason.dropna().unique())


def _count(value, column):
    return "not counted on this system" if pandas.isna(value) else f"{value:,.0f} {column}"


def _amount(result, work):
    cpu_ms = 1000 * where(result.frame, work=work).cpu_s.median()
    amount = f"{result.params['waits']:,} waits" if work == "waiting" else f"{cpu_ms:.3g} ms of CPU time"
    return f"{work} ({amount})"
