"""An experiment as a panel of widgets: move a control, press Run, watch the chart grow, press Stop.

The controls come from the experiment's signature; the state is a `Job`, which knows no widgets.
"""

import datetime
import html
import inspect
import weakref

import ipywidgets as widgets
import pandas  # noqa: F401 - for the table: after the first round it would take a CPU from what is timed

from ..drawing import picture
from ..engine import experiment as experiments
from ..engine import parameters, run
from ..engine.errors import Busy, LabError
from ..engine.find_task import own_tasks
from ..engine.result import KEPT
from ..engine.tasks import NATURES, OWN, TASKS
from .cell import cell_id, progress_text, status
from .job import Job

_PANELS = weakref.WeakSet()


def panel(experiment: str = "speedup", bet=None, timeout_s: float = run.TIMEOUT_S, **initial) -> widgets.VBox:
    """A panel for the experiment; keyword arguments set its controls, `bet` is laid over its chart.

    A run that takes longer than `timeout_s` is ended, and so is the run of a panel that the same cell showed before.
    Raises LabError for parameters the experiment does not take or cannot use.
    """
    shown = _Panel(experiment, bet, timeout_s, initial)
    for before in list(_PANELS):
        if shown.cell and before.cell == shown.cell:
            before.job.stop()
    _PANELS.add(shown)
    return shown.box


def offer_tasks() -> None:
    """Let the panels that are shown offer the student's new task, too."""
    for shown in list(_PANELS):
        shown.offer_tasks()


class _Panel:
    def __init__(self, experiment, bet, timeout_s, initial):
        function = experiments.function(experiment)
        parameters.checked(function, initial)
        self._experiment, self._bet, self.cell = experiment, bet, cell_id()
        self._timeout_s = run.TIMEOUT.check("timeout_s", timeout_s)
        self.job = Job(self._changed)
        self._parameters = parameters.described(function)
        self._controls = {name: _control(parameter, initial) for name, parameter in self._parameters.items()}
        self._run = _button("Run", "play", self._on_run, button_style="primary")
        self._stop = _button("Stop", "stop", lambda _: self.job.stop(), disabled=True)
        self._save = _button("Save result", "save", self._on_save, disabled=True)
        self._end_other = _button("End the other run", "stop", self._on_end_other, layout={"display": "none"})
        self._bar = widgets.FloatProgress(min=0, max=1, layout={"width": "12em"})
        self._line = widgets.HTML(status("Ready."))
        self._chart, self._table, self._before = widgets.HTML(), widgets.HTML(), widgets.HTML()
        buttons = [self._run, self._stop, self._save, self._end_other, self._bar]
        self._below = [
            widgets.HBox(buttons, layout={"flex_flow": "wrap"}),
            self._line,
            self._chart,
            self._table,
            self._before,
        ]
        self._below.append(widgets.HTML(_folded("Show the code", _code(inspect.getsource(function)))))
        self.box, self._new_run = widgets.VBox(), False
        self.box.add_class("conc-lab-panel")
        self._lay_out()

    def _lay_out(self):
        self.box.children = [*(box for box, _ in self._controls.values()), *self._below]

    def offer_tasks(self):
        """Build the controls that list tasks once more, with what is chosen in them."""
        for name, parameter in self._parameters.items():
            if isinstance(getattr(parameter.annotation, "of", parameter.annotation), parameters.TaskName):
                self._controls[name] = _control(parameter, {name: self._controls[name][1]()})
        self._lay_out()

    def _on_run(self, _):
        try:
            # Checked here as well, so that what cannot be run is said at the click, as "not run".
            given = {name: read() for name, (_, read) in self._controls.items()}
            run.checked(self._experiment, given)
            self.job.start(self._experiment, given, self._timeout_s)
        except LabError as error:
            self._line.value = _problem("Not run", error)

    def _on_end_other(self, _):
        run.stop()
        self._end_other.layout.display = "none"
        self._line.value = status("The other run is ended. Press Run.")

    def _on_save(self, _):
        stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S-%f")
        try:
            path = self.job.result.save(KEPT / f"{self._experiment}-{stamp}.json")
            self._line.value = status(f"Saved as {path.as_posix()}.")
        except LabError as error:
            self._line.value = _problem("Not saved", error)

    def _changed(self, job, what):
        """Called by the job, mostly in its reader's thread, whenever something of it has changed."""
        running = job.state == "running"
        if "state" in what:
            self._run.disabled, self._stop.disabled = running, not running
            self._new_run = running or self._new_run
            self._save.disabled = running or job.result is None
            self._end_other.layout.display = "" if isinstance(job.error, Busy) else "none"
        self._bar.value = 1 if job.state == "done" else job.progress[0]
        if "result" in what:
            if self._new_run and self._chart.value:
                self._before.value = _folded("The run before", self._chart.value)
            self._new_run = False
            self._chart.value = picture.show(job.result, bet=self._bet)._repr_html_()
            self._table.value = _folded("Medians", picture.table(job.result).to_html(index=False, border=0))
        shown = "the rounds that were complete" if job.has_rounds else "the run before"
        self._line.value = {
            "running": lambda: progress_text(*job.progress),
            "done": lambda: status("Done."),
            "cancelled": lambda: status(f"Stopped{f'; the chart shows {shown}' if job.result else ''}."),
            "failed": lambda: _problem("Not finished", job.error),
        }[job.state]()


