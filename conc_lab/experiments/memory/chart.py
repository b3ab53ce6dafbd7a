"""Memory that workers add, against workers; what one has to itself; how summing RSS misleads; and claim C8."""

from itertools import product

from ...drawing import kit, verdict, words
from .measure import INSIDE, KINDS, MB, METERS, TOUCHES

BY = ["kind", "touch", "workers"]


def meter(frame) -> str:
    """The best meter that every row has: "pss", "uss" or "rss"."""
    return next(name for name in METERS if frame[f"{name}_bytes"].notna().all())


def added(frame, by: str):
    """Bytes that the workers and their helpers added to the machine, as a Series, as told by one meter.

    By PSS and RSS: the sum over the program now, less before. By USS: what the processes other than the program's
    first have to themselves, for what a fork shares is no longer the first one's own; and for workers inside it,
    what it has more than before.
    """
    more = frame[f"{by}_bytes"] - frame[f"{by}_before_bytes"]
    return more if by != "uss" else more.where(frame.kind.isin(INSIDE), frame.others_uss_bytes)


def megabytes(value: float) -> str:
    """Bytes as millions of bytes in words: two digits, or "under 0.1", below which pages of others decide."""
    return "under 0.1" if abs(value) < 0.095 * MB else f"{value / MB:.{1 if abs(value) < 100 * MB else 0}f}"


def summary(result):
    """A DataFrame with a line for each kind, touch and number of workers: medians over the rounds.

    kind, touch, workers; added_bytes by the best meter; rss_added_bytes; worker_uss_bytes, NaN without;
    each_bytes, what one worker more adds: the slope from the fewest workers to the most, which leaves out the
    helpers that are started once, or with one number of workers the part of each, helpers included; in words: name (of
    the workers, and what they do with the data), figure (what one more adds).
    """
    rows = result.frame.astype({"worker_uss_bytes": float})
    rows = rows.assign(added_bytes=added(rows, meter(rows)), rss_added_bytes=added(rows, "rss"))
    lines = kit.medians(rows, BY, ["added_bytes", "rss_added_bytes", "worker_uss_bytes"], kind=KINDS, touch=TOUCHES)
    ends = lines.groupby(["kind", "touch"])[["added_bytes", "workers"]]
    slope = ends.transform("last") - ends.transform("first")
    # There is no slope with one number of workers.
    lines["each_bytes"] = (slope.added_bytes / slope.workers).fillna(lines.added_bytes / lines.workers)
    touch = lines.touch.map(("" if result.params["parent_data"] == "none" else " ({})").format)
    figures = lines.kind.map(words.one) + touch + " " + lines.each_bytes.map(megabytes) + " MB"
    return lines.assign(name=list(map(words.name, lines.kind, lines.workers)) + touch, figure=figures)


def headline(result, bet=None):
    """Of each kind and touch what one worker more adds."""
    lines = summary(result).query("workers == workers.max()")
    return [(line.kind, line.name, f"{megabytes(line.each_bytes)} MB", "added by each") for line in lines.itertuples()]


