"""Hand-overs, counted switches, switch intervals and echoes: one chart and one sentence for each question."""

import itertools
import statistics

from matplotlib.axes import Axes

from .measure import PARTNERS, PLACES, WORKS, against_serial
from ...engine.result import Result
from ...engine.stats import paired, spread
from ...drawing import kit as style

NEEDS_TWO_CPUS = True  # to show its point: with one, a recording stands beside it
KINDS = ("threads", "processes")
LOCK = style.STYLES["threads"] | {"marker": "^"}
HATCHES = {"voluntary_switches": "", "involuntary_switches": "////"}
PANELS = {
    "throughput": "work done\n(serial = 1)",
    "cpu_cost": "CPU time\n(serial = 1)",
    "switches_per_s": "switches\na second",
}
ASKED = {  # question: what tells its variants apart, and what is measured of each
    "hand-over": (("place", "primitive", "kind"), ["round_trip_us"]),
    "switches": (("work", "kind"), HATCHES),
    "interval": (("interval_us",), PANELS),
    "echo": (("neighbours", "count", "interval_us"), ["round_trip_us"]),
}
ORDER = (*PLACES, *WORKS, "none", *KINDS, "pipe", "lock")
UNCOUNTED = "not counted on this system"


def table(result: Result):
    """The medians, and the range over the runs, of everything that the chart draws."""
    return [
        {"what": _name(variant), "quantity": column.replace("_us", "_µs").replace("_", " ")}
        | {"median": round(values.median, 2), "least": round(values.low, 2), "most": round(values.high, 2)}
        for variant, columns in _found(result).items()
        for column, values in columns.items()
    ]


def plot_round_trips(result: Result, ax: Axes | None = None) -> Axes:
    """Microseconds of a round trip, a line for each variant: every run faint, the median strong, and the range."""
    ax = ax or style.figure().add_subplot()
    found = _found(result)
    runs = style.grouped(result.rows, *ASKED[result.params["question"]][0])
    for place, (variant, columns) in enumerate(found.items()):
        look = LOCK if "lock" in variant else style.STYLES[next((k for k in KINDS if k in variant), "serial")]
        values, each = columns["round_trip_us"], [row["round_trip_us"] for row in runs[variant]]
        ax.plot(each, [place] * len(each), **look, **style.FAINT)
        ax.plot([values.low, values.high], [place, place], color=look["color"], linewidth=1.5)
        ax.plot([values.median], [place], **look, **style.STRONG)
    style.lines(ax, list(map(_name, found)))
    style.log(ax, "x", _us)
    ax.set_xlabel("round trip, there and back (each step multiplies)")
    return ax


def plot_switches(result: Result, work: str, ax: Axes | None = None) -> Axes:
    """Context switches of one worker for this work, voluntary and involuntary, by kind of worker: medians."""
    ax = ax or style.figure().add_subplot()
    found = _found(result)
    for (step, column), (place, kind) in itertools.product(enumerate(HATCHES), enumerate(KINDS)):
        at = place + (step - 0.5) * 0.4
        if values := found.get((work, kind), {}).get(column):
            look = {"color": style.STYLES[kind]["color"], "hatch": HATCHES[column], "edgecolor": "white"}
            ax.barh([at], [values.median], 0.36, **look)
            ax.text(values.median, at, f" {_count(column, values)}", va="center", fontsize=10)
        elif step == 0:
            ax.text(0, place, f" {UNCOUNTED}", va="center", fontsize=10)
    style.lines(ax, KINDS)
    ax.set_title(f"{work}: {_amount(result, work)}", loc="left", fontsize=11)
    ax.set_xlim(0, max(10, 1.2 * ax.get_xlim()[1]))  # room for the words
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    return ax


def plot_interval(result: Result, column: str, ax: Axes | None = None) -> Axes:
    """`throughput`, `cpu_cost` or `switches_per_s` of threads that compute, against the switch interval."""
    ax = ax or style.figure().add_subplot()
    look, found = style.STYLES["threads"], _found(result)
    places = {us: place for place, (us,) in enumerate(found)}
    runs = [row for row in against_serial(result.rows) if row[column] is not None]
    ax.plot([places[row["interval_us"]] for row in runs], [row[column] for row in runs], **look, **style.FAINT)
    drawn = {places[us]: columns[column].median for (us,), columns in found.items() if column in columns}
    ax.plot(drawn.keys(), drawn.values(), **look, **style.STRONG)
    if not drawn:
        ax.text(0.5, 0.5, UNCOUNTED, ha="center", transform=ax.transAxes)
    elif column == "switches_per_s":
        style.log(ax, "y", "{:,.0f}".format)
    else:
        ax.axhline(1, **style.REFERENCE)
        ax.set_ylim(0, max(1.2, 1.05 * ax.get_ylim()[1]))
    style.columns(ax, list(map(_name, found)))
    ax.set_ylabel(PANELS[column])
    return ax


