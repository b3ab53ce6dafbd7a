"""A run and its child: events in order, every way to end, and nothing left after any of them."""

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
from conc_lab.engine import helper, kinds, run, session
from conc_lab.engine.errors import LabError, RunStopped

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc and at sessions")

METHODS = kinds.start_methods()
LONG = {"kinds": ["threads", "processes"], "task_ms": 5, "rounds": 99}
NO_END = {"task": "own_tasks:never_returns"}


@pytest.fixture(autouse=True)
def folder(monkeypatch):
    """The student's folder is this one, where own_tasks.py lies."""
    monkeypatch.chdir(helpers.TESTS)


@pytest.fixture
def runs(monkeypatch):
    """Every `Run` of the test; after it, their sessions must be empty."""
    made, init = [], session.Run.__init__

    def remember(self, *args, **kwargs):
        made.append(self)
        init(self, *args, **kwargs)

    monkeypatch.setattr(session.Run, "__init__", remember)
    yield made
    assert made, "no run was started"
    assert [session.alive(one.pid) for one in made] == [[]] * len(made)


@pytest.fixture
def impatient(monkeypatch):
    """What does not leave by itself is ended sooner: 0.1 s after its last event, and by force 0.1 s later."""
    wait = subprocess.Popen.wait
    monkeypatch.setattr(
        subprocess.Popen, "wait", lambda self, timeout=None: wait(self, 0.1 if timeout == 2 else timeout)
    )
    monkeypatch.setattr(session, "GRACE_S", 0.1)


def refused(timeout_s=helpers.LIVENESS_S, **params):
    """The LabError of a run that fails."""
    with pytest.raises(LabError) as caught:
        run.run("speedup", helpers.SMALL | params, timeout_s=timeout_s)
    assert not isinstance(caught.value, RunStopped) and "\n" not in str(caught.value)
    return caught.value


def test_events_in_order(nothing_left):
    """The events are started, then progress; at the end of each round its rows, the last progress and round."""
    events = []
    with helpers.started(workers=[1, 2], rounds=3) as one:
        one.wait(events.append)
    names = [event["event"] for event in events]
    assert names[:2] == ["started", "progress"] and set(names[2:]) == {"progress", "row", "round"}
    fractions = [event["fraction"] for event in events if event["event"] == "progress"]
    assert fractions == sorted(fractions) and fractions[0] == 0 and fractions[-1] == 1
    rows = 4 + min(2, len(os.sched_getaffinity(0)))  # two serial runs, two variants, the pinned probes
    assert names[2:] == 3 * ([*["progress"] * 3, *["row"] * rows, "progress", "round"])
    assert [event["row"]["round"] for event in events if event["event"] == "row"] == sorted([0, 1, 2] * rows)


def test_rounds_arrive_whole(nothing_left, monkeypatch):
    """After every round, on_round gets a result of its own with the rows so far; the last is the run's."""
    monkeypatch.setattr(run, "PAUSE_S", 0.01)
    so_far, fractions = [], []
    result = run.run(
        "speedup", helpers.SMALL | {"rounds": 3}, on_round=so_far.append, on_progress=lambda *all: fractions.append(all)
    )
    assert [{row["round"] for row in each.rows} for each in so_far] == [{0}, {0, 1}, {0, 1, 2}]
    assert so_far[-1] == result
    assert fractions[0][::2] == (0, None) and fractions[-1][::2] == (1, 0)
    assert result.machine["python"] == ".".join(map(str, sys.version_info[:3]))
    assert result.started.endswith("+00:00")


def test_one_experiment_at_a_time(nothing_left):
    """While an experiment runs, another is refused; afterwards, also after a failure, the next may run."""

    def second(run):
        with pytest.raises(LabError, match="another experiment is running"):
            helpers.small()
        raise KeyError

    with pytest.raises(KeyError):
        run.run("speedup", helpers.SMALL, on_start=second)
    assert helpers.small().rows