def memory_chart(result, bet):
    """What was added, against workers; a column for each touch; without data, what one has to itself below it."""
    lines, by, row = summary(result), meter(result.frame).upper(), result.rows[0]
    touches, workers, size = result.params["touch"], sorted(result.params["workers"]), row["data_bytes"] / MB
    shown = {"added_bytes": "added to the\nmachine, MB" + f" ({by})" * (not size)}
    if not size and lines.worker_uss_bytes.notna().any():
        shown["worker_uss_bytes"] = "one worker's\nown, MB (USS)"
    most = lines.query("workers == workers.max()")
    each = most[most.kind == "fork"].each_bytes if size and "fork" in [*most.kind] else most.each_bytes
    ends = most.figure[[each.idxmin(), each.idxmax()]]
    figure = kit.figure(1.6 + 1.8 * len(shown), f"each adds: {'; '.join(ends.unique())}")
    axes = figure.subplots(len(shown), len(touches), sharex=True, sharey="row", squeeze=False)
    for ax, (column, touch) in zip(axes.flat, product(shown, touches), strict=True):
        for kind, line in lines[lines.touch == touch].dropna(subset=column).groupby("kind", sort=False):
            ax.plot(line.workers, line[column] / MB, **kit.LOOKS[kind], **kit.STRONG, clip_on=False, label=kind)
        if size:
            ax.axhline(size, **kit.REFERENCE, label="the size of the data")
        ax.set(xlabel=f"workers ({touch})" if size else "workers", ylabel=shown[column])
        ax.label_outer()
        ax.grid(True, axis="y")
    for ax in axes[:, 0]:
        ax.set(xticks=workers, xlim=(0, workers[-1] * 1.02), ylim=(0, max(1, ax.get_ylim()[1])))
    kit.ends(axes[0, -1])
    told = "; ".join(lines.name + " " + lines.added_bytes.map(megabytes) + " MB")
    alt = f"Memory added to the machine by workers, by {by}, medians of {words.rounds(result)}: {told}."
    one = "one more worker adds" if len(workers) > 1 else "each worker adds, helpers included"
    parts = [f"{row['missing']}, so {by} is shown"] if row["missing"] else []
    parts += [f"the program holds {size:g} MB of {result.params['parent_data']}"] * bool(size)
    own = most.kind + " " + most.worker_uss_bytes.map(megabytes) + " MB"
    itself = f"memory that one process shares with nobody: {', '.join(own[most.worker_uss_bytes.notna()])}"
    return figure, alt, words.sentence(*parts, f"{one}: {', '.join(most.figure)}", *[itself] * (len(shown) > 1))


def meters_chart(result, bet):
    """Bars of what the most workers add: above by the summed RSS, below by the better meter."""
    lines = summary(result).query("workers == workers.max()")
    sums = {"RSS": lines.rss_added_bytes, meter(result.frame).upper(): lines.added_bytes}
    bars = lines.assign(**sums).melt(["kind", "name"], list(sums), "meter", "bytes")
    bars = bars.assign(hatched=0, figure=bars.bytes.map(megabytes) + " MB")
    farthest = (lines.rss_added_bytes - lines.added_bytes).idxmax()
    told = ", ".join(f"{megabytes(sizes[farthest])} MB by {by}" for by, sizes in sums.items())
    found, what = f"{lines.name[farthest]} added {told}", "memory added, summed over the processes"
    drawn = kit.bars(bars, "meter", "bytes", "hatched", what, found, sharex=True)
    return *drawn, words.sentence(found, "RSS counts a shared page once for each process")


def C8_verdict(kept):
    """What each thread adds to the machine's memory, against the process that adds the least."""
    by, most = meter(kept.frame), max(kept.params["workers"])
    each = kept.frame.query("workers == @most").assign(each=lambda rows: added(rows, by) / most).groupby("kind").each
    each = {kind: each.get_group(kind) for kind in summary(kept).kind.unique() if kind != "interpreters"}
    ranges = ", ".join(f"{kind} {words.ranged(sizes, megabytes)}" for kind, sizes in each.items())
    thread, process = each.pop("threads").max(), min(sizes.min() for sizes in each.values())
    cheap, dear = thread * verdict.TENFOLD <= process, thread * 2 >= process
    return verdict.first(
        f"{by.upper()} for each of {most}, helpers included, MB: {ranges}",
        (by == "rss", "cannot tell", kept.rows[0]["missing"]),
        (cheap, "holds", "nearly: a thread adds the used part of its stack, a process many times that"),
        (dear, "does not hold", "a thread added about as much as the cheapest process"),
        (True, "depends", "on what you compare with: here the cheapest process adds less than ten times as much"),
    )


def memory_read_verdict(kept):
    """The share of the data that a forked worker has to itself, before and after it has read them."""
    lines = summary(kept).query("kind == 'fork' and workers == workers.min()").set_index("touch")
    if lines.worker_uss_bytes.dropna().empty:
        return verdict.Verdict("cannot tell", "this system can't show what a fork copies", "no forked worker measured")
    was, now = (lines.worker_uss_bytes / kept.rows[0]["data_bytes"])[["untouched", "read"]]
    figure = f"a forked worker had {was:.0%} of the data's size to itself before it read them, {now:.0%} after"
    word = "before" if was >= 0.5 else "read" if now >= 0.5 else "nothing" if now < was + 0.1 else "cannot tell"
    return verdict.Verdict(word, "it was neither most of the data nor next to nothing", figure)