def _chart(result, bet, earlier):
    found = _found(result)
    match result.params["question"]:
        case "switches":
            figure = style.figure(5.2)
            for ax, work in zip(figure.subplots(len(WORKS), 1), WORKS, strict=True):
                plot_switches(result, work, ax)
            ax.set_xlabel("context switches of one worker, for the whole work")
            parts = []
            for variant in itertools.product(WORKS, KINDS):
                said = ", ".join(_count(*item) for item in found.get(variant, {}).items())
                parts.append(f"{_name(variant)}: {said or UNCOUNTED}")
            opening, sentence = "Bars of median context switches of one worker.", switches_sentence
        case "interval":
            figure = style.figure(5.4)
            for ax, column in zip(figure.subplots(len(PANELS), 1, sharex=True), PANELS, strict=True):
                plot_interval(result, column, ax)
            ax.set_xlabel(f"switch interval of {style.name('threads', result.params['workers'])} that compute")
            parts = []
            for variant, columns in found.items():
                said = _said(columns, "work done {:.2f}", ", CPU time {:.2f}", ", {:,.0f} switches a second")
                parts.append(
                    f"{_name(variant)}: {said}" + ("" if "switches_per_s" in columns else ", switches not counted")
                )
            opening = "Threads that compute against the switch interval, serial is 1, medians."
            sentence = interval_sentence
        case question:
            figure = plot_round_trips(result, style.figure(1.2 + 0.36 * len(found)).add_subplot()).figure
            spreads = {variant: columns["round_trip_us"] for variant, columns in found.items()}
            parts = [f"{_name(v)}: {_us(s.median)} ({_us(s.low)} to {_us(s.high)})" for v, s in spreads.items()]
            opening = "Round trips, medians and ranges of the runs."
            sentence = echo_sentence if question == "echo" else handover_sentence
    return figure, f"{opening} {'; '.join(parts)}.", sentence(result)


def handover_sentence(result: Result) -> str:
    """Threads against processes on the same pipe, the lock beside them, and one CPU against two."""
    found = {variant: columns["round_trip_us"].median for variant, columns in _found(result).items()}
    parts = []
    for place in PLACES[:2] if any(place != "not pinned" for place, *_ in found) else PLACES:
        if (place, "pipe", "threads") not in found:
            parts += dict.fromkeys(f"{place}: {row['reason']}" for row in result.rows if row["place"] == place)
            continue
        threads, processes, lock = (_us(found[place, how, kind]) for kind, how in PARTNERS)
        pair = ({"kind": kind, "primitive": "pipe", "place": place} for kind in KINDS)
        ratio, verdict = paired(result.rows, "round_trip_us", *pair)
        told = f"threads took {ratio:.2f} times as long as processes"
        parts.append(
            f"{place}: through a pipe {threads} between threads and {processes} between processes "
            f"({'these rounds do not tell them apart' if verdict == 'unclear' else told}); "
            f"by locks between threads {lock}"
        )
    others = [rest for place, *rest in found if place == "other CPU"]
    if ratios := [found["other CPU", *rest] / found["same CPU", *rest] for rest in others]:
        span = " to ".join(dict.fromkeys(f"{ratio:.1f}" for ratio in (min(ratios), max(ratios))))
        parts.append(f"on two CPUs instead of one, a round trip took {span} times as long")
    return style.sentence(*parts)


def switches_sentence(result: Result) -> str:
    """The voluntary switches of each kind of worker on each kind of work."""
    parts = {}
    for (work, kind), columns in _found(result).items():
        parts.setdefault(f"{work} ({_amount(result, work)})", []).append(
            f"{kind} {columns['voluntary_switches'].median:,.0f}"
        )
    said = "; ".join(f"{work}: {style.listed(each)} for each worker" for work, each in parts.items())
    missing = dict.fromkeys(row["reason"] for row in result.rows if row["reason"])
    return style.sentence(*(["voluntary switches, medians", said] if said else []), *missing)