def test_task_that_raises(nothing_left):
    """A task that raises, here an exception that cannot be pickled, gives one sentence and the traceback as detail."""
    error = refused(task="own_tasks:raises_two_arguments")
    assert str(error) == "the task own_tasks:raises_two_arguments raised TwoArguments: one and two"
    assert "Traceback (most recent call last)" in error.detail and "in raises_two_arguments" in error.detail


def test_task_that_raises_in_a_worker(nothing_left):
    """A task that ends worker processes only, by sys.exit, is reported the same way."""
    error = refused(task="own_tasks:exits_in_worker", kinds=["forkserver"])
    assert (
        str(error) == "the task own_tasks:exits_in_worker raised SystemExit: 7" and "in exits_in_worker" in error.detail
    )


def test_task_that_is_no_function(nothing_left):
    """A name that is not a function in its module is quoted."""
    for task in ("no_such_function", "not_callable"):
        error = refused(task=f"own_tasks:{task}")
        assert task in str(error) + error.detail


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
        detail = refused(task="own_tasks:prints_10_mb_and_raises").detail
        assert detail.endswith("the last line") and len(detail) < 100_000


def test_output_that_is_no_text(nothing_left):
    """Printed bytes that are not UTF-8 are shown as far as they can be."""
    assert "and then" in refused(task="own_tasks:prints_bytes_that_are_no_text").detail


def test_child_that_dies(nothing_left):
    """A child that ends before it is done gives an error that tells its exit code or signal."""
    for task, fate in (("leaves_with_3", "exit code 3"), ("writes_half_an_event_and_dies", "killed by SIGKILL")):
        assert str(refused(task=f"own_tasks:{task}")) == f"the experiment's process ended before it was done ({fate})"


def test_child_that_dies_beside_a_daemon(runs, own_file, tmp_path):
    """A daemon in a session of its own that holds the dead child's pipe does not hold up the sentence."""
    own_file(
        "daemonic",
        "import os, time\ndef leaves():\n    if not (pid := os.fork()):\n        os.setsid()\n        time.sleep(600)\n"
        "    open('daemon', 'w').write(str(pid))\n    os.kill(os.getpid(), 37)\n",
    )
    begun = time.monotonic()
    try:
        error = refused(task="daemonic:leaves", timeout_s=3 * helpers.LIVENESS_S)
    finally:
        os.kill(int((tmp_path / "daemon").read_text()), signal.SIGKILL)
    assert str(error) == "the experiment's process ended before it was done (killed by signal 37)"
    assert time.monotonic() - begun < helpers.LIVENESS_S  # typically 3 s, and the daemon stays for 600 s


@pytest.mark.skipif("fork" not in METHODS, reason="no fork here")
def test_child_killed_under_a_live_pool(nothing_left):
    """A child killed beside its live workers, who hold its pipe, gives an error too, and no orphan stays."""
    error = refused(task="own_tasks:kills_the_child_from_a_worker", kinds=["fork"])
    assert str(error) == "the experiment's process ended before it was done (killed by SIGKILL)"


def test_worker_that_dies(nothing_left):
    """A worker process that is killed ends the run with an error."""
    error = refused(task="own_tasks:kills_its_worker", kinds=["processes"])
    assert str(error) == f"a worker ({METHODS[0]}) ended before it was done (killed by SIGKILL)"


@pytest.mark.skipif("fork" not in METHODS, reason="no fork here")
def test_machine_that_cannot_fork_again(nothing_left, impatient):
    """Where only some of the workers could be forked, the sentence says so and the others do not stay."""
    error = refused(task="own_tasks:machine_that_forks_once", kinds=["fork"], workers=3)
    assert str(error).startswith("this machine could not start 3 processes (fork)")


def test_timeout(nothing_left):
    """A run that takes longer than timeout_s is ended, and the sentence names the limit."""
    error = refused(task="own_tasks:never_returns", timeout_s=0.5)
    assert str(error).startswith("the run did not finish within 0.5 s") and "timeout_s" in str(error)


