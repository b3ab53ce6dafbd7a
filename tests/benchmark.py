"""The laboratory's own costs, as ratios taken side by side: `.venv/bin/python tests/benchmark.py`.

Words on the command line name the parts: importing, waiting, computing, cores_busy, without_the_gil, stopping,
repeating, many_rows, claiming, dask. With `advise` it scores the advice instead, with `scripts` its predictions
against the exported scripts; words after it name the cases.
Not a test: the figures depend on the machine. Close other programs first.
"""

import contextlib
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

PAIRS = 9
REPEATS = 5

BY_HAND = """
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter, sleep
with ThreadPoolExecutor(8) as pool:
    list(pool.map(sleep, [0.01] * 8))
    start = perf_counter()
    futures = [pool.submit(sleep, 0.01) for _ in range(64)]
    [future.result() for future in futures]
    print(perf_counter() - start)
"""

LABORATORY = """
from conc_lab.engine import tasks
from conc_lab.experiments.speedup.measure import timed
print(timed(tasks.TASKS["sleep"], (0.01,), 0.01, 64, "threads", 8)["wall_s"])
"""

BARE = "pass"
IMPORT = "import conc_lab"


def seconds(code):
    """What a fresh interpreter prints when it runs the code."""
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def start_up(code):
    """Wall seconds of a fresh interpreter."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-P", "-c", code], check=True)
    return time.perf_counter() - start


def say(what, values, target):
    print(f"{what}: median {statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f}); target {target}")


def waiting():
    """The timed section of 64 waits of 10 ms by 8 threads, against the same written by hand."""
    ratios = [seconds(LABORATORY) / seconds(BY_HAND) for _ in range(PAIRS)]
    say("waiting tasks, laboratory / by hand", ratios, "<= 1.05")


def computing():
    """Throughput of 64 computing tasks on two processes, against a bare warm pool in the same rounds."""
    from conc_lab.engine import tasks
    from conc_lab.experiments.speedup.measure import timed

    task = tasks.TASKS["count_primes"]
    with task.prepare(0.01) as args:
        expected = task.function(*args)

        def bare():
            with ProcessPoolExecutor(2, get_context("fork")) as pool:
                list(pool.map(task.function, [args[0]] * 8))
                start = time.perf_counter()
                futures = [pool.submit(task.function, *args) for _ in range(64)]
                assert all(future.result() == expected for future in futures)
                return time.perf_counter() - start

        def laboratory():
            return timed(task, args, expected, 64, "fork", 2)["wall_s"]

        ratios = []
        for number in range(2 * PAIRS):
            first, second = (bare, laboratory) if number % 2 else (laboratory, bare)
            times = {first: first(), second: second()}
            ratios.append(times[bare] / times[laboratory])
    say("computing tasks, throughput of laboratory / bare pool", ratios, ">= 0.97")


def importing():
    """What `import conc_lab` adds to the start of a bare interpreter."""
    added = []
    for _ in range(PAIRS):
        bare = start_up(BARE)
        added.append(1000 * (start_up(IMPORT) - bare))
    say("import conc_lab, ms added to a bare start", added, "<= 30")


def cores_busy():
    """Cores busy of two workers of pure Python, in five runs."""
    from conc_lab.engine import run
    from conc_lab.experiments.speedup.chart import summary

    for number in range(5):
        result = run.run("speedup", {"task": "count_primes", "workers": [2]})
        busy = dict(summary(result).set_index("kind").cores_busy)
        print(
            f"run {number + 1}, cores busy: two processes {busy['processes']:.2f} (target >= 1.7), "
            f"two threads {busy['threads']:.2f} (target 0.95 to 1.02)"
        )


def without_the_gil():
    """Cores busy of two free-threaded threads, and of two subinterpreters, over those of two processes beside them."""
    from conc_lab.engine import run

    for python, kind in (("free-threaded", "threads"), ("3.14", "interpreters")):
        ratios = []
        for _ in range(REPEATS):
            params = {"task": "count_primes", "workers": [2], "kinds": [kind, "processes"]}
            busy = run.run("speedup", params, python=python).shown.pivot_table("cores_busy", "round", "kind")
            ratios.append((busy[kind] / busy.processes).median())
        say(f"without the GIL: cores busy, {kind} ({python}) / processes", ratios, ">= 0.9")


def repeating():
    """Five runs each: memory's figures and start-up's ratios against their medians, and whether tables are equal."""
    from conc_lab.engine import run
    from conc_lab.experiments.memory import chart as memory
    from conc_lab.experiments.startup import chart as startup

    def spread(figures):
        """The largest distance from the median, in parts of it, for every name."""
        for name in figures[0]:
            middle = statistics.median(found[name] for found in figures)
            yield name, middle, max(abs(found[name] / middle - 1) for found in figures)

    added = []
    for _ in range(REPEATS):
        lines = memory.summary(run.run("memory", {"workers": [1, 4]}))
        added.append(dict(lines.set_index(["kind", "workers"]).added_bytes))
    for (kind, workers), middle, off in spread(added):
        print(f"memory, {workers} {kind}: {middle / 1e6:.2f} MB ± {off:.1%} (target ± 3 %)")
    ratios = []
    for _ in range(REPEATS):
        lines = startup.summary(run.run("startup", {}))
        lines = lines[lines.kind != "threads"].set_index(["kind", "cold", "workers"])
        ratios.append(dict(lines.against_thread))
    for (kind, cold, workers), middle, off in spread(ratios):
        what = f"{workers} {kind}{', cold' if cold else ''}"
        print(f"start-up, {what}: {middle:.0f} times a thread ± {off:.0%} (target ± 30 %)")
    for name, params in (("sharing", {"kinds": ["threads", "fork", "forkserver", "spawn"]}), ("faults", {})):
        tables = [json.dumps(_without_ids(run.run(name, params).rows)) for _ in range(REPEATS)]
        print(f"{name}: {len(set(tables))} different tables in {REPEATS} runs (target 1)")


def _without_ids(rows):
    """Rows of a table without what a process or a file is called, which differs in every run."""
    return [{key: value for key, value in row.items() if key != "evidence"} for row in rows]


def many_rows():
    """Seconds to load, to draw and to gather a result of 100,000 rows of each experiment that has rounds."""
    import test_many_rows

    from conc_lab.drawing import picture
    from conc_lab.engine import experiment, result
    from conc_lab.student.class_results import gather

    test_many_rows.ROWS = 100_000
    for name in [name for name in experiment.names() if "round" in experiment.columns(name)]:
        with tempfile.TemporaryDirectory() as folder:
            path = test_many_rows.many(name).save(Path(folder, "many.json"))
            marks = [time.perf_counter()]
            loaded = result.load(path)
            marks.append(time.perf_counter())
            picture.show(loaded)
            marks.append(time.perf_counter())
            gather(folder)
            marks.append(time.perf_counter())
        load_s, draw_s, gather_s = (after - before for before, after in itertools.pairwise(marks))
        print(
            f"{name}, {len(loaded.rows)} rows: load {load_s:.1f}, draw {draw_s:.1f}, gather {gather_s:.1f} s (target 2)"
        )


def claiming():
    """Seconds of `python -m conc_lab claims` where nothing has been measured."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", "conc_lab", "claims"], cwd=folder, capture_output=True, text=True)
        print(done.stdout)
        print(f"claims, all measured: {time.perf_counter() - start:.0f} s (target <= 120)")


