"""Speedup against workers, with what explains it; setup against run; and claims C4, C6 and C7."""

import numpy
import pandas

from ...drawing import kit, verdict, words
from ...engine import machine, tasks
from ...engine.result import Result, once
from ...engine.stats import at_once, character, interval, paired, where

NO_GAIN = (0.9, 1.1)
BUSY = 1.2  # cores busy, above which more than one is
# A CPU cost above which the rows do not say how much comes from the kind of worker; and by how much serial may differ.
COST_LIMIT, CONTROL_LIMIT = 1.15, 0.05
LABELS = {"speedup": "speedup\n(serial = 1)", "cores_busy": "cores\nbusy", "cpu_cost": "CPU cost\nof a task"}
HELD_UP = "other programs, a CPU limit or waiting for each other or for the next task kept them from a second CPU"
UNSURE = ", but how much of that comes from the kind of worker is in doubt"
ONE_BLAS = "the lab keeps NumPy to one thread. By itself it often spreads a large matrix product over all cores"
# What is said of a direction.
REMARKS = {"no gain": "no gain", "as busy": "probably no gain"}
REMARKS |= {"too few": "too few rounds for a verdict", "unclear": "the rounds differ too much to tell"}
BESIDE = {"threads": -0.06, "processes": 0.06, "interpreters": 0.12}  # its place, so that no marker hides another
PHASES = {"setup": "#1A1A1A", "run": "#626262", "teardown": "#8A8A8A"}  # greys: a hue is a kind of worker's


@once
def summary(result: Result) -> pandas.DataFrame:
    """What the rows allow to be said, a line for each kind and number of workers.

    kind, workers, name, rounds; speedup (median of the paired ratios: what was experienced), low, high, coverage (its
    `interval`); cores_busy and cpu_cost (medians); direction: "faster", "slower" or "no gain" (the interval lies
    within 10 % of 1) by the clock; "as busy" where the clock is unclear but the workers together kept no more cores
    busy than serial did; "too few" rounds for either; else "unclear". doubt: why the kind of worker may not be the
    only cause of the magnitude, or None. Work that waits most of the time has no cpu_cost (NaN) and no doubt: what
    little CPU it uses decides nothing.
    """
    nature, lines = character(result.frame), medians(result, result.shown, ["kind", "workers"])
    alone = where(result.frame, kind="serial").cores_busy.median()
    directions = {  # the first that is so
        "too few": lines.coverage < 0.9,
        "no gain": (lines.low >= NO_GAIN[0]) & (lines.high <= NO_GAIN[1]),
        "faster": lines.low > 1,
        "slower": lines.high < 1,
        "as busy": (nature in ("computes", "mixed")) & (lines.cores_busy / (alone or 1) <= NO_GAIN[1]),
    }
    lines["direction"] = numpy.select([*directions.values()], [*directions], "unclear")
    doubts = pandas.Series([_doubt(result, nature, alone, line) for line in lines.itertuples()], dtype=object)
    return lines.assign(name=list(map(words.name, lines.kind, lines.workers)), doubt=doubts)


def medians(result, rows, by):
    """A line for each value of `by`, but serial: medians of speedup (with its `interval`), cores_busy and cpu_cost.

    rows: those shown. Of work that waits, what CPU time it uses decides nothing: its cpu_cost is NaN.
    """
    cost = numpy.nan if character(result.frame) == "waits" else rows.cpu_cost.astype(float)
    rows = kit.ordered(rows.assign(cpu_cost=cost)[rows.kind != "serial"], by, kind=kit.LOOKS)
    variants = rows.groupby(by, sort=False)
    lines = variants[["speedup", "cores_busy", "cpu_cost"]].median().assign(rounds=variants.size())
    lines[["low", "high", "coverage"]] = variants.speedup.apply(interval).tolist()
    return lines.reset_index()


