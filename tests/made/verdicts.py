"""Made rows for every outcome of every verdict, and a result of every run that the claims need."""

import itertools

from conc_lab.engine import experiment, parameters
from conc_lab.engine.result import Result
from conc_lab.experiments.pingpong.measure import PLACES
from conc_lab.experiments.sharing import measure as shared
from conc_lab.experiments.switches.measure import WORKS
from made import faults, memory, pingpong, races, startup, switches, timeline, transfer
from made import sharing as table
from made.results import MACHINE, TWO, made

NOISY = [0.7, 1.4, 0.9, 1.3, 1.0]
CALM = {("threads", 2): 1.0}  # cores busy: one in all


def sharing(*kinds, pids=None, lacking=(), **changes):
    """The true table with these changes to a thread's cells, and these numbers of process ids by kind."""
    result = table.made(*kinds, lacking=lacking)
    for row in result.rows:
        if row["kind"] in lacking:
            continue  # nothing was counted
        if row["thing"] == shared.PID:
            row["different_ids"] = ({"threads": 1} if pids is None else pids).get(row["kind"], 4)
        elif row["thing"] == shared.THREAD:
            row["different_ids"] = 4
        if row["kind"] == "threads":
            row["cell"] = changes.get(row["thing"].replace(" ", "_"), row["cell"])
    return result


def alike(value, opened):
    """Two start methods that give a worker the same."""
    result = sharing("threads", "spawn", "fork")
    for row in result.rows:
        if row["kind"] != "threads" and row["thing"] in (shared.VALUE, shared.OBJECT, shared.FILE):
            row["cell"] = opened if row["thing"] == shared.FILE else value
    return result


def speeds(threads, *, usable=2, rounds=5, **how):
    """A speedup result of two threads and two processes."""
    return made({("threads", 2): threads, ("processes", 2): 1.9}, usable=usable, rounds=rounds, **how)


def busy(threads, processes, **how):
    return made(TWO, busy={("threads", 2): threads, ("processes", 2): processes}, rounds=how.pop("rounds", 5), **how)


def waits(threads, processes, dearer=True, workers=16, **how):
    speeds = {("threads", workers): threads, ("processes", workers): processes}
    result = made(speeds, waits=True, alone=0.01, rounds=5, **how)
    for row in result.rows:
        if not (dearer[row["round"]] if isinstance(dearer, list) else dearer):
            row["setup_s"] = row["teardown_s"] = 0.01
    return result


def recorded(pure, hashing, usable=2, processes=0.9, rounds=5):
    """A timeline whose two threads, and two processes at pure Python, both ran for at least these shares of the time.

    A list of shares is one that the rounds go through.
    """
    cases = (
        ("count_primes", "threads", pure),
        ("sha256", "threads", hashing),
        ("count_primes", "processes", processes),
    )
    rows = []
    for (task, kind, share), number in itertools.product(cases, range(rounds)):
        which = {"task": task, "kind": kind, "number": number}
        now = share[number % len(share)] if isinstance(share, list) else share
        rows += [timeline.block(0, 0, 10, **which), timeline.block(1, 0, 10, now, **which)]
    return timeline.made(rows, usable)


def kept(threads, process, lacks=()):
    """A memory result of four threads and four processes that add so many MB each."""
    rows = [
        memory.row("threads", 4, 4 * threads, lacks=lacks),
        memory.row("spawn", 4, 4 * process, lacks=lacks),
    ]
    return memory.made(*rows)


def counted(threads, **how):
    """Voluntary switches of threads by work, where processes have 0, 1 and 1000."""
    values = {(work, "threads"): (value, 1) for work, value in zip(WORKS, threads, strict=True)}
    values |= {(work, "processes"): (n, 1) for work, n in zip(WORKS, (0, 1, 1000), strict=True)}
    return switches.made(values, **how)


def crash(threads=None, processes=None, reason=None):
    rows = [("ThreadPoolExecutor", threads), ("ProcessPoolExecutor", processes)]
    return faults.made(*(faults.row("segfault", api, reason, **(changes or {})) for api, changes in rows))


def starts(rounds=5, **milliseconds):
    """A start-up result with a thread of 0.1 ms."""
    costs = {("threads", False): 0.1} | {(kind, False): value for kind, value in milliseconds.items()}
    return startup.made_startup(costs, rounds=rounds)


def handed(threads, processes, lock, **how):
    base = {("threads", "pipe"): threads, ("processes", "pipe"): processes, ("threads", "lock"): lock}
    values = {(place, *key): value for place in PLACES for key, value in base.items()}
    return pingpong.made(values, **how)


