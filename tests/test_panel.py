"""conc_lab.student.panel: the panel's widgets as a student uses them, without a browser and with a run made by hand."""

import json
import re
import threading

import ipywidgets as widgets
import pytest
from helpers import LIVENESS_S, becomes_true
from made.results import TWO, made

from conc_lab.drawing import picture, words
from conc_lab.engine import experiment, kinds, parameters, pythons, tasks
from conc_lab.engine import run as engine
from conc_lab.engine.errors import Busy, LabError, RunStopped
from conc_lab.engine.result import load
from conc_lab.student import own_task
from conc_lab.student import panel as panels
from conc_lab.student.shown import room

HEIGHTS = {"count_primes": "460", "sleep": "360", "own_tasks:fine": "460"}


class Panel:
    """A panel and its widgets by what a student sees on them."""

    def __init__(self, *arguments, **initial):
        self.box = panels.panel(*arguments, **initial)

    def all(self, kind=widgets.Widget):
        def below(widget):
            yield widget
            for child in getattr(widget, "children", ()):
                yield from below(child)

        return [widget for widget in below(self.box) if isinstance(widget, kind)]

    def __getitem__(self, label):
        (widget,) = [widget for widget in self.all() if getattr(widget, "description", None) == label]
        return widget

    def press(self, label):
        """Press the button, which a browser allows only where it is enabled."""
        assert not self[label].disabled
        self[label].click()

    @property
    def page(self):
        """All the HTML that the panel shows."""
        return "\n".join(widget.value for widget in self.all(widgets.HTML))

    @property
    def status(self):
        """The line that a screen reader announces."""
        return self.box.status.said

    @property
    def alert(self):
        return self.box.status.tone == "bad"

    @property
    def rare(self):
        """The controls that are folded."""
        folds = [box for box in self.all(widgets.VBox) if "conc-lab-rare" in box._dom_classes]
        return [control for fold in folds for control in fold.children]

    @property
    def offered(self):
        """The labels of the chips."""
        return [chip.description for chip in self.all(widgets.Checkbox)]

    @property
    def wrong(self):
        """The titles of the controls that are marked."""
        return [name for name, (box, _) in self.box._controls.items() if "conc-lab-invalid" in box._dom_classes]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The notebook's folder, which is empty; a panel there draws no recording."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(panels, "room", lambda *what: "")
    return tmp_path


class Runs(list):
    """What the panel asked to be run; each call returns, or raises, the next of `outcomes`."""

    def __init__(self):
        self.outcomes = []

    def __call__(self, experiment, params, timeout_s, *, on_start, on_progress, on_round, python=None):
        engine.checked(experiment, params)
        self.append((experiment, params))
        self.timeout_s, self.python = timeout_s, python
        outcome = self.outcomes.pop(0)
        outcome = outcome(on_progress, on_round) if callable(outcome) else outcome
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


@pytest.fixture
def runs(monkeypatch):
    runs = Runs()
    monkeypatch.setattr(engine, "run", runs)
    return runs


def run(panel, runs, outcome):
    """Press Run, let the run come to this outcome, and wait until the panel has told it."""
    runs.outcomes.append(outcome)
    panel.press("Run")
    assert becomes_true(lambda: re.match("Done|Stopped|Not", panel.status), LIVENESS_S)


def pictures(panel):
    """The chart and the table that the panel shows."""
    return re.findall("<img[^>]*on-light.*?>|<table.*?</table>", panel.page, re.DOTALL)


def test_controls_come_from_the_signature(runs):
    """Every parameter of every experiment has a control of its name, Run gives the defaults, and the code is shown."""
    for name in experiment.names():
        panel, function = Panel(name), experiment.function(name)
        shown = [widget.description for widget in panel.all() if getattr(widget, "description", "")]
        shown += [re.sub("<.*?>", "", widget.value) for widget in panel.all(widgets.HTML)]
        for parameter in parameters.described(function):
            title = words.parameter(parameter, name)
            assert title in shown and "_" not in title and title[0].isupper(), (name, parameter)
        assert ">Show the code</summary>" in panel.page and f"def {name}(" in panel.page
        run(panel, runs, LabError("enough"))
        assert runs[-1][0] == name
        asked, usual = (parameters.checked(function, params) for params in (runs[-1][1], {}))
        for parameter, value in usual.items():  # chips have an order of their own
            assert sorted(asked[parameter]) == sorted(value) if isinstance(value, list) else asked[parameter] == value
    assert runs.timeout_s == engine.TIMEOUT_S


