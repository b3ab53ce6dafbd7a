"""The faults experiment: every case's truth, the same on every run, and nothing left behind by any of them."""

import contextlib
import os
import subprocess
import sys

import helpers
import pytest
from made import faults as made_faults

from conc_lab.experiments.faults import worker as _faults_worker
from conc_lab.engine import pools as executors, experiment as experiments, parameters, run as runner
from conc_lab.student import fragile
from conc_lab.engine.errors import LabError
from conc_lab.engine.experiment import Progress
from conc_lab.experiments.faults import measure as module
from conc_lab.engine.result import Result

METHODS = executors.start_methods()
WORKERS = [worker for worker in module.WORKERS if worker[:5] != "Inter" or not executors.unavailable("interpreters")]
LIVENESS_S = 120  # the longest of these runs takes 25 s here
POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows has no signals that end a process")


def run(**params):
    """The rows of a run in a child, as a notebook starts it."""
    return runner.run("faults", params, timeout_s=LIVENESS_S).rows


def here(fault="raise", worker="Thread", patience_s=0.5, start_method=METHODS[0]):
    """The rows of one case, started from this process."""
    items = module.faults([fault], [worker], start_method, patience_s)
    return [item for item in items if isinstance(item, dict)]


def absent(fault, worker):
    return module.unavailable(fault)


def whole_table(faults, workers, method):
    """The rows that must come out on this platform."""
    rows = [
        made_faults.row(fault, worker, absent(fault, worker), start_method=method)
        for fault in faults
        for worker in workers
    ]
    for row in rows:  # CPython 3.14 gives the caller of an InterpreterPoolExecutor None for a MemoryError
        if (row["fault"], row["worker"]) == ("memory", "InterpreterPoolExecutor") and not row["reason"]:
            row["told"] = "a result"
    return rows


@pytest.mark.slow
def test_the_lessons_table():
    """The run that the lesson makes finds, cell by cell and five times alike, what is true of each fault and kind."""
    params = parameters.checked(module.faults, {})
    wanted = whole_table(params["faults"], params["workers"], METHODS[0])
    for _ in range(5):
        assert run() == wanted


@pytest.mark.parametrize("method", helpers.METHODS)
def test_a_crash_in_every_kind(method):
    """With every start method, os._exit ends what it must end, and is reported by those that notice."""
    wanted = whole_table(["exit"], WORKERS, method)
    assert run(faults=["exit"], workers=WORKERS, start_method=method, patience_s=1) == wanted


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_the_whole_table(method):
    """All six faults in all kinds of worker, with every start method, cell by cell."""
    wanted = whole_table(module.FAULTS, WORKERS, method)
    assert run(faults=module.FAULTS, workers=WORKERS, start_method=method, patience_s=2) == wanted


