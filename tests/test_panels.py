"""conc_lab.panels: the panel's widgets as a student uses them, without a browser and with a run made by hand."""

import json
import re

import ipywidgets as widgets
import pytest
from helpers import LIVENESS_S, becomes_true
from made.results import TWO, TYPICAL, made

from conc_lab.engine import experiment as experiments, parameters, run as runner, tasks
from conc_lab.student import panel as panels
from conc_lab.engine.errors import LabError, RunStopped
from conc_lab.engine.result import load


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
        (found,) = [widget for widget in self.all() if getattr(widget, "description", None) == label]
        return found

    def press(self, label):
        """Press the button, which a browser allows only where it is enabled."""
        assert not self[label].disabled
        self[label].click()

    @property
    def page(self):
        """All the HTML that the panel shows."""
        return "\n".join(widget.value for widget in self.all(widgets.HTML))

    @property
    def said(self):
        """What a screen reader announces: the text of the one status or alert."""
        (said,) = re.findall(r'role="(?:status|alert)">(.*?)</(?:span|div)>', self.page, re.DOTALL)
        return said

    @property
    def alert(self):
        return 'role="alert"' in self.page


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The notebook's folder, which is empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Runs(list):
    """What the panel asked to be run; each call returns, or raises, the next of `outcomes`."""

    def __init__(self):
        self.outcomes = []

    def __call__(self, experiment, params, timeout_s, *, on_start, on_progress, on_round):
        self.append((experiment, params))
        self.timeout_s = timeout_s
        outcome = self.outcomes.pop(0)
        outcome = outcome(on_progress, on_round) if callable(outcome) else outcome
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


@pytest.fixture
def runs(monkeypatch):
    runs = Runs()
    monkeypatch.setattr(runner, "run", runs)
    return runs


def run(panel, runs, outcome):
    """Press Run, let the run come to this outcome, and wait until the panel has told it."""
    runs.outcomes.append(outcome)
    panel.press("Run")
    assert becomes_true(lambda: not panel["Run"].disabled and "starting" not in panel.page, LIVENESS_S)
    assert becomes_true(lambda: re.search(r"Done|Stopped|Not run|alert", panel.page), LIVENESS_S)


@pytest.mark.parametrize("experiment", experiments.NAMES)
def test_controls_come_from_the_signature(experiment, runs):
    """Every parameter of every experiment has a control of its name, and Run gives the experiment's defaults."""
    panel = Panel(experiment)
    described = parameters.described(experiments.function(experiment))
    shown = [widget.description for widget in panel.all() if getattr(widget, "description", "")]
    shown += [re.sub("<.*?>", "", widget.value) for widget in panel.all(widgets.HTML)]
    for name in described:
        assert name.replace("_", " ").capitalize() in shown
    run(panel, runs, made(TYPICAL))
    ((name, given),) = runs
    assert name == experiment and given == parameters.checked(experiments.function(experiment), {})


def test_initial_values(runs):
    """Keyword arguments set the controls."""
    initial = {
        "task": "http",
        "workers": [3, 4],
        "kinds": ["asyncio", "threads"],
        "start_method": "spawn",
        "task_ms": 7.5,
        "rounds": 4,
    }
    panel = Panel(**initial)
    assert panel["Workers"].value == "3 4" and panel["Workers up to"].value == 4
    run(panel, runs, made(TWO))
    assert runs[0][1] == initial | {"kinds": ["threads", "asyncio"]}


@pytest.mark.parametrize(
    "initial, sentence",
    [
        ({"workers": 0}, "workers must be"),
        ({"task": "prime"}, "unknown task 'prime'"),
        ({"wokers": 2}, "no parameter 'wokers'"),
        ({"timeout_s": "x"}, "timeout_s must be a number between "),
    ],
)
def test_bad_initial_values(initial, sentence):
    """A panel that cannot be is refused when it is asked for, not when Run is pressed."""
    with pytest.raises(LabError, match=sentence):
        panels.panel(**initial)


def test_tasks_are_grouped_by_kind():
    """The task control offers every task, grouped by what kind of work it is."""
    options = Panel()["Task"].options
    assert sorted(value for _, value in options) == sorted(tasks.TASKS)
    kinds = [tasks.TASKS[value].kind for _, value in options]
    assert kinds == sorted(kinds, key=tasks.KINDS.index)
    assert all(label.startswith(tasks.TASKS[value].kind) for label, value in options)


def test_a_task_of_ones_own(runs):
    """A student's own task can be given by its name, and is offered as theirs."""
    panel = Panel(task="own_tasks:forty_two")
    assert panel["Task"].value == "own_tasks:forty_two"
    assert panel["Task"].options[-1][0].startswith(tasks.OWN)


