"""Programs of ours, each in an interpreter of its own: who measures, what is measured or broken, and who answers.

A program is the function `main` of a module, which calls `run`. Its parameters are one JSON object in its arguments,
what it says are JSON lines on stdout.
"""

import json
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable

from .errors import LabError, cannot_start, fate, in_one_line

out = 1  # the descriptor that `say` writes to


def start(module: str, *arguments, python: str | None = None, **pipes) -> subprocess.Popen:
    """Start `main` of one of conc_lab's modules; its stdout is a pipe, other `pipes` as for Popen.

    python: the path of another Python than this one.
    arguments: a dict of parameters, or plain words for a program that must not load json and so does not call `run`.
    """
    words = [json.dumps(argument) if isinstance(argument, dict) else str(argument) for argument in arguments]
    command = [python or sys.executable, "-P", "-c", f"from conc_lab.{module} import main; main()", *words]
    try:
        return subprocess.Popen(command, stdout=subprocess.PIPE, **pipes)
    except OSError as error:
        raise LabError(cannot_start("a Python process", error)) from error


def heard(program: subprocess.Popen, what: str):
    """What the program says next; a LabError where that is {"error": a sentence}, or where the program ends."""
    line = program.stdout.readline()
    said = json.loads(line) if line else {"error": f"it ended with {fate(program.wait())}"}
    if isinstance(said, dict) and "error" in said:
        raise LabError(f"{what} could not go on: {said['error']}")
    return said


def run(work: Callable, what: str = "it") -> None:
    """The program's end: call `work` with its parameters, and say what went wrong if something did."""

    def fail(error):
        detail = error.detail if isinstance(error, LabError) else "".join(traceback.format_exception(error))
        say({"event": "failed", "error": in_one_line(error, what), "detail": detail})
        os._exit(1)

    def when_a_thread_ends(dead):  # a pool whose own thread ends because it could not start another never answers
        threading.__excepthook__(dead)
        if str(dead.exc_value) == "can't start new thread":
            fail(dead.exc_value)

    threading.excepthook = when_a_thread_ends
    try:
        work(**json.loads(sys.argv.pop()))
    except BaseException as error:
        fail(error)


def say(value) -> None:
    """Say a value as a JSON line."""
    os.write(out, json.dumps(value, allow_nan=False).encode() + b"\n")
