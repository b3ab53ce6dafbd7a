"""Faults: what is true of each fault in each kind of worker, programs that fail by themselves, and the table drawn."""

import contextlib
import itertools
import os
import subprocess
import sys

import helpers
import pytest
from made.faults import DIED, made, row
from matplotlib.backends.backend_agg import FigureCanvasAgg

from conc_lab.engine import pools as executors, parameters, run as runner
from conc_lab.student import fragile
from conc_lab.experiments.faults.measure import chart as drawn
from conc_lab.engine.errors import LabError
from conc_lab.experiments.faults.measure import measure as module

METHODS = executors.start_methods()
WORKERS = [worker for worker in module.WORKERS if worker[:5] != "Inter" or not executors.unavailable("interpreters")]
LIVENESS_S = 300  # the longest of these runs takes 30 s
POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows has no signals that end a process")


def found(faults, method, patience_s):
    """The rows of a run of every kind of worker in a child, and those that must come out on this platform."""
    params = {"faults": faults, "workers": WORKERS, "start_method": method, "patience_s": patience_s}
    wanted = [row(fault, worker, module.unavailable(fault), method) for fault in faults for worker in WORKERS]
    for item in wanted:  # CPython 3.14 gives the caller of an InterpreterPoolExecutor None for a MemoryError
        if (item["fault"], item["worker"]) == ("memory", "InterpreterPoolExecutor") and not item["reason"]:
            item["told"] = "a result"
    return runner.run("faults", params, timeout_s=LIVENESS_S).rows, wanted


def here(fault="raise", worker="Thread"):
    """The rows of one case, started from this process."""
    return [item for item in module.faults([fault], [worker], METHODS[0], 0.5) if isinstance(item, dict)]


@pytest.mark.parametrize("method", helpers.METHODS)
def test_a_crash_in_every_kind(method):
    """With every start method, os._exit ends what it must end, and is reported by those that notice."""
    rows, wanted = found(["exit"], method, 3)
    assert rows == wanted


@pytest.mark.slow
def test_the_whole_table():
    """All six faults in all kinds of worker, cell by cell."""
    rows, wanted = found(list(module.FAULTS), METHODS[0], 4)
    assert rows == wanted


