"""conc_lab.runner and the child: events in order, every way to end, and nothing left after any of them."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import helpers
import pytest

import conc_lab
from conc_lab.engine import pools as executors, helper as programs, run as runner, tasks
from conc_lab.engine.errors import LabError, RunStopped

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc and at sessions")

SOON_S = 3  # the watchdog ends a session after 1.55 s, of which it waits 1.5 s between SIGTERM and SIGKILL
METHODS = executors.start_methods()
LONG = {"kinds": ["threads", "processes"], "task_ms": 5, "rounds": 99}
NO_END = {"task": "own_tasks:never_returns"}


@pytest.fixture(autouse=True)
def folder(monkeypatch):
    """The student's folder is this one, where own_tasks.py lies."""
    monkeypatch.chdir(helpers.TESTS)


@pytest.fixture
def runs(monkeypatch):
    """Every `Run` of the test; after it, their sessions must be empty."""
    made, init = [], runner.Run.__init__

    def remember(self, *args, **kwargs):
        made.append(self)
        init(self, *args, **kwargs)

    monkeypatch.setattr(runner.Run, "__init__", remember)
    yield made
    assert made, "no run was started"
    assert [runner.alive(run.pid) for run in made] == [[]] * len(made)


def refused(timeout_s=helpers.LIVENESS_S, **params):
    """The LabError of a run that fails."""
    with pytest.raises(LabError) as caught:
        runner.run("speedup", helpers.SMALL | params, timeout_s=timeout_s)
    assert not isinstance(caught.value, RunStopped) and "\n" not in str(caught.value)
    return caught.value


def test_events_in_order(nothing_left):
    """The events are started, then progress; at the end of each round its rows, the last progress and round."""
    events = []
    with helpers.started(workers=[1, 2], rounds=3) as run:
        run.wait(events.append)
    names = [event["event"] for event in events]
    assert names[:2] == ["started", "progress"] and set(names[2:]) == {"progress", "row", "round"}
    fractions = [event["fraction"] for event in events if event["event"] == "progress"]
    assert fractions == sorted(fractions) and fractions[0] == 0 and fractions[-1] == 1
    rows = 4 + min(2, len(os.sched_getaffinity(0)))  # two serial runs, two variants, the pinned probes
    assert names[2:] == 3 * ([*["progress"] * 3, *["row"] * rows, "progress", "round"])
    assert [event["row"]["round"] for event in events if event["event"] == "row"] == sorted([0, 1, 2] * rows)


def test_the_result_holds_what_was_run(nothing_left):
    """A result has the checked parameters, the machine with the child's Python, the rows and the time in UTC."""
    result = helpers.small(workers=2)
    assert result.experiment == "speedup" and result.params["workers"] == [2]
    assert result.machine["python"] == ".".join(map(str, sys.version_info[:3]))
    assert result.started.endswith("+00:00")


def test_rounds_arrive_whole(nothing_left, monkeypatch):
    """After every round, on_round gets a result of its own with the rows so far; the last is the run's."""
    monkeypatch.setattr(runner, "PAUSE_S", 0.01)
    so_far, fractions = [], []
    result = runner.run(
        "speedup", helpers.SMALL | {"rounds": 3}, on_round=so_far.append, on_progress=lambda *all: fractions.append(all)
    )
    assert [{row["round"] for row in each.rows} for each in so_far] == [{0}, {0, 1}, {0, 1, 2}]
    assert so_far[-1] == result
    assert fractions[0][::2] == (0, None) and fractions[-1][::2] == (1, 0)


def test_one_experiment_at_a_time(nothing_left):
    """While an experiment runs, another is refused; afterwards, also after a failure, the next may run."""

    def second(run):
        with pytest.raises(LabError, match="another experiment is running"):
            helpers.small()
        raise KeyError

    with pytest.raises(KeyError):
        runner.run("speedup", helpers.SMALL, on_start=second)
    assert helpers.small().rows


def test_own_task_that_prints(nothing_left):
    """What a task prints does not come between the events."""
    assert {row["kind"] for row in helpers.small(task="own_tasks:fine").rows} == {"serial", "threads"}