def test_timeout_of_a_deaf_task(nothing_left, impatient):
    """Where only SIGKILL helps a run is ended, too, and the resource tracker lives on to remove its lock's name."""
    for timeout_s in (0.5, 2, 8, 64):  # on a busy machine the task may not have begun after the first
        error = refused(task="own_tasks:ignores_sigterm_with_a_lock", timeout_s=timeout_s)
        assert str(error).startswith(f"the run did not finish within {timeout_s} s")
        if "deaf now" in error.detail:
            break
    assert error.detail.startswith("It printed:\ndeaf now")


def test_stragglers_are_ended(nothing_left, own_file):
    """A process that a task started and did not wait for is ended with the run."""
    own_file("leaves", "import subprocess\ndef behind():\n    subprocess.Popen(['sleep', '600'])\n    return 1\n")
    assert helpers.small(task="leaves:behind", workers=1).rows


def test_stragglers_in_a_session_of_their_own_are_ended(nothing_left, own_file):
    """A program that a task started in another session, out of the group's reach, is ended with the run."""
    own_file(
        "away",
        "import subprocess\ndef sent():\n    subprocess.Popen(['sleep', '99'], start_new_session=True)\n    return 1\n",
    )
    assert helpers.small(task="away:sent", workers=1).rows


@pytest.mark.slow
def test_thread_that_a_task_leaves(nothing_left):
    """A thread that a task started and did not wait for is ended with the run."""
    assert helpers.small(task="own_tasks:leaves_a_thread", workers=1).rows


def test_stop_in_wait(nothing_left):
    """A stop from another thread ends the wait, and once more is harmless."""
    with helpers.started(**NO_END) as one:
        with pytest.raises(RunStopped):
            one.wait(lambda event: threading.Thread(target=one.stop).start())
        one.stop()
        assert not session.alive(one.pid)


def test_stop_twice_before_wait(nothing_left):
    """A run that was stopped before anyone waits hands on no event."""
    with helpers.started() as one:
        one.stop()
        one.stop()
        with pytest.raises(RunStopped):
            one.wait(lambda event: pytest.fail(f"an event after the stop: {event}"))


def test_stop_means_now(nothing_left):
    """After a stop no event is handed on, though more have arrived."""
    seen = []
    with helpers.started() as one:

        def stop_at_the_first(event):
            seen.append(event)
            assert helpers.becomes_true(lambda: not session.alive(one.pid), helpers.LIVENESS_S)  # all events are here
            one.stop()

        with pytest.raises(RunStopped):
            one.wait(stop_at_the_first)
    assert len(seen) == 1


def test_stop_after_the_end(nothing_left):
    """A stop that comes after the end does nothing."""
    with helpers.started() as one:
        one.wait(lambda event: None)
        one.stop()
        assert not session.alive(one.pid)


def test_an_observer_that_fails(nothing_left):
    """An error in on_progress or on_start ends the run and reaches the caller."""
    for observer in ({"on_progress": lambda *progress: 1 / 0}, {"on_start": lambda run: 1 / 0}):
        with pytest.raises(ZeroDivisionError):
            run.run("speedup", helpers.SMALL | NO_END, helpers.LIVENESS_S, **observer)


def test_folder_that_is_gone(nothing_left, tmp_path, monkeypatch):
    """Where the present folder no longer exists, one sentence says so, and nothing is started."""
    monkeypatch.setattr(helper, "start", lambda *args, **pipes: pytest.fail("a child was started"))
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert str(refused()).startswith("the notebook's folder is gone, or ")


def test_timeout_that_is_none(monkeypatch):
    """A time-out that is no number of seconds is refused in one sentence, before anything is started."""
    monkeypatch.setattr(run, "Run", lambda *args, **kwargs: pytest.fail("a child was started"))
    assert str(refused(timeout_s="x")) == "timeout_s must be a number between 0 and 86400, got 'x'"