def _doubt(result, nature, alone, line):
    """Why the kind of worker may not be the only cause of this speedup's size, or None."""
    control = abs(paired(result.frame, "wall_s", {"repeat": "A"}, {"repeat": "B"})[0] - 1)
    probes = result.frame[result.frame.cpu.notna()]
    costs = (probes.cpu_s / probes.tasks).groupby(probes.cpu).median()
    dear = line.cpu_cost > 0 and not 1 / COST_LIMIT < line.cpu_cost < COST_LIMIT and line.direction != "slower"
    causes = "busy CPUs, other programs or workers in each other's way: the rows don't say which"
    why = causes if line.cpu_cost > 1 else "the rows don't say why"
    usable = result.machine["usable_cpus"] if nature == "computes" else numpy.nan
    held_up = line.kind not in ("threads", "asyncio") and line.workers > 1 and line.cores_busy <= BUSY
    doubts = (
        (nature == "starved", f"other programs, or a CPU limit, left even serial only {alone:.2f} of a core"),
        (usable == 1 and line.direction != "slower", "there is only one usable CPU"),
        (usable > 1 and held_up, HELD_UP),
        (nature == "computes" and costs.max() > COST_LIMIT * costs.min(), "a task took more CPU time on some CPUs"),
        (dear, f"each task cost {line.cpu_cost:.2f} times as much CPU time as in serial ({why})"),
        (control > CONTROL_LIMIT and nature != "waits", f"the two serial runs of a round differed by {control:.0%}"),
    )
    return next((doubt for applies, doubt in doubts if applies), None)


def _draw(result, axes, bets):
    """Draw the columns of the summary against workers: the speedup with every round small, its interval, the ideal
    and the bets; all with what they are compared with: serial, or all usable CPUs.
    """
    usable, workers = machine.capacity(result.machine), sorted(result.params["workers"])
    spots = {(kind, number): place + BESIDE.get(kind, 0) for place, number in enumerate(workers) for kind in kit.LOOKS}
    top, columns = axes[0], list(zip(LABELS, axes, strict=False))
    for (kind, number), rows in result.shown[result.shown.kind != "serial"].groupby(["kind", "workers"]):
        top.plot([spots[kind, number]] * len(rows), rows.speedup, **kit.LOOKS[kind] | kit.SMALL)
    for kind, lines in summary(result).groupby("kind", sort=False):
        places = [spots[kind, number] for number in lines.workers]
        top.vlines(places, lines.low, lines.high, kit.LOOKS[kind]["color"])
        for column, ax in columns:
            ax.plot(places, lines[column], **kit.LOOKS[kind], **kit.STRONG, label=words.option("kinds", kind))
    for *variant, speedup in bets:
        top.legend(handles=top.plot(spots[*variant], speedup, **kit.BET, label="your bet"), **kit.LEGEND)
    on = "" if character(result.frame) == "waits" else f" on {words.count(usable, 'CPU')}"
    top.plot(range(len(workers)), numpy.minimum(workers, at_once(result)), **kit.REFERENCE, label=f"ideal{on}")
    for column, ax in columns:
        ax.axhline(usable if column == "cores_busy" else 1, color="#555555", linewidth=0.6)
        if column == "speedup" and ax.get_ylim()[1] > 5:
            kit.log(ax, "y", "{:g}×".format, [2**power for power in range(-3, 10)], base=2)
        else:
            ax.set_ylim(0, max(1.6, 1.1 * ax.get_ylim()[1]))
        # On the right the names of lines follow.
        ax.set(xticks=range(len(workers)), xticklabels=workers, xlim=(-0.4, len(workers) - 0.8), ylabel=LABELS[column])
        ax.grid(True, axis="y")


def speedup_chart(result: Result, bet, panels=2):
    """Speedup and cores busy above each other; the first alone where the task waits."""
    lines, task, waits = summary(result), result.params["task"], character(result.frame) == "waits"
    bets = [point for point in (bet.points if bet else ()) if point[1] in result.params["workers"]]
    heights = (3,) if waits else (3, 1, 1)[:panels]
    last = lines.groupby("kind", sort=False).tail(1)
    found = [_said(line, f"{words.times(line.speedup)} as fast", " (in doubt)") for line in last.itertuples()]
    axes = kit.stacked(2.6 + len(heights), "; ".join(last.name + ": " + found), heights)
    _draw(result, axes, bets)
    kit.ends(axes[0])
    axes[-1].set_xlabel(f"workers, each running {task}")
    costs = ", CPU cost " + lines.cpu_cost.map("{:.2f}".format) if panels == 3 and not waits else ""
    said = [*(lines.name + " " + lines.speedup.map(words.times) + costs)]
    said += [f"your bet: {words.name(kind, number)} {words.times(speedup)}" for kind, number, speedup in bets]
    alt = f"Speedup of {task} against workers, median of {words.rounds(result)}: {'; '.join(said)}."
    told = [_verdict(line, waits) for line in last.itertuples()]
    told += [words.sentence(ONE_BLAS)] * (getattr(tasks.TASKS.get(task), "extension", None) == "NumPy")
    return axes[0].figure, alt, " ".join(told)


