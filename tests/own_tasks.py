"""Tasks as a student writes them, most of them broken in one way: `task="own_tasks:raises"`."""

import multiprocessing
import os
import signal
import sys
import threading


class TwoArguments(Exception):
    """Cannot be unpickled: its `args` do not fit its __init__."""

    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


def fine():
    print("a print of a task that works")
    return 42


def raises():
    raise ValueError("broken on purpose")


def raises_two_arguments():
    raise TwoArguments("one", "two")


def exits():
    sys.exit(7)


async def exits_async():
    sys.exit(7)


def exits_in_worker():
    if in_worker():
        sys.exit(7)
    return 1


def leaves_with_3():
    os._exit(3)


def kills_itself():
    os.kill(os.getpid(), signal.SIGKILL)


def kills_its_worker():
    if in_worker():
        kills_itself()
    return 1


def kills_the_child_from_a_worker():
    if in_worker():  # not os.getppid(): once another worker has done it, that is somebody else
        os.kill(multiprocessing.parent_process().pid, signal.SIGKILL)
        threading.Event().wait()
    return 1


def writes_half_an_event_and_dies():
    for number in range(3, 20):
        try:
            os.write(number, b'{"event": "ro')
        except OSError:
            continue
    kills_itself()


def never_returns():
    threading.Event().wait()


def ignores_sigterm():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("deaf now", flush=True)
    never_returns()


def ignores_sigterm_with_a_lock():
    kept.append(multiprocessing.get_context("spawn").Lock())
    ignores_sigterm()


def prints_and_raises():
    print('{"event": "row", "row": {"printed": true}}', flush=True)
    raises()


def prints_10_mb():
    sys.stdout.write("x" * 10_000_000)
    sys.stdout.flush()
    return 1


def prints_10_mb_and_raises():
    prints_10_mb()
    print("the last line", flush=True)
    raises()


def prints_bytes_that_are_no_text():
    os.write(1, b"\xff\xfe\x00 and then")
    raises()


def leaves_a_thread():
    if not in_worker():
        threading.Thread(target=never_returns).start()
    return 1


def pid():
    return os.getpid()


def takes_a_lock(lock):
    return 1


takes_a_lock_item = threading.Lock


def returns_a_lock():
    return kept_lock


class NoPickleTakesIt:
    def __reduce__(self):
        raise NotImplementedError


def returns_what_no_pickle_takes():
    return NoPickleTakesIt()


def fails_in_threads():
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("not in the main thread")
    return 1


def counts_up():
    kept.append(1)
    return len(kept)


def notes_its_process():
    append(os.environ["NOTES"], f"{os.getpid()}\n")
    return 1


def machine_that_forks_once():
    """After the serial run, this process can fork one more time only."""
    if in_worker():
        return 1
    fork, forks = os.fork, []

    def forks_once():
        if forks:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        forks.append(1)
        return fork()

    os.fork = forks_once
    return 1


def identity():
    return os.getpid(), threading.get_native_id()


def append(path, text):
    """Also a unit of work that leaves a trace."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, text.encode())
    os.close(descriptor)


def in_worker():
    return multiprocessing.parent_process() is not None


not_callable = 3
kept = []
kept_lock = threading.Lock()