def interval_sentence(result: Result) -> str:
    """The shortest interval against the longest: switches, work done and CPU time."""
    found = {us: columns for (us,), columns in _found(result).items()}
    longest, shortest = max(found), min(found)
    parts = []
    for us in dict.fromkeys((longest, shortest)):
        work = f"every {_us(us)}: {style.times(found[us]['throughput'].median)} the work of serial in the same time"
        parts.append(work + _said(found[us], "", ", for {:.2f}× its CPU time", ", with {:,.0f} switches a second"))
    rows, pair = against_serial(result.rows), ({"interval_us": shortest}, {"interval_us": longest})
    whats = {"throughput": "work was done in the same time", "cpu_cost": "CPU time was used"}
    for column, what in whats.items() if longest != shortest else ():
        ratio, verdict = paired(rows, column, *pair)
        parts.append(
            f"whether more or less {what} at the short interval, these rounds do not tell"
            if verdict == "unclear"
            else f"at the short interval {verdict} {what}, {style.times(ratio)}"
        )
    busy = statistics.median(row["cores_busy"] for row in rows if row["interval_us"] == longest)
    if busy < 0.8:  # threads that compute keep one core busy between them
        parts.append(
            f"other programs, or a CPU limit, left these threads {busy:.2f} of a core: measure again when it is quiet"
        )
    return style.sentence(*parts)


def echo_sentence(result: Result) -> str:
    """The echo alone, beside threads at the longest and shortest interval, and beside processes."""
    found = {variant: columns["round_trip_us"].median for variant, columns in _found(result).items()}
    alone, intervals = found["none", 0, None], result.params["intervals_us"]
    count = min(count for kind, count, _ in found if kind == "threads")
    parts, stepped = [f"alone a round trip took {_us(alone)}"], []
    for us in dict.fromkeys((max(intervals), min(intervals))):
        median = found["threads", count, us]
        times = median / alone
        parts.append(
            f"beside {style.name('threads', count)} that computed, at a switch interval of {_us(us)}, {_us(median)}"
            + (f", {times:,.0f} times as long" if times >= 1.5 else "")
        )
        stepped.append(times >= 5 and us / 2 < median < 3 * us)
    parts.append(f"beside {style.name('processes', count)} {_us(found['processes', count, None])}")
    words = ["; ".join(parts)]
    if not result.machine["gil"]:
        cpu = ", and where the echo took longer it waited for a CPU" if stepped[0] else ""
        words.append(f"this Python runs without the GIL: there is no interval to wait for{cpu}")
    elif stepped[0]:
        words.append("the echo waited for about one switch interval: the thread that computes keeps the GIL that long")
    return style.sentence(*words)


def _found(result):
    """{variant: {column: spread}} in the order of the chart; what is not counted is left out."""
    by, columns = ASKED[result.params["question"]]
    rows = against_serial(result.rows) if columns is PANELS else result.rows
    found = {}
    for column in columns:
        for variant, values in spread(rows, column, *by).items():
            found.setdefault(variant, {})[column] = values

    def place(variant):  # counts from the least, intervals from the longest
        named = zip(by, variant, strict=True)
        return [
            ORDER.index(part) if part in ORDER else -(part or 0) if name == "interval_us" else part
            for name, part in named
        ]

    return {variant: found[variant] for variant in sorted(found, key=place)}


def _name(variant):
    match variant:
        case (us,):
            return _us(us)
        case "none", _, _:
            return "alone"
        case kind, int(count), us:
            return f"beside {style.name(kind, count)}" + (f", {_us(us)}" if us else "")
        case place, how, kind:
            return f"{place}: {kind}, {how}"
    return ", ".join(variant)


def _said(columns, *forms):
    """The medians of PANELS that were counted, each in its form."""
    pairs = zip(PANELS, forms, strict=True)
    return "".join(form.format(columns[column].median) for column, form in pairs if column in columns)


def _count(column, values):
    return f"{values.median:,.0f} {column.partition('_')[0]}"


def _amount(result, work):
    if work == "waiting":
        return f"{result.params['waits']:,} waits"
    cpu_ms = 1000 * statistics.median(row["cpu_s"] for row in result.rows if row["work"] == work)
    return f"{cpu_ms:.3g} ms of CPU time"


def _us(value):
    return style.duration(value / 1e6)


CHARTS = {"switching": _chart}