def cost_chart(result: Result, bet):
    """The same with the CPU cost of a task, which says why two busy cores can bring less than a speedup of two."""
    return speedup_chart(result, bet, panels=3)


def headline(result: Result, bet=None):
    """Of each kind the most workers, and those bet on: its speedup; its range, and what keeps that from being sure."""
    lines, asked = summary(result), [words.name(kind, workers) for kind, workers, _ in getattr(bet, "points", ())]
    lines = lines[~lines.duplicated("kind", keep="last") | lines.name.isin(asked)]
    details = [f"{_span(line)}; {_said(line, '', 'in doubt')}".removesuffix("; ") for line in lines.itertuples()]
    return zip(lines.kind, lines.name, lines.speedup.map(words.times), details, strict=True)


def _said(line, size, doubt):
    """The size where the direction is clear, with the doubt if there is one; else what to say instead."""
    return REMARKS.get(line.direction) or size + doubt * bool(line.doubt)


def _span(line):
    return f"{words.times(line.low)} to {words.times(line.high)} in {words.count(line.rounds, 'round')}"


def setup_chart(result: Result, bet):
    """Median setup, run (of as many tasks as any variant had) and teardown of every variant, as stacked bars."""
    rows, count = result.shown[result.shown.cpu.isna()], result.frame.tasks.max()
    rows = rows.assign(setup=rows.setup_s, run=rows.wall_s * count / rows.tasks, teardown=rows.teardown_s)
    lines = kit.medians(rows, ["kind", "workers"], [*PHASES], kind=kit.LOOKS)
    lines["name"] = lines["said"] = list(map(words.name, lines.kind, lines.workers))
    what, left = f"{count} tasks of {result.params['task']}", 0
    ax = kit.figure(1.7 + 0.34 * len(lines), f"the time of {what}").add_subplot(xlabel=f"milliseconds for {what}")
    for phase, color in PHASES.items():
        ax.barh(lines.index, 1000 * lines[phase], left=left, color=color, edgecolor="white", label=phase)
        left += 1000 * lines[phase]
        lines["said"] += f"{':' if phase == 'setup' else ','} {phase} " + lines[phase].map(words.duration)
    kit.names(ax, lines.name)
    ax.legend(ncols=3, labels=[words.option("phases", phase) for phase in PHASES], **kit.LEGEND)
    most = lines.groupby("kind", sort=False).said.last()
    return ax.figure, f"Median times of {what}: {'; '.join(lines.said)}.", words.sentence(*most)


def needs_recording(result: Result) -> bool:
    """Whether these rows do not carry the size of a speedup, which a recording then shows."""
    one_cpu = result.machine["usable_cpus"] == 1 and character(result.frame) != "waits"
    return one_cpu or summary(result).doubt.notna().any()


def _verdict(line, waits):
    """What one line of the summary says, in sentences."""
    size, overlapped = f"{words.times(line.speedup)} as fast as serial", waits and line.direction == "faster"
    told = f"{size}, so no gain" if line.direction == "no gain" else REMARKS.get(line.direction, size)
    why = "the waits overlapped" if overlapped else f"cores busy: {line.cores_busy:.2f}"
    unsure = UNSURE.removeprefix(", but ") + ": " if line.direction in ("faster", "slower") else ""
    return words.sentence(f"{line.name}: {told} ({_span(line)})", why, *[f"{unsure}{line.doubt}"] * bool(line.doubt))


def C4_verdict(computing: Result, hashing: Result):
    """Two threads against serial, at bytecode and at C code that releases the GIL."""
    pure, releasing = (_line(result, "threads", 2) for result in (computing, hashing))
    directions = {pure.direction, releasing.direction}
    return verdict.first(
        f"two threads with pure Python {_speed(pure)}, with hashing {_speed(releasing)}",
        *_unclear(directions),
        (directions == {"faster"}, "does not hold", "both were faster than serial"),
        (pure.direction == "faster", "depends", "on the work: only pure Python was faster"),
        ("faster" in directions, "depends", "on the work: only hashing, which releases the GIL, was faster"),
        ("slower" in directions, "holds", "here threads were slower"),
        (computing.machine["usable_cpus"] == 1, "cannot tell", verdict.ONE_CPU),
        ("as busy" in directions, "cannot tell", "the times don't show whether they were slower"),
        (True, "does not hold", "there was neither a gain nor a loss"),
    )


