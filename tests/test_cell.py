"""conc_lab.student.cell: an experiment as a call, in a notebook and outside."""

import inspect
import re
import subprocess
import sys
import threading

import pytest
from helpers import LIVENESS_S, SMALL, becomes_true, profile, small
from made.results import TWO, made

import conc_lab as lab
from conc_lab.engine import experiment, parameters, pythons, run
from conc_lab.engine.errors import LabError, RunStopped
from conc_lab.engine.result import KEPT, Result, recording
from conc_lab.student import cell


class Page:
    """What `display` put into a cell's output, each part as it stands after its last update."""

    def __init__(self):
        self.parts = []

    def display(self, shown, display_id):
        assert display_id is True
        self.parts.append([shown])
        return type("Handle", (), {"update": staticmethod(self.parts[-1].append)})

    def now(self):
        return [part[-1]._repr_html_() or "" for part in self.parts]


@pytest.fixture
def page(monkeypatch, tmp_path):
    """A cell's output in a notebook that there is not, whose folder is empty."""
    import IPython

    monkeypatch.chdir(tmp_path)
    page = Page()
    shell = type("Shell", (), {"kernel": object()})
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    monkeypatch.setattr("IPython.display.display", page.display)
    return page


def text(html):
    return re.sub("<.*?>", "", html)


def test_signature():
    """A call lists its experiment's parameters with the profile's defaults, then bet and timeout, and has its help."""
    seen = set()
    for present in parameters.PROFILES:
        with profile(present):
            for name in experiment.names():
                call, case = cell.experiment_call(name), (present, name)
                assert getattr(lab, name).__name__ == name and name in dir(lab)
                assert call.__name__ == name and call.__doc__ == experiment.function(name).__doc__, case
                signature = inspect.signature(call).parameters
                described = parameters.described(experiment.function(name))
                assert list(signature) == [*described, "bet", "timeout_s", "python", "scheduler"], case
                for parameter in described.values():
                    assert signature[parameter.name].default == parameter.default, (*case, parameter.name)
                    by_position = signature[parameter.name].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
                    assert by_position == (parameter.name == "task"), (*case, parameter.name)
            seen.add(inspect.signature(cell.experiment_call("speedup")).parameters["rounds"].default)
    assert len(seen) == 3  # the profiles do differ


def test_outside_a_notebook(capsys):
    """Outside IPython the call returns the result and prints nothing."""
    result = lab.speedup(**SMALL)
    assert isinstance(result, Result) and set(result.frame.kind) == {"serial", "threads"}
    assert capsys.readouterr() == ("", "")


