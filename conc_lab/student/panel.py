"""An experiment as a panel of widgets: move a control, press Run, watch the chart grow, press Stop.

The controls come from the experiment's signature; the state is a `Job`, which knows no widgets.
"""

import html
import inspect
import weakref

import ipywidgets as widgets
import pandas  # noqa: F401 - for the table: after the first round it would take a CPU from what is timed

from ..drawing import picture
from ..engine import experiment as experiments
from ..engine import kinds, parameters, run
from ..engine.errors import Busy, LabError
from ..engine.result import KEPT
from ..engine.tasks import OWN, TASKS
from .cell import kernel, progress_text, status
from .job import Job

WRAPPED, TITLE = {"flex_flow": "wrap"}, {"width": "9em", "margin": "2px 8px 2px 2px"}
_PANELS = weakref.WeakSet()


class Panel(widgets.VBox):
    """A panel for the experiment; keyword arguments set its controls, `bet` is laid over its chart.

    A run that takes longer than `timeout_s` is ended, and so is the run of a panel that the same cell showed before.
    Raises LabError for parameters the experiment does not take or cannot use.
    """

    def __init__(self, experiment: str = "speedup", bet=None, timeout_s: float = run.TIMEOUT_S, **initial):
        parent = kernel().get_parent() if kernel() else {}
        self._cell = (parent.get("metadata") or {}).get("cellId")  # None where the page does not tell
        for before in list(_PANELS):
            if self._cell and before._cell == self._cell:
                before._job.stop()
        self._function, self._bet, self._job = experiments.function(experiment), bet, Job(self._changed)
        self._timeout_s = run.TIMEOUT.check("timeout_s", timeout_s)
        parameters.checked(self._function, initial)
        super().__init__()
        self.add_class("conc-lab-panel")
        self._run = _button("Run", "play", self._on_run, button_style="primary")
        self._stop = _button("Stop", "stop", lambda _: self._job.stop(), disabled=True)
        self._save = _button("Save result", "save", self._on_save, disabled=True)
        self._end_other = _button("End the other run", "stop", self._on_end_other, layout={"display": "none"})
        buttons = widgets.HBox([self._run, self._stop, self._save, self._end_other], layout=WRAPPED)
        self._line, self._chart, self._table, self._before = (widgets.HTML() for _ in range(4))
        self._line.value = status("Ready.")
        code = widgets.HTML(_folded("Show the code", _code(inspect.getsource(self._function))))
        self._below = [buttons, self._line, self._chart, self._table, self._before, code]
        self.show_controls(initial)
        _PANELS.add(self)

    def show_controls(self, values):
        """Build the controls, which list the tasks that there are now, with these values."""
        described = parameters.described(self._function).values()
        self._controls = {parameter.name: _control(parameter, values) for parameter in described}
        self.children = [*(box for box, _ in self._controls.values()), *self._below]

    def values(self):
        """What the controls say, unchecked."""
        return {name: read() for name, (_, read) in self._controls.items()}

    def _on_run(self, _):
        self._job.start(self._function.__name__, self.values(), self._timeout_s)

    def _on_end_other(self, _):
        run.stop()
        self._end_other.layout.display = "none"
        self._line.value = status("The other run is ended. Press Run.")

    def _on_save(self, _):
        result = self._job.result
        try:
            path = result.save(KEPT / f"{result.experiment}-{result.started[:19].replace(':', '')}.json")
            self._line.value = status(f"Saved as {path.as_posix()}.")
        except LabError as error:
            self._line.value = _problem("Not saved", error)

    def _draw(self, result):
        self._chart.value = picture.show(result, bet=self._bet)._repr_html_()

    def _changed(self, job, what):
        """Called by the job, mostly in its own thread, whenever something of it has changed."""
        running = job.state == "running"
        self._run.disabled, self._stop.disabled, self._save.disabled = running, not running, running or not job.result
        self._end_other.layout.display = "" if isinstance(job.error, Busy) else "none"
        if "result" in what:
            if self._chart.value and not job.has_rounds:
                self._before.value = _folded("The run before", self._chart.value)
            getattr(self._bet, "met", lambda result, draw: draw(result))(job.result, self._draw)
            table = picture.table(job.result).to_html(index=False, border=0, justify="left")
            self._table.value = _folded("Table", f'<div style="overflow: auto; white-space: nowrap">{table}</div>')
        if job.state == "done" and hasattr(self._bet, "met"):
            self._bet.met(job.result, self._draw, whole=True)
        shown = "the rounds that were complete" if job.has_rounds else "the run before"
        stopped = f"Stopped; the chart shows {shown}." if job.result else "Stopped."
        said = {"running": progress_text(*job.progress), "done": status("Done."), "cancelled": status(stopped)}
        self._line.value = said.get(job.state) or _problem("Not measured", job.error)


panel = Panel  # conc_lab's public name


def offer_tasks() -> None:
    """Let the panels that are shown offer the student's new task, too; what is chosen in them stays."""
    for shown in list(_PANELS):
        shown.show_controls(shown.values())


def _button(label, icon, on_click, **how):
    button = widgets.Button(description=label, icon=icon, **how)
    button.on_click(on_click)
    return button


def _control(parameter, values):
    """(the widget that shows a parameter with its value or default, a function that reads its value, unchecked)."""
    value, kind = values.get(parameter.name, parameters.default(parameter)), parameter.annotation
    look = {"description": parameter.name.replace("_", " ").capitalize(), "tooltip": kind.help}
    look |= {"style": {"description_width": "9em"}, "layout": {"width": "46em", "max_width": "98%"}}
    several = value if hasattr(value, "__iter__") and not isinstance(value, str) else [value]
    match kind:
        case parameters.Several(of=parameters.Number()):  # no slider: a screen reader could not say its name
            text = widgets.Text(" ".join(map(str, several)), placeholder="numbers, such as 1 2 4", **look)
            return text, lambda: [parameters.parsed(word) for word in text.value.replace(",", " ").split()]
        case parameters.Several():
            return _choices(kind.of, several, look["description"])
        case parameters.Number():
            field = widgets.BoundedIntText if kind.whole else widgets.BoundedFloatText
            widget = field(value, min=kind.low, max=kind.high, **look)
        case parameters.TaskName():
            options = [(f"{task.nature}: {task.name} ({task.what})", task.name) for task in TASKS.values()]
            own = [name for name in dict.fromkeys([*kind.options(), value]) if name not in TASKS]
            options += [(f"{OWN}: {name}", name) for name in own]
            widget = widgets.Dropdown(options=options, value=value, **look)
        case parameters.OneOf():
            widget = widgets.Dropdown(options=kind.options(), value=value, **look)
    return widget, lambda: widget.value


def _choices(kind, chosen, title):
    """A box for each option; for each kind of worker that this machine has."""
    box = {"indent": False, "layout": {"width": "max-content", "min_width": "10em", "margin": "2px 1em 2px 2px"}}
    boxes = [widgets.Checkbox(option in chosen, description=option, **box) for option in kinds.here(kind.options())]
    title = widgets.HTML(f'<div style="text-align: right">{title}</div>', layout=TITLE)
    return widgets.HBox([title, *boxes], layout=WRAPPED), lambda: [box.description for box in boxes if box.value]


def _problem(what, error):
    detail = _folded("Details", _code(error.detail)) if error.detail else ""
    return f'<div role="alert"><b>{what}:</b> {html.escape(str(error))}.{detail}</div>'


def _folded(title, content):
    return f"<details><summary>{title}</summary>{content}</details>"


def _code(text):
    return f'<pre style="overflow: auto; max-height: 30em">{html.escape(text)}</pre>'