def test_no_core_is_left(nothing_left, tmp_path, monkeypatch):
    """Crashes leave no core file, also where the limits allow one."""
    resource = pytest.importorskip("resource")
    monkeypatch.chdir(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    try:
        assert here("segfault")[0]["survived"] is bool(module.unavailable("segfault"))
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
    assert os.listdir(tmp_path) == []


def test_unavailable(monkeypatch):
    """A fault that a platform cannot show has the reason, and its row nothing else: no program is started."""
    absent = {
        "linux": {},
        "darwin": {"memory": "macOS does not enforce RLIMIT_AS"},
        "win32": {
            "segfault": "ctypes turns this read into an exception on Windows",
            "kill": "Windows ends a process without a signal",
            "memory": "Windows has no RLIMIT_AS",
        },
    }
    for platform, reasons in absent.items():
        assert {fault: module.unavailable(fault, platform) for fault in module.FAULTS} == dict.fromkeys(
            module.FAULTS
        ) | reasons
    monkeypatch.setattr(module, "unavailable", lambda fault: "this is a test")
    monkeypatch.setattr(subprocess, "Popen", None)
    assert here("segfault", "Pool") == [row("segfault", "Pool", "this is a test", METHODS[0])]


BROKEN_PROGRAMS = {
    "cannot start": ("import no_such_module", 60, "ended unasked with exit code 1", "No module named"),
    "gets stuck": ("import time; time.sleep(60)", 0.3, "did not get done", ""),
    "has no workers": (
        "import conc_lab._faults_worker as w; w._crew = lambda *args: w.os.fork_failed; w.main()",
        60,
        "could not go on: AttributeError: ",
        "Traceback",
    ),
}


def test_a_program_that_fails_by_itself(monkeypatch):
    """A program that fails in a way not asked for is one sentence with what it printed, never a row."""
    for program, limit_s, sentence, detail in BROKEN_PROGRAMS.values():
        with monkeypatch.context() as patch:
            helpers.instead_of_our_programs(patch, program)
            patch.setattr(module, "LIMIT_S", limit_s)
            with pytest.raises(LabError, match=f"^the program for raise with Thread {sentence}.*$") as caught:
                here()
            assert detail in caught.value.detail


@POSIX
def test_a_program_that_is_killed_unasked(monkeypatch):
    """A program that somebody kills is told as it was: it did not survive, and by which signal."""
    helpers.instead_of_our_programs(monkeypatch, "import os; os.kill(os.getpid(), 9)")
    assert here() == [row("raise", "Thread", **DIED, ended="SIGKILL")]


def test_no_process_can_be_started(monkeypatch):
    """Where no process can be started the run ends with one sentence, and the programs before it are ended."""
    started, popen = [], subprocess.Popen

    def once(*args, **options):
        if started:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        started.append(popen(*args, **options))
        return started[0]

    monkeypatch.setattr(subprocess, "Popen", once)
    with pytest.raises(LabError, match=r"could not start a Python process \(Resource temp.*close other programs$"):
        list(module.faults(["hang"], ["Thread", "Pool"], METHODS[0], 5))
    assert started[0].returncode is not None


def test_what_the_machine_lacks():
    """Interpreters before Python 3.14, and more processes than memory holds, are refused with a sentence."""
    params = parameters.checked(module.faults, {"workers": ["Pool", "Process"], "start_method": METHODS[0]})
    with pytest.raises(LabError, match=r"^2 programs need about .* MB are free"):
        module.check(params, {"memory_free_bytes": 1 << 20})
    with pytest.raises(LabError, match=r"^4 .* processes need about .* MB are free"):
        module.check(params, {"memory_free_bytes": 2 * module.PROGRAM_BYTES + 1})
    module.check(params, {"memory_free_bytes": 1 << 30})
    if sys.version_info < (3, 14):
        with pytest.raises(LabError, match=r"^interpreters need Python 3\.14"):
            module.check(params | {"workers": ["InterpreterPoolExecutor"]}, {})


def test_fragile_is_for_workers_only():
    """square_or_crash refuses to run in the notebook's own process, which it could end."""
    for number in (2, -2):
        with contextlib.suppress(SystemExit), pytest.raises(RuntimeError, match="own process"):
            fragile.square_or_crash(number)


CELLS = {
    ("raise", "Thread"): ("✗ nothing", "✓ finishes", "✓ is done", "✓ goes on"),
    ("raise", "Process"): ("✓ exit code 1", "✓ finishes", "✓ is done", "✓ goes on"),
    ("segfault", "ThreadPoolExecutor"): ("– no caller left", "✗ lost", "–", "✗ SIGSEGV"),
    ("exit", "Thread"): ("– no caller left", "✗ lost", "–", "✗ exit code 3"),
    ("kill", "ProcessPoolExecutor"): ("✓ BrokenProcessPool", "✗ lost", "✗ is refused", "✓ goes on"),
    ("hang", "Thread"): ("✗ nothing", "✓ finishes", "✓ is done", "✗ cannot end"),
    ("hang", "Pool"): ("✗ nothing", "✓ finishes", "✓ is done", "✓ can kill it"),
}


def test_cells():
    """Every outcome has a sign and words of its own; a failure that looks like a result is bad."""
    for case, cells in CELLS.items():
        assert tuple(drawn.answers(row(*case)).values()) == cells, case
    assert set(drawn.answers(row("hang", "Pool", reason="not on this system")).values()) == {"– not here"}
    assert drawn.answers(row("memory", "InterpreterPoolExecutor", told="a result"))["caller gets"] == "✗ a result"


def test_chart():
    """Each fault is written once over its workers, and each worker's cells stand in its line; nothing is cut off."""
    result = made(*(row(fault, worker) for fault in module.FAULTS for worker in module.WORKERS))
    figure = drawn.CHARTS["faults"](result, None, None)[0]
    renderer = FigureCanvasAgg(figure).get_renderer()
    (ax,) = figure.axes
    across, down = figure.bbox.extents[2:]
    lines = {}
    for text in ax.texts:
        box = text.get_window_extent(renderer)
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= across and box.y1 <= down, text
        lines.setdefault(text.get_position()[1], []).append((box.x0, box.x1, text.get_text()))
    for line in lines.values():
        assert all(left[1] < right[0] for left, right in itertools.pairwise(sorted(line))), line
    written = [[words for *_, words in sorted(lines[y])] for y in sorted(lines)]
    assert written.pop(0) == list(drawn.COLUMNS)
    for fault, mine in itertools.groupby(result.rows, lambda item: item["fault"]):
        assert written.pop(0) == [f"{fault}: {drawn.FAULTS[fault]}"]
        for item in mine:
            assert written.pop(0) == [item["worker"], *drawn.answers(item).values()]
    assert not written and figure.get_figwidth() <= 7.25 and min(text.get_fontsize() for text in ax.texts) >= 10


def test_sentences_that_no_recording_has():
    """The sentence says of every outcome where it was seen, and of what was not shown why."""
    no_limits = {"reason": "macOS has no limits"}
    cases = {
        "The whole program ended: exit in Thread.": [row("exit", "Thread")],
        "The caller was told nothing: raise and memory in Thread.": [row("raise", "Thread"), row("memory", "Thread")],
        "The caller got nothing within 1.5 s: kill and exit in Pool.": [row("kill", "Pool"), row("exit", "Pool")],
        "The caller got a result, as if nothing had failed: memory in InterpreterPoolExecutor.": [
            row("memory", "InterpreterPoolExecutor", told="a result")
        ],
        "In 2 of 2 cases the caller got the error and everything else went on.": [
            row("raise", "Pool"),
            row("raise", "Process"),
        ],
        "Not shown here, because macOS has no limits: memory in Pool and Thread.": [
            row("memory", "Pool", **no_limits),
            row("memory", "Thread", **no_limits),
        ],
    }
    for sentence, rows in cases.items():
        assert drawn.CHARTS["faults"](made(*rows), None, None)[2] == sentence
    assert "memory in a Thread: macOS has no limits" in drawn.CHARTS["faults"](made(*rows), None, None)[1]