def stopping():
    """From Run to the first progress, and from Stop to an empty session, by start method."""
    from conc_lab.engine import kinds, run, session
    from conc_lab.engine.errors import RunStopped

    for method in kinds.start_methods():
        first, stopped = [], []
        for _ in range(PAIRS):
            held = []
            under_way = threading.Event()
            start = time.perf_counter()

            arrivals = []

            def progress(fraction, doing, left_s, arrivals=arrivals, under_way=under_way):
                arrivals.append(time.perf_counter())
                if fraction > 0.1:
                    under_way.set()

            def work(held=held, method=method, progress=progress, stopped=stopped):
                try:
                    params = {"task": "sleep", "workers": [4], "kinds": [method]}
                    run.run("speedup", params, on_start=held.append, on_progress=progress)
                except RunStopped:
                    stopped.append(time.perf_counter())

            thread = threading.Thread(target=work)
            thread.start()
            under_way.wait(60)
            before = time.perf_counter()
            held[0].stop()
            thread.join()
            stopped[-1] -= before
            first.append(arrivals[0] - start)
            assert not session.alive(held[0].pid)
        say(f"{method}: Run to first progress, s", first, "<= 0.5")
        say(f"{method}: Stop to idle with no process left, s", stopped, "<= 1")


# What is advised: (task, items), so many that a loop takes about a second, and two of very few.
CASES = {
    "python, long": ("advised_tasks:python_long", 20),
    "python, short": ("advised_tasks:python_short", 1500),
    "python, few items": ("advised_tasks:python_short", 5),
    "hashing": ("advised_tasks:hashing", 100),
    "zlib": ("advised_tasks:compressing", 200),
    "NumPy": ("advised_tasks:matrices", 300),
    "sleeping": ("advised_tasks:sleeping", 60),
    "HTTP": ("http", 100),
    "HTTP, few items": ("http", 3),
    "tiny tasks": ("advised_tasks:tiny", 100_000),
    "large arguments": ("advised_tasks:large_argument", 300),
    "large results": ("advised_tasks:large_result", 60),
    "unpicklable arguments": ("advised_tasks:unpicklable_argument", 300),
    "computes in a lock": ("advised_tasks:holds_lock", 1500),
    "waits in a lock": ("advised_tasks:waits_in_lock", 50),
    "mixed": ("advised_tasks:mixed", 80),
}
# Timed beside what is advised of each kind.
USUAL = [("serial", 1), ("threads", 2), ("threads", 32), ("asyncio", 64), ("processes", 2), ("processes", 8)]