def C6_verdict(waiting: Result):
    """The most processes against as many threads: how far their waits overlap, and what setting them up costs."""
    most = max(waiting.params["workers"])
    threads, processes = (_line(waiting, kind, most) for kind in ("threads", "processes"))
    parts = where(waiting.shown, workers=most).pivot_table(["setup_s", "teardown_s"], "round", "kind")
    ends_s = parts.setup_s + parts.teardown_s
    low, high, _ = interval(ends_s.threads / ends_s.processes)  # round by round
    overlap, costs = processes.direction == "faster", f"starting and ending them: {_each(ends_s, words.duration)}"
    how_long = f"on how long each wait is ({waiting.params['task_ms']:g} ms here), compared with handing over a task"
    return verdict.first(
        f"{words.count(most, 'worker')}: processes {_speed(processes)}, threads {_speed(threads)}; {costs}",
        (most < 2, "cannot tell", "one worker alone has no waits to overlap"),
        *_unclear({threads.direction, processes.direction}),
        (not overlap and threads.direction == "faster", "depends", how_long),
        (not overlap, "does not hold", "these processes did not make the waits overlap"),
        (low >= 1, "does not hold", "these processes cost no more to start and end than threads"),
        (high >= 1, "cannot tell", "starting and ending them took very different times from round to round"),
        (processes.high < 0.8 * threads.low, "depends", how_long),
        (True, "holds", "the waits overlap with both, and processes cost more to start"),
    )


def C7_verdict(computing: Result):
    """The cores that two processes kept busy, against two threads."""
    busy = where(computing.shown, workers=2).pivot_table("cores_busy", "round", "kind")
    (low, high, sure), (threads_low, threads_high, _) = interval(busy.processes), interval(busy.threads)
    return verdict.first(
        f"cores busy: {_each(busy, '{:.2f}'.format, 'two ')}",
        (computing.machine["usable_cpus"] == 1, "cannot tell", verdict.ONE_CPU),
        (sure < 0.9, "cannot tell", verdict.TOO_FEW),
        (high <= BUSY, "cannot tell", "something (other programs, a CPU limit) kept two processes from two CPUs"),
        (low > BUSY >= threads_high, "holds", "but two busy cores don't always mean double speed"),
        (low > BUSY < threads_low, "depends", "on the GIL: without one, threads keep several cores busy too"),
    )


def enough_verdict(computing: Result):
    """The most processes against as many as there are usable CPUs, round by round; cores busy where the clock sways."""
    cpus, most = computing.machine["usable_cpus"], max(computing.params["workers"])
    rounds = where(computing.shown, kind="processes").pivot_table(["speedup", "cores_busy"], "round", "workers")
    ratios = [interval(rounds[column][most] / rounds[column][cpus]) for column in ("speedup", "cores_busy")]
    low, high, sure = ratios[0]
    told = [f"{number} {words.times(rounds.speedup[number].median())}" for number in (cpus, most)]
    return verdict.first(
        f"speedup by number of processes: {', '.join(told)}",
        (most <= cpus, "cannot tell", "there were no more processes than usable CPUs"),
        (sure < 0.9, "cannot tell", verdict.TOO_FEW),
        (low > 1.1, "faster", ""),
        (high < 0.8, "slower", ""),
        (any(least > 0.8 and most < 1.25 for least, most, _ in ratios), "nothing", ""),
    )


def _line(result, kind, workers):
    """The line of the summary for this variant."""
    return where(summary(result), kind=kind, workers=workers).iloc[0]


def _each(values, say, number=""):
    """What processes and threads have in their columns, in words."""
    return ", ".join(f"{number}{kind} {words.ranged(values[kind], say)}" for kind in ("processes", "threads"))


def _unclear(directions):
    """The rules for speedups that allow no verdict."""
    whys = {"too few": verdict.TOO_FEW, "unclear": verdict.NOISE}
    return [(direction in directions, "cannot tell", why) for direction, why in whys.items()]


def _speed(line):
    """A line's speedup with its range; where its size is in doubt, the direction alone and why."""
    size = words.between(line.low, line.speedup, line.high, words.times)
    doubtful = {"unclear": size} | {word: f"{word} than serial{UNSURE}" for word in ("faster", "slower")}
    return f"{doubtful[line.direction]}: {line.doubt}" if line.doubt and line.direction in doubtful else size