def test_initial_values(runs):
    """Keyword arguments set the controls, and the time-out of the runs."""
    initial = {
        "task": "http",
        "workers": [3, 4],
        "kinds": ["asyncio", "threads"],
        "task_ms": 7.5,
        "rounds": 4,
    }
    panel = Panel(**initial, timeout_s=7)
    assert panel["4"].value and panel["others"].value == "3"
    assert panel["Length of a task, ms"] not in panel.rare and panel["Rounds"] not in panel.rare
    run(panel, runs, made(TWO))
    assert runs == [("speedup", initial | {"kinds": ["threads", "asyncio"]})] and runs.timeout_s == 7


def test_bad_initial_values():
    """A panel that cannot be is refused when it is asked for, not when Run is pressed."""
    for initial, sentence in (
        ({"workers": 0}, "workers must be"),
        ({"task": "prime"}, "unknown task 'prime'"),
        ({"wokers": 2}, "no parameter 'wokers'"),
        ({"timeout_s": "x"}, "timeout_s must be a number between "),
        ({"bet": "cpu_threads"}, "bet must be what lab.bet"),
    ):
        with pytest.raises(LabError, match=sentence):
            panels.panel(**initial)


def test_the_type_of_task_comes_first(runs):
    """The type narrows the tasks, its first is then chosen, and a task of the student's own is of a type of its own."""
    panel, seen = Panel(task="sha256"), []
    assert panel["Type of task"].value == tasks.RELEASING and panel["Task"].value == "sha256"
    for nature in panel["Type of task"].options:
        panel["Type of task"].value = nature
        names = [name for _, name in panel["Task"].options]
        assert panel["Task"].value == names[0] and {tasks.TASKS[name].nature for name in names} == {nature}
        seen += names
    assert seen == [*tasks.TASKS]
    given = Panel(task="own_tasks:fine")
    assert given["Type of task"].value == tasks.OWN and given["Task"].value == "own_tasks:fine"


def test_every_panel_offers_a_new_task():
    """A panel that is shown already, and every later one, lists the task; what is chosen there stays chosen."""
    before, recorder = Panel(task="sleep", workers=[3]), Panel("timeline", tasks=["sleep"])
    own_task.define("digits", "def digits():\n    return 1\n")
    panels.offer_tasks()
    for panel in (before, Panel(task="sleep", workers=[3])):
        assert panel["Task"].value == "sleep" and panel["others"].value == "3"
        panel["Type of task"].value = tasks.OWN
        assert panel["Task"].options == (("digits", "digits"),)
    for panel in (recorder, Panel("timeline", tasks=["sleep"])):
        assert not panel["digits"].value and panel["sleep (a timer)"].value
    assert before["Run"] and Panel(task="digits")["Task"].value == "digits"


def test_a_choice_of_pythons(runs, monkeypatch):
    """Where there are several Pythons one can be chosen: its kinds are offered, it runs it, the chart is then old."""
    monkeypatch.setattr(pythons, "found", lambda: {"3.14": "/3.14", "3.13": "/3.13"})
    monkeypatch.setattr(
        pythons, "facts", lambda path="/3.14": {"python": path[1:], "start_methods": kinds.start_methods()}
    )
    panel = Panel("speedup", workers=[2])
    assert panel["Python"].options == ("3.14", "3.13") and "interpreters" in panel.offered
    run(panel, runs, made(TWO))
    assert runs.python == "3.14" and "You have changed the settings" not in panel.page
    panel["Python"].value = "3.13"
    assert "interpreters" not in panel.offered and "You have changed the settings" in panel.page
    monkeypatch.setattr(pythons, "found", lambda: {"3.14": "/3.14"})
    assert Panel("speedup")["Python"].layout.display == "none"
    with pytest.raises(LabError, match=r"no Python 3\.14t was found"):
        Panel("speedup", python="free-threaded")


def test_only_kinds_that_are_here(runs, monkeypatch):
    """A kind of worker that this machine or Python lacks is not offered, and not asked for by default."""
    lacking = "interpreters", "fork", "forkserver"
    monkeypatch.setattr(kinds, "unavailable", lambda kind, facts=None: "not here" if kind in lacking else None)
    panel = Panel("sharing")
    offered = [box.description for box in panel.all(widgets.Checkbox)]
    assert offered == ["threads", "processes (spawn)"]
    run(panel, runs, LabError("enough"))
    assert not {*lacking} & {*runs[-1][1]["kinds"]}