@pytest.mark.parametrize(
    ("task", "sentence"),
    [
        ("raises", "the task own_tasks:raises raised ValueError: broken on purpose"),
        ("raises_two_arguments", "the task own_tasks:raises_two_arguments raised TwoArguments: one and two"),
        ("exits", "the task own_tasks:exits raised SystemExit: 7"),
    ],
)
def test_task_that_raises(nothing_left, task, sentence):
    """A task that raises gives one sentence with type and message, and the traceback as the detail."""
    error = refused(task=f"own_tasks:{task}")
    assert str(error) == sentence
    assert "Traceback (most recent call last)" in error.detail and f"in {task}" in error.detail


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("task", "what"), [("raises_in_worker", "ValueError: broken"), ("exits_in_worker", "SystemExit: 7")]
)
def test_task_that_raises_in_a_worker(nothing_left, task, what, method):
    """A task that raises in worker processes only is reported the same way."""
    error = refused(task=f"own_tasks:{task}", kinds=["processes"], start_method=method)
    assert str(error).startswith(f"the task own_tasks:{task} raised {what}") and f"in {task}" in error.detail


@pytest.mark.parametrize("task", ["no_such_function", "not_callable"])
def test_task_that_is_no_function(nothing_left, task):
    """A name that is not a function in its module is quoted."""
    assert task in str(refused(task=f"own_tasks:{task}")) + refused(task=f"own_tasks:{task}").detail


def test_prints_of_a_task_that_raises(nothing_left):
    """What a failing task printed is part of the detail, and not taken for an event."""
    error = refused(task="own_tasks:prints_and_raises")
    assert str(error) == "the task own_tasks:prints_and_raises raised ValueError: broken on purpose"
    assert 'It printed:\n{"event": "row", "row": {"printed": true}}' in error.detail


def test_much_output_does_not_block(nothing_left):
    """Ten megabytes of prints a call neither stop a run nor get into its rows."""
    assert helpers.small(task="own_tasks:prints_10_mb", workers=1).rows


def test_much_output_is_kept_to_its_end(nothing_left):
    """Of much output the last kilobytes are kept, up to the line before the error."""
    for _ in range(5):  # the error and the output come by different pipes
        error = refused(task="own_tasks:prints_10_mb_and_raises")
        assert error.detail.endswith("the last line")
        assert len(error.detail) < 2 * runner.KEPT_OUTPUT


def test_output_that_is_no_text(nothing_left):
    """Printed bytes that are not UTF-8 are shown as far as they can be."""
    assert "and then" in refused(task="own_tasks:prints_bytes_that_are_no_text").detail


@pytest.mark.parametrize(
    ("task", "fate"),
    [
        ("kills_itself", "killed by SIGKILL"),
        ("leaves_with_3", "exit code 3"),
        ("writes_half_an_event_and_dies", "killed by SIGKILL"),
    ],
)
def test_child_that_dies(nothing_left, task, fate):
    """A child that ends before it is done gives an error that tells its exit code or signal."""
    error = refused(task=f"own_tasks:{task}", timeout_s=30)
    assert str(error) == f"the experiment's process ended before it was done ({fate})"


@pytest.mark.parametrize(
    ("end", "fate"),
    [
        ("os._exit(3)", "exit code 3"),
        ("os.kill(os.getpid(), 9)", "killed by SIGKILL"),
        ("os.kill(os.getpid(), 37)", "killed by signal 37"),
    ],
)
def test_child_that_dies_beside_a_daemon(runs, own_file, tmp_path, end, fate):
    """A daemon in a session of its own that holds the dead child's pipe does not hold up the sentence."""
    own_file(
        "daemonic",
        "import os, time\ndef leaves():\n    if not (pid := os.fork()):\n        os.setsid()\n        time.sleep(60)\n"
        f"    open('daemon', 'w').write(str(pid))\n    {end}\n",
    )
    begun = time.monotonic()
    try:
        error = refused(task="daemonic:leaves", timeout_s=50)
    finally:
        os.kill(int((tmp_path / "daemon").read_text()), signal.SIGKILL)
    assert str(error) == f"the experiment's process ended before it was done ({fate})"
    assert time.monotonic() - begun < 25  # typically 4 s; it took the 50 s


@pytest.mark.parametrize("method", [method for method in METHODS if method != "forkserver"])
def test_child_killed_under_a_live_pool(nothing_left, method):
    """A child killed beside its live workers, who hold its pipe, gives an error too, and no orphan stays."""
    error = refused(task="own_tasks:kills_the_child_from_a_worker", kinds=["processes"], start_method=method)
    assert str(error) == "the experiment's process ended before it was done (killed by SIGKILL)"