def _button(label, icon, on_click, **how):
    button = widgets.Button(description=label, icon=icon, **how)
    button.on_click(on_click)
    return button


def _control(parameter, initial):
    """(the widget that shows a parameter, a function that reads its value, unchecked)."""
    label, kind = parameter.name.replace("_", " ").capitalize(), parameter.annotation
    value = initial.get(parameter.name, parameters.default(parameter))
    look = {"description": label, "tooltip": kind.help, "style": {"description_width": "9em"}}
    look |= {"layout": {"width": "46em", "max_width": "98%"}}
    match kind:
        case parameters.TaskName():
            grouped = sorted(TASKS.values(), key=lambda task: NATURES.index(task.nature))
            options = [(f"{task.nature}: {task.name} ({task.what})", task.name) for task in grouped]
            options += [(f"{OWN}: {one}", one) for one in dict.fromkeys([*own_tasks(), value]) if one not in TASKS]
            widget = widgets.Dropdown(options=options, value=value, **look)
        case parameters.OneOf():
            widget = widgets.Dropdown(options=list(kind.options()), value=value, **look)
        case parameters.Several(of=parameters.OneOf() | parameters.TaskName()):
            return _choices(label, kind, [value] if isinstance(value, str) else value)
        case parameters.Several():
            return _numbers(label, kind, [*value] if hasattr(value, "__iter__") else [value], look)
        case parameters.Number():
            field = widgets.BoundedIntText if kind.whole else widgets.BoundedFloatText
            widget = field(value, min=kind.low, max=kind.high, **look)
    return widget, lambda: widget.value


def _choices(label, kind, value):
    look = {"indent": False, "layout": {"width": "max-content", "min_width": "10em", "margin": "2px 1em 2px 2px"}}
    boxes = [widgets.Checkbox(option in value, description=option, **look) for option in kind.of.options()]
    layout = {"width": "9em", "margin": "2px 8px 2px 2px"}
    title = widgets.HTML(f'<div style="text-align: right">{html.escape(label)}</div>', layout=layout)
    read = lambda: [box.description for box in boxes if box.value]  # noqa: E731
    return widgets.HBox([title, *boxes], layout={"flex_flow": "wrap"}), read


def _numbers(label, kind, value, look):
    """A text field for numbers; for whole ones also a list of 1, 2, 4, … or 1, 10, 100, … up to one, which fills it.

    Not a slider: ipywidgets' sliders have no name that a screen reader could say.
    """
    text = box = widgets.Text(" ".join(f"{item:g}" for item in value), **look)
    if kind.of.whole:
        base = 2 if kind.of.high <= 256 else 10
        steps = [base**power for power in range(9) if base**power <= kind.of.high]
        reached = max(step for step in steps if step <= max(*value, 1))
        most = widgets.Dropdown(options=steps, value=reached, **look | {"description": f"{label} up to"})

        def fill(change):
            text.value = " ".join(str(step) for step in steps if step <= change["new"])

        most.observe(fill, "value")
        box = widgets.VBox([most, text])
    return box, lambda: [parameters.parsed(word) for word in text.value.replace(",", " ").split()]


def _problem(what, error):
    detail = _folded("Details", _code(error.detail)) if error.detail else ""
    return f'<div role="alert"><b>{what}:</b> {html.escape(str(error))}.{detail}</div>'


def _folded(title, content):
    return f"<details><summary>{html.escape(title)}</summary>{content}</details>"


def _code(text):
    return f'<pre style="overflow: auto; max-height: 30em">{html.escape(text)}</pre>'
