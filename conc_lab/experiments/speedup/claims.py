"""What speedups, and the cores that workers kept busy, make of the claims on computing and on waiting."""

from ...drawing import words
from ...drawing.verdict import NOISE, ONE_CPU, TOO_FEW, Verdict, between, decides, first, ranged
from ...engine.result import Result
from ...engine.stats import interval, where
from .summary import BUSY, summary


@decides("C4")
def slower_threads(computing: Result, hashing: Result) -> Verdict:
    """Two threads against serial, at bytecode and at C code that releases the GIL."""
    pure, releasing = (_line(result, "threads", 2) for result in (computing, hashing))
    directions = {pure.direction, releasing.direction}
    return first(
        f"two threads at pure Python {_speed(pure)}, at hashing {_speed(releasing)}",
        *_unclear(directions),
        (directions == {"faster"}, "does not hold", "both were faster than serial"),
        ("faster" in directions, "depends", "on whether the work releases the GIL: only one of the two was faster"),
        ("slower" in directions, "holds", "these rounds have such a case"),
        (computing.machine["usable_cpus"] == 1, "cannot tell", ONE_CPU),
        ("as busy" in directions, "cannot tell", "whether they were slower, the clock cannot tell here"),
        (True, "does not hold", "there was neither a gain nor a loss"),
    )


@decides("C6")
def processes_that_wait(waiting: Result) -> Verdict:
    """The most processes against as many threads: how far their waits overlap, and what setting them up costs."""
    most = max(waiting.params["workers"])
    threads, processes = (_line(waiting, kind, most) for kind in ("threads", "processes"))
    parts = where(waiting.shown, workers=most).pivot_table(["setup_s", "teardown_s"], "round", "kind")
    ends_s = parts.setup_s + parts.teardown_s
    low, high, _ = interval(ends_s.threads / ends_s.processes)  # round by round
    overlap, ends = processes.direction == "faster", _each(ends_s, words.duration)
    how_long = f"on how long each wait is ({waiting.params['task_ms']:g} ms here) against handing it over"
    return first(
        f"{most} workers: processes {_speed(processes)}, threads {_speed(threads)}; to start and end them {ends}",
        (most < 2, "cannot tell", "one worker alone has no waits to overlap"),
        *_unclear({threads.direction, processes.direction}),
        (not overlap and threads.direction == "faster", "depends", how_long),
        (not overlap, "does not hold", "these processes did not make the waits overlap"),
        (low >= 1, "does not hold", "these processes cost no more to start and end than threads"),
        (high >= 1, "cannot tell", "to start and end them took very different times from round to round"),
        (processes.high < 0.8 * threads.low, "depends", how_long),
        (True, "holds", "the waits overlap in both, and processes are dearer to start"),
    )


@decides("C7")
def cores_put_to_use(computing: Result) -> Verdict:
    """The cores that two processes kept busy, against two threads."""
    busy = where(computing.shown, workers=2).pivot_table("cores_busy", "round", "kind")
    (low, high, sure), (threads_low, threads_high, _) = interval(busy.processes), interval(busy.threads)
    return first(
        f"cores busy: {_each(busy, '{:.2f}'.format, 'two ')}",
        (computing.machine["usable_cpus"] == 1, "cannot tell", ONE_CPU),
        (sure < 0.9, "cannot tell", TOO_FEW),
        (high <= BUSY, "cannot tell", "other programs, or a CPU limit, kept two processes from two CPUs"),
        (low > BUSY >= threads_high, "holds", "but a busy core is not yet speed"),
        (low > BUSY < threads_low, "depends", "on the GIL: without one, threads keep several cores busy too"),
        (True, "cannot tell", NOISE),
    )


def _line(result, kind, workers):
    """The line of the summary for this variant."""
    return where(summary(result), kind=kind, workers=workers).iloc[0]


def _each(values, say, number=""):
    """What processes and threads have in their columns, in words."""
    return ", ".join(f"{number}{kind} {ranged(values[kind], say)}" for kind in ("processes", "threads"))


def _unclear(directions):
    """The rules for speedups that allow no verdict."""
    return ("too few" in directions, "cannot tell", TOO_FEW), ("unclear" in directions, "cannot tell", NOISE)


def _speed(line):
    """A line's speedup with its range, and why its size is in doubt."""
    doubt = f", how much is in doubt: {line.doubt}" * (bool(line.doubt) and line.direction in ("faster", "unclear"))
    return between(line.low, line.speedup, line.high, words.times) + doubt
