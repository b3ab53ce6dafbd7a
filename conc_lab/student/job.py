"""The state of a panel, without widgets: idle -> running -> done | failed | cancelled."""

import threading
import traceback
from collections.abc import Callable

from ..engine import run
from ..engine.errors import LabError, RunStopped


class Job:
    """Runs one experiment at a time in a thread of its own and tells `on_change` about every step.

    state: "idle", "running", "done", "failed" or "cancelled"; progress: (fraction, doing, left_s); error: the LabError
    of a failed run; result: a `Result` of the rounds completed so far, before the first round still those of an
    earlier run.
    """

    def __init__(self, on_change: Callable[["Job", set[str]], None]):
        self.state, self.progress, self.error, self.result = "idle", (0.0, "", None), None, None
        self._on_change, self._lock = on_change, threading.RLock()
        self._run, self._stopping = None, False

    def start(self, *what, **options) -> None:
        """Start a run, of what and with which options as for `run.run`; return immediately, also while one runs."""
        with self._lock:  # what the run tells waits until all of this is done
            if self.state != "running":  # else Run was pressed twice
                self._run, self._stopping = None, False
                threading.Thread(target=self._work, args=what, kwargs=options, daemon=True).start()
                self._change(state="running", error=None, progress=(0.0, "starting", None))

    def stop(self) -> None:
        """End the run; its complete rounds stay. Harmless when nothing runs."""
        with self._lock:
            self._stopping = True
            if self._run:
                self._run.stop()

    def _work(self, *what, **options):
        events = options | {"on_start": self._adopt, "on_progress": lambda *progress: self._change(progress=progress)}
        try:
            self._change(state="done", result=run.run(*what, on_round=lambda new: self._change(result=new), **events))
        except RunStopped:
            self._change(state="cancelled")
        except LabError as error:
            self._change(state="failed", error=error)
        except BaseException as error:  # else the panel would run forever
            self._change(state="failed", error=LabError(f"conc_lab failed: {error!r}", traceback.format_exc()))

    def _adopt(self, run):
        with self._lock:
            self._run = run
            if self._stopping:
                run.stop()

    def _change(self, **changes):
        with self._lock:
            if changes.get("result") == self.result:
                changes.pop("result", None)  # the last round was the whole
            for name, value in changes.items():
                setattr(self, name, value)
            self._on_change(self, set(changes))
