"""Experiments as calls in a cell: the chart grows in the cell's output while the call waits for the rows."""

import html
import inspect
import sys
from collections.abc import Callable

from ..drawing import picture
from ..engine import experiment as experiments
from ..engine import parameters, run
from ..engine.errors import LabError
from ..engine.result import Result

_told = []  # that results cannot be kept, which is said once in a session


def experiment_call(name: str) -> Callable[..., Result]:
    """A function that runs the experiment `name` with these parameters and returns its `Result`.

    They are given by name, a task also by position. Beside the experiment's own parameters it takes `bet`, laid
    over the chart, and `timeout_s`. In a notebook the result is also kept in my_work/results.
    """
    experiment = experiments.function(name)

    def call(*task, bet=None, timeout_s: float = run.TIMEOUT_S, **params) -> Result:
        if task:  # what is no parameter is refused with all others
            known = {name: value for name, value in params.items() if name in call.__signature__.parameters}
            params |= call.__signature__.bind(*task, **known).arguments
        if not _kernel():
            return run.run(name, params, timeout_s)
        live = _Live(bet)
        try:
            result = run.run(name, params, timeout_s, on_progress=live.progress, on_round=live.draw)
        finally:
            live.progress(None)
        live.keep(result)
        return result

    own = []
    for item in parameters.described(experiment).values():
        kind = item.POSITIONAL_OR_KEYWORD if item.name == "task" else item.KEYWORD_ONLY
        own.append(item.replace(kind=kind, default=parameters.default(item), annotation=item.empty))
    _, *bet_and_timeout, _ = inspect.signature(call).parameters.values()
    call.__signature__ = inspect.Signature([*own, *bet_and_timeout])
    call.__name__ = call.__qualname__ = name
    call.__doc__ = experiment.__doc__
    return call


class _Live:
    """A line of progress and a chart in the running cell's output, each updated in place."""

    def __init__(self, bet):
        from IPython.display import HTML, display

        self._html, self._display, self._bet = HTML, display, bet
        self._line, self._chart = display(HTML(""), display_id=True), None

    def progress(self, fraction, doing="", left_s=None):
        self._line.update(self._html("" if fraction is None else progress_text(fraction, doing, left_s)))

    def keep(self, result):
        """Save the result for the table of claims; that this fails is said once in a session."""
        try:
            result.keep()
        except LabError as error:
            if not _told:
                _told.append(error)
                text = f"{error}; the run itself is fine, but lab.claims() will not find it"
                self._line.update(self._html(status(f"{text}.")))

    def draw(self, result):
        chart = picture.show(result, bet=self._bet)
        if self._chart is None:
            self._chart = self._display(chart, display_id=True)
        else:
            self._chart.update(chart)


def status(text: str) -> str:
    """A line of text as HTML that a screen reader announces."""
    return f'<span role="status">{html.escape(text)}</span>'


def progress_text(fraction: float, doing: str, left_s: float | None) -> str:
    """The line that says how far a run is."""
    left = "" if left_s is None else f", about {left_s:.0f} s left"
    return status(f"{fraction:.0%}: {doing}{left}")


def cell_id() -> str | None:
    """The id of the cell that runs, None where there is no notebook or its page does not tell."""
    parent = _kernel().get_parent() if _kernel() else {}
    return (parent.get("metadata") or {}).get("cellId")


def _kernel():
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)
    return getattr(get_ipython(), "kernel", None)
