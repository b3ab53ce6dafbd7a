"""The program that starts workers of one kind, several times in a row, and what its workers do: say who they are.

A fork takes longer the more the program holds, and processes and interpreters import this module: it imports little.
"""

import os
import sys
from time import perf_counter_ns


def identity() -> bytes:
    """This process's id, and whether this process ran the program's main file itself."""
    pid = os.getpid()  # the main module of a worker's program is "__mp_main__" to it
    return b"%d %d" % (pid, getattr(sys.modules.get("__mp_main__"), "pid", None) == pid)  # quick: it is timed


def answer(connection) -> None:
    """Send the `identity`: the worker's first answer."""
    connection.send_bytes(identity())


def answer_from_interpreter(connection) -> None:
    """`answer` out of a new subinterpreter, which lives and ends in this thread."""
    from concurrent import interpreters

    try:
        interpreter = interpreters.create()
        connection.send_bytes(interpreter.call(identity))
        interpreter.close()
    except BaseException:
        connection.close()  # nobody waits forever; the traceback goes to stderr
        raise


def main() -> None:
    """Say (see engine/helper) what `timed` returned for each start, or what went wrong, when all are over.

    Its arguments, in this order: the kind, how many workers start together, how often, the main file that this
    program is to seem to have, and what it imports. They are plain words: json and helper would be more to fork.
    """
    kind, workers, starts, main_file, imports = sys.argv[1:]
    sys.modules["__main__"].__file__ = main_file  # spawn and forkserver take it from there
    try:
        if imports != "nothing":
            __import__(imports)
        rows = [timed(kind, int(workers)) for _ in range(int(starts))]
    except EOFError:
        rows = {"error": f"a worker ({kind}) ended before it answered; ask for fewer workers"}
    except BaseException as error:
        from ...engine.errors import in_one_line

        rows = {"error": in_one_line(error)}
    from ...engine import helper

    helper.say(rows)


def timed(kind: str, workers: int) -> dict:
    """One start of so many workers together: start_s, answer_s, end_s, new_process and ran_main of a row.

    Raises EOFError when a worker ends before it answers.
    """
    import multiprocessing
    import threading

    inside = kind in ("threads", "interpreters")
    context = multiprocessing.get_context(None if inside else kind)
    reader, writer = context.Pipe(duplex=False)
    make = threading.Thread if inside else context.Process
    target = answer_from_interpreter if kind == "interpreters" else answer
    made = []
    with reader, writer:
        try:
            asked = perf_counter_ns()
            for _ in range(workers):
                worker = make(target=target, args=(writer,))
                worker.start()
                made.append(worker)
            started = perf_counter_ns()
            if not inside:
                writer.close()  # else a worker that dies would be waited for
            answers = [reader.recv_bytes() for _ in made]
            answered = perf_counter_ns()
        finally:
            for worker in made:
                worker.join()
            gone = perf_counter_ns()
    pids, ran = zip(*(map(int, each.split()) for each in answers), strict=True)
    row = {"start_s": (started - asked) / 1e9, "answer_s": (answered - asked) / 1e9, "end_s": (gone - answered) / 1e9}
    return row | {"new_process": os.getpid() not in pids, "ran_main": all(ran)}