def advice(*names):
    """The advised variant's time against the best of all variants that bare executors ran, case by case."""
    from conc_lab.drawing.picture import show
    from conc_lab.engine import run, session
    from conc_lab.engine.errors import LabError
    from conc_lab.experiments.advise.chart import choices, chunksize, fits, predicted_s

    tests = Path(__file__).parent
    os.chdir(tests)
    hits = []
    for name in names or CASES:
        task, items = CASES[name]
        begun = time.perf_counter()
        try:
            result = run.run("advise", {"task": task, "items": items})
        except LabError as error:
            hits.append(False)
            print(f"{name}, {items} items: MISS, refused: {error}", flush=True)
            continue
        took_s = time.perf_counter() - begun
        found = fits(result.frame)
        seconds = predicted_s(found, [items])
        found["predicted_s"] = seconds.iloc[0]
        chosen = found.loc[choices(seconds)[items]]
        advised = (chosen.kind, int(chosen.workers))
        fastest = found.sort_values("predicted_s").drop_duplicates("kind").set_index("kind", drop=False)
        wanted = {advised, *zip(fastest.kind, map(int, fastest.workers), strict=True)}
        usual = [(result.processes if kind == "processes" else kind, workers) for kind, workers in USUAL]
        wanted |= {(kind, workers) for kind, workers in usual if kind in fastest.index}
        chunks = [chunksize(fastest.assign(workers=workers).loc[kind], items) for kind, workers in wanted]
        variants = json.dumps([[*two, chunk] for two, chunk in zip(wanted, chunks, strict=True)])
        command = [sys.executable, str(tests / "judge.py"), task, str(items), variants]
        done = subprocess.run(command, env=os.environ | session.ONE_THREAD, capture_output=True, text=True, check=True)
        times = {}
        for line in done.stdout.splitlines():
            kind, workers, seconds = json.loads(line)
            times.setdefault((kind, workers), []).append(seconds)
        medians = {variant: statistics.median(values) for variant, values in times.items()}
        best = min(medians, key=medians.get)
        ratio = medians[advised] / medians[best]
        hits.append(ratio <= 1.2)
        print(f"{name}, {items} items: {'hit' if hits[-1] else 'MISS'}, {ratio:.2f} x the best, {best};", end=" ")
        print(f"advised {advised} in {took_s:.1f} s, predicted {chosen.predicted_s:.3f} s")
        for variant in sorted(times, key=medians.get):
            print(f"    {variant}: {', '.join(f'{value:.3f}' for value in times[variant])} s")
        print("   ", show(result).sentence, flush=True)
    print(f"{sum(hits)} of {len(hits)} within 1.2 times the best")


