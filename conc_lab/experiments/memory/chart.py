"""Memory that workers add, against workers; what one has to itself; and how summing RSS misleads."""

import pandas

from ...drawing import kit, words
from ...engine.result import Result, once
from ...engine.stats import where
from .measure import INSIDE, KINDS, MB, METERS, TOUCHES

DOES = {"untouched": "leaves the data alone", "read": "has read it", "written": "has written to it"}
VARIANT = ["kind", "touch", "workers"]
RANK = {"kind": KINDS.index, "touch": TOUCHES.index, "workers": int}


def meter(frame: pandas.DataFrame) -> str:
    """The best meter that every row has: "pss", "uss" or "rss"."""
    return next(name for name in METERS if frame[f"{name}_bytes"].notna().all())


def added(frame: pandas.DataFrame, by: str) -> pandas.Series:
    """Bytes that the workers and their helpers added to the machine, row by row, as told by one meter.

    By PSS and RSS: the sum over the program now, less before. By USS: what the processes beside the program's
    first have to themselves, for what a fork shares is no longer the first one's own; and for workers inside it,
    what it has more than before.
    """
    more = frame[f"{by}_bytes"] - frame[f"{by}_before_bytes"]
    return more if by != "uss" else more.where(frame.kind.isin(INSIDE), frame.others_uss_bytes)


@once
def summary(result: Result) -> pandas.DataFrame:
    """A line for each kind, touch and number of workers: medians over the rounds.

    kind, touch, workers; added_bytes by the best meter; rss_added_bytes; worker_uss_bytes, NaN without; and
    each_bytes, what one worker more adds: the slope from the fewest workers to the most, which leaves out the
    helpers that are started once, or with one number of workers the part of each, helpers included.
    """
    rows = result.frame.astype({"worker_uss_bytes": float})
    rows = rows.assign(added_bytes=added(rows, meter(rows)), rss_added_bytes=added(rows, "rss"))
    lines = rows.groupby(VARIANT)[["added_bytes", "rss_added_bytes", "worker_uss_bytes"]].median().reset_index()
    lines = lines.sort_values(VARIANT, key=lambda column: column.map(RANK[column.name]), ignore_index=True)
    ends = lines.groupby(["kind", "touch"])[["added_bytes", "workers"]]
    slope = ends.transform("last") - ends.transform("first")
    each = slope.added_bytes / slope.workers  # NaN with one number of workers
    return lines.assign(each_bytes=each.fillna(lines.added_bytes / lines.workers))


def megabytes(value: float) -> str:
    """Bytes as millions of bytes in words: two digits, or "under 0.1", below which pages of others decide."""
    return "under 0.1" if abs(value) < 0.095 * MB else f"{value / MB:.{1 if abs(value) < 100 * MB else 0}f}"


def plot_memory(result: Result, ax, touch: str, column: str) -> None:
    """A column of the summary, in megabytes, against workers: medians, one line for each kind."""
    lines = where(summary(result), touch=touch).dropna(subset=column)
    for kind, line in lines.groupby("kind", sort=False):
        ax.plot(line.workers, line[column] / MB, **kit.LOOKS[kind], **kit.STRONG, clip_on=False, label=kind)
    if size := result.rows[0]["data_bytes"]:
        ax.axhline(size / MB, **kit.REFERENCE, label="the size of the data")
    ax.grid(axis="y", alpha=0.3)


