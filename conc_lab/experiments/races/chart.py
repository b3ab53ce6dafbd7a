"""What was counted, and what was lost: a panel for each method, a bar for each kind, count and lock."""

from ...drawing import kit, verdict, words
from .measure import METHODS, ORDERS

TITLES = {"handshake": "handshake between read and write", "call": "call between read and write"}
TITLES |= {"plain": "plain count += 1", "deadlock": "two locks"}
WAYS = {"none": "no lock", "lock": "one lock", "own": "own counts", "queue": "a queue"}
SAID = {"updates": "lost", "threads": "gave up"}  # of what is counted
BARS = {"updates": "filled: updates that count; hatched: lost updates"}
BARS |= {"threads": "filled: threads that got both locks; hatched: threads that gave up"}
NO_PROMISE = "losing nothing without a lock proves nothing: another run, or another Python, can lose updates"


def needs_recording(result):
    """Whether a recording belongs below: processes that share one CPU may lose nothing where they could."""
    processes = any(row["method"] == "plain" and row["kind"] != "threads" for row in result.rows)
    return processes and result.machine["usable_cpus"] == 1


def summary(result):
    """A DataFrame with the sums over all rounds, a line for each method, way and kind, in the order of the constants.

    way: the lock, or whose the count is where it is not shared; expected, counted, lost.
    """
    by, rows = ["method", "way", "kind", "what"], result.shown
    rows = rows.assign(way=rows.lock.where(rows["count"] == "shared", rows["count"]))
    lines = rows.groupby(by)[["expected", "counted", "lost"]].sum().reset_index()
    lines = kit.ordered(lines, by, method=METHODS, way=[*WAYS, *ORDERS], kind=kit.LOOKS)
    lost = lines.lost.map("{:,}".format).where(lines.lost > 0, "none")
    figure = lost + " of " + lines.expected.map("{:,}".format) + " " + lines.what.map(SAID)
    return lines.assign(name=lines.kind + ", " + lines.way.replace(WAYS), figure=figure)


def races_chart(result, bet):
    """A panel for each method that was measured: what was counted and what was lost, of what was expected.

    The sentence says what was lost where nothing guards a count or two locks, and what where something does.
    """
    lines = summary(result)
    lines = lines.assign(method=lines.method.map(TITLES))
    unguarded = lines.way.isin(["none", "opposite order"])
    bare, guarded = lines[unguarded], lines[~unguarded]
    parts = [*(bare.method + ", " + bare.name + ": " + bare.figure)]
    for said, each in guarded.groupby(guarded.what.map(SAID), sort=False):
        parts += [f"{words.listed(each.way.replace(WAYS).unique())}: {each.lost.sum() or 'none'} {said}"]
    parts += [NO_PROMISE] * (not bare.lost.all())
    counted = lines.drop_duplicates("method").what
    worst = bare.loc[bare.lost.nlargest(1).index]  # none where all is guarded
    several = f" in {words.rounds(result)}" * (result.frame["round"].nunique() > 1)  # which are added up
    found = [*worst.method + ", " + worst.name + ": " + worst.figure, *parts][0] + several
    parts[0] += several
    figure, alt = kit.bars(lines, "method", "counted", "lost", "; ".join(map(BARS.get, counted.unique())), found)
    for what, ax in dict(zip(counted, figure.axes, strict=True)).items():  # the last panel of each
        ax.set_xlabel(BARS[what])
    return figure, alt, words.sentence(*parts)


def races_verdict(raced):
    """What two threads lost that call something between read and write."""
    (line,) = summary(raced).query("method == 'call' and kind == 'threads' and way == 'none'").itertuples()
    return verdict.Verdict(
        "fewer" if line.lost > 0 else "cannot tell", NO_PROMISE, f"{line.figure} in {words.rounds(raced)}"
    )
