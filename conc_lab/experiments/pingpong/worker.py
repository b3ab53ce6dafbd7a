"""The other end of a round trip, and the threads that compute next to it."""

import os
import sys
import threading
from functools import partial

from ...engine import helper
from ...engine.tasks import count_primes


def answer(take, give, ended=()):
    """Give whenever something could be taken, until that is nothing or there is something in `ended`."""
    while take() and not ended:
        give()


def partner(threads=0, interval_us=5000):
    """Answer stdin on stdout, next to so many threads that compute, at this switch interval."""
    sys.setswitchinterval(interval_us / 1e6)
    for _ in range(threads):
        threading.Thread(target=count_primes, args=(sys.maxsize,), daemon=True).start()  # without end
    answer(partial(os.read, 0, 1), partial(os.write, 1, b"."))
    os._exit(0)  # daemon threads that compute would be in the way of an orderly end


main = partial(helper.run, partner)  # the program in a process of its own