def memory_chart(result: Result, bet):
    """What was added above what one worker has to itself; a column for each touch."""
    touches, workers = result.params["touch"], sorted(result.params["workers"])
    shown = {"added_bytes": f"added to the\nmachine, MB ({_meter(result)})"}
    if summary(result).worker_uss_bytes.notna().any():
        shown["worker_uss_bytes"] = "one worker's\nown, MB (USS)"
    figure = kit.figure(1.6 + 1.8 * len(shown))
    axes = figure.subplots(len(shown), len(touches), sharex=True, sharey="row", squeeze=False)
    for row, (column, label) in zip(axes, shown.items(), strict=True):
        for ax, touch in zip(row, touches, strict=True):
            plot_memory(result, ax, touch, column)
        row[0].set(ylabel=label, ylim=(0, max(1, row[0].get_ylim()[1])))
    axes[0, 0].set(xticks=workers, xlim=(0, workers[-1] * 1.1))
    for ax, touch in zip(axes[0], touches, strict=True):
        ax.set_title(_if_data(result, touch), fontsize=11)
    drawn = {label: line for ax in axes[0] for line, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(drawn.values(), drawn, loc="outside upper center", ncols=3, frameon=False, fontsize=10)
    figure.supxlabel(f"workers{_holding(result)}", fontsize=11)
    alt = f"Memory added to the machine against workers{_holding(result)}, by {_meter(result)}, and what one worker "
    alt += f"process has to itself, median of {words.rounds(result)}: {_told(result, touches)}."
    return figure, alt, memory_sentence(result)


def meters_chart(result: Result, bet):
    """What the most workers add by the summed RSS and by the better meter, as bars beside each other."""
    lines, by = _most(result), _meter(result)
    bars = {"RSS": ("rss_added_bytes", "RSS, summed", {"color": "#E69F00", "hatch": "//"}, -0.2)}
    if by != "RSS":
        bars[by] = "added_bytes", "PSS, summed" if by == "PSS" else by, {"color": "#0072B2"}, 0.2
    ax, told = kit.figure(1.5 + 0.62 * len(lines)).add_subplot(), []
    for name, (column, label, look, beside) in bars.items():
        sizes = lines[column].map(megabytes)
        drawn = ax.barh(lines.index + beside, lines[column] / MB, 0.38, **look, edgecolor="white", label=label)
        ax.bar_label(drawn, sizes, padding=3, fontsize=10)
        told.append(f"{name} " + sizes + " MB")
    kit.names(ax, list(lines.case.str.replace(" (", "\n(")))
    ax.margins(x=0.12)
    ax.set(xlim=(0, None), xlabel="added to the machine, MB")
    kit.legend(ax, 2)
    told = "; ".join(lines.case + ": " + pandas.concat(told, axis=1).agg(", ".join, axis=1))
    return ax.figure, f"Bars of the memory added{_holding(result)}. {told}.", _meters_sentence(lines, by)


def memory_sentence(result: Result) -> str:
    """What one worker more adds, what touching the data did, and what this platform cannot show, in words."""
    lines, missing = _most(result), result.frame.missing.dropna()
    parts = [f"{missing.iloc[0]}, so {_meter(result)} is shown"] if len(missing) else []
    one = "one worker more adds" if len(result.params["workers"]) > 1 else "each worker adds, its helpers included"
    for touch, kinds in lines.groupby("touch", sort=False):
        each = ", ".join(kinds.kind.map(words.one) + " " + kinds.each_bytes.map(megabytes) + " MB")
        parts.append(f"{one}{_if_data(result, f', if each {DOES[touch]}')}: {each}")
    # A forked worker shares the data until one of the two writes.
    own = where(lines, kind="fork").set_index("touch").worker_uss_bytes.dropna().to_dict()
    alone = own.pop("untouched", None)
    for touch, size in own.items() if alone else ():
        became = "were copied for it" if size - alone > 0.1 * result.rows[0]["data_bytes"] else "stay shared"
        left = f"a fork process has {megabytes(alone)} MB to itself when it {DOES['untouched']}"
        parts.append(f"{left} and {megabytes(size)} MB when it {DOES[touch]}: the pages {became}")
    # More than one number of workers tells what is started once apart from what is added by each.
    for line in lines[lines.kind.isin(("forkserver", "spawn"))].drop_duplicates("kind").itertuples():
        helpers = line.added_bytes - line.workers * line.each_bytes
        if helpers > 0.5 * MB:
            parts.append(f"what {line.kind} starts beside its workers adds {megabytes(helpers)} MB, once")
    return words.sentence(*parts)


def _meters_sentence(lines, by):
    """How far the sum of RSS goes beyond what the better meter says, where it goes farthest."""
    if by == "RSS":
        return "This machine shows RSS only, which counts a page that processes share once in each of them."
    farthest = lines.loc[(lines.rss_added_bytes - lines.added_bytes).idxmax()]
    rss, better = farthest.rss_added_bytes, farthest.added_bytes
    if rss - better < max(MB, 0.1 * rss):
        return f"RSS and {by} agree here: these workers share few pages that RSS counts twice."
    sizes = f"For {farthest['case']} the sum of RSS says {megabytes(rss)} MB, and {by} {megabytes(better)} MB"
    return f"{sizes}: RSS counts a page that processes share once in each of them."


def _meter(result):
    return meter(result.frame).upper()


def _if_data(result, text):
    return "" if result.params["parent_data"] == "none" else text


def _holding(result):
    return _if_data(result, ", the program holding {data_mb} MB of {parent_data}".format(**result.params))


def _most(result):
    """The lines of the summary with the most workers, each with its case in words."""
    lines = where(summary(result), workers=max(result.params["workers"])).reset_index(drop=True)
    cases = [words.name(item.kind, item.workers) + _if_data(result, f" ({item.touch})") for item in lines.itertuples()]
    return lines.assign(case=cases)


def _told(result, touches):
    """What was added, and a worker's own, for each kind and those of these touches that the result has."""
    lines, parts = summary(result), []
    for (kind, touch), line in lines[lines.touch.isin(touches)].groupby(["kind", "touch"], sort=False):
        values = ", ".join(line.added_bytes.map(megabytes) + " MB with " + line.workers.astype(str))
        own = ", ".join(map(megabytes, line.worker_uss_bytes.dropna()))
        own = f", one worker's own {own} MB" if own else ""
        parts.append(f"{kind}{_if_data(result, f' ({touch})')} {values}{own}")
    return "; ".join(parts)