def moved(reference, pickle, rounds=5):
    sizes = (1000, 10_000, 100_000)[: len(reference)]
    return transfer.made({"reference": reference, "pickle": pickle}, sizes, rounds)


def raced(lost=500):
    given = {"methods": ["handshake"], "kinds": ["threads"], "counts": ["shared"], "rounds": 1}
    params = parameters.checked(experiment.function("races"), given)
    rows = [races.row(lost=lost), races.row(lock="lock")]
    return Result("races", params, MACHINE, rows, "2026-01-31T12:00:00+00:00")


QUICK = [20e-6] * 3
ALL = ("threads", "spawn", "fork", "forkserver")
BIG = kept(0.05, 9)
OUTCOMES = {  # (claim, what the rows say): the results that the claim is decided by
    ("C1", "true"): [sharing("threads", "spawn")],
    ("C1", "kinds that are not here"): [sharing(*ALL, lacking=("fork", "forkserver"))],
    ("C1", "a process for each thread"): [sharing("threads", "spawn", pids={})],
    ("C2", "true"): [sharing("threads", "spawn")],
    ("C2", "an open file of its own"): [sharing("threads", open_file="own")],
    ("C2", "shared locals"): [sharing("threads", local_variables="shared")],
    ("C3", "true"): [sharing(*ALL), BIG],
    ("C3", "spawn only"): [sharing(*ALL, lacking=("fork", "forkserver")), BIG],
    ("C3", "all copied"): [alike("copied", "copied"), BIG],
    ("C3", "all the same"): [alike("re-imported", "absent"), BIG],
    ("C4", "GIL"): [speeds(1.0), speeds(1.9)],
    ("C4", "pure Python alone"): [speeds(1.9), speeds(1.0)],
    ("C4", "slower, and faster"): [speeds(0.6), speeds(1.9)],
    ("C4", "the clock is unclear"): [speeds(NOISY, busy=CALM), speeds(1.9)],
    ("C4", "both unclear"): [speeds(NOISY, busy=CALM)] * 2,
    ("C4", "no GIL"): [speeds(1.9), speeds(1.9)],
    ("C4", "slower"): [speeds(0.6), speeds(1.0)],
    ("C4", "slower on one CPU"): [speeds(0.6, usable=1), speeds(1.0, usable=1)],
    ("C4", "no gain"): [speeds(1.0), speeds(1.0)],
    ("C4", "one CPU"): [speeds(1.0, usable=1), speeds(1.0, usable=1)],
    ("C4", "noise"): [speeds(NOISY, busy={("threads", 2): 1.3}), speeds(1.9)],
    ("C4", "starved"): [speeds(NOISY, alone=0.5), speeds(1.9)],
    ("C4", "few rounds"): [speeds(1.0, rounds=2), speeds(1.9)],
    ("C5", "GIL"): [recorded(0.02, 0.9)],
    ("C5", "turns"): [recorded(0.02, 0.05)],
    ("C5", "no GIL"): [recorded(0.9, 0.9)],
    ("C5", "only pure Python"): [recorded(0.9, 0.0)],
    ("C5", "one CPU"): [recorded(0.0, 0.0, usable=1)],
    ("C5", "no CPU to spare"): [recorded(0.0, 0.0, processes=0.05)],
    ("C5", "seldom a CPU to spare"): [recorded(0.0, 0.09, processes=0.4)],
    ("C5", "once at the same time"): [recorded(0.0, [0.0, 0.0, 0.9, 0.0, 0.0])],
    ("C5", "in between"): [recorded(0.0, 0.17)],
    ("C5", "few rounds"): [recorded(0.02, 0.9, rounds=4)],
    ("C6", "true"): [waits(14.0, 13.5)],
    ("C6", "short waits"): [waits(14.0, 6.0, task_ms=5)],
    ("C6", "too short for processes"): [waits(14.0, 0.9, task_ms=0.5)],
    ("C6", "no overlap"): [waits(1.0, 1.0)],
    ("C6", "one worker"): [waits(1.0, 1.0, workers=1)],
    ("C6", "as cheap"): [waits(14.0, 14.0, dearer=False)],
    ("C6", "dearer but once"): [waits(14.0, 13.5, dearer=[1, 1, 0, 1, 1])],
    ("C6", "noise"): [waits(14.0, NOISY)],
    ("C7", "GIL"): [busy(1.0, 1.8)],
    ("C7", "no GIL"): [busy(1.8, 1.8)],
    ("C7", "one core"): [busy(1.0, 1.0)],
    ("C7", "one CPU"): [busy(1.0, 1.0, usable=1)],
    ("C7", "starved"): [busy(0.5, 0.9, alone=0.5)],
    ("C7", "few rounds"): [busy(1.0, 1.8, rounds=2)],
    ("C8", "true"): [kept(0.05, 9)],
    ("C8", "dear threads"): [kept(8, 9)],
    ("C8", "in between"): [kept(2, 9)],
    ("C8", "RSS only"): [kept(0.05, 9, lacks=("pss", "uss"))],
    ("C9", "GIL"): [counted((38, 2, 1001))],
    ("C9", "no more"): [counted((3, 2, 1001))],
    ("C9", "always more"): [counted((400, 400, 4000))],
    ("C9", "no counts"): [counted((0, 0, 0), uncounted={"threads": "no counts <here>"})],
    ("C10", "true"): [crash()],
    ("C10", "refuses"): [crash(processes={"others_finished": True})],
    ("C10", "recovers"): [crash(processes={"others_finished": True, "usable_again": True})],
    ("C10", "all end"): [crash(processes={"survived": False})],
    ("C10", "none ends"): [crash({"survived": True})],
    ("C10", "no signals"): [crash(reason="no signals here")],
    ("C11", "GIL"): [recorded(0.02, 0.9)],
    ("C11", "turns"): [recorded(0.02, 0.05)],
    ("C11", "no GIL"): [recorded(0.9, 0.9)],
    ("C11", "one CPU"): [recorded(0.0, 0.0, usable=1)],
    ("C11", "no CPU to spare"): [recorded(0.0, 0.0, processes=0.05)],
    ("C11", "no GIL, seldom a CPU to spare"): [recorded(0.3, 0.3, processes=0.3)],
    ("C11", "in between"): [recorded(0.17, 0.9)],
    ("C11", "few rounds"): [recorded(0.9, 0.9, rounds=1)],
    ("C12", "true"): [starts(fork=2, spawn=40)],
    ("C12", "one start method"): [starts(spawn=40)],
    ("C12", "a cheap fork"): [starts(fork=0.5, spawn=40)],
    ("C12", "all cheap"): [starts(fork=0.2, spawn=0.5)],
    ("C12", "noise"): [starts(spawn=[0.5, 2, 0.5, 2, 2])],
    ("C12", "few rounds"): [starts(rounds=4, fork=2, spawn=40)],
    ("C13", "true"): [handed(5.0, 6.0, 14.0)],
    ("C13", "always faster"): [handed(5.0, 6.0, 4.0)],
    ("C13", "slower"): [handed(7.0, 6.0, 14.0)],
    ("C13", "noise"): [handed([5.0, 7.0], 6.0, 14.0)],
    ("C13", "not pinned"): [handed(5.0, 6.0, 14.0, missing={"same CPU": "no affinity", "other CPU": "no affinity"})],
    ("C14", "true"): [moved(QUICK, [0.001, 0.01, 0.1]), raced()],
    ("C14", "nothing lost"): [moved(QUICK, [0.001, 0.01, 0.1]), raced(0)],
    ("C14", "large only"): [moved(QUICK, [1e-06, 0.01, 0.1]), raced()],
    ("C14", "never"): [moved(QUICK, [1e-06, 1e-06, 1e-06]), raced()],
    ("C14", "one size"): [moved([2e-05], [0.001]), raced()],
    ("C14", "few rounds"): [moved(QUICK, [0.001, 0.01, 0.1], 4), raced()],
    ("C14", "noise"): [moved([[1, 3, 1, 3, 1], [3, 1, 1, 1, 3], [1, 1, 3, 3, 1]], [2, 2, 2]), raced()],
}
ALL_RESULTS = {
    "sharing": sharing("threads", "spawn"),
    "start methods": sharing(*ALL),
    "memory": kept(0.05, 9),
    "computing": speeds(1.0, task="count_primes"),
    "hashing": speeds(1.9, task="sha256"),
    "waiting": waits(14.0, 13.5, task="sleep"),
    "timeline": recorded(0.02, 0.9),
    "start-up": starts(spawn=40),
    "ping-pong": handed(5.0, 6.0, 14.0),
    "switches": counted((38, 2, 1001)),
    "faults": faults.made(),
    "transfer": moved(QUICK, [1e-3, 1e-2, 1e-1]),
    "races": raced(),
}
