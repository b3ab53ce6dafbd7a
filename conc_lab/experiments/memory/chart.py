"""Memory that workers add, against workers; what one has to itself; and how summing RSS misleads."""

from matplotlib.axes import Axes

from .measure import MB, conclusions, meter
from ...engine.result import Result
from ...drawing import kit as style

DOES = {"untouched": "leaves the data alone", "read": "has read it", "written": "has written to it"}


def table(result: Result):
    """The medians of every variant, in millions of bytes."""
    return [
        {
            "workers": style.name(item["kind"], item["workers"]),
            "data": item["touch"],
            f"added, {_meter(result)} MB": megabytes(item["added_bytes"]),
            "added, RSS summed MB": megabytes(item["rss_added_bytes"]),
            "one worker's own, USS MB": megabytes(item["worker_uss_bytes"]),
        }
        for item in conclusions(result.rows)
    ]


def megabytes(value):
    """Bytes as millions of bytes in words: two digits, or "under 0.1", below which pages of others decide."""
    if value is None:
        return "–"
    return "under 0.1" if abs(value) < 0.095 * MB else f"{value / MB:.{1 if abs(value) < 100 * MB else 0}f}"


def plot_memory(result: Result, ax: Axes | None = None, touch: str | None = None, earlier=None) -> Axes:
    """Memory that the workers and their helpers add against workers: medians, one line for each kind."""
    ax = _plot(result, ax, touch, "added_bytes", earlier)
    ax.set_ylabel(f"added to the\nmachine, MB ({_meter(result)})")
    return ax


def plot_own(result: Result, ax: Axes | None = None, touch: str | None = None, earlier=None) -> Axes:
    """What one worker process shares with nobody (USS) against workers; threads have nothing of the kind."""
    ax = _plot(result, ax, touch, "worker_uss_bytes", earlier)
    ax.set_ylabel("one worker's\nown, MB (USS)")
    return ax


def _plot(result, ax, touch, column, earlier):
    ax = ax or style.figure().add_subplot()
    drawn = [0]
    for other, how, suffix in ((earlier, style.BEFORE, ", run before"), (result, style.STRONG, "")):
        found = [] if other is None else [item for item in conclusions(other.rows) if item[column] is not None]
        drawn += [item[column] for item in found]
        shown = [item for item in found if item["touch"] == (touch or result.params["touch"][0])]
        for kind, mine in style.grouped(shown, "kind").items():
            at, values = [item["workers"] for item in mine], [item[column] / MB for item in mine]
            ax.plot(at, values, **style.STYLES[kind] | how, label=kind + suffix, clip_on=False)
    if size := result.rows[0]["data_bytes"]:
        ax.axhline(size / MB, **style.REFERENCE, label="the size of the data")
    workers = sorted(result.params["workers"])
    ax.set_xticks(workers)
    ax.set_xlim(0, workers[-1] * 1.1)
    ax.set_ylim(0, 1.1 * max(MB, size, *drawn) / MB)
    ax.grid(axis="y", alpha=0.3)
    return ax


def plot_meters(result: Result, ax: Axes | None = None) -> Axes:
    """What the most workers add by the summed RSS and by the better meter, as bars beside each other."""
    ax = ax or style.figure().add_subplot()
    most, by = _most(result), _meter(result)
    series = [("rss_added_bytes", "RSS, summed", "#E69F00", "//", -0.2)]
    if by != "RSS":
        series.append(("added_bytes", by if by == "USS" else "PSS, summed", "#0072B2", "", 0.2))
    for column, label, color, hatch, beside in series:
        at, values = [place + beside for place in range(len(most))], [item[column] / MB for item in most]
        bars = ax.barh(at, values, 0.38, color=color, hatch=hatch, edgecolor="white", label=label)
        ax.bar_label(bars, [megabytes(item[column]) for item in most], padding=3, fontsize=10)
    style.lines(ax, [_case(result, item, "\n{}") for item in most])
    ax.margins(x=0.12)
    ax.set_xlim(left=0)
    ax.set_xlabel("added to the machine, MB")
    style.legend(ax, 2)
    return ax