@pytest.mark.parametrize("method", METHODS)
def test_worker_that_dies(nothing_left, method):
    """A worker process that is killed ends the run with an error."""
    error = refused(task="own_tasks:kills_its_worker", kinds=["processes"], start_method=method)
    assert "process pool was terminated" in str(error) or "terminated" in error.detail


@pytest.mark.skipif("fork" not in METHODS, reason="no fork here")
def test_machine_that_cannot_fork_again(nothing_left):
    """Where only some of the workers could be forked, the sentence says so and the others do not stay."""
    error = refused(task="own_tasks:machine_that_forks_once", kinds=["processes"], workers=3, start_method="fork")
    assert str(error).startswith("this machine could not start 3 fork processes")


@pytest.mark.parametrize("task", ["never_returns", "ignores_sigterm", "ignores_sigterm_with_a_lock"])
def test_timeout(nothing_left, task):
    """A run that takes longer than timeout_s is ended, and the sentence names the limit.

    Where only SIGKILL helps, the resource tracker must outlive it, to remove the lock's name.
    """
    error = refused(task=f"own_tasks:{task}", timeout_s=1)
    assert str(error).startswith("the run was ended after 1 s without finishing") and "timeout_s" in str(error)
    assert ("deaf now" in error.detail) == task.startswith("ignores")


@pytest.mark.parametrize("task", ["leaves_a_process", pytest.param("leaves_a_thread", marks=pytest.mark.slow)])
def test_stragglers_are_ended(nothing_left, task):
    """What a task started and did not wait for is ended with the run."""
    started = time.monotonic()
    assert helpers.small(task=f"own_tasks:{task}", workers=1).rows
    assert time.monotonic() - started < 30  # the straggler would stay for 60 s, the run takes 3 s at most


def test_stop_in_wait(nothing_left):
    """A stop from another thread ends the wait, and once more is harmless."""
    with helpers.started(**NO_END) as run:
        threading.Timer(0.2, run.stop).start()
        with pytest.raises(RunStopped):
            run.wait(lambda event: None)
        run.stop()
        assert runner.alive(run.pid) == []


def test_stop_twice_before_wait(nothing_left):
    """A run that was stopped before anyone waits hands on no event."""
    with helpers.started() as run:
        run.stop()
        run.stop()
        with pytest.raises(RunStopped):
            run.wait(lambda event: pytest.fail(f"an event after the stop: {event}"))


def test_stop_means_now(nothing_left):
    """After a stop no event is handed on, though more have arrived."""
    seen = []
    with helpers.started() as run:
        run._process.wait(helpers.LIVENESS_S)  # all events are on their way

        def stop_at_the_first(event):
            seen.append(event)
            run.stop()

        with pytest.raises(RunStopped):
            run.wait(stop_at_the_first)
    assert len(seen) == 1


def test_stop_after_the_end(nothing_left):
    """A stop that comes after the end does nothing."""
    with helpers.started() as run:
        run.wait(lambda event: None)
        run.stop()
        assert runner.alive(run.pid) == []


def test_an_observer_that_fails(nothing_left):
    """An error in on_progress ends the run and reaches the caller."""
    with pytest.raises(ZeroDivisionError):
        runner.run("speedup", helpers.SMALL | LONG, on_progress=lambda *progress: 1 / 0)


def test_an_observer_of_the_start_that_fails(nothing_left):
    """An error in on_start ends the run and reaches the caller."""
    with pytest.raises(ZeroDivisionError):
        runner.run("speedup", helpers.SMALL | NO_END, on_start=lambda run: 1 / 0)


def test_folder_that_is_gone(nothing_left, tmp_path, monkeypatch):
    """Where the present folder no longer exists, one sentence says so, and nothing is started."""
    monkeypatch.setattr(programs, "start", lambda *args, **pipes: pytest.fail("a child was started"))
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert str(refused()).startswith("the folder that this notebook runs in is gone (No such file or directory)")


