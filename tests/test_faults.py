"""Faults: what is true of each fault in each kind of worker, programs that fail by themselves, and the table drawn."""

import contextlib
import itertools
import os
import subprocess
import sys

import helpers
import pytest
from made.faults import DIED, IN_PROCESS, made, row
from matplotlib.backends.backend_agg import FigureCanvasAgg

from conc_lab.engine import kinds, machine, run
from conc_lab.engine.errors import LabError
from conc_lab.experiments.faults import chart, measure
from conc_lab.student import fragile

METHODS = kinds.start_methods()
APIS = [api for api in measure.APIS if not kinds.unavailable(measure.IN_PROCESS.get(api, "threads"))]
LIVENESS_S = 300  # the longest of these runs takes 30 s
POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows has no signals that end a process")


def missing(fault):
    return measure.MISSING.get((sys.platform, fault))


def outcomes(faults, method, patience_s):
    """The rows of a run of every API in a child, and those that must come out on this platform."""
    params = {"faults": faults, "apis": APIS, "kinds": [method], "patience_s": patience_s}
    wanted = [row(fault, api, missing(fault), method) for fault in faults for api in APIS]
    for item in wanted:  # CPython 3.14 gives the caller of an InterpreterPoolExecutor None for a MemoryError
        if (item["fault"], item["api"]) == ("memory", "InterpreterPoolExecutor") and not item["reason"]:
            item["told"] = "a result"
    return run.run("faults", params, timeout_s=LIVENESS_S).rows, wanted


def here(fault="raise", api="Thread"):
    """The rows of one case, started from this process."""
    return list(measure.faults([fault], [api], METHODS[:1], 0.5))


@pytest.mark.slow
def test_the_whole_table():
    """All six faults in all kinds of worker, cell by cell; of other start methods that os._exit ends what it must."""
    for faults, method in ((list(measure.FAULTS), METHODS[0]), *((["exit"], method) for method in METHODS[1:])):
        rows, wanted = outcomes(faults, method, 4)
        assert rows == wanted


