"""Updates in a set order by two real threads: each waits for its turn before each of its steps.

The steps are those of modelling/schedule.py. Started as a program of its own (engine/helper.py); says the count after
each step as a JSON list.
"""

from contextlib import nullcontext
from functools import partial
from threading import Lock, Semaphore, Thread
from types import SimpleNamespace

from ...engine import helper


def scheduled(rule, updates, lock, order):
    """Let two threads with so many updates each make their steps in this order, a list of 0 and 1."""
    shared, turns, done = SimpleNamespace(count=0), (Semaphore(0), Semaphore(0)), Semaphore(0)
    guard, counts = Lock() if lock else nullcontext(), []

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
                    own = shared.count
                    switch()
                    own = own + 1
                    switch()
                    shared.count = own
            switch()

    for number in (0, 1):
        Thread(target=work, args=(number,), daemon=True).start()  # the order may leave it in the middle
    for number in order:
        turns[number].release()
        done.acquire()
        counts.append(shared.count)
    helper.say(counts)


main = partial(helper.run, scheduled)
