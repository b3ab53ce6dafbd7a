"""The child's end of a run: one JSON spec as its argument, events out as JSON lines.

Started as `-P -c "from conc_lab.engine.child import main; main()"`: with `-m`, spawned workers would import this
module again as their `__main__`. It has one thread until it forks.
"""

import json
import os
import signal
import sys
import threading
import time
import traceback

# Ends the whole session when stdin closes, that is, when the kernel is gone, whatever became of the child.
# It runs no task and ignores the SIGTERM that it sends itself (the runner's ends it, with all others), so that
# it is there to send the SIGKILL; the time between lets multiprocessing's resource tracker clean up.
WATCHDOG = 'read -r line; trap "" TERM; kill -TERM 0; sleep 1.5; rm -rf "$CONC_LAB_SCRATCH"; kill -KILL 0'


def main() -> None:
    """Run the experiment that the spec names and send its events: started; progress, row and round; done or failed."""
    for number in (signal.SIGINT, signal.SIGTERM):  # started from a widget callback, SIGINT may be ignored
        signal.signal(number, signal.SIG_DFL)
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)  # a line is written whole
    os.dup2(2, 1)  # what a task prints must not end up between the events
    spec, watchdog = json.loads(sys.argv.pop()), None
    sys.path.append(spec["folder"])  # a student's own task; last, so that no file of theirs hides a module

    def send(event, **fields):
        out.write(json.dumps({"event": event} | fields, allow_nan=False) + "\n")

    from . import experiment, machine
    from .errors import LabError, end_when_out_of_threads, in_one_line

    def fail(error):
        detail = error.detail if isinstance(error, LabError) else "".join(traceback.format_exception(error))
        send("failed", sentence=in_one_line(error, "the experiment"), detail=detail)

    end_when_out_of_threads(fail)
    try:
        watchdog = _start_watchdog()
        send("started", gil=machine.gil())
        for item in experiment.function(spec["experiment"])(**spec["params"]):
            if isinstance(item, experiment.Progress):
                send("progress", fraction=item.fraction, doing=item.doing)
                if item.round_done:
                    send("round")
                    time.sleep(spec["pause_s"])
            else:
                send("row", row=item)
        send("done")
    except BaseException as error:
        fail(error)
    if watchdog:
        os.kill(watchdog, signal.SIGKILL)
        os.waitpid(watchdog, 0)
    out.close()


def _start_watchdog():
    """Hand stdin to a process that outlives this one, and return its pid; on Windows, to a thread."""
    pid = None
    if os.name == "nt":
        kernel_end = os.dup(0)
        threading.Thread(target=_end_when_closed, args=(kernel_end,), daemon=True).start()
    else:
        quiet = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_WRONLY, 0) for number in (1, 2)]
        pid = os.posix_spawn("/bin/sh", ["sh", "-c", WATCHDOG], os.environ, file_actions=quiet)
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    return pid


def _end_when_closed(descriptor):
    os.read(descriptor, 1)
    import psutil

    for process in psutil.Process().children(recursive=True):
        process.kill()
    os._exit(1)