def test_numbers_of_workers(runs):
    """Usual numbers are chips; the field takes any others, with blanks or commas between them."""
    panel = Panel(workers=[2])
    for text, workers in (("", [2]), ("3 5", [2, 3, 5]), ("16,1, 3", [1, 2, 3, 16]), (" 5  7 ", [2, 5, 7])):
        panel["others"].value = text
        run(panel, runs, LabError("enough"))
        assert runs[-1][1]["workers"] == workers


def test_what_cannot_be_run(runs):
    """It is told in one sentence; what was typed, chart, table and Save stay, and the next run works."""
    panel = Panel(task="count_primes", kinds=["threads"])
    run(panel, runs, made(TWO))
    shown = pictures(panel)
    assert len(shown) == 2

    def refused(label, value, sentence, wrong):
        before, panel[label].value = panel[label].value, value
        assert panel.wrong == wrong and panel.alert == bool(wrong)  # marked and said before Run is pressed
        panel.press("Run")
        assert becomes_true(lambda: panel.status.startswith("Not measured: "), LIVENESS_S), (label, value)
        assert sentence in panel.status and panel.alert and panel[label].value == value and panel.wrong == wrong
        assert pictures(panel) == shown and len(runs) == 1 and not panel["Save result"].disabled
        panel[label].value = before
        assert not panel.wrong

    refused("others", "four", "workers must be a whole number between 1 and 256, got 'four'", ["workers"])
    refused("others", "<b> 3", "workers must be a whole number between 1 and 256, got '<b>'", ["workers"])
    refused("Rounds", "0", "rounds must be a whole number between 1 and 9999, got 0", ["rounds"])
    refused("Rounds", "", "rounds must be a whole number between 1 and 9999, got ''", ["rounds"])
    refused(
        "Length of a task, ms", "1e9", "task_ms must be a number between 0.1 and 60000, got 1000000000.0", ["task_ms"]
    )
    refused("threads", False, "choose at least one value for kinds, and at most 256", ["kinds"])
    run(panel, runs, made(TWO))
    assert not panel.alert and "Done" in panel.status


def test_where_the_chart_comes_from(runs):
    """Below the chart stands what was measured, with a warning as long as the controls say something else."""
    panel, seen = Panel(workers=[2], kinds=["threads"], rounds=9), []

    def warning():
        (text,) = re.findall('<div class="conc-lab-warning">(.*?)</div>', panel.page)
        return text

    def outcome(on_progress, on_round):
        on_progress(0, "round 1", None)  # what a run tells waits until the panel knows that it has begun
        seen.append(warning())
        on_round(made({("threads", 4): 2.0}))
        seen.append(warning())
        panel["4"].value = False
        seen.append(warning())
        return made({("threads", 4): 2.0})

    panel["4"].value = True
    assert "conc-lab-warning" not in panel.page  # there is no chart
    panel["4"].value = False
    run(panel, runs, made({("threads", 2): 2.0}))
    assert "Workers: 2 · Kinds of worker: threads · Length of a task, ms: 2 · Rounds: 9 · two usable CPUs" in panel.page
    assert warning() == ""
    for label, value in (("4", True), ("threads", False), ("Rounds", "8"), ("Rounds", "<")):
        before, panel[label].value = panel[label].value, value
        assert warning() == "You have changed the settings since this run: press Run.", label
        panel[label].value = before
        assert warning() == "", label
    panel["4"].value, panel["2"].value = True, False
    run(panel, runs, outcome)
    assert seen[0].startswith("This is the previous run") and seen[1] == ""
    assert seen[2] == "You have changed the settings since this run began."
    assert warning() == "You have changed the settings since this run: press Run."


def test_the_room_of_the_chart():
    """Before the first run there is a frame of the shape of a recording's chart, of what is asked for if it has it."""
    few = {"methods": ["call", "plain"], "counts": ["shared"], "kinds": ["threads", "processes"]}
    cases = [("speedup", {"task": task}, height) for task, height in HEIGHTS.items()]
    for name, params, height in (*cases, ("races", {}, "930"), ("races", few, "450")):
        (ratio,) = re.findall(r"aspect-ratio: ([\d.]+)", room(name, params, "here"))
        assert f"{720 / float(ratio):.0f}" == height, (name, params)


