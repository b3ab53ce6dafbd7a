"""A model of workers, CPUs, the lock and the parent, as a discrete-event simulation: who runs when, by the rules.

A computing thread takes the lock (the GIL), then a CPU. It gives both back when it is done, when somebody has waited
for the lock for a switch interval, or when somebody waits for a CPU and its turn is over. The lock goes to whoever has
waited longest, a CPU to whoever has had the least of it. A real lock is not fair: the operating system decides which of
several waiting threads gets it, and some threads get it seldom. Turns are the order that favors nobody, and with two
threads they are what CPython forces: a thread that releases it because another one waits does not get it back before
the other has had it.

The parent is one more that computes: it hands every task over, and takes every result from a process. So is what all
tasks share (a server, say), if they wait for such a thing: it answers together those that came while it was busy. What
workers cost beyond the work comes in as `Costs`.
"""

import math
from collections import deque, namedtuple
from heapq import heappop, heappush

from simpy import Environment, PriorityResource, Store

SWITCH_S = 0.005  # sys.getswitchinterval()'s default
TURN_S = 0.002  # how long one keeps a CPU that others wait for; Linux on two CPUs: 1.4 ms, up to the next tick
TINY_S = 1e-9  # less than any time that counts, more than what sums of floats are off by

# A task: seconds of bytecode, of computing with the GIL released, of a wait, and of a CPU in what all tasks share.
Work = namedtuple("Work", "bytecode_s released_s waits_s shared_s", defaults=(0, 0, 0))
# Of a kind of worker: what the worker takes to get a task and to give its result back; the CPU time of computing as a
# multiple of what it takes alone; what the parent takes for a task; how many tasks go into one message.
Costs = namedtuple("Costs", "handover_s cpu_cost parent_s chunk", defaults=(0, 1, 0, 1))
NO_COSTS = Costs()
# A row as the timeline has it, with what the worker does, as the player knows it: "runs", waits for the "lock" or for a
# "cpu", or "waits" by itself; share: the part of the block in which it ran.
Block = namedtuple("Block", "worker start_ms end_ms state share cpu task")
# A run, from the first hand-over to the last result; held: (worker, start_ms, end_ms) of who held the lock.
Run = namedtuple("Run", "wall_s speedup cores_busy blocks held")


def simulate(work: Work, kind: str, workers: int, cpus: int, tasks: int, costs=NO_COSTS, gil=True) -> Run:
    """Let so many workers of a kind do the tasks on so many CPUs.

    Threads share one lock, where there is a GIL; every other kind of worker has an interpreter for itself. Coroutines
    share their one thread instead, which plays the lock, and leave it only to wait. The tasks of a message (see
    `Costs`) count as one large task.
    """
    world, blocks, held = Environment(), [], []
    lock, free, idle = PriorityResource(world), PriorityResource(world, cpus), list(range(cpus))
    one_thread, count = kind in ("asyncio", "serial"), math.ceil(tasks / costs.chunk)
    # A lock that nobody shares keeps nobody waiting, and is left out.
    shared = lock if one_thread or (kind == "threads" and gil) else None
    used = [0.0] * (workers + 2)  # of a CPU, by the workers; the last two: the parent, and what all tasks share
    waiting, handed, asked, done = deque(range(count)), Store(world), Store(world), Store(world)

    def note(since, state, worker, task, cpu=None):
        if world.now > since and worker < workers:
            blocks.append(Block(worker, 1e3 * since, 1e3 * world.now, state, float(state == "runs"), cpu, task))
        return world.now

    def compute(left, lock, who, task=None):
        while left > TINY_S:
            began, limits = world.now, []  # since when it has what others may want, their queue, for how long it may
            if lock:
                yield (key := lock.request())
                limits.append((world.now, lock.queue, SWITCH_S))
            taken = note(began, "lock", who, task)
            yield (place := free.request(priority=used[who]))
            cpu, began = heappop(idle), note(taken, "cpu", who, task)
            limits.append((began, free.queue, TURN_S))
            while left > TINY_S:
                ends = (max(since, queue[0].time if queue else world.now) + most for since, queue, most in limits)
                ran = left if one_thread else min(left, min(ends) - world.now)
                if ran <= TINY_S:
                    break
                yield world.timeout(ran)
                left -= ran
            used[who] += note(began, "runs", who, task, cpu) - began
            heappush(idle, cpu)
            free.release(place)
            if lock:
                lock.release(key)
                held.append((who, 1e3 * taken, 1e3 * world.now))

    def parent():
        """Hand tasks over: all of them, but to processes only as many as their queues hold; then take each result."""
        half_s = 0 if one_thread else costs.parent_s / 2
        for _ in range(count if shared else min(count, 2 * workers + 1)):
            yield from compute(half_s, shared, workers)
            yield handed.put(waiting.popleft())
        while True:
            yield done.get()
            yield from compute(half_s, shared, workers)
            if waiting:
                yield from compute(half_s, shared, workers)
                yield handed.put(waiting.popleft())

    def answer():
        """What all tasks share."""
        while True:
            batch = [(yield asked.get()), *asked.items]
            asked.items.clear()
            yield from compute(len(batch) * costs.chunk * work.shared_s, None, workers + 1)
            for one in batch:
                one.succeed()

    def worker(number):
        while True:
            task = yield handed.get()
            bytecode_s, released_s = (costs.chunk * costs.cpu_cost * part_s for part_s in work[:2])
            alone = one_thread or not shared  # nobody wants the lock while it computes without
            yield from compute(costs.handover_s + bytecode_s + alone * released_s, shared, number, task)
            yield from compute((not alone) * released_s, None, number, task)
            since = world.now
            if work.shared_s:
                yield asked.put(answered := world.event())
                yield answered
            yield world.timeout(costs.chunk * work.waits_s)
            note(since, "waits", number, task)
            yield done.put(task)

    for process in (parent(), answer(), *map(worker, range(workers))):
        world.process(process)
    world.run()
    wall_s, work_s = world.now, sum(work) * costs.chunk * count
    busy_s = sum(block.end_ms - block.start_ms for block in blocks if block.state == "runs") / 1e3
    return Run(wall_s, work_s / wall_s, busy_s / wall_s, blocks, [row for row in held if row[0] < workers])
