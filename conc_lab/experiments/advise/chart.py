"""Predicted time against the number of items, where the choice changes, and the advice in two sentences."""

import pandas

from ...drawing import kit, words
from ...engine.result import Result
from ...engine.stats import character, where
from ..speedup.summary import COST_LIMIT, NO_GAIN
from .summary import agreement, choice, chunksize, crossings, predicted_s, refusals, summary

AHEAD = 1000  # how many times the wanted number of items are looked at for a better kind of worker


def plot_advise(result: Result, ax) -> None:
    """Each kind's shortest predicted time against items, a mark where another kind becomes the choice."""
    items, changes = result.params["items"], _changes(result)
    last = max(10 * items, 3 * changes.index[-1])
    numbers = sorted({round(last ** (step / 200)) for step in range(201)} | {items, *changes.index})
    times = predicted_s(summary(result), numbers).T.groupby(summary(result).kind, observed=True).min().T
    for best in _best(result).itertuples():
        # Threads often lie on the loop's line: that one is wide and theirs broken, so that both are seen.
        look = {"linewidth": 4, "alpha": 0.5} if best.kind == "serial" else {"linewidth": 2, "dashes": (3, 2)}
        ax.plot(times[best.kind], color=kit.LOOKS[best.kind]["color"], **look)
        name = best.name.replace(best.kind, words.label(best.kind, result))
        ax.plot(items, best.predicted_s, **look | kit.LOOKS[best.kind], markersize=8, label=name)
    for number, kind in changes.iloc[1:].items():
        at = number, times.at[number, kind]
        ax.plot(*at, "D", color="black", fillstyle="none", markersize=11, label="_crossing")
        ax.annotate(f"{kind} from {number:,}", at, (8, -14), textcoords="offset points", fontsize=9)
    ax.axvline(items, color="#555555", linewidth=0.8, linestyle=":")
    kit.log(ax, "x", "{:,.0f}".format)
    kit.log(ax, "y", _time)
    ax.margins(y=0.12)  # so that a crossing's words stay above the axis
    ax.set(xlabel=f"items of {result.params['task']}; dotted: {items:,}", ylabel="predicted time")
    kit.legend(ax, 3)


def advise_chart(result: Result, bet):
    """The predicted times on log scales."""
    ax = kit.figure(4.2).add_subplot()
    plot_advise(result, ax)
    task, items = result.params["task"], words.items(result.params["items"])
    times = "; ".join(f"{line.name} {_time(line.predicted_s)}" for line in _best(result).itertuples())
    changes = ", ".join(f"{kind} from {words.items(number)} on" for number, kind in _changes(result).items())
    alt = f"Predicted time against the number of items of {task}, both on log scales. For {items}: {times}. "
    return ax.figure, f"{alt}The choice: {changes}.", advise_sentence(result)


def advise_sentence(result: Result) -> str:
    """Two sentences: which kind of worker to use and from how many items on; why, and how sure that is."""
    lines, task, number = summary(result), result.params["task"], result.params["items"]
    chosen, serial, best = choice(lines, number), lines.iloc[0], _best(result).iloc[1:]
    changes, what = _changes(result), f"for {words.items(number)} of {task}, about {_time(chosen.predicted_s)}"
    later = [(kind, f"from about {words.items(since)} on") for since, kind in changes.items() if since > number]
    if chosen.kind == "serial":
        never = f"up to {words.items(AHEAD * number)} nothing else pays"
        what = f"use a plain loop {what}; {'{} would pay {}'.format(*later[0]) if later else never}"
    else:
        chunk, since = chunksize(chosen, number), words.items(changes.index[changes.index <= number].max())
        who = words.name(chosen.kind, min(chosen.workers, number)) + f" with chunksize={chunk}" * (chunk > 1)
        best_from = [f"from about {since} on this is the choice", *(f"{others} {kind}" for kind, others in later)]
        what = f"use {who} {what} instead of {_time(serial.predicted_s)} in a plain loop; {', and '.join(best_from)}"
    why = [f"one item takes {_time(serial.alone_s)} alone {_nature(result, serial.busy)}"]
    why += [f"{line.name} worked {words.times(line.speedup)} as fast as the loop" for line in best.itertuples()]
    size = result.frame[["argument_bytes", "result_bytes"]].iloc[0].sum()
    size = f" ({words.size(float(f'{size:.3g}'))} pickled)" if size >= 1e3 else ""
    for line in best[~best.kind.isin(["threads", "asyncio"])].itertuples():
        handed = "" if pandas.isna(line.handover_s) else f", and to hand one item over {_time(line.handover_s)}{size}"
        why.append(f"to start and end {line.name} takes {_time(line.start_s)}{handed}")
    why += [f"{kind} cannot do it: {reason}" for kind, reason in refusals(result.shown).items()]
    return words.sentence(what, "; ".join([*why, _sure(result, chosen)]))


def _nature(result, busy):
    """What an item does with its time."""
    counted = where(result.frame, kind="serial").voluntary_switches.notna().all()
    idle = f"{1 - busy:.0%} of that"
    waits = f"and waits for {idle}" if counted else f"and is off the CPU for {idle}: it waits, or other programs run"
    starved = f"while other programs, or a CPU limit, leave it {busy:.2f} of a core"
    return {"computes": "and computes all the while", "starved": starved}.get(character(result.frame), waits)


def _sure(result, chosen):
    """How sure the choice is, from its place in each round taken alone and from what an item's CPU time became."""
    agreed, rounds = agreement(result)
    dear = chosen.busy > NO_GAIN[1] and chosen.cpu_cost > COST_LIMIT
    doubt = f", and an item cost {chosen.cpu_cost:.2f} times the CPU time it costs alone" if dear else ""
    # Each of these takes a step off the surety; rounds that mostly disagree, or fewer than three, take it all.
    steps = sum((agreed < rounds, dear or character(result.frame) == "starved"))
    word = ("sure", "fairly sure", "not sure")[2 if rounds < 3 or agreed < 2 / 3 * rounds else steps]
    return f"this is {word}: in {agreed} of {rounds} rounds it was at most a fifth slower than the best{doubt}"


def _best(result):
    """The variant of each kind that is predicted to need the least time, with its name."""
    lines = summary(result)
    best = lines.loc[lines.groupby("kind", observed=True).predicted_s.idxmin()]
    return best.assign(name=list(map(words.name, best.kind, best.workers)))


def _changes(result):
    return crossings(summary(result), AHEAD * result.params["items"])


def _time(seconds):
    """Seconds in the unit that suits them, with two digits: 0.31 ms, 2.1 s, 17 min, 1,200 h."""
    for unit, length, least in (("h", 3600, 7200), ("min", 60, 120), ("s", 1, 1)):
        if seconds >= least:
            return f"{seconds / length:{',.0f' if seconds >= 10 * length else '.2g'}} {unit}"
    return words.duration(seconds)