def test_no_core_is_left(nothing_left, tmp_path, monkeypatch):
    """Crashes leave no core file, also where the limits allow one."""
    resource = pytest.importorskip("resource")
    monkeypatch.chdir(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    try:
        here("segfault")
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
    assert os.listdir(tmp_path) == []


def test_progress():
    """Every fault is a round, announced before and complete after."""
    items = list(module.faults(["raise", "exit"], ["Thread"], METHODS[0], 0.5))
    progress = [item for item in items if isinstance(item, Progress)]
    assert [item.round_done for item in progress] == [False, True, False, True]
    assert [item.fraction for item in progress] == [0, 0.5, 0.5, 1]
    assert [item["fault"] for item in items if isinstance(item, dict)] == ["raise", "exit"]


@pytest.mark.parametrize(
    ("platform", "absent"),
    [
        ("linux", {}),
        ("darwin", {"memory": "macOS does not enforce RLIMIT_AS"}),
        (
            "win32",
            {
                "segfault": "ctypes turns this read into an exception on Windows",
                "kill": "Windows ends a process without a signal",
                "memory": "Windows has no RLIMIT_AS",
            },
        ),
    ],
)
def test_unavailable(platform, absent):
    """A fault that a platform cannot show has the reason, and only such a fault has one."""
    found = {fault: module.unavailable(fault, platform) for fault in module.FAULTS}
    assert {fault: reason for fault, reason in found.items() if reason} == absent


def test_an_unavailable_fault_is_a_row(monkeypatch):
    """Where the platform cannot show a fault no program is started, and the row is empty but for the reason."""
    monkeypatch.setattr(module, "unavailable", lambda fault: "this is a test")
    monkeypatch.setattr(subprocess, "Popen", None)
    assert here("segfault", "Pool") == [made_faults.row("segfault", "Pool", "this is a test", METHODS[0])]


BROKEN_PROGRAMS = {
    "cannot start": ("import no_such_module", 60, "ended unasked with exit code 1", "No module named"),
    "ends early": ("pass", 60, "ended unasked with exit code 0", ""),
    "gets stuck": ("import time; time.sleep(60)", 0.3, "did not get done", ""),
    "has no workers": (
        "import conc_lab._faults_worker as w; w._crew = lambda *args: w.os.fork_failed; w.main()",
        60,
        "could not go on: AttributeError: ",
        "Traceback",
    ),
}


@pytest.mark.parametrize("case", BROKEN_PROGRAMS)
def test_a_program_that_fails_by_itself(monkeypatch, case):
    """A program that fails in a way not asked for is one sentence with what it printed, never a row."""
    program, limit_s, sentence, detail = BROKEN_PROGRAMS[case]
    helpers.instead_of_our_programs(monkeypatch, program)
    monkeypatch.setattr(module, "LIMIT_S", limit_s)
    with pytest.raises(LabError) as caught:
        here()
    assert str(caught.value).startswith(f"the program for raise with Thread {sentence}") and "\n" not in str(
        caught.value
    )
    assert detail in caught.value.detail


@POSIX
def test_a_program_that_is_killed_unasked(monkeypatch):
    """A program that somebody kills is told as it was: it did not survive, and by which signal."""
    helpers.instead_of_our_programs(monkeypatch, "import os; os.kill(os.getpid(), 9)")
    assert here() == [made_faults.row("raise", "Thread", **made_faults.DIED, ended="SIGKILL")]


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
    interpreters = params | {"workers": ["InterpreterPoolExecutor"]}
    if sys.version_info < (3, 14):
        with pytest.raises(LabError, match=r"^interpreters need Python 3\.14"):
            module.check(interpreters, {})
    else:
        module.check(interpreters, {"memory_free_bytes": 1 << 30})


@POSIX
@pytest.mark.parametrize(("code", "words"), [(3, "exit code 3"), (-11, "SIGSEGV"), (-9, "SIGKILL")])
def test_fate(code, words):
    """An exit code is told by its number, a signal by its name."""
    assert _faults_worker.fate(code) == words


def test_groups():
    """Workers with the same faults are said together, in the order in which they come."""
    rows = [made_faults.row(*names) for names in (("exit", "Thread"), ("exit", "Pool"), ("kill", "Thread"))]
    assert module.groups(rows) == [(["exit", "kill"], ["Thread"]), (["exit"], ["Pool"])]
    assert module.groups([*rows, made_faults.row("kill", "Pool")]) == [(["exit", "kill"], ["Thread", "Pool"])]
    assert module.groups([]) == []


def test_rows_can_be_saved(tmp_path):
    """Rows are plain values, and go through a file unchanged."""
    from conc_lab.engine.result import load

    rows = here()
    result = Result("faults", {}, {}, rows, "2026-01-31T12:00:00+00:00")
    assert load(result.save(tmp_path / "r.json")).rows == rows == [made_faults.row("raise", "Thread")]


def test_every_fault_is_described():
    """Each fault that can be asked for has words in the chart."""
    charts = pytest.importorskip("conc_lab.charts.faults")
    assert list(charts.FAULTS) == list(module.FAULTS) and experiments.function("faults") is module.faults


@pytest.mark.parametrize("number", [2, -2])
def test_fragile_is_for_workers_only(number):
    """square_or_crash refuses to run in the notebook's own process, which it could end."""
    with contextlib.suppress(SystemExit), pytest.raises(RuntimeError, match="own process"):
        fragile.square_or_crash(number)
