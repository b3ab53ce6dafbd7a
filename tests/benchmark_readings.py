"""The laboratory's readings against the same by hand: `.venv/bin/python tests/benchmark_readings.py [part …]`.

Parts: speedup, hashing, waiting, advising, starting, memory, switches, pingpong, pickling. Each is read in turn by an
experiment of the laboratory and by a program that uses the standard library alone, each time in a fresh Python, on the
same task with the same argument. `ratio` is the median of ours ÷ theirs over the pairs. `band` is where that median
would lie if the laboratory were compared with itself: ratios of its own consecutive readings are drawn with replacement
and in either direction, as many as there are pairs, and 19 of 20 medians of them are in the band. A figure is within
where the ratio lies within 1 ± 0.03 or the band, whichever is wider. Needs Linux. Close other programs first.
"""

import asyncio
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import timeit
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from math import exp, isqrt, log
from multiprocessing import SimpleQueue, active_children, get_context
from operator import itemgetter
from pathlib import Path
from subprocess import PIPE
from time import clock_gettime, perf_counter, process_time, sleep, thread_time

PAIRS, TARGET, DRAWS = 9, 0.03, 2000
ROUNDS = 3  # of one reading, which is their median
TASK_S, WAIT_S, TASKS = 0.01, 0.005, 16  # as many as the laboratory gives to two workers
NAPS, COMPUTING_S = 500, 0.1  # of a worker whose switches are counted
TRIPS = 10_000  # by hand; the laboratory makes them for 0.1 s
STARTS = 12  # by one program; ten times as many of threads
SIZES = 1_000, 1_000_000, 10_000_000
KINDS, WAITING = ("threads", "fork", "forkserver", "spawn"), ("threads", "asyncio")

TESTS = Path(__file__).parent
ALONE = """import json, sys, benchmark_readings as here
print(json.dumps(list(getattr(here, sys.argv[1])(*json.loads(sys.argv[2])))))"""
BY_PIPE = "os.write(our_out, b'.'); os.read(our_in, 1)"
ANSWERS = "import os\nwhile os.read({}, 1): os.write({}, b'.')"
HOLDS = """
import os, sys, time
import conc_lab.engine.helper, conc_lab.engine.pools, conc_lab.experiments.memory.worker  # held, not used
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
kind, workers = sys.argv[1], int(sys.argv[2])
os.write(1, b".")
os.read(0, 1)
with ThreadPoolExecutor(workers) if kind == "threads" else ProcessPoolExecutor(workers, get_context(kind)) as pool:
    list(pool.map(time.sleep, [0.4] * workers))  # nobody is idle before all are there
    os.write(1, b".")
    os.read(0, 1)
"""
SCATTERED = """
import random
held = [bytes(random.randrange(8, 500)) for _ in range(random.randrange(3000))]
"""
HANDS_OVER = """
import os, sys, time  # and no more: what a program holds decides when malloc gives memory back
from multiprocessing import get_context

def receive(inbox, outbox):
    os.sched_setaffinity(0, cpus[-1:])
    while True:
        message = inbox.recv()
        outbox.send("here")
        del message
        outbox.send("gone")

context, cpus, size = get_context("fork"), sorted(os.sched_getaffinity(0)), int(sys.argv[1])
heap, data = bytes(2 * int.from_bytes(os.urandom(2), "big")), os.urandom(size)  # the heap ends anywhere
(inbox, out), (back, outbox) = context.Pipe(False), context.Pipe(False)
context.Process(target=receive, args=(inbox, outbox), daemon=True).start()
os.sched_setaffinity(0, cpus[:1])
taken = []
for _ in range(10):
    for message in b"", data:  # a word first: it wakes both
        start = time.perf_counter()
        out.send(message)
        back.recv()
        seconds = time.perf_counter() - start
        back.recv()
    taken.append(seconds)
print(taken)
"""
STARTS_WORKERS = """
import os, sys, threading  # and no more: spawn's and forkserver's workers run this file
from multiprocessing import get_context
from time import perf_counter

def answer(connection):
    connection.send_bytes(b"%d" % os.getpid())

def start(number):
    reader, writer = context.Pipe(duplex=False)
    begun, workers = perf_counter(), []
    for _ in range(number):
        workers.append(make(target=answer, args=(writer,)))
        workers[-1].start()
    for _ in workers:
        reader.recv_bytes()
    seconds = perf_counter() - begun
    for worker in workers:
        worker.join()
    return seconds

if __name__ == "__main__":
    import conc_lab.experiments.startup.worker  # held, not used: a fork of less is quicker
    kind, number, starts = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    context = get_context(None if kind == "threads" else kind)
    make = threading.Thread if kind == "threads" else context.Process
    print([start(number) for _ in range(starts)])
"""


