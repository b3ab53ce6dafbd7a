"""What was counted against what was expected: a panel for each method, a bar for each way and lock."""

from matplotlib.axes import Axes

from .measure import LOCKABLE, totals
from ...engine.result import Result
from ...drawing import kit as style

NEEDS_TWO_CPUS = True  # to show its point: with one, a recording stands beside it
METHODS = {  # what a panel is called, and how its part of the sentence opens
    "handshake": ("handshake: the loss made certain", "with the loss made certain"),
    "call": ("call: time.sleep(0) between read and write", "with a call between read and write"),
    "plain": ("plain: count += 1", "by plain +="),
    "deadlock": ("deadlock: two threads take two locks", None),
}
WAYS = {  # what a bar is called, and how the sentence names it
    "threads": ("threads", "threads"),
    "processes": ("processes, own memory", "processes with a memory of their own"),
    "shared": ("processes, shared memory", "processes that share memory"),
    "queue": ("threads with a queue", "a queue to one owner"),
}
LOCKS = {"none": ", no lock", "lock": ", lock"}
ORDERS = {"opposite order": "opposite orders", "same order": "the same order"}
UNSAFE = {"color": "#E69F00", "hatch": "//"}
SAFE = {"color": "#56B4E9", "hatch": ""}


def table(result: Result):
    """The sums over all rounds of every method, way and lock."""
    return [
        {"method": item["method"], "workers": WAYS[item["way"]][0]}
        | {name: item[name] for name in ("lock", "rounds", "expected", "counted", "lost")}
        | {"rounds with a loss": item["lossy_rounds"]}
        for item in totals(result.rows)
    ]


def plot_races(result: Result, ax: Axes | None = None, method: str | None = None) -> Axes:
    """What was counted in percent of what was expected, by one method (the first that was measured)."""
    ax = ax or style.figure().add_subplot()
    found = style.grouped(totals(result.rows), "method")
    method = method or next(iter(found))
    for place, item in enumerate(found[method]):
        open_ = item["lock"] == "opposite order" or (item["lock"] == "none" and item["way"] in LOCKABLE)
        look = (UNSAFE if open_ else SAFE) | {"edgecolor": "black", "linewidth": 0.6}
        ax.barh(place, 100 * item["counted"] / item["expected"], 0.7, **look)
        ax.text(103, place, _figures(item), va="center", fontsize=10)
    ax.axvline(100, **style.REFERENCE)
    style.lines(ax, [_name(item) for item in found[method]])
    ax.tick_params(axis="y", labelsize=10)
    ax.set_xlim(0, 185)
    ax.spines["bottom"].set_bounds(0, 100)
    ax.set_xticks([0, 50, 100], ["0 %", "50 %", "100 %"])
    ax.set_title(METHODS[method][0], loc="left", fontsize=11)
    return ax


def _chart(result, bet, earlier):
    found = style.grouped(totals(result.rows), "method")
    sizes = [len(items) for items in found.values()]
    figure = style.figure(0.5 + sum(0.55 + 0.3 * size for size in sizes))
    ratios = [2 + size for size in sizes]
    axes = figure.subplots(len(sizes), 1, squeeze=False, sharex=True, height_ratios=ratios)[:, 0]
    alt = []
    for ax, (method, items) in zip(axes, found.items(), strict=True):
        plot_races(result, ax, method)
        alt += [METHODS[method][0], "; ".join(f"{_name(item)}: {_figures(item)}" for item in items)]
    counted = (
        "threads that got both locks (dashed: all)" if list(found) == ["deadlock"] else "counted (dashed: expected)"
    )
    axes[-1].set_xlabel(counted, x=0.27)
    opening = "Bars of what was counted against what was expected. "
    return figure, opening + style.sentence(*alt), races_sentence(result)


def races_sentence(result: Result) -> str:
    """What was lost by each method, with and without a lock, and what this Python or machine cannot show."""
    found = totals(result.rows)
    by_method = style.grouped(found, "method")
    said = [
        f"{opening}: {'; '.join(_losses(by_method[method]))}"
        for method, (_, opening) in METHODS.items()
        if opening and method in by_method
    ]
    plain = {item["way"]: item for item in by_method.get("plain", ()) if item["lock"] == "none"}
    if "threads" in plain:
        said.append(_about_plain(plain["threads"]["lost"], result.machine["gil"]))
    alone = result.machine["usable_cpus"] == 1 and not style.capped(result)
    if "shared" in plain and not plain["shared"]["lost"] and alone:
        said.append("one usable CPU: processes take long turns on it, so += seldom meets another one here")
    for item in by_method.get("deadlock", ()):
        gave_up = f"{_figures(item)}, after each had held one lock and waited for the other"
        all_ = f"all {item['expected']} threads got both"
        said.append(f"two locks taken in {ORDERS[item['lock']]}: {gave_up if item['lost'] else all_}")
    return style.sentence(*said)


def _losses(items):
    """What was lost without a lock, each by name; then with a lock, and where one worker owns the count, in sum."""
    lockable = style.grouped((item for item in items if item["way"] in LOCKABLE), "lock")
    if bare := lockable.get("none"):
        yield "without a lock " + " and ".join(
            f"{WAYS[item['way']][1]} lost {_number(item['lost'])} of {item['expected']:,} updates" for item in bare
        )
        yield f"with a lock {_number(sum(item['lost'] for item in lockable.get('lock', ())))}"
    if owned := [item for item in items if item["way"] not in LOCKABLE]:
        names = " or ".join(WAYS[item["way"]][1] for item in owned)
        yield f"{_number(sum(item['lost'] for item in owned))} where one worker alone touches a count ({names})"


def _about_plain(lost, gil):
    if not gil:
        luck = "so that threads lost nothing by plain += was luck: run it again, with more increments"
        why = ": nothing keeps one thread's += out of the middle of another's"
        return f"this Python has no GIL{why if lost else f', {luck}'}"
    if lost:
        return "so the GIL does not make += between threads safe"
    return (
        "that threads lost nothing by plain += is no promise: this Python changed threads only elsewhere "
        "in the loop, and another version may not"
    )


def _name(item):
    if item["method"] == "deadlock":
        return item["lock"]
    return WAYS[item["way"]][0] + (LOCKS[item["lock"]] if item["way"] in LOCKABLE else "")


def _figures(item):
    lost = "threads gave up" if item["method"] == "deadlock" else "lost"
    return f"{_number(item['lost'])} of {item['expected']:,} {lost}"


def _number(value):
    return f"{value:,}" if value else "none"


CHARTS = {"races": _chart}
