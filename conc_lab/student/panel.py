"""An experiment as a panel of widgets: move a control, press Run, watch the chart grow, press Stop.

The controls come from the experiment's signature; the state is a `Job`, which knows no widgets.
"""

import html
import inspect
import weakref
from functools import partial

import ipywidgets as widgets
import pandas  # noqa: F401 - for the table: after the first round it would take a CPU from what is timed

from ..drawing import picture
from ..drawing.shell.shell import Shell, button
from ..drawing.shell.style import folded, scrolling
from ..engine import experiment as experiments
from ..engine import parameters, pythons, run
from ..engine.errors import Busy, LabError
from .cell import kernel, progress_text
from .controls import control, python_choice
from .job import Job
from .shown import provenance, room, shown

BUTTON = {False: ("Run", "play", "primary"), True: ("Stop", "stop", "danger")}  # by whether it runs
AT_ONCE = {"Run": progress_text(), "Stop": "Stopping."}  # said before the kernel has heard of it
_PANELS = weakref.WeakSet()


class Panel(Shell):
    """A panel for the experiment; keyword arguments set its controls, `bet` is laid over its chart.

    Numbers that are not set so are folded. A run that takes longer than `timeout_s` is ended, and so is the run of a
    panel that the same cell showed before. `python` is the Python that runs it (see `pythons.chosen`); where there are
    several they can be chosen from. Raises LabError for parameters the experiment does not take or cannot use.
    """

    def __init__(self, experiment: str = "speedup", bet=None, timeout_s: float = run.TIMEOUT_S, python=None, **initial):
        parent = kernel().get_parent() if kernel() else {}
        self._cell = (parent.get("metadata") or {}).get("cellId")  # None where the page does not tell
        for before in list(_PANELS):
            if self._cell and before._cell == self._cell:
                before._job.stop()
        self._function, self._bet, self._job = experiments.function(experiment), bet, Job(self._changed)
        self._timeout_s = run.TIMEOUT.check("timeout_s", timeout_s)
        self._python = python_choice(python)
        parameters.checked(self._function, initial, pythons.chosen(python))
        picture.check_bet(bet)
        self._run, self._save = button("", self._on_run), button("Save result", self._on_save, icon="save")
        self._end_other = button("End the other run", self._on_end_other, icon="stop")
        super().__init__(name=f"Panel: {experiment}", default=self._run, at_once=AT_ONCE)
        buttons = widgets.HBox([self._run, self._save, self._end_other], layout={"flex_flow": "wrap"})
        self._detail, self._chart, self._source, *folds = (widgets.HTML() for _ in range(6))
        self._table, self._before, self._recorded = folds
        self._source.add_class("conc-lab-source")
        code = widgets.HTML(folded("Show the code", _code(inspect.getsource(self._function))))
        below = widgets.HBox([code, *folds]).add_class("conc-lab-folds")
        self._below = [buttons, self.status, self._detail, self._chart, self._source, below]
        self._python.observe(lambda _: self.show_controls(self.values()), "value")
        self._set, self._more = set(initial), widgets.HTML(folded("More settings", ""))
        self._asked = self._measured = None  # what the run was asked for, and the one whose rows are shown
        self.show_controls(initial)
        self._show_state()
        _PANELS.add(self)

    def show_controls(self, values):
        """Build the controls, which list the tasks that there are now, with these values."""
        self._controls, shown, rare, facts = {}, [], [], pythons.chosen(self._python.value)
        for item in parameters.described(self._function).values():
            value = values.get(item.name, item.default)
            box, read = control(item, self._function.__name__, value, partial(self._on_control, item), facts)
            self._controls[item.name] = box, read
            place = rare if isinstance(item.annotation, parameters.Number) and item.name not in self._set else shown
            place.append(box)
        more = [self._more, widgets.VBox(rare).add_class("conc-lab-rare")] if shown and rare else rare
        self.show([self._python, *shown, *more, *self._below])
        self._show_source()

    def values(self):
        """What the controls say, unchecked."""
        return {name: read() for name, (_, read) in self._controls.items()}

    def _settings(self):
        return self.values() | {"python": self._python.value}

    def _on_control(self, item, _):
        """Called after a control has changed: what is wrong is marked and said."""
        box, read = self._controls[item.name]
        try:
            item.annotation.check(item.name, read())
            box.remove_class("conc-lab-invalid")
        except LabError as error:
            box.add_class("conc-lab-invalid")
            self.say(f"{error}.", "bad")
        self._show_source()

    def _on_run(self, _):
        if self._job.state == "running":
            self.say(AT_ONCE["Stop"])
            self._job.stop()
        else:
            self._asked = self._settings()
            self._job.start(self._function.__name__, self.values(), self._timeout_s, python=self._python.value)

    def _on_end_other(self, _):
        run.stop()
        self.focus(self._run)
        self._end_other.layout.display = "none"
        self.say("The other run has ended. Press Run.")

    def _on_save(self, _):
        result = self._job.result
        try:
            path = result.save(result.home / f"{result.experiment}-{result.started[:19].replace(':', '')}.json")
            self.say(f"Saved as {path.as_posix()}.")
        except LabError as error:
            self.say(f"Not saved: {error}.", "bad")

    def _draw(self, result):
        self._chart.value, recorded = shown(result, self._bet)
        alone = result.machine["usable_cpus"] == 1
        self._recorded.value = recorded and folded("A recording from two CPUs", recorded, opened=alone)

    def _changed(self, job, what):
        """Called by the job, mostly in its own thread, whenever something of it has changed."""
        if "result" in what:
            if self._source.value and self._measured is not self._asked:
                self._before.value = folded("The previous run", self._chart.value)
            self._measured = self._asked
            getattr(self._bet, "met", lambda result, draw: draw(result))(job.result, self._draw)
            table = picture.table(job.result).to_html(index=False, border=0, justify="left")
            self._table.value = folded("Table", scrolling(table, "Table"))
        if job.state == "done" and hasattr(self._bet, "met"):
            self._bet.met(job.result, self._draw, whole=True)
        if job.result and what != {"progress"}:
            self._show_source()
        self._show_state()  # last: whoever hears "Done." finds the rest done

    def _show_state(self):
        job, error, running = self._job, self._job.error, self._job.state == "running"
        self._run.description, self._run.icon, self._run.button_style = BUTTON[running]
        self._save.disabled = running or not job.result
        self._end_other.layout.display = "" if isinstance(error, Busy) else "none"
        self._detail.value = folded("Details", _code(error.detail)) if error and error.detail else ""
        kept = "the rounds that were finished" if self._measured is self._asked else "the previous run"
        stopped = f"Stopped; the chart shows {kept}." if job.result else "Stopped."
        said = {"idle": "Ready.", "running": progress_text(*job.progress), "done": "Done.", "cancelled": stopped}
        self.say(said.get(job.state) or f"Not measured: {error}.", "bad" if error else "")

    def _show_source(self):
        """Say where the chart comes from, in amber where the controls say something else by now; else keep its room."""
        if not self._job.result:
            self._chart.value = room(self._function.__name__, self.values(), "Press Run. The chart appears here.")
            return
        warning, running = "", self._job.state == "running"
        if running and self._measured is not self._asked:
            warning = "This is the previous run, until the first round is finished."
        elif self._settings() != self._measured:
            warning = f"You have changed the settings since {'this run began' if running else 'this run: press Run'}."
        text = f'{html.escape(provenance(self._job.result))}<div class="conc-lab-warning">{warning}</div>'
        self._source.value = f'<div class="conc-lab">{text}</div>'


panel = Panel  # conc_lab's public name


def offer_tasks() -> None:
    """Let the panels that are shown offer the student's new task, too; what is chosen in them stays."""
    for each in list(_PANELS):
        each.show_controls(each.values())


def _code(text):
    return scrolling(f"<pre>{html.escape(text)}</pre>", "Code")