def _memory_chart(result, bet, earlier):
    touches = result.params["touch"]
    own = any(row["worker_uss_bytes"] is not None for row in result.rows)
    figure = style.figure(5.2 if own else 3.4)
    axes = figure.subplots(1 + own, len(touches), sharex=True, sharey="row", squeeze=False)
    for column, touch in enumerate(touches):
        for ax, plot in zip(axes[:, column], (plot_memory, plot_own), strict=False):
            plot(result, ax, touch, earlier)
            ax.label_outer()
        if result.params["parent_data"] != "none":
            axes[0, column].set_title(touch, fontsize=11)
    drawn = {label: line for ax in axes[0] for line, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(drawn.values(), drawn, loc="outside upper center", ncols=3, frameon=False, fontsize=10)
    figure.supxlabel(f"workers{_holding(result)}", fontsize=11)
    laid = f" The run before: {_said(earlier, result)}." if earlier is not None and _said(earlier, result) else ""
    alt = (
        f"Memory added to the machine against workers{_holding(result)}, by {_meter(result)}, and what one worker "
        f"process has to itself, median of {style.rounds(result)}: {_said(result, result)}.{laid}"
    )
    return figure, alt, memory_sentence(result)


def _meters_chart(result, bet, earlier):
    ax = plot_meters(result, style.figure(1.5 + 0.62 * len(_most(result))).add_subplot())
    columns = {"RSS": "rss_added_bytes", _meter(result): "added_bytes"}
    parts = [
        f"{_case(result, item)}: " + ", ".join(f"{by} {megabytes(item[columns[by]])} MB" for by in columns)
        for item in _most(result)
    ]
    return ax.figure, f"Bars of the memory added{_holding(result)}. {'; '.join(parts)}.", meters_sentence(result)


def memory_sentence(result: Result) -> str:
    """What one worker more adds, what touching the data did, and what this platform cannot show, in words."""
    missing = next((row["missing"] for row in result.rows if row["missing"]), None)
    parts = [f"{missing}, so {_meter(result)} is shown"] if missing else []
    one = "one worker more adds" if len(result.params["workers"]) > 1 else "each worker adds, its helpers included"
    for touch, mine in style.grouped(_most(result), "touch").items():
        each = ", ".join(f"{style.one(item['kind'])} {megabytes(item['each_bytes'])} MB" for item in mine)
        condition = "" if result.params["parent_data"] == "none" else f", if each {DOES[touch]}"
        parts.append(f"{one}{condition}: {each}")
    return style.sentence(*parts, *_copied(result), *_helpers(conclusions(result.rows)))


def meters_sentence(result: Result) -> str:
    """How far the sum of RSS goes beyond what the better meter says, where it goes farthest."""
    if (by := _meter(result)) == "RSS":
        return "This machine shows RSS only, which counts a page that processes share once in each of them."
    item = max(_most(result), key=lambda item: item["rss_added_bytes"] - item["added_bytes"])
    rss, better = item["rss_added_bytes"], item["added_bytes"]
    if rss - better < max(MB, 0.1 * rss):
        return f"RSS and {by} agree here: these workers share few pages that RSS counts twice."
    return (
        f"For {_case(result, item)} the sum of RSS says {megabytes(rss)} MB, and {by} {megabytes(better)} MB: "
        "RSS counts a page that processes share once in each of them."
    )


def _copied(result):
    """What touching the data did to a forked worker, which shares it until one of the two writes."""
    mine = [item for item in _most(result) if item["kind"] == "fork" and item["worker_uss_bytes"] is not None]
    before = mine[0] if mine else None
    for item in mine[1:] if mine and before["touch"] == "untouched" else ():
        grown = item["worker_uss_bytes"] - before["worker_uss_bytes"]
        copied = grown > 0.1 * result.rows[0]["data_bytes"]
        yield (
            f"a fork process has {megabytes(before['worker_uss_bytes'])} MB to itself when it leaves the data alone "
            f"and {megabytes(item['worker_uss_bytes'])} MB when it {DOES[item['touch']]}: "
            f"the pages {'were copied for it' if copied else 'stay shared'}"
        )


def _helpers(found):
    """What the helpers of forkserver and spawn take, where more than one number of workers tells it apart."""
    for kind, (item, *_) in style.grouped(found, "kind").items():
        helpers = item["added_bytes"] - item["workers"] * item["each_bytes"]
        if kind in ("forkserver", "spawn") and helpers > 0.5 * MB:
            yield f"what {kind} starts beside its workers adds {megabytes(helpers)} MB, once"


def _meter(result):
    return meter(result.rows).upper()


def _case(result, item, form=" ({})"):
    touch = "" if result.params["parent_data"] == "none" else form.format(item["touch"])
    return style.name(item["kind"], item["workers"]) + touch


def _holding(result):
    form = result.params["parent_data"]
    return "" if form == "none" else f", the program holding {result.params['data_mb']} MB of {form}"


def _most(result):
    most = max(result.params["workers"])
    return [item for item in conclusions(result.rows) if item["workers"] == most]


def _said(result, shown):
    parts = []
    for (kind, touch), mine in style.grouped(conclusions(result.rows), "kind", "touch").items():
        if touch not in shown.params["touch"]:
            continue
        values = ", ".join(f"{megabytes(item['added_bytes'])} MB with {item['workers']}" for item in mine)
        own = ", ".join(megabytes(item["worker_uss_bytes"]) for item in mine if item["worker_uss_bytes"] is not None)
        data = "" if result.params["parent_data"] == "none" else f" ({touch})"
        parts.append(f"{kind}{data} {values}" + (f", one worker's own {own} MB" if own else ""))
    return "; ".join(parts)


CHARTS = {"memory": _memory_chart, "meters": _meters_chart}