@pytest.mark.parametrize("timeout_s", ["x", None, float("nan"), -1, 86_401, [1]], ids=repr)
def test_timeout_that_is_none(monkeypatch, timeout_s):
    """A time-out that is no number of seconds is refused in one sentence, before anything is started."""
    monkeypatch.setattr(runner, "Run", lambda *args, **kwargs: pytest.fail("a child was started"))
    assert str(refused(timeout_s)).startswith("timeout_s must be a number between 0 and 86400, got ")


def interrupt_main():
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


def interrupt_here(*progress):
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("late_s", [0, 0.2])
def test_interrupt_in_wait(nothing_left, late_s):
    """A KeyboardInterrupt becomes RunStopped, both in the middle of waiting and at its very beginning."""
    reached, interrupted = threading.Event(), []

    def interrupt():
        reached.wait()
        time.sleep(late_s)
        interrupted.append(time.monotonic())
        interrupt_main()

    threading.Thread(target=interrupt).start()
    with pytest.raises(RunStopped):
        runner.run("speedup", helpers.SMALL | NO_END, 60, on_progress=lambda *progress: reached.set())
    assert time.monotonic() - interrupted[0] < 15  # typically 0.5 s, and the run would take 60 s


def test_interrupt_in_an_observer(nothing_left):
    """A KeyboardInterrupt while an event is being handled becomes RunStopped."""
    with pytest.raises(RunStopped):
        runner.run("speedup", helpers.SMALL | LONG, on_progress=interrupt_here)


@pytest.mark.parametrize("where", ["before the child", "after the child", "a thread", "the spec"])
def test_interrupt_while_starting(nothing_left, monkeypatch, where):
    """A KeyboardInterrupt at any moment of a run's start becomes RunStopped, and no child is left."""
    start, begin, dumps, made = programs.start, threading.Thread.start, json.dumps, []

    def started(*args, **pipes):
        if where == "before the child":
            interrupt_here()
        made.append(start(*args, **pipes))
        if where == "after the child":
            interrupt_here()
        return made[-1]

    def begun(thread):
        begin(thread)
        if where == "a thread":
            interrupt_here()

    monkeypatch.setattr(programs, "start", started)
    monkeypatch.setattr(threading.Thread, "start", begun)
    monkeypatch.setattr(json, "dumps", lambda *args: (where == "the spec" and interrupt_here(), dumps(*args))[1])
    with pytest.raises(RunStopped):
        runner.run("speedup", helpers.SMALL | NO_END, 60)
    assert made and runner.alive(made[0].pid) == [] and signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_interrupt_of_a_bare_start(nothing_left, monkeypatch):
    """A `Run` that is interrupted while it is made ends its child."""
    start, made = threading.Thread.start, []

    def begun(thread):
        start(thread)
        made.append(thread)
        interrupt_here()

    monkeypatch.setattr(threading.Thread, "start", begun)
    with pytest.raises(KeyboardInterrupt), helpers.started(**NO_END):
        pytest.fail("the start went on")
    assert len(made) == 1


def test_interrupt_while_ending(runs, monkeypatch):
    """A second interrupt, while the first is being dealt with, does not leave the session alive."""
    end_session = runner.Run._end_session

    def interrupted(run):
        monkeypatch.setattr(runner.Run, "_end_session", end_session)
        raise KeyboardInterrupt

    monkeypatch.setattr(runner.Run, "_end_session", interrupted)
    with pytest.raises((RunStopped, KeyboardInterrupt)):
        runner.run("speedup", helpers.SMALL | NO_END, on_progress=interrupt_here)
    assert helpers.becomes_true(lambda: not runner.alive(runs[0].pid), SOON_S)


KERNEL = """
import json, sys
from conc_lab import runner
runner.run(
    "speedup", json.loads(sys.argv[1]), on_start=lambda run: print(run.pid, flush=True),
    on_progress=lambda fraction, *_: print(fraction, flush=True),
)
"""