def test_outside_ipython_altogether():
    """The call works where IPython cannot be imported."""
    code = (
        "import sys; sys.modules['IPython'] = None\n"
        "import conc_lab as lab\n"
        f"print(len(lab.speedup(**{SMALL!r}).rows) > 2)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_stop():
    """`lab.stop()` ends the experiment that runs, wherever in the notebook, and does nothing where none does."""
    lab.stop()
    caught = []

    def never_ends():
        with pytest.raises(RunStopped) as error:
            small(task="own_tasks:never_returns")
        caught.append(error.value)

    thread = threading.Thread(target=never_ends)
    thread.start()
    assert becomes_true(lambda: run._current is not None, LIVENESS_S)
    lab.stop()
    assert run._current is None  # the next can begin
    thread.join(LIVENESS_S)
    assert caught


def test_a_task_by_position():
    """A task may be given by position, and is refused where the experiment has none; nothing else may.

    What is no bet is refused before the run.
    """
    with pytest.raises(LabError, match=r"^unknown task 'prime'"):
        lab.speedup("prime")
    with pytest.raises(LabError, match=r"^timeline has no parameter 'task'"):
        lab.timeline("sha256")
    with pytest.raises(LabError, match=r"^bet must be what lab.bet\(\) or lab.question\(\) returns, got 'cpu_threads'"):
        lab.speedup("sha256", bet="cpu_threads", rounds=0)
    with pytest.raises(TypeError, match=r"speedup\(\) takes from 0 to 1 positional arguments"):
        lab.speedup("sha256", [1, 2])


def test_in_a_notebook(page, monkeypatch):
    """In a cell the line of progress and the chart are updated in place, and only the chart stays."""
    bet, seen = type("MadeBet", (), {"points": [("threads", 2, 2.0)]})(), []

    def made_run(experiment, params, timeout_s, *, python, scheduler, on_progress, on_round):
        assert (experiment, params, timeout_s) == ("speedup", {"task": "sha256"}, 7)
        on_progress(0.5, "round 1 of <2>", None)
        seen.append(page.now())
        on_round(made(TWO, rounds=1))
        seen.append(page.now())
        on_progress(1, "round 2 of <2>", 0.4)
        on_round(made(TWO, rounds=2))
        return made(TWO, rounds=2)

    monkeypatch.setattr(run, "run", made_run)
    assert lab.speedup(task="sha256", bet=bet, timeout_s=7) == made(TWO, rounds=2)
    assert text(seen[0][0]) == "50%: round 1 of &lt;2&gt;" and "The chart appears here." in seen[0][1]
    assert "median of one round" in seen[1][1] and "your bet: " in seen[1][1]
    assert re.search("2 threads <b>[^<]*×</b><br><small>[^<]*; you bet 2×</small>", seen[1][1])
    line, chart = page.now()
    assert text(line) == "" and "median of two rounds" in chart


def test_what_follows_the_last_round_is_on_the_chart(page, monkeypatch):
    """The chart shows the whole result in the end, though a run may end without a round, or long after its last."""
    monkeypatch.setattr(run, "run", lambda *what, **events: made(TWO, rounds=2))
    lab.speedup()
    line, chart = page.now()
    assert text(line) == "" and "median of two rounds" in chart


def test_a_recording_where_there_is_no_such_python(page, monkeypatch):
    """Without a free-threaded Python a cell says how to get one, and shows and returns the recording in its place."""
    monkeypatch.setattr(pythons, "found", lambda: {"3.11": sys.executable})
    result = lab.speedup("sha256", python="free-threaded", kinds=["threads"])
    assert result == recording("speedup", "sha256", gil=False)
    line, chart = page.now()
    assert (
        "uv python install 3.14t" in text(line) and "Recorded on 20" in text(line) and "without the GIL" in text(line)
    )
    assert "<img" in chart and not KEPT.exists()
    for asked in ({"python": "3.99t"}, {"python": "free-threaded", "task": "matmul"}):  # which none was recorded of
        with pytest.raises(LabError, match=r"was found, only 3\.11: install it with `uv python install 3\.\d+t`"):
            lab.speedup(**asked)


def test_an_error_takes_the_line_of_progress_away(page, monkeypatch):
    """A run that fails leaves no "25%" behind, and its chart stays; without a chart the frame goes, too."""
    error = LabError("refused")

    def made_run(experiment, params, timeout_s, *, python, scheduler, on_progress, on_round):
        on_round(made(TWO, rounds=1))
        on_progress(0.25, "round 2 of 8", 3.0)
        raise error

    monkeypatch.setattr(run, "run", made_run)
    with pytest.raises(LabError) as caught:
        lab.speedup()
    assert caught.value is error
    line, chart = page.now()
    assert text(line) == "" and "<img" in chart
    monkeypatch.setattr(run, "run", lambda *what, **events: [][0])
    with pytest.raises(IndexError):
        lab.speedup()
    assert page.now()[-1] == ""


def test_an_error_is_one_sentence_in_a_cell():
    """IPython shows a LabError as its sentence, and what is worth unfolding below it, without our own frames."""
    assert LabError("workers must be fewer")._render_traceback_() == ["LabError: workers must be fewer"]
    assert LabError("it failed", "a\nb")._render_traceback_() == ["LabError: it failed", "a", "b"]
    assert RunStopped("stopped")._render_traceback_() == ["RunStopped: stopped"]


def test_ipython_renders_the_sentence():
    """A cell that asks for what cannot be run shows one line, not a traceback through conc_lab."""
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    shell = InteractiveShell()
    with capture_output() as output:
        shell.run_cell("import conc_lab as lab\nlab.speedup(workers=0)")
    shown = (output.stdout + output.stderr).strip().splitlines()
    assert shown == ["LabError: workers must be a whole number between 1 and 256, got 0"]


def test_progress_text():
    """Progress is told with the seconds left where they are known."""
    for left_s, text in ((None, "25%: x"), (0.2, "25%: x, about 0 s left"), (61.7, "25%: x, about 62 s left")):
        assert cell.progress_text(0.25, "x", left_s) == text