@pytest.mark.parametrize("most, text", [(1, "1"), (2, "1 2"), (8, "1 2 4 8"), (64, "1 2 4 8 16 32 64")])
def test_the_list_writes_the_numbers_of_workers(runs, most, text):
    """The list writes the doublings up to its value into the text, which is what is run."""
    panel = Panel(workers=[3])
    panel["Workers up to"].value = most
    if most == 2:  # where it stood already
        panel["Workers up to"].value = 1
        panel["Workers up to"].value = 2
    assert panel["Workers"].value == text
    run(panel, runs, made(TWO))
    assert runs[0][1]["workers"] == [int(word) for word in text.split()]


@pytest.mark.parametrize("text, workers", [("2", [2]), ("1,2, 3", [1, 2, 3]), (" 5  7 ", [5, 7]), ("2 2 1", [2, 1])])
def test_any_numbers_of_workers_can_be_typed(runs, text, workers):
    """The text takes any numbers, with spaces or commas, whatever the list says."""
    panel = Panel()
    panel["Workers"].value = text
    run(panel, runs, made(TWO))
    assert parameters.checked(experiments.function("speedup"), runs[0][1])["workers"] == workers


BAD = [
    ("four", "four"),
    ("0", "0"),
    ("10000", "10000"),
    ("1.5", "1.5"),
    ("2 -1", "-1"),
    ("nan", "nan"),
    ("<b>", "&lt;b&gt;"),
]


@pytest.mark.parametrize("text, received", [*BAD, ("", "empty"), (" , ", "empty")])
def test_a_bad_number_of_workers(runs, text, received):
    """What cannot be run is told in one sentence; the chart stays, nothing is started, and the next run works."""
    panel = Panel()
    run(panel, runs, made(TWO))
    page = panel.page
    chart = re.search("<img.*?>", page)[0]
    panel["Workers"].value = text
    panel["Run"].click()
    assert panel.alert and "orkers must " in panel.said and received in panel.said
    assert chart in panel.page and len(runs) == 1 and not panel["Run"].disabled and panel["Stop"].disabled
    panel["Workers"].value = "2"
    run(panel, runs, made(TWO))
    assert not panel.alert and "Done" in panel.said


def test_what_the_experiment_itself_refuses(runs):
    """Parameters that do not go together are refused before the start as well: chart, table and Save stay."""
    panel = Panel(task="count_primes")
    run(panel, runs, made(TWO))
    shown = re.findall("<img.*?>|<table.*?</table>", panel.page, re.DOTALL)
    panel["asyncio"].value = True
    panel["Run"].click()
    assert panel.alert and "Not run" in panel.page and "asyncio cannot run count_primes" in panel.said
    assert len(shown) == 2 and shown == re.findall("<img.*?>|<table.*?</table>", panel.page, re.DOTALL)
    assert len(runs) == 1 and not panel["Save result"].disabled


@pytest.mark.parametrize("outcome, said", [(LabError("no <rounds>"), "no &lt;rounds&gt;"), (RunStopped("s"), "before")])
def test_a_run_without_a_round(runs, folder, outcome, said):
    """A run that ends before its first round leaves the chart, the table and the result of the run before."""
    panel = Panel()
    run(panel, runs, made(TWO))
    shown = re.findall("<img.*?>|<table.*?</table>", panel.page, re.DOTALL)
    run(panel, runs, outcome)
    assert said in panel.said and shown == re.findall("<img.*?>|<table.*?</table>", panel.page, re.DOTALL)
    panel.press("Save result")
    (path,) = (folder / "my_work/results").iterdir()
    assert load(path) == made(TWO)


def test_the_time_limit(runs):
    """A panel hands its time-out on to its runs."""
    panel = Panel(timeout_s=7)
    run(panel, runs, made(TWO))
    assert runs.timeout_s == 7
    run(panel := Panel(), runs, made(TWO))
    assert runs.timeout_s == runner.TIMEOUT_S


def test_no_kind_chosen(runs):
    """Without any kind of worker the panel says what is missing."""
    panel = Panel(kinds=["threads"])
    panel["threads"].value = False
    panel["Run"].click()
    assert panel.alert and "kinds must not be empty: give at least one" in panel.said and runs == []


def test_a_run(runs):
    """While it runs only Stop can be pressed; chart and progress follow; then Save and the medians are there."""
    panel = Panel()
    seen = []

    def outcome(on_progress, on_round):
        on_progress(0.25, "round 1 of <2>", 12.3)
        seen.append((panel.said, panel["Run"].disabled, panel["Stop"].disabled, panel["Save result"].disabled))
        on_round(made(TWO, rounds=1))
        seen.append(panel.page)
        return made(TWO, rounds=2)

    assert panel["Stop"].disabled and panel["Save result"].disabled and "Ready" in panel.said
    run(panel, runs, outcome)
    (said, *disabled), page = seen
    assert said == "25%: round 1 of &lt;2&gt;, about 12 s left"
    assert disabled == [True, False, True]
    assert "median of one round" in page and "median of two rounds" in panel.page
    assert "<summary>Medians</summary>" in page
    assert (panel["Run"].disabled, panel["Stop"].disabled, panel["Save result"].disabled) == (False, True, False)
    assert "<summary>Medians</summary>" in panel.page and "2 processes" in panel.page
    assert panel.all(widgets.FloatProgress)[0].value == 1


