"""Predicted time against the number of items, where the choice changes, and the advice in two sentences."""

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from .measure import agreement, choice, chunksize, crossings, fits, predicted_s, refusals
from ..speedup.measure import COST_LIMIT, NO_GAIN, character
from ...engine.result import Result
from ...drawing import kit as style

AHEAD = 1000  # how many times the wanted number of items are looked at for a better kind of worker


def table(result: Result):
    """What was measured of every variant, and the time predicted from it."""
    items = result.params["items"]
    return [
        {
            "workers": style.name(fit.kind, fit.workers),
            "start and end ms": round(1000 * fit.start_s, 2),
            "ms an item": round(1000 * fit.item_s, 4),
            "speedup": round(fit.speedup, 2),
            f"{items:,} items": _time(predicted_s(fit, items)),
        }
        for fit in fits(result.rows)
    ]


def plot_advise(result: Result, ax: Axes | None = None) -> Axes:
    """Each kind's shortest predicted time against items, a mark where another kind becomes the choice."""
    ax = ax or style.figure().add_subplot()
    found, items = fits(result.rows), result.params["items"]
    changes = _changes(result)
    last = max(10 * items, 3 * changes[-1][0])
    numbers = sorted({round(last ** (step / 200)) for step in range(201)})
    for kind in dict.fromkeys(fit.kind for fit in found):
        # Threads often lie on the loop's line: that one is wide and theirs broken, so that both are seen.
        look = {"linewidth": 4, "alpha": 0.5} if kind == "serial" else {"linewidth": 2, "dashes": (3, 2)}
        times = [predicted_s(_best(found, kind, number), number) for number in numbers]
        ax.plot(numbers, times, color=style.STYLES[kind]["color"], **look)
        at = _best(found, kind, items)
        look |= style.STYLES[kind] | {"markersize": 8, "label": style.name(kind, at.workers)}
        ax.plot([items], [predicted_s(at, items)], **look)
    for number, kind in changes[1:]:
        time_s = predicted_s(choice(found, number), number)
        ax.plot(number, time_s, "D", color="black", fillstyle="none", markersize=11, label="_crossing")
        words = f"{kind} from {number:,}"
        ax.annotate(words, (number, time_s), (8, -14), textcoords="offset points", fontsize=9)
    ax.axvline(items, color="#555555", linewidth=0.8, linestyle=":")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _time(value)))
    ax.set_xlabel(f"items of {result.params['task']}; dotted: {items:,}")
    ax.set_ylabel("predicted time")
    ax.margins(y=0.12)  # so that a crossing's words stay above the axis
    ax.grid(alpha=0.3)
    ax.legend(loc="upper left", frameon=False, fontsize=10)
    return ax


def _chart(result, bet, earlier):
    figure = plot_advise(result, style.figure(4.2).add_subplot()).figure
    return figure, advise_alt(result), advise_sentence(result)


def advise_alt(result: Result) -> str:
    """The chart's alt text: every kind's time for the wanted number of items, and where the choice changes."""
    found, items = fits(result.rows), result.params["items"]
    best = [_best(found, kind, items) for kind in dict.fromkeys(fit.kind for fit in found)]
    times = "; ".join(f"{style.name(fit.kind, fit.workers)} {_time(predicted_s(fit, items))}" for fit in best)
    changes = ", ".join(f"{kind} from {_items(number)} on" for number, kind in _changes(result))
    return (
        f"Predicted time against the number of items of {result.params['task']}, both on log scales. "
        f"For {_items(items)}: {times}. The choice: {changes}."
    )