@pytest.mark.parametrize(
    "params",
    [
        pytest.param(
            {"kinds": ["processes"], "start_method": method},
            marks=() if method == "forkserver" else pytest.mark.slow,
            id=method,
        )
        for method in METHODS
    ]
    + [pytest.param(NO_END, id="busy")],
)
def test_kernel_that_is_killed(tmp_path_factory, params):
    """When the kernel is killed in the middle of a run, the run's session ends by itself and takes its files along."""
    scratch = tmp_path_factory.mktemp("t")  # a short name: forkserver puts a socket there
    environment = os.environ | {"PYTHONPATH": str(Path(conc_lab.__file__).parent.parent), "TMPDIR": str(scratch)}
    command = [sys.executable, "-c", KERNEL, json.dumps(helpers.SMALL | {"task_ms": 20, "rounds": 99} | params)]
    before = helpers.shared_memory()
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as kernel:
        session = int(kernel.stdout.readline())
        wanted = 0.0 if params is NO_END else 0.01  # of 99 rounds: in the second
        while float(kernel.stdout.readline()) < wanted:
            pass
        assert runner.alive(session) and list(scratch.glob("lab-*"))
        kernel.kill()
    assert helpers.becomes_true(lambda: not runner.alive(session), SOON_S)
    assert list(scratch.iterdir()) == []
    assert helpers.becomes_true(lambda: helpers.shared_memory() <= before, 5)


def moments(count):
    """How many events to wait for before each of `count` cancels: none, one, and into the middle of a round."""
    return [(0, 1, 4, 6, 2, 9)[number % 6] for number in range(count)]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("task", "count"),
    [("sum_squares", 3), ("read_file", 2), ("http", 2), pytest.param("sum_squares", 50, marks=pytest.mark.slow)],
)
def test_cancels_leave_nothing(nothing_left, method, task, count):
    """Cancels at any moment leave shared memory, temporary files, open files, threads and processes as they were."""
    for events in moments(count):
        with helpers.started(task=task, kinds=["processes"], start_method=method, task_ms=2, rounds=99) as run:
            stop_at = iter(range(events)) if events else None

            def count_down(event, run=run, stop_at=stop_at):
                if next(stop_at, None) is None:
                    run.stop()

            if not events:
                run.stop()
            with pytest.raises(RunStopped):
                run.wait(count_down)
            assert runner.alive(run.pid) == []


def test_runs_at_the_same_time(nothing_left):
    """Two runs at once do not disturb each other, and stopping one leaves the other alone."""
    with helpers.started(**NO_END) as one, helpers.started(kinds=["processes"]) as other:
        one.stop()
        with pytest.raises(RunStopped):
            one.wait(lambda event: None)
        rows = []
        other.wait(rows.append)
    assert rows[-1] == {"event": "round"}


def test_finished_runs_leave_nothing(nothing_left):
    """Runs that are done leave nothing either, whatever the workers."""
    for method in METHODS:
        assert helpers.small(kinds=["threads", "processes"], start_method=method).rows


NOTICES_THREADS = """
import os
def look():
    if len(os.listdir("/proc/self/task")) > 1:
        os.write(2, b"a fork beside a thread\\n")
os.register_at_fork(before=look)
"""


