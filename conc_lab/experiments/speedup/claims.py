"""What speedups, and the cores that workers kept busy, make of the claims on computing and on waiting."""

from ...drawing import words
from ...drawing.verdict import NOISE, ONE_CPU, TOO_FEW, Verdict, between, decides, ranged
from ...engine.result import Result
from ...engine.stats import character, interval, where
from .summary import BUSY, summary

UNTOLD = "whether they were slower, the clock cannot tell here"  # they kept no more cores busy: faster they were not


@decides("C4")
def slower_threads(computing: Result, hashing: Result) -> Verdict:
    """Two threads against serial, at bytecode and at C code that releases the GIL."""
    found = [_item(computing, "threads", 2), _item(hashing, "threads", 2)]
    figure = f"two threads at pure Python {_speed(found[0])}, at hashing {_speed(found[1])}"
    if problem := _unclear(*found):
        return Verdict("cannot tell", problem, figure)
    directions = {item["direction"] for item in found}
    if directions == {"faster"}:
        return Verdict("does not hold", "both were faster than serial", figure)
    if "faster" in directions:
        here = {"no gain": "; slower they were not in these rounds", "as busy": f"; {UNTOLD}"}
        other = "".join(here.get(direction, "") for direction in directions)
        return Verdict("depends", f"on whether the work releases the GIL{other}", figure)
    if "slower" in directions:
        return Verdict("holds", "these rounds have such a case", figure)
    if computing.machine["usable_cpus"] == 1:
        return Verdict("cannot tell", ONE_CPU, figure)
    if "as busy" in directions:
        return Verdict("cannot tell", UNTOLD, figure)
    return Verdict("does not hold", "there was neither a gain nor a loss", figure)


@decides("C6")
def processes_that_wait(waiting: Result) -> Verdict:
    """The most processes against as many threads: how far their waits overlap, and what setting them up costs."""
    most = max(waiting.params["workers"])
    threads, processes = (_item(waiting, kind, most) for kind in ("threads", "processes"))
    rows = where(waiting.shown, workers=most).set_index("round")
    setup = {kind: (rows.setup_s + rows.teardown_s)[rows.kind == kind] for kind in ("processes", "threads")}
    figure = f"{most} workers: processes {_speed(processes)}, threads {_speed(threads)}; to start and end them " + (
        ", ".join(f"{kind} {ranged(each, words.duration)}" for kind, each in setup.items())
    )
    if most < 2:
        return Verdict("cannot tell", "one worker alone has no waits to overlap", figure)
    if problem := _unclear(threads, processes):
        return Verdict("cannot tell", problem, figure)
    how_long = f"on how long each wait is ({waiting.params['task_ms']:g} ms here) against handing it over"
    if processes["direction"] != "faster" and threads["direction"] == "faster":
        return Verdict("depends", how_long, figure)
    if processes["direction"] != "faster":
        return Verdict("does not hold", "these processes did not make the waits overlap", figure)
    low, high, _ = interval(setup["threads"] / setup["processes"])  # round by round
    if low >= 1:
        return Verdict("does not hold", "these processes cost no more to start and end than threads", figure)
    if high >= 1:
        return Verdict("cannot tell", "to start and end them took very different times from round to round", figure)
    if processes["high"] < 0.8 * threads["low"]:
        return Verdict("depends", how_long, figure)
    return Verdict("holds", "the waits overlap in both, and processes are dearer to start", figure)


@decides("C7")
def cores_put_to_use(computing: Result) -> Verdict:
    """The cores that two processes kept busy, against two threads."""
    rows = where(computing.shown, workers=2)
    busy = {kind: where(rows, kind=kind).cores_busy for kind in ("processes", "threads")}
    figure = "cores busy: " + ", ".join(f"two {kind} {ranged(each, '{:.2f}'.format)}" for kind, each in busy.items())
    if computing.machine["usable_cpus"] == 1:
        return Verdict("cannot tell", ONE_CPU, figure)
    if character(computing.frame) == "starved":
        return Verdict("cannot tell", "other programs took the CPU away, even from the serial runs", figure)
    (p_low, p_high, sure), (t_low, t_high, _) = map(interval, busy.values())
    if sure < 0.9:
        return Verdict("cannot tell", TOO_FEW, figure)
    if p_high <= BUSY:
        return Verdict("cannot tell", "other programs, or a CPU limit, kept two processes from two CPUs", figure)
    if p_low > BUSY and t_high <= BUSY:
        return Verdict("holds", "but a busy core is not yet speed", figure)
    if p_low > BUSY < t_low:
        return Verdict("depends", "on the GIL: without one, threads keep several cores busy too", figure)
    return Verdict("cannot tell", NOISE, figure)


def _item(result, kind, workers):
    (item,) = where(summary(result), kind=kind, workers=workers).to_dict("records")
    return item


def _unclear(*items):
    """Why speedups allow no verdict, or None."""
    if any(item["direction"] == "too few" for item in items):
        return TOO_FEW
    unclear = [item for item in items if item["direction"] == "unclear"]
    doubts = [item["doubt"] for item in unclear if item["doubt"]]
    return "; ".join([NOISE, *doubts[:1]]) if unclear else None


def _speed(item):
    doubt = f", how much is in doubt: {item['doubt']}" if item["doubt"] and item["direction"] == "faster" else ""
    return between(item["low"], item["speedup"], item["high"], words.times) + doubt
