"""An experiment as a panel of widgets: move a control, press Run, watch the chart grow, press Stop.

The controls come from the experiment's signature; the state is a `Job`, which knows no widgets.
"""

import datetime
import html
import inspect
import weakref

import ipywidgets as widgets
import pandas  # noqa: F401 - for the table: after the first round it would take a CPU from what is timed

from ..drawing import picture as charts
from ..engine import experiment as experiments, parameters, run as runner, tasks
from .cell import progress_text
from ..engine.errors import LabError
from .job import Job
from ..engine.result import KEPT

LABEL = {"description_width": "9em"}
WIDE = {"width": "46em", "max_width": "98%"}
BOX = {"width": "max-content", "min_width": "10em", "margin": "2px 1em 2px 2px"}
STEPS = [2**power for power in range(9)]
_PANELS = weakref.WeakSet()
TENFOLD = [10**power for power in range(7)]  # for what goes into the thousands


def panel(experiment: str = "speedup", bet=None, timeout_s: float = runner.TIMEOUT_S, **initial) -> widgets.VBox:
    """A panel for the experiment; keyword arguments set its controls, `bet` is laid over its chart.

    A run that takes longer than `timeout_s` is ended. Raises LabError for parameters the experiment does not take or
    cannot use.
    """
    return _Panel(experiment, bet, timeout_s, initial).box


def offer_tasks() -> None:
    """Let the panels that are shown offer the student's new task, too."""
    for shown in list(_PANELS):
        shown.offer_tasks()


class _Panel:
    def __init__(self, experiment, bet, timeout_s, initial):
        function = experiments.function(experiment)
        start = parameters.checked(function, initial)
        self._experiment, self._bet = experiment, bet
        self._timeout_s = runner.TIMEOUT.check("timeout_s", timeout_s)
        self._job = Job(self._changed)
        self._controls = {
            name: _control(name, parameter.annotation, start[name])
            for name, parameter in parameters.described(function).items()
        }
        self._run = widgets.Button(description="Run", button_style="primary", icon="play")
        self._stop = widgets.Button(description="Stop", icon="stop", disabled=True)
        self._save = widgets.Button(description="Save result", icon="save", disabled=True)
        self._bar = widgets.FloatProgress(min=0, max=1, layout={"width": "12em"})
        self._line = widgets.HTML(_status("Ready."))
        self._chart, self._table = widgets.HTML(), widgets.HTML()
        self._run.on_click(self._on_run)
        self._stop.on_click(lambda button: self._job.stop())
        self._save.on_click(self._on_save)
        self.box = widgets.VBox(
            [
                *(control.box for control in self._controls.values()),
                widgets.HBox([self._run, self._stop, self._save, self._bar], layout={"flex_flow": "wrap"}),
                self._line,
                self._chart,
                self._table,
                widgets.HTML(_folded("Show the code", _code(inspect.getsource(function)))),
            ]
        )
        self.box.add_class("conc-lab-panel")
        _PANELS.add(self)

    def offer_tasks(self):
        """Build the controls that list tasks once more, with what is chosen in them."""
        for name, parameter in parameters.described(experiments.function(self._experiment)).items():
            kind = parameter.annotation
            if isinstance(getattr(kind, "of", kind), parameters.TaskName):
                self._controls[name] = _control(name, kind, self._controls[name].read())
        boxes = [control.box for control in self._controls.values()]
        self.box.children = [*boxes, *self.box.children[len(boxes) :]]

    def _on_run(self, button):
        try:
            # Checked here as well, so that what cannot be run is said at once, as "not run".
            given = {name: control.read() for name, control in self._controls.items()}
            runner.checked(self._experiment, given)
            self._job.start(self._experiment, given, self._timeout_s)
        except LabError as error:
            self._line.value = _problem("Not run", error)

    def _on_save(self, button):
        stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S-%f")
        try:
            path = self._job.result.save(KEPT / f"{self._experiment}-{stamp}.json")
            self._line.value = _status(f"Saved as {path.as_posix()}.")
        except LabError as error:
            self._line.value = _problem("Not saved", error)

    def _changed(self, job, what):
        """Called by the job, mostly in its reader's thread, whenever something of it has changed."""
        if "state" in what:
            running = job.state == "running"
            self._run.disabled, self._stop.disabled = running, not running
            self._save.disabled = running or job.result is None
        self._bar.value = 1 if job.state == "done" else job.progress[0]
        if "result" in what:
            self._chart.value = charts.show(job.result, bet=self._bet, earlier=job.previous)._repr_html_()
            self._table.value = _folded("Medians", charts.table(job.result).to_html(index=False, border=0))
        match job.state:
            case "running":
                self._line.value = progress_text(*job.progress)
            case "done":
                self._line.value = _status("Done.")
            case "cancelled":
                shown = "the rounds that were complete" if job.has_rounds else "the run before"
                self._line.value = _status(f"Stopped{f'; the chart shows {shown}' if job.result else ''}.")
            case "failed":
                self._line.value = _problem("Not finished", job.error)