def test_a_run_without_a_round(runs, folder):
    """A run that ends before its first round leaves the chart, the table and the result of the previous run."""
    panel = Panel()
    run(panel, runs, made(TWO))
    shown = pictures(panel)
    for outcome, sentence in ((LabError("no <rounds>"), "no <rounds>"), (RunStopped("s"), "the previous run")):
        run(panel, runs, outcome)
        assert sentence in panel.status and pictures(panel) == shown, sentence
    panel.press("Save result")
    (path,) = (folder / "my_work/results").iterdir()
    assert load(path) == made(TWO)


def test_a_run(runs):
    """While it runs Run is Stop, and Save waits; chart and progress follow; then Save and the medians are there."""
    panel = Panel()
    seen = []

    def outcome(on_progress, on_round):
        on_progress(0.25, "round 1 of <2>", 12.3)
        seen.append((panel.status, panel["Stop"], panel["Save result"].disabled))
        on_round(made(TWO, rounds=1))
        seen.append(panel.page)
        return made(TWO, rounds=2)

    button = panel["Run"]
    assert panel["Save result"].disabled and "Ready" in panel.status
    run(panel, runs, outcome)
    first, page = seen
    assert first == ("25%: round 1 of <2>, about 12 s left", button, True) and panel["Run"] is button
    assert "median of one round" in page and "median of two rounds" in panel.page
    assert ">Table</summary>" in page
    assert 'tabindex="0" data-lm-suppress-shortcuts><table' in page  # on a narrow page it scrolls, by keyboard too
    assert not panel["Save result"].disabled
    assert ">Table</summary>" in panel.page and "2 processes" in panel.page


def test_what_is_drawn(runs, monkeypatch):
    """Chart and table are drawn once for each round, with the bet."""
    drawn = []
    for name in ("show", "table"):
        draw = getattr(panels.picture, name)

        def watched(result, draw=draw, name=name, **how):
            drawn.append((name, how))
            return draw(result, **how)

        monkeypatch.setattr(panels.picture, name, watched)

    def outcome(on_progress, on_round):
        for rounds in (1, 2):
            on_round(made(TWO, rounds=rounds))
        return made(TWO, rounds=2)

    bet = type("MadeBet", (), {"points": [("threads", 2, 2.0)]})()
    panel = Panel(bet=bet)
    run(panel, runs, outcome)
    assert drawn == [("show", {"bet": bet}), ("table", {})] * 2
    assert "your bet: 2 threads" in panel.page