def advise_sentence(result: Result) -> str:
    """Two sentences: which kind of worker to use and from how many items on; why, and how sure that is."""
    found, items = fits(result.rows), result.params["items"]
    chosen, serial, changes = choice(found, items), found[0], _changes(result)
    task, time = result.params["task"], _time(predicted_s(chosen, items))
    if chosen is serial:
        later = [f"{kind} would pay from about {_items(number)} on" for number, kind in changes if number > items]
        which = f"use a plain loop for {_items(items)} of {task}, about {time}"
        which += f"; {later[0]}" if later else f"; up to {_items(_farthest(items))} nothing else pays"
    else:
        since = max(number for number, _ in changes if number <= items)
        packed = f" with chunksize={chunksize(chosen, items)}" if chunksize(chosen, items) > 1 else ""
        which = (
            f"use {style.name(chosen.kind, min(chosen.workers, items))}{packed} for {_items(items)} of {task}, "
            f"about {time} instead of {_time(predicted_s(serial, items))} in a plain loop"
            f"; from about {_items(since)} on this is the choice"
        )
        which += "".join(f", and from about {_items(number)} on {kind}" for number, kind in changes if number > items)
    speeds = [_best(found, kind, items) for kind in dict.fromkeys(fit.kind for fit in found[1:])]
    why = [
        f"one item takes {_time(serial.alone_s)} alone {_nature(result, serial)}",
        *(
            f"{style.name(fit.kind, fit.workers)} worked {style.times(fit.speedup)} as fast as the loop"
            for fit in speeds
        ),
    ]
    for fit in speeds:
        if fit.kind == "processes":
            size = f" ({_bytes(result)} pickled)" if _bytes(result) else ""
            handed = f", and to hand one item over {_time(fit.handover_s)}{size}" if fit.handover_s is not None else ""
            why.append(f"to start and end these processes takes {_time(fit.start_s)}{handed}")
    why += [f"{kind} cannot do it: {reason}" for kind, reason in refusals(result.rows).items()]
    return style.sentence(which) + " " + style.sentence("; ".join([*why, _sure(result, chosen)]))


def _nature(result, serial):
    match character(result.rows):
        case "computes":
            return "and computes all the while"
        case "starved":
            return f"while other programs, or a CPU limit, leave it {serial.busy:.2f} of a core"
        case _ if any(row["voluntary_switches"] is None for row in result.rows if row["kind"] == "serial"):
            return f"and is off the CPU for {1 - serial.busy:.0%} of that: it waits, or other programs run"
        case _:
            return f"and waits for {1 - serial.busy:.0%} of that"


def _bytes(result):
    """The size of an item's pickled argument and result together, in words; "" where it is none to speak of."""
    size = sum(result.rows[0][name] or 0 for name in ("argument_bytes", "result_bytes"))
    if size < 1e3:
        return ""
    return f"{size / 1e6:.3g} MB" if size >= 1e6 else f"{size / 1e3:.3g} kB"


def _sure(result, chosen):
    """How sure the choice is, from its place in each round taken alone and from what an item's CPU time became."""
    agreed, rounds = agreement(result.rows, result.params["items"])
    dear = chosen.cpu_cost is not None and chosen.busy > NO_GAIN[1] and chosen.cpu_cost > COST_LIMIT
    doubt = f", and an item cost {chosen.cpu_cost:.2f} times the CPU time it costs alone" if dear else ""
    # Each of these takes a step off the surety; rounds that mostly disagree, or fewer than three, take it all.
    steps = (agreed < rounds) + (dear or character(result.rows) == "starved")
    lost = 2 if rounds < 3 or agreed < 2 / 3 * rounds else steps
    word = ("sure", "fairly sure", "not sure")[lost]
    return f"this is {word}: in {agreed} of {rounds} rounds it was at most a fifth slower than the best{doubt}"


def _best(found, kind, items):
    """The variant of this kind that is predicted to need the least time."""
    return min((fit for fit in found if fit.kind == kind), key=lambda fit: predicted_s(fit, items))


def _changes(result):
    items = result.params["items"]
    return crossings(fits(result.rows), _farthest(items))


def _farthest(items):
    return AHEAD * items


def _items(number):
    return f"{number:,} item{'' if number == 1 else 's'}"


def _time(seconds):
    """Seconds in the unit that suits them, with two digits: 0.31 ms, 2.1 s, 17 min, 1,200 h."""
    for unit, length in (("h", 7200), ("min", 120), ("s", 1)):
        if seconds >= length:
            value = seconds / {"h": 3600, "min": 60, "s": 1}[unit]
            return f"{value:,.0f} {unit}" if value >= 10 else f"{value:.2g} {unit}"
    return style.duration(seconds)


CHARTS = {"advise": _chart}