def primes(limit):
    """How many primes lie below the limit."""
    return sum(all(number % divisor for divisor in range(2, isqrt(number) + 1)) for number in range(2, limit))


def digest(kilobytes):
    """The SHA-256 of so many zeros."""
    return sha256(memoryview(ZEROS)[: 1024 * kilobytes]).hexdigest()


def primes_item():
    """The argument for the laboratory, for which this is a task of a student's own."""
    return int(os.environ["READINGS_ARGUMENT"])


digest_item, ZEROS = primes_item, bytes(1 << 26)

# By hand, each in a fresh Python: yield (figure, value), of which the median of each figure is taken.


def speedup_by_hand(name, argument, kinds, workers, tasks):
    """A loop twice, and workers of each kind, in a shuffled order."""
    function, variants = globals()[name], ["serial", "serial", *kinds]
    function(argument)
    for _ in range(ROUNDS):
        order = random.sample(variants, len(variants))
        runs = [(kind, *_run(kind, function, argument, workers, tasks)) for kind in order]
        alone_s = statistics.mean(task_s for kind, task_s, _ in runs if kind == "serial")
        for kind, task_s, busy in runs:
            yield f"{kind}: seconds a task", task_s
            yield f"{kind}: speedup", alone_s / task_s
            yield f"{kind}: cores busy", busy


def _run(kind, function, argument, workers, tasks):
    """(wall seconds a task, cores that the workers kept busy) with workers that are warm."""
    if kind == "serial":
        start = thread_time(), perf_counter()
        for _ in range(TASKS):
            function(argument)
        return _since(*start, thread_time, TASKS)
    if kind == "asyncio":

        async def gathered():
            async def worker():
                for _ in left:
                    await asyncio.sleep(argument)

            left, start = iter(range(tasks)), (thread_time(), perf_counter())
            await asyncio.gather(*(worker() for _ in range(workers)))
            return _since(*start, thread_time, tasks)

        return asyncio.run(gathered())
    with ThreadPoolExecutor(workers) if kind == "threads" else ProcessPoolExecutor(workers, get_context(kind)) as pool:
        list(pool.map(sleep, [0.05] * workers))  # nobody is idle before all are there
        list(pool.map(function, [argument] * workers * 2))
        # Processes' clocks can be read from outside; the threads' is this process's without the main thread's.
        clocks = [~process.pid << 3 | 2 for process in active_children()]
        cpu_s = (lambda: sum(map(clock_gettime, clocks))) if clocks else lambda: process_time() - thread_time()
        start = cpu_s(), perf_counter()
        list(pool.map(function, [argument] * tasks))
        return _since(*start, cpu_s, tasks)


def _since(cpu, start, cpu_s, tasks):
    wall_s = perf_counter() - start
    return wall_s / tasks, (cpu_s() - cpu) / wall_s


def starting_by_hand(program):
    """Seconds from asking for the first worker to the last one's answer."""
    for kind, number in random.sample([*itertools.product(KINDS, (1, 2))], 2 * len(KINDS)):
        uncounted, starts = {"threads": (40, 10 * STARTS), "forkserver": (0, STARTS)}.get(kind, (1, STARTS))
        command = [sys.executable, program, kind, str(number), str(uncounted + starts)]
        for start, seconds in enumerate(json.loads(subprocess.check_output(command))[uncounted:]):
            yield f"{number} {kind}{', cold' * (kind == 'forkserver' and not start)}: seconds", seconds


def memory_by_hand(workers):
    """Bytes by PSS that each worker of a pool adds to a program and all below it, once it has done a task.

    The program holds the modules that ours holds: what a fork adds depends on what its parent has, and where (2.3 to
    2.8 MB here, 13 % apart for the same modules).
    """
    for kind in KINDS:
        command = [sys.executable, "-P", "-c", HOLDS, kind, str(workers)]
        with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, bufsize=0) as program:
            program.stdout.read(1)
            before = _pss(program.pid)
            program.stdin.write(b".")
            program.stdout.read(1)
            yield f"{kind}: bytes", (_pss(program.pid) - before) / workers


