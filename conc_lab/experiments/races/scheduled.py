"""Updates in a set order by two real threads: each waits for its turn before each of its steps.

The steps are those of modelling/schedule.py.
"""

from contextlib import nullcontext
from threading import Lock, Semaphore, Thread
from types import SimpleNamespace


def scheduled(rule: str, updates: int, lock: bool, order) -> list[int]:
    """The count before and after each step of two threads with so many updates each; order: 0 or 1, whose step is next.

    Where the order ends, both threads go on by themselves until they are done.
    """
    shared, turns, done = SimpleNamespace(count=0), (Semaphore(0), Semaphore(0)), Semaphore(0)
    guard, counts = Lock() if lock else nullcontext(), [0]

    def work(number):
        def switch():  # a step ends, and the next one begins
            done.release()
            turns[number].acquire()
            return 1

        turns[number].acquire()
        for _ in range(updates):
            with guard:
                if lock:
                    switch()
                if rule == "plain":
                    shared.count += 1
                elif rule == "call":
                    shared.count += switch()
                else:
                    own = shared.count + switch()  # the call ends the step that reads
                    switch()
                    shared.count = own
            switch()

    for number in (0, 1):
        Thread(target=work, args=(number,), daemon=True).start()
    for number in order:
        turns[number].release()
        done.acquire()
        counts.append(shared.count)
    for turn in turns:
        turn.release(1 + 4 * updates)
    return counts
