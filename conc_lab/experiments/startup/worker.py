"""The program that starts workers by one way, several times in a row, and what its workers do: say who they are.

A fork copies what the program holds, and processes and interpreters import this module, so it imports little.
"""

import os
import sys
from time import perf_counter_ns


def identity() -> bytes:
    """This process's id, and whether this process ran the program's main file itself."""
    pid = os.getpid()
    main = sys.modules.get("__mp_main__")  # a worker's name for the main module of its program
    return b"%d 1" % pid if main and getattr(main, "pid", None) == pid else b"%d 0" % pid  # quick: it is timed


def answer(connection) -> None:
    """Send the `identity`: the worker's first answer."""
    connection.send_bytes(identity())


def answer_from_interpreter(connection) -> None:
    """`answer` out of a new subinterpreter, which lives and ends in this thread."""
    from concurrent import interpreters

    try:
        interpreter = interpreters.create()
        try:
            connection.send_bytes(interpreter.call(identity))
        finally:
            interpreter.close()
    except BaseException:
        connection.send_bytes(b"")  # nobody waits for ever; the traceback goes to stderr
        raise


def main() -> None:
    """Print a line of `timed` for each start, when all are over, or a line that begins with "error ".

    sys.argv: the way, how many workers start together, how often, the main file that their program is to have, and
    what this program imports.
    """
    from importlib import import_module

    from ...engine.errors import in_one_line

    way, workers, starts, path, imported = sys.argv[1:]
    sys.modules["__main__"].__file__ = path  # spawn and forkserver take it from there
    try:
        if imported != "nothing":
            import_module(imported)
        lines = [" ".join(map(str, timed(way, int(workers)))) for _ in range(int(starts))]
    except BaseException as error:
        lines = [f"error {in_one_line(error)}"]
    print(*lines, sep="\n")


def timed(way: str, workers: int) -> tuple[int, ...]:
    """One start of so many workers together.

    Nanoseconds from the first request until all were made, from it to the last answer, and from then until all were
    gone; 1 or 0: whether they were other processes, and whether each ran the main file.
    """
    import multiprocessing
    import threading

    from ...engine.errors import LabError, cannot_start

    processes = way not in ("thread", "interpreter")
    context = multiprocessing.get_context(way if processes else None)
    reader, writer = context.Pipe(duplex=False)
    make = context.Process if processes else threading.Thread
    target = answer_from_interpreter if way == "interpreter" else answer
    crew = []
    with reader, writer:
        try:
            asked = perf_counter_ns()
            for _ in range(workers):
                worker = make(target=target, args=(writer,))
                worker.start()
                crew.append(worker)
            started = perf_counter_ns()
            if processes:
                writer.close()  # else a worker that dies would be waited for
            answers = [reader.recv_bytes() for _ in crew]
            answered = perf_counter_ns()
        except EOFError:
            answers = [b""]
        except (OSError, RuntimeError) as error:
            raise LabError(cannot_start(f"{workers} workers by {way}", error)) from error
        finally:
            for worker in crew:
                worker.join()
            gone = perf_counter_ns()
    if b"" in answers:
        raise LabError(f"a worker started by {way} ended before it answered; ask for fewer workers")
    said = [tuple(map(int, item.split())) for item in answers]
    new_process = all(pid != os.getpid() for pid, _ in said)
    return started - asked, answered - asked, gone - answered, int(new_process), min(ran for _, ran in said)
