"""The child's end of a run: one JSON spec as its argument, events out as JSON lines.

Started as `-P -c "from conc_lab.engine.child import main; main()"`: with `-m`, spawned workers would import this
module again as their `__main__`. It has one thread until it forks.
"""

import os
import signal
import sys
import threading

from . import helper

# Ends the whole session when stdin closes, that is, when the kernel is gone, whatever became of the child.
# It runs no task and ignores the SIGTERM that it sends itself (the runner's ends it, with all others), so that
# it is there to send the SIGKILL; the time between lets multiprocessing's resource tracker clean up.
WATCHDOG = 'read -r line; trap "" TERM; kill -TERM 0; sleep 1.5; rm -rf "$CONC_LAB_SCRATCH"; kill -KILL 0'


def main() -> None:
    """Run the experiment that the spec names and send its events: started; progress, row and round; done or failed."""
    for number in (signal.SIGINT, signal.SIGTERM):  # started from a widget callback, SIGINT may be ignored
        signal.signal(number, signal.SIG_DFL)
    helper.out = os.dup(1)
    os.dup2(2, 1)  # what a task prints must not end up between the events
    helper.run(_measure, "the experiment")


def _measure(name, params, folder, pause_s, scheduler):
    sys.path.append(folder)  # a student's own task; last, so that no file of theirs hides a module
    from . import experiment, kinds, this_python

    watchdog = _start_watchdog()
    helper.say({"event": "started", "gil": this_python.gil()})
    experiment.pause_s, kinds.scheduler = pause_s, scheduler
    if "dask" in params.get("kinds", ()):  # before any clock, and for all variants
        from . import dask_pool

        if scheduler:
            with dask_pool.connected(scheduler) as client:  # or the run ends here
                kinds.on_cluster = len(client.nthreads())
    for row in experiment.function(name)(**params):
        helper.say({"event": "row", "row": row})
    helper.say({"event": "done", "gil": this_python.gil()})
    if watchdog:
        os.kill(watchdog, signal.SIGKILL)
        os.waitpid(watchdog, 0)


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