def interrupt_here(*progress):
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("late_s", [0, 0.2])
def test_interrupt_in_wait(nothing_left, late_s):
    """A KeyboardInterrupt becomes RunStopped, both in the middle of waiting and at its very beginning."""
    reached = threading.Event()

    def interrupt():
        reached.wait()
        time.sleep(late_s)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(RunStopped):  # and no LabError after LIVENESS_S
        run.run("speedup", helpers.SMALL | NO_END, helpers.LIVENESS_S, on_progress=lambda *_: reached.set())


def test_interrupt_in_an_observer(nothing_left):
    """A KeyboardInterrupt while an event is being handled becomes RunStopped."""
    with pytest.raises(RunStopped):
        run.run("speedup", helpers.SMALL | LONG, on_progress=interrupt_here)


def test_interrupt_while_starting(nothing_left, monkeypatch):
    """A KeyboardInterrupt while the threads of a run are started becomes RunStopped, and no child is left."""
    start, begin, pids = helper.start, threading.Thread.start, []

    def started(*args, **pipes):
        child = start(*args, **pipes)
        pids.append(child.pid)
        return child

    def begun(thread):
        begin(thread)
        interrupt_here()

    monkeypatch.setattr(helper, "start", started)
    monkeypatch.setattr(threading.Thread, "start", begun)
    with pytest.raises(RunStopped):
        run.run("speedup", helpers.SMALL | NO_END, helpers.LIVENESS_S)
    assert pids and helpers.becomes_true(lambda: session.alive(pids[0]) == [], helpers.LIVENESS_S)


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
    kill = os.kill

    def interrupted(pid, number):
        monkeypatch.setattr(os, "kill", kill)
        raise KeyboardInterrupt

    def interrupt(*progress):
        monkeypatch.setattr(os, "kill", interrupted)
        interrupt_here()

    with pytest.raises((RunStopped, KeyboardInterrupt)):
        run.run("speedup", helpers.SMALL | NO_END, helpers.LIVENESS_S, on_progress=interrupt)
    assert os.kill is kill, "nothing was interrupted"
    assert helpers.becomes_true(lambda: not session.alive(runs[0].pid), helpers.LIVENESS_S)


KERNEL = """
import json, sys
from conc_lab.engine import run
run.run(
    "speedup", json.loads(sys.argv[1]), on_start=lambda one: print(one.pid, flush=True),
    on_progress=lambda fraction, *_: print(fraction, flush=True),
)
"""