def test_the_run_before(runs):
    """A run's first round folds the chart of the previous run below its own, where it stays until the next run's."""
    panel = Panel()

    def alts():
        return re.findall(r'<img alt="Speedup[^"]*?(\d) threads[^>]*on-light', panel.page)

    def outcome(workers, end):
        def rounds(on_progress, on_round):
            for number in (1, 2):
                on_round(made({("threads", workers): 1.5}, rounds=number))
            return end or made({("threads", workers): 1.5}, rounds=2)

        return rounds

    run(panel, runs, outcome(2, None))
    assert alts() == ["2"] and "The previous run" not in panel.page
    for workers, end in ((4, None), (8, LabError("it failed"))):
        run(panel, runs, outcome(workers, end))
        assert alts() == [str(workers), str(workers // 2)]
        assert panel.page.count(">The previous run</summary>") == 1
        run(panel, runs, LabError("no rounds"))
        assert alts() == [str(workers), str(workers // 2)]


def test_a_failed_run_after_a_round(runs):
    """After a failure the chart and the table are both of the rounds that were complete."""
    panel = Panel()
    run(panel, runs, made({("threads", 2): 1.5}))
    complete = made({("threads", 4): 1.75}, rounds=1)

    def outcome(on_progress, on_round):
        on_round(complete)
        return LabError("it failed")

    run(panel, runs, outcome)
    assert "it failed" in panel.status and "4 threads 1.75×" in panel.page
    assert re.findall("<table.*?</table>", panel.page, re.DOTALL) == [
        picture.table(complete).to_html(index=False, border=0, justify="left")
    ]


def test_a_failed_run(runs):
    """A failure is told in one sentence, and what its task printed is folded and escaped."""
    panel = Panel()
    run(panel, runs, LabError("the task raised ValueError: <no>", "Traceback:\n  <script>alert(1)</script>"))
    assert panel.alert and "the task raised ValueError: <no>" in panel.status  # which is text
    assert ">Details</summary>" in panel.page and "<script>" not in panel.page
    assert panel["Save result"].disabled


def test_a_stopped_run(runs):
    """A stopped run keeps the chart of its complete rounds, and says so."""
    panel = Panel()

    def outcome(on_progress, on_round):
        on_round(made(TWO, rounds=1))
        return RunStopped("stopped")

    run(panel, runs, outcome)
    assert "Stopped" in panel.status and "finished" in panel.status and not panel.alert
    assert "median of one round" in panel.page and not panel["Save result"].disabled


def test_stop_twice(runs):
    """Stop can be pressed twice before the run has ended: it ends once, says so, and the next run works."""
    panel, said = Panel(), []

    def outcome(on_progress, on_round):
        on_progress(0, "round 1", None)  # waits until the panel knows that it has begun
        panel.press("Stop")
        said.append(panel.status)
        panel.press("Stop")
        return RunStopped("stopped")

    run(panel, runs, outcome)
    assert said == ["Stopping."] and panel.status == "Stopped."
    run(panel, runs, made(TWO))
    assert "Done" in panel.status


def test_save(runs, folder):
    """Save writes the result that is shown into my_work/results beside the notebook, and says where."""
    panel = Panel()
    result = made(TWO)
    run(panel, runs, result)
    panel.press("Save result")
    (path,) = (folder / "my_work/results").iterdir()
    assert f"my_work/results/{path.name}" in panel.status and not panel.alert
    assert load(path) == result
    assert str(folder) not in path.read_text() and json.loads(path.read_text())["experiment"] == "speedup"


def test_save_where_nothing_can_be_written(runs, folder):
    """Where the folder cannot be written to, Save says so in one sentence, and the result is still there."""
    (folder / "my_work").write_text("a file where the folder should be")
    panel = Panel()
    run(panel, runs, made(TWO))
    panel.press("Save result")
    assert panel.alert and "could not be written" in panel.status and ">Details<" not in panel.page
    assert "Not saved" in panel.status
    assert "<img" in panel.page and not panel["Save result"].disabled


@pytest.fixture
def other(monkeypatch):
    """The experiment that runs elsewhere in the notebook, until it is told to stop."""
    other = type("MadeRun", (), {"stopped": threading.Event()})()
    other.stop = other.stopped.set
    monkeypatch.setattr(engine, "_current", other)
    return other


def test_another_experiment_runs(runs, other):
    """A run that is refused because another experiment runs offers a button that ends that one, and only then."""
    panel = Panel()
    button = panel["End the other run"]
    run(panel, runs, LabError("refused"))
    assert button.layout.display == "none"
    run(panel, runs, Busy("another experiment is running"))
    assert panel.alert and button.layout.display != "none" and not other.stopped.is_set()
    button.click()
    assert other.stopped.is_set() and button.layout.display == "none"
    assert "Press Run" in panel.status
    run(panel, runs, Busy("another experiment is running"))
    run(panel, runs, made(TWO))
    assert button.layout.display == "none" and "Done" in panel.status


def test_a_cell_that_is_run_again(monkeypatch):
    """The run of a panel ends when its cell asks for another panel, even a wrong one, not when another does."""
    import IPython

    shown_in, adopted, stopped = {"cell": "one"}, threading.Event(), threading.Event()

    def made_run(*arguments, on_start, **how):
        on_start(type("MadeRun", (), {"stop": stopped.set}))
        adopted.set()
        assert stopped.wait(LIVENESS_S)
        raise RunStopped("stopped")

    kernel = type("Kernel", (), {"get_parent": lambda self: {"metadata": {"cellId": shown_in["cell"]}}})()
    monkeypatch.setattr(IPython, "get_ipython", lambda: type("Shell", (), {"kernel": kernel}))
    monkeypatch.setattr(engine, "run", made_run)
    panel = Panel()
    panel.press("Run")
    assert adopted.wait(LIVENESS_S)
    for cell in ("two", None):
        shown_in["cell"] = cell
        Panel()
        assert not stopped.is_set() and panel["Stop"]
    shown_in["cell"] = "one"
    with pytest.raises(LabError, match="speedup has no parameter 'nonsense'"):
        Panel(nonsense=1)
    assert stopped.is_set() and becomes_true(lambda: "Stopped" in panel.status, LIVENESS_S)


def test_two_panels_share_nothing(runs):
    """What is done in one panel is not seen in another."""
    one, other = Panel(), Panel()
    run(one, runs, made(TWO))
    assert "<img" in one.page and "<img" not in other.page and "Ready" in other.status
