"""What goes wrong is said in one sentence that tells the reader what to do."""

import errno
import signal


class LabError(Exception):
    """A sentence for the student; `detail` is what is worth unfolding: a traceback, a task's output."""

    def __init__(self, sentence: str, detail: str = ""):
        super().__init__(sentence)
        self.detail = detail

    def _render_traceback_(self) -> list[str]:
        """IPython shows this instead of a traceback through conc_lab, which would bury the sentence."""
        return [f"{type(self).__name__}: {self}", *self.detail.splitlines()]


class RunStopped(LabError):
    """The run was stopped by the student: by Stop, or by interrupting the cell."""


class Lacking(LabError):
    """What the run needs is not installed here: a cell shows a recording in its place."""


class Busy(LabError):
    """Another experiment is running in this kernel."""


def cannot_start(what: str, error: BaseException) -> str:
    """The sentence for workers, or what they need, that the system refused to start."""
    why = getattr(error, "strerror", None) or error
    return f"this machine could not start {what} ({why}): ask for fewer workers, or close other programs"


def died(what: str, code: int | None) -> str:
    """The sentence for a process that ended before it was done, with how it ended."""
    return f"{what} ended before it was done ({'killed by ' * ((code or 0) < 0)}{fate(code)})"


def fate(code: int | None) -> str:
    """What a process's exit code tells: "exit code 3", or the signal that ended it, "SIGSEGV"."""
    if code is None or code >= 0:
        return f"exit code {code}"
    # most real-time signals have no name
    return next((known.name for known in signal.Signals if known == -code), f"signal {-code}")


def limit_reached(error: BaseException | None, what: str = "another worker") -> str | None:
    """The sentence for the system's limit that caused this error, or the one before it; None if none did.

    what: what could not be started, if it is that.
    """
    while error is not None:
        number, text = getattr(error, "errno", None), str(error)
        if isinstance(error, MemoryError):
            return "this machine, or a limit set on it, has no more memory to give: ask for less data or fewer workers"
        if number == errno.ENOSPC:
            return "there is no room left for a file or for shared memory: make room, or ask for less data"
        if number in (errno.EAGAIN, errno.ENOMEM, errno.EMFILE) or text in ("can't start new thread", "unexpected EOF"):
            return cannot_start(what, error)  # "unexpected EOF": forkserver's server could not fork
        error = error.__cause__ or error.__context__
    return None


def in_one_line(error: BaseException, what: str = "it") -> str:
    """What a program says when it fails: this error in one sentence, without a line break."""
    sentence = str(error) if isinstance(error, LabError) else limit_reached(error)
    return (sentence or f"{what} failed with {type(error).__name__}: {error}").replace("\n", " ")
