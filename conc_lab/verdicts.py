"""How rows decide the article's claims: for each claim a function from results to a verdict.

None goes beyond its rows: where these cannot tell, the verdict says why. Every figure has the range over its
rounds with it.
"""

import statistics
from dataclasses import dataclass

from .drawing import kit as style
from .experiments.memory.chart import megabytes
from .experiments.memory import measure as memory
from .experiments.sharing import measure as sharing
from .experiments.speedup import measure as speedup
from .experiments.startup import measure as startup
from .experiments.switching import measure as switching
from .experiments.timeline import measure as timeline
from .experiments.transfer import measure as transfer
from .experiments.speedup.measure import BUSY
from .engine.result import Result
from .engine.stats import interval, paired, spread

WORDS = ("holds", "does not hold", "depends", "cannot tell", "missing")
SAME_TIME = (0.1, 0.25)  # shares of the time: up to the first two workers took turns, from the second on they did not
TENFOLD = 10  # in memory and start-up, less than that is no difference between cheap and dear
FEWEST = 5  # rounds: the least and the greatest of fewer hold their median with less than 90 % (see `interval`)
TOO_FEW = "there are too few rounds"
NOISE = "the rounds differ too much"
UNTOLD = "whether they were slower, the clock cannot tell here"  # they kept no more cores busy: faster they were not
ONE_CPU = "with one usable CPU all workers together get one CPU's time at most, whatever their kind"


@dataclass(frozen=True)
class Verdict:
    """`word` is one of `WORDS`, `why` what it depends on, or why it is so or cannot be told; `figure` decided it."""

    word: str
    why: str
    figure: str = ""


def c1(shared: Result) -> Verdict:
    """Who contains whom: the process ids and thread ids of three workers and their parent."""
    ids = {(row["kind"], row["thing"]): row["different_ids"] for row in shared.rows}
    workers = sharing.WORKERS
    figure = "; ".join(
        f"{style.NUMBERS[workers - 1]} {worker} and their parent: {style.count(ids[kind, sharing.PID], 'process id')}, "
        f"{style.count(ids[kind, sharing.THREAD], 'thread id')}"
        for kind, worker in (("thread", "threads"), ("spawn", "spawned processes"))
    )
    if ids["thread", sharing.PID] == 1 and ids["spawn", sharing.PID] == 1 + workers:
        cpus = style.count(shared.machine["usable_cpus"], "usable CPU")
        why = f"one process holds all the threads; and processors are another matter: both kinds ran here, on {cpus}"
        return Verdict("does not hold", why, figure)
    return Verdict("holds", "each thread had a process of its own", figure)


def c2(shared: Result) -> Verdict:
    """What threads share, and what each has to itself, by the sharing table."""
    cells = {row["thing"]: row["cell"] for row in shared.rows if row["kind"] == "thread"}
    common = [sharing.VALUE, sharing.WRITE, sharing.OBJECT, sharing.FILE]
    figure = ", ".join(f"{thing} {cells[thing]}" for thing in [*common, sharing.LOCALS])
    if {cells[thing] for thing in common} == {"shared"} != {cells[sharing.LOCALS]}:
        return Verdict("holds", "the objects on the heap are shared as well", figure)
    return Verdict("does not hold", "not all of it came out as the claim says", figure)


def c3(shared: Result, kept: Result) -> Verdict:
    """What processes have of the parent's, by start method, and what each adds."""
    cells = {"spawn": {}}  # which no platform lacks
    for row in shared.rows:
        if row["kind"] in ("fork", "forkserver", "spawn") and row["reason"] is None:
            cells.setdefault(row["kind"], {})[row["thing"]] = row["cell"]
    cost = {item["kind"]: item["each_bytes"] for item in memory.conclusions(kept.rows)}
    by = memory.meter(kept.rows).upper()
    figure = "; ".join(
        f"{kind}: a module's value {mine[sharing.VALUE]}, open file {mine[sharing.FILE]}"
        + (f", one more adds {megabytes(cost[kind])} MB by {by}" if kind in cost or kind == "spawn" else "")
        for kind, mine in cells.items()
    )
    found = {(mine[sharing.VALUE], mine[sharing.OBJECT], mine[sharing.FILE]) for mine in cells.values()}
    if len(found) > 1:
        return Verdict("depends", "on the start method", figure)
    if found == {("copied",) * 3}:
        return Verdict("holds", "under every start method that is here", figure)
    if len(cells) == 1:
        return Verdict("cannot tell", f"it has the start method {next(iter(cells))} only, and others differ", figure)
    return Verdict("does not hold", "under every start method that is here", figure)


