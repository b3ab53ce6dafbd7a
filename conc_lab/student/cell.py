"""Experiments as calls in a cell: the chart grows in the cell's output while the call waits for the rows."""

import html
import inspect
import sys
from collections.abc import Callable

from ..drawing import picture, words
from ..engine import experiment, parameters, pythons, run
from ..engine.errors import LabError, Lacking
from ..engine.result import Result, recording
from .shown import room, shown


def experiment_call(name: str) -> Callable[..., Result]:
    """A function that runs the experiment `name` with these parameters and returns its `Result`.

    They are given by name, a task also by position. Besides the experiment's own parameters it takes `bet`, laid
    over the chart, `timeout_s`, and `python`: the Python that runs it, by its name ("3.14", "3.13t"), its path or as
    "free-threaded", of which a notebook shows and returns a recording where there is none; and `scheduler`, the address
    of a Dask cluster, which then is one more kind of worker. In a notebook the result is also kept in my_work/results.
    """
    function = experiment.function(name)

    def call(task=None, /, *, bet=None, timeout_s=run.TIMEOUT_S, python=None, scheduler=None, **params) -> Result:
        params |= {} if task is None else {"task": task}
        picture.check_bet(bet)
        options = {"timeout_s": timeout_s, "python": python, "scheduler": scheduler}
        return _in_cell(bet, name, params, options) if kernel() else run.run(name, params, **options)

    called = {"task": inspect.Parameter.POSITIONAL_OR_KEYWORD}  # all others by name alone
    items = parameters.described(function).values()
    own = [item.replace(kind=called.get(item.name, item.KEYWORD_ONLY), annotation=item.empty) for item in items]
    _, *options, _ = inspect.signature(call).parameters.values()
    call.__signature__ = inspect.Signature([*own, *options])
    call.__name__ = call.__qualname__ = name
    call.__doc__ = function.__doc__
    return call


def _in_cell(bet, name, params, options):
    """Run with a line of progress and a chart in the running cell's output, each updated in place; keep the result."""
    from IPython.display import HTML, display

    given = parameters.checked(experiment.function(name), params)
    frame = room(name, given, "The chart appears here.")
    line, chart = (display(HTML(text), display_id=True) for text in (status(progress_text()), frame))
    events = {"on_progress": lambda *progress: line.update(HTML(status(progress_text(*progress))))}

    show, drawn = getattr(bet, "met", lambda result, draw, **_: draw(result)), []

    def draw(result):
        drawn[:] = shown(result, bet)
        chart.update(HTML("".join(drawn)))

    said = ""
    try:
        result = run.run(name, params, **options, on_round=lambda result: show(result, draw), **events)
        show(result, draw, whole=True)  # rows may have come after the last round, and some experiments have none
        said = f"Measured with Python {words.python(result.machine)}." if options["python"] else ""
    except Lacking as error:
        free_threaded = options["python"] == pythons.FREE_THREADED
        if not (recorded := recording(name, given.get("task"), gil=False if free_threaded else None)):
            raise
        show(recorded, draw, whole=True, whose="The recording")
        said = f"This is a recording, because {error}. {picture.whence(recorded)}"
        return recorded
    finally:
        line.update(HTML(status(said)))
        if not drawn:
            chart.update(HTML(""))
    try:
        result.keep()
    except LabError as error:
        line.update(HTML(status(f"{error}. The run itself is fine, but lab.claims() won't find it.")))
    return result


def kernel():
    """The Jupyter kernel that this runs in, or None."""
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)
    return getattr(get_ipython(), "kernel", None)


def status(text: str) -> str:
    """A line of text as HTML that a screen reader announces; it is as high without text."""
    return f'<div role="status" style="min-height: 1.5em">{html.escape(text)}</div>'


def progress_text(fraction: float = 0, doing: str = "starting", left_s: float | None = None) -> str:
    """How far a run is, by default one that is being started."""
    return f"{fraction:.0%}: {doing}" + ("" if left_s is None else f", about {left_s:.0f} s left")
