"""What was counted against what was expected: a panel for each method, a bar for each kind, count and lock."""

import pandas

from ...drawing import kit, words
from ...engine.kinds import START_METHODS
from ...engine.machine import capped
from ...engine.result import Result, once
from ...engine.stats import where
from .measure import COUNTS, LOCKS, ORDERS

NEEDS_TWO_CPUS = True  # to show its point: with one, a recording stands beside it
COVERED = ("methods",)
METHODS = {  # what a panel is called, and how its part of the sentence opens
    "handshake": ("handshake: the loss made certain", "with the loss made certain"),
    "call": ("call: time.sleep(0) between read and write", "with a call between read and write"),
    "plain": ("plain: count += 1", "by plain +="),
    "deadlock": ("deadlock: two threads take two locks", ""),
}
COUNT = {"shared": "shared count", "own": "own counts", "queue": "a queue"}
LOCK = {"none": ", no lock", "lock": ", lock"}
PLAIN = {  # whether there is a GIL, and whether threads lost something by plain +=: what is said of it
    (True, True): "so the GIL does not make += between threads safe",
    (True, False): "that threads lost nothing by plain += is no promise: another Python may change threads inside it",
    (False, True): "this Python has no GIL: nothing keeps one thread's += out of the middle of another's",
    (False, False): "without a GIL it was luck that threads lost nothing by plain +=: run it with more increments",
}
ORDER = [*METHODS, *COUNTS, "threads", "processes", *START_METHODS, *LOCKS, *ORDERS]


@once
def summary(result: Result) -> pandas.DataFrame:
    """The sums over all rounds, a line for each method, kind, count and lock, in the order of the constants above.

    method, kind, count, lock; rounds; expected, counted, lost; lossy_rounds: the rounds in which something was lost.
    """
    by = ["method", "count", "kind", "lock"]
    rows = result.shown.assign(rounds=1, lossy_rounds=result.frame.lost.gt(0).astype(int))
    sums = rows.groupby(by)[["rounds", "expected", "counted", "lost", "lossy_rounds"]].sum().reset_index()
    return sums.sort_values(by, key=lambda column: column.map(ORDER.index), ignore_index=True)


def races_chart(result: Result, bet):
    """A panel for each method that was measured: what was counted, in percent of what was expected."""
    groups, parts = summary(result).groupby("method", sort=False), []
    bars = groups.size()
    figure = kit.figure(0.5 + 0.55 * len(bars) + 0.3 * bars.sum())
    axes = figure.subplots(len(bars), 1, squeeze=False, sharex=True, height_ratios=2 + bars)[:, 0]
    for ax, (method, sums) in zip(axes, groups, strict=True):
        lines, (title, _) = {_bar(line): line for line in sums.itertuples()}, METHODS[method]
        for place, line in enumerate(lines.values()):
            unsafe = line.lock == "opposite order" or (line.lock, line.count) == ("none", "shared")
            look = {"color": "#E69F00", "hatch": "//"} if unsafe else {"color": "#56B4E9"}
            ax.barh(place, 100 * line.counted / line.expected, 0.7, **look, edgecolor="black", linewidth=0.6)
            ax.text(103, place, _figures(line), va="center", fontsize=10)
        ax.axvline(100, **kit.REFERENCE)
        kit.names(ax, list(lines))
        ax.set_title(title, loc="left", fontsize=11)
        ax.spines["bottom"].set_bounds(0, 100)
        parts += [title, "; ".join(f"{bar}: {_figures(line)}" for bar, line in lines.items())]
    axes[0].set(xlim=(0, 185), xticks=[0, 50, 100], xticklabels=["0 %", "50 %", "100 %"])
    axes[-1].set_xlabel("counted (dashed: expected)", x=0.27)
    alt = f"Bars of what was counted against what was expected. {words.sentence(*parts)}"
    return figure, alt, races_sentence(result)


def races_sentence(result: Result) -> str:
    """What was lost by each method, with and without a lock, and what this Python or machine cannot show."""
    sums, facts, parts = summary(result), result.machine, []
    for method, lines in sums[sums.method != "deadlock"].groupby("method", sort=False):
        parts.append(f"{METHODS[method][1]}: {'; '.join(_losses(lines))}")
    plain = where(sums, method="plain", count="shared", lock="none").set_index("kind").lost
    if "threads" in plain:
        parts.append(PLAIN[facts["gil"], bool(plain.pop("threads"))])
    if facts["usable_cpus"] == 1 and not capped(facts) and (plain == 0).any():
        parts.append("one usable CPU: processes take long turns on it, so += seldom meets another one here")
    for line in where(sums, method="deadlock").itertuples():
        after = ", after each had held one lock and waited for the other" if line.lost else ""
        parts.append(f"two locks taken in the {line.lock}: {_figures(line)}{after}")
    return words.sentence(*parts)


def _losses(lines):
    """What was lost without a lock, each by name; then with a lock, and where one worker owns the count, in sum."""
    shared, owned = where(lines, count="shared"), lines[lines["count"] != "shared"]
    if len(shared):
        bare = where(shared, lock="none").itertuples()
        lost = (f"{words.name(line.kind, 2)} lost {line.lost:,} of {line.expected:,} updates" for line in bare)
        yield f"without a lock {' and '.join(lost)}, with a lock {where(shared, lock='lock').lost.sum():,}"
    if len(owned):
        names = " or ".join(map(COUNT.get, owned["count"].unique()))
        yield f"{owned.lost.sum():,} were lost where one worker alone touches a count ({names})"


def _bar(line):
    if line.method == "deadlock":
        return line.lock
    return f"{line.kind}, {COUNT[line.count]}{LOCK[line.lock] if line.count == 'shared' else ''}"


def _figures(line):
    return f"{line.lost:,} of {line.expected:,} {'threads gave up' if line.method == 'deadlock' else 'lost'}"