def c4(computing: Result, hashing: Result) -> Verdict:
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


def c5(recorded: Result) -> Verdict:
    """Whether two threads ever ran at the same time: holds where they never did."""
    return _at_once(recorded, {(False, False): "holds", (False, True): "depends"}, "does not hold")


def c11(recorded: Result) -> Verdict:
    """Whether two threads ran at the same time: holds where they always did."""
    return _at_once(recorded, {(True, True): "holds", (False, False): "does not hold"}, "depends")


def c6(waiting: Result) -> Verdict:
    """The most processes against as many threads: how far their waits overlap, and what setting them up costs."""
    most = max(waiting.params["workers"])
    threads, processes = (_item(waiting, kind, most) for kind in ("threads", "processes"))
    rows = sorted(waiting.rows, key=lambda row: row["round"])
    setup = {
        kind: [r["setup_s"] + r["teardown_s"] for r in rows if (r["kind"], r["workers"]) == (kind, most)]
        for kind in ("threads", "processes")
    }
    figure = f"{most} workers: processes {_speed(processes)}, threads {_speed(threads)}; to start and end them " + (
        ", ".join(f"{kind} {_range(all_, style.duration)}" for kind, all_ in reversed(setup.items()))
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
    low, high, _ = interval([one / other for one, other in zip(*setup.values(), strict=True)])  # round by round
    if low >= 1:
        return Verdict("does not hold", "these processes cost no more to start and end than threads", figure)
    if high >= 1:
        return Verdict("cannot tell", "to start and end them took very different times from round to round", figure)
    if processes["high"] < 0.8 * threads["low"]:
        return Verdict("depends", how_long, figure)
    return Verdict("holds", "the waits overlap in both, and processes are dearer to start", figure)


def c7(computing: Result) -> Verdict:
    """The cores that two processes kept busy, against two threads."""
    busy = {
        kind: [r["cores_busy"] for r in computing.rows if (r["kind"], r["workers"]) == (kind, 2)]
        for kind in ("processes", "threads")
    }
    figure = "cores busy: " + ", ".join(f"two {kind} {_range(all_, '{:.2f}'.format)}" for kind, all_ in busy.items())
    if computing.machine["usable_cpus"] == 1:
        return Verdict("cannot tell", ONE_CPU, figure)
    if speedup.character(computing.rows) == "starved":
        return Verdict("cannot tell", "other programs took the CPU away, even from the serial runs", figure)
    (p_low, p_high, sure), (t_low, t_high, _) = (interval(busy[kind]) for kind in ("processes", "threads"))
    if sure < 0.9:
        return Verdict("cannot tell", TOO_FEW, figure)
    if p_high <= BUSY:
        return Verdict("cannot tell", "other programs, or a CPU limit, kept two processes from two CPUs", figure)
    if p_low > BUSY and t_high <= BUSY:
        return Verdict("holds", "but a busy core is not yet speed", figure)
    if p_low > BUSY < t_low:
        return Verdict("depends", "on the GIL: without one, threads keep several cores busy too", figure)
    return Verdict("cannot tell", NOISE, figure)


def c8(kept: Result) -> Verdict:
    """What each thread adds to the machine's memory, against the process that adds the least."""
    by, most = memory.meter(kept.rows), max(kept.params["workers"])
    each = {item["kind"]: [] for item in memory.conclusions(kept.rows) if item["kind"] != "interpreters"}
    for row in kept.rows:
        if row["workers"] == most and row["kind"] != "interpreters":
            each[row["kind"]].append(memory.added(row, by) / most)
    figure = f"{by.upper()} for each of {most}, helpers included, MB: " + ", ".join(
        f"{k} {_range(v, megabytes)}" for k, v in each.items()
    )
    if by == "rss":
        return Verdict("cannot tell", next(row["missing"] for row in kept.rows if row["missing"]), figure)
    thread, process = max(each.pop("threads")), min(map(min, each.values()))
    if thread * TENFOLD <= process:
        return Verdict("holds", "nearly: a thread adds the used part of its stack, a process many times that", figure)
    if thread * 2 >= process:
        return Verdict("does not hold", "a thread added about as much as the cheapest process", figure)
    return Verdict("depends", "on what you compare with: the cheapest process is not ten times as dear here", figure)


def c9(counted: Result) -> Verdict:
    """Voluntary switches of threads and of processes on equal work: three kinds of it, shared memory in all."""
    if problem := next((row["reason"] for row in counted.rows if row["reason"]), None):
        return Verdict("cannot tell", problem)
    found = spread(counted.rows, "voluntary_switches", "work", "kind")
    parts, more = [], []
    for work in switching.WORKS:
        threads, processes = found[work, "threads"], found[work, "processes"]
        parts.append(f"{work} {_spread(threads)} against {_spread(processes)}")
        if threads.median > 1.5 * processes.median + 10:  # a handful come with starting and ending
            more.append(work)
    figure = f"voluntary switches of a thread against a process: {', '.join(parts)}"
    if len(more) == len(switching.WORKS):
        return Verdict("holds", "threads switched more, whatever they did", figure)
    if more:
        why = f"on the work, not on sharing: threads share memory in all, and switched more when {' and '.join(more)}"
        return Verdict("depends", why, figure)
    return Verdict("does not hold", "threads, which share memory, switched no more than processes", figure)


def c10(broken: Result) -> Verdict:
    """A crash in a pool of threads and in one of processes: who lives on, and is anything recovered."""
    rows = {row["worker"]: row for row in broken.rows if row["fault"] == "segfault"}
    threads, processes = rows["ThreadPoolExecutor"], rows["ProcessPoolExecutor"]
    if problem := threads["reason"] or processes["reason"]:
        return Verdict("cannot tell", problem)
    figure = f"after a crash: with threads the program {_lived(threads)}, with processes it {_lived(processes)}"
    if not processes["survived"] or threads["survived"]:
        return Verdict("does not hold", "a crash did the same to both, or worse with processes", figure)
    if processes["others_finished"] and processes["usable_again"]:
        return Verdict("holds", "the crash stayed in its process, and the pool went on", figure)
    lost = "the pool takes no new task" if processes["others_finished"] else "the other worker's task was lost"
    return Verdict("depends", f"on what you call reliable: the crash stayed in its process, but {lost}", figure)


def c12(started: Result) -> Verdict:
    """Times a thread's start, by way of starting a process."""
    found = [
        item
        for item in startup.costs(started.rows)
        if item["workers"] == 1 and item["main_imports"] == "nothing" and item["way"] not in ("thread", "interpreter")
    ]
    figure = "times a thread: " + ", ".join(
        f"{item['way']}{' with its server' if item['cold'] else ''} "
        + _between(item["low"], item["against_thread"], item["high"], _digits)
        for item in found
    )
    if min(item["rounds"] for item in found) < FEWEST:
        return Verdict("cannot tell", TOO_FEW, figure)
    slow = [item["low"] >= TENFOLD for item in found]
    if all(slow):
        several = "how long a process takes depends on the start method"
        one = "starting a process took at least ten times as long as a thread in every round"
        return Verdict("holds", several if len(found) > 1 else one, figure)
    if any(slow):
        return Verdict("depends", "on the start method", figure)
    if all(item["high"] < TENFOLD for item in found):
        return Verdict("does not hold", "no process took ten times as long as a thread", figure)
    return Verdict("cannot tell", NOISE, figure)


def c13(handed: Result) -> Verdict:
    """Round trips through the same pipe by threads and by processes, and by threads with locks."""
    found = spread(handed.rows, "round_trip_us", "place", "kind", "primitive")
    place = next(place for place in switching.PLACES if (place, "threads", "pipe") in found)
    named = {
        "threads by pipe": {"kind": "threads", "primitive": "pipe", "place": place},
        "processes by pipe": {"kind": "processes", "primitive": "pipe", "place": place},
        "threads by lock": {"kind": "threads", "primitive": "lock", "place": place},
    }
    parts = [f"{name} {_spread(found[place, how['kind'], how['primitive']])}" for name, how in named.items()]
    figure = f"µs there and back, {place}: {', '.join(parts)}"
    pipe, processes, lock = named.values()
    _, by_pipe = paired(handed.rows, "round_trip_us", pipe, processes)
    _, by_lock = paired(handed.rows, "round_trip_us", lock, processes)
    match by_pipe, by_lock:
        case "less", "more":
            return Verdict(
                "depends", "on how they hand over: by the same pipe threads lead, by a lock they do not", figure
            )
        case "less", _:
            return Verdict("holds", "by the same pipe", figure)
        case "more", _:
            return Verdict("does not hold", "by the same pipe processes were faster", figure)
    return Verdict("cannot tell", "by the same pipe now one was ahead, now the other", figure)


def c14(moved: Result, raced: Result) -> Verdict:
    """A reference against a pickle, by size; and the price, updates lost without a lock."""
    times = {}
    for row in moved.rows:
        times.setdefault((row["size_bytes"], row["way"]), []).append(row["handover_s"])
    sizes = sorted(size for size, way in times if way == "reference")
    figure = "; ".join(
        f"{size / 1e6:g} MB: "
        + ", ".join(f"{way} {_range(times[size, way], style.duration)}" for way in ("reference", "pickle"))
        for size in dict.fromkeys((sizes[0], sizes[-1]))
    )
    lost, made = map(sum, zip(*((r["lost"], r["expected"]) for r in raced.rows if _bare(r)), strict=True))
    price = f"its price is races: {lost:,} of {made:,} updates, each made to meet another, were lost without a lock"
    if not lost:
        price = f"of {made:,} updates without a lock none was lost here"
    if min(map(len, times.values())) < FEWEST:
        return Verdict("cannot tell", TOO_FEW, figure)
    if len(sizes) == 1:
        return Verdict("cannot tell", "one size alone does not show what depends on the size", figure)
    slower, faster = transfer.crossing(moved.rows, "reference")
    if faster == sizes[0]:
        return Verdict("holds", price, figure)
    if faster is not None:
        since = f"from {faster / 1e6:g} MB on the reference was sooner in every round"
        return Verdict("depends", f"on the size: {since}; {price}", figure)
    if slower == sizes[-1]:
        return Verdict("does not hold", "the pickle was never slower", figure)
    return Verdict("cannot tell", NOISE, figure)


DECIDE = (c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14)


def _at_once(recorded, words, otherwise):
    cases = {
        "pure Python": ("count_primes", "threads"),
        "hashing": ("sha256", "threads"),
        "two processes at pure Python": ("count_primes", "processes"),  # whether two CPUs were free at all
    }
    shares, ran = {}, {}
    for name, case in cases.items():
        rows = [row for row in recorded.rows if (row["task"], row["kind"]) == case]
        numbers = sorted({row["round"] for row in rows})
        shares[name] = [timeline.at_once([row for row in rows if row["round"] == number]) for number in numbers]
        middle = statistics.median(shares[name])
        ran[name] = False if middle <= SAME_TIME[0] else True if middle >= SAME_TIME[1] else None
    figure = "share of the time in which both ran: two threads at " + ", ".join(
        f"{name} {_range(values, '{:.0%}'.format)}" for name, values in shares.items()
    )
    pure, hashing, control = ran.values()
    if recorded.machine["usable_cpus"] == 1:
        return Verdict("cannot tell", ONE_CPU, figure)
    if min(map(len, shares.values())) < FEWEST:
        return Verdict("cannot tell", TOO_FEW, figure)
    if not (pure or hashing or control):
        return Verdict("cannot tell", "even two processes seldom ran at once: other programs had the CPUs", figure)
    if pure is None or hashing is None:
        return Verdict("cannot tell", "they ran at once too often for taking turns, and too seldom for more", figure)
    why = {
        (False, False): "they took turns at both kinds of work",
        (False, True): "on whether the code that runs has released the GIL",
        (True, True): "they ran at the same time at both kinds of work",
        (True, False): "they ran at the same time at pure Python",
    }[pure, hashing]
    return Verdict(words.get((pure, hashing), otherwise), why, figure)


def _item(found, kind, workers):
    (item,) = [i for i in speedup.conclusions(found.rows) if (i["kind"], i["workers"]) == (kind, workers)]
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
    return _between(item["low"], item["speedup"], item["high"], style.times) + doubt


def _range(values, said):
    return _between(min(values), statistics.median(values), max(values), said)


def _between(low, middle, high, said):
    low, middle, high = said(low), said(middle), said(high)
    return f"{middle} (in every round)" if low == high else f"{middle} ({low} to {high})"


def _spread(found):
    return _between(found.low, found.median, found.high, _digits)


def _digits(value):
    """Three digits: 5.14, 1,000."""
    return f"{float(f'{value:.3g}'):,g}"


def _lived(row):
    return "went on" if row["survived"] else f"ended ({row['ended']})"


def _bare(row):
    return (row["method"], row["way"], row["lock"]) == ("handshake", "threads", "none")
