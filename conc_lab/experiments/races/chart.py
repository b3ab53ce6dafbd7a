"""What was counted, and what was lost: a panel for each method, a bar for each kind, count and lock."""

from ...drawing import kit, verdict, words
from .measure import METHODS, ORDERS

NEEDS_TWO_CPUS = True  # to show its point: with one, a recording stands beside it
WAYS = {"none": "shared count, no lock", "lock": "shared count, lock", "own": "own counts", "queue": "a queue"}
SAID = {"updates": "lost", "threads": "threads gave up"}  # of what is counted
BARS = {"updates": "updates counted; lost (hatched)", "threads": "threads with both locks; gave up (hatched)"}
NO_PROMISE = "that nothing was lost without a lock is no promise: another run, or another Python, may lose some"


def summary(result):
    """A DataFrame with the sums over all rounds, a line for each method, way and kind, in the order of the constants.

    way: the lock, or whose the count is where it is not shared; expected, counted, lost.
    """
    by, rows = ["method", "way", "kind", "what"], result.shown
    rows = rows.assign(way=rows.lock.where(rows["count"] == "shared", rows["count"]))
    lines = rows.groupby(by)[["expected", "counted", "lost"]].sum().reset_index()
    lines = kit.ordered(lines, by, method=METHODS, way=[*WAYS, *ORDERS], kind=kit.LOOKS)
    figures = [f"{line.lost:,} of {line.expected:,} {SAID[line.what]}" for line in lines.itertuples()]
    return lines.assign(name=lines.kind + ", " + lines.way.replace(WAYS), figure=figures)


def races_chart(result, bet):
    """A panel for each method that was measured: what was counted and what was lost, of what was expected.

    The sentence says what was lost where nothing guards a count or two locks, and what where something does.
    """
    lines = summary(result)
    unguarded = lines.way.isin(["none", "opposite order"])
    bare, lost = lines[unguarded], lines[~unguarded].lost.sum()
    told = "; ".join(bare.method + ", " + bare.kind + ": " + bare.figure)
    parts = [f"with nothing to guard them: {told}"] * (told != "")
    parts += [f"guarded by a lock, by one owner of the count or by one order of two locks: {lost:,} lost or gave up"]
    parts += [NO_PROMISE] * (not bare.lost.all())
    counted = lines.drop_duplicates("method").what
    worst = bare.loc[bare.lost.nlargest(1).index]  # none where all is guarded
    found = [*worst.method + ", " + worst.name + ": " + worst.figure, *parts][0]
    figure, alt = kit.bars(lines, "method", "counted", "lost", "; ".join(map(BARS.get, counted.unique())), found)
    for what, ax in dict(zip(counted, figure.axes, strict=True)).items():  # the last panel of each
        ax.set_xlabel(BARS[what])
    return figure, alt, words.sentence(*parts)


def races_verdict(raced):
    """What two threads lost that call something between read and write."""
    (line,) = summary(raced).query("method == 'call' and kind == 'threads' and way == 'none'").itertuples()
    return verdict.Verdict("fewer" if line.lost > 0 else "cannot tell", NO_PROMISE, f"{line.figure} in all rounds")
