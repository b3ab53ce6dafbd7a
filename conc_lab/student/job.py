"""The state of a panel, without widgets: idle -> running -> done | failed | cancelled."""

import functools
import threading
from collections.abc import Callable

from ..engine import run
from ..engine.errors import LabError, RunStopped, cannot_start
from ..engine.result import Result


class Job:
    """Runs one experiment at a time in a thread of its own and tells `on_change` about every step.

    state: "idle", "running", "done", "failed" or "cancelled"; progress: (fraction, doing, left_s); result: the
    rounds completed so far, up to the first (`has_rounds` is false) those of the last run that had any; error: the
    LabError of a failed run.
    """

    def __init__(self, on_change: Callable[["Job"], None]):
        self.state, self.progress, self.error = "idle", (0.0, "", None), None
        self.result: Result | None = None
        self.has_rounds = False
        self._on_change, self._lock = on_change, threading.RLock()
        self._number = 0  # of the present run: what arrives for an earlier one is dropped
        self._run, self._stopping = None, False

    def start(self, experiment: str, params: dict, timeout_s: float = run.TIMEOUT_S) -> None:
        """Start a run and return immediately. Raises LabError while one is running."""
        with self._lock:
            if self.state == "running":
                raise LabError("a run is under way: wait for it or press Stop first")
            number = self._number = self._number + 1
            self._run, self._stopping, self.has_rounds = None, False, False
            self._change(number, state="running", error=None, progress=(0.0, "starting", None))
        work = threading.Thread(target=self._work, args=(number, experiment, params, timeout_s), daemon=True)
        try:
            work.start()
        except RuntimeError as error:
            self._change(number, state="failed", error=LabError(cannot_start("the thread of a run", error)))

    def stop(self) -> None:
        """End the run; its complete rounds stay. Harmless when nothing runs."""
        with self._lock:
            self._stopping = True
            if self._run:
                self._run.stop()

    def _work(self, number, experiment, params, timeout_s):
        change = functools.partial(self._change, number)
        events = {"on_start": self._adopt, "on_progress": lambda *progress: change(progress=progress)}
        events |= {"on_round": lambda result: change(result=result)}
        try:
            change(state="done", result=run.run(experiment, params, timeout_s, **events))
        except RunStopped:
            change(state="cancelled")
        except LabError as error:
            change(state="failed", error=error)
        except BaseException as error:
            change(state="failed", error=LabError(f"conc_lab failed: {error!r}"))
            raise

    def _adopt(self, run):
        with self._lock:
            self._run = run
            if self._stopping:
                run.stop()

    def _change(self, number, **changes):
        with self._lock:
            if number != self._number:
                return
            if self.has_rounds and changes.get("result") == self.result:
                del changes["result"]  # the last round was the whole
            elif "result" in changes:
                self.has_rounds = True
            for name, value in changes.items():
                setattr(self, name, value)
            self._on_change(self, set(changes))