@pytest.fixture
def warnings_of_runs(nothing_left, runs, tmp_path, monkeypatch):
    """What the runs of the test printed, DeprecationWarnings and forks beside a thread included.

    Not "error": os.fork (3.12 to 3.14) drops its warning about threads when that would be an error. Every interpreter
    of a run imports sitecustomize, and so looks for itself in any version.
    """
    (tmp_path / "sitecustomize.py").write_text(NOTICES_THREADS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONWARNINGS", "always::DeprecationWarning")
    return lambda: b"".join(run._printed for run in runs).decode()


@pytest.mark.parametrize(
    ("task", "method"),
    [(task, "fork") for task in tasks.TASKS if "fork" in METHODS]
    + [("sum_squares", method) for method in METHODS if method != "fork"],
)
def test_fork_from_one_thread(warnings_of_runs, task, method):
    """Whatever the task and the start method, no process of a run that has a second thread forks another."""
    rows = helpers.small(task=task, kinds=["threads", "processes"], start_method=method, workers=[1, 2], rounds=2).rows
    assert {(row["kind"], row["workers"]) for row in rows} >= {("serial", 1), ("processes", 1), ("processes", 2)}
    assert warnings_of_runs() == ""


@pytest.mark.skipif("fork" not in METHODS, reason="no fork here")
def test_fork_beside_a_thread_is_noticed(warnings_of_runs):
    """A thread that a task leaves beside the fork is noticed, and from 3.12 on warned about: the others can fail."""
    helpers.small(task="own_tasks:leaves_a_thread", kinds=["processes"], start_method="fork", workers=1)
    assert "a fork beside a thread" in warnings_of_runs()
    assert ("use of fork() may lead to deadlocks" in warnings_of_runs()) == (sys.version_info >= (3, 12))


@pytest.fixture
def own_file(tmp_path, monkeypatch):
    """A function that writes a student's file and goes to its folder."""

    def write(name, text):
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.chdir(tmp_path)
        monkeypatch.syspath_prepend(tmp_path)

    return write


@pytest.mark.skipif(bool(executors.unavailable("interpreters")), reason="no interpreters here")
def test_own_task_in_interpreters(nothing_left, own_file):
    """A subinterpreter finds the student's file, too."""
    own_file("helped", "import math\ndef half():\n    return math.floor(4.5)\n")
    assert helpers.small(task="helped:half", kinds="interpreters", timeout_s=15).rows


@pytest.mark.skipif(bool(executors.unavailable("interpreters")), reason="no interpreters here")
def test_own_task_that_interpreters_cannot_import(nothing_left, own_file):
    """A file that a subinterpreter cannot import, as one that needs NumPy, gives an error and no endless wait."""
    own_file(
        "picky",
        "import _interpreters\nif _interpreters.get_current()[0]:\n    raise ImportError('not in a subinterpreter')\n"
        "def one():\n    return len(_interpreters.__name__)\n",
    )
    error = refused(task="picky:one", kinds="interpreters", timeout_s=15)
    assert "not in a subinterpreter" in str(error) + error.detail


def test_a_row_that_is_no_json():
    """A row that JSON cannot hold gives a sentence and no unreadable event."""
    code = (
        "import sys; from conc_lab import _child, experiments\n"
        "experiments.function = lambda name: lambda: iter([{'wall_s': float('nan')}])\n_child.main()"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(conc_lab.__file__).parent.parent)}
    spec = json.dumps({"experiment": "speedup", "params": {}, "folder": ".", "pause_s": 0})
    with subprocess.Popen(
        [sys.executable, "-P", "-c", code],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True, start_new_session=True,
    ) as child:  # fmt: skip
        child.stdin.write(spec + "\n")
        child.stdin.flush()
        events = [json.loads(line) for line in child.stdout]
        child.stdin.close()
    assert [event["event"] for event in events] == ["started", "error"]
    assert "ValueError" in events[1]["sentence"]


def test_the_end_before_the_spec():
    """A child whose kernel dies before it has sent the spec leaves at once."""
    environment = os.environ | {"PYTHONPATH": str(Path(conc_lab.__file__).parent.parent)}
    command = [sys.executable, "-P", "-c", "from conc_lab.engine.child import main; main()"]
    done = subprocess.run(command, input=b'{"half": ', capture_output=True, env=environment, timeout=helpers.LIVENESS_S)
    assert done.returncode == 1 and b"no spec" in done.stderr


def test_one_blas_thread(nothing_left, own_file, monkeypatch):
    """Whatever the kernel's environment says, the libraries that NumPy multiplies with get one thread in a run."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    for name in names:
        monkeypatch.setenv(name, "7")
    own_file("blas", f"import os\ndef look():\n    raise ValueError([os.environ.get(name) for name in {names}])\n")
    assert str(refused(task="blas:look")).endswith("raised ValueError: ['1', '1', '1', '1']")


@pytest.mark.parametrize(("values", "equal"), [("3.0", True), ("float(os.getpid())", False)])
def test_task_that_returns_an_array(nothing_left, own_file, values, equal):
    """A task may return a NumPy array, whose equality has no one truth value; a different one is noticed."""
    own_file("arrays", f"import os\ndef one():\n    import numpy\n    return numpy.full(4, {values})\n")
    given = {"task": "arrays:one", "kinds": "processes", "workers": 1}
    if equal:
        assert helpers.small(**given).rows
    else:
        assert str(refused(**given)).startswith("arrays:one returned something else with 1 processes")


def test_nothing_is_imported_that_measuring_does_not_need(nothing_left, own_file):
    """The child brings in neither pandas, matplotlib, ipywidgets nor psutil, nor NumPy without a task that needs it."""
    own_file(
        "looks",
        "import sys\ndef look():\n"
        "    found = {'pandas', 'numpy', 'matplotlib', 'ipywidgets', 'psutil'} & set(sys.modules)\n"
        "    assert not found, found\n    return 1\n",
    )
    assert helpers.small(task="looks:look").rows
