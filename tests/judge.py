"""How long many items take with bare executors, as a program would run them: `judge.py TASK ITEMS VARIANTS`.

VARIANTS is JSON, [[kind, workers, chunksize], …], where a kind of processes is a start method; each is timed three
times, in a shuffled order, the start of its workers included, and printed as JSON: [kind, workers, seconds].
"""

import asyncio
import json
import pickle
import random
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from itertools import cycle, islice
from multiprocessing import get_context
from time import perf_counter

from conc_lab.engine import find_task

ROUNDS = 3


def applied(function, args):
    return function(*args)


async def overlapped(coroutine, args, items, limit):
    left = iter(range(items))

    async def worker():
        for _ in left:
            await coroutine(*args)

    await asyncio.gather(*(worker() for _ in range(limit)))


def seconds(task, args, items, kind, workers, chunk):
    """Wall seconds for `items` items; a process gets distinct objects, as pickle sends one that comes twice once."""
    copies = [args] if chunk == 1 else [pickle.loads(pickle.dumps(args)) for _ in range(chunk)]
    start = perf_counter()
    if kind == "serial":
        for _ in range(items):
            task.function(*args)
    elif kind == "asyncio":
        asyncio.run(overlapped(task.coroutine, args, items, workers))
    else:
        threads = kind == "threads"
        with ThreadPoolExecutor(workers) if threads else ProcessPoolExecutor(workers, get_context(kind)) as pool:
            for _ in pool.map(partial(applied, task.function), islice(cycle(copies), items), chunksize=chunk):
                pass
    return perf_counter() - start


def main():
    name, items, variants = sys.argv[1:]
    task = find_task.find(name)
    with task.prepare(0.01) as args:
        task.function(*args)
        for _ in range(ROUNDS):
            for kind, workers, chunk in random.sample(json.loads(variants), len(json.loads(variants))):
                print(json.dumps([kind, workers, seconds(task, args, int(items), kind, workers, chunk)]))


if __name__ == "__main__":
    main()
