"""conc_lab.student.job: the states of a panel, held against runs that do what the test says."""

import queue
import threading

import pytest
from helpers import LIVENESS_S, becomes_true
from made.results import TWO, made

from conc_lab.engine import run as engine
from conc_lab.engine.errors import LabError, RunStopped
from conc_lab.student.job import Job


class MadeRun:
    """A call of `engine.run` that waits for the test to say how it goes on; also its own `Run`."""

    def __init__(self, experiment, params, timeout_s, on_start, on_progress, on_round):
        self.called_with = experiment, params, timeout_s
        self.adopt, self.progress, self.round = lambda: on_start(self), on_progress, on_round
        self._end = queue.SimpleQueue()
        self.stops = 0

    def end(self, outcome):
        """Let the run return this result, or raise this error."""
        self._end.put(outcome)

    def stop(self):
        self.stops += 1
        self.end(RunStopped("stopped"))

    def wait(self):
        outcome = self._end.get(timeout=LIVENESS_S)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


@pytest.fixture
def runs(monkeypatch):
    """The runs that were started, in order. Each ends with the test, and its thread too."""
    started, before = [], set(threading.enumerate())

    def run(experiment, params, timeout_s, *, on_start, on_progress, on_round):
        started.append(MadeRun(experiment, params, timeout_s, on_start, on_progress, on_round))
        return started[-1].wait()

    monkeypatch.setattr(engine, "run", run)
    yield started
    for one in started:
        one.end(RunStopped("the test is over"))
    for thread in set(threading.enumerate()) - before:
        thread.join(LIVENESS_S)
        assert not thread.is_alive()


@pytest.fixture
def changes():
    """What the job said it changed, with its state then: (state, names)."""
    return []


@pytest.fixture
def job(changes):
    return Job(lambda job, what: changes.append((job.state, what)))


def start(job, runs, params=None):
    """Start a run of the job and return it once its thread has called the runner."""
    count = len(runs)
    job.start("speedup", params or {}, 7)
    assert becomes_true(lambda: len(runs) == count + 1, LIVENESS_S)
    return runs[-1]


def ends(job, state):
    """Whether the job comes to this state."""
    return becomes_true(lambda: job.state == state, LIVENESS_S)


def test_idle(job, changes):
    """A job that was never started has no result, no error, and tells nobody anything."""
    assert (job.state, job.result, job.error) == ("idle", None, None)
    job.stop()
    assert job.state == "idle" and changes == []


def test_running_then_done(job, runs, changes):
    """A run's progress and complete rounds are the job's, and its result stays when it is done."""
    run = start(job, runs, {"rounds": 3})
    assert job.state == "running" and run.called_with == ("speedup", {"rounds": 3}, 7)
    run.progress(0.5, "round 1 of 2", 7.0)
    assert job.progress == (0.5, "round 1 of 2", 7.0)
    first = made(TWO, rounds=1)
    run.round(first)
    assert job.state == "running" and job.result is first
    whole = made(TWO, rounds=2)
    run.end(whole)
    assert ends(job, "done") and job.result is whole and job.error is None
    assert [state for state, _ in changes] == ["running"] * 3 + ["done"]
    assert [what for _, what in changes][1:] == [{"progress"}, {"result"}, {"state", "result"}]
    assert "state" in changes[0][1]


def test_the_last_round_is_the_whole(job, runs, changes):
    """A result that the last round had brought already is not told once more."""
    run = start(job, runs)
    run.round(made(TWO))
    run.end(made(TWO))
    assert ends(job, "done") and job.result == made(TWO)
    assert [what for _, what in changes][1:] == [{"result"}, {"state"}]


def test_failed(job, runs):
    """A refusal or failure ends in "failed" with the sentence, and the rounds before it stay."""
    run = start(job, runs)
    round_one = made(TWO, rounds=1)
    run.round(round_one)
    error = LabError("the task raised ValueError", "traceback")
    run.end(error)
    assert ends(job, "failed") and job.error is error and job.result is round_one


def test_an_error_of_our_own_fails_the_job(job, runs):
    """Whatever else goes wrong ends in "failed" with a sentence that names it, never in "running" forever."""
    for error in (KeyError("x"), SystemExit(3)):
        start(job, runs).end(error)
        assert ends(job, "failed")
        assert isinstance(job.error, LabError) and repr(error) in str(job.error)
        assert "Traceback" in job.error.detail


def test_cancelled(job, runs):
    """Stop ends the run, once is enough and twice is harmless; its complete rounds stay."""
    run = start(job, runs)
    run.adopt()
    round_one = made(TWO, rounds=1)
    run.round(round_one)
    job.stop()
    job.stop()
    assert ends(job, "cancelled") and run.stops >= 1
    assert job.result is round_one and job.error is None
    job.stop()
    assert job.state == "cancelled"


def test_run_while_running(job, runs):
    """Run while a run is under way disturbs nothing."""
    run = start(job, runs)
    job.start("speedup", {})
    assert job.state == "running" and len(runs) == 1
    run.end(made(TWO))
    assert ends(job, "done")


def test_run_again(job, runs):
    """From each end a new run can be started, and the last one's error and progress are forgotten, but no result."""
    for state, outcome in (("failed", LabError("no")), ("cancelled", RunStopped("stopped")), ("done", made(TWO))):
        run = start(job, runs)
        run.progress(0.9, "round 9 of 9", 0.1)
        run.end(outcome)
        assert ends(job, state)
        run = start(job, runs)
        assert (job.state, job.error, job.progress[0]) == ("running", None, 0.0), state
        assert job.result is (outcome if state == "done" else None)
        run.end(RunStopped("to the next"))
        assert ends(job, "cancelled")


def test_stop_before_the_run_exists(job, runs):
    """Stop pressed while the child is still being started ends it as soon as it is there."""
    run = start(job, runs)
    job.stop()
    assert job.state == "running" and run.stops == 0
    run.adopt()
    assert run.stops == 1 and ends(job, "cancelled")


def test_a_stop_is_for_one_run(job, runs):
    """A stop of one run, or of none, does not stop the next."""
    job.stop()
    first = start(job, runs)
    first.adopt()
    job.stop()
    assert ends(job, "cancelled")
    second = start(job, runs)
    second.adopt()
    assert second.stops == 0 and job.state == "running"


def test_whose_rounds_they_are(job, runs):
    """`result` is that of an earlier run until a round of the present one is told, if there is one."""
    first, second, third = (made(TWO, rounds=rounds) for rounds in (1, 2, 3))
    run = start(job, runs)
    run.round(first)
    run.end(first)
    assert ends(job, "done") and job.result == first
    start(job, runs).end(LabError("no rounds"))
    assert ends(job, "failed") and job.result == first
    run = start(job, runs)
    run.round(second)
    assert job.result == second
    run.end(third)
    assert ends(job, "done") and job.result == third


def test_a_chart_that_cannot_be_drawn_fails_the_job(runs):
    """An error in `on_change` during a run ends in "failed", so that the panel does not run for ever."""
    seen = []

    def on_change(job, what):
        seen.append((job.state, what))
        if what == {"result"}:
            raise KeyError("no such chart")

    job = Job(on_change)
    run = start(job, runs)
    with pytest.raises(KeyError) as caught:
        run.round(made(TWO, rounds=1))  # in the runner's own thread this ends the run
    run.end(caught.value)
    assert ends(job, "failed") and "no such chart" in str(job.error)
    assert seen[-1] == ("failed", {"state", "error"})