# What is predicted and then run as an exported script: case: (name of the task, its cell). A case is a kind of worker.
COMPUTES = "def computes(number=320_000):\n    return sum(each * each for each in range(number))\n"  # 10 ms here
SLEEPS = "import time\n\ndef sleeps(seconds=0.02):\n    time.sleep(seconds)\n    return seconds\n"
AWAITS = "import asyncio\n\nasync def awaits(seconds=0.02):\n    await asyncio.sleep(seconds)\n    return seconds\n"
SCRIPTED = {"serial": ("computes", COMPUTES), "threads": ("sleeps", SLEEPS), "asyncio": ("awaits", AWAITS)}
SCRIPTED |= dict.fromkeys(("processes", "forkserver", "spawn", "interpreters"), SCRIPTED["serial"])
SCRIPT_ITEMS = 20, 200, 2000
SCRIPT_PAIRS = 5


def scripts(*cases):
    """Predicted seconds against those that the exported script prints, in pairs, for each number of items.

    Beside the ratios stands how far the script's own times were from their median (A/A). A number among the words is
    how many pairs there are.
    """
    from conc_lab.engine import kinds, run
    from conc_lab.experiments.advise import chart
    from conc_lab.student import export, own_task

    pairs = next((int(case) for case in cases if case.isdigit()), SCRIPT_PAIRS)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for kind in [case for case in cases if not case.isdigit()] or ["serial", *kinds.here(list(SCRIPTED)[1:])]:
            name, cell = SCRIPTED[kind]
            own_task.define(name, cell)
            predicted, printed = {}, {}
            for _ in range(pairs):
                asked = {"task": name, "items": max(SCRIPT_ITEMS), "within_s": 5}
                advice = run.run("advise", asked | ({} if kind == "serial" else {"kinds": [kind]}))
                for items in SCRIPT_ITEMS:
                    line = chart.best(advice, items).set_index("kind").loc[kind]
                    path = export.export(name, kind, items, workers=int(line.workers))
                    done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=True)
                    predicted.setdefault(items, []).append(line.predicted_s)
                    printed.setdefault(items, []).append(float(done.stdout.partition(" results in ")[2].split()[0]))
            for items in SCRIPT_ITEMS:
                middle = statistics.median(printed[items])
                ratios = [one / other for one, other in zip(predicted[items], printed[items], strict=True)]
                script = f"the script's {middle:.3f} s, A/A {min(printed[items]) / middle:.2f} to "
                script += f"{max(printed[items]) / middle:.2f}"
                say(f"{kind}, {items} items, {int(line.workers)} workers, predicted / {script}", ratios, "0.8 to 1.2")


BARE_DASK = """
import logging, os, tempfile, time
from distributed import Client
from conc_lab.engine import pools, tasks
from conc_lab.experiments.cluster.worker import nothing

def by_hand():
    options = {"silence_logs": logging.CRITICAL, "dashboard_address": "127.0.0.1:0", "host": "127.0.0.1"}
    with Client(n_workers=2, threads_per_worker=1, **options) as client:
        client.gather(client.map(nothing, range(200), pure=False))
        start = time.perf_counter()
        client.gather(client.map(nothing, range(COUNT), pure=False))
        return time.perf_counter() - start

def laboratory():
    task, calls = tasks.Task("nothing", tasks.OWN, "", nothing, None), [(number,) for number in range(COUNT)]
    with pools.opened("dask", 2) as pool:
        list(pool.map(task, calls[:200]))
        start = time.perf_counter()
        list(pool.map(task, calls))
        return time.perf_counter() - start

COUNT = 1000
for number in range(PAIRS):
    seconds = [way() for way in ((by_hand, laboratory), (laboratory, by_hand))[number % 2]]
    print(*seconds[:: (1, -1)[number % 2]])
"""


def dask():
    """A thousand tasks that do nothing on two Dask workers, against the same by `distributed` alone, in turns."""
    code = BARE_DASK.replace("PAIRS", str(PAIRS))
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    pairs = [list(map(float, line.split())) for line in done.stdout.splitlines()]
    say("dask, laboratory / by hand", [laboratory / by_hand for by_hand, laboratory in pairs], "<= 1.1")


if __name__ == "__main__":
    if sys.argv[1:2] in (["advise"], ["scripts"]):
        {"advise": advice, "scripts": scripts}[sys.argv[1]](*sys.argv[2:])
        sys.exit()
    parts = (importing, waiting, computing, cores_busy, without_the_gil)
    parts += (stopping, repeating, many_rows, claiming, dask)
    for part in parts:
        if not sys.argv[1:] or part.__name__ in sys.argv[1:]:
            part()
