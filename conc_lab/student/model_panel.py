"""`lab.model`: the model in the player, with controls for workers and CPUs, and what was measured under it."""

import ipywidgets as widgets

from ..drawing import kit, picture, words
from ..drawing.player import player
from ..drawing.shell.shell import Shell
from ..engine.errors import LabError
from ..engine.parameters import Number, OneOf
from ..engine.result import ODD, Result, recording
from ..modelling import fit
from ..modelling.simulation import Work
from .play import lanes, track

TASKS = {"computing in Python": Work(0.01), "hashing": Work(0, 0.01), "half waiting": Work(0.005, 0, 0.005)}
TASKS |= {"waiting": Work(0, 0, 0.01)}
KINDS = ("threads", "processes", "asyncio")
NUMBERS = {1, 2, 4, 8, 16, 32, 64}
WIDE, NARROW = {"width": "20em"}, {"width": "11em"}
RULES = "Nothing was measured for this: it follows from the rules alone. To check the model, call lab.model(result)."
RECORDED = "Your run had no second CPU to itself, so the model is fitted to a recording from two CPUs."
OPEN = "The measurement does not tell how much of a task needs the lock. "
ONE_THREAD = "Coroutines share one thread: the lock in this picture is that thread."


class Model(Shell):
    """The model in the player: choose workers and CPUs; it says what they would do and how far to believe that.

    result: of a speedup, to which the model is fitted (see `modelling.fit`), and which is played under it where the
    same workers were measured; without one there are four made-up tasks of 10 ms to choose from. kind, workers, cpus:
    what is chosen at first. Raises LabError for what cannot be modelled.
    """

    def __init__(self, result: Result | None = None, kind=None, workers: int | None = None, cpus: int | None = None):
        self._result, self._note, self._points = result, "", {}
        if result is not None:
            self._fit()
        likely = dict(sorted(self._points, key=lambda at: (at[1] <= player.MOST_LANES, at[1])))  # the last of each kind
        kinds = [name for name in kit.LOOKS if name in (likely or KINDS)]
        kind = OneOf(lambda: kinds, "").check("kind", kind or kinds[0])
        self._task = widgets.Dropdown(options=TASKS, description="Task", layout=WIDE)
        self._kind = widgets.Dropdown(options=kinds, value=kind, description="Kind", layout=WIDE)
        self._workers = _choice("Worker", workers, likely.get(kind, 2))
        self._cpus = _choice("CPU", cpus, fit.usable(self._result) if likely else 2)
        self._player = player.Player([])
        controls = [*([] if likely else [self._task]), self._kind, self._workers, self._cpus]
        super().__init__(name="The model")
        self.show([widgets.HBox(controls, layout={"flex_flow": "row wrap"}), self.status, self._player])
        for control in controls:
            control.observe(self._update, "value")
        self._update()

    def _fit(self):
        """Fit the model to the result, or to a recording of its task where it tells nothing of several CPUs."""
        try:
            if untold := fit.fitted(self._result).untold:
                task, gil = self._result.params["task"], self._result.machine["gil"]
                self._result, self._note = recording("speedup", task=task, gil=gil), RECORDED
            if not self._result:
                raise LabError(f"there is nothing to fit the model to: {untold}")
            self._points = fit.points(self._result)
        except ODD as error:
            raise LabError(f"these are not the rows of a whole speedup run ({error!r:.100})") from error

    def _update(self, _=None):
        """Play what is chosen, and say how far to believe it."""
        chosen = self._kind.value, self._workers.value, self._cpus.value
        at, run, said = self._checked(*chosen) if self._points else self._by_rules(*chosen)
        below = []
        if measured := self._points.get(at[:2]):
            said += f" Measured on {words.count(fit.usable(self._result), 'CPU')}: {words.times(measured[0])}."
            rows = self._result.shown.query("kind == @at[0] and workers == @at[1] <= @player.MOST_LANES")
            below = [track(*at[:2], "last round", ran, True) for ran in rows.ran.dropna()]
        self._player.tracks = [_modelled(run, *at), *below]
        self.say(f"{_variant(*chosen)}: {said} {self._note}".strip())

    def _by_rules(self, *at):
        """What is played, its run of the model, and what is said of it, where nothing was measured."""
        run = fit.Fitted(self._task.value, {}).run(*at)
        return at, run, f"{words.times(run.speedup)} as fast as serial. {RULES}"

    def _checked(self, kind, workers, cpus):
        """The same where there is a measurement; it is played where what is chosen is not believed."""
        told = fit.predicted(self._result, kind, workers, cpus)
        if not told.refused:
            wide = told.high > (1 + fit.WORST) * told.low
            size = f"{words.times(told.low)} to {words.times(told.high)}" if wide else words.times(told.run.speedup)
            said = f"{size} as fast as serial. {OPEN * wide}To start them takes {words.duration(told.setup_s)} more. "
            said += f"The model was fitted to {words.count(told.points, 'measured point')} with {kind}, "
            said += f"and is off there by {max(0.01, abs(told.error)):.0%} at most."
            return (kind, workers, cpus), told.run, said
        near = min((number for name, number in self._points if name == kind), key=lambda number: abs(number - workers))
        at = kind, near, fit.usable(self._result)
        said = f"no figure, because {told.refused}. You see {_variant(*at)}, which was measured."
        return at, fit.predicted(self._result, *at).run, said

    def _ipython_display_(self):
        player.show(self, picture.drawn(player.still, self._player.tracks))


model = Model  # conc_lab's public name


def _modelled(run, kind, workers, cpus):
    """The track of a run of the model, of no more workers than the player has lanes."""
    shown = lanes(kind, workers)
    blocks, held = ([row for row in rows if row[0] < len(shown)] for rows in (run.blocks, run.held))
    notes = [ONE_THREAD] if kind == "asyncio" else []
    notes += [f"{len(shown)} of {workers} workers are shown."] if len(shown) < workers else []
    return player.Track(_variant(kind, workers, cpus), shown, blocks, True, held, " ".join(notes))


def _variant(kind, workers, cpus):
    return f"{words.name(kind, workers)} on {words.count(cpus, 'CPU')}"


def _choice(what, chosen, default):
    """A list of numbers of these, with the one that is chosen among them; it tells a screen reader its name."""
    chosen = default if chosen is None else chosen
    Number(1, max(NUMBERS), "").check(f"{what}s".lower(), chosen)
    return widgets.Dropdown(options=sorted(NUMBERS | {chosen}), value=chosen, description=f"{what}s", layout=NARROW)
