"""A model of workers, CPUs and the lock, as a discrete-event simulation: who runs when, if they behave by the rules.

A computing thread takes the lock (the GIL), then a CPU. It gives both back when it is done, or when somebody has waited
for one of them for a switch interval. Both go to whoever has waited longest. A real lock is not fair: the operating
system decides which of several waiting threads gets it, and some threads get it seldom. Turns are the order that
favors nobody, and with two threads they are what CPython forces: a thread that lets go because another one waits does
not get the lock back before the other has had it. Left out are the CPU time that the parent needs, how a real system
moves and wakes threads, and shared hardware. What workers cost beyond the work comes in as `Costs`.
"""

import math
from collections import deque, namedtuple

from simpy import Environment, PriorityStore

SWITCH_S = 0.005  # sys.getswitchinterval()'s default; also how long a worker keeps a CPU that others wait for
TINY_S = 1e-9  # less than any time that counts, more than what sums of floats are off by

# A task: seconds of bytecode, of computing with the GIL released, and of a wait, in this order.
Work = namedtuple("Work", "bytecode_s released_s waits_s", defaults=(0, 0))
# Of a kind of worker: what its parent takes to hand a task over, for one task after the other, and what the worker
# takes then; the CPU time of computing as a multiple of what it takes alone.
Costs = namedtuple("Costs", "handover_s cpu_cost", defaults=(0, 1))
NO_COSTS = Costs()
# A row as the timeline has it, with what the worker does, as the player knows it: "runs", waits for the "lock" or for a
# "cpu", or "waits" by itself; share: the part of the block in which it ran.
Block = namedtuple("Block", "worker start_ms end_ms state share cpu task")
# A run, from the first hand-over to the last result; held: (worker, start_ms, end_ms) of who held the lock.
Run = namedtuple("Run", "wall_s speedup cores_busy blocks held")


def simulate(work: Work, kind: str, workers: int, cpus: int, tasks: int, costs=NO_COSTS, gil=True) -> Run:
    """Let so many workers of a kind do the tasks on so many CPUs.

    Threads share one lock, where there is a GIL; every other kind of worker has an interpreter for itself. Coroutines
    share their one thread instead, which plays the lock, and leave it only to wait.
    """
    world, queue, blocks, held = Environment(), deque(range(tasks)), [], []
    lock, free = PriorityStore(world), PriorityStore(world)
    lock.items, free.items = [0], list(range(cpus))
    one_thread = kind in ("asyncio", "serial")
    # A lock that nobody shares keeps nobody waiting, and is left out.
    shared = lock if one_thread or (kind == "threads" and gil) else None

    def note(since, state, worker, task, cpu=None):
        if world.now > since:
            blocks.append(Block(worker, 1e3 * since, 1e3 * world.now, state, float(state == "runs"), cpu, task))
        return world.now

    def take(store):
        """The lowest of its numbers, when there is one: who has waited longest is the first to get one."""
        request = store.get()
        request.since = world.now
        return request

    def compute(left, lock, *who):
        while left > TINY_S:
            asked, key = world.now, lock and (yield take(lock))
            taken = note(asked, "lock", *who)
            cpu = yield take(free)
            began = note(taken, "cpu", *who)
            due = math.inf if one_thread else began + SWITCH_S
            while left > TINY_S and due > world.now + TINY_S:
                ran = min(left, due - world.now)
                yield world.timeout(ran)
                left -= ran
                wanted = [store.get_queue[0].since for store in (lock, free) if store and store.get_queue]
                due = max(due, min([*wanted, world.now]) + SWITCH_S)  # not before others have waited for that long
            note(began, "runs", *who, cpu)
            free.put(cpu)
            if lock:
                held.append((who[0], 1e3 * taken, 1e3 * world.now))
                lock.put(key)

    def worker(number):
        while queue:
            task = queue.popleft()
            yield world.timeout(max(0, (task + 1) * costs.handover_s - world.now) + costs.handover_s)
            yield from compute(work.bytecode_s * costs.cpu_cost, shared, number, task)
            yield from compute(work.released_s * costs.cpu_cost, shared if one_thread else None, number, task)
            since = world.now
            yield world.timeout(work.waits_s)
            note(since, "waits", number, task)

    for number in range(workers):
        world.process(worker(number))
    world.run()
    busy_s = sum(block.end_ms - block.start_ms for block in blocks if block.state == "runs") / 1e3
    return Run(world.now, sum(work) * tasks / world.now, busy_s / world.now, blocks, held)