@pytest.mark.parametrize(
    "params",
    [
        pytest.param(
            {"kinds": [method]},
            marks=pytest.mark.slow,
            id=method,
        )
        for method in ("forkserver", "spawn")
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
        pid = int(kernel.stdout.readline())
        wanted = 0.0 if params is NO_END else 0.01  # of 99 rounds: in the second
        while float(kernel.stdout.readline()) < wanted:
            pass
        assert session.alive(pid) and list(scratch.glob("lab-*"))
        kernel.kill()
    assert helpers.becomes_true(lambda: not session.alive(pid), helpers.LIVENESS_S)
    assert list(scratch.iterdir()) == []
    assert helpers.becomes_true(lambda: helpers.shared_memory() <= before, helpers.LIVENESS_S)


@pytest.mark.parametrize(
    ("method", "task", "count"),
    [
        ("forkserver", "count_primes", 4),
        pytest.param("forkserver", "http", 4, marks=pytest.mark.slow),
        pytest.param("forkserver", "count_primes", 25, marks=pytest.mark.slow),
        pytest.param("spawn", "count_primes", 10, marks=pytest.mark.slow),
    ],
)
def test_cancels_leave_nothing(nothing_left, method, task, count):
    """Cancels at any moment leave shared memory, temporary files, open files, threads and processes as they were."""
    for number in range(count):
        events = (0, 1, 4, 6, 2, 9)[number % 6]  # before the cancel: none, one, and into the middle of a round
        with helpers.started(task=task, kinds=[method], task_ms=2, rounds=99) as one:
            stop_at = iter(range(events)) if events else None

            def count_down(event, one=one, stop_at=stop_at):
                if next(stop_at, None) is None:
                    one.stop()

            if not events:
                one.stop()
            with pytest.raises(RunStopped):
                one.wait(count_down)
            assert not session.alive(one.pid)


def test_runs_at_the_same_time(nothing_left):
    """Two runs at once do not disturb each other, and stopping one leaves the other alone."""
    with helpers.started(**NO_END) as one, helpers.started(kinds=["processes"]) as other:
        one.stop()
        with pytest.raises(RunStopped):
            one.wait(lambda event: None)
        rows = []
        other.wait(rows.append)
    assert rows[-1] == {"event": "round"}


NOTICES_THREADS = """
import os
def look():
    if len(os.listdir("/proc/self/task")) > 1:
        open(os.environ["FORKED"], "a").write("a fork beside a thread\\n")
os.register_at_fork(before=look)
"""


@pytest.mark.parametrize(
    ("method", "names"), [("fork", ["count_primes", "matmul", "http", "read_file"]), ("forkserver", ["count_primes"])]
)
def test_fork_from_one_thread(nothing_left, tmp_path, monkeypatch, method, names):
    """Whatever the task and the start method, no process of a run that has a second thread forks another."""
    (tmp_path / "sitecustomize.py").write_text(NOTICES_THREADS)  # which every interpreter of a run imports
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("FORKED", str(tmp_path / "forked"))
    for task in names:
        rows = helpers.small(task=task, kinds=["threads", method], workers=[1, 2]).rows
        assert {(row["kind"], row["workers"]) for row in rows} >= {("serial", 1), (method, 1), (method, 2)}
        assert not (tmp_path / "forked").exists(), task


@pytest.fixture
def own_file(tmp_path, monkeypatch):
    """A function that writes a student's file and goes to its folder."""

    def write(name, text):
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.chdir(tmp_path)
        monkeypatch.syspath_prepend(tmp_path)

    return write


@pytest.mark.skipif(bool(kinds.unavailable("interpreters")), reason="no interpreters here")
def test_own_task_in_interpreters(nothing_left, own_file):
    """A subinterpreter finds the student's file, too."""
    own_file("helped", "import math\ndef half():\n    return math.floor(4.5)\n")
    assert helpers.small(task="helped:half", kinds="interpreters").rows


def test_environment_of_a_run(nothing_left, own_file, monkeypatch):
    """Whatever the kernel's environment says, a run gives NumPy's libraries one thread, and it keeps bytecode."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    for name in (*names, "PYTHONDONTWRITEBYTECODE"):
        monkeypatch.setenv(name, "7")
    found = f"[*map(os.environ.get, {names}), sys.dont_write_bytecode]"
    own_file("environment", f"import os, sys\ndef look():\n    raise ValueError({found})\n")
    assert str(refused(task="environment:look")).endswith("raised ValueError: ['1', '1', '1', '1', False]")


def test_task_that_returns_something_else(nothing_left, own_file):
    """A task whose value in a worker is another than in the serial run gets no figures; here a NumPy array."""
    own_file("arrays", "import os\ndef one():\n    import numpy\n    return numpy.full(4, float(os.getpid()))\n")
    error = refused(task="arrays:one", kinds="processes", workers=1)
    assert str(error).startswith("arrays:one gave another result in a worker")


def test_nothing_is_imported_that_measuring_does_not_need(nothing_left, own_file):
    """The child brings in neither pandas, matplotlib, ipywidgets nor psutil, nor NumPy without a task that needs it."""
    own_file(
        "looks",
        "import sys\ndef look():\n"
        "    found = {'pandas', 'numpy', 'matplotlib', 'ipywidgets', 'psutil'} & set(sys.modules)\n"
        "    assert not found, found\n    return 1\n",
    )
    assert helpers.small(task="looks:look").rows