def test_nothing_is_drawn_twice(runs, monkeypatch):
    """Chart and table are drawn once for each round, and not again for the same rows at the end."""
    drawn, show = [], panels.charts.show
    monkeypatch.setattr(panels.charts, "show", lambda *args, **kw: (drawn.append("chart"), show(*args, **kw))[1])
    table = panels.charts.table
    monkeypatch.setattr(panels.charts, "table", lambda result: (drawn.append("table"), table(result))[1])

    def outcome(on_progress, on_round):
        for rounds in (1, 2):
            on_round(made(TWO, rounds=rounds))
        return made(TWO, rounds=2)

    run(Panel(), runs, outcome)
    assert drawn == ["chart", "table"] * 2


def test_a_failed_run_after_a_round(runs):
    """After a failure the chart and the table are both of the rounds that were complete."""
    panel = Panel()
    run(panel, runs, made({("threads", 2): 1.5}))

    def outcome(on_progress, on_round):
        on_round(made({("threads", 4): 1.75}, rounds=1))
        return LabError("it failed")

    run(panel, runs, outcome)
    assert "it failed" in panel.said and "threads 1.75× with 4" in panel.page
    table = re.search("<table.*</table>", panel.page, re.DOTALL)[0]
    assert "4 threads" in table and "2 threads" not in table


def test_the_run_before_is_laid_over(runs, monkeypatch):
    """The chart of a second run is drawn with the first's result, and with the bet."""
    drawn, show = [], panels.charts.show
    monkeypatch.setattr(panels.charts, "show", lambda *args, **kw: (drawn.append(kw), show(*args, **kw))[1])
    bet = type("MadeBet", (), {"points": [("threads", 2, 2.0)]})()
    panel = Panel(bet=bet)
    first = made(TWO)
    run(panel, runs, first)
    run(panel, runs, made(TWO))
    assert [item["earlier"] for item in drawn] == [None, first]
    assert all(item["bet"] is bet for item in drawn) and "your bet: 2 threads" in panel.page


def test_a_failed_run(runs):
    """A failure is told in one sentence, and what its task printed is folded and escaped."""
    panel = Panel()
    run(panel, runs, LabError("the task raised ValueError: <no>", "Traceback:\n  <script>alert(1)</script>"))
    assert panel.alert and "the task raised ValueError: &lt;no&gt;" in panel.page
    assert "<summary>Details</summary>" in panel.page and "<script>" not in panel.page
    assert panel["Save result"].disabled and panel["Stop"].disabled


def test_a_stopped_run(runs):
    """A stopped run keeps the chart of its complete rounds, and says so."""
    panel = Panel()

    def outcome(on_progress, on_round):
        on_round(made(TWO, rounds=1))
        return RunStopped("stopped")

    run(panel, runs, outcome)
    assert "Stopped" in panel.said and "complete" in panel.said and not panel.alert
    assert "median of one round" in panel.page and not panel["Save result"].disabled


def test_stop_twice(runs):
    """Stop can be pressed before, twice during and after a run: the run ends once, and nothing breaks."""
    panel = Panel()
    panel["Stop"].click()

    def outcome(on_progress, on_round):
        panel["Stop"].click()
        panel["Stop"].click()
        return RunStopped("stopped")

    run(panel, runs, outcome)
    panel["Stop"].click()
    assert "Stopped" in panel.said
    run(panel, runs, made(TWO))
    assert "Done" in panel.said


def test_save(runs, folder):
    """Save writes the result that is shown into my_work/results beside the notebook, and says where."""
    panel = Panel()
    result = made(TWO)
    run(panel, runs, result)
    panel.press("Save result")
    (path,) = (folder / "my_work/results").iterdir()
    assert f"my_work/results/{path.name}" in panel.said and not panel.alert
    assert load(path) == result
    assert str(folder) not in path.read_text() and json.loads(path.read_text())["experiment"] == "speedup"


def test_save_where_nothing_can_be_written(runs, folder):
    """Where the folder cannot be written to, Save says so in one sentence, and the result is still there."""
    (folder / "my_work").write_text("a file where the folder should be")
    panel = Panel()
    run(panel, runs, made(TWO))
    panel.press("Save result")
    assert panel.alert and "could not be written" in panel.said and "<summary>Details" not in panel.page
    assert "Not saved" in panel.said
    assert "<img" in panel.page and not panel["Save result"].disabled


def test_the_code_is_shown():
    """The experiment's own source stands folded under the panel."""
    page = Panel().page
    assert "<summary>Show the code</summary>" in page and "def speedup(" in page


def test_two_panels_share_nothing(runs):
    """What is done in one panel is not seen in another."""
    one, other = Panel(), Panel()
    run(one, runs, made(TWO))
    assert "<img" in one.page and "<img" not in other.page and "Ready" in other.said