def test_no_core_is_left(nothing_left, tmp_path, monkeypatch):
    """Crashes leave no core file, also where the limits allow one."""
    resource = pytest.importorskip("resource")
    monkeypatch.chdir(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    try:
        assert here("segfault")[0]["survived"] is bool(missing("segfault"))
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
    assert os.listdir(tmp_path) == []


def test_a_fault_that_is_missing(monkeypatch):
    """A fault that a platform cannot show has the reason, and its row nothing else: no program is started."""
    monkeypatch.setitem(measure.MISSING, (sys.platform, "segfault"), "this is a test")
    monkeypatch.setattr(subprocess, "Popen", None)
    assert here("segfault", "Pool") == [row("segfault", "Pool", "this is a test", METHODS[0])]


BROKEN_PROGRAMS = {
    "import no_such_module": "it ended: exit code 1",
    "pass": "it ended: by itself",
    "from conc_lab.experiments.faults import program as p; p._workers = None; p.main()": "it failed with TypeError: .*",
}


def test_a_program_that_fails_by_itself(monkeypatch):
    """A program that fails in a way not asked for is one sentence, never a row."""
    for program, how in BROKEN_PROGRAMS.items():
        with monkeypatch.context() as patch:
            helpers.instead_of_our_programs(patch, program)
            with pytest.raises(LabError, match=f"^the program for raise with Thread failed: {how}$"):
                here()


@POSIX
def test_a_program_that_is_killed_unasked(monkeypatch):
    """A program that somebody kills is told as it was: it did not survive, and by which signal."""
    helpers.instead_of_our_programs(monkeypatch, "import os; os.kill(os.getpid(), 9)")
    assert here() == [row("raise", "Thread", **DIED, ended="SIGKILL")]


def test_no_process_can_be_started(monkeypatch):
    """Where no process can be started the run ends with one sentence, and the programs before it are ended."""
    started, popen, calls = [], subprocess.Popen, itertools.count()

    def once(*args, **options):
        if next(calls):
            raise BlockingIOError(11, "Resource temporarily unavailable")
        started.append(popen(*args, **options))
        return started[0]

    monkeypatch.setattr(subprocess, "Popen", once)
    with pytest.raises(LabError, match=r"could not start a Python process \(Resource temp.*close other programs$"):
        list(measure.faults(["hang"], ["Thread", "Pool"], METHODS[:1], 0.5))
    assert started[0].returncode is not None


def test_what_the_machine_lacks(monkeypatch):
    """More programs than memory holds are refused before the start; an API that this Python lacks ends the run."""
    monkeypatch.setattr(run, "machine", lambda: machine.machine() | {"memory_free_bytes": 13 << 20})
    with pytest.raises(LabError, match=r"^8 processes .spawn. need about .* MB are free: ask for 1 at most"):
        run.checked("faults", {"kinds": ["spawn"]})
    if sys.version_info < (3, 14):
        with pytest.raises(LabError, match=r"InterpreterPoolExecutor failed: interpreters need Python 3\.14"):
            here("raise", "InterpreterPoolExecutor")


def test_fragile_is_for_workers_only():
    """square_or_crash refuses to run in the notebook's own process, which it could end."""
    for number in (2, -2):
        with contextlib.suppress(SystemExit), pytest.raises(RuntimeError, match="own process"):
            fragile.square_or_crash(number)


CELLS = {
    ("raise", "Thread"): ("✗ nothing", "✓ finishes", "✓ is done", "✓ goes on"),
    ("raise", "Process"): ("✓ exit code 1", "✓ finishes", "✓ is done", "✓ goes on"),
    ("segfault", "ThreadPoolExecutor"): ("– program ended", "✗ is lost", "– program ended", "✗ ends"),
    ("exit", "Thread"): ("– program ended", "✗ is lost", "– program ended", "✗ ends"),
    ("kill", "ProcessPoolExecutor"): ("✓ BrokenProcessPool", "✗ is lost", "✗ is refused", "✓ goes on"),
    ("hang", "Thread"): ("✗ nothing", "✓ finishes", "✓ is done", "✗ cannot end"),
    ("hang", "Pool"): ("✗ nothing", "✓ finishes", "✓ is done", "✓ can kill it"),
}


def cells(*case, **changes):
    """The cells of one case's line."""
    return tuple(chart.summary(made(row(*case, **changes))).iloc[0, 2:])


def test_cells():
    """Every outcome has a sign and words of its own, and each of several start methods a line of its own."""
    for case, wanted in CELLS.items():
        assert cells(*case) == wanted, case
    assert set(cells("hang", "Pool", reason="not on this system")) == {"– not here"}
    assert cells("memory", "InterpreterPoolExecutor", told="a result")[0] == "✗ a result"
    methods = ["fork", "spawn"]
    rows = [row("raise", "Thread"), *(row("raise", "Pool", method=method) for method in methods)]
    assert list(chart.summary(made(*rows, kinds=methods)).worker) == ["Thread", "Pool (fork)", "Pool (spawn)"]


@pytest.mark.parametrize("methods", [["spawn"], ["forkserver", "spawn"]])
def test_chart(methods):
    """Each fault is a heading over its workers, each with its cells in its line; no text is wider than its cell."""
    cases = itertools.product(measure.FAULTS, measure.APIS, methods)
    lines = [row(*case, method=method) for *case, method in cases if method == "spawn" or case[1] not in IN_PROCESS]
    result = made(*lines, kinds=methods)
    figure = chart.faults_chart(result, None)[0]
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    (table,) = figure.axes[0].tables
    written = []
    for (line, _), cell in sorted(table.get_celld().items()):
        text, room = cell.get_text().get_window_extent(renderer), cell.get_window_extent(renderer)
        assert room.x0 <= text.x0 <= text.x1 <= min(room.x1, figure.bbox.x1), cell.get_text()
        written += [[]] * (line == len(written))
        written[line] = [*written[line], cell.get_text().get_text()]
    assert written.pop(0) == ["", "in 1.5 s you get", "the other task", "a new task", "the program"]
    for fault, cases in chart.summary(result).groupby("fault", sort=False):
        assert written.pop(0) == [f"{fault}: {measure.FAULTS[fault]}", "", "", "", ""]
        for case in cases.drop(columns="fault").values.tolist():
            name, *cells = written.pop(0)
            assert [name.strip(), *cells] == case
    assert not written and figure.get_figwidth() <= 8.5  # on a page of 7.2


def test_sentences_that_no_recording_has():
    """The sentence says of every outcome where it was seen, and of what was not shown why."""
    no_limits = {"reason": "macOS has no limits"}
    ended = "The other task is lost: exit in Thread. The program ends: exit in Thread."
    cases = {
        ended: [row("exit", "Thread")],
        "The other task is lost: kill in ProcessPoolExecutor.": [row("kill", "ProcessPoolExecutor")],
        "The program cannot end: hang and raise in Thread.": [
            row("hang", "Thread"),
            row("raise", "Thread", ended="never"),
        ],
        "No other task is lost, and every program goes on.": [row("raise", "Pool"), row("kill", "Pool")],
        "Not shown here, because macOS has no limits: memory in Pool and Thread.": [
            row("memory", "Pool", **no_limits),
            row("memory", "Thread", **no_limits),
        ],
    }
    for sentence, rows in cases.items():
        assert chart.faults_chart(made(*rows), None)[2] == sentence
    assert "Thread – in 1.5 s you get: not here" in chart.faults_chart(made(*rows), None)[1]