class _Control:
    """A parameter's widgets: `box` to show, `read` for the value, unchecked."""

    def __init__(self, box, read):
        self.box, self.read = box, read


def _control(name, kind, value):
    label = name.replace("_", " ")
    label = label[0].upper() + label[1:]
    match kind:
        case parameters.TaskName():
            options = [(f"{task.kind}: {task.name} ({task.summary})", task.name) for task in _grouped()]
            own = [name for name in dict.fromkeys([*kind.options(), value]) if name not in tasks.TASKS]
            options += [(f"{tasks.OWN}: {name}", name) for name in own]
            return _simple(widgets.Dropdown(options=options, value=value, **_look(label, kind)))
        case parameters.OneOf():
            return _simple(widgets.Dropdown(options=list(kind.options()), value=value, **_look(label, kind)))
        case parameters.Several(of=parameters.OneOf() | parameters.TaskName()):
            return _choices(label, kind, value)
        case parameters.Several(of=parameters.Number(whole=False)):
            text = widgets.Text(" ".join(f"{item:g}" for item in value), **_look(label, kind))
            return _Control(text, lambda: _words(text))
        case parameters.Several():
            return _counts(label, kind, value)
        case parameters.Number(whole=True):
            return _simple(widgets.BoundedIntText(value, min=kind.low, max=kind.high, **_look(label, kind)))
        case _:
            return _simple(widgets.BoundedFloatText(value, min=kind.low, max=kind.high, **_look(label, kind)))


def _grouped():
    return sorted(tasks.TASKS.values(), key=lambda task: tasks.KINDS.index(task.kind))


def _look(label, kind):
    return {"description": label, "tooltip": kind.help, "style": LABEL, "layout": WIDE}


def _simple(widget):
    return _Control(widget, lambda: widget.value)


def _choices(label, kind, value):
    boxes = [
        widgets.Checkbox(option in value, description=option, indent=False, layout=BOX) for option in kind.of.options()
    ]
    title = widgets.HTML(
        f'<div style="text-align: right">{html.escape(label)}</div>',
        layout={"width": "9em", "margin": "2px 8px 2px 2px"},
    )
    return _Control(
        widgets.HBox([title, *boxes], layout={"flex_flow": "wrap"}),
        lambda: [box.description for box in boxes if box.value],
    )


def _counts(label, kind, value):
    """A list of 1, 2, 4, … or 1, 10, 100, … up to a number, which writes into a text field for any numbers at all.

    Not a slider: ipywidgets' sliders have no name that a screen reader could say.
    """
    steps = [step for step in (STEPS if kind.of.high <= 1024 else TENFOLD) if kind.of.low <= step <= kind.of.high]
    reached = max(step for step in steps if step <= max(*value, 1))
    most = widgets.Dropdown(options=steps, value=reached, **_look(f"{label} up to", kind))
    text = widgets.Text(" ".join(map(str, value)), **_look(label, kind))

    def fill(change):
        text.value = " ".join(str(step) for step in steps if step <= change["new"])

    most.observe(fill, "value")
    return _Control(widgets.VBox([most, text]), lambda: _words(text))


def _words(text):
    return [parameters.parsed(word) for word in text.value.replace(",", " ").split()]


def _status(text):
    return f'<span role="status">{html.escape(text)}</span>'


def _problem(what, error):
    detail = _folded("Details", _code(error.detail)) if error.detail else ""
    return f'<div role="alert"><b>{what}:</b> {html.escape(str(error))}.{detail}</div>'


def _folded(title, content):
    return f"<details><summary>{html.escape(title)}</summary>{content}</details>"


def _code(text):
    return f'<pre style="overflow: auto; max-height: 30em">{html.escape(text)}</pre>'