def _pss(pid):
    own = Path(f"/proc/{pid}/smaps_rollup").read_text().partition("\nPss:")[2].split()[0]
    return 1024 * int(own) + sum(map(_pss, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def switches_by_hand(argument):
    """Voluntary switches of one of two workers that wait, or compute, at the same time."""
    fork = get_context("fork")
    for (function, amount), kind in itertools.product(((nap, NAPS), (primes, argument)), ("threads", "fork")):
        barrier, answers = (fork if kind == "fork" else threading).Barrier(2), SimpleQueue()
        make = fork.Process if kind == "fork" else threading.Thread
        workers = [make(target=_counted, args=(barrier, answers.put, function, amount)) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            yield f"{kind}, {function.__name__}: voluntary switches", answers.get()
            worker.join()


def nap(times):
    """Wait so often."""
    return [sleep(0.0005) for _ in range(times)]


def _counted(barrier, answer, function, argument):
    def switches():
        status = Path("/proc/thread-self/status").read_text()
        return int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])

    function(1)
    barrier.wait()
    before = switches()
    function(argument)
    answer(switches() - before)


def pingpong_by_hand():
    """Seconds there and back on one CPU: medians of the runs, in which each trip is timed, as ours are."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    for _ in range(ROUNDS):
        (their_in, our_out), (our_in, their_out) = os.pipe(), os.pipe()
        there, back = threading.Lock(), threading.Lock()
        there.acquire(), back.acquire()
        names = {"os": os} | locals()
        for answers in (ANSWERS.format(their_in, their_out), "while there.acquire(): back.release()"):
            threading.Thread(target=exec, args=(answers, dict(names)), daemon=True).start()
        yield "threads, pipe: seconds", _trip_s(BY_PIPE, names)
        yield "threads, lock: seconds", _trip_s("there.release(); back.acquire()", names)
        with subprocess.Popen([sys.executable, "-P", "-c", ANSWERS.format(0, 1)], stdin=PIPE, stdout=PIPE) as partner:
            ends = {"our_out": partner.stdin.fileno(), "our_in": partner.stdout.fileno()}
            yield "processes, pipe: seconds", _trip_s(BY_PIPE, names | ends)
            partner.stdin.close()


def _trip_s(statement, names):
    return statistics.median(timeit.repeat(statement, globals=names, number=1, repeat=TRIPS))


def pickling_by_hand():
    """Seconds until a process says that so many bytes are there, each size by a program of its own."""
    for size in SIZES:
        seconds = json.loads(subprocess.check_output([sys.executable, "-P", "-c", HANDS_OVER, str(size)]))
        yield f"{size} bytes: seconds", statistics.median(seconds[3:])


# By the laboratory: the same figures.


def speedup_of_ours(task, kinds, workers, **more):
    for row in _rows("speedup", task=task, kinds=list(kinds), workers=[workers], rounds=ROUNDS, **more):
        if row["cpu"] is None:
            yield f"{row['kind']}: seconds a task", row["wall_s"] / row["tasks"]
            yield f"{row['kind']}: speedup", row["speedup"]
            if task != "sleep":  # what is busy while all wait is the reporting
                yield f"{row['kind']}: cores busy", row["cores_busy"]


def advice_of_ours(workers):
    rows = _rows("advise", task="sleep", task_ms=1000 * WAIT_S, kinds=list(WAITING), within_s=4)
    alone_s = statistics.median(row["wall_s"] / row["tasks"] for row in rows if row["kind"] == "serial")
    for row in [row for row in rows if row["workers"] == workers]:
        yield f"{row['kind']}: speedup", alone_s * row["tasks"] / row["wall_s"]


def starting_of_ours():
    for row in _rows("startup", kinds=list(KINDS), workers=[1, 2], starts=STARTS, rounds=1):
        yield f"{row['workers']} {row['kind']}{', cold' * row['cold']}: seconds", row["answer_s"]


def memory_of_ours(workers):
    for row in _rows("memory", kinds=list(KINDS), workers=[workers], rounds=1):
        yield f"{row['kind']}: bytes", (row["pss_bytes"] - row["pss_before_bytes"]) / workers


def switches_of_ours(argument):
    from conc_lab.engine import tasks
    from conc_lab.experiments.switches import measure

    works = ("nap", tasks.sleep_often, NAPS), ("primes", primes, argument)
    for (name, function, amount), kind in itertools.product(works, ("threads", "fork")):
        _, before, after = measure.run_together(kind, 2, function, amount)
        for first, last in zip(before, after, strict=True):
            yield f"{kind}, {name}: voluntary switches", last.voluntary_switches - first.voluntary_switches


def pingpong_of_ours():
    for row in _rows("pingpong", run_ms=100, rounds=ROUNDS):
        if row["place"] == "same CPU":
            yield f"{row['kind']}, {row['primitive']}: seconds", row["round_trip_us"] / 1e6


def pickling_of_ours():
    asked = {"sizes_kb": [size // 1000 for size in SIZES], "kinds": ["fork"], "channels": ["pickle"], "chunks": [1]}
    for row in _rows("transfer", **asked, rounds=1):
        if row["channel"] == "pickle":
            yield f"{row['size_bytes']} bytes: seconds", row["handover_s"]


def _rows(experiment, **params):
    from conc_lab.engine import run

    return run.run(experiment, params).rows


# Both, in turn.


def alone(function, *args):
    """What a function of this file returns in a fresh Python."""
    return json.loads(subprocess.check_output([sys.executable, "-P", "-c", ALONE, function.__name__, json.dumps(args)]))


def band(readings):
    """(low, high) of the medians of ratios of consecutive readings, drawn anew; see above."""
    ratios, chance = [log(after / before) for before, after in itertools.pairwise(readings)], random.Random(0)
    draws = [[chance.choice((1, -1)) * chance.choice(ratios) for _ in readings] for _ in range(DRAWS)]
    medians = sorted(map(statistics.median, draws))
    return exp(medians[DRAWS // 40]), exp(medians[-DRAWS // 40])


def compare(part, ours, theirs):
    """Read both so often, in turn, and print a line for each figure that both have."""
    figures = {}
    for turn in range(PAIRS):
        for read in (ours, theirs) if turn % 2 else (theirs, ours):
            for name, same in itertools.groupby(sorted(read()), itemgetter(0)):
                values = [value for _, value in same]
                figures.setdefault(name, {ours: [], theirs: []})[read].append(statistics.median(values))
    for name, (our, their) in ((name, both.values()) for name, both in figures.items() if all(both.values())):
        line = f"{part}, {name}: ours {statistics.median(our):.4g}, theirs {statistics.median(their):.4g}"
        if min(our + their) > 0:
            ratio = statistics.median(a / b for a, b in zip(our, their, strict=True))
            low, high = band(our)
            within = min(low, 1 - TARGET) <= ratio <= max(high, 1 + TARGET)
            line += f", ratio {ratio:.3f}, band {low:.3f} to {high:.3f}: {'within' if within else 'outside'}"
        print(line, flush=True)


def speedup(part="speedup", name="primes", kinds=("threads", "fork")):
    """Two workers that compute."""
    from conc_lab.engine.tasks import calibrate

    argument = calibrate(globals()[name], TASK_S)
    os.environ["READINGS_ARGUMENT"] = str(argument)
    ours = partial(speedup_of_ours, f"benchmark_readings:{name}", kinds, 2)
    compare(part, ours, partial(alone, speedup_by_hand, name, argument, kinds, 2, TASKS))


def hashing():
    """Two threads that hash."""
    speedup("hashing", "digest", ["threads"])


def waiting():
    """60 threads or coroutines that wait."""
    ours = partial(speedup_of_ours, "sleep", WAITING, 60, task_ms=1000 * WAIT_S)
    compare("waiting", ours, partial(alone, speedup_by_hand, "sleep", WAIT_S, WAITING, 60, 240))


def advising():
    """The same in an advice; as many workers and waits as it chooses."""
    theirs = partial(alone, speedup_by_hand, "sleep", WAIT_S, WAITING, 64, 1280)
    compare("advising", partial(advice_of_ours, 64), theirs)


def starting():
    """One worker, and two together."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "program.py").write_text(STARTS_WORKERS)
        compare("starting", starting_of_ours, partial(starting_by_hand, Path(folder, "program.py")))


def memory():
    """Four workers of a program in whose memory all lies where chance puts it: a fork copies whole pages."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "sitecustomize.py").write_text(SCATTERED)  # which every Python runs at its start
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH"))))
        compare("memory", partial(memory_of_ours, 4), partial(memory_by_hand, 4))


def switches():
    """Two workers that wait, or that compute."""
    from conc_lab.engine.tasks import calibrate

    argument = calibrate(primes, COMPUTING_S)
    compare("switches", partial(alone, switches_of_ours, argument), partial(alone, switches_by_hand, argument))


def pingpong():
    """Two workers on one CPU."""
    compare("pingpong", pingpong_of_ours, partial(alone, pingpong_by_hand))


def pickling():
    """Pickles through a pipe, each size by a program of its own."""
    compare("pickling", pickling_of_ours, pickling_by_hand)


if __name__ == "__main__":
    os.chdir(TESTS)  # where the laboratory finds the tasks
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(TESTS), os.environ.get("PYTHONPATH"))))
    for part in (speedup, hashing, waiting, advising, starting, memory, switches, pingpong, pickling):
        if not sys.argv[1:] or part.__name__ in sys.argv[1:]:
            part()
